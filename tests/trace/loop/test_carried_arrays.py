"""Arrays that loops carry, and sums whose parts are kept."""

from __future__ import annotations

import numpy as np

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
