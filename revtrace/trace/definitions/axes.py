"""Axes taken apart, moved, named and counted: no number is computed here."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import define, refuse

__all__ = ["as_axes", "as_axis"]


def as_axis(axis: Any, ndim: int) -> int:
    """Return an axis counted from the front."""
    if axis < -ndim or axis >= ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis + ndim if axis < 0 else axis  # type: ignore[no-any-return]


def as_axes(axis: Any, ndim: int) -> Any:
    """Return one axis, several or None (for all) as a list of axes counted from the front."""
    if axis is None:
        return list(range(ndim))
    if not isinstance(axis, (tuple, list, range)) and np.ndim(axis) == 0:
        return [as_axis(axis, ndim)]
    found: list[int] = []
    for a in axis:
        k = as_axis(a, ndim)
        if k in found:
            raise ValueError("repeated axis")
        found.append(k)
    return found


@define(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Put axes at other places; the rest keep their order."""
    a = np.asarray(a)
    sources, targets = as_axes(source, a.ndim), as_axes(destination, a.ndim)
    if len(sources) != len(targets):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [k for k in range(a.ndim) if k not in sources]
    for target in sorted(targets):
        order.insert(target, sources[targets.index(target)])
    return np.transpose(a, order)


@define(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """Move an axis back until it lies before another."""
    a = np.asarray(a)
    k = as_axis(axis, a.ndim)
    if start < -a.ndim or start > a.ndim:
        raise np.exceptions.AxisError(start, a.ndim + 1)
    if start < 0:
        start += a.ndim
    if k < start:
        start -= 1
    order = [j for j in range(a.ndim) if j != k]
    order.insert(start, k)
    return np.transpose(a, order)


@define(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Exchange two axes."""
    a = np.asarray(a)
    i, j = as_axis(axis1, a.ndim), as_axis(axis2, a.ndim)
    order = list(range(a.ndim))
    order[i], order[j] = j, i
    return np.transpose(a, order)


@define(np.matrix_transpose if hasattr(np, "matrix_transpose") else None)
def matrix_transpose(x: Any, /) -> Any:
    """Exchange the last two axes."""
    x = np.asarray(x)
    if x.ndim < 2:
        raise ValueError("Input array must be at least 2-dimensional")
    return swapaxes(x, -1, -2)


@define(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """Insert axes of length one."""
    a = np.asarray(a)
    many = isinstance(axis, (tuple, list))
    places = as_axes(axis, a.ndim + (len(axis) if many else 1))
    key = [None if k in places else slice(None) for k in range(a.ndim + len(places))]
    return a[tuple(key)]


@define(np.rot90)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    """Turn a plane by quarter turns."""
    m = np.asarray(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    i, j = as_axis(axes[0], m.ndim), as_axis(axes[1], m.ndim)
    if i == j:
        raise ValueError("Axes must be different.")
    k = k % 4
    if k == 0:
        return m[:]
    if k == 2:
        return np.flip(m, (i, j))
    if k == 1:
        return swapaxes(np.flip(m, j), i, j)
    return np.flip(swapaxes(m, i, j), j)


@define(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Diagonals of the planes of two axes, along a new last axis."""
    a = np.asarray(a)
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    if as_axis(axis1, a.ndim) == as_axis(axis2, a.ndim):
        raise ValueError("axis1 and axis2 cannot be the same")
    return np.linalg.diagonal(moveaxis(a, (axis1, axis2), (-2, -1)), offset=offset)


@define(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    """Sum along diagonals."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@define(np.meshgrid)
def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = "xy") -> Any:
    """Coordinates of a grid, one array per vector of coordinates."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    lines = [np.asarray(x).reshape((1,) * k + (-1,) + (1,) * (n - k - 1)) for k, x in enumerate(xi)]
    if indexing == "xy" and n > 1:
        lines = [swapaxes(line, 0, 1) for line in lines]
    if not sparse:
        lines = list(np.broadcast_arrays(*lines))
    if copy:
        lines = [line.copy() for line in lines]
    return tuple(lines)


@define(np.broadcast_shapes)
def broadcast_shapes(*args: Any) -> Any:
    """The shape that shapes broadcast to."""
    shapes = [tuple(s) if isinstance(s, (tuple, list)) else (s,) for s in args]
    ndim = max([len(s) for s in shapes], default=0)
    found = [1] * ndim
    for shape in shapes:
        for k, n in enumerate(shape):
            at = ndim - len(shape) + k
            if found[at] == 1:
                found[at] = n
            elif n != 1 and n != found[at]:
                raise ValueError("shape mismatch: objects cannot be broadcast to a single shape.")
    return tuple(found)


@define(np.ix_)
def ix_(*args: Any) -> Any:
    """Index arrays for a block of an array."""
    found = []
    for k, sequence in enumerate(args):
        line = np.asarray(sequence)
        if line.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if line.dtype == np.bool_:
            line = np.flatnonzero(line)
        found.append(line.reshape((1,) * k + (-1,) + (1,) * (len(args) - k - 1)))
    return tuple(found)


@define(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: Any = "C") -> Any:
    """Places along each axis of places in the flat array."""
    if order not in ("C", "F"):
        raise ValueError("only 'C' or 'F' order is permitted")
    sizes = list(shape) if isinstance(shape, (tuple, list, np.ndarray)) else [shape]
    size = 1
    for n in sizes:
        size = size * n
    rest = np.asarray(indices)
    if np.any((rest < 0) | (rest >= size)):
        raise ValueError("index is out of bounds for array with that size")
    found = []
    for n in sizes if order == "F" else sizes[::-1]:
        found.append((rest % n)[()])
        rest = rest // n
    return tuple(found if order == "F" else found[::-1])


@define(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Any:
    """Places in the flat array of places along each axis."""
    sizes = list(dims) if isinstance(dims, (tuple, list, np.ndarray)) else [dims]
    places = [np.asarray(i) for i in multi_index]
    if len(places) != len(sizes):
        raise ValueError("parameter multi_index must be a sequence of length of dims")
    if isinstance(mode, tuple):
        refuse("np.ravel_multi_index with a mode per axis")
    if order == "F":
        sizes, places = sizes[::-1], places[::-1]
    flat: Any = 0
    for n, place in zip(sizes, places, strict=True):
        if mode == "raise":
            if np.any((place < 0) | (place >= n)):
                raise ValueError("invalid entry in coordinates array")
        elif mode == "wrap":
            place = place % n
        else:
            place = np.clip(place, 0, n - 1)
        flat = flat * n + place
    return flat[()]


@define(np.diag_indices)
def diag_indices(n: Any, ndim: Any = 2) -> Any:
    """Index arrays of a main diagonal."""
    return (np.arange(n),) * ndim


@define(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    """Index arrays of an array's main diagonal."""
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    for n in arr.shape[1:]:
        if n != arr.shape[0]:
            raise ValueError("All dimensions of input must be of equal length")
    return diag_indices(arr.shape[0], arr.ndim)


@define(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, *, like: Any = None) -> Any:  # noqa: N803
    """Ones on and below a diagonal."""
    columns = N if M is None else M
    return (np.arange(N)[:, None] >= np.arange(-k, columns - k)[None, :]).astype(dtype)


@define(np.tril_indices)
def tril_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Places on and below a diagonal."""
    return np.nonzero(tri(n, m, k, bool))


@define(np.triu_indices)
def triu_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Places on and above a diagonal."""
    return np.nonzero(~tri(n, m, k - 1, bool))


@define(np.tril_indices_from)
def tril_indices_from(arr: Any, k: Any = 0) -> Any:
    """Places on and below a diagonal of an array."""
    return tril_indices(arr.shape[-2], k, arr.shape[-1])


@define(np.triu_indices_from)
def triu_indices_from(arr: Any, k: Any = 0) -> Any:
    """Places on and above a diagonal of an array."""
    return triu_indices(arr.shape[-2], k, arr.shape[-1])
