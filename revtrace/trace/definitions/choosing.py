"""Elements chosen, put and ordered by indices, masks and keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.axes import as_axis
from revtrace.trace.definitions.register import define, finish, refuse

__all__: list[str] = []


def _along(indices: Any, axis: int) -> Any:
    """Index arrays that pick along one axis and run along the others."""
    key = []
    for k in range(indices.ndim):
        if k == axis:
            key.append(indices)
        else:
            key.append(np.arange(indices.shape[k]).reshape((1,) * k + (-1,) + (1,) * (indices.ndim - k - 1)))
    return tuple(key)


@define(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Pick along an axis by an index array of the same number of axes."""
    arr, indices = np.asarray(arr), np.asarray(indices)
    if axis is None:
        arr, axis = arr.ravel(), 0
    if arr.ndim != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    k = as_axis(axis, arr.ndim)
    key = list(_along(indices, k))
    for j in range(arr.ndim):
        # An axis of length one in the indices stands for all of the array's.
        if j != k and indices.shape[j] == 1:
            key[j] = np.arange(arr.shape[j]).reshape((1,) * j + (-1,) + (1,) * (arr.ndim - j - 1))
    return arr[tuple(key)]


@define(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Put values along an axis by an index array of the same number of axes."""
    indices = np.asarray(indices)
    if axis is None:
        if arr.ndim != 1:
            refuse("np.put_along_axis of a flattened array")
        axis = 0
    if arr.ndim != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    k = as_axis(axis, arr.ndim)
    key = list(_along(indices, k))
    for j in range(arr.ndim):
        if j != k and indices.shape[j] == 1:
            key[j] = np.arange(arr.shape[j]).reshape((1,) * j + (-1,) + (1,) * (arr.ndim - j - 1))
    arr[tuple(key)] = values


@define(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    """Pick along an axis by indices."""
    a = np.asarray(a)
    if axis is None or (a.ndim == 0 and axis in (0, -1)):
        a, axis = a.ravel(), 0
    k = as_axis(axis, a.ndim)
    if mode != "raise":
        indices = np.asarray(indices)
        indices = indices % a.shape[k] if mode == "wrap" else np.clip(indices, 0, a.shape[k] - 1)
    return finish(a[(slice(None),) * k + (indices,)], out)


@define(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """Pick along an axis where a condition holds."""
    return take(a, np.flatnonzero(np.asarray(condition)), axis=axis, out=out)


@define(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Pick from the flat array where a condition holds."""
    return np.asarray(arr).ravel()[np.flatnonzero(np.asarray(condition).ravel())]


@define(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    """Pick each element from one of several arrays."""
    a = np.asarray(a)
    arrays = [np.asarray(c) for c in choices]
    n = len(arrays)
    if mode == "wrap":
        a = a % n
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    elif np.any((a < 0) | (a >= n)):
        raise ValueError("invalid entry in choice array")
    found = arrays[n - 1]
    for k in range(n - 2, -1, -1):
        found = np.where(a == k, arrays[k], found)
    if n == 1:
        found = np.where(a == 0, found, found)
    return finish(found, out)


@define(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Pick each element from the first array whose condition holds."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    found = default
    for k in range(len(condlist) - 1, -1, -1):
        found = np.where(condlist[k], choicelist[k], found)
    return found


@define(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Evaluate functions where their conditions hold; the last one whose condition holds counts."""
    x = np.asarray(x)
    if x.ndim == 0:
        each = condlist if isinstance(condlist, (list, tuple)) else [condlist]
        line = piecewise(x.reshape(1), [np.asarray(c).reshape(1) for c in each], funclist, *args, **kw)
        return line.reshape(())
    if isinstance(condlist, np.ndarray) and condlist.ndim == x.ndim:
        condlist = [condlist]
    elif not isinstance(condlist, np.ndarray) and isinstance(condlist[0], (bool, np.bool_)):
        condlist = [condlist]
    conditions = [np.asarray(c) for c in condlist]
    if len(funclist) == len(conditions) + 1:
        covered = conditions[0]
        for c in conditions[1:]:
            covered = covered | c
        conditions = [*conditions, ~covered]
    elif len(funclist) != len(conditions):
        raise ValueError("with these conditions, as many functions or one more are expected")
    found = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if callable(function):
            part = x[condition]
            if part.size > 0:
                found[condition] = function(part, *args, **kw)
        else:
            found[condition] = function
    return found


@define(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: Any = False) -> None:
    """Write to a main diagonal."""
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if wrap:
        refuse("np.fill_diagonal with wrap")
    n = a.shape[0]
    for m in a.shape[1:]:
        n = min(n, m)
    values = np.asarray(val).ravel()
    for i in range(n):
        a[(i,) * a.ndim] = values[i % values.shape[0]]


def _cycled(values: Any, count: Any) -> Any:
    values = np.asarray(values).ravel()
    return values[np.arange(count) % values.shape[0]]


@define(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """Write to places of the flat array."""
    places = np.asarray(ind).ravel()
    n = a.size
    if mode == "wrap":
        places = places % n
    elif mode == "clip":
        places = np.clip(places, 0, n - 1)
    elif np.any((places < -n) | (places >= n)):
        raise IndexError("index is out of bounds for axis 0")
    values = _cycled(v, places.shape[0])
    if a.ndim == 1:
        a[places] = values
    else:
        a[np.unravel_index(places % n, a.shape)] = values


@define(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values one after the other where a mask holds."""
    mask = np.asarray(mask).astype(bool)
    arr[mask] = _cycled(vals, np.count_nonzero(mask))


@define(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where a mask holds the value of the same place."""
    mask = np.asarray(mask).astype(bool)
    values = np.asarray(values).ravel()
    if values.shape[0] == 1:
        a[mask] = values[0]
    else:
        a[mask] = values[np.flatnonzero(mask.ravel()) % values.shape[0]]


# order ----------------------------------------------------------------------------------------


@define(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """Order by several keys, the last one first."""
    lines = [np.asarray(k) for k in keys]
    order = np.argsort(lines[0], axis=axis, kind="stable")
    for key in lines[1:]:
        again = np.argsort(take_along_axis(key, order, axis), axis=axis, kind="stable")
        order = take_along_axis(order, again, axis)
    return order


@define(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """Put smaller elements before the k-th and larger ones behind: here all are sorted, which does that."""
    return np.sort(a, axis=axis)


@define(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:
    """Places that put smaller elements before the k-th: here those of sorting."""
    return np.argsort(a, axis=axis)


@define(np.unique)
def unique(
    ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False, axis: Any = None, *,
    equal_nan: Any = True, sorted: Any = True,
) -> Any:  # fmt: skip
    """Different elements in rising order; of equal ones the first carries the derivative."""
    ar = np.asarray(ar)
    if axis is not None and ar.ndim != 1:
        refuse("np.unique along an axis", "which rows are equal is known only when running")
    flat = ar.ravel()
    n = flat.shape[0]
    order = np.argsort(flat, kind="stable")
    line = flat[order]
    first = np.ones(n, dtype=bool)
    first[1:] = line[1:] != line[:-1]
    if equal_nan and ar.dtype.kind == "f":
        first[1:] &= ~(np.isnan(line[1:]) & np.isnan(line[:-1]))
    found = [line[first]]
    if return_index:
        found.append(order[first])
    if return_inverse:
        inverse = np.empty(n, dtype=np.int64)
        inverse[order] = np.cumsum(first) - 1
        found.append(inverse.reshape(ar.shape))
    if return_counts:
        found.append(np.diff(np.append(np.flatnonzero(first), n)))
    return found[0] if len(found) == 1 else tuple(found)


@define(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """How many elements are not zero."""
    return np.sum(np.asarray(a).astype(bool), axis=axis, keepdims=keepdims)
