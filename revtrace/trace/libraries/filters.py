"""``scipy.signal`` and ``scipy.ndimage``: filters that run both ways, and filters that choose a neighbour."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for
from revtrace.trace.libraries.signal import linear_filter, widened

__all__: list[str] = []

# both ways -------------------------------------------------------------------------------


@stands_for("scipy.signal.lfilter_zi")
def lfilter_zi(b: Any, a: Any) -> Any:
    """What is in the delays of a filter that has always been given ones."""
    b, a = np.atleast_1d(b) / np.atleast_1d(a)[0], np.atleast_1d(a) / np.atleast_1d(a)[0]
    n = max(len(a), len(b))
    b, a = np.concatenate((b, np.zeros(n - len(b)))), np.concatenate((a, np.zeros(n - len(a))))
    # The state that a step of the filter returns: z[k] = z[k + 1] + b[k + 1] - a[k + 1] y with y = b[0] + z[0].
    step = np.eye(n - 1) - np.eye(n - 1, k=1)
    step[:, 0] = step[:, 0] + a[1:]
    return np.linalg.solve(step, b[1:] - a[1:] * b[0])


def _extended(x: Any, edge: Any, padtype: Any) -> Any:
    """Continue a signal at both ends, along its first axis."""
    if padtype is None or edge == 0:
        return x
    before, after = x[edge:0:-1], x[-2 : -(edge + 2) : -1]
    if padtype == "odd":
        before, after = 2.0 * x[:1] - before, 2.0 * x[-1:] - after
    elif padtype == "constant":
        before, after = x[:1] + 0.0 * before, x[-1:] + 0.0 * after
    elif padtype != "even":
        raise ValueError(f"Unknown value '{padtype}' for padtype.  padtype must be 'even', 'odd', 'constant', or None.")
    return np.concatenate((before, x, after))


@stands_for("scipy.signal.filtfilt")
def filtfilt(
    b: Any, a: Any, x: Any, axis: Any = -1, padtype: Any = "odd", padlen: Any = None, method: Any = "pad",
    irlen: Any = None,
) -> Any:  # fmt: skip
    """A recursive filter, forward and then backward."""
    if method != "pad":
        refuse("scipy.signal.filtfilt with method='gust'", instead="use method='pad'")
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    x = np.moveaxis(np.asarray(x) * 1.0, axis, 0)
    edge = 3 * max(len(a), len(b)) if padlen is None else padlen
    edge = 0 if padtype is None else edge
    if x.shape[0] <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    rest = np.reshape(lfilter_zi(b, a), (-1,) + (1,) * (x.ndim - 1))
    y = _extended(x, edge, padtype)
    for _ in range(2):
        y = linear_filter(b, a, y, 0, rest * y[0])[0][::-1]
    return np.moveaxis(y[edge : y.shape[0] - edge], 0, axis)


@stands_for("scipy.signal.sosfilt")
def sosfilt(sos: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """Filters of the second order, one after the other."""
    y = np.asarray(x) * 1.0
    sections = np.asarray(sos)
    if zi is None:
        for section in sections:
            y = linear_filter(section[:3], section[3:], y, axis)
        return y
    zi, rests = np.asarray(zi), []
    for k in range(sections.shape[0]):
        y, rest = linear_filter(sections[k, :3], sections[k, 3:], y, axis, zi[k])
        rests.append(rest)
    return y, np.stack(rests)


@stands_for("scipy.signal.sosfiltfilt")
def sosfiltfilt(sos: Any, x: Any, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Any:
    """Filters of the second order, forward and then backward."""
    sos = np.asarray(sos)
    x = np.moveaxis(np.asarray(x) * 1.0, axis, 0)
    count = sos.shape[0]
    if padlen is None:
        zeros = min(np.sum(sos[:, 2] == 0), np.sum(sos[:, 5] == 0))
        padlen = 3 * (2 * count + 1 - zeros)
    edge = 0 if padtype is None else padlen
    if x.shape[0] <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    y = _extended(x, edge, padtype)
    for _ in range(2):
        first, scale = y[0], 1.0
        for section in sos:
            rest = scale * lfilter_zi(section[:3], section[3:])
            scale = scale * np.sum(section[:3]) / np.sum(section[3:])
            rest = np.reshape(rest, (-1,) + (1,) * (x.ndim - 1)) * first
            y = linear_filter(section[:3], section[3:], y, 0, rest)[0]
        y = y[::-1]
    return np.moveaxis(y[edge : y.shape[0] - edge], 0, axis)


# neighbours that are chosen --------------------------------------------------------------


@stands_for("scipy.ndimage._nd_image.min_or_max_filter1d")
def min_or_max_filter1d(
    input: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any, minimum: Any
) -> None:
    """The least or the greatest of neighbours along an axis."""
    x = np.moveaxis(input, axis, 0)
    before = size // 2 + origin
    wide = widened(x * 1.0, before, size - 1 - before, mode, cval)
    found = wide[: x.shape[0]]
    for k in range(1, size):
        part = wide[k : k + x.shape[0]]
        found = np.minimum(found, part) if minimum else np.maximum(found, part)
    output[...] = np.moveaxis(found, 0, axis)


def _neighbours(input: Any, footprint: Any, mode: Any, cval: Any, origins: Any) -> Any:
    """The neighbours of each element that a footprint tells, along a new first axis."""
    wide = input * 1.0
    for axis in range(input.ndim):
        size = footprint.shape[axis]
        before = size // 2 + origins[axis]
        wide = np.moveaxis(widened(np.moveaxis(wide, axis, 0), before, size - 1 - before, mode, cval), 0, axis)
    parts = []
    for place in np.ndindex(footprint.shape):
        if footprint[place]:
            part = wide
            for axis in range(input.ndim):
                part = np.moveaxis(np.moveaxis(part, axis, 0)[place[axis] : place[axis] + input.shape[axis]], 0, axis)
            parts.append(part)
    return np.stack(parts)


@stands_for("scipy.ndimage._nd_image.min_or_max_filter")
def min_or_max_filter(
    input: Any, footprint: Any, structure: Any, output: Any, mode: Any, cval: Any, origins: Any, minimum: Any
) -> None:
    """The least or the greatest of the neighbours that a footprint tells."""
    if structure is not None:
        refuse("a filter of scipy.ndimage with a structure", instead="give a footprint")
    parts = _neighbours(input, footprint, mode, cval, origins)
    output[...] = np.min(parts, axis=0) if minimum else np.max(parts, axis=0)


@stands_for("scipy.ndimage._nd_image.rank_filter")
def rank_filter(input: Any, rank: Any, footprint: Any, output: Any, mode: Any, cval: Any, origins: Any) -> None:
    """The neighbour of a rank, the neighbours being those of a footprint."""
    output[...] = np.sort(_neighbours(input, footprint, mode, cval, origins), axis=0)[rank]


@stands_for("scipy.ndimage._rank_filter_1d.rank_filter")
def rank_filter_1d(input: Any, rank: Any, filter_size: Any, output: Any, mode: Any, cval: Any, origin: Any) -> None:
    """The neighbour of a rank in a sequence."""
    rank_filter(input, rank, np.ones(filter_size, bool), output, mode, cval, (origin,))
