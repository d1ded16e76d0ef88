"""``scipy.interpolate``: piecewise polynomials and B-splines at places."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


def _outside(x: Any, first: Any, last: Any) -> Any:
    return ~((x >= first) & (x <= last))


def _at(c: Any, x: Any, xp: Any, dx: Any) -> Any:
    """Polynomials of rising intervals at places, or ``dx`` times differentiated, or integrated where it is negative."""
    place = np.clip(np.searchsorted(x, xp, side="right") - 1, 0, c.shape[1] - 1)
    step = (xp - x[place])[:, None]
    order = c.shape[0]
    found = np.zeros((xp.shape[0], *c.shape[2:]), c.dtype)
    for k in range(order - max(dx, 0)):
        power, factor = order - 1 - k, 1.0
        for j in range(dx):
            factor = factor * (power - j)
        for j in range(-dx):
            factor = factor / (power + 1 + j)
        found = found * step + factor * c[k][place]
    for _ in range(-dx):
        found = found * step
    return found


@stands_for("scipy.interpolate._ppoly.evaluate")
def evaluate(c: Any, x: Any, xp: Any, dx: Any, extrapolate: Any, out: Any) -> None:
    """Polynomials of rising intervals: ``c[k, i]`` are the coefficients of the interval ``i``, highest power first."""
    if dx < 0:
        refuse("an integral of a piecewise polynomial by a negative order", instead="call antiderivative")
    found = _at(c, x, xp, dx)
    if not extrapolate:
        found[_outside(xp, x[0], x[-1])] = np.nan
    out[...] = found


@stands_for("scipy.interpolate._ppoly.fix_continuity")
def fix_continuity(c: Any, x: Any, order: Any) -> None:
    """Constants by which piecewise polynomials and their derivatives, up to an order, have no jumps."""
    top = c.shape[0] - 1
    for i in range(1, c.shape[1]):
        step = x[i] - x[i - 1]
        for dx in range(order, -1, -1):
            value, factor = 0.0 * c[top, i], 1.0
            for k in range(top + 1 - dx):
                power, factor = top - k, 1.0
                for j in range(dx):
                    factor = factor * (power - j)
                value = value * step + factor * c[k, i - 1]
            # The constant's own factor is that of the last term: the factorial of dx.
            c[top - dx, i] = value / factor


@stands_for("scipy.interpolate._ppoly.integrate")
def integrate(c: Any, x: Any, a: Any, b: Any, extrapolate: Any, out: Any) -> None:
    """Integrals of piecewise polynomials, from ``a`` to a ``b`` that is not left of it."""
    ends = np.array([a * 1.0, b * 1.0])
    if not extrapolate and (a < x[0] or b > x[-1]):
        out[...] = np.nan
    else:
        # What the whole intervals left of each one hold.
        lengths = np.diff(x)[:, None]
        whole = np.zeros(c.shape[1:], c.dtype)
        for k in range(c.shape[0]):
            whole = (whole + c[k] / (c.shape[0] - k)) * lengths
        before = np.concatenate((np.zeros((1, *c.shape[2:])), np.cumsum(whole, axis=0)))
        place = np.clip(np.searchsorted(x, ends, side="right") - 1, 0, c.shape[1] - 1)
        found = before[place] + _at(c, x, ends, -1)
        out[...] = found[1] - found[0]


@stands_for("scipy.interpolate._dierckx.evaluate_spline")
def evaluate_spline(t: Any, c: Any, k: Any, xp: Any, nu: Any, extrapolate: Any) -> Any:
    """B-splines by de Boor's recurrence; derivatives by differences of the coefficients (de Boor, 1978)."""
    if nu > k:
        return np.zeros((xp.shape[0], c.shape[1]))
    place = np.clip(np.searchsorted(t, xp, side="right") - 1, k, t.shape[0] - k - 2)
    d = [c[place - k + j] for j in range(k + 1)]
    for r in range(1, k + 1):
        for j in range(k, r - 1, -1):
            left, right = t[place - k + j], t[place + 1 + j - r]
            if r <= nu:
                d[j] = (k - r + 1) * (d[j] - d[j - 1]) / (right - left)[:, None]
            else:
                a = ((xp - left) / (right - left))[:, None]
                d[j] = (1.0 - a) * d[j - 1] + a * d[j]
    found = d[k]
    if not extrapolate:
        found = found.copy()
        found[_outside(xp, t[k], t[-k - 1])] = np.nan
    return found


@stands_for("scipy.interpolate._interpnd._ndim_coords_from_arrays")
def ndim_coords_from_arrays(points: Any, ndim: Any = None) -> Any:
    """The points of coordinates that come one array for each axis, or in one array."""
    if isinstance(points, tuple) and len(points) == 1:
        points = points[0]
    if isinstance(points, tuple):
        return np.stack(np.broadcast_arrays(*[np.asarray(p) for p in points]), axis=-1) * 1.0
    found = np.asarray(points) * 1.0
    if found.ndim == 1:
        return found.reshape(-1, 1) if ndim is None or ndim == 1 else found.reshape(-1, ndim)
    return found


@stands_for("scipy.interpolate._rgi_cython.find_indices")
def find_indices(grid: Any, xi: Any) -> Any:
    """The grid's cell that each point is in, and where in it."""
    places, parts = [], []
    for axis in range(len(grid)):
        knots, x = np.asarray(grid[axis]), xi[axis]
        require(knots.shape[0] > 1, "a grid with one point along an axis")
        i = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.shape[0] - 2)
        places.append(i)
        parts.append((x - knots[i]) / (knots[i + 1] - knots[i]))
    return np.stack(places), np.stack(parts)


@stands_for("scipy.interpolate._rgi_cython.evaluate_linear_2d")
def evaluate_linear_2d(values: Any, indices: Any, norm_distances: Any, grid: Any, out: Any) -> Any:
    """Values between those at the corners of a cell."""
    i, j = indices[0], indices[1]
    p, q = norm_distances[0], norm_distances[1]
    low = values[i, j] * (1.0 - q) + values[i, j + 1] * q
    high = values[i + 1, j] * (1.0 - q) + values[i + 1, j + 1] * q
    return low * (1.0 - p) + high * p
