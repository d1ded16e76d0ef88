"""Sums are as accurate as Python's and NumPy's own, also of many terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

RNG = np.random.default_rng(5)
MANY = RNG.random(30_000)


def tenths(x):
    return sum([x * 0.1] * 10)


def cancelling(x, y):
    return sum([x, y, -x, 1e100, 1.0, -1e100])


def of_a_generator(x, n):
    return sum(x / (k + 1) for k in range(n))


def with_a_start(x, n):
    return sum([k * x for k in range(n)], 0.5)


def mixed_with_integers(x, n):
    return sum((1, 2, x, n, x * x, True))


def numpy_scalars(x):
    # The first numpy scalar ends the compensation, for good.
    return sum([x, 0.1 * x, np.float64(x), 0.1, 0.3])


def infinite(x):
    return sum([x, math.inf, 1.0, x])


def exactly(x, n):
    return math.fsum(x / k**2 for k in range(1, n))


def exactly_cancelling(x):
    return math.fsum([1e100 * x, x, -1e100 * x, 1e-5 * x])


def nothing(x):
    return x * sum([]) + sum([x]) + math.fsum([])


def tuples_and_arrays(x):
    return sum([(x,), (x * x,)], ())[1] + float(sum([np.array([x, 1.0]), np.array([x, x])])[1])


@pytest.mark.parametrize("interpret", [True, False])
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (tenths, (0.3,)),
        (cancelling, (0.1, 0.7)),
        (of_a_generator, (0.1, 1000)),
        (with_a_start, (0.1, 1000)),
        (mixed_with_integers, (0.1, 3)),
        (numpy_scalars, (0.1,)),
        (infinite, (0.1,)),
        (exactly, (0.3, 2000)),
        (exactly_cancelling, (0.3,)),
        (nothing, (0.7,)),
        (tuples_and_arrays, (0.7,)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_built_in_sum_is_this_pythons(function: Callable[..., Any], args: tuple[Any, ...], interpret: bool) -> None:
    with override(interpret=interpret, cache=False):
        found = revtrace.wrap(function)(*args)
        assert repr(found) == repr(function(*args))
        assert repr(revtrace.value_and_grad(function)(*args)[0]) == repr(found)


def test_sums_of_python_floats_in_long_lists() -> None:
    def f(xs):
        return sum(xs) + math.fsum(xs) + sum(v * 1.1 for v in xs)

    xs = RNG.normal(size=60).tolist()
    with override(interpret=True, cache=False):
        assert revtrace.wrap(f)(xs) == f(xs)
        np.testing.assert_allclose(revtrace.grad(f)(xs), [3.1] * 60)


@pytest.mark.parametrize("function", [tenths, numpy_scalars, nothing], ids=lambda f: f.__name__)
def test_the_gradient_of_a_sum(function: Callable[..., Any]) -> None:
    agrees(function, *(0.3, 0.7)[: function.__code__.co_argcount])


@pytest.mark.skipif(not hasattr(math, "sumprod"), reason="this Python has no math.sumprod")
def test_sumprod() -> None:
    def f(x, y):
        return math.sumprod([x, y, 3], (y, 2.0, x)) + math.sumprod([1, 2], [3, 4])

    agrees(f, 0.7, 1.3)


# numpy ---------------------------------------------------------------------------------


def whole(x):
    return np.sum(x)


def squares(x):
    return (x * x).sum()


def average(x):
    return np.mean(x)


def spread(x):
    return np.var(x)


def by_rows(x):
    rows = x.reshape(-1, 100)
    return np.sum(np.sum(rows, axis=1) ** 2) + np.sum(rows)


def by_columns(x):
    rows = x.reshape(100, -1)
    return np.sum(np.sum(rows, axis=0) ** 2)


@pytest.mark.parametrize("interpret", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("function", [whole, squares, average, spread, by_rows, by_columns], ids=lambda f: f.__name__)
def test_numpy_sums_of_many_terms(function: Callable[..., Any], dtype: str, interpret: bool) -> None:
    x = MANY.astype(dtype)[: 3000 if interpret else None]
    with override(interpret=interpret, cache=False):
        found, gradient = revtrace.value_and_grad(function)(x)
    value = function(x)
    assert type(found) is type(value)
    assert abs(found - value) <= 2 * np.spacing(value)
    assert gradient.shape == x.shape and gradient.dtype == x.dtype


def test_a_sum_in_a_loop_that_reads_it_is_left_alone() -> None:
    def f(x):
        s = 0.0
        for i in range(len(x)):
            s += x[i] * np.sum(x[: i + 1])
        return s + np.sum(x) * np.mean(x)

    agrees(f, RNG.normal(size=7))


def test_lengths_around_a_block() -> None:
    for n in (0, 1, 127, 128, 129, 255, 256, 257):
        x = MANY[:n]
        with override(interpret=False, cache=False):
            value, gradient = revtrace.value_and_grad(squares)(x)
        assert value == pytest.approx(squares(x), rel=1e-15)
        np.testing.assert_array_equal(gradient, 2 * x)
