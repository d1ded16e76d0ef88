"""Differences and products of vectors, and periodic interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.axes import as_axes, as_axis
from revtrace.trace.definitions.register import define, finish, require

__all__ = ["periodic", "stretches"]


@define(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of the flat array, with numbers before and behind."""
    flat = np.asarray(ary).ravel()
    found = flat[1:] - flat[:-1]
    if to_begin is not None:
        found = np.concatenate((np.asarray(to_begin).ravel().astype(flat.dtype), found))
    if to_end is not None:
        found = np.concatenate((found, np.asarray(to_end).ravel().astype(flat.dtype)))
    return found


@define(np.cross)
def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    """Products of vectors in space."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.asarray(a), np.asarray(b)
    a = np.moveaxis(a, as_axis(axisa, a.ndim), -1)
    b = np.moveaxis(b, as_axis(axisb, b.ndim), -1)
    m, n = a.shape[-1], b.shape[-1]
    require(m == 3 and n == 3, "np.cross of vectors that have not three components")
    x1, y1, z1, x2, y2, z2 = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    x, y, z = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
    return np.moveaxis(np.stack((x, y, z), axis=-1), -1, axisc)


@define(np.angle)
def angle(z: Any, deg: Any = False) -> Any:
    """The argument of complex numbers."""
    found = np.arctan2(np.imag(z), np.real(z))
    return found * (180 / np.pi) if deg else found


@define(getattr(np, "matvec", None))
def matvec(x1: Any, x2: Any, /, out: Any = None) -> Any:
    """Products of matrices and vectors."""
    return finish(np.matmul(x1, np.asarray(x2)[..., np.newaxis])[..., 0], out)


@define(getattr(np, "vecmat", None))
def vecmat(x1: Any, x2: Any, /, out: Any = None) -> Any:
    """Products of conjugated vectors and matrices."""
    x1 = np.asarray(x1)
    x1 = np.conj(x1) if x1.dtype.kind == "c" else x1
    return finish(np.matmul(x1[..., np.newaxis, :], x2)[..., 0, :], out)


@define(np.vecdot if hasattr(np, "vecdot") else None)
def vecdot(x1: Any, x2: Any, /, out: Any = None, *, axis: Any = -1) -> Any:
    """Products of vectors along an axis, the first one conjugated."""
    x1, x2 = np.asarray(x1), np.asarray(x2)
    a, b = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("vecdot: input operands have a mismatch in their core dimension")
    kind = np.result_type(a, b)
    if kind.kind == "b":
        return np.any(a & b, axis=-1, out=out)
    return np.sum((np.conj(a) if a.dtype.kind == "c" else a) * b, axis=-1, dtype=kind, out=out)


def periodic(x: Any, xp: Any, fp: Any, period: Any) -> Any:
    """``np.interp`` where the knots repeat."""
    if period == 0:
        raise ValueError("period must be a non-zero value")
    period = abs(period)
    x, xp, fp = np.asarray(x) % period, np.asarray(xp) % period, np.asarray(fp)
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
    fp = np.concatenate((fp[-1:], fp, fp[:1]))
    return np.interp(x, xp, fp)


def stretches(
    start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False, dtype: Any = None, axis: Any = 0
) -> Any:
    """``np.linspace`` between arrays."""
    start, stop = start * 1.0, stop * 1.0
    span = np.asarray(stop - start)
    parts = num - 1 if endpoint else num
    step = span / parts if parts > 0 else span * np.nan
    steps = np.arange(num).reshape((-1,) + (1,) * span.ndim).astype(span.dtype)
    found = steps * step + start if parts > 0 else steps * span + start
    if endpoint and num > 1:
        found[-1, ...] = stop
    found = np.moveaxis(found, 0, axis)
    if dtype is not None:
        found = found.astype(dtype)
    return (found, step) if retstep else found


@define(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Slopes by central differences inside and one-sided ones at the ends."""
    f = np.asarray(f)
    if f.dtype.kind in "biu":
        f = f.astype(float)
    axes = as_axes(axis, f.ndim)
    if len(varargs) == 0:
        spacings = [1.0] * len(axes)
    elif len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        spacings = [varargs[0]] * len(axes)
    elif len(varargs) == len(axes):
        spacings = list(varargs)
    else:
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    found = []
    h: Any
    for k, h in zip(axes, spacings, strict=True):
        lines = np.moveaxis(f, k, 0)
        if lines.shape[0] < edge_order + 1:
            raise ValueError("Shape of array too small to calculate a numerical gradient")
        if np.ndim(h) == 1:
            if len(h) != lines.shape[0]:
                raise ValueError("when 1d, distances must match the length of the corresponding dimension")
            slopes = _uneven(lines, np.diff(h), edge_order)
        else:
            slopes = _even(lines, h, edge_order)
        found.append(np.moveaxis(slopes, 0, k))
    return found[0] if len(axes) == 1 else tuple(found)


def _even(f: Any, h: Any, edge_order: Any) -> Any:
    found = np.empty_like(f)
    found[1:-1] = (f[2:] - f[:-2]) / (2.0 * h)
    if edge_order == 1:
        found[0] = (f[1] - f[0]) / h
        found[-1] = (f[-1] - f[-2]) / h
    else:
        found[0] = -1.5 / h * f[0] + 2.0 / h * f[1] - 0.5 / h * f[2]
        found[-1] = 0.5 / h * f[-3] - 2.0 / h * f[-2] + 1.5 / h * f[-1]
    return found


def _uneven(f: Any, steps: Any, edge_order: Any) -> Any:
    found = np.empty_like(f)
    shape = (-1,) + (1,) * (f.ndim - 1)
    left, right = steps[:-1].reshape(shape), steps[1:].reshape(shape)
    a = -right / (left * (left + right))
    b = (right - left) / (left * right)
    c = left / (right * (left + right))
    found[1:-1] = a * f[:-2] + b * f[1:-1] + c * f[2:]
    if edge_order == 1:
        found[0] = (f[1] - f[0]) / steps[0]
        found[-1] = (f[-1] - f[-2]) / steps[-1]
    else:
        p, q = steps[0], steps[1]
        found[0] = -(2.0 * p + q) / (p * (p + q)) * f[0] + (p + q) / (p * q) * f[1] - p / (q * (p + q)) * f[2]
        p, q = steps[-2], steps[-1]
        found[-1] = q / (p * (p + q)) * f[-3] - (q + p) / (p * q) * f[-2] + (2.0 * q + p) / (q * (p + q)) * f[-1]
    return found


@define(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Coefficients of a product of polynomials."""
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    for a in (a1, a2):
        if a.shape[0] > 1:
            require(a[0] != 0, "np.polymul of a polynomial with leading zeros")
    return np.convolve(a1, a2)
