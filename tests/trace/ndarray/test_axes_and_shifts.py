"""Axes and shifts given as integers, sequences and arrays of integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees

X = np.arange(24.0).reshape(2, 3, 4) + 0.5
W = np.cos(np.arange(24.0)).reshape(2, 3, 4)
SHIFTS = np.array([[1, 2], [-2, 1]])


def _shifted_by_rows(x: Any) -> Any:
    steps = np.array([[1, 2], [2, 1]])
    total = 0.0
    for k in range(2):
        total += (np.roll(x, steps[k], axis=(0, 1)) * W * x).sum()
    return total


@pytest.mark.parametrize(
    "function",
    [
        _shifted_by_rows,
        lambda x: (np.roll(x, np.array([1, 2]), axis=(1, 2)) * W).sum(),
        lambda x: (np.roll(x, -SHIFTS[1], axis=[1, 2]) * W).sum(),
        lambda x: (np.roll(x, (1, 2), axis=0) * W).sum(),
        lambda x: (np.roll(x, 1, axis=(2, 2, 1)) * W).sum(),
        lambda x: (np.roll(x, (3, 4)) * W).sum(),
        lambda x: (np.roll(x, (), axis=0) * W).sum(),
        lambda x: (np.roll(x, 1, axis=np.array([0, 2])) * W).sum(),
        lambda x: (np.sum(x**2, axis=tuple(np.arange(2))) * W[0, 0]).sum(),
        lambda x: (np.moveaxis(x, np.array([0, 1]), np.array([1, 0])) ** 2)[1, 0].sum(),
    ],
)
def test_integers_from_arrays(function: Callable[[Any], Any]) -> None:
    agrees(function, X, approx=1e-14)


def test_shifts_that_do_not_fit_the_axes() -> None:
    def rolled(x: Any) -> Any:
        return np.roll(x, (1, 2), axis=(0, 1, 0)).sum()

    with pytest.raises(ValueError, match="shape mismatch"):
        revtrace.grad(rolled)(X)
