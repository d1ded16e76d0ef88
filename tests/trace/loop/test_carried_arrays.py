"""Arrays that loops carry, and sums whose parts are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from revtrace.program import For
from revtrace.program.nodes import walk
from revtrace.trace import trace
from tests.trace.agree import agrees

X = np.array([0.9, 0.8, 0.3])


def horner(x: np.ndarray) -> float:
    y = np.zeros_like(x)
    for _ in range(3):
        y = y * x + 1.0
    return y.sum()


def test_array_rebound_in_a_loop() -> None:
    agrees(horner, X)


def test_running_sums_keep_their_order() -> None:
    agrees(lambda x: (np.cumsum(x) * np.array([1.0, 2.0, 3.0])).sum(), X)


def aliased(x: float) -> float:
    y = z = np.zeros(3, dtype=int)
    for k in range(5):
        y[0] = 3 * x
        y = y + x * k
    return float(y.sum() + z.sum())


def fractal(x: float, n: int) -> float:
    z = np.zeros(3)
    for _ in range(n):
        z = z * z + (x + 0.1j) * np.arange(3)
    return float((z.real**2 + z.imag**2).sum())


def test_arrays_of_integers_that_become_floats_in_a_loop() -> None:
    agrees(lambda c: np.polyval(c, np.array([1, 2, 5])).sum(), X)
    # What is written to the integers is cut off.
    agrees(aliased, 1.7)
    agrees(fractal, 0.7, 3)


def written_after_the_loop(x: np.ndarray, n: int) -> float:
    u, v = x * 1.0, x * 2.0
    for _ in range(n):
        u, v = v, u
        w = u
        v = v * 0.9
    w[0] = 5.0
    return float(w.sum() + 2.0 * u.sum() + v.sum())


def part_written_after_the_loop(x: np.ndarray, y: np.ndarray) -> float:
    w = y * 2.0
    for _ in range(2):
        y = w[::-1]
        x, w = w, x
    y[0] = 5.0
    return float(x.sum() + 2.0 * w.sum())


def test_two_names_of_one_array_after_a_loop() -> None:
    agrees(written_after_the_loop, X, 5)
    agrees(part_written_after_the_loop, X, 2.0 * X)


def best_so_far(a: np.ndarray) -> float:
    best, x, least = np.zeros(3), np.zeros(3), np.inf
    for _ in range(300):
        x = x - 0.1 * (x - a)
        f = np.sum((x - a) ** 2)
        if f < least:
            best, least = x, f
        if f < 1e-4:
            break
    return best @ a


def written_when_it_has_two_names(a: np.ndarray) -> float:
    best, x, least = np.zeros(3), np.ones(3), np.inf
    for k in range(6):
        x = x - 0.1 * (x - a)
        f = np.sum((x - a) ** 2) + k % 2
        if f < least:
            best, least = x, f
        x[0] += 0.3 * a[1]
    return best @ a + x @ a


def written_in_the_next_iteration(a: np.ndarray) -> float:
    best, x, least = np.zeros(3), np.ones(3), np.inf
    for k in range(6):
        x[0] += 0.3 * a[1]
        f = np.sum((x - a) ** 2) + k % 2
        if f < least:
            best, least = x, f
        x = x - 0.1 * (x - a)
        if k % 3 == 0:
            best = x
    return best @ a + x @ a


def best_of_two(a: np.ndarray) -> float:
    both = [np.zeros(3), np.ones(3)]
    for k in range(6):
        y = both[1] - 0.1 * (both[0] - a)
        if y[0] > both[0][0]:
            both[0] = y
        both[1] = y
        if k == 3:
            y[2] = a[0]
    return both[0] @ a + both[1] @ a


@pytest.mark.parametrize("f", [best_so_far, written_when_it_has_two_names, written_in_the_next_iteration, best_of_two])
def test_new_arrays_get_a_second_name(f: Callable[[np.ndarray], float]) -> None:
    agrees(f, X)


def test_second_names_of_new_arrays_leave_the_loop_rolled() -> None:
    assert sum(isinstance(s, For) and len(s.params) > 1 for s in walk(trace(best_so_far, (X,)).program.body)) == 1
