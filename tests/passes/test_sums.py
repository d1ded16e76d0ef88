"""Additions to one element in each iteration: made sums of their loops, or left where that would be wrong."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from revtrace import replay
from revtrace.passes.sums import sums
from revtrace.program import Program
from revtrace.program.nodes import If, walk
from tests.codegen.run import program, typed

ROWS = """
f(a: f8[:,:], k: i8, n: i8) {
  for i in range(START, n, 1) {
    x: f8 = load a[i, i]
    y: f8 = mul x, 2.0
    addto a[PLACE] += y
  }
  return a
}"""


def summed(p: Program) -> bool:
    """Whether the pass changes a program; its results are compared."""
    after = sums(p)
    for k, n in ((0, 0), (0, 1), (0, 3), (2, 3), (3, 3)):
        a = np.linspace(0.1, 1.3, 16).reshape(4, 4)
        want, got = (replay.run(q, typed(p, (a.copy(), k, n)[: len(p.inputs)])) for q in (p, after))
        np.testing.assert_allclose(got[0], want[0], rtol=1e-15)
    return any(isinstance(s, If) for s in walk(after.body))


@pytest.mark.parametrize(
    ("start", "place", "expected"),
    [
        ("1", "0, 0", True),
        ("1", "3, 0", True),
        ("0", "0, 0", False),
        ("0", "k, 0", False),
        ("k", "k, 0", False),
        ("k", "i, 0", False),
    ],
    ids=["before the range", "another column", "in the range", "unknown", "first of the range", "its own"],
)
def test_an_element_that_nothing_else_touches(start: str, place: str, expected: bool) -> None:
    assert summed(program(ROWS.replace("START", start).replace("PLACE", place))) is expected


def test_bounds_of_loops_tell_elements_apart() -> None:
    text = """
    f(a: f8[:,:]) {
      n: i8 = dim a axis=0
      last: i8 = sub n, 1
      for i in range(0, n, 1) {
        for j in range(last, i, -1) {
          x: f8 = load a[i, j]
          addto a[i, i] += x
          store a[j, i] = 0.5
        }
      }
      return a
    }"""
    assert summed(program(text))
    assert not summed(program(text.replace("(last, i, -1)", "(i, n, 1)")))
    assert not summed(program(text.replace("store a[j, i] = 0.5", "fill a, 0.5")))
    assert not summed(program(text.replace("load a[i, j]", "load a[j, j]").replace("store a[j, i]", "store a[i, i]")))


def test_there_may_be_no_such_element_where_the_loop_does_not_run() -> None:
    text = ROWS.replace("START", "1").replace("PLACE", "9, 0")
    p = program(text)
    assert len(replay.run(sums(p), typed(p, (np.ones((2, 2)), 0, 1)))) == 1
    with pytest.raises(replay.Bail):
        replay.run(sums(p), typed(p, (np.ones((2, 2)), 0, 2)))


def determinant(a: np.ndarray) -> float:
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    total = 1.0
    for i in range(n):
        total *= a[i, i]
    return total


def test_elimination_in_place() -> None:
    """The gradient of a determinant is the determinant times the transposed inverse."""
    a = np.random.default_rng(0).random((5, 5)) + 3 * np.eye(5)
    gradient = revtrace.grad(lambda x: determinant(x.copy()))(a)
    np.testing.assert_allclose(gradient, np.linalg.det(a) * np.linalg.inv(a).T, rtol=1e-12)
