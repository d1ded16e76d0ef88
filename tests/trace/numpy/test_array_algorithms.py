"""numpy functions that are written out as loops, and those refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses

X = np.array([0.7, 1.3, 2.1, 0.4])
Y = np.array([1.1, 0.2, 0.9, 1.6])
M = np.array([[2.0, 0.3], [0.2, 3.0]])


def _powers() -> float:
    i, j = np.ogrid[0:4, 0:3]
    table = np.ones((4, 4))
    table[:, 1:] = 0.5 ** (i * (2 * j + 1))
    return table.sum()


def _products_into(a: np.ndarray) -> np.ndarray:
    out = np.full((2, 2), 1.5)
    np.matmul(out, a, out)
    np.matmul(a, out, out=(out,))
    np.dot(b=a, a=out, out=out)
    a.dot(out, out=out)
    row = np.empty(2)
    row[:] = a[0]
    # A number is written to all places.
    np.matmul(row, a[1], out=row)
    return np.outer(row, a[1], np.zeros((2, 2))) + out * np.size(a, axis=1)


FUNCTIONS = {
    "products into arrays": (_products_into, M),
    "views": (lambda x: (x.view(np.ndarray) * x.view()).sum(), X),
    "einsum": (
        lambda a: np.einsum("ij,ij->", a, a) + np.einsum("ij,jk->ik", a, a)[0, 1] + np.einsum("ii", a) * a[0, 0],
        M,
    ),
    "einsum, letters left out": (lambda a, x: np.einsum("ij,j", a, x)[1], M, X[:2]),
    "convolve": (lambda x: (np.convolve(x, [1.0, 0.5, 0.25]) ** 2).sum() + np.convolve(x, x[:3], "same")[2], X),
    "correlate": (lambda x: np.correlate(x, x[:2])[1] + np.convolve(x, x[:2], "valid")[0], X),
    "pad": (lambda x: (np.pad(x, 1) ** 2).sum() + np.pad(x, (1, 2), mode="edge").prod(), X),
    "running extreme": (lambda x: (np.maximum.accumulate(x) * x + np.minimum.accumulate(x)).sum(), X),
    "take": (lambda a, x: a.take([0, 1], axis=1)[1, 0] * x.take([1, 1, 3]).prod(), M, X),
    "fromiter": (lambda x: np.fromiter((v * v for v in x), float)[2], X),
    "ndenumerate": (lambda a: sum(v * v * (i + 1) for (i, _), v in np.ndenumerate(a)), M),
    "a grid known while tracing, written to an array": (lambda s: s * _powers(), 1.4),
    "spacing": (lambda x: (x[x > np.spacing(x)] ** 2).sum() + np.spacing(-1.0) + np.spacing(3), X),
    "interpolation between integers": (lambda y: np.interp(np.array([0.5, 2.25]), np.arange(4), y).sum(), X),
    "grids": (
        lambda s, k: (
            np.exp(-((np.mgrid[-k : k + 1, 0:k] / s) ** 2).sum(axis=0)).sum()
            + np.sum(s * np.ogrid[0:2, 0:k][1])
            + np.sum(np.mgrid[0:1:5j] * s**2)
        ),
        0.8,
        2,
    ),
    "one number, or none": (
        lambda x, n: np.linspace(x, 3.0, n).sum() * np.linspace(x, 2.0, n - 1).size + np.linspace(x, 2 * x, n)[-1],
        1.2,
        1,
    ),
    "a step of one number": (lambda x, n: np.linspace(x, 3.0, n, retstep=True)[0][0] * x, 1.2, 1),
    "ndindex": (lambda a: sum(a[i, j] ** 2 * i for i, j in np.ndindex(2, 2)), M),
    "vectorize": (lambda x, y: np.vectorize(lambda v, w: v * w if v > 1 else v)(x, y).sum(), X, Y),
    "average": (lambda x, y: np.average(x, weights=y) + np.average(x, None, y), X, Y),
    "average with counts": (lambda a: np.average(a, axis=1, returned=True)[0][0] * np.average(a, 1, [1.0, 3.0])[1], M),
    "cov": (lambda x, y: np.corrcoef(x, y)[0, 1] + np.cov(x, y)[0, 1], X, Y),
    "ndmin": (lambda x: np.array(x, ndmin=2).shape[0] * (x * x).sum(), X),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


def test_functions_of_objects_are_refused_by_name() -> None:
    refuses(lambda a: np.frompyfunc(lambda v: v * 2, 1, 1)(a).sum(), M, match=r"np\.frompyfunc")


def test_arguments_without_a_rule_are_refused_by_name() -> None:
    refuses(lambda x: np.mgrid[0 : x[0] : 0.1].sum(), X, match="a grid between bounds that are known only when running")


def test_spectra_of_mirrored_signals() -> None:
    z = np.array([0.3 + 0.1j, -1.2 + 0.4j, 0.7 - 0.9j, 0.2j])
    for norm in (None, "ortho", "forward"):
        for n in (None, 5):
            agrees(lambda x, n=n, norm=norm: np.fft.hfft(z * x, n, norm=norm), z.real, approx=1e-12)
            agrees(lambda x, n=n, norm=norm: np.abs(np.fft.ihfft(x, n, norm=norm)), z.real, approx=1e-12)


def test_quotients_of_polynomials() -> None:
    agrees(lambda p: np.polydiv(p, p[:3]), np.array([0.7, -1.2, 0.4, 2.1, 0.3]))


def test_a_solver_for_each_element():
    from scipy import optimize

    def roots(x, a):
        return np.vectorize(lambda q, k: optimize.brentq(lambda s: np.asarray(s**3 + k * s) - q, 0.0, 2.0))(x, a)

    agrees(roots, np.array([0.3, 0.8, 1.4]), 0.7, rtol=1e-5, approx=1e-12)


def test_what_is_called_for_each_element_changes_nothing_else():
    def f(x):
        seen = []
        return np.vectorize(lambda v: (seen.append(v), v * v)[1])(x) + len(seen)

    refuses(f, np.array([0.3, 0.8]), match="for each element")
