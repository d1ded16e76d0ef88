"""Arrays in the place of others that are not read again: when, and that no result changes."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.passes.share import share
from revtrace.program import Program
from revtrace.program.nodes import Op, walk
from revtrace.program.parse import parse
from revtrace.program.verify import verify
from revtrace.replay.interpret import run

X = np.random.default_rng(5).standard_normal(7)
GRID = np.random.default_rng(6).standard_normal((5, 6))


def made(program: Program) -> int:
    """Return how many arrays a program makes."""
    return sum(isinstance(s, Op) and s.name in ("alloc", "copy") for s in walk(program.body))


def logsumexp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def jacobi(a):
    u = a.copy()
    for _ in range(4):
        u[1:-1, 1:-1] = 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])
    return 0.5 * np.sum(u**2)


def layers(x):
    h = np.tanh(x @ np.ones((6, 4)))
    z = np.tanh(h @ np.ones((4, 4)))
    return np.sum(z @ np.ones((4, 4)))


def steps(a):
    u = a.copy()
    for _ in range(3):
        w = np.sort(u, axis=1)
        v = np.sort(u + w, axis=0)
        u = u + 0.1 * v * w
    return np.sum(u)


@pytest.mark.parametrize(
    ("function", "x", "most"),
    [(logsumexp, X, 1), (jacobi, GRID, 2), (layers, GRID, 8)],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_arrays_that_a_gradient_makes(function, x, most):
    """No more than a gradient by hand has, constants and results among them."""
    with override(interpret=True, cache=False):
        gradient = revtrace.value_and_grad(function)
        program = gradient.program(x)
        value, found = gradient(x)
    shared = share(program)
    verify(shared)
    assert made(shared) <= most < made(program)
    plain = run(program, [x.copy()])
    assert value == plain[0]
    np.testing.assert_array_equal(found, plain[1])


@pytest.mark.parametrize("function", [logsumexp, jacobi, layers, steps], ids=lambda f: f.__name__)
def test_compiled(function):
    x = X if function is logsumexp else GRID
    with override(cache=False):
        found = revtrace.grad(function)(x)
    with override(cache=False, interpret=True):
        np.testing.assert_allclose(found, revtrace.grad(function)(x), rtol=1e-12, atol=1e-14)
    revtrace.check_grad(function, (x,))


HEAD = """f(x: f8[:]) {
  n: i8 = dim x axis=0
  a: f8[:] = alloc n zeros=false again=true
  b: f8[:] = alloc n zeros=%s again=true
"""

ROWS = """  for i in range(0, n, 1) {
    v: f8 = load x[i] safe=true
    store a[i] = v safe=true
  }
  for j in range(0, n, 1) {
    w: f8 = load a[%s] safe=true
    store b[j] = w safe=true
  }
"""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (HEAD % "false" + ROWS % "j" + "  return b\n}\n", 1),
        # What is read lies behind what was written, or the other array is zeros before.
        (HEAD % "false" + ROWS % "0" + "  return b\n}\n", 2),
        (HEAD % "true" + ROWS % "j" + "  return b\n}\n", 2),
        # Read again.
        (HEAD % "false" + ROWS % "j" + "  y: f8 = load a[0] safe=true\n  return b, y\n}\n", 2),
        # Returned.
        (HEAD % "false" + ROWS % "j" + "  return a, b\n}\n", 2),
        (HEAD % "true" + ROWS.partition("  for j")[0] + "  return a, b\n}\n", 2),
        # Begun later, with zeros.
        (
            HEAD % "true"
            + ROWS.replace("  for j", "  y: f8 = load a[0] safe=true\n  for j").replace(
                "load a[%s] safe=true", "load x[j] safe=true"
            )
            + "  return b, y\n}\n",
            1,
        ),
    ],
)
def test_what_is_shared(text, left):
    program = parse(text)
    verify(program)
    shared = share(program)
    verify(shared)
    assert made(shared) == left
    for a, b in zip(run(program, [X]), run(shared, [X]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loop_that_exchanges_ends_lives():
    """What is handed on are other arrays than what was given: the one not read again is free."""
    text = """f(x: f8[:], m: i8) {
  n: i8 = dim x axis=0
  a: f8[:] = copy x
  b: f8[:] = copy x
  c: f8[:] = alloc n zeros=true again=true
  for i in range(0, m, 1) carry (p: f8[:] = a, q: f8[:] = b) -> (r: f8[:], s: f8[:]) {
    v: f8 = load p[0] safe=true
    w: f8 = mul v, 2.0
    store q[0] = w safe=true
    yield q, p
  }
  store c[1] = 1.0 safe=true
  return r, c
}
"""
    program = parse(text)
    verify(program)
    shared = share(program)
    verify(shared)
    assert made(shared) == 2
    for m in range(4):
        for a, b in zip(run(program, [X, m]), run(shared, [X, m]), strict=True):
            np.testing.assert_array_equal(a, b)


WEIGHTS = np.array([0.3, -0.2, 0.9, 0.4])


def written_twice(x):
    x -= np.roll(x, 1)
    x += x @ np.outer(WEIGHTS, WEIGHTS)
    return x[0]


@pytest.mark.parametrize("interpret", [True, False])
def test_what_is_written_to_arguments_stays(interpret: bool) -> None:
    x, plain = X[:4].copy(), X[:4].copy()
    with override(interpret=interpret, cache=False):
        value = revtrace.wrap(written_twice)(x)
    assert value == pytest.approx(written_twice(plain), rel=1e-14)
    np.testing.assert_allclose(x, plain, rtol=1e-14)
