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
