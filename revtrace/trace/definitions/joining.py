"""Arrays put together, lengthened, shortened and repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.axes import as_axis
from revtrace.trace.definitions.register import define, refuse

__all__: list[str] = []


@define(np.kron)
def kron(a: Any, b: Any) -> Any:
    """All products, in blocks."""
    a, b = np.asarray(a), np.asarray(b)
    ndim = max(a.ndim, b.ndim)
    if ndim == 0:
        return np.multiply(a, b)
    a = a.reshape((1,) * (ndim - a.ndim) + a.shape)
    b = b.reshape((1,) * (ndim - b.ndim) + b.shape)
    left = a[(slice(None), None) * ndim]
    right = b[(None, slice(None)) * ndim]
    return (left * right).reshape([m * n for m, n in zip(a.shape, b.shape, strict=True)])


@define(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Insert slices before places along an axis."""
    arr = np.asarray(arr)
    if axis is None:
        arr, axis = arr.ravel(), 0
    k = as_axis(axis, arr.ndim)
    n = arr.shape[k]
    values = np.asarray(values).astype(arr.dtype)
    lines = np.moveaxis(arr, k, 0)
    if isinstance(obj, slice):
        obj = np.arange(n)[obj]
    places = np.asarray(obj)
    if places.dtype == np.bool_:
        places = np.flatnonzero(places)
    if np.any((places < -n) | (places > n)):
        raise IndexError("index is out of bounds for axis")
    if places.ndim == 0:
        at = int(places)
        if at < 0:
            at += n
        values = values.reshape((1,) * (arr.ndim - values.ndim) + values.shape)
        new = np.moveaxis(np.moveaxis(values, 0, k), k, 0)
        new = np.broadcast_to(new, (new.shape[0], *lines.shape[1:]))
        return np.moveaxis(np.concatenate((lines[:at], new, lines[at:])), 0, k)
    places = np.where(places < 0, places + n, places)
    m = places.shape[0]
    order = np.argsort(places, kind="stable")
    places[order] += np.arange(m)
    if arr.ndim > 1 and values.ndim > 0:
        values = np.moveaxis(values.reshape((1,) * (arr.ndim - values.ndim) + values.shape), k, 0)
    new = np.broadcast_to(values, (m, *lines.shape[1:]))
    keep = np.ones(n + m, dtype=bool)
    keep[places] = False
    found = np.empty((n + m, *lines.shape[1:]), dtype=arr.dtype)
    found[places] = new
    found[np.flatnonzero(keep)] = lines
    return np.moveaxis(found, 0, k)


