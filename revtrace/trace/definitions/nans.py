"""Reductions that leave NaNs out."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import define, finish

__all__: list[str] = []


def _has_nans(a: Any) -> bool:
    return a.dtype.kind in "fc"


@define(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 0,
    where: Any = True,
) -> Any:  # fmt: skip
    """Sum, NaNs counting as zero."""
    a = np.asarray(a)
    if _has_nans(a):
        a = np.where(np.isnan(a), 0, a)
    return np.sum(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, initial=initial, where=where)


@define(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = 1,
    where: Any = True,
) -> Any:  # fmt: skip
    """Product, NaNs counting as one."""
    a = np.asarray(a)
    if _has_nans(a):
        a = np.where(np.isnan(a), 1, a)
    return np.prod(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, initial=initial, where=where)


@define(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum, NaNs counting as zero."""
    a = np.asarray(a)
    if _has_nans(a):
        a = np.where(np.isnan(a), 0, a)
    return np.cumsum(a, axis=axis, dtype=dtype, out=out)


@define(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product, NaNs counting as one."""
    a = np.asarray(a)
    if _has_nans(a):
        a = np.where(np.isnan(a), 1, a)
    return np.cumprod(a, axis=axis, dtype=dtype, out=out)


@define(np.nanmax)
def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    """Largest number that is not NaN; NaN where there is none."""
    a = np.asarray(a)
    if not _has_nans(a):
        return np.max(a, axis=axis, out=out, keepdims=keepdims, initial=initial, where=where)
    numbers = np.where(np.isnan(a), -np.inf, a)
    found = np.max(numbers, axis=axis, keepdims=keepdims, initial=initial, where=where)
    if initial is None:
        found = np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.nan, found)[()]
    return finish(found, out, True)


@define(np.nanmin)
def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    """Least number that is not NaN; NaN where there is none."""
    a = np.asarray(a)
    if not _has_nans(a):
        return np.min(a, axis=axis, out=out, keepdims=keepdims, initial=initial, where=where)
    numbers = np.where(np.isnan(a), np.inf, a)
    found = np.min(numbers, axis=axis, keepdims=keepdims, initial=initial, where=where)
    if initial is None:
        found = np.where(np.all(np.isnan(a), axis=axis, keepdims=keepdims), np.nan, found)[()]
    return finish(found, out, True)


@define(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """Place of the largest number that is not NaN."""
    a = np.asarray(a)
    if not _has_nans(a):
        return np.argmax(a, axis=axis, out=out, keepdims=keepdims)
    if np.any(np.all(np.isnan(a), axis=axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmax(np.where(np.isnan(a), -np.inf, a), axis=axis, out=out, keepdims=keepdims)


@define(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """Place of the least number that is not NaN."""
    a = np.asarray(a)
    if not _has_nans(a):
        return np.argmin(a, axis=axis, out=out, keepdims=keepdims)
    if np.any(np.all(np.isnan(a), axis=axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmin(np.where(np.isnan(a), np.inf, a), axis=axis, out=out, keepdims=keepdims)


def _inexact(a: Any, dtype: Any) -> None:
    if dtype is not None and a.dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise TypeError("If a is inexact, then dtype must be inexact")


@define(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    """Mean of the numbers that are not NaN."""
    a = np.asarray(a)
    _inexact(a, dtype)
    if not _has_nans(a):
        return np.mean(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, where=where)
    missing = np.isnan(a)
    total = np.sum(np.where(missing, 0, a), axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    count = np.sum(~missing, axis=axis, keepdims=keepdims, where=where)
    return finish(total / count.astype(total.real.dtype), out, True)


@define(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Variance of the numbers that are not NaN; NaN where too few are left."""
    a = np.asarray(a)
    _inexact(a, dtype)
    if correction is not None:
        ddof = correction
    if not _has_nans(a):
        return np.var(a, axis=axis, dtype=dtype, out=out, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
    missing = np.isnan(a)
    filled = np.where(missing, 0, a)
    count = np.sum(~missing, axis=axis, keepdims=True, where=where)
    if mean is None:
        sums = np.sum(filled, axis=axis, dtype=dtype, keepdims=True, where=where)
        mean = sums / count.astype(sums.real.dtype)
    if a.dtype.kind == "f" and np.iscomplexobj(mean):
        mean = mean.real
    # The gaps are rounded to the dtype of the numbers; the sums have the one that is asked for.
    gap = np.where(missing, 0, filled - mean).astype(a.dtype)
    square = gap * gap if a.dtype.kind == "f" else (gap * np.conj(gap)).real
    total = np.sum(square, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    freedom = np.sum(~missing, axis=axis, keepdims=keepdims, where=where) - ddof
    divisor = np.where(freedom > 0, freedom, 1).astype(total.real.dtype)
    return finish(np.where(freedom > 0, total / divisor, np.nan)[()].astype(total.dtype), out, True)


@define(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Standard deviation of the numbers that are not NaN."""
    found = nanvar(
        a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean, correction=correction
    )
    return finish(np.sqrt(found), out, True)
