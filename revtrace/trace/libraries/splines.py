"""``scipy.interpolate``: B-splines, how their coefficients are found, and the classes of FITPACK's splines.

The recurrences are de Boor's (A Practical Guide to Splines, 1978): chapter X for values, chapter XIII for
interpolation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.interpolate import evaluate_spline
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


# values of the basis ------------------------------------------------------------------------


def _places(t: Any, k: Any, x: Any) -> Any:
    """The last knot that is not right of each number, among those that begin an interval of the base."""
    return np.clip(np.searchsorted(t, x, side="right") - 1, k, t.shape[0] - k - 2)


def _basis(t: Any, k: Any, x: Any, place: Any) -> Any:
    """The k + 1 elements of the basis that are not zero, the first one first."""
    found = [np.ones(np.shape(x))]
    for j in range(1, k + 1):
        rising, following = 0.0 * x, []
        for r in range(j):
            right, left = t[place + r + 1], t[place + r + 1 - j]
            part = found[r] / (right - left)
            following.append(rising + (right - x) * part)
            rising = (x - left) * part
        following.append(rising)
        found = following
    return found


@stands_for("scipy.interpolate._dierckx.find_interval")
def find_interval(t: Any, k: Any, xval: Any, prev: Any, extrapolate: Any) -> Any:
    """The interval that a number is in, or -1."""
    if not extrapolate and (xval < t[k] or xval > t[t.shape[0] - k - 1]):
        return -1
    return int(_places(t, k, xval))


@stands_for("scipy.interpolate._dierckx.evaluate_all_bspl")
def evaluate_all_bspl(t: Any, k: Any, xval: Any, m: Any, nu: Any = 0) -> Any:
    """The elements of the basis that are not zero at a number, or derivatives of them."""
    if nu == 0:
        return np.array(_basis(t, k, xval, m))
    found = np.zeros(k + 1)
    for r in range(k + 1):
        chosen = np.zeros((t.shape[0] - k - 1, 1))
        chosen[m - k + r, 0] = 1.0
        found[r] = evaluate_spline(t, chosen, k, np.array([xval * 1.0]), nu, True)[0, 0]
    return found


@stands_for("scipy.interpolate._dierckx.data_matrix")
def data_matrix(x: Any, t: Any, k: Any, w: Any, extrapolate: Any = False) -> Any:
    """Elements of the basis at places times weights, the first of them, and how many coefficients there are."""
    place = _places(t, k, x)
    rows = np.stack(_basis(t, k, x, place), axis=1) * w[:, None]
    if not extrapolate:
        require(np.all((x >= t[k]) & (x <= t[t.shape[0] - k - 1])), "a place outside of a spline's base interval")
    return rows, place - k, t.shape[0] - k - 1


@stands_for("scipy.interpolate._dierckx._coloc")
def colocation(x: Any, t: Any, k: Any, ab: Any, offset: Any = 0) -> None:
    """The matrix of interpolation, its diagonals in the columns of ``ab``."""
    place = _places(t, k, x)
    values = _basis(t, k, x, place)
    rows = np.arange(x.shape[0]) + offset
    for r in range(k + 1):
        columns = place - k + r
        ab[columns, 2 * k + rows - columns] = values[r]


@stands_for("scipy.linalg.lapack.get_lapack_funcs")
def get_lapack_funcs(names: Any, arrays: Any = (), dtype: Any = None, ilp64: Any = False) -> Any:
    """LAPACK's routines of the given names: those that SciPy's own plain code calls."""
    if isinstance(names, str):
        return _routine(names)
    return [_routine(name) for name in names]


def _routine(name: Any) -> Any:
    if name == "gbsv":
        return _gbsv
    if name == "ptsv":
        return _ptsv
    refuse(f"LAPACK's routine {name!r}", instead="use scipy.linalg.solve, solve_banded or cho_solve")
    return None


def _gbsv(kl: Any, ku: Any, ab: Any, b: Any, overwrite_ab: Any = 0, overwrite_b: Any = 0) -> Any:
    from scipy import linalg  # type: ignore[import-untyped,unused-ignore]

    return None, None, linalg.solve_banded((kl, ku), ab[kl:], b), 0


def _ptsv(d: Any, e: Any, b: Any, overwrite_d: Any = 0, overwrite_e: Any = 0, overwrite_b: Any = 0) -> Any:
    from scipy import linalg

    rows = np.stack((np.concatenate((np.zeros(1), e)), d))
    return None, None, linalg.solveh_banded(rows, b), 0


# fits ----------------------------------------------------------------------------------------


def _full(x: Any, inner: Any, k: Any, first: Any, last: Any) -> Any:
    """The knots of a spline between two ends."""
    first = x[0] if first is None else first * 1.0
    last = x[-1] if last is None else last * 1.0
    return np.concatenate((np.full(k + 1, first), np.asarray(inner) * 1.0, np.full(k + 1, last)))


def _through(x: Any, y: Any, k: Any, first: Any = None, last: Any = None) -> Any:
    """Knots and coefficients of the spline through points."""
    from scipy import interpolate  # type: ignore[import-untyped,unused-ignore]

    half = k // 2
    inner = x[half + 1 : x.shape[0] - half - 1] if k % 2 else 0.5 * (x[1:] + x[:-1])[half : x.shape[0] - half - 1]
    t = _full(x, inner, k, first, last)
    return t, interpolate.make_interp_spline(x, y, k, t).c


def _near(x: Any, y: Any, t: Any, k: Any, w: Any) -> Any:
    """The coefficients for given knots by which the weighted squares of the errors are least."""
    place = _places(t, k, x)
    values = _basis(t, k, x, place)
    matrix = np.zeros((x.shape[0], t.shape[0] - k - 1))
    for r in range(k + 1):
        matrix[np.arange(x.shape[0]), place - k + r] = values[r]
    w = np.ones(x.shape[0]) if w is None else np.asarray(w)
    y = np.reshape(y, (x.shape[0], -1)) * w[:, None]
    return np.linalg.lstsq(matrix * w[:, None], y, rcond=None)[0]


@stands_for("scipy.interpolate.make_lsq_spline")
def make_lsq_spline(
    x: Any, y: Any, t: Any, k: Any = 3, w: Any = None, axis: Any = 0, check_finite: Any = True, *, method: Any = "qr"
) -> Any:
    """The spline with given knots that is nearest to points."""
    from scipy import interpolate

    x, y = np.asarray(x) * 1.0, np.moveaxis(np.asarray(y) * 1.0, axis, 0)
    t = np.asarray(t) * 1.0
    c = np.reshape(_near(x, y, t, k, w), (-1, *y.shape[1:]))
    return interpolate.BSpline.construct_fast(t, c, k, axis=axis)


def _smoothing(name: str) -> None:
    refuse(
        f"{name} with a smoothing factor that is not 0",
        "how many knots there are depends on the numbers",
        "pass s=0, or knots to scipy.interpolate.make_lsq_spline",
    )


@stands_for("scipy.interpolate._fitpack_impl.splrep")
def splrep(
    x: Any, y: Any, w: Any = None, xb: Any = None, xe: Any = None, k: Any = 3, task: Any = 0, s: Any = None,
    t: Any = None, full_output: Any = 0, per: Any = 0, quiet: Any = 1,
) -> Any:  # fmt: skip
    """Knots, coefficients and degree of the spline through points, or near them where knots are given."""
    if full_output or per or task == 1:
        refuse("scipy.interpolate.splrep with full_output, per or task=1", instead="leave them out")
    x, y = np.asarray(x) * 1.0, np.asarray(y) * 1.0
    if t is not None:
        knots = _full(x, t, k, xb, xe)
        c = _near(x, y, knots, k, w)[:, 0]
    else:
        if s is None and w is not None or s is not None and s != 0:
            _smoothing("scipy.interpolate.splrep")
        knots, c = _through(x, y, k, xb, xe)
    return knots, np.concatenate((c, np.zeros(k + 1))), k


@stands_for("scipy.interpolate._fitpack_impl.splev")
def splev(x: Any, tck: Any, der: Any = 0, ext: Any = 0) -> Any:
    """A spline, or a derivative of it, at places."""
    t, c, k = tck
    if isinstance(c, (list, tuple)) or np.ndim(c) > 1:
        return [splev(x, (t, part, k), der, ext) for part in c]
    t, c, x = np.asarray(t), np.asarray(c), np.asarray(x) * 1.0
    first, last = t[k], t[t.shape[0] - k - 1]
    at = np.ravel(x)
    outside = (at < first) | (at > last)
    if ext == 2 and np.any(outside):
        raise ValueError("Found x value not in the domain")
    if ext == 3:
        at = np.clip(at, first, last)
    found = evaluate_spline(t, c[: t.shape[0] - k - 1, None], k, at, der, True)[:, 0]
    if ext == 1:
        found = np.where(outside, 0.0, found)
    return np.reshape(found, x.shape)


@stands_for("scipy.interpolate._fitpack_impl.splint")
def splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    """The integral of a spline, which is taken for zero outside of its ends."""
    t, c, k = tck
    if full_output:
        refuse("scipy.interpolate.splint with full_output", instead="leave it out")
    t, c = np.asarray(t), np.asarray(c)
    count = t.shape[0] - k - 1
    # Knots with one more at each end; sums of the coefficients times the lengths that they count for.
    sums = np.concatenate((np.zeros(1), np.cumsum(c[:count] * (t[k + 1 :] - t[:count]) / (k + 1))))
    longer = np.concatenate((t[:1], t, t[-1:]))
    ends = np.clip(np.array([a * 1.0, b * 1.0]), t[k], t[count])
    found = evaluate_spline(longer, sums[:, None], k + 1, ends, 0, True)[:, 0]
    return float(found[1] - found[0])


_OUTSIDE = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


class _Univariate:
    """A spline as FITPACK's class of one variable has it."""

    def __init__(self, tck: Any, ext: Any) -> None:
        self._eval_args = tck
        self.ext = _OUTSIDE[ext] if isinstance(ext, str) else ext

    def __call__(self, x: Any, nu: Any = 0, ext: Any = None) -> Any:
        if ext is None:
            ext = self.ext
        return splev(x, self._eval_args, nu, _OUTSIDE[ext] if isinstance(ext, str) else ext)

    def get_knots(self) -> Any:
        t, _, k = self._eval_args
        return t[k : t.shape[0] - k]

    def get_coeffs(self) -> Any:
        t, c, k = self._eval_args
        return c[: t.shape[0] - k - 1]

    def integral(self, a: Any, b: Any) -> Any:
        return splint(a, b, self._eval_args)

    def derivatives(self, x: Any) -> Any:
        return np.array([splev(x, self._eval_args, nu) for nu in range(self._eval_args[2] + 1)])

    def derivative(self, n: Any = 1) -> Any:
        from scipy import interpolate

        # As FITPACK has it: outside, constants have the derivative zero.
        return _Univariate(interpolate.splder(self._eval_args, n), 1 if self.ext == 3 else self.ext)

    def antiderivative(self, n: Any = 1) -> Any:
        from scipy import interpolate

        return _Univariate(interpolate.splantider(self._eval_args, n), self.ext)


