"""Assignments whose right-hand side reads other elements of what is written: all of it is computed first."""

import functools
from typing import Any, NamedTuple

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.3, -1.2, 0.7, 2.1, -0.4, 1.6, -2.2])
ORDER = np.array([3, 1, 0, 2, 6, 5, 4])
M = np.random.default_rng(3).standard_normal((4, 4))
ROWS = np.array([2, 0, 3, 1])


def _set(f):
    """Return what assigns ``f(y)`` to all of y."""

    def to_all(y):
        y[:] = f(y)
        return y

    return to_all


def _add(f):
    def to_all(y):
        y += f(y)
        return y

    return to_all


EXPRESSIONS = {
    "roll": lambda y: np.roll(y, 1),
    "roll in arithmetic": lambda y: 2 * np.roll(y, -2) * y + 1,
    "roll chosen": lambda y: np.where(y > 0, np.roll(y, 1), y),
    "order": lambda y: y[ORDER],
    "order in arithmetic": lambda y: y[3] * y + y[ORDER],
    "take": lambda y: np.take(y, ORDER),
    "take along an axis": lambda y: np.take_along_axis(y, ORDER, 0),
    "argsort": lambda y: y[np.argsort(y)],
    "interpolation": lambda y: np.interp(y, np.arange(7.0), y),
    "reversed": lambda y: y[::-1],
    "rolled and cut": lambda y: np.clip(np.roll(y, 3), y, 9.0),
}
MATRICES = {
    "rows": lambda a: a[ROWS],
    "columns": lambda a: a[:, ROWS],
    "both": lambda a: a[np.ix_(ROWS, ROWS)],
    "transposed": lambda a: a.T,
    "a triangle": lambda a: np.triu(a).T,
    "one row": lambda a: a[0],
    "turned": lambda a: np.rot90(a),
    "rolled": lambda a: np.roll(a, (1, 2), axis=(0, 1)) * a,
}
CASES = [(f"{n}, {how.__name__[1:]}", how(f), X) for how in (_set, _add) for n, f in EXPRESSIONS.items()]
CASES += [(f"{n}, {how.__name__[1:]}", how(f), M) for how in (_set, _add) for n, f in MATRICES.items()]


@pytest.mark.parametrize(("change", "x"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_all_of_the_right_hand_side_is_computed_first(change, x):
    weights = np.arange(1.0, x.size + 1).reshape(x.shape)

    def f(x):
        return np.sum(change(x.copy()) ** 2 * weights)

    with override(cache=False, interpret=True):
        value, gradient = revtrace.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-13)
    expected = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[k] += sign * 1e-6
            expected[k] += sign * f(moved) / 2e-6
    assert np.allclose(gradient, expected, rtol=1e-6, atol=1e-6)


def test_results_written_to_an_operand():
    def f(x):
        y = x.copy()
        np.multiply(np.roll(y, 1), y + 1, out=y)
        return np.sum(y**2)

    with override(cache=False, interpret=True):
        assert revtrace.value_and_grad(f)(X)[0] == pytest.approx(f(X), rel=1e-13)


def _rotated(a):
    a[0], a[1] = 2.0 * a[0] - 3.0 * a[1], 3.0 * a[0] + 2.0 * a[1]
    return a


def _rotated_columns(a):
    for p in range(3):
        for q in range(p + 1, 4):
            a[:, p], a[:, q] = a[0, p] * a[:, p] - a[:, q], a[:, p] + a[1, q] * a[:, q]
    return a


def _four_rows(a):
    a[0], a[1], a[2], a[3] = a[1] * 2.0, a[2] + a[0], a[3] * a[0], a[0] - a[1]
    return a


def _split_by_a_mask(a):
    up = a > 0.0
    a[up], a[~up] = a[up] * 2.0, a[~up] + a[up].sum()
    return a


@pytest.mark.parametrize("change", [_rotated, _rotated_columns, _four_rows, _split_by_a_mask])
def test_values_assigned_at_once_are_computed_first(change):
    agrees(lambda a: np.sum(change(a.copy()) ** 2 * ORDER[:4]), M)


def test_a_slice_of_a_list():
    def f(x):
        items = list(x * 2.0)
        items[1:3] = [x[0] * x[1], x[2], x[3]]
        return sum(k * v * v for k, v in enumerate(items))

    agrees(f, X)


def _normalised_in_place(u):
    u[0] = 1.0
    u[1:] *= 2.0
    return u


def _first_overwritten(u, v):
    v[0] = 5.0
    return u


class _Pair(NamedTuple):
    first: Any
    second: Any


def _spoilt(v):
    """Change what is read by expressions made before."""
    v[0] = 9.0
    v[1:] *= 2.0


def _inserted(x):
    items, v = [x], x.copy()
    items.insert(0, v * v)
    _spoilt(v)
    return items[0]


def _partially_applied(x):
    v = x.copy()
    later = functools.partial(np.add, v * v)
    _spoilt(v)
    return later(1.0)


def _method(x):
    v = x.copy()
    total = (v * v).sum
    _spoilt(v)
    return total()


def _named(x):
    v = x.copy()
    pair = _Pair(v * v, second=v * 3.0)
    _spoilt(v)
    return pair.first + pair.second


PARAMETERS = {
    "inserted": _inserted,
    "partial": _partially_applied,
    "method": _method,
    "named tuple": _named,
    "written": lambda x: _normalised_in_place(x * 2.0),
    "added at": lambda x: (lambda u: (np.add.at(u, [0, 0, 2], x[:3]), u)[1])(x * 2.0),
    "reads what is written": lambda x: (lambda v: _first_overwritten(v * v, v))(x.copy()),
    "by name": lambda x: (lambda v: _first_overwritten(v=v, u=v * v))(x.copy()),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_expression_that_is_given_away_is_computed_first(name):
    agrees(PARAMETERS[name], X)
