"""Arrays made by subscripts of ``np.r_`` and ``np.c_``, sliding windows, and functions mapped over parts of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.axes import as_axes
from revtrace.trace.definitions.register import define, read_only, refuse

__all__ = ["by_parts", "columns", "lines", "run"]


def run(start: Any, stop: Any, step: Any) -> Any:
    """What a slice stands for in ``np.r_``: a range, or evenly spaced numbers where the step is imaginary."""
    if isinstance(step, complex):
        return np.linspace(0 if start is None else start, stop, int(abs(step)))
    return np.arange(0 if start is None else start, stop, 1 if step is None else step)


def lines(*parts: Any) -> Any:
    """``np.r_[...]``: the parts one after the other along the first axis."""
    if len(parts) > 0 and isinstance(parts[0], str):
        refuse("np.r_ with directions in a string", instead="use np.concatenate or np.stack")
    return _joined([np.atleast_1d(p) for p in parts], parts, 0)


def columns(*parts: Any) -> Any:
    """``np.c_[...]``: the parts as columns, side by side."""
    made = []
    for part in parts:
        p = np.asarray(part)
        made.append(p.reshape(-1, 1) if p.ndim < 2 else p)
    return _joined(made, parts, -1)


def _joined(made: Any, parts: Any, axis: Any) -> Any:
    """Concatenate; numbers give way to the arrays' dtype as in arithmetic."""
    arrays = [m for m, p in zip(made, parts, strict=True) if np.ndim(p) > 0]
    found = np.concatenate(made, axis=axis)
    if 0 < len(arrays) < len(made):
        least = arrays[0].ravel()[:0]
        for a in arrays[1:]:
            least = least + np.zeros(0, a.dtype)
        for p in parts:
            if np.ndim(p) == 0:
                least = least + p
        found = found.astype(least.dtype)
    return found


@define(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: Any = False, writeable: Any = False
) -> Any:
    """The parts of an array that a window covers, one axis for the places and one for each of the window's."""
    if writeable:
        refuse("sliding_window_view with writeable=True", "one element has many places in it", "index the array")
    x = given = np.asarray(x)
    sizes = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    if axis is None and len(sizes) != x.ndim:
        raise ValueError("Since axis is None, must provide window_shape for all dimensions of `x`")
    axes = as_axes(axis, x.ndim)
    if len(axes) != len(sizes):
        raise ValueError("Must provide matching length window_shape and axis")
    for k, size in zip(axes, sizes, strict=True):
        count = x.shape[k] - size + 1
        if size < 0:
            raise ValueError("`window_shape` cannot contain negative values")
        if count < 1:
            raise ValueError("window shape cannot be larger than input array shape")
        places = np.arange(count)[:, None] + np.arange(size)
        x = np.moveaxis(np.moveaxis(x, k, 0)[places], (0, 1), (k, -1))
    return read_only(x, given)


def by_parts(function: Any, cores: Any, *args: Any) -> Any:
    """``np.vectorize(function, signature=...)``: ``cores`` holds how many of each argument's last axes a part has."""
    arrays = [np.asarray(a) for a in args]
    heads = [a.shape[: a.ndim - c] for a, c in zip(arrays, cores, strict=True)]
    head = np.broadcast_shapes(*heads)
    count = 1
    for n in head:
        count = count * n
    rows = []
    for a, c in zip(arrays, cores, strict=True):
        part = a.shape[a.ndim - c :]
        rows.append(np.broadcast_to(a, head + part).reshape((count, *part)))
    found = np.stack([np.asarray(function(*[r[k] for r in rows])) for k in range(count)])
    return found.reshape(head + found.shape[1:])[()]
