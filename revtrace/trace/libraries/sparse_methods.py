"""``scipy.sparse``: what matrices do, on their entries (see `revtrace.trace.libraries.sparse`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.sparse import compressed, entries, made, module, stored, written

__all__ = ["METHODS", "add", "asformat", "conjugate", "is_matrix", "of_format", "transpose", "whole"]

_LARGEST = 4_000_000
"""A matrix whose items are set is held as an array of at most so many numbers."""


def whole(a: Any) -> Any:
    """Return the array that a matrix is to be held as."""
    m, n = a.shape
    require(m * n <= _LARGEST, "setting items of a sparse matrix of over 4,000,000 places; use coo_matrix of triplets")
    return toarray(a)


def of_format(a: Any, name: Any) -> Any:
    """Return the class of another format, for a matrix or an array as ``a`` is."""
    return getattr(module(), f"{name}_{type(a).__name__.partition('_')[2]}")


def is_matrix(a: Any) -> Any:
    """Whether it is of SciPy's older classes, whose ``*`` is the product of matrices."""
    return type(a).__name__.endswith("_matrix")


def _summed(a: Any) -> Any:
    """Return the class of a sum or product of matrices."""
    return of_format(a, "csc" if type(a).__name__.startswith("csc") else "csr")


class _Matrix:
    """A ``numpy.matrix``, as far as arrays are made of it."""

    def __init__(self, array: Any) -> None:
        self.A = array
        self.A1 = np.ravel(array)
        self.shape = array.shape
        self.ndim = 2
        self.size = array.size
        self.dtype = array.dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.A if dtype is None else self.A.astype(dtype)

    def __getattr__(self, name: str) -> Any:
        refuse(f"numpy.matrix.{name}", "a numpy.matrix has rules of its own", "use np.asarray(...) of it, or toarray()")


def _dense(a: Any, array: Any) -> Any:
    return _Matrix(array) if is_matrix(a) else array


# methods ------------------------------------------------------------------------------------------


def toarray(self: Any, order: Any = None, out: Any = None) -> Any:
    """Return the array of all items."""
    data, row, col = entries(self)
    whole = np.zeros(self.shape, dtype=data.dtype)
    np.add.at(whole, (row, col), data)
    return whole


def _todense(self: Any, order: Any = None, out: Any = None) -> Any:
    return _dense(self, toarray(self))


def asformat(self: Any, format: Any, copy: Any = False) -> Any:
    """Return a matrix in another format."""
    if format is None or format == self.format:
        return self
    data, row, col = entries(self)
    return made(of_format(self, format), data.copy(), row, col, self.shape, stored(self))


def _to(name: str) -> Any:
    return lambda self, copy=False: asformat(self, name)


def _copy(self: Any) -> Any:
    data, row, col = entries(self)
    return made(type(self), data.copy(), row, col, self.shape, stored(self))


def _astype(self: Any, dtype: Any, casting: Any = "unsafe", copy: Any = True) -> Any:
    data, row, col = entries(self)
    return made(type(self), data.astype(dtype), row, col, self.shape, stored(self))


def conjugate(self: Any, copy: Any = True) -> Any:
    """Return the conjugates."""
    data, row, col = entries(self)
    return made(type(self), np.conj(data), row, col, self.shape, stored(self))


def transpose(self: Any, axes: Any = None, copy: Any = False) -> Any:
    """Return the transpose."""
    data, row, col = entries(self)
    name = self.format
    turned = {"csr": "csc", "csc": "csr"}.get(name, name)
    return made(of_format(self, turned), data, col, row, (self.shape[1], self.shape[0]), stored(self))


def _diagonal(self: Any, k: Any = 0) -> Any:
    data, row, col = entries(self)
    m, n = self.shape
    if k <= -m or k >= n:
        return np.empty(0, dtype=data.dtype)
    found = np.zeros(min(m + min(k, 0), n - max(k, 0)), dtype=data.dtype)
    on_it = col - row == k
    np.add.at(found, np.where(on_it, np.minimum(row, col), 0), np.where(on_it, data, 0))
    return found


def _trace(self: Any, offset: Any = 0) -> Any:
    return np.sum(_diagonal(self, offset))


