"""Matrices of derivatives, one direction after the other; ``product`` takes a direction to what comes out, flat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["columns"]


def columns(product: Callable[[Any], Any], directions: int, size: int, dtype: Any) -> Any:
    """Return the matrix whose columns are the products with the unit vectors."""
    found = np.zeros((size, directions), dtype)
    for k in range(directions):
        unit = np.zeros(directions, dtype)
        unit[k] = 1.0
        found[:, k] = product(unit)
    return found
