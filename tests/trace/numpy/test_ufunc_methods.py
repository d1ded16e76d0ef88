"""Methods of ufuncs in traced functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_what_is_added_at_indices_must_fit_them(length: int) -> None:
    def f(x: Any, n: Any) -> Any:
        y = np.zeros(4)
        np.add.at(y, np.array([1, 1, 0, 2]), np.append(x, 1.0)[:n])
        return y.sum()

    if length in (1, 4):
        assert revtrace.grad(f)(np.ones(4), length).sum() == 4.0
    else:
        with pytest.raises(ValueError, match="broadcast"):
            revtrace.grad(f)(np.ones(4), length)


def test_running_sums_of_a_number_are_those_of_an_array_of_one() -> None:
    def f(x: float) -> float:
        return np.cumsum(x, axis=-1)[0] * np.cumprod(np.array(x * x), axis=0).sum() + np.cumsum(x)[0]

    agrees(f, 1.3)
    with pytest.raises(TypeError, match="cannot accumulate on a scalar"):
        revtrace.grad(lambda x: np.add.accumulate(x) * x)(1.3)
    with pytest.raises(np.exceptions.AxisError, match="axis 1 is out of bounds for array of dimension 1"):
        revtrace.grad(lambda x: np.cumsum(x, axis=1).sum())(1.3)
