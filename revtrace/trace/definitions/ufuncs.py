"""What ufuncs do along an axis, and functions that give two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.callables.functions import on
from revtrace.trace.definitions.axes import as_axes, as_axis
from revtrace.trace.definitions.register import define, finish, traced
from revtrace.trace.values import Static

__all__ = ["accumulate", "reduce", "reduceat"]


def reduce(
    f: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None
) -> Any:
    """``f.reduce``: fold an array along axes, in order."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    found = array
    for k in sorted(as_axes(axis, array.ndim), reverse=True):
        lines = np.moveaxis(found, k, 0)
        n = lines.shape[0]
        if initial is None:
            if n == 0 and f in (np.logaddexp, np.logaddexp2):
                total = np.full(lines.shape[1:], -np.inf, dtype=array.dtype)
            elif n == 0 and f is np.hypot:
                total = np.zeros(lines.shape[1:], dtype=array.dtype)
            elif n == 0:
                raise ValueError("zero-size array to reduction operation which has no identity")
            elif n == 1 and f is np.hypot:
                total = np.abs(lines[0])
            else:
                total = _folded(f, lines, n)
        else:
            total = f(initial, lines[0]) if n else initial + 0 * lines.sum(axis=0)
            for i in range(1, n):
                total = f(total, lines[i])
        found = np.asarray(total)
        if keepdims:
            found = np.expand_dims(found, k)
    return finish(found[()], out)


def _folded(f: Any, lines: Any, n: Any) -> Any:
    """Fold one or more lines, from the first on."""
    total = f(lines[0], lines[0]) * 0 + lines[0] if f in (np.logaddexp, np.logaddexp2) else lines[0]
    for i in range(1, n):
        total = f(total, lines[i])
    return total


def accumulate(f: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """``f.accumulate``: what a fold along an axis gives at each place."""
    array = np.asarray(array) if dtype is None else np.asarray(array).astype(dtype)
    k = as_axis(axis, array.ndim)
    if array.dtype.kind in "biu" and f not in (np.maximum, np.minimum):
        array = array.astype(np.asarray(f(array.dtype.type(1), array.dtype.type(1))).dtype)
    found = array.copy()
    lines = np.moveaxis(found, k, 0)
    for i in range(1, lines.shape[0]):
        lines[i] = f(lines[i - 1], lines[i])
    return finish(found, out)


def reduceat(f: Any, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """``f.reduceat``: folds of the stretches between places."""
    array = np.asarray(array)
    if dtype is None and array.dtype.kind in "biu" and array.dtype.itemsize < 8 and f in (np.add, np.multiply):
        # Sums and products of narrow integers are wide ones, as those of `np.sum`.
        dtype = np.uint64 if array.dtype.kind == "u" else np.int64
    if dtype is not None:
        array = array.astype(dtype)
    places = np.asarray(indices)
    lines = np.moveaxis(array, as_axis(axis, array.ndim), 0)
    m, n = places.shape[0], lines.shape[0]
    if np.any((places < 0) | (places >= n)):
        raise IndexError("index out-of-bounds in reduceat")
    found = np.empty((m, *lines.shape[1:]), dtype=array.dtype)
    for i in range(m):
        start = places[i]
        stop = n
        if i + 1 < m:
            stop = places[i + 1]
        total = lines[start]
        for j in range(start + 1, stop):
            total = f(total, lines[j])
        found[i] = total
    return finish(np.moveaxis(found, 0, as_axis(axis, array.ndim)), out)


def _bind() -> None:
    """Enter the methods of the binary ufuncs; `revtrace.trace.numpy.ufunc_methods` has those with faster forms."""
    binary = (
        np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin, np.hypot, np.logaddexp,
        np.logaddexp2, np.arctan2, np.power, np.logical_and, np.logical_or, np.logical_xor,
    )  # fmt: skip
    for f in binary:
        for name, definition in (("reduce", reduce), ("accumulate", accumulate), ("reduceat", reduceat)):

            def handler(
                t: Any, st: Any, args: Any, kwargs: Any, fr: Any, f: Any = f, definition: Any = definition
            ) -> Any:
                return traced(t, st, definition, (Static(f), *args), kwargs)

            on(getattr(f, name))(handler)


_bind()


@define(np.positive)
def positive(x: Any, /, out: Any = None) -> Any:
    """The numbers themselves."""
    return finish((+np.asarray(x))[()], out)


@define(np.divmod)
def divide_with_rest(x1: Any, x2: Any, /) -> Any:
    """Quotient and remainder."""
    return (x1 // x2, x1 % x2)


@define(np.modf)
def modf(x: Any, /) -> Any:
    """Fractional and integral part, both with the number's sign."""
    x = np.asarray(x)
    if x.dtype.kind not in "f":
        x = x.astype(float)
    whole = np.trunc(x)
    part = np.where(np.isinf(x), 0, x - whole)
    return (np.copysign(part, x)[()], whole[()])


@define(np.spacing)
def spacing(x: Any, /, out: Any = None) -> Any:
    """How far the next number away from zero is."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(float)
    return finish((np.nextafter(x, np.copysign(np.inf, x)) - x)[()], out)


@define(np.float_power)
def float_power(x1: Any, x2: Any, /, out: Any = None) -> Any:
    """Power in at least double precision."""
    x1, x2 = np.asarray(x1), np.asarray(x2)
    kind = np.result_type(x1.dtype, x2.dtype, np.float64)
    return finish((x1.astype(kind) ** x2.astype(kind))[()], out)


@define(np.real)
def real(val: Any) -> Any:
    """The real part, of arrays a view."""
    return np.asarray(val).real if isinstance(val, (tuple, list)) else val.real


@define(np.imag)
def imag(val: Any) -> Any:
    """The imaginary part, of arrays a view."""
    return np.asarray(val).imag if isinstance(val, (tuple, list)) else val.imag
