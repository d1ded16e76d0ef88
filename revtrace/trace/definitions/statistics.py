"""Order statistics, histograms and weighted counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.axes import as_axes
from revtrace.trace.definitions.register import define, finish, refuse, require

__all__: list[str] = []


def _rows(a: Any, axis: Any) -> Any:
    """The lines that a statistic is taken of, as rows, and the shape of the other axes."""
    gone = as_axes(axis, a.ndim)
    kept = [k for k in range(a.ndim) if k not in gone]
    shape = [a.shape[k] for k in kept]
    count = 1
    for n in shape:
        count = count * n
    length = 1
    for k in gone:
        length = length * a.shape[k]
    return np.transpose(a, kept + gone).reshape((count, length)), shape


def _shaped(found: Any, a: Any, axis: Any, shape: Any, keepdims: Any, leading: Any = ()) -> Any:
    """Give statistics the axes that are left."""
    if keepdims:
        gone = as_axes(axis, a.ndim)
        shape = [1 if k in gone else a.shape[k] for k in range(a.ndim)]
    return found.reshape([*leading, *shape])[()]


def _floating(a: Any) -> Any:
    a = np.asarray(a)
    if a.dtype.kind == "c":
        refuse("the median or a quantile of complex numbers", "they have no order", "take real and imaginary parts")
    return a if a.dtype.kind == "f" else a.astype(float)


@define(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """Middle of sorted numbers; NaN if one is NaN."""
    a = np.asarray(a)
    if a.dtype.kind not in "fc":
        a = a.astype(float)
    rows, shape = _rows(a, axis)
    n = rows.shape[1]
    if n == 0:
        return finish(_shaped(np.mean(rows, axis=1), a, axis, shape, keepdims), out, True)
    lines = np.sort(rows, axis=1)
    middle = lines[:, n // 2] if n % 2 else (lines[:, (n - 1) // 2] + lines[:, n // 2]) / 2
    found = np.where(np.isnan(lines[:, n - 1]), lines[:, n - 1], middle)
    return finish(_shaped(found, a, axis, shape, keepdims), out, True)


@define(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """Middle of the sorted numbers that are not NaN."""
    a = np.asarray(a)
    if a.dtype.kind not in "fc":
        a = a.astype(float)
    rows, shape = _rows(a, axis)
    count = rows.shape[0]
    lines = np.sort(rows, axis=1)
    sizes = np.sum(~np.isnan(rows), axis=1)
    found = np.full(count, np.nan, dtype=a.dtype)
    for i in range(count):
        m = sizes[i]
        if m > 0:
            found[i] = (lines[i, (m - 1) // 2] + lines[i, m // 2]) / 2
    return finish(_shaped(found, a, axis, shape, keepdims), out)


#: Places of quantiles among n sorted numbers that start at 0: q (n + c) + d, whose numbers Hyndman and Fan's (1996)
#: definitions 4 to 9 choose.
_PLACES = {
    "linear": (-1.0, 0.0), "interpolated_inverted_cdf": (0.0, -1.0), "hazen": (0.0, -0.5), "weibull": (1.0, -1.0),
    "median_unbiased": (1.0 / 3.0, -2.0 / 3.0), "normal_unbiased": (0.25, -0.625),
}  # fmt: skip
#: Those that choose a neighbour of the linear one's place.
_CHOSEN = ("lower", "higher", "midpoint", "nearest")


def _between(line: Any, n: Any, q: Any, method: Any) -> Any:
    """The q-quantile of n sorted numbers, between its neighbours."""
    if method in _CHOSEN:
        at = q * (n - 1)
        if method == "nearest":
            at = np.rint(at)
        low, high = int(np.floor(at)), int(np.ceil(at))
        if method == "midpoint":
            return 0.5 * (line[low] + line[high])
        return line[high] if method == "higher" else line[low]
    more, less = _PLACES[method]
    at = min(max(q * (n + more) + less, 0.0), n - 1.0)
    low = int(np.floor(at))
    high = min(low + 1, n - 1)
    part = at - low
    a, b = line[low], line[high]
    step = b - a
    return a + step * part if part < 0.5 else b - step * (1 - part)


def _quantiles(
    a: Any, q: Any, axis: Any, out: Any, keepdims: Any, leave_out: bool, method: Any, weights: Any, interpolation: Any
) -> Any:
    if weights is not None:
        refuse("a quantile with the argument 'weights'")
    method = method if interpolation is None else interpolation
    if method not in _PLACES and method not in _CHOSEN:
        refuse(f"a quantile with method={method!r}", "its value jumps between neighbours", "use another method")
    a, q = _floating(a), np.asarray(q)
    points = q.ravel()
    if not np.all((points >= 0) & (points <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    rows, shape = _rows(a, axis)
    count, n = rows.shape
    if not leave_out:
        require(n > 0, "a quantile of nothing")
    lines = np.sort(rows, axis=1)
    sizes = np.sum(~np.isnan(rows), axis=1)
    found = np.full((points.shape[0], count), np.nan, dtype=np.result_type(a, q) if q.ndim else a.dtype)
    for j in range(points.shape[0]):
        for i in range(count):
            m = sizes[i]
            if m > 0 and (leave_out or m == n):
                found[j, i] = _between(lines[i], m, points[j], method)
    return finish(_shaped(found, a, axis, shape, keepdims, q.shape), out)


@define(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles, interpolated between neighbours; NaN if one number is NaN."""
    return _quantiles(a, q, axis, out, keepdims, False, method, weights, interpolation)


