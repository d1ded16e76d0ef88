"""What least squares leave: sums of squares, as many as are determined."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trace.agree import agrees

R = np.random.default_rng(0)


def left(a: np.ndarray, b: np.ndarray) -> float:
    x, missed, rank, _ = np.linalg.lstsq(a, b, rcond=None)
    return float(x.sum() + missed.sum() * rank + len(missed))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (R.normal(size=(5, 3)), R.normal(size=5)),
        (R.normal(size=(5, 3)), R.normal(size=(5, 2))),
        (R.normal(size=(3, 3)), R.normal(size=(3, 2))),
        (R.normal(size=(2, 3)), R.normal(size=2)),
    ],
)
def test_residuals_of_least_squares(a: np.ndarray, b: np.ndarray) -> None:
    agrees(left, a, b)