def _sum(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    data, row, col = entries(self)
    if axis is None:
        return np.sum(data)
    axis = axis % 2
    found = np.zeros(self.shape[1 - axis], dtype=data.dtype)
    np.add.at(found, col if axis == 0 else row, data)
    if not is_matrix(self):
        return found
    return _Matrix(found[None, :] if axis == 0 else found[:, None])


def _mean(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    total = _sum(self, axis)
    count = self.shape[0] * self.shape[1] if axis is None else self.shape[axis]
    return _Matrix(total.A / count) if axis is not None and is_matrix(self) else total / count


def _at(a: Any, rows: Any, columns: Any) -> Any:
    """Return the numbers at places."""
    data, row, col = entries(a)
    n = a.shape[1]
    sums, places, ends = compressed(data, row, col, a.shape, True)
    if sums.shape[0] == 0:
        return np.zeros(rows.shape[0], dtype=data.dtype)
    keys = (np.searchsorted(ends, np.arange(sums.shape[0]), side="right") - 1) * n + places
    found = np.minimum(np.searchsorted(keys, rows * n + columns), sums.shape[0] - 1)
    return np.where(keys[found] == rows * n + columns, sums[found], 0)


def _multiply(self: Any, other: Any) -> Any:
    data, row, col = entries(self)
    if not module().issparse(other) and np.ndim(other) == 0:
        return made(type(self), data * other, row, col, self.shape, stored(self))
    if module().issparse(other):
        if other.shape != self.shape:
            refuse("the product by elements of sparse matrices of two shapes", instead="make them of one shape")
        factors = _at(other, row, col)
        return made(_summed(self), data * factors, row, col, self.shape)
    whole = np.broadcast_to(np.asarray(other), self.shape)
    return made(of_format(self, "coo"), data * whole[row, col], row, col, self.shape)


def _each(self: Any, function: Any) -> Any:
    """Apply a function with the value zero at zero to each number that is stored."""
    name = "csc" if type(self).__name__.startswith("csc") else "csr"
    data, row, col = entries(self)
    sums, places, ends = compressed(data, row, col, self.shape, name == "csr")
    lines = np.searchsorted(ends, np.arange(sums.shape[0]), side="right") - 1
    row, col = (lines, places) if name == "csr" else (places, lines)
    return made(of_format(self, name), function(sums), row, col, self.shape)


def _power(self: Any, n: Any, dtype: Any = None) -> Any:
    return _each(self, lambda x: x**n)


def _abs(self: Any) -> Any:
    return _each(self, np.abs)


def _unchanged(self: Any) -> None:
    """Change how a matrix is stored, not what it is."""


def _setdiag(self: Any, values: Any, k: Any = 0) -> None:
    whole = written(self)
    m, n = self.shape
    count = min(m + min(k, 0), n - max(k, 0))
    rows = np.arange(count) + max(-k, 0)
    whole[rows, rows + k] = values if np.ndim(values) == 0 else np.asarray(values)[:count]


# products -----------------------------------------------------------------------------------------


def _matmul(self: Any, other: Any) -> Any:
    data, row, col = entries(self)
    m, n = self.shape
    if module().issparse(other):
        if n != other.shape[0]:
            raise ValueError("dimension mismatch")
        more, more_rows, more_columns = entries(other)
        which, place, more, columns = _taken(more, more_rows, more_columns, col)
        return made(_summed(self), data[which] * more[place], row[which], columns, (m, other.shape[1]))
    x = np.asarray(other)
    if x.ndim not in (1, 2) or x.shape[0] != n:
        raise ValueError("dimension mismatch")
    out = np.zeros((m, *x.shape[1:]), dtype=np.result_type(data, x))
    np.add.at(out, row, (data if x.ndim == 1 else data[:, None]) * x[col])
    return out


def _rmatmul(self: Any, other: Any) -> Any:
    x = np.asarray(other)
    turned = transpose(self)
    return _matmul(turned, x) if x.ndim == 1 else _matmul(turned, x.T).T


def _taken(data: Any, row: Any, col: Any, rows: Any) -> Any:
    """Take rows in any order: for each entry of them which of the rows it is in and its place; numbers; columns."""
    order = np.argsort(row, kind="stable")
    sorted_rows = row[order]
    first = np.searchsorted(sorted_rows, rows)
    counts = np.searchsorted(sorted_rows, rows, side="right") - first
    which = np.repeat(np.arange(counts.shape[0]), counts)
    place = order[np.arange(which.shape[0]) + (first - np.cumsum(counts) + counts)[which]]
    return which, place, data, col[place]


# parts --------------------------------------------------------------------------------------------


def _places(key: Any, n: Any) -> Any:
    """Return the rows or columns that a key names."""
    if isinstance(key, slice):
        return np.arange(n)[key]
    found = np.ravel(np.asarray(key))
    if found.dtype == bool:
        return np.flatnonzero(found)
    if np.any((found < -n) | (found >= n)):
        raise IndexError("index out of bounds")
    return np.where(found < 0, found + n, found)


def _of_ints(key: Any) -> Any:
    return not isinstance(key, slice) and np.ndim(key) == 0


def _getitem(self: Any, key: Any) -> Any:
    m, n = self.shape
    rows, columns = key if isinstance(key, tuple) else (key, slice(None))
    if _of_ints(rows) and _of_ints(columns):
        i, j = _places(rows, m)[0], _places(columns, n)[0]
        data, row, col = entries(self)
        return np.sum(np.where((row == i) & (col == j), data, 0))
    if not is_matrix(self) and (_of_ints(rows) or _of_ints(columns)):
        refuse("a row or column of a sparse array", "it has one axis", "use a[i:i + 1, :] or a.toarray()[i]")
    if not isinstance(rows, slice) and not isinstance(columns, slice) and np.ndim(rows) == 1 and np.ndim(columns) == 1:
        found = _at(self, _places(rows, m), _places(columns, n))
        return _Matrix(found[None, :]) if is_matrix(self) else found
    data, row, col = entries(self)
    which_rows, which_columns = _places(rows, m), _places(columns, n)
    if not isinstance(rows, slice) or rows != slice(None):
        which, place, data, col = _taken(data, row, col, which_rows)
        data, row = data[place], which
    if not isinstance(columns, slice) or columns != slice(None):
        which, place, data, row = _taken(data, col, row, which_columns)
        data, col = data[place], which
    return made(type(self), data, row, col, (which_rows.shape[0], which_columns.shape[0]))


def _setitem(self: Any, key: Any, value: Any) -> None:
    whole = written(self)
    whole[key] = toarray(value) if module().issparse(value) else value


def _getrow(self: Any, i: Any) -> Any:
    return _getitem(self, (slice(i, i + 1), slice(None)))


def _getcol(self: Any, i: Any) -> Any:
    return _getitem(self, (slice(None), slice(i, i + 1)))


# operators ----------------------------------------------------------------------------------------


def add(self: Any, other: Any) -> Any:
    """Return a sum."""
    return _combined(self, other, 1)


def _sub(self: Any, other: Any) -> Any:
    return _combined(self, other, -1)


def _rsub(self: Any, other: Any) -> Any:
    return _combined(_neg(self), other, 1)


def _combined(self: Any, other: Any, sign: Any) -> Any:
    data, row, col = entries(self)
    if module().issparse(other):
        if other.shape != self.shape:
            raise ValueError("inconsistent shapes")
        more, more_rows, more_columns = entries(other)
        return made(
            _summed(self),
            np.concatenate((data, sign * more)),
            np.concatenate((row, more_rows)),
            np.concatenate((col, more_columns)),
            self.shape,
        )
    if np.ndim(other) == 0:
        if other == 0:
            return made(type(self), data, row, col, self.shape, stored(self))
        raise NotImplementedError("adding a nonzero scalar to a sparse array is not supported")
    return _dense(self, toarray(self) + sign * np.asarray(other))


def _neg(self: Any) -> Any:
    return _multiply(self, -1)


def _mul(self: Any, other: Any) -> Any:
    if is_matrix(self) and (module().issparse(other) or np.ndim(other) > 0):
        return _matmul(self, other)
    return _multiply(self, other)


def _rmul(self: Any, other: Any) -> Any:
    if is_matrix(self) and np.ndim(other) > 0:
        return _rmatmul(self, other)
    return _multiply(self, other)


def _truediv(self: Any, other: Any) -> Any:
    if module().issparse(other) or np.ndim(other) > 0:
        refuse("division of a sparse matrix by an array", instead="multiply by its reciprocals")
    data, row, col = entries(self)
    return made(type(self), data / other, row, col, self.shape, stored(self))


def _pow(self: Any, n: Any) -> Any:
    if not is_matrix(self):
        return _power(self, n)
    found = module().eye(self.shape[0], format="csr")
    for _ in range(n):
        found = _matmul(found, self)
    return found


METHODS = {
    "toarray": toarray, "todense": _todense, "asformat": asformat, "copy": _copy, "astype": _astype,
    "conjugate": conjugate, "conj": conjugate, "transpose": transpose, "diagonal": _diagonal, "trace": _trace,
    "sum": _sum, "mean": _mean, "multiply": _multiply, "power": _power, "setdiag": _setdiag, "dot": _matmul,
    "getrow": _getrow, "getcol": _getcol, "sum_duplicates": _unchanged, "sort_indices": _unchanged,
    "eliminate_zeros": _unchanged, "__matmul__": _matmul, "__rmatmul__": _rmatmul, "__getitem__": _getitem,
    "__setitem__": _setitem, "__neg__": _neg, "__add__": add, "__iadd__": add, "__isub__": _sub,
    "__abs__": _abs, "__radd__": add, "__sub__": _sub, "__rsub__": _rsub,
    "__mul__": _mul, "__rmul__": _rmul, "__pow__": _pow, "__truediv__": _truediv,
    **{f"to{name}": _to(name) for name in ("csr", "csc", "coo", "dia", "lil", "dok")},
}  # fmt: skip
"""What a matrix does, by name."""
