"""Systems of equations whose matrix is given by its entries, solved by SciPy's sparse LU factorisation.

A matrix is three arrays: its numbers, their rows and their columns; entries at one place add.  The cotangent has the
same entries: that of the entry in row i and column j is ``-y[i] * x[j]``, where y solves the transposed system.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.matrices import Function

__all__ = ["solve_entries"]


def solve_entries(data: Any, row: Any, col: Any, b: Any) -> Any:
    """Solve for a vector, or for the columns of a matrix."""
    from scipy import sparse  # type: ignore[import-untyped,unused-ignore]
    from scipy.sparse import linalg  # type: ignore[import-untyped,unused-ignore]

    n = b.shape[0]
    matrix = sparse.csc_matrix((data, (row, col)), shape=(n, n))
    matrix.eliminate_zeros()
    if b.ndim == 2 and b.shape[1] == 0:
        return np.zeros(b.shape, np.result_type(data, b))
    return np.reshape(linalg.spsolve(matrix, b), b.shape)


def _pull() -> Function:
    def pull(data: Any, row: Any, col: Any, b: Any, x: Any, x_bar: Any) -> Any:
        b_bar = solve_entries(data, col, row, x_bar)
        terms = b_bar[row] * x[col]
        return -(terms if x.ndim == 1 else np.sum(terms, axis=1)), None, None, b_bar

    return pull


def _push() -> Function:
    def push(data: Any, row: Any, col: Any, b: Any, x: Any, *dots: Any) -> Any:
        change, _, _, db = dots
        right = np.zeros(x.shape, x.dtype) if db is None else db * 1.0
        if change is not None:
            np.add.at(right, row, -(change if x.ndim == 1 else change[:, None]) * x[col])
        return (solve_entries(data, row, col, right),)

    return push


enter(Row("solve_entries", solve_entries, pull=_pull, push=_push, raises=True))
