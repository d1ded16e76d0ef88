"""``scipy.ndimage``: images at places between their points, by B-splines of evenly spaced knots.

How a place outside of an image is mapped into it, and how the image goes on there, is told by SciPy's numbers for
the modes: 0 nearest, 1 wrap, 2 reflect, 3 mirror, 4 constant, 5 grid-wrap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.trace.callables.user_rules import opaque
from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


def _weights(order: Any, part: Any) -> Any:
    """The B-splines that are not zero, where ``part`` is the way from the last knot to the next."""
    found = [1.0 + 0.0 * part]
    for j in range(1, order + 1):
        rising, following = 0.0 * part, []
        for r in range(j):
            following.append(rising + (r + 1 - part) / j * found[r])
            rising = (part + (j - 1 - r)) / j * found[r]
        following.append(rising)
        found = following
    return found


def _folded(i: Any, n: Any, mode: Any) -> Any:
    """The points that stand for those outside."""
    if mode == 5:
        return i % n
    if mode in (0, 2):
        i = i % (2 * n)
        return np.where(i >= n, 2 * n - 1 - i, i)
    period = max(2 * n - 2, 1)
    i = i % period
    return np.where(i >= n, period - i, i)


def _mapped(c: Any, n: Any, mode: Any) -> Any:
    """The places that stand for those outside."""
    last = n - 1.0
    if mode == 0:
        return np.clip(c, 0.0, last)
    if mode == 1:
        left = c + last * (np.floor(-c / last) + 1.0)
        return np.where(c < 0.0, left, np.where(c > last, c - last * np.floor(c / last), c))
    if mode == 2:
        c = (c + 0.5) % (2.0 * n) - 0.5
        return np.where(c > n - 0.5, 2.0 * n - 1.0 - c, c)
    if mode == 3:
        c = c % max(2.0 * last, 1.0)
        return np.where(c > last, 2.0 * last - c, c)
    return c % n


def _sampled(image: Any, places: Any, order: Any, mode: Any, cval: Any, npad: Any) -> Any:
    """An image at places, of which each axis has an array."""
    if mode not in (0, 1, 2, 3, 4, 5):
        refuse("an image at places between its points with mode='grid-constant'", instead="use mode='constant'")
    outside = False
    indices, weights = [], []
    for axis, place in enumerate(places):
        n = image.shape[axis]
        c = place + npad
        if mode == 4:
            gone = (c < 0.0) | (c > n - 1.0)
            outside = outside | gone
            c = np.where(gone, 0.0, c)
        else:
            c = _mapped(c, n, mode)
        first = np.floor(c) if order % 2 else np.floor(c + 0.5)
        weights.append(_weights(order, c - first + (0.0 if order % 2 else 0.5)))
        start = first.astype(np.intp) - order // 2
        indices.append([_folded(start + k, n, mode) for k in range(order + 1)])
    total = 0.0
    for which in np.ndindex((order + 1,) * len(places)):
        weight, at = 1.0, []
        for axis, k in enumerate(which):
            weight = weight * weights[axis][k]
            at.append(indices[axis][k])
        total = total + weight * image[tuple(at)]
    return np.where(outside, cval, total) if mode == 4 else total


def _filtered(x: Any, facts: Any) -> Any:
    from scipy.ndimage import _nd_image  # type: ignore[import-untyped,unused-ignore]

    out = np.empty_like(x)
    _nd_image.spline_filter1d(x, int(facts[0]), 0, out, int(facts[1]))
    return out


# SciPy's own coefficients, of unit vectors: how it begins its recursions differs from release to release.
enter(Row("spline coefficients", _filtered, why_zero="what it is called with here does not vary"))
_coefficients = opaque("spline coefficients", (0,), 1)


@stands_for("scipy.ndimage._nd_image.spline_filter1d")
def spline_filter1d(input: Any, order: Any, axis: Any, output: Any, mode: Any) -> None:
    """The coefficients of the spline through the points along an axis."""
    x = np.moveaxis(input * 1.0, axis, 0)
    n = x.shape[0]
    (matrix,) = _coefficients(np.eye(n), np.array([order, mode]))
    found = matrix @ np.reshape(x, (n, -1))
    output[...] = np.moveaxis(np.reshape(found, x.shape), 0, axis)


@stands_for("scipy.ndimage._nd_image.geometric_transform")
def geometric_transform(
    input: Any, mapping: Any, coordinates: Any, matrix: Any, shift: Any, output: Any, order: Any, mode: Any, cval: Any,
    npad: Any, extra_arguments: Any, extra_keywords: Any,
) -> None:  # fmt: skip
    """An image at given places, or at those that a matrix maps the output's to."""
    if mapping is not None:
        refuse("scipy.ndimage.geometric_transform", instead="call map_coordinates with an array of the places")
    if coordinates is not None:
        places = [coordinates[axis] * 1.0 for axis in range(input.ndim)]
    else:
        places = []
        for axis in range(input.ndim):
            place = shift[axis]
            for k in range(output.ndim):
                step = np.reshape(np.arange(output.shape[k]), (-1,) + (1,) * (output.ndim - 1 - k))
                place = place + matrix[axis, k] * step
            places.append(place)
    output[...] = _sampled(input, places, order, mode, cval, npad)


@stands_for("scipy.ndimage._nd_image.zoom_shift")
def zoom_shift(
    input: Any, zoom: Any, shift: Any, output: Any, order: Any, mode: Any, cval: Any, npad: Any, grid_mode: Any
) -> None:
    """An image stretched and moved along its axes."""
    places = []
    for axis in range(input.ndim):
        place = np.arange(output.shape[axis]) * 1.0
        if shift is not None:
            place = place + shift[axis]
        if zoom is not None:
            place = (place + 0.5) * zoom[axis] - 0.5 if grid_mode else place * zoom[axis]
        places.append(np.reshape(place, (-1,) + (1,) * (input.ndim - 1 - axis)))
    output[...] = _sampled(input, places, order, mode, cval, npad)