def _univariate(x: Any, y: Any, bbox: Any, k: Any, ext: Any) -> Any:
    x, y = np.asarray(x) * 1.0, np.asarray(y) * 1.0
    first, last = bbox
    t, c = _through(x, y, k, first, last)
    return _Univariate((t, np.concatenate((c, np.zeros(k + 1))), k), ext)


@stands_for("scipy.interpolate.InterpolatedUnivariateSpline")
def interpolated_univariate(
    x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: Any = 3, ext: Any = 0, check_finite: Any = False
) -> Any:
    """The spline through points."""
    return _univariate(x, y, bbox, k, ext)


@stands_for("scipy.interpolate.UnivariateSpline")
def univariate(
    x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: Any = 3, s: Any = None, ext: Any = 0,
    check_finite: Any = False,
) -> Any:  # fmt: skip
    """The spline through points; smoothing is refused."""
    if s is None or s != 0:
        _smoothing("scipy.interpolate.UnivariateSpline")
    return _univariate(x, y, bbox, k, ext)


@stands_for("scipy.interpolate.LSQUnivariateSpline")
def lsq_univariate(
    x: Any, y: Any, t: Any, w: Any = None, bbox: Any = (None, None), k: Any = 3, ext: Any = 0,
    check_finite: Any = False,
) -> Any:  # fmt: skip
    """The spline with given inner knots that is nearest to points."""
    x, y = np.asarray(x) * 1.0, np.asarray(y) * 1.0
    first, last = bbox
    return _Univariate(splrep(x, y, w, first, last, k, t=t), ext)


