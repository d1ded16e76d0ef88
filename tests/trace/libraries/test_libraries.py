"""Functions of SciPy whose own code is compiled: values are SciPy's, gradients those of differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.trace.libraries import find, images
from revtrace.trace.libraries.register import STAND_INS
from tests.trace.agree import agrees, refuses
from tests.trace.libraries.checks import like_the_library, weighted

pytest.importorskip("scipy")
from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, special, stats
from scipy.spatial import distance

A = 0.73
X = np.array([0.61, -0.43, 1.37, 0.07, -1.21, 0.83, 0.29, -0.71])
Y = np.array([0.52, 1.31, 0.73, 2.11, 0.34, 0.91, 1.74, 0.66])
T = np.linspace(0.0, 1.0, 8)
W = np.array([0.22, 0.81, 0.35, 0.47])
P = np.array([[0.3, -1.2, 0.7], [0.8, 0.5, -0.6], [1.4, 0.2, 0.9], [-0.7, 0.1, 0.4]])
Q = P[:, [1, 0, 2]][:3] * 0.7 + 0.2
IMAGE = np.cos(np.arange(30.0)).reshape(5, 6)
KERNEL = np.array([[0.3, -0.2, 0.5], [0.7, 0.1, -0.4]])
S = np.array([[4.0, 1.0, 0.3], [1.0, 3.0, -0.5], [0.3, -0.5, 5.0]])
GRID = (np.arange(5.0), np.arange(6.0))


def of_metrics(p, q):
    return [distance.cdist(p, q, m).sum() for m in (
        "euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation", "canberra", "braycurtis"
    )]  # fmt: skip


def of_pairs(p):
    return distance.squareform(distance.pdist(p)) @ p


def of_filters(x, a):
    forward = signal.lfilter([0.5, a], np.array([1.0, -0.3, 0.1]), x)
    sections = signal.sosfilt(np.array([[1.0, 0.5, 0.1, 1.0, -0.3, 0.1], [0.4, 0.2, 0.0, 1.0, 0.2, 0.0]]), x)
    return forward, sections, np.abs(signal.hilbert(x)), signal.savgol_filter(x, 5, 2)


def of_other_rates(x, h):
    table = np.stack((x, x[::-1] ** 2))
    both = signal.upfirdn(h, table, 2, 3), signal.upfirdn(h, table, up=3, axis=0)
    return *both, signal.upfirdn(h, x), signal.resample_poly(x, 3, 2), signal.decimate(x, 2, ftype="fir")


def of_images(image, kernel):
    return [
        signal.convolve2d(image, kernel), signal.convolve2d(image, kernel, mode="valid"),
        signal.convolve2d(image, kernel, mode="same", boundary="symm"),
        signal.correlate2d(image, kernel, mode="same", boundary="wrap"), ndimage.gaussian_filter(image, 0.8),
        ndimage.convolve(image, kernel, mode="constant", cval=0.5), ndimage.correlate(image, kernel, mode="mirror"),
        ndimage.uniform_filter(image, 3), ndimage.laplace(image, mode="wrap"), ndimage.sobel(image, mode="nearest"),
    ]  # fmt: skip


def of_spectra(x, image, a):
    b = np.array([a, 0.3])
    ends = signal.filtfilt(b, [1.0, -0.3], x, padlen=4), signal.filtfilt(b, [2.0, -0.3], x, padtype="even")
    more = signal.filtfilt([0.5, 0.2, a], [1.0, -0.3], image, axis=0, padtype="constant", padlen=2)
    designed = signal.sosfilt(signal.butter(3, 0.4, output="sos"), x)
    power = signal.welch(x, fs=2.0, nperseg=4, window="hamming", scaling="spectrum")[1], signal.welch(x, nperseg=5)[1]
    return *ends, more, designed, *power, signal.periodogram(image, detrend=False)[1]


def of_neighbours(x, image):
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    return (
        ndimage.median_filter(image, 3), ndimage.percentile_filter(x, 20, size=3), ndimage.rank_filter(x, 1, size=4),
        ndimage.maximum_filter(image, (2, 3)), ndimage.minimum_filter1d(x, 3, mode="wrap"), signal.medfilt(x, 3),
        ndimage.minimum_filter(image, footprint=cross), ndimage.grey_dilation(image, size=3),
    )  # fmt: skip


def of_places(image, w):
    places = np.stack((8.0 * w - 2.0, 9.0 * w[::-1] - 2.0))
    return (
        ndimage.zoom(image, 1.5, order=1), ndimage.rotate(image, 20.0, order=1, reshape=False),
        ndimage.shift(image, (0.4, -0.7), order=2, mode="mirror"), ndimage.spline_filter(image),
        ndimage.map_coordinates(image, places, order=3, mode="nearest"),
        ndimage.map_coordinates(image, places, order=1, cval=0.3), ndimage.zoom(image[0], 0.7, order=0),
        ndimage.affine_transform(image, np.array([[1.1, 0.1], [-0.1, 0.9]]), offset=w[0], order=1, mode="reflect"),
    )  # fmt: skip


def of_more_functions(x, y):
    w = np.cos(np.arange(8.0))
    fit = np.polynomial.Polynomial.fit(T, x, 2)
    return (
        special.logsumexp(x, b=w, return_sign=True), special.eval_hermite(3, x), special.eval_hermitenorm(4, x[0]),
        special.spherical_jn(2, y), special.spherical_yn(1, y, derivative=True), stats.boxcox_llf(0.3, y),
        signal.sosfilt(signal.butter(2, 0.3, output="sos"), x, zi=np.outer([0.3, 0.1][:1], x[:2])), fit(0.3),
        np.polynomial.chebyshev.chebfit(T, x, 2),
    )  # fmt: skip


def of_covariances(s, x):
    normal = stats.multivariate_normal(x[:3], s + s.T)
    return normal.logpdf(x[3:6]), stats.multivariate_normal.pdf(x[:6].reshape(3, 2), cov=s[0, 0] * np.eye(2))


def of_nodes(a):
    nodes, weights = np.polynomial.legendre.leggauss(4)
    return integrate.fixed_quad(lambda s: np.exp(-a * s), 0.0, 1.0)[0], np.sum(weights * np.sin(a * nodes) ** 2)


def of_cosines(x, image):
    one = fft.dct(x), fft.dct(x, norm="ortho"), fft.idct(x, norm="forward"), fft.dct(x, 3), fft.idct(x, norm="ortho")
    return one, fft.dctn(image, norm="ortho"), fft.idctn(image), fft.dct(x, n=5)


def of_splines(x, w, a):
    smooth, natural = interpolate.CubicSpline(T, x), interpolate.CubicSpline(T, x, bc_type="natural")
    spline = interpolate.BSpline(np.arange(12.0), x, 3)
    return (
        smooth(w), smooth(w, 1), natural(a), interpolate.PchipInterpolator(T, x)(w), spline(3.0 + w * 4.0),
        spline(3.5 + a, 1), interpolate.Akima1DInterpolator(T, x)(w),
    )  # fmt: skip


CONSTANT = interpolate.CubicSpline(T, np.sin(5.0 * T))


def of_a_constant_spline(w):
    return CONSTANT(w) * CONSTANT(w, 1)


def of_a_grid(image, w):
    places = np.stack((w * 3.0, w[::-1] * 4.0), axis=-1)
    return interpolate.RegularGridInterpolator(GRID, image)(places), interpolate.interpn(GRID, image, places)


def of_integrals(a):
    return (
        integrate.quad(lambda s: np.exp(-a * s * s), 0.0, 1.0 + a)[0], integrate.quad(lambda s: a * s, a, 2)[0],
        integrate.quad(lambda s, k: np.exp(-k * s), 0.0, np.inf, args=(a,))[0],
        integrate.quad(lambda s: np.exp(-a * s * s), -np.inf, np.inf)[0],
    )  # fmt: skip


def of_equations(a, p):
    found = integrate.solve_ivp(lambda s, y: -a * y, (0.0, 1.0), p, t_eval=np.array([0.3, 1.0]))
    return found.y * found["y"][0]


def of_roots(a, p):
    return (
        optimize.brentq(lambda s: s**3 - a, 0.0, 2.0), optimize.bisect(lambda s, k: np.cos(s) - k * s, 0, 2, args=(a,)),
        optimize.newton(lambda s: s * s - a, 1.0), optimize.newton(lambda s: s * s - a, 1.0, fprime=lambda s: 2 * s),
        optimize.brentq(lambda s: np.sum(np.tanh(p * s)) - a, -1.0, 1.9),
        optimize.root_scalar(lambda s: s**3 - a, bracket=[0.0, 2.0]).root,
    )  # fmt: skip


def of_arrays_of_roots(p):
    def cubic(s, c):
        return s**3 + s - c

    def slope(s, c):
        return 3 * s * s + 1

    start = np.ones_like(p)
    return (
        optimize.newton(cubic, start, args=(p,)), optimize.newton(cubic, start[:, None], slope, args=(p[:, None],)),
        optimize.newton(cubic, start, slope, args=(p,), fprime2=lambda s, c: 6 * s),
        optimize.newton(lambda s: cubic(s, p[0]), 1.0, lambda s: slope(s, 0), fprime2=lambda s: 6 * s),
    )  # fmt: skip


def of_systems(p):
    def circle(v, r):
        return [v[0] ** 2 + v[1] ** 2 - 4.0 * r, np.exp(v[0]) + v[1] - p[1]]

    x = optimize.fsolve(circle, (1.0, -1.0), args=(p[0],))
    found = optimize.root(lambda v: np.array(circle(v, p[0])), [1.0, -1.0], method="lm", tol=1e-12)
    ends = (0.0, 2.0)
    return (
        x, found.x, optimize.fixed_point(lambda z: np.cos(p[1] * z), 0.5), optimize.fsolve(lambda z: z**3 - p[1], 1.0),
        optimize.ridder(lambda z: z**3 - p[1], *ends), optimize.toms748(lambda z: z**3 - p[1], *ends),
        optimize.brenth(lambda z: z**3 - p[1], *ends), optimize.root_scalar(lambda z: z**3 - p[1], x0=1.0).root,
    )  # fmt: skip


def of_minima(p):
    def rosenbrock(z, a):
        return (a - z[0]) ** 2 + 10.0 * (z[1] - p[0] * z[0] ** 2) ** 2

    smooth = optimize.minimize(rosenbrock, [0.5, 0.5], args=(p[1],), method="BFGS", options={"gtol": 1e-9})
    one = optimize.minimize_scalar(lambda z: (z - p[0]) ** 2 + p[1] * z**4, tol=1e-11)
    bounded = optimize.minimize_scalar(
        lambda z: (z - p[0]) ** 2 + p[1] * z**4, bounds=(-1.0, 1.0), method="bounded", options={"xatol": 1e-10}
    )
    return smooth.x, smooth.fun, one.x, bounded.x


BOUNDED = {
    "L-BFGS-B": ([(0.3, None), (None, 0.5), (0, 1), (-1.0, 0.4)], {"options": {"gtol": 1e-11, "ftol": 1e-15}}),
    "SLSQP": ([(0.3, None)] * 4, {"tol": 1e-13}),
    "TNC": ([(0.0, 0.4)] * 4, {"tol": 1e-13}),
}


@pytest.mark.parametrize("method", BOUNDED)
def test_minima_between_bounds(method):
    bounds, more = BOUNDED[method]

    def f(p):
        def energy(s):
            return 0.5 * np.sum(s * s) + 0.1 * np.sum(s) ** 2 - p @ s

        found = optimize.minimize(energy, np.full(4, 0.35), method=method, bounds=bounds, **more)
        return found.x @ np.arange(1.0, 5.0) + found.fun

    agrees(f, W, rtol=1e-5, approx=1e-6)


def test_a_minimum_that_only_touches_a_bound_is_refused():
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="touches a bound"):
        revtrace.vjp(lambda p: optimize.minimize(lambda s: np.sum((s - p) ** 2), p, bounds=[(0, 1)] * 4).x, 0 * W)


def of_trajectories(p, t):
    def pendulum(y, s, b):
        return [y[1], -b * y[1] - p[1] * np.sin(y[0])]

    later = integrate.odeint(lambda s, y: -p[2] * y * s, p[3], t[:3], tfirst=True, rtol=1e-11, atol=1e-12)
    return integrate.odeint(pendulum, [2.0, p[0]], t[:4], args=(p[2],), rtol=1e-11, atol=1e-12), later


def of_fits(y):
    def residuals(z):
        return z[0] * np.exp(-z[1] * T) - y

    best, covariance = optimize.curve_fit(lambda t, a, b: a * np.exp(-b * t), T, y)
    strict = optimize.least_squares(residuals, np.ones(2), ftol=1e-14, xtol=1e-14, gtol=1e-14)
    return best, covariance, strict.x, strict.cost, optimize.leastsq(residuals, [1.0, 1.0], ftol=1e-14)[0]


def of_matrices(s, p):
    u, d, vh = linalg.svd(p, full_matrices=False)
    q, r = linalg.qr(s)
    return (
        (u * d) @ vh, q @ r, linalg.lstsq(p, p[:, 0] * p[:, 1])[0], linalg.eigh(s, np.diag(s[0] * s[0]) + s)[0],
        linalg.eigvalsh(s, lower=False), linalg.eigh_tridiagonal(s[0], s[1, :2], eigvals_only=True),
        linalg.circulant(p[0]), linalg.hankel(p[0], p[1]), linalg.solve_toeplitz(s[0], p[1]),
        linalg.solve_sylvester(s, s.T + np.eye(3), p[:3]), linalg.solve_continuous_lyapunov(s, p[1:]),
    )  # fmt: skip


def of_tests(x):
    y = x[::-1] + np.sin(3.0 * x)
    slope, *_ = stats.linregress(x, y)
    return slope, stats.pearsonr(x, y)[0], stats.f.sf(np.exp(x[0]), 3.0, 5.0)


def of_counts(a):
    p = 1.0 / (1.0 + a)
    return (
        stats.binom.pmf(np.array([0, 3, 9]), 9, p), stats.binom.cdf(np.array([2, 9]), 9, p),
        stats.binom.sf(2, 9, p), stats.nbinom.pmf(4, 2.5 + a, p), stats.nbinom.cdf(3, 4, p), stats.nbinom.sf(3, 4, p),
    )  # fmt: skip


def of_bounded_distributions(a):
    p = 1.0 / (1.0 + a)
    return (
        stats.beta.pdf(p, 2.0 + a, 1.5), stats.beta.ppf(p, 2.0, 1.5), stats.cauchy.ppf(p, a, 1.3),
        stats.cauchy.isf(p, a, 1.3), stats.powerlaw.sf(p, 1.7), stats.truncnorm.logpdf(a, -1.5, 2.0, 0.3, 1.0 + a),
        special.logsumexp(np.array([a, 2.0 * a + np.pi * 1j])).real,
    )  # fmt: skip


def of_given_parameters(x, y, a):
    return stats.norm(a, 1.0 + a).logpdf(x), stats.gamma(1.9, scale=a).logpdf(y).sum(), stats.norm(a, scale=2.0).cdf(a)


CASES = [
    (of_metrics, (P, Q)), (of_pairs, (P,)), (of_other_rates, (X, W)),
        (of_filters, (X, A)), (of_spectra, (X, IMAGE, A)),
    (of_neighbours, (X, IMAGE + 0.01 * IMAGE[::-1])), (of_covariances, (S, X)), (of_nodes, (A,)),
    (of_places, (IMAGE, W)), (of_more_functions, (X, Y)), (of_images, (IMAGE, KERNEL)),
    (of_cosines, (X, IMAGE[:3, :4])), (of_splines, (X, W, A)), (of_a_constant_spline, (W,)), (of_a_grid, (IMAGE, W)),
    (of_integrals, (A,)), (of_equations, (A, W)), (of_roots, (A, W)), (of_matrices, (S, P)),
    (of_given_parameters, (X, Y, A)), (of_tests, (X,)), (of_counts, (A,)), (of_bounded_distributions, (A,)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_values_and_gradients(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    like_the_library(function, *args)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (of_systems, (W,)),
        (of_arrays_of_roots, (W + 1.0,)),
        (of_minima, (W,)),
        (of_fits, (2.0 - T + 0.05 * X,)),
        (of_trajectories, (W, T)),
    ],
    ids=["systems", "arrays of roots", "minima", "fits", "trajectories"],
)
def test_what_solvers_find(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    # Rounding decides how near to the answer an iteration stops.
    agrees(lambda *xs: weighted(function(*xs)), *args, approx=1e-7, rtol=1e-4)


NO_PEAK = np.array([0.61, 0.98, 0.18, 0.89, 0.21, 0.41, 0.86, 0.42])


def bell(t, a, b, c):
    return a * np.exp(-((t - b) ** 2) / (2.0 * c**2))


@pytest.mark.parametrize("found", [True, False])
def test_fits_raise_what_scipy_raises(found: bool) -> None:
    def peak(y):
        try:
            return optimize.curve_fit(bell, np.linspace(0.0, 1.0, 8), y, [np.max(y), 0.5, 1.0])[0][1]
        except RuntimeError as error:
            return len(str(error)) * y[0]

    y = bell(np.linspace(0.0, 1.0, 8), 2.0, 0.4, 0.3) + NO_PEAK / 10 if found else NO_PEAK
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(peak)(y)
    assert value == pytest.approx(peak(y), rel=1e-7)
    if found:
        h = 1e-4 * np.ones(8)
        assert gradient @ h == pytest.approx((peak(y + h) - peak(y - h)) / 2, rel=1e-4)
    else:
        assert gradient.tolist() == [value / y[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_answers_have_second_derivatives() -> None:
    def f(a):
        x = optimize.fsolve(lambda z: [z[0] ** 3 - a * z[1], z[1] - a], [1.0, 1.0])
        return x[0] + optimize.minimize(lambda z: np.sum(np.cosh(z - a**2)), np.zeros(1)).x[0]

    with override(interpret=True, cache=False):
        second = revtrace.grad(revtrace.grad(f))(A)
    assert second == pytest.approx(-2 / 9 * A ** (-4 / 3) + 2.0, rel=1e-5)


def test_roots_have_second_derivatives() -> None:
    with override(interpret=True, cache=False):
        second = revtrace.grad(revtrace.grad(lambda a: optimize.brentq(lambda s: s**3 - a, 0.0, 2.0)))(A)
    assert second == pytest.approx(-2 / 9 * A ** (-5 / 3), rel=1e-9)


@pytest.mark.parametrize("order", range(6))
@pytest.mark.parametrize("mode", ["nearest", "wrap", "reflect", "mirror", "constant", "grid-wrap"])
def test_images_at_places(mode: str, order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.stack((np.linspace(-9.0, 15.0, 41), np.linspace(13.1, -8.3, 41)))
    functions = (
        lambda: ndimage.map_coordinates(IMAGE, places, order=order, mode=mode, cval=0.3),
        lambda: ndimage.zoom(IMAGE, 1.7, order=order, mode=mode),
        lambda: ndimage.zoom(IMAGE, 1.7, order=order, mode=mode, grid_mode=mode.startswith("grid")),
        lambda: ndimage.rotate(IMAGE, 20.0, order=order, mode=mode),
        lambda: ndimage.shift(IMAGE, (0.3, -0.8), order=order, mode=mode),
    )
    expected = [f() for f in functions]
    # SciPy's plain code calls what is traced in place of its compiled code.
    monkeypatch.setattr(ndimage._interpolation, "_nd_image", images)
    for f, value in zip(functions, expected, strict=True):
        np.testing.assert_allclose(f(), value, atol=1e-11)


def test_compiled_equals_interpreted() -> None:
    def f(a, x):
        return (
            optimize.brentq(lambda s: s**3 - a, 0.0, 2.0) + CONSTANT(a) + signal.lfilter([0.5, a], [1.0, -0.3], x)[-1]
        )

    found = []
    for interpret in (True, False):
        with override(interpret=interpret, cache=False):
            found.append(revtrace.value_and_grad(f, argnums=(0, 1))(A, X))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-14)
    for a, b in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("n", range(1, 200, 7))
def test_good_lengths(n: int) -> None:
    from revtrace.trace.libraries.fft import next_fast_len

    assert [next_fast_len(n), next_fast_len(n, True)] == [fft.next_fast_len(n), fft.next_fast_len(n, True)]


def test_names_are_those_of_functions_there_are() -> None:
    import importlib

    there: dict[Any, set[bool]] = {}
    for name, places in STAND_INS.items():
        for module, stand_in in places:
            try:
                function = getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError):
                # Other releases of SciPy have it elsewhere.
                there.setdefault(stand_in, set()).add(False)
            else:
                assert find(function) is stand_in
                there.setdefault(stand_in, set()).add(True)
    assert all(True in found for found in there.values())
    assert len(there) > 60
    assert find(np.sin) is None
    assert find(special.logsumexp).__module__ == "revtrace.trace.libraries.special"


def test_refusals_name_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # So few steps are taken sooner; that they do not meet the solver's states is found as with many.
    monkeypatch.setattr("revtrace.trace.libraries.trajectories._MOST", 64)
    refuses(lambda p: optimize.linprog(p, bounds=[(0, 1)] * 4).x, W, match="solver of scipy.optimize")
    refuses(
        lambda p: optimize.minimize(
            lambda s: np.sum((s - p) ** 2), p * 0, constraints={"type": "eq", "fun": lambda s: s[0] - 1.0}
        ).x, W, match="constraints",
    )  # fmt: skip
    refuses(lambda p: optimize.root(lambda s: s * s + p[:1], [1.0]).x, W, match="not solved")
    refuses(lambda p: optimize.newton(lambda s: s + 0.1 * s[::-1] - p, W + 1.0), W, match="element by element")
    refuses(lambda p: integrate.odeint(lambda y, s: -y, p, T, full_output=1)[0], W, match="full_output")
    refuses(lambda x: fft.dct(x, 1), X, match="cosine transform of type 1")
    refuses(lambda p: distance.pdist(p, "jaccard"), P, match="jaccard")
    refuses(lambda p: linalg.qr(p, pivoting=True)[1], P, match="pivoting")
