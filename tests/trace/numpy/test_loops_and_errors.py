"""What numpy itself chooses: the loop a ufunc runs for dtypes, the order of complex numbers, what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.special

import revtrace
from revtrace.config import override

X = np.array([[0.3, -1.2, 2.5, 0.9], [1.7, 0.4, -0.6, -2.1], [0.8, 1.1, -0.2, 0.5]])
U = np.array([1, 200, 7], np.uint8)
C = X + 1j * X[::-1]


def same(f: Callable[..., Any], *args: Any) -> None:
    """Assert that a function's value, type and dtype, or the exception it raises, are numpy's."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), override(interpret=True, cache=False, verify=True):
        warnings.simplefilter("ignore")
        try:
            want = f(*args)
        except Exception as error:
            # The plain function is no way out here: the program itself must raise.
            with pytest.raises(type(error).__mro__[-3] if isinstance(error, TypeError) else type(error)):
                revtrace.vjp(lambda a, *xs: a * np.sum(f(*xs)), 1.0, *args)
            return
        value, _ = revtrace.vjp(lambda a, *xs: (a * 1.0, f(*xs)), 1.0, *args)
        found = value[1]
    assert type(found) is type(want)
    assert np.asarray(found).dtype == np.asarray(want).dtype
    np.testing.assert_allclose(found, want, rtol=1e-6 if np.asarray(want).dtype.itemsize <= 4 else 1e-13)


@pytest.mark.parametrize(
    "f",
    [
        lambda u: scipy.special.expit(u), lambda u: np.square(u > 3), lambda u: np.fmod(u, 7),
        lambda u: np.fmod(u.astype(int) - 5, -3), lambda u: np.rint(u.astype(np.int32)),
        lambda u: np.exp(np.int16(3) * u),
        lambda u: scipy.special.expn(2, u.astype(np.float32)), lambda u: np.add(u, 1.5, dtype=np.float32),
        lambda u: u > -5, lambda u: u < 300, lambda u: 300 < u, lambda u: u == -1, lambda u: np.greater(u, 300),
        lambda u: np.around(u.astype(int) - 90, -1), lambda u: np.round(u, -1),
        lambda u: np.mean(u.astype(np.complex64)),
        lambda u: np.std(u.astype(np.complex64)), lambda u: np.dot(u.astype(np.float32), 2.0),
        lambda u: np.allclose(u, u), lambda u: np.argmax(np.array(2.0), axis=0), lambda u: np.argsort(np.array(2.0)),
        lambda u: np.tril(u), lambda u: np.triu(u, 1), lambda u: scipy.fft.dct(u.astype(np.float32)),
        lambda u: np.nanvar(u * np.float32(0.1), dtype=np.float64), lambda u: np.nanvar(u * 0.1, dtype=complex),
        lambda u: np.nanstd(u, dtype=np.float32), lambda u: np.hypot.reduce(u[:1] * -1.0),
        lambda u: np.average(u, weights=u), lambda u: np.average(np.stack([u, u]), axis=1, weights=[1, 2, 3]),
        lambda u: np.logaddexp.reduce(u[:0] * 1.0), lambda u: np.take(2.0, [0], axis=0),
    ],
)  # fmt: skip
def test_dtypes(f: Callable[..., Any]) -> None:
    same(f, U)


@pytest.mark.parametrize(
    "f",
    [
        lambda u: u - 300, lambda u: -(u > 3), lambda u: +(u > 3), lambda u: (u > 3) - (u > 5),
        lambda u: np.gcd(u * 1.0, 6), lambda u: np.average(u, weights=u * 0),
        lambda u: np.average(u[:1, None], axis=1, weights=[1.0, 2.0]),
        lambda u: np.concatenate([u, u * 1j], dtype=np.float32), lambda u: np.stack([u * 1.0, u], dtype=int),
        lambda u: np.cbrt(u * 1j), lambda u: np.fabs(u * 1j), lambda u: np.add(u * 1j, 1, dtype=np.float32),
        lambda u: np.float64(u[0] * 1.0 + 1j).real * np.float64(complex(2.0, 1.0)), lambda u: np.transpose(u, (1, 0)),
        lambda u: u[np.array([True, False])], lambda u: np.eye(4)[[True, False, True], 1],
        lambda u: np.convolve(u[:0] * 1.0, [1.0, 2.0]), lambda u: np.vectorize(lambda v: v * 2)(u[:0]),
        lambda u: np.moveaxis(2.0, 1, 0), lambda u: np.round(u > 3, 1), lambda u: u[0:2][:, None].transpose(0, 0),
    ],
)  # fmt: skip
def test_exceptions(f: Callable[..., Any]) -> None:
    same(f, U)


@pytest.mark.parametrize(
    "f",
    [
        lambda c: c > 0.2, lambda c: c <= c, lambda c: np.where(c < 0, c, 2 * c), lambda c: scipy.fft.dct(c),
        lambda c: scipy.fft.idct(c, norm="ortho"), lambda c: c[:, [True, False, True, True]],
    ],
)  # fmt: skip
def test_complex(f: Callable[..., Any]) -> None:
    same(f, C)


def test_a_float16_loop_is_refused() -> None:
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="float16"):
        revtrace.vjp(lambda x, u: x * np.exp(u), X[0, :3], U)