@define(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles given in hundredths."""
    return _quantiles(a, np.asarray(q) / 100, axis, out, keepdims, False, method, weights, interpolation)


@define(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles of the numbers that are not NaN."""
    return _quantiles(a, q, axis, out, keepdims, True, method, weights, interpolation)


@define(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
    keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
) -> Any:  # fmt: skip
    """Quantiles of the numbers that are not NaN, given in hundredths."""
    return _quantiles(a, np.asarray(q) / 100, axis, out, keepdims, True, method, weights, interpolation)


# counting ---------------------------------------------------------------------------------------


@define(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """How often each integer occurs, or the sum of its weights."""
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    n = x.shape[0]
    top = -1
    for i in range(n):
        if x[i] < 0:
            raise ValueError("'list' argument must have no negative elements")
        top = max(top, int(x[i]))
    size = max(top + 1, minlength)
    if weights is None:
        counts = np.zeros(size, dtype=np.int64)
        for i in range(n):
            counts[x[i]] += 1
        return counts
    weights = np.asarray(weights)
    if weights.dtype.kind == "c":
        raise TypeError("Cannot cast array data from dtype('complex128') to dtype('float64')")
    if weights.shape[0] != n:
        raise ValueError("The weights and list don't have the same length.")
    sums = np.zeros(size)
    for i in range(n):
        sums[x[i]] += weights[i]
    return sums


def _edges(a: Any, bins: Any, span: Any) -> Any:
    """Edges of bins, and whether they have one width."""
    if isinstance(bins, str):
        refuse("a histogram with bins chosen by name", "how many there are depends on the numbers", "give their number")
    if np.ndim(bins) == 1:
        edges = np.asarray(bins)
        if np.any(edges[:-1] > edges[1:]):
            raise ValueError("`bins` must increase monotonically, when an array")
        return edges, False
    if bins < 1:
        raise ValueError("`bins` must be positive, when an integer")
    if span is not None:
        first, last = span
        if first > last:
            raise ValueError("max must be larger than min in range parameter.")
    elif a.size == 0:
        first, last = 0.0, 1.0
    else:
        first, last = a.min(), a.max()
    if first == last:
        first, last = first - 0.5, last + 0.5
    kind = np.result_type(first, last, a)
    return np.linspace(first, last, bins + 1, dtype=kind if kind.kind == "f" else None), True


@define(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Edges of the bins of a histogram."""
    return _edges(np.asarray(a).ravel(), bins, range)[0]


@define(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts, or sums of weights, of numbers by bins; the last bin holds its upper edge too."""
    a = np.asarray(a).ravel()
    if weights is not None:
        weights = np.asarray(weights)
        if weights.size != a.size:
            raise ValueError("weights should have the same shape as a.")
        weights = weights.ravel()
    edges, uniform = _edges(a, bins, range)
    count = edges.shape[0] - 1
    found = np.zeros(count, dtype=np.int64 if weights is None else weights.dtype)
    first, last = edges[0], edges[count]
    for i, value in enumerate(a):
        if value >= first and value <= last:
            if uniform:
                at = min(int((value - first) / (last - first) * count), count - 1)
                if value < edges[at]:
                    at -= 1
                elif at != count - 1 and value >= edges[at + 1]:
                    at += 1
            else:
                at = min(np.searchsorted(edges, value, "right") - 1, count - 1)
            found[at] += 1 if weights is None else weights[i]
    if density:
        return found / np.diff(edges) / found.sum(), edges
    return found, edges


@define(np.digitize)
def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """Which bin each number falls into; the bins may rise or fall."""
    bins = np.asarray(bins)
    rises, falls = np.all(bins[:-1] <= bins[1:]), np.all(bins[:-1] >= bins[1:])
    if not (rises or falls):
        raise ValueError("bins must be monotonically increasing or decreasing")
    side: Any = "left" if right else "right"
    upward = np.searchsorted(bins, x, side)
    return np.asarray(np.where(rises, upward, bins.shape[0] - np.searchsorted(bins[::-1], x, side)))[()]