@define(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Leave out slices along an axis."""
    arr = np.asarray(arr)
    if axis is None:
        arr, axis = arr.ravel(), 0
    k = as_axis(axis, arr.ndim)
    n = arr.shape[k]
    lines = np.moveaxis(arr, k, 0)
    if isinstance(obj, (int, np.integer)):
        if obj < -n or obj >= n:
            raise IndexError("index is out of bounds for axis")
        at = obj + n if obj < 0 else obj
        return np.moveaxis(np.concatenate((lines[:at], lines[at + 1 :])), 0, k)
    keep = np.ones(n, dtype=bool)
    keep[obj if isinstance(obj, slice) else np.asarray(obj)] = False
    return np.moveaxis(lines[np.flatnonzero(keep)], 0, k)


def _depth(parts: Any) -> int:
    """How deep lists are nested."""
    depth = 0
    while isinstance(parts, list):
        if len(parts) == 0:
            raise ValueError("List at arrays cannot be empty")
        parts = parts[0]
        depth += 1
    return depth


def _most_axes(parts: Any) -> int:
    if isinstance(parts, list):
        return max([_most_axes(p) for p in parts])
    return np.asarray(parts).ndim


def _blocks(parts: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        if isinstance(parts, list):
            raise ValueError("List depths are mismatched")
        found = np.asarray(parts)
        return found.reshape((1,) * (ndim - found.ndim) + found.shape)
    if not isinstance(parts, list):
        raise ValueError("List depths are mismatched")
    return np.concatenate([_blocks(p, depth - 1, ndim) for p in parts], axis=-depth)


@define(np.block)
def block(arrays: Any) -> Any:
    """Put blocks together as nested lists show them."""
    depth = _depth(arrays)
    if depth == 0:
        return np.asarray(arrays).copy()
    return _blocks(arrays, depth, max(depth, _most_axes(arrays)))


@define(np.dstack)
def dstack(tup: Any) -> Any:
    """Put arrays one behind the other along the third axis."""
    return np.concatenate([np.atleast_3d(np.asarray(a)) for a in tup], axis=2)


@define(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    """A matrix with the flat array on a diagonal."""
    return np.diag(np.asarray(v).ravel(), k)


def repeated(a: Any, repeats: Any, axis: Any = None) -> Any:
    """``np.repeat`` with a count for each slice."""
    if axis is None:
        a, axis = a.ravel(), 0
    k = as_axis(axis, a.ndim)
    n = a.shape[k]
    counts = np.broadcast_to(np.asarray(repeats), (n,))
    if np.any(counts < 0):
        raise ValueError("repeats may not contain negative values.")
    places = np.zeros(counts.sum(), dtype=np.int64)
    at = 0
    for i in range(n):
        for j in range(counts[i]):
            places[at + j] = i
        at += counts[i]
    return np.take(a, places, axis=k)


@define(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements, repeated as often as needed, in another shape."""
    shape = list(new_shape) if isinstance(new_shape, (tuple, list)) else [new_shape]
    size = 1
    for n in shape:
        size = size * n
    flat = np.asarray(a).ravel()
    if flat.shape[0] == 0:
        return np.zeros(shape, dtype=flat.dtype)
    return flat[np.arange(size) % flat.shape[0]].reshape(shape)


# padding --------------------------------------------------------------------------------------


def _pairs(given: Any, ndim: int) -> Any:
    """One pair per axis of widths or values given as a number, a pair, or a sequence of these."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if not isinstance(given, (tuple, list)):
        return [(given, given)] * ndim
    if len(given) == 1 and not isinstance(given[0], (tuple, list)):
        return [(given[0], given[0])] * ndim
    if not isinstance(given[0], (tuple, list)):
        return [(given[0], given[1])] * ndim
    rows = [(row[0], row[-1]) for row in given]
    if len(rows) == 1:
        return rows * ndim
    if len(rows) != ndim:
        raise ValueError("operands could not be broadcast together")
    return rows


def _mirrored(n: Any, before: Any, after: Any, mode: str) -> Any:
    """Places of the elements that fill a padded axis."""
    places = np.arange(-before, n + after)
    if mode == "edge":
        return np.clip(places, 0, n - 1)
    if mode == "wrap":
        return places % n
    if mode == "reflect":
        period = max(2 * (n - 1), 1)
        places = places % period
        return np.where(places < n, places, period - places)
    period = 2 * n
    places = places % period
    return np.where(places < n, places, period - 1 - places)


def _turned(lines: Any, before: Any, after: Any, mode: str) -> Any:
    """Lines continued at both ends by what they are, turned about the end: at each turn the whole that there is."""
    n = lines.shape[0]
    skip = 1 if mode == "reflect" else 0
    if n == 1 and skip:
        return lines[_mirrored(n, before, after, "edge")]
    found = lines
    while before > 0 or after > 0:
        # NumPy continues both ends in turn, each by no more than the elements between them and the other end.
        left = min(before, found.shape[0] - skip)
        if left > 0:
            part = found[skip : skip + left]
            found = np.concatenate((2 * found[:1] - part[::-1], found))
            before = before - left
        right = min(after, found.shape[0] - skip)
        if right > 0:
            m = found.shape[0]
            part = found[m - skip - right : m - skip]
            found = np.concatenate((found, 2 * found[m - 1 :] - part[::-1]))
            after = after - right
    return found


def _stretched(lines: Any, before: Any, after: Any, low: Any, high: Any) -> Any:
    """Ramps from the ends of an axis, which comes first, to given values."""
    i = np.arange(before).reshape((-1,) + (1,) * (lines.ndim - 1))
    j = np.arange(after).reshape((-1,) + (1,) * (lines.ndim - 1))
    rising = low + i * ((lines[0] - low) / max(before, 1))
    falling = high + (after - 1 - j) * ((lines[-1] - high) / max(after, 1))
    return np.concatenate((rising.astype(lines.dtype), lines, falling.astype(lines.dtype)))


@define(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, end_values: Any = 0,
    stat_length: Any = None, reflect_type: Any = "even",
) -> Any:  # fmt: skip
    """Lengthen axes at both ends."""
    array = np.asarray(array)
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * array.ndim
        for axis, width in pad_width.items():
            widths[axis] = width if isinstance(width, tuple) else (width, width)
    else:
        widths = _pairs(pad_width, array.ndim)
    for before, after in widths:
        if before < 0 or after < 0:
            raise ValueError("index can't contain negative values")
    if callable(mode):
        refuse("np.pad with a function", "it would be called on parts of the array", "fill the margins by slices")
    if mode in ("constant", "empty"):
        return _surrounded(array, widths, _pairs(constant_values, array.ndim))
    lengths = _pairs(stat_length, array.ndim)
    ends = _pairs(end_values, array.ndim)
    for axis in range(array.ndim):
        before, after = widths[axis]
        lines = np.moveaxis(array, axis, 0)
        n = lines.shape[0]
        if n == 0 and (before > 0 or after > 0):
            raise ValueError("can't extend empty axis 0 using modes other than 'constant' or 'empty'")
        if reflect_type == "odd" and mode in ("reflect", "symmetric"):
            lines = _turned(lines, before, after, mode)
        elif mode in ("edge", "wrap", "reflect", "symmetric"):
            lines = lines[_mirrored(n, before, after, mode)]
        elif mode == "linear_ramp":
            if array.dtype.kind not in "fc":
                refuse("np.pad of integers with mode='linear_ramp'")
            lines = _stretched(lines, before, after, ends[axis][0], ends[axis][1])
        elif mode in ("maximum", "minimum", "mean", "median"):
            statistic: Any = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}[mode]
            if mode in ("mean", "median") and array.dtype.kind not in "fc":
                refuse(f"np.pad of integers with mode={mode!r}")
            first, last = [n if k is None else min(k, n) for k in lengths[axis]]
            levels = [statistic(part, axis=0, keepdims=True) for part in (lines[:first], lines[n - last :])]
            parts = [np.broadcast_to(levels[k], (widths[axis][k], *lines.shape[1:])) for k in range(2)]
            lines = np.concatenate((parts[0], lines, parts[1]))
        else:
            refuse("np.pad in this mode", "it has no rule", "build the array by concatenation")
        array = np.moveaxis(lines, 0, axis)
    return array.copy()


def _surrounded(array: Any, widths: Any, values: Any) -> Any:
    """An array in the middle of constants; where axes meet, the last one counts."""
    found = np.zeros(
        [n + before + after for n, (before, after) in zip(array.shape, widths, strict=True)], dtype=array.dtype
    )
    for axis in range(array.ndim):
        before = widths[axis][0]
        low, high = values[axis]
        lines = np.moveaxis(found, axis, 0)
        if not isinstance(low, int) or low != 0 or axis:
            lines[:before] = low
        if not isinstance(high, int) or high != 0 or axis:
            lines[before + array.shape[axis] :] = high
    middle = tuple([slice(before, before + n) for n, (before, _) in zip(array.shape, widths, strict=True)])
    found[middle] = array
    return found


# functions along an axis ------------------------------------------------------------------------


@define(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function on each line along an axis."""
    arr = np.asarray(arr)
    k = as_axis(axis, arr.ndim)
    order = [j for j in range(arr.ndim) if j != k]
    others = [arr.shape[j] for j in order]
    count = 1
    for n in others:
        count = count * n
    if count == 0:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = np.transpose(arr, [*order, k]).reshape((count, arr.shape[k]))
    first = np.asarray(func1d(rows[0], *args, **kwargs))
    found = np.empty((count, *first.shape), dtype=first.dtype)
    found[0] = first
    for i in range(1, count):
        found[i] = func1d(rows[i], *args, **kwargs)
    whole = found.reshape((*others, *first.shape))
    m = len(others)
    places = list(range(m))
    inner = list(range(m, m + first.ndim))
    return np.transpose(whole, places[:k] + inner + places[k:])


@define(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Call a function along several axes, one after the other, keeping their number."""
    found = np.asarray(a)
    ndim = found.ndim
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        k = as_axis(axis, ndim)
        found = np.asarray(func(found, k))
        if found.ndim != ndim:
            found = np.expand_dims(found, k)
    return found
