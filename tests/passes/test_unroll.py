"""Coordinates of points: axes of two or three are written out, and a program is made for their length."""

from __future__ import annotations

import types

import numpy as np
import pytest

import revtrace
from revtrace.codegen import emit
from revtrace.config import override
from revtrace.passes import differentiate, unroll, watched
from revtrace.program import For
from revtrace.program.nodes import Op, walk
from revtrace.program.parse import parse
from revtrace.program.verify import verify
from revtrace.replay import run
from revtrace.trace.record import lengths_fixed
from tests.passes.test_whole_arrays import depth, made


@pytest.mark.parametrize(
    ("shape", "fixed"),
    [
        ((5,), (None,)),
        ((3,), (None,)),
        ((50, 3), (None, 3)),
        ((50, 4), (None, None)),
        ((3, 50), (None, None)),
        ((9, 2, 3), (None, 2, 3)),
        ((2, 9, 3), (None, None, 3)),
        ((1, 9), (1, None)),
        ((9, 1), (None, 1)),
        ((2, 2), (2, 2)),
        ((7, 0), (None, None)),
        ((0, 3), (None, 3)),
    ],
)
def test_lengths_that_a_program_is_made_for(shape, fixed):
    assert lengths_fixed(shape) == fixed


def energy(points, charges):
    d = points[:, None, :] - points[None, :, :]
    near = np.exp(-np.sum(d**2, axis=2))
    pull = np.sum(charges[None, :, None] * near[:, :, None] * d, axis=1)
    return np.sum(near) + np.sum(pull**2) + np.sum(np.linalg.norm(points + 1.0, axis=1))


def _points(*shape):
    return np.random.default_rng(5).standard_normal(shape)


def test_pairs_of_points_have_two_loops():
    program = made(energy, _points(6, 3), _points(6))
    assert depth(program.body) == 2
    assert depth(made(energy, _points(6, 5), _points(6)).body) == 3


def test_every_length_gets_its_program():
    charges = _points(6)
    g = revtrace.value_and_grad(energy)
    with override(cache=False, interpret=True):
        for length in (3, 2, 4, 3, 5, 1, 2):
            points = _points(6, length)
            value, gradient = g(points, charges)
            assert value == pytest.approx(energy(points, charges), rel=1e-13)
            for k in ((0, 0), (5, length - 1)):
                moved = [points.copy(), points.copy()]
                moved[0][k] += 1e-6
                moved[1][k] -= 1e-6
                expected = (energy(moved[0], charges) - energy(moved[1], charges)) / 2e-6
                assert gradient[k] == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_compiled_code_agrees(count):
    points, charges = _points(count, 3), _points(count)
    with override(cache=False):
        value, gradient = revtrace.value_and_grad(energy)(points, charges)
    with override(cache=False, interpret=True):
        same, expected = revtrace.value_and_grad(energy)(points, charges)
    assert value == pytest.approx(same, rel=1e-13)
    assert np.allclose(gradient, expected, rtol=1e-11, atol=1e-13)


def test_loops_over_coordinates_call_vector_forms():
    found = {}
    with override(cache=False, interpret=True), watched(found.__setitem__):
        # Of its own, as what a function was traced to is kept.
        own = types.FunctionType(energy.__code__, energy.__globals__)
        revtrace.value_and_grad(own)(_points(6, 3), _points(6))
    assert "vexp(" in emit(differentiate(found["prepare"], [0], [0])).text


def test_rotations_of_small_matrices():
    """Loops in loops, each written out, results handed from one to the next."""

    def f(r, x):
        out = 0.0
        for k in range(len(x)):
            y = np.zeros(3)
            for i in range(3):
                for j in range(3):
                    y[i] += r[i, j] * x[k, j]
            out += y[0] * y[1] - y[2] ** 2
        return out

    r, x = _points(3, 3), _points(5, 3)
    turned = x @ r.T
    with override(cache=False, interpret=True, verify=True):
        value, (dr, dx) = revtrace.value_and_grad(f, argnums=(0, 1))(r, x)
    dy = np.stack([turned[:, 1], turned[:, 0], -2 * turned[:, 2]], axis=1)
    assert value == pytest.approx(np.sum(turned[:, 0] * turned[:, 1] - turned[:, 2] ** 2))
    assert np.allclose(dx, dy @ r) and np.allclose(dr, dy.T @ x)


NESTED = """
f(x: f8[:], n: i8) {
  for k in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
    for i in range(0, 2, 1) carry (p: f8 = s) -> (q: f8) {
      for j in range(2, -1, -1) carry (a: f8 = p) -> (b: f8) {
        v: f8 = load x[j]
        w: f8 = mul v, a
        u: f8 = add w, 1.0
        yield u
      }
      c: f8 = add b, 0.5
      yield c
    }
    yield q
  }
  return total
}"""


def test_results_of_inner_loops_are_those_of_their_own_copy():
    program = parse(NESTED)
    out = unroll(program)
    verify(out)
    assert sum(isinstance(s, For) for s in walk(out.body)) == 1
    args = (np.array([0.3, -0.5, 0.9]), 4)
    assert run(out, args) == run(program, args)


def test_long_bodies_stay_loops():
    body = "\n".join(f"v{k + 1}: f8 = mul v{k}, 1.5" for k in range(20))
    program = parse(f"""
f(x: f8[:], n: i8) {{
  for k in range(0, n, 1) {{
    for i in range(0, 3, 1) {{
      v0: f8 = load x[i]
      {body}
      store x[i] = v20
    }}
  }}
  return x
}}""")
    assert sum(isinstance(s, For) for s in walk(unroll(program).body)) == 2
    assert not any(isinstance(s, Op) and s.name == "mul" for s in program.body.stmts)