# two variables -------------------------------------------------------------------------------


def _surface(tx: Any, ty: Any, c: Any, kx: Any, ky: Any, nux: Any, nuy: Any, x: Any, y: Any, grid: Any) -> Any:
    """A spline in two variables on a grid, or at points; places outside are taken for those on the border."""
    m, n = tx.shape[0] - kx - 1, ty.shape[0] - ky - 1
    x, y = np.clip(x, tx[kx], tx[m]), np.clip(y, ty[ky], ty[n])
    lines = evaluate_spline(tx, np.reshape(c, (m, n)), kx, x, nux, True)
    if grid:
        return evaluate_spline(ty, lines.T, ky, y, nuy, True).T
    chosen = evaluate_spline(ty, np.eye(n), ky, y, nuy, True)
    return np.sum(lines * chosen, axis=1)


@stands_for("scipy.interpolate._fitpack.bispev", "scipy.interpolate._dfitpack.bispev")
def bispev(tx: Any, ty: Any, c: Any, kx: Any, ky: Any, x: Any, y: Any) -> Any:
    """A surface on a grid."""
    return _surface(tx, ty, c, kx, ky, 0, 0, x, y, True), 0


@stands_for("scipy.interpolate._fitpack.parder", "scipy.interpolate._dfitpack.parder")
def parder(tx: Any, ty: Any, c: Any, kx: Any, ky: Any, nux: Any, nuy: Any, x: Any, y: Any) -> Any:
    """Derivatives of a surface on a grid."""
    return _surface(tx, ty, c, kx, ky, nux, nuy, x, y, True), 0


