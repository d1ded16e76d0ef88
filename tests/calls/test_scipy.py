"""``scipy.linalg`` and ``scipy.fft`` against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.calls.laws import checked, weighted

L = pytest.importorskip("scipy.linalg")
F = pytest.importorskip("scipy.fft")
RNG = np.random.default_rng(5)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def complex_(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


def positive(n: int, kind: Any = real) -> np.ndarray:
    a = kind(n, n)
    return a @ a.conj().T + n * np.eye(n)


def all_of(*parts: Any) -> Any:
    return sum(weighted(p) for p in parts)


CASES: dict[str, tuple[Any, ...]] = {
    "solve": (lambda a, b: weighted(L.solve(a, b)), positive(3), real(3)),
    "solve pos": (lambda a, b: weighted(L.solve(a, b, assume_a="pos", lower=True)), positive(3), real(3)),
    "solve transposed": (lambda a, b: weighted(L.solve(a, b, transposed=True)), positive(3) + real(3, 3), real(3, 2)),
    "inv": (lambda a: weighted(L.inv(a, check_finite=False)), positive(3)),
    "det": (lambda a: L.det(a) ** 2, real(3, 3)),
    "cholesky": (lambda a: weighted(L.cholesky(a)), positive(3)),
    "cholesky lower": (lambda a: weighted(L.cholesky(a, lower=True)), positive(3, complex_)),
    "cho_factor": (lambda a: weighted(np.triu(L.cho_factor(a)[0])), positive(3)),
    "cho_solve": (lambda a, b: weighted(L.cho_solve(L.cho_factor(a), b)), positive(3), real(3)),
    "cho_solve lower": (lambda a, b: weighted(L.cho_solve(L.cho_factor(a, True), b)), positive(3), real(3, 2)),
    "cho_solve pair": (lambda a, b: weighted(L.cho_solve((a, True), b)), positive(3), real(3)),
    "triangular": (lambda a, b: weighted(L.solve_triangular(a, b)), positive(3), real(3)),
    "triangular lower": (lambda a, b: weighted(L.solve_triangular(a, b, lower=True)), positive(3), real(3, 2)),
    "triangular trans": (lambda a, b: weighted(L.solve_triangular(a, b, trans="T", lower=True)), positive(3), real(3)),
    "triangular adjoint": (lambda a, b: weighted(L.solve_triangular(a, b, trans=2)), positive(3, complex_), real(3)),
    "triangular unit": (lambda a, b: weighted(L.solve_triangular(a, b, unit_diagonal=True)), real(3, 3), real(3)),
    "lu": (lambda a: all_of(*L.lu(a)[1:]), real(4, 4)),
    "lu permuted": (lambda a: all_of(*L.lu(a, permute_l=True)), real(4, 4)),
    "lu complex": (lambda a: all_of(*L.lu(a)[1:]), complex_(3, 3)),
    "lu_factor": (lambda a: weighted(L.lu_factor(a)[0]), real(4, 4)),
    "lu_solve": (lambda a, b: weighted(L.lu_solve(L.lu_factor(a), b)), real(4, 4), real(4)),
    "lu_solve matrix": (lambda a, b: weighted(L.lu_solve(L.lu_factor(a), b)), real(4, 4), real(4, 2)),
    "expm": (lambda a: weighted(L.expm(a)), real(3, 3)),
    "expm complex": (lambda a: weighted(L.expm(a)), complex_(3, 3)),
    "logm": (lambda a: weighted(L.logm(a)), positive(3)),
    "sqrtm": (lambda a: weighted(L.sqrtm(a)), positive(3)),
    "norm": (lambda a: L.norm(a) + L.norm(a, "nuc") + L.norm(a, 1), real(3, 3)),
    "svdvals": (lambda a: weighted(L.svdvals(a)), real(4, 3)),
    "pinv": (lambda a: weighted(L.pinv(a)), real(4, 3)),
    "eigh": (lambda a: weighted(L.eigh(a)[0]) + weighted(L.eigh(a, lower=False)[1] ** 2), positive(3)),
    "eigvalsh": (lambda a: weighted(L.eigvalsh(a)), positive(3)),
    "block_diag": (lambda a, b, c: weighted(L.block_diag(a, b, c)), real(2, 2), real(1, 3), real(2)),
    "toeplitz": (lambda c: weighted(L.toeplitz(c)), real(4)),
    "toeplitz row": (lambda c, r: weighted(L.toeplitz(c, r)), real(4), real(3)),
    "solve_banded": (
        lambda ab, b: weighted(L.solve_banded((1, 1), ab + np.array([[0.0], [4.0], [0.0]]), b)),
        real(3, 5),
        real(5),
    ),
    "solveh_banded": (
        lambda ab, b: weighted(L.solveh_banded(ab + np.array([[0.0], [4.0]]), b)),
        real(2, 5) / 2,
        real(5),
    ),
    "fft": (lambda x: weighted(F.fft(x)) + weighted(F.ifft(x, 8)), real(6)),
    "rfft": (lambda x: weighted(F.irfft(F.rfft(x) * 2j)), real(6)),
}

_FIRST = {"expm complex", "logm", "sqrtm", "eigh", "norm", "svdvals", "pinv"}


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    function, *args = CASES[name]
    checked(function, *args, second=name not in _FIRST, rtol=1e-6)


def test_compiled() -> None:
    for name in ("cho_solve", "lu_solve", "expm"):
        function, *args = CASES[name]
        checked(function, *args, compiled=True, second=False, rtol=1e-6)


def test_errors_are_scipys() -> None:
    with override(interpret=True, cache=False):
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            revtrace.grad(lambda a, b: np.sum(L.solve_triangular(a, b)))(np.zeros((2, 2)), np.ones(2))
        with pytest.raises(np.linalg.LinAlgError, match="positive definite|potrf"):
            revtrace.grad(lambda a: np.sum(L.cholesky(a)))(-np.eye(2))
        with pytest.raises(TypeError, match="complex"):
            revtrace.grad(lambda a: np.sum(L.sqrtm(a)))(-np.eye(2))
