"""Additions to the element that the next iteration reads: handed on, or left where that would be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import revtrace
from revtrace import replay
from revtrace.config import override
from revtrace.passes.relay import relay
from revtrace.program import Program
from revtrace.program.nodes import For, walk
from revtrace.program.types import Scalar
from tests.codegen.run import program, typed

ROWS = """
f(a: f8[:,:], n: i8) {
  for i in range(3, 0, -1) {
    for j in range(3, FIRST, -1) {
      g: f8 = load a[i, j]
      h: f8 = mul g, 0.5
      up: i8 = sub i, 1
      left: i8 = sub j, 1
      big: b1 = gt g, 0.6
      MORE
    }
  }
  return a
}"""

BOTH = """
      addto a[i, left] += h
      addto a[up, j] += g
"""
BRANCH = """
      if big {
        addto a[i, left] += h
        addto a[up, j] += g
      } else {
        addto a[up, left] += g
      }
"""
TWICE = """
      addto a[up, j] += g
      if big {
        addto a[i, left] += h
      } else {
        addto a[i, left] += g
      }
      addto a[i, left] += h
"""
CLEARED = """
      store a[i, j] = 0.0
      addto a[i, left] += h
      addto a[up, left] += h
"""
ALONE = """
      addto a[i, left] += h
"""
SEEN = """
      addto a[i, left] += h
      k: f8 = load a[i, left]
      addto a[up, j] += k
"""
UNKNOWN = """
      addto a[i, left] += h
      store a[n, j] = 0.5
"""
APART = """
      addto a[i, left] += 0.25
      addto a[up, j] += h
"""
BEFORE = """
      r: i8 = add j, 1
      addto a[i, left] += h
      store a[up, 0] = 0.5
"""


def changed(p: Program) -> bool:
    """Whether the pass hands something on; results are compared."""
    after = relay(p)
    for n in (0, 1, 3):
        a = np.linspace(0.1, 1.3, 16).reshape(4, 4)
        want, got = (replay.run(q, typed(p, (a.copy(), n))) for q in (p, after))
        for x, y in zip(want, got, strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-14)
    return any(isinstance(s, For) and any(isinstance(p.type, Scalar) for p in s.params) for s in walk(after.body))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (BOTH, True),
        (BRANCH, True),
        (TWICE, True),
        (CLEARED, True),
        (BEFORE, True),
        (ALONE, False),
        (SEEN, False),
        (UNKNOWN, False),
        (APART, False),
    ],
    ids=["both", "branch", "twice", "cleared", "another row", "alone", "read at once", "unknown row", "no recurrence"],
)
@pytest.mark.parametrize("first", ["0", "n"])
def test_rows(more: str, expected: bool, first: str) -> None:
    # From an unknown end on, the element before may not be known to be there.
    text = ROWS.replace("MORE", more).replace("FIRST", first)
    assert changed(program(text)) is (expected and first == "0")


EXCHANGED = """
f(a: f8[:,:], n: i8) {
  b: f8[:,:] = copy a
  for t in range(0, n, 1) carry (p: f8[:,:] = a, q: f8[:,:] = b) -> (p1: f8[:,:], q1: f8[:,:]) {
    for j in range(3, 0, -1) {
      g: f8 = load p[0, j]
      left: i8 = sub j, 1
      h: f8 = mul g, 0.5
      addto q[0, left] += h
      addto p[1, left] += h
    }
    yield q, p
  }
  return p1, q1
}"""


def test_arrays_that_change_places_are_told_apart() -> None:
    assert not changed(program(EXCHANGED))


def warping(c: np.ndarray) -> float:
    n, m = c.shape
    d = np.full((n + 1, m + 1), 1e30)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d[i, j] = c[i - 1, j - 1] ** 2 + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


def relaxed(u: np.ndarray) -> float:
    n, m = u.shape
    for _ in range(2):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                u[i, j] = -0.2 * u[i, j] + 0.3 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] ** 2)
    return u[1, 1] * u[n - 2, m - 2]


def aligned(c: np.ndarray) -> float:
    n, m = c.shape
    s = np.zeros((n + 1, m + 1))
    total = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            if c[i - 1, j - 1] > 0.4:
                s[i, j] = s[i - 1, j - 1] * 0.9 + c[i - 1, j - 1]
            elif s[i, j - 1] > s[i - 1, j]:
                s[i, j] = s[i, j - 1] - 0.3 * c[i - 1, j - 1]
            else:
                s[i, j] = s[i - 1, j] * c[i - 1, j - 1]
        total += s[i, m] ** 2
    return total


@pytest.mark.parametrize("interpret", [True, False], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("f", [warping, relaxed, aligned])
def test_tables_filled_in_place(f: Callable[[np.ndarray], float], interpret: bool) -> None:
    with override(interpret=interpret, verify=True):
        for shape in ((5, 6), (4, 4), (3, 3)):
            x = np.random.default_rng(3).random(shape)
            assert revtrace.check_grad(f, (x,)).worst < 1e-7
    with override(interpret=interpret):
        v = np.random.default_rng(4).random(x.shape)
        e = 1e-5
        want = (revtrace.grad(f)(x + e * v) - revtrace.grad(f)(x - e * v)) / (2 * e)
        np.testing.assert_allclose(revtrace.hvp(f)(x, v), want, rtol=1e-5, atol=1e-7)
