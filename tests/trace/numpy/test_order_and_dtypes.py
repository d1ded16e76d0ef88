"""The order of complex numbers, statistics of nothing, and dtypes of what numpy computes from single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.3, -1.2, 2.0, 0.7])
W = np.array([1 + 2j, 0.5 - 1j, 0.2j, 1.0])
V = np.array([1 + 2j, 1 - 1j, 1 + 3j, 0.5])


def _maximum_at(x: Any) -> Any:
    y = x[:3].copy()
    np.maximum.at(y, [0, 1, 0], x[1:])
    np.minimum.at(y, [2, 2], x[:2] * 0.5)
    np.hypot.at(y, [1, 1], x[2:])
    np.divide.at(y, [0, 0], 3.0)
    return (y * x[:3]).sum()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.abs(np.max(W * x) + 2 * np.min(W * x)),
        lambda x: np.abs((W * x).reshape(2, 2).max(axis=0)).sum(),
        lambda x: np.abs(np.max(V + x[0]) + 3 * np.min(V + x[0])),
        lambda x: (np.argmax(V + x[0]) + 10 * np.argmin(V + x[0])) * x[1],
        lambda x: np.abs(np.maximum(W * x, 1 + x) + np.fmin(V, W * x)).sum(),
        lambda x: np.abs(np.median(W * x) + np.median((V * x)[:3]) + np.nanmedian(W * x)),
        lambda x: np.abs(np.ptp(W * x)) + np.abs(np.clip(W * x, 0, 1)).sum(),
        lambda x: np.abs(np.linspace(x[0], x[1] + 1j, 4)).sum(),
        _maximum_at,
        lambda x: (np.frexp(1.1 * x)[0] * (1.0 + np.frexp(1.1 * x)[1])).sum() + np.frexp(x[3])[0],
        lambda x: (np.pad(x, (3, 7), mode="reflect", reflect_type="odd") * np.arange(14.0)).sum(),
        lambda x: (np.pad(x, (9, 2), mode="symmetric", reflect_type="odd") ** 2).sum(),
        lambda x: np.pad(x.reshape(2, 2), 2, mode="reflect", reflect_type="odd")[0].sum() * x[1],
    ],
)
def test_followed(function: Callable[..., Any]) -> None:
    agrees(function, X)


def _same(function: Callable[..., Any], x: Any) -> None:
    expected = np.asarray(function(x.copy()))
    with override(interpret=True, cache=False):
        ours, pullback = revtrace.vjp(function, x.copy())
    given = np.asarray(ours)
    assert (given.dtype, given.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(given, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.linspace(x, x + 1, 3),
        lambda x: np.frexp(x)[0],
        lambda x: np.frexp(x)[1],
        lambda x: np.linspace(x[0], x[1], 3),
        lambda x: np.linspace(x[0], 2.0, 3),
        lambda x: np.linspace(x[0], 2.0, 3, retstep=True)[1],
        lambda x: np.histogram(x, 3)[1],
        lambda x: np.histogram_bin_edges(x, 3, range=(0.0, 1.0)),
        lambda x: np.linalg.matrix_power(np.array([[1, 2], [3, 4]]), 3) + 0 * int(x.shape[0]),
        lambda x: np.linalg.matrix_power(np.array([[1, 2], [3, 4]]), 0) + 0 * int(x.shape[0]),
    ],
)
def test_dtype(function: Callable[..., Any]) -> None:
    _same(function, X.astype(np.float32))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.median(x[:0]),
        lambda x: np.median(x[:0].reshape(0, 3), axis=0),
        lambda x: np.linalg.norm(x[:0], np.inf),
        lambda x: np.linalg.norm(x[:0].reshape(0, 3), 2),
        lambda x: np.linalg.norm(x[:0].reshape(0, 3), np.inf),
        lambda x: np.linalg.norm(x[:0].reshape(3, 0), 1),
    ],
)
def test_of_nothing(function: Callable[..., Any]) -> None:
    _same(function, X)
