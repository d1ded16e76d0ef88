"""Numbers written over, or never read: no share in the gradient, though their slopes are not finite."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import revtrace
from tests.oracles import along

X = np.array([1.5, -0.3, 0.8, -2.0])
NAN = np.array([2.0, math.nan, 3.0, math.nan])


def roots(x):
    y = np.sqrt(x)
    y[x < 0] = 0.0
    return (y**2 * x).sum()


def replaced(x):
    y = x**1.5
    bad = np.isnan(y)
    y[bad] = x[bad] * 2.0
    return y.sum()


def looped(x):
    y = np.empty(len(x))
    for i in range(len(x)):
        y[i] = np.sqrt(x[i])
        if np.isnan(y[i]):
            y[i] = 0.0
    return y.sum()


def diagonal(x):
    d = x[:, None] - x[None, :]
    f = 1.0 / d**3
    np.fill_diagonal(f, 0.0)
    return (f * d * d * d * d).sum()


def one_read(x):
    return np.sqrt(x)[2] * x[0]


def missing_data(x):
    r = x * NAN
    r[np.isnan(NAN)] = 0.0
    return (r**2).sum()


def missing_squares(x):
    r = (x - NAN) ** 2
    r[np.isnan(NAN)] = 0.0
    return r.sum()


def column(x):
    a = np.empty((len(x), 2))
    a[:, 0] = 1.0 / (x - 1.5)
    a[:, 1] = x
    return a[:, 1] @ x + a[1, 0]


@pytest.mark.parametrize(
    "function",
    [roots, replaced, looped, diagonal, one_read, missing_data, missing_squares, column],
    ids=lambda f: f.__name__,
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_zero_adjoints_stay_zero(function: Callable[..., float]) -> None:
    with revtrace.config.override(interpret=True, cache=False):
        found = revtrace.grad(function)(X)
    expected = [along(lambda t, e=e: function(X + t * e)).value for e in np.eye(len(X))]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def swapped(x, steps):
    u, new = x.copy(), x.copy()
    for _ in range(steps):
        for i in range(1, len(x) - 1):
            new[i] = u[i] + 0.1 * x[i] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        u, new = new, u
    return u.sum()


def covered(x):
    s = np.empty(len(x))
    total = 0.0
    for j in range(4):
        for i in range(len(x)):
            s[i] = x[i] / (j + x[0])
        for i in range(len(x)):
            s[i] += x[j] * x[i]
        for i in range(len(x)):
            total += s[i] * s[i]
    return total


@pytest.mark.parametrize(("function", "rest"), [(swapped, (3,)), (covered, ())], ids=["swapped", "covered"])
def test_nothing_is_compared_where_all_is_read(function: Callable[..., float], rest: tuple[int, ...]) -> None:
    assert "!= 0.0" not in revtrace.grad(function).source(X, *rest)
