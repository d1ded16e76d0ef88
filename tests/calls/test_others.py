"""Contractions, norms and Fourier transforms against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.calls.laws import checked, weighted

L = np.linalg
F = np.fft
RNG = np.random.default_rng(11)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def complex_(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


EINSUMS: dict[str, tuple[tuple[int, ...], ...]] = {
    "ij,jk->ik": ((3, 4), (4, 2)),
    "ij,kj": ((3, 4), (2, 4)),
    "ij,ij->": ((3, 4), (3, 4)),
    "ij,ij->i": ((3, 4), (3, 4)),
    "bij,bjk->bik": ((2, 3, 4), (2, 4, 2)),
    "bij,jk->bik": ((2, 3, 4), (4, 2)),
    "bi,bj->bij": ((2, 3), (2, 4)),
    "ii->i": ((3, 3),),
    "ii": ((3, 3),),
    "iji->j": ((3, 4, 3),),
    "ij->ji": ((3, 4),),
    "ijk->j": ((2, 3, 4),),
    "i,j,k->kij": ((2,), (3,), (4,)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    "ij,jk,ki": ((2, 3), (3, 4), (4, 2)),
    "...ij,...jk->...ik": ((2, 3, 4), (4, 5)),
    "...i->...": ((2, 3),),
    "ij,i->j": ((3, 4), (3,)),
    "ij,jk": ((3, 1), (4, 2)),
    "abcd,cdef->abef": ((2, 3, 2, 3), (2, 3, 2, 2)),
    "hqd,hkd->hqk": ((2, 3, 4), (2, 5, 4)),
    "i,i->i": ((3,), (3,)),
    "ij,kl->": ((2, 3), (3, 2)),
}


@pytest.mark.parametrize("subscripts", EINSUMS)
def test_einsum(subscripts: str) -> None:
    arrays = [real(*s) for s in EINSUMS[subscripts]]
    checked(lambda *xs: weighted(np.atleast_1d(np.einsum(subscripts, *xs))), *arrays)


def test_einsum_of_complex_arrays_and_of_lists() -> None:
    checked(lambda a, b: weighted(np.einsum("ij,jk->ki", a, b)), complex_(3, 2), complex_(2, 4))
    checked(lambda a, b: weighted(np.einsum(a, [0, 1], b, [1, 2], [0, 2])), real(3, 2), real(2, 4))


def test_einsum_with_wrong_subscripts_raises_numpys_error() -> None:
    with override(interpret=True, cache=False), pytest.raises(ValueError, match="subscripts"):
        revtrace.grad(lambda a: np.einsum("ijk->", a))(real(2, 2))


CONTRACTIONS: dict[str, tuple[Any, ...]] = {
    "tensordot 1": (lambda a, b: weighted(np.tensordot(a, b, 1)), real(2, 3), real(3, 4)),
    "tensordot 2": (lambda a, b: weighted(np.tensordot(a, b)), real(2, 3, 4), real(3, 4, 2)),
    "tensordot 0": (lambda a, b: weighted(np.tensordot(a, b, 0)), real(2), real(3, 4)),
    "tensordot pair": (lambda a, b: weighted(np.tensordot(a, b, ([1, 0], [0, 2]))), real(2, 3, 4), real(3, 5, 2)),
    "tensordot axis": (lambda a, b: weighted(np.tensordot(a, b, (0, -1))), real(2, 3), real(5, 2)),
    "vdot": (lambda a, b: np.real(np.vdot(a, b)) + 2 * np.imag(np.vdot(a, b)), complex_(4), complex_(4)),
}

ORDERS = (None, "fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2)


def of_order(p: Any, axis: Any = None, keep: bool = False) -> Any:
    """Return a function with a norm of an order known when tracing."""
    return lambda a: weighted(np.atleast_1d(L.norm(a, p, axis, keep)))


NORMS: dict[str, tuple[Any, ...]] = {
    **{f"matrix {p}": (of_order(p), real(4, 3)) for p in ORDERS},
    **{f"stack {p}": (of_order(p, (0, 2)), real(4, 2, 3)) for p in ORDERS},
    **{f"kept {p}": (of_order(p, (1, 2), True), real(2, 4, 3)) for p in (1, 2, "nuc")},
    **{f"vector {p}": (of_order(p, 1), real(4, 3)) for p in (None, np.inf, -np.inf, 0, 1, 2, 3, 2.5, -1)},
    "order as an argument": (lambda a, p: weighted(L.norm(a, p[0], axis=1)), real(4, 3), np.array([2.5])),
    "complex": (lambda a: L.norm(a) + L.norm(a, 1) + L.norm(a, 2) + weighted(L.norm(a, axis=0)), complex_(3, 2)),
    "all axes": (lambda a: L.norm(a), real(2, 3, 2)),
    "cond 1": (lambda a: L.cond(a, 1), real(3, 3)),
}

SIGNAL, IMAGE = real(6), real(4, 6)
FFTS: dict[str, tuple[Any, ...]] = {
    "fft": (lambda x: weighted(F.fft(x)), SIGNAL),
    "fft odd": (lambda x: weighted(F.fft(x)), real(5)),
    "fft complex": (lambda x: weighted(F.fft(x)), complex_(6)),
    "fft cut": (lambda x: weighted(F.fft(x, 4)), SIGNAL),
    "fft padded": (lambda x: weighted(F.fft(x, n=9)), SIGNAL),
    "fft axis": (lambda x: weighted(F.fft(x, axis=0, norm="ortho")), IMAGE),
    "ifft": (lambda x: weighted(F.ifft(x, norm="forward")), complex_(3, 6)),
    "rfft": (lambda x: weighted(F.rfft(x)), SIGNAL),
    "rfft odd": (lambda x: weighted(F.rfft(x)), real(5)),
    "rfft axis": (lambda x: weighted(F.rfft(x, 8, 0)), IMAGE),
    "irfft": (lambda x: weighted(F.irfft(x)), complex_(4)),
    "irfft odd": (lambda x: weighted(F.irfft(x, 7)), complex_(4)),
    "irfft cut": (lambda x: weighted(F.irfft(x, 4)), complex_(5)),
    "irfft padded": (lambda x: weighted(F.irfft(x, 12)), complex_(3)),
    "fft2": (lambda x: weighted(F.fft2(x)), IMAGE),
    "ifft2": (lambda x: weighted(F.ifft2(x, s=(3, 8))), complex_(4, 6)),
    "fftn": (lambda x: weighted(F.fftn(x)), real(2, 3, 2)),
    "ifftn": (lambda x: weighted(F.ifftn(x, axes=(0, 2))), complex_(2, 3, 2)),
    "rfft2": (lambda x: weighted(F.rfft2(x)), IMAGE),
    "rfftn": (lambda x: weighted(F.rfftn(x, axes=(2, 0))), real(2, 3, 4)),
    "irfft2": (lambda x: weighted(F.irfft2(x)), complex_(4, 4)),
    "irfftn": (lambda x: weighted(F.irfftn(x, s=(3, 5), axes=(0, 1))), complex_(3, 3)),
    "shift": (lambda x: weighted(F.fftshift(x)) + weighted(F.ifftshift(x, axes=1)), real(3, 5)),
    "frequencies": (lambda x: weighted(F.fft(x) * (2j * np.pi * F.fftfreq(x.size))), SIGNAL),
    "filter": (lambda x, h: np.sum(F.irfft(F.rfft(x) * F.rfft(h, x.size), x.size) ** 2), SIGNAL, real(3)),
    "single": (lambda x: weighted(F.fft(x)), SIGNAL.astype(np.float32)),
}


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_contraction(name: str) -> None:
    function, *args = CONTRACTIONS[name]
    checked(function, *args)


@pytest.mark.parametrize("name", NORMS)
def test_norm(name: str) -> None:
    function, *args = NORMS[name]
    checked(function, *args, second=False, rtol=1e-6)


def test_infinite_order_found_when_running_is_refused() -> None:
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="order"):
        revtrace.grad(lambda a, p: L.norm(a, p), argnums=0)(real(3), np.inf)


@pytest.mark.parametrize("name", FFTS)
def test_transform(name: str) -> None:
    function, *args = FFTS[name]
    checked(function, *args)


def test_transforms_compiled() -> None:
    for name in ("filter", "irfft odd"):
        function, *args = FFTS[name]
        checked(function, *args, compiled=True, second=False)


def test_empty_transforms_raise_numpys_error() -> None:
    with override(interpret=True, cache=False), pytest.raises(ValueError, match="Invalid number of FFT data points"):
        revtrace.grad(lambda x: weighted(F.fft(x)))(np.zeros(0))
