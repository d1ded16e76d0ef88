"""Matrices of derivatives, one direction after the other; ``product`` takes a direction to what comes out, flat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["columns", "residuals"]


def columns(product: Callable[[Any], Any], directions: int, size: int, dtype: Any) -> Any:
    """Return the matrix whose columns are the products with the unit vectors."""
    found = np.zeros((size, directions), dtype)
    for k in range(directions):
        unit = np.zeros(directions, dtype)
        unit[k] = 1.0
        found[:, k] = product(unit)
    return found


def residuals(a: Any, b: Any, x: Any, rank: Any) -> Any:
    """Return the sums of squares that ``numpy.linalg.lstsq`` leaves, none where they are not determined."""
    rows, unknowns = a.shape
    missed = b - a @ x
    totals = (missed.real**2 + missed.imag**2).sum(axis=0) if np.iscomplexobj(missed) else (missed**2).sum(axis=0)
    return totals[: b.shape[1] if rank == unknowns and rows > unknowns else 0]
