"""Differences and products of vectors, and periodic interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions import define
from revtrace.trace.definitions.axes import as_axis

__all__ = ["periodic"]


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
def cross(
    a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None
) -> Any:
    """Products of vectors in space, or of vectors in the plane, which give one number."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.asarray(a), np.asarray(b)
    a = np.moveaxis(a, as_axis(axisa, a.ndim), -1)
    b = np.moveaxis(b, as_axis(axisb, b.ndim), -1)
    m, n = a.shape[-1], b.shape[-1]
    if m not in (2, 3) or n not in (2, 3):
        raise ValueError("incompatible dimensions for cross product")
    x1, y1, x2, y2 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    z = x1 * y2 - y1 * x2
    if m == 2 and n == 2:
        return z
    if m == 2:
        z2 = b[..., 2]
        x, y = y1 * z2, -(x1 * z2)
    elif n == 2:
        z1 = a[..., 2]
        x, y = -(z1 * y2), z1 * x2
    else:
        z1, z2 = a[..., 2], b[..., 2]
        x, y = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2
    return np.moveaxis(np.stack((x, y, z), axis=-1), -1, axisc)


@define(np.vecdot if hasattr(np, "vecdot") else None)
def vecdot(x1: Any, x2: Any, /, out: Any = None, *, axis: Any = -1) -> Any:
    """Products of vectors along an axis, the first one conjugated."""
    x1, x2 = np.asarray(x1), np.asarray(x2)
    a, b = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("vecdot: input operands have a mismatch in their core dimension")
    return np.sum(np.conj(a) * b, axis=-1, out=out)


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
