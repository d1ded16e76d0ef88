"""Numbers that one way leaves out have no share in the result, whatever their slope is.

The gradients are those of the ways taken, by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace

X = np.array([-1.0, 0.0, 2.0, 3.0])
PART = X[2:]


def branch(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        y = np.sqrt(x[i])
        if x[i] > 0:
            s += y
    return s


def by_its_own_sign(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        y = np.log(x[i])
        if y > -5:
            s += y
    return s


def chain(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        y = np.log(x[i])
        z = y * y
        if x[i] > 0:
            if z > 0.1:
                s += z
        else:
            s += x[i]
    return s


def of_three_ways(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        w = np.log(x[i]) * x[0]
        if i > 0:
            if x[i] > 0:
                s += w
        else:
            s += x[i]
    return s


def where(x: Any) -> Any:
    return np.where(x > 0, np.log(x), 0.0).sum()


def nested_where(x: Any) -> Any:
    y = np.log(x)
    return np.where(x > -2, np.where(x > 0, y * y, x), 0.0).sum()


def largest(x: Any) -> Any:
    s = 0.0
    for v in x[1:]:
        y = np.log(v)
        s += max(y, 0.0) + np.maximum(y, 0.0)
    return s


def outside(x: Any) -> Any:
    y = np.log(x[1])
    return y * y if y > -5 else x[0]


LOG = 2 * np.log(PART) / PART
CASES = {
    branch: [0.0, 0.0, *(0.5 / np.sqrt(PART))],
    by_its_own_sign: [0.0, 0.0, *(1 / PART)],
    chain: [1.0, 1.0, *LOG],
    of_three_ways: [1.0 + np.log(PART).sum(), 0.0, *(-1 / PART)],
    where: [0.0, 0.0, *(1 / PART)],
    nested_where: [1.0, 1.0, *LOG],
    largest: [0.0, 0.0, *(2 / PART)],
    outside: [1.0, 0.0, 0.0, 0.0],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_gradients(f: Callable[..., Any]) -> None:
    with revtrace.config.override(interpret=True, cache=False):
        np.testing.assert_allclose(revtrace.grad(f)(X), CASES[f], rtol=1e-15)
        if f is not outside:
            # The ways taken are as smooth as ever.
            assert np.isfinite(revtrace.hessian(f)(X)).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", [chain, nested_where], ids=lambda f: f.__name__)
def test_compiled(f: Callable[..., Any]) -> None:
    np.testing.assert_allclose(revtrace.grad(f)(X), CASES[f], rtol=1e-15)


def test_what_runs_has_its_slope() -> None:
    def f(x: Any) -> Any:
        y = np.log(x)
        return np.where(x >= 0, y, 0.0).sum()

    with revtrace.config.override(interpret=True, cache=False), np.errstate(divide="ignore"):
        assert revtrace.grad(f)(np.array([0.0, 2.0])).tolist() == [np.inf, 0.5]


def test_products_with_infinite_bounds_that_nothing_asks_for() -> None:
    def f(a):
        bound = -np.inf * (1.0 + a) + a[0]
        found = np.zeros(2)
        np.place(found, a > 5.0, bound)
        return found[0] + a[0]

    with revtrace.config.override(interpret=True, cache=False):
        assert revtrace.vjp(f, np.array([0.7, 1.3]))[1](1.0)[0].tolist() == [1.0, 0.0]
        assert revtrace.vjp(f, np.array([0.7, 6.0]))[1](1.0)[0].tolist() == [1.0, 0.0]


def test_an_array_of_nan_that_is_filled() -> None:
    def f(x):
        y = x * np.nan
        y[x > 0] = x[x > 0] ** 2
        y[x <= 0] = 0.0
        return y.sum()

    with revtrace.config.override(interpret=True, cache=False):
        assert revtrace.grad(f)(np.array([1.0, 2.0, -3.0])).tolist() == [2.0, 4.0, 0.0]
