"""Derivatives of linear algebra against differences, over shapes, dtypes and memory layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg

import revtrace
from revtrace.config import override
from tests.calls.laws import checked, weighted

L = np.linalg
RNG = np.random.default_rng(7)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def complex_(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


def positive(n: int, kind: Any = real) -> np.ndarray:
    a = kind(n, n)
    return a @ a.conj().T + n * np.eye(n)


def all_of(*parts: Any) -> Any:
    return sum(weighted(p) for p in parts)


SINGULAR = real(4, 4)
SINGULAR[0] = SINGULAR[1]

SPREAD = np.diag([1.0, 2.0, 4.0]) + 0.1 * real(3, 3)
TURNING = np.array([[1.0, -2.0, 0.3], [1.4, 0.8, 0.5], [0.2, -0.1, 3.0]])

CASES: dict[str, tuple[Any, ...]] = {
    "solve vector": (lambda a, b: weighted(L.solve(a, b)), real(4, 4), real(4)),
    "solve matrix": (lambda a, b: weighted(L.solve(a, b)), real(4, 4), real(4, 2)),
    "solve stack": (lambda a, b: weighted(L.solve(a, b)), real(2, 4, 4), real(4, 2)),
    "solve complex": (lambda a, b: weighted(L.solve(a, b)), complex_(3, 3), real(3)),
    "solve size 1": (lambda a, b: weighted(L.solve(a, b)), real(1, 1), real(1)),
    "solve empty": (lambda a, b: weighted(L.solve(a, b)), real(0, 0), real(0, 2)),
    "solve float32": (lambda a, b: weighted(L.solve(a, b)), positive(3).astype(np.float32), real(3).astype(np.float32)),
    "solve strided": (lambda a, b: weighted(L.solve(a, b)), real(8, 4)[::-2], np.asfortranarray(real(4, 3))),
    "inv": (lambda a: weighted(L.inv(a)), real(4, 4)),
    "inv stack": (lambda a: weighted(L.inv(a)), real(2, 3, 3)),
    "inv complex": (lambda a: weighted(L.inv(a)), complex_(3, 3)),
    "inv twice": (lambda a: weighted(L.inv(L.inv(a) @ a + a)), real(3, 3)),
    "det": (lambda a: L.det(a) ** 2, real(4, 4)),
    "det stack": (lambda a: weighted(L.det(a)), real(3, 2, 2)),
    "det complex": (lambda a: weighted(L.det(a).reshape(1)), complex_(3, 3)),
    "slogdet": (lambda a: L.slogdet(a)[1] ** 2, positive(4)),
    "slogdet stack": (lambda a: weighted(L.slogdet(a).logabsdet), real(2, 3, 3)),
    "slogdet complex": (
        lambda a: L.slogdet(a)[1] + np.real(L.slogdet(a)[0]) - 2 * np.imag(L.slogdet(a)[0]),
        complex_(3, 3),
    ),
    "cholesky": (lambda a: weighted(L.cholesky(a)), positive(4)),
    "cholesky upper": (lambda a: weighted(L.cholesky(a, upper=True)), positive(4)),
    "cholesky stack": (lambda a: weighted(L.cholesky(a @ np.swapaxes(a, 1, 2) + np.eye(3))), real(2, 3, 3)),
    "cholesky complex": (lambda a: weighted(L.cholesky(a)), positive(3, complex_)),
    "cholesky size 1": (lambda a: weighted(L.cholesky(a)), positive(1)),
    "qr tall": (lambda a: all_of(*L.qr(a)), real(5, 3)),
    "qr wide": (lambda a: all_of(*L.qr(a)), real(3, 5)),
    "qr square": (lambda a: all_of(L.qr(a).Q, L.qr(a).R), real(4, 4)),
    "qr stack": (lambda a: all_of(*L.qr(a)), real(2, 4, 3)),
    "qr r only": (lambda a: weighted(L.qr(a, mode="r")), real(5, 3)),
    "qr complex": (lambda a: all_of(*L.qr(a)), complex_(4, 3)),
    "eigh": (lambda a: all_of(L.eigh(a)[0] ** 2, L.eigh(a)[1]), positive(4)),
    "eigh upper": (lambda a: all_of(L.eigh(a, "U")[0], L.eigh(a, UPLO="U")[1] ** 2), positive(3)),
    "eigh stack": (lambda a: all_of(L.eigh(a)[0] ** 2, L.eigh(a)[1] ** 2), real(2, 3, 3)),
    "eigh complex": (lambda a: all_of(L.eigh(a)[0] ** 2, np.abs(L.eigh(a)[1]) ** 2), positive(3, complex_)),
    "eigvalsh": (lambda a: weighted(L.eigvalsh(a)), positive(4)),
    "eig of real values": (lambda a: all_of(*L.eig(a)), SPREAD),
    "eig of complex values": (lambda a: all_of(*L.eig(a)), TURNING),
    "eig of a complex matrix": (lambda a: all_of(*L.eig(a)), SPREAD + 0.3j * TURNING),
    "eigvals stack": (lambda a: weighted(np.abs(L.eigvals(a))), np.stack([TURNING, TURNING.T @ TURNING + SPREAD])),
    "roots": (lambda p: weighted(np.abs(np.roots(p))), np.array([1.0, -2.2, 3.1, 0.4])),
    "svd tall": (lambda a: all_of(*(x**2 for x in L.svd(a, full_matrices=False))), real(5, 3)),
    "svd wide": (lambda a: all_of(*(x**2 for x in L.svd(a, full_matrices=False))), real(3, 5)),
    "svd square": (lambda a: all_of(*L.svd(a)), real(3, 3)),
    "svd values": (lambda a: weighted(L.svd(a, compute_uv=False)), real(5, 3)),
    "svd stack": (lambda a: all_of(L.svd(a)[0] ** 2, L.svd(a)[2] ** 2), real(2, 3, 3)),
    "svd of whole spaces": (lambda a: all_of(*(x**2 for x in L.svd(a)), L.svd(a.T[:, :2])[1]), real(3, 4)),
    "svd complex": (
        lambda a: weighted((L.svd(a, False)[0] * L.svd(a, False)[1] ** 2) @ L.svd(a, False)[2]),
        complex_(4, 3),
    ),
    "pinv tall": (lambda a: weighted(L.pinv(a)), real(5, 3)),
    "pinv wide": (lambda a: weighted(L.pinv(a)), real(3, 5)),
    "pinv complex": (lambda a: weighted(L.pinv(a)), complex_(4, 3)),
    "lstsq tall": (lambda a, b: weighted(L.lstsq(a, b, rcond=None)[0]), real(5, 3), real(5)),
    "lstsq wide": (lambda a, b: weighted(L.lstsq(a, b, rcond=None)[0]), real(3, 5), real(3, 2)),
    "lstsq complex": (lambda a, b: weighted(L.lstsq(a, b, rcond=None)[0]), complex_(4, 3), complex_(4, 2)),
    **{
        f"matrix_power {n}": (lambda a, n=n: weighted(L.matrix_power(a, n)), real(3, 3))
        for n in (-2, -1, 0, 1, 2, 3, 5)
    },
    "multi_dot": (
        lambda a, b, c: weighted(L.multi_dot([a, a, b])) + weighted(L.multi_dot([a, a, c])),
        real(4, 4),
        real(4, 2),
        real(4),
    ),
    "cond": (lambda a: L.cond(a), real(3, 3)),
    "matrix_rank": (lambda a: L.matrix_rank(a) * weighted(a), real(3, 3)),
    "tensorsolve": (lambda a, b: weighted(L.tensorsolve(a, b)), real(2, 3, 6), real(2, 3)),
    "polyfit": (lambda x, y: weighted(np.polyfit(x, y, 2)), real(6), real(6)),
    "polyfit weights": (lambda x, y, w: weighted(np.polyfit(x, y, 1, w=w)), real(6), real(6, 2), 1 + real(6) ** 2),
    "tensorinv": (lambda a: weighted(L.tensorinv(a)), real(2, 2, 2, 2)),
}

_LONG = {
    "eig of complex values",
    "eig of real values",
    "eigvals stack",
    "qr complex",
    "svd complex",
    "svd stack",
    "svd square",
    "svd tall",
    "svd of whole spaces",
    "svd wide",
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    function, *args = CASES[name]
    checked(function, *args, second=name not in _LONG, rtol=1e-6)


@pytest.mark.parametrize("name", ["solve stack", "det", "cholesky", "eigvalsh", "inv complex"])
def test_compiled(name: str) -> None:
    function, *args = CASES[name]
    checked(function, *args, compiled=True, second=False, rtol=1e-6)


def test_determinant_of_a_singular_matrix() -> None:
    checked(lambda a: L.det(a), SINGULAR, second=False)


def test_equal_eigenvalues() -> None:
    with override(interpret=True, cache=False):
        np.testing.assert_allclose(revtrace.grad(lambda a: np.sum(L.eigvalsh(a) ** 2))(np.eye(3)), 2 * np.eye(3))


def test_equal_values_whose_vectors_count_are_not_taken_for_simple_ones() -> None:
    # The derivatives exist, but are limits of quotients that are zero over zero.
    def logarithm(a):
        w, v = L.eigh(a)
        return np.sum((v * np.log(w)) @ v.T * np.ones((3, 3)))

    def cube(a):
        u, s, vh = L.svd(a)
        return np.sum((u * s**3) @ vh * np.ones((3, 3)))

    with override(interpret=True, cache=False), np.errstate(all="ignore"):
        for f in (logarithm, cube):
            assert not np.isfinite(revtrace.grad(f)(2 * np.eye(3))).all()


def test_how_vectors_that_complete_a_basis_turn_among_themselves_is_not_known() -> None:
    def entry(a):
        return L.svd(a)[2][2, 0]

    def projector(a):
        rest = L.svd(a)[2][2:]
        return weighted(rest.T @ rest)

    def null_space(a):
        return np.sum(scipy.linalg.null_space(a) ** 2 * np.arange(3.0)[:, None])

    with override(interpret=True, cache=False), np.errstate(all="ignore"):
        assert np.isnan(revtrace.grad(entry)(real(2, 4))).all()
        assert np.isnan(revtrace.jacfwd(entry)(real(2, 4))).all()
        a, e = real(2, 4), real(2, 4)
        slope = (projector(a + 1e-5 * e) - projector(a - 1e-5 * e)) / 2e-5
        np.testing.assert_allclose(np.sum(revtrace.grad(projector)(a) * e), slope, rtol=1e-7)
    checked(null_space, real(2, 3))


@pytest.mark.parametrize("interpret", [True, False])
def test_errors_are_numpys(interpret: bool) -> None:
    with override(interpret=interpret, cache=False):
        gradient = revtrace.grad(lambda a: np.sum(L.inv(a)))
        with pytest.raises(L.LinAlgError, match="Singular matrix"):
            gradient(np.zeros((2, 2)))
        with pytest.raises(L.LinAlgError, match="square"):
            gradient(np.ones((2, 3)))
        with pytest.raises(L.LinAlgError, match="positive definite"):
            revtrace.grad(lambda a: np.sum(L.cholesky(a)))(-np.eye(2))
        # What failed once is no reason to fail again.
        np.testing.assert_allclose(gradient(np.eye(2)), -np.ones((2, 2)))


def test_systems_in_a_loop() -> None:
    def implicit_euler(a: Any, x: Any) -> Any:
        step = np.eye(3) - 0.1 * a
        for _ in range(4):
            x = np.tanh(L.solve(step, x))
            step = step + 0.01 * np.outer(x, x)
        return np.sum(x * x)

    checked(implicit_euler, real(3, 3), real(3))


def test_system_until_it_settles() -> None:
    def newton(a: Any) -> Any:
        x = np.ones(2)
        while np.sum((a @ x + x**3 - 1.0) ** 2) > 1e-18:
            x = x - L.solve(a + np.diag(3 * x**2), a @ x + x**3 - 1.0)
        return np.sum(x)

    checked(newton, positive(2), rtol=1e-5)


def test_vectors_of_a_square_matrix_with_a_vanishing_singular_value() -> None:
    from tests.trace.agree import agrees

    def rotation(a):
        u, _, vh = np.linalg.svd(a)
        turn = u @ vh
        if np.linalg.det(turn) < 0.0:
            turn = turn - np.outer(u[:, 2], vh[2, :] * 2.0)
        return np.sum(turn * np.arange(9.0).reshape(3, 3))

    draw = np.random.default_rng(0)
    agrees(rotation, draw.normal(size=(3, 2)) @ draw.normal(size=(2, 3)))


def test_singular_triangular_systems_raise_as_scipys_do() -> None:
    scipy_linalg = pytest.importorskip("scipy.linalg")

    def f(a: Any, b: Any) -> Any:
        return scipy_linalg.solve_triangular(a, b, lower=True).sum()

    gradient = revtrace.grad(f, argnums=1)
    assert np.allclose(gradient(np.eye(2), np.ones((2, 3))), 1.0)
    assert gradient(np.eye(2), np.ones((2, 0))).shape == (2, 0)
    with pytest.raises(np.linalg.LinAlgError):
        gradient(np.zeros((2, 2)), np.ones((2, 3)))
