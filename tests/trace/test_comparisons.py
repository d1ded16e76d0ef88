"""Comparisons of containers that hold arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.trace.agree import agrees

X, W = np.array([0.3, 0.4]), np.array([1.0, 2.0])


def same_arrays(x: Any, w: Any) -> Any:
    held = {"w": w, "k": 1, "x": x}
    return x @ w if held == dict(held) and [x, w] == [x, w] and (x, 1) == (x, 1) and (x, 1) != (x, 2) else x.sum()


def other_arrays(x: Any, w: Any) -> Any:
    try:
        return x.sum() if [x] == [w] else 0.0
    except ValueError:
        return x @ w


def test_one_array_is_not_compared_with_itself() -> None:
    agrees(same_arrays, X, W)
    agrees(other_arrays, X, W)