@stands_for("scipy.interpolate._fitpack.bispeu", "scipy.interpolate._dfitpack.bispeu")
def bispeu(tx: Any, ty: Any, c: Any, kx: Any, ky: Any, x: Any, y: Any) -> Any:
    """A surface at points."""
    return _surface(tx, ty, c, kx, ky, 0, 0, x, y, False), 0


@stands_for("scipy.interpolate._fitpack.pardeu", "scipy.interpolate._dfitpack.pardeu")
def pardeu(tx: Any, ty: Any, c: Any, kx: Any, ky: Any, nux: Any, nuy: Any, x: Any, y: Any) -> Any:
    """Derivatives of a surface at points."""
    return _surface(tx, ty, c, kx, ky, nux, nuy, x, y, False), 0


class _Bivariate:
    """A surface as FITPACK's class of two variables has it."""

    def __init__(self, tx: Any, ty: Any, c: Any, kx: Any, ky: Any) -> None:
        self.tx, self.ty, self.c, self.kx, self.ky = tx, ty, c, kx, ky

    def __call__(self, x: Any, y: Any, dx: Any = 0, dy: Any = 0, grid: Any = True) -> Any:
        x, y = np.asarray(x) * 1.0, np.asarray(y) * 1.0
        if grid:
            x, y = np.atleast_1d(x), np.atleast_1d(y)
            return _surface(self.tx, self.ty, self.c, self.kx, self.ky, dx, dy, x, y, True)
        x, y = np.broadcast_arrays(x, y)
        found = _surface(self.tx, self.ty, self.c, self.kx, self.ky, dx, dy, np.ravel(x), np.ravel(y), False)
        return np.reshape(found, x.shape)

    def ev(self, xi: Any, yi: Any, dx: Any = 0, dy: Any = 0) -> Any:
        return self(xi, yi, dx, dy, False)

    def get_knots(self) -> Any:
        return self.tx, self.ty

    def get_coeffs(self) -> Any:
        return np.ravel(self.c)


@stands_for("scipy.interpolate.RectBivariateSpline")
def rect_bivariate(
    x: Any, y: Any, z: Any, bbox: Any = (None, None, None, None), kx: Any = 3, ky: Any = 3, s: Any = 0,
    maxit: Any = 20,
) -> Any:  # fmt: skip
    """The surface through points of a grid."""
    if s != 0:
        _smoothing("scipy.interpolate.RectBivariateSpline")
    x, y, z = np.asarray(x) * 1.0, np.asarray(y) * 1.0, np.asarray(z) * 1.0
    xb, xe, yb, ye = bbox
    tx, c = _through(x, z, kx, xb, xe)
    ty, c = _through(y, c.T, ky, yb, ye)
    return _Bivariate(tx, ty, c.T, kx, ky)
