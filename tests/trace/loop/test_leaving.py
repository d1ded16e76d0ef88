"""Loops that are left before the arrays they carry trade places, or are bound anew."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees

U = np.linspace(0.1, 1.0, 7) ** 2


def jacobi(u: np.ndarray, tol: float) -> float:
    a = u.copy()
    b = u.copy()
    for _ in range(1000):
        d = 0.0
        for i in range(1, len(u) - 1):
            b[i] = 0.5 * (a[i - 1] + a[i + 1]) + 0.01 * u[i]
            d = max(d, abs(b[i] - a[i]))
        if d < tol:
            break
        a, b = b, a
    return float(np.sum(b**2))


def exhausted(u: np.ndarray, limit: float) -> float:
    a = u.copy()
    b = 2 * u
    for _ in range(5):
        for i in range(1, len(u) - 1):
            b[i] = 0.5 * (a[i - 1] + a[i + 1]) + 0.01 * u[i]
        if a[3] + b[2] > limit:
            break
        a, b = b, a
    else:
        a = a * 2
    return float(np.sum(b**2) + a[2] * a[3])


def three_ways_out(u: np.ndarray, limit: float) -> float:
    a, b, c = u.copy(), 0.5 * u, np.zeros(len(u))
    k = 0
    while k < 7:
        for i in range(len(u)):
            c[i] = np.sin(a[i]) + 0.3 * b[i - 1] * a[i - 1]
        if c[2] > limit:
            break
        a, b, c = b, c, a
        if a[1] > limit * 1.2:
            return float(a[0] * 3 + b[1])
        k += 1
    b[0] += 1.0
    return float(a[0] * b[1] * c[2] + b[0] * k)


def second_name(u: np.ndarray, limit: float) -> float:
    a, b = u.copy(), 0.5 * u
    first = a
    for _ in range(6):
        for i in range(len(u)):
            b[i] = np.cos(a[i]) * 0.5 + b[i] * 0.1
        if b[2] > limit:
            break
        a, b = b, a
    a[1] = u[0] * 3
    return float((a * b).sum() + first[1] * first[2])


def one_array_on_the_way_out(u: np.ndarray, limit: float) -> float:
    a, b = u.copy(), 0.5 * u
    for _ in range(6):
        for i in range(len(u)):
            b[i] = np.cos(a[i]) * 0.5 + b[i] * 0.1
        if b[2] > limit:
            a = b
            break
        a, b = b, a
    a[0] = 2 * u[1]
    return float(a[0] * b[0] + b.sum())


def two_conditions(u: np.ndarray, tol: float) -> float:
    old, new = u.copy(), u.copy()
    err, turns = 1.0, 0
    while err > tol and turns < 100:
        for i in range(1, len(u) - 1):
            new[i] = 0.45 * (old[i - 1] + old[i + 1]) + 0.05 * u[i] ** 2
        err = np.max(np.abs(new - old))
        old, new = new, old
        turns += 1
    return float((old**2).sum() + new.sum() * turns)


def bound_anew(u: np.ndarray, tol: float) -> float:
    a = u.copy()
    while True:
        b = a.copy()
        for i in range(1, len(u) - 1):
            b[i] = 0.5 * (a[i - 1] + a[i + 1]) + 0.01 * u[i]
        if np.max(np.abs(a - b)) < tol:
            return float(np.sum(b**2))
        a = b


def one_way_out(u: np.ndarray, limit: float) -> float:
    a, b = u.copy(), u[::-1].copy()
    while True:
        a[1] += 0.1 * limit
        if a[0] - limit >= 0:
            break
        a, b = b, a
        a[0] += 0.5
    return a[0] * u[1] + 2 * b[0]


@pytest.mark.parametrize(
    ("function", "limits"),
    [
        (jacobi, (1e-2, 1e9)),
        (exhausted, (0.3, 0.75, 9.0)),
        (three_ways_out, (0.1, 0.5, 50.0)),
        (second_name, (0.4, 0.49, 9.0)),
        (one_array_on_the_way_out, (0.4, 0.49, 9.0)),
        (two_conditions, (1e-2, 9.0)),
        (bound_anew, (1e-2, 9.0)),
        (one_way_out, (-1.0, 0.9, 1.7)),
    ],
)
def test_arrays_where_a_loop_was_left(function: object, limits: tuple[float, ...]) -> None:
    for limit in limits:
        agrees(lambda u, limit=limit: function(u, limit), U)  # type: ignore[operator]


@pytest.mark.parametrize("function", [jacobi, exhausted, three_ways_out, two_conditions, bound_anew])
def test_the_loop_stays_a_loop(function: object) -> None:
    program = revtrace.grad(function).dump(U, 1e-9).program  # type: ignore[arg-type]
    assert len(str(program).splitlines()) < 200
    if function in (jacobi, three_ways_out, two_conditions):
        # Places are traded, nothing is copied to and fro.
        assert "copyto" not in str(program)
