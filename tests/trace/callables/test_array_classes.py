"""Arrays of classes of their own are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace


class Own(np.ndarray[Any, Any]):
    pass


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda x: np.ma.masked_array(x, mask=[0, 1, 0]).sum(), r"numpy\.ma\.MaskedArray(.|\n)*np\.where"),
        (lambda x: np.ma.masked_where(x > 1, x).mean(), r"numpy\.ma\.MaskedArray(.|\n)*~mask"),
        (lambda x: (np.matrix(x) * 2).sum(), r"numpy\.matrix(.|\n)*@"),
        (lambda x: x.view(Own).sum(), r"Own(.|\n)*np\.asarray"),
    ],
)
def test_arrays_of_other_classes(function: Callable[[Any], Any], named: str) -> None:
    with pytest.raises(revtrace.UnsupportedError, match=named):
        revtrace.grad(function)(np.array([0.5, 1.5, 2.0]))
