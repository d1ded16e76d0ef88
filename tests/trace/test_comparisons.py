"""Comparisons of containers that hold arrays; the truth of instances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
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


class Positive:
    def __init__(self, v: Any) -> None:
        self.v = v

    def __bool__(self) -> bool:
        return self.v > 0  # type: ignore[no-any-return]


class Sized:
    def __init__(self, v: Any) -> None:
        self.v = v

    def __len__(self) -> int:
        return self.v  # type: ignore[no-any-return]


def if_positive(x: Any) -> Any:
    return x * x if Positive(x) else 3.0 * x


def if_sized(x: Any) -> Any:
    return x * x if Sized(x) else 3.0 * x


def test_truth_is_what_python_takes_for_one() -> None:
    agrees(if_positive, 1.5)
    agrees(if_positive, -1.5)
    for f, x, message in (
        (if_positive, np.float64(1.5), "should return bool"),
        (if_sized, 1.5, "cannot be interpreted as an integer"),
    ):
        with pytest.raises(TypeError, match=message):
            f(x)
        with pytest.raises(TypeError, match=message):
            revtrace.grad(f)(x)
