"""``scipy.sparse``: how matrices are made of entries: numbers, their rows, their columns.

Entries at one place add, as they do where SciPy makes a matrix of them, so that sums, products, parts and transposes
are made without looking at the numbers.  What a matrix stores (``data``, ``nnz``) is found when it is asked for.
How a matrix is held while tracing is in `revtrace.trace.scipy.sparse`, what it does in
`revtrace.trace.libraries.sparse_methods`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse

__all__ = [
    "compressed", "construct", "entries", "made", "module", "of_diagonals", "spread", "stored", "typed", "unpacked",
    "unrolled", "written",
]  # fmt: skip

# what the tracer does in place of these -----------------------------------------------------------


def entries(a: Any) -> Any:
    """Return the numbers, rows and columns of a matrix.  Replaced when traced."""
    found = a.tocoo()
    return found.data, found.row, found.col


def made(cls: Any, data: Any, row: Any, col: Any, shape: Any, exact: Any = False) -> Any:
    """Return a matrix with the given entries.

    Replaced when traced; ``exact`` says that SciPy stores one number at each of their places, and none elsewhere.
    """
    return cls(module().coo_matrix((data, (row, col)), shape=shape))


def stored(a: Any) -> Any:
    """Whether SciPy stores what the entries of a matrix say.  Replaced when traced."""
    return True


def written(a: Any) -> Any:
    """Return the array that a matrix is held as from here on, since its items are set.  Replaced when traced."""
    return a.toarray()


def module() -> Any:
    """Return ``scipy.sparse``."""
    from scipy import sparse  # type: ignore[import-untyped,unused-ignore]

    return sparse


# making -------------------------------------------------------------------------------------------


def construct(
    cls: Any, arg1: Any, shape: Any = None, dtype: Any = None, copy: Any = False, blocksize: Any = None,
    *, maxprint: Any = None,
) -> Any:  # fmt: skip
    """Make a matrix from its entries, from diagonals, from a shape, from an array or from another matrix."""
    name = cls.__name__.partition("_")[0]
    if module().issparse(arg1):
        data, row, col = entries(arg1)
        return made(cls, typed(data, dtype), row, col, arg1.shape, stored(arg1))
    if isinstance(arg1, tuple) and len(arg1) == 2 and np.ndim(arg1[0]) == 0 and np.ndim(arg1[1]) == 0:
        none = np.zeros(0, dtype=np.int64)
        return made(cls, np.zeros(0, dtype=np.float64 if dtype is None else dtype), none, none, arg1, True)
    if isinstance(arg1, tuple) and len(arg1) == 2 and name == "dia":
        return of_diagonals(cls, arg1[0], arg1[1], shape, dtype)
    if isinstance(arg1, tuple) and len(arg1) == 2 and name not in ("lil", "dok", "bsr"):
        row, col = np.asarray(arg1[1][0]), np.asarray(arg1[1][1])
        data = typed(np.asarray(arg1[0]), dtype)
        if row.ndim != 1 or col.ndim != 1 or data.ndim != 1 or not row.shape[0] == col.shape[0] == data.shape[0]:
            raise ValueError("row, column, and data array must all be the same length")
        if shape is None:
            shape = (int(np.max(row)) + 1, int(np.max(col)) + 1)
        m, n = shape
        if np.any((row < 0) | (row >= m)) or np.any((col < 0) | (col >= n)):
            raise ValueError("row or column index exceeds matrix dimensions")
        # Entries share the array with their maker, as in SciPy; other formats have numbers of their own.
        data = data if name == "coo" else data.copy()
        return made(cls, data, row.astype(np.int64), col.astype(np.int64), (m, n), True)
    if isinstance(arg1, tuple):
        refuse(
            f"{cls.__name__} made in this way",
            "its rule takes entries (data, (row, col)), or (data, indices, indptr) of rows or columns",
            "use coo_matrix((data, (row, col)), shape=shape)",
        )
    whole = np.atleast_2d(typed(np.asarray(arg1), dtype))
    data, row, col = unrolled(whole)
    return made(cls, data, row, col, whole.shape)


def typed(data: Any, dtype: Any) -> Any:
    """Return numbers of a dtype that may be asked for."""
    return data if dtype is None else data.astype(dtype)


def unrolled(whole: Any) -> Any:
    """Return all items of an array as entries."""
    m, n = whole.shape
    return whole.flatten(), np.repeat(np.arange(m), n), np.tile(np.arange(n), m)


def of_diagonals(cls: Any, data: Any, offsets: Any, shape: Any, dtype: Any) -> Any:
    """Make a matrix from diagonals of which item j belongs to column j."""
    data = np.atleast_2d(typed(np.asarray(data), dtype))
    if shape is None:
        raise ValueError("expected a shape argument")
    m, n = shape
    ways = np.atleast_1d(offsets)
    if ways.shape[0] != data.shape[0]:
        raise ValueError("number of diagonals does not match the number of offsets")
    data, row, col = spread(data, ways, (m, n))
    return made(cls, data, row, col, (m, n))


def spread(data: Any, offsets: Any, shape: Any) -> Any:
    """Return the entries of diagonals of which item j belongs to column j."""
    m, n = shape
    columns = np.arange(data.shape[1])
    rows = columns[None, :] - np.asarray(offsets)[:, None]
    inside = (rows >= 0) & (rows < m) & (columns < n)[None, :]
    places = np.where(inside, columns[None, :], 0)
    return np.ravel(np.where(inside, data, 0)), np.ravel(np.where(inside, rows, 0)), np.ravel(places)


def unpacked(data: Any, indices: Any, indptr: Any, shape: Any, by_rows: Any) -> Any:
    """Return the entries of a matrix by rows or columns."""
    lines = np.searchsorted(indptr, np.arange(data.shape[0]), side="right") - 1
    places = indices.astype(np.int64)
    return (data, lines, places) if by_rows else (data, places, lines)


def compressed(data: Any, row: Any, col: Any, shape: Any, by_rows: Any) -> Any:
    """Return the numbers that are stored by rows or columns, their places there and where each of these ends."""
    m, n = shape if by_rows else (shape[1], shape[0])
    major, minor = (row, col) if by_rows else (col, row)
    keys = major * n + minor
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.zeros(starts.shape[0], dtype=data.dtype)
    np.add.at(sums, np.cumsum(np.diff(keys, prepend=-1) != 0) - 1, data[order])
    places = keys[starts]
    return sums, (places % n).astype(np.int32), np.searchsorted(places // n, np.arange(m + 1)).astype(np.int32)
