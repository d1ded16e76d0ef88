"""Arrays from before a loop that are written to under a name which gets other arrays in the loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees

X = np.array([0.5, -0.3, 0.8, 1.2])


def kept(x, n):
    keep = x * 2.0
    a = keep
    for i in range(n):
        a[0] = x[1] * (i + 1)
        a = a * 2.0
    return keep.sum() + a.sum()


def kept_in_a_while(x, n):
    keep = x * 2.0
    a = keep
    while n > 0:
        a[0] = x[1] * n
        a = a * 2.0
        n -= 1
    return keep.sum() + a.sum()


def moved_on(x, n):
    a, b = x * 2.0, x * 3.0
    keep = b
    for i in range(n):
        a[1] = a[0] * (i + 1)
        a, b = b, a * b
        a[0] = x[1] * (i + 1)
    return keep @ keep + a.sum()


def used_in_the_loop(x, n):
    keep = x * 2.0
    a, s = keep, 0.0
    for i in range(n):
        a[0] = x[1] * (i + 1)
        s = s + keep[0] * a[1]
        a = a * keep
    return s + a.sum()


def written_by_the_other_name(x, n):
    keep = x * 2.0
    a = keep
    for _ in range(n):
        keep[1] += a[1] * 0.5
        a = a.copy()
    return (keep * a).sum()


def both_names_get_others(x, n):
    u = x * 2.0
    v = u
    for _ in range(n):
        v[::2] *= 0.6
        u, v = u - u.mean(), u * 0.9
    return (u * v).sum()


def written_after_the_loop(x, n):
    keep = x * 2.0
    a = keep
    for _ in range(n):
        a = a * 2.0
    a[1] = x[0] ** 2
    return keep.sum() * a.sum()


def of_the_caller(x, n):
    def relaxed(u):
        for _ in range(n):
            u[0] = u[1] ** 2
            u = u * 0.5
        return u

    keep = x * 2.0
    out = relaxed(keep)
    return keep[0] + out.sum()


def chosen_by_a_number(x, n):
    y = x * 2.0
    z = y
    if x[0] * n > 0.0:
        z = z / x[3]
    z[1] += x[0]
    return (y * z).sum()


PROGRAMS = [
    kept,
    kept_in_a_while,
    moved_on,
    used_in_the_loop,
    written_by_the_other_name,
    both_names_get_others,
    written_after_the_loop,
    of_the_caller,
    chosen_by_a_number,
]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_other_names_see_what_is_written(f: Callable[..., float]) -> None:
    for n in (3, 0, 1):
        agrees(f, X, n)


def test_the_caller_sees_what_is_written() -> None:
    def borders(u: np.ndarray, n: int) -> float:
        for k in range(n):
            u[0] = k + 2.0
            u = u * 0.5
        return u.sum()

    def turns(a: np.ndarray, b: np.ndarray, n: int) -> float:
        for k in range(n):
            a, b = b, a + 0.1 * b
            a[0] = b[1] * k
        return (a * b).sum()

    def inner(u: np.ndarray, n: int) -> float:
        for k in range(n):
            for j in range(2):
                u[j] = k + u[2]
                u = u * 0.5
        return u.sum()

    with revtrace.config.override(interpret=True, cache=False):
        for n in (2, 0, 1, 3):
            plain, compiled = X.copy(), X.copy()
            assert revtrace.wrap(inner)(compiled, n) == pytest.approx(inner(plain, n), rel=1e-15)
            np.testing.assert_array_equal(compiled, plain)
            plain, compiled = X.copy(), X.copy()
            assert revtrace.wrap(borders)(compiled, n) == borders(plain, n)
            np.testing.assert_array_equal(compiled, plain)
            pair, other = (X.copy(), X * 2.0), (X.copy(), X * 2.0)
            assert revtrace.wrap(turns)(*other, n) == turns(*pair, n)
            np.testing.assert_array_equal(other, pair)
