"""Loops that carry arrays."""

from __future__ import annotations

import numpy as np

from tests.trace.agree import agrees


def horner(x: np.ndarray) -> float:
    y = np.zeros_like(x)
    for _ in range(3):
        y = y * x + 1.0
    return y.sum()


def test_array_rebound_in_a_loop() -> None:
    agrees(horner, np.array([0.9, 0.8, 0.3]))
