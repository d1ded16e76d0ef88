"""``scipy.signal`` and ``scipy.ndimage``: filters whose inner loops are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__ = ["linear_filter", "widened"]


@stands_for("scipy.signal._sigtools._linear_filter")
def linear_filter(b: Any, a: Any, X: Any, Dim: Any = -1, Vi: Any = None) -> Any:
    """A recursive filter along an axis, in the transposed direct form (Oppenheim and Schafer, section 6.3)."""
    b, a, x = np.atleast_1d(b), np.atleast_1d(a), np.moveaxis(np.asarray(X), Dim, 0)
    order = max(len(a), len(b)) - 1
    b, a = b / a[0], a / a[0]
    b, a = np.concatenate((b, np.zeros(order + 1 - len(b)))), np.concatenate((a, np.zeros(order + 1 - len(a))))
    y = np.zeros(x.shape, (x[:0].ravel() + b[:0] + a[:0]).dtype)
    # What is in the delays; the last one is always empty.
    z = np.zeros((order + 1, *x.shape[1:]), y.dtype)
    if Vi is not None:
        z[:order] = np.moveaxis(np.asarray(Vi), Dim, 0)
    column = (order,) + (1,) * (x.ndim - 1)
    p, q = b[1:].reshape(column), a[1:].reshape(column)
    for n in range(x.shape[0]):
        y[n] = b[0] * x[n] + z[0]
        z[:order] = z[1:] + p * x[n] - q * y[n]
    found = np.moveaxis(y, 0, Dim)
    return found if Vi is None else (found, np.moveaxis(z[:order], 0, Dim))


@stands_for("scipy.signal._sosfilt._sosfilt")
def sosfilt(sos: Any, x: Any, zi: Any) -> None:
    """Filters of the second order, one after the other, in place: signals are the rows of ``x``."""
    for s in range(sos.shape[0]):
        for n in range(x.shape[1]):
            now = x[:, n].copy()
            x[:, n] = sos[s, 0] * now + zi[:, s, 0]
            zi[:, s, 0] = sos[s, 1] * now - sos[s, 4] * x[:, n] + zi[:, s, 1]
            zi[:, s, 1] = sos[s, 2] * now - sos[s, 5] * x[:, n]


def _slid(image: Any, kernel: Any, mode: Any, boundary: Any, fillvalue: Any, convolved: Any) -> Any:
    image, kernel = np.asarray(image), np.asarray(kernel)
    if image.ndim != 2 or kernel.ndim != 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    (h, w), (m, n) = image.shape, kernel.shape
    if mode == "valid":
        require(m <= h and n <= w, "a kernel larger than the image with mode='valid'")
    margins = ((m - 1, m - 1), (n - 1, n - 1))
    if boundary in ("fill", "pad"):
        wide = np.pad(image, margins, constant_values=fillvalue)
    elif boundary in ("wrap", "circular"):
        wide = np.pad(image, margins, "wrap")
    elif boundary in ("symm", "symmetric"):
        wide = np.pad(image, margins, "symmetric")
    else:
        raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm').")
    if mode == "full":
        top, left, rows, columns = 0, 0, h + m - 1, w + n - 1
    elif mode == "same":
        top, left = ((m - 1) // 2, (n - 1) // 2) if convolved else (m // 2, n // 2)
        rows, columns = h, w
    elif mode == "valid":
        top, left, rows, columns = m - 1, n - 1, h - m + 1, w - n + 1
    else:
        raise ValueError("Acceptable mode flags are 'valid', 'same', or 'full'.")
    if convolved:
        kernel = kernel[::-1, ::-1]
    found = np.zeros((rows, columns), (image.ravel()[:0] * kernel.ravel()[:0]).dtype)
    for i in range(m):
        for j in range(n):
            found += kernel[i, j] * wide[top + i : top + i + rows, left + j : left + j + columns]
    return found


@stands_for("scipy.signal.convolve2d")
def convolve2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    """Two images convolved."""
    return _slid(in1, in2, mode, boundary, fillvalue, True)


@stands_for("scipy.signal.correlate2d")
def correlate2d(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
    """Two images correlated."""
    return _slid(in1, np.conj(in2), mode, boundary, fillvalue, False)


# scipy.ndimage --------------------------------------------------------------------------

#: What NumPy calls the extension modes, by SciPy's numbers for them.
_MARGINS: Any = ("edge", "wrap", "symmetric", "reflect", "constant")


def widened(x: Any, before: Any, after: Any, mode: Any, cval: Any) -> Any:
    """An array with margins at the first axis."""
    margins = ((before, after),) + ((0, 0),) * (x.ndim - 1)
    if mode == 4:
        return np.pad(x, margins, constant_values=cval)
    return np.pad(x, margins, _MARGINS[mode])


@stands_for("scipy.ndimage._nd_image.correlate1d")
def correlate1d(input: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any) -> None:
    """Weighted sums of neighbours along an axis."""
    x = np.moveaxis(input, axis, 0)
    size = weights.shape[0]
    before = size // 2 + origin
    wide = widened(x * 1.0, before, size - 1 - before, mode, cval)
    found = np.zeros(x.shape)
    for k in range(size):
        found += weights[k] * wide[k : k + x.shape[0]]
    output[...] = np.moveaxis(found, 0, axis)


@stands_for("scipy.ndimage._nd_image.uniform_filter1d")
def uniform_filter1d(input: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any) -> None:
    """Means of neighbours along an axis."""
    correlate1d(input, np.full(size, 1.0 / size), axis, output, mode, cval, origin)


@stands_for("scipy.ndimage._nd_image.correlate")
def correlate(input: Any, weights: Any, output: Any, mode: Any, cval: Any, origins: Any) -> None:
    """Weighted sums of neighbours along all axes."""
    wide = input * 1.0
    for axis in range(input.ndim):
        size = weights.shape[axis]
        before = size // 2 + origins[axis]
        wide = np.moveaxis(widened(np.moveaxis(wide, axis, 0), before, size - 1 - before, mode, cval), 0, axis)
    found = np.zeros(input.shape)
    for place in np.ndindex(weights.shape):
        part = wide
        for axis in range(input.ndim):
            part = np.moveaxis(np.moveaxis(part, axis, 0)[place[axis] : place[axis] + input.shape[axis]], 0, axis)
        found += weights[place] * part
    output[...] = found


@stands_for("scipy.signal.upfirdn", "scipy.signal._upfirdn.upfirdn")
def upfirdn(
    h: Any, x: Any, up: Any = 1, down: Any = 1, axis: Any = -1, mode: Any = "constant", cval: Any = 0
) -> Any:  # fmt: skip
    """Put zeros between the numbers of a signal, filter it, and take some of what comes."""
    if mode not in (None, "constant") or cval not in (None, 0):
        refuse("scipy.signal.upfirdn with numbers beyond the ends", "its rule has zeros there", "pad the signal")
    h, lines = np.asarray(h), np.moveaxis(np.asarray(x), axis, -1)
    if h.ndim != 1 or h.size == 0:
        raise ValueError("h must be 1-D with non-zero length")
    dtype = np.result_type(h, lines, np.float32)
    count = (lines.shape[-1] - 1) * up + 1
    apart = np.zeros((*lines.shape[:-1], count), dtype=dtype)
    apart[..., ::up] = lines
    out = np.zeros((*lines.shape[:-1], count + h.shape[0] - 1), dtype=dtype)
    for k in range(h.shape[0]):
        out[..., k : k + count] += h[k] * apart
    return np.moveaxis(out[..., ::down], -1, axis)


@stands_for("scipy.signal._upfirdn_apply._output_len")
def output_length(len_h: Any, in_len: Any, up: Any, down: Any) -> Any:
    """How many numbers `upfirdn` returns."""
    return ((in_len - 1) * up + len_h - 1) // down + 1
