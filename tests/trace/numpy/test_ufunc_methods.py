"""Methods of ufuncs in traced functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace


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
