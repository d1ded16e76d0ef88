"""Pairs, and running an inverse on them."""

from fractions import Fraction

import numpy as np
import pytest

from revtrace.program.parse import parse
from revtrace.replay import GVar, invert

# What the reverse pass would make of f(x, a, n) = (x * sum(a), n), with respect to x and a.
REVERSE = parse(
    """f(x: f8, a: f8[:], n: i8, seed: f8) {
      m: i8 = dim a axis=0
      g: f8[:] = alloc m zeros=true
      h: f8 = mul seed, x
      for i in range(0, m, 1) carry (s: f8 = 0.0) -> (total: f8) {
        v: f8 = load a[i]
        w: f8 = add s, v
        store g[i] = h
        store a[i] = 0.0
        yield w
      }
      y: f8 = mul x, total
      d: f8 = mul seed, total
      return y, n, d, g
    }"""
)


def test_zero_adjoint_of_the_same_kind() -> None:
    for value in (1.5, 2, 1j, np.float32(3), Fraction(1, 2)):
        g = GVar(value)
        assert g.value is value
        assert g.adjoint == 0 and type(g.adjoint) is type(value)
    array = np.array([[1.0, 2.0]], "f4")
    g = GVar(array)
    assert g.adjoint.dtype == array.dtype and g.adjoint.shape == array.shape and not g.adjoint.any()
    assert g.value is array


def test_adjoint_given() -> None:
    assert GVar(1.0, 2.0).grad == 2.0
    filled = GVar(np.zeros((2, 2)), 1.0)
    assert filled.adjoint.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(TypeError, match=r"shape \(3,\) does not fit a value of shape \(2,\)"):
        GVar(np.zeros(2), np.zeros(3))
    with pytest.raises(TypeError, match="not another GVar"):
        GVar(GVar(1.0))


def test_equality_and_looks() -> None:
    assert GVar(1.0, 2.0) == GVar(1.0, 2.0)
    assert GVar(1.0, 2.0) != GVar(1.0, 3.0)
    assert GVar(np.arange(2.0)) == GVar(np.arange(2.0))
    assert GVar(np.arange(2.0)) != GVar(np.arange(3.0))
    assert GVar(1.0) != 1.0
    assert repr(GVar(1.0, 2.0)) == "GVar(1.0, 2.0)"
    assert repr(GVar(np.arange(2.0))) == "GVar(array([0., 1.]), array([0., 0.]))"
    value, adjoint = GVar(3.0, 4.0)
    assert (value, adjoint) == (3.0, 4.0)
    assert GVar(3.0).unwrap() == 3.0
    with pytest.raises(TypeError):
        hash(GVar(1.0))


def test_invert() -> None:
    a = np.array([1.0, 2.0])
    outputs = GVar(6.0, 1.0), GVar(5)
    inputs = GVar(2.0), GVar(a), GVar(5)
    (y, m), (x, b, n) = invert(REVERSE, outputs, inputs, active_inputs=(0, 1), active_outputs=(0,))
    assert y == GVar(0.0, 0.0) and m == GVar(0, 0) and n == GVar(5, 0)
    assert x == GVar(2.0, 3.0)
    assert b == GVar(np.array([1.0, 2.0]), np.array([2.0, 2.0]))
    # What was given is as it was, though the program writes to its array.
    assert a.tolist() == [1.0, 2.0] and inputs[1].adjoint.tolist() == [0.0, 0.0]


def test_what_does_not_match_is_left_and_adjoints_add_up() -> None:
    outputs = GVar(6.5, 2.0), GVar(5)
    inputs = GVar(2.0, 10.0), GVar(np.array([1.0, 2.0]), 1.0), GVar(5)
    (y, _), (x, b, _) = invert(REVERSE, outputs, inputs, active_inputs=(0, 1), active_outputs=(0,))
    assert y == GVar(0.5, 0.0)
    assert x == GVar(2.0, 16.0)
    assert b.adjoint.tolist() == [5.0, 5.0]


def test_other_executor_and_wrong_metadata() -> None:
    calls = []

    def execute(program: object, values: object) -> tuple[object, ...]:
        calls.append(program)
        return 1.0, 0, 1.0, np.zeros(2)

    inputs = GVar(2.0), GVar(np.zeros(2)), GVar(0)
    invert(REVERSE, (GVar(1.0), GVar(0)), inputs, active_inputs=(0, 1), active_outputs=(0,), execute=execute)
    assert calls == [REVERSE]
    with pytest.raises(TypeError, match="2 gradients for 1 active inputs"):
        invert(REVERSE, (GVar(1.0), GVar(0)), inputs, active_inputs=(0,), active_outputs=(0,))
