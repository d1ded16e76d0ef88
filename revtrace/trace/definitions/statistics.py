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
        return found.reshape([*leading, *shape])
    return found.reshape([*leading, *shape])[()]


def _parts(percents: Any) -> Any:
    return percents / 100 if type(percents) in (int, float) else np.asarray(percents) / 100


def _ordered(a: Any) -> Any:
    a = np.asarray(a)
    if a.dtype.kind == "c":
        refuse("the median or a quantile of complex numbers", "they have no order", "take real and imaginary parts")
    return a


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
#: Those that choose one of the numbers: the result has their dtype.
_CHOSEN = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")
#: Those whose value is a neighbour or the mean of both.
_AVERAGED = ("midpoint", "averaged_inverted_cdf")


def _choice(n: Any, q: Any, method: Any) -> Any:
    """The place of the q-quantile among n sorted numbers, for methods that choose one of these."""
    if method in ("lower", "higher", "nearest"):
        at = q * (n - 1)
        return int(np.floor(at) if method == "lower" else np.ceil(at) if method == "higher" else np.rint(at))
    at = n * q - 1.0 if method == "inverted_cdf" else n * q - 1.5
    low = np.floor(at)
    stays = at == low if method == "inverted_cdf" else at == low and low % 2 == 1
    return max(int(low if stays else low + 1), 0)


def _between(line: Any, n: Any, q: Any, method: Any) -> Any:
    """The q-quantile of n sorted numbers, of which one is chosen or two are averaged."""
    if method in _CHOSEN:
        return line[_choice(n, q, method)]
    if method == "midpoint":
        at = q * (n - 1)
        at = 0.5 * (np.floor(at) + np.ceil(at))
    elif method == "averaged_inverted_cdf":
        at = n * q - 1
        low = np.floor(at)
        at = min(max(low + 0.5 if at == low else low + 1, 0.0), n - 1.0)
    else:
        more, less = _PLACES[method]
        at = min(max(q * (n + more) + less, 0.0), n - 1.0)
    low = int(np.floor(at))
    high = min(low + 1, n - 1)
    part = at - low
    a, b = line[low], line[high]
    step = b - a
    return a + step * part if part < 0.5 else b - step * (1 - part)


def _weighed(line: Any, weights: Any, n: Any, q: Any) -> Any:
    """The least of n sorted numbers up to which their weights make up at least the part q of all."""
    total = 0.0
    for k in range(n):
        total += weights[k]
    require(0 < total < np.inf, "a quantile whose weights are zero or not finite")
    part, at = 0.0, n - 1
    for k in range(n):
        part += weights[k]
        if part > 0 and part / total >= q:
            at = k
            break
    return line[at]


def _weights_of(a: Any, axis: Any, weights: Any) -> Any:
    """The weight of each number; they may be given for one line, and hold for all."""
    weights = np.asarray(weights)
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        gone = as_axes(axis, a.ndim)
        if weights.shape != tuple([a.shape[k] for k in gone]):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        weights = np.transpose(weights, sorted(range(len(gone)), key=lambda i: gone[i]))
        weights = weights[tuple([slice(None) if k in gone else None for k in range(a.ndim)])]
        weights = np.broadcast_to(weights, a.shape)
    if np.any(weights < 0):
        raise ValueError("Weights must be non-negative.")
    return weights.astype(float)


def _quantiles(
    a: Any, q: Any, axis: Any, out: Any, keepdims: Any, leave_out: bool, method: Any, weights: Any, interpolation: Any
) -> Any:
    method = method if interpolation is None else interpolation
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    if method not in _PLACES and method not in _CHOSEN and method not in _AVERAGED:
        raise ValueError(f"{method!r} is not a valid method.")
    # A number of Python's has the dtype of the others.
    weak = type(q) in (int, float)
    a, q = _ordered(a), np.asarray(q)
    points = q.ravel()
    if not np.all((points >= 0) & (points <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    if a.dtype.kind != "f" and method not in _CHOSEN:
        a = a.astype(float)
    rows, shape = _rows(a, axis)
    count, n = rows.shape
    if not leave_out:
        require(n > 0, "a quantile of nothing")
    if weights is None:
        lines, shares = np.sort(rows, axis=1), None
    else:
        order = np.argsort(rows, axis=1)
        lines = np.take_along_axis(rows, order, axis=1)
        shares = np.take_along_axis(_rows(_weights_of(a, axis, weights), axis)[0].reshape(rows.shape), order, axis=1)
    kind = a.dtype if weak or method in _CHOSEN else np.result_type(a, q)
    if a.dtype.kind == "f":
        sizes = np.sum(~np.isnan(rows), axis=1)
        found = np.full((points.shape[0], count), np.nan, dtype=kind)
    else:
        sizes = np.full(count, n)
        found = np.zeros((points.shape[0], count), dtype=kind)
    for j in range(points.shape[0]):
        for i in range(count):
            m = sizes[i]
            if m > 0 and (leave_out or m == n):
                if shares is None:
                    found[j, i] = _between(lines[i], m, points[j], method)
                else:
                    found[j, i] = _weighed(lines[i], shares[i], m, points[j])
    found = _shaped(found, a, axis, shape, keepdims, q.shape)
    return finish(found if weights is None else np.asarray(found), out)


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
    return _quantiles(
        a,
        _parts(q),
        axis,
        out,
        keepdims,
        False,
        method,
        weights,
        interpolation,
    )


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
    return _quantiles(
        a,
        _parts(q),
        axis,
        out,
        keepdims,
        True,
        method,
        weights,
        interpolation,
    )


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
