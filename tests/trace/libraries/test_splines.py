"""Splines and piecewise polynomials: FITPACK's, B-splines of SciPy's own, their integrals and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import refuses
from tests.trace.libraries.checks import like_the_library

interpolate = pytest.importorskip("scipy.interpolate")

T = np.linspace(0.0, 1.0, 8)
Y = np.array([0.61, -0.43, 1.37, 0.07, -1.21, 0.83, 0.29, -0.71])
W = np.array([0.22, 0.81, 0.35, 0.47])
IMAGE = np.cos(np.arange(30.0)).reshape(5, 6)
GRID = np.arange(5.0), np.arange(6.0)


def of_piecewise_polynomials(y, a):
    cubic = interpolate.CubicSpline(T, y)
    free = interpolate.PPoly(np.reshape(y[:6], (3, 2)), [0.0, 0.5, 1.0], extrapolate=False)
    return (
        cubic.integrate(0.1, a), cubic.integrate(a, 0.1), cubic.antiderivative(2)(a), cubic.derivative()(a),
        free.integrate(0.1, a), cubic.integrate(-0.1, 1.2), free.antiderivative()(a),
    )  # fmt: skip


def of_fitpack(y, w):
    tck = interpolate.splrep(T, y)
    near = interpolate.splrep(T, y, t=[0.4, 0.6])
    return (
        interpolate.splev(w, tck), interpolate.splev(w, tck, der=1), interpolate.splint(0.1, w[0], tck),
        interpolate.splev(2.0 * w, interpolate.splrep(T, y, k=2), ext=1), interpolate.splev(w, near),
        interpolate.splev(w[0], interpolate.splder(tck)), interpolate.splev(2.0 * w, tck, ext=3),
    )  # fmt: skip


def of_classes(y, w):
    through = interpolate.InterpolatedUnivariateSpline(T, y)
    flat = interpolate.UnivariateSpline(T, y, k=2, s=0, ext="zeros")
    near = interpolate.LSQUnivariateSpline(T, y, [0.4, 0.6])
    return (
        through(w), through.derivative()(w), through.integral(0.1, w[0]), through.antiderivative()(w), flat(2.0 * w),
        near(w, 1), through.derivatives(w[0]), through.get_coeffs(), through.get_knots(),
    )  # fmt: skip


def of_b_splines(y, w):
    smooth = interpolate.make_interp_spline(T, y, k=2)
    near = interpolate.make_lsq_spline(T, y, np.r_[(0.0,) * 4, 0.5, (1.0,) * 4])
    free = interpolate.BSpline(np.arange(12.0), y, 3)
    return smooth(w), near(w), free.integrate(3.0, 5.0), free.derivative()(4.2)


def of_interpolated_b_splines(y, w):
    clamped = interpolate.make_interp_spline(T, y, bc_type="clamped")
    return clamped(w), interpolate.interp1d(T, y, kind="cubic")(w), interpolate.interp1d(T, y, kind="quadratic")(w[0])


def of_surfaces(image, w):
    surface = interpolate.RectBivariateSpline(*GRID, image)
    low = interpolate.RectBivariateSpline(*GRID, image, kx=1, ky=2)
    return (
        surface(np.sort(w), np.sort(w[:2])), surface.ev(3.0 * w, 4.0 * w[::-1]), surface.ev(w, w, dx=1),
        low(w[0], 4.0 * w, grid=False), surface(9.0, w[0]),
    )  # fmt: skip


TCK = interpolate.splrep(T, Y)
SPLINE = interpolate.UnivariateSpline(T, Y, s=0)
SMOOTH = interpolate.UnivariateSpline(T, Y, s=0.5)
SURFACE = interpolate.RectBivariateSpline(*GRID, IMAGE)


def of_constant_splines(w):
    values = interpolate.splev(w, TCK), interpolate.splev(w, TCK, der=2), SPLINE(w), SMOOTH(w, 1)
    return *values, SPLINE.integral(0.0, w[0]), SURFACE.ev(w, 2.0 * w), SURFACE(w[:1], w[1:2], dx=1)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (of_piecewise_polynomials, (Y, 0.7)), (of_fitpack, (Y, W)), (of_classes, (Y, W)), (of_b_splines, (Y, W)),
        (of_interpolated_b_splines, (Y, W)),
        (of_surfaces, (IMAGE, W)), (of_constant_splines, (W,)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_values_and_gradients(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    like_the_library(function, *args)


def test_by_the_places_of_the_data() -> None:
    like_the_library(lambda t, y: interpolate.splev(W, interpolate.splrep(t, y)), T, Y)


@pytest.mark.skipif(not hasattr(interpolate, "_dierckx"), reason="older SciPy's design matrix is compiled")
def test_smoothing_by_a_given_penalty() -> None:
    like_the_library(lambda y, s: interpolate.make_smoothing_spline(T[:6], y, lam=s)(W), Y[:6].copy(), 0.3)


def test_smoothing_is_refused() -> None:
    refuses(lambda y: interpolate.splev(0.3, interpolate.splrep(T, y, s=0.5)), Y, match="smoothing factor")
    refuses(lambda y: interpolate.UnivariateSpline(T, y)(0.3), Y, match="smoothing factor")
