"""Products with SciPy's sparse matrices against differences; cotangents have the matrices' pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.calls.laws import checked, weighted

sp = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(2)

DENSE = np.array([[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, -3.0, 0.5], [0.0, 0.0, 0.0, 0.0]])
CSR, CSC = sp.csr_matrix(DENSE), sp.csc_array(DENSE)
X, V = RNG.standard_normal((4, 2)), RNG.standard_normal(4)
LEFT, LINE = RNG.standard_normal((2, 3)), RNG.standard_normal(3)


@pytest.mark.parametrize("matrix", [CSR, CSC], ids=["csr", "csc"])
def test_products_with_a_matrix_found_outside(matrix: Any) -> None:
    checked(lambda v: weighted(matrix @ v), V)
    checked(lambda x: weighted(matrix @ x), X)
    checked(lambda v: weighted(matrix.dot(v)), V)
    checked(lambda v: weighted(matrix.T @ v), LINE)
    checked(lambda v: weighted(v @ matrix), LINE)
    checked(lambda x: weighted(x @ matrix), LEFT)


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_matrix", "csc_array"])
def test_cotangent_of_the_stored_numbers(kind: str) -> None:
    made = getattr(sp, kind)
    matrix = made(DENSE)
    indices, indptr = matrix.indices, matrix.indptr

    def f(data: Any, x: Any) -> Any:
        a = made((data, indices, indptr), shape=(3, 4))
        return weighted(a @ x) + np.sum((a.T @ (a @ x)) ** 2)

    checked(f, matrix.data.copy(), X)
    checked(f, matrix.data.copy(), V)


def test_matrix_as_an_argument() -> None:
    with override(interpret=True, cache=False):
        for matrix in (CSR, CSC):
            gradient = revtrace.grad(lambda v, a: weighted(a @ v))(V, matrix)
            np.testing.assert_allclose(gradient, matrix.T @ np.sin(0.37 * np.arange(1.0, 4.0)))


def test_numbers_changed_in_place_are_read_again() -> None:
    matrix = sp.csr_matrix(DENSE)
    with override(interpret=True, cache=False):
        gradient = revtrace.grad(lambda v: np.sum(matrix @ v))
        before = gradient(V)
        matrix.data *= 2.0
        np.testing.assert_allclose(gradient(V), 2.0 * before)


def test_compiled() -> None:
    checked(lambda v: np.sum((CSR @ v) ** 2), V, compiled=True, second=False)


def test_what_is_not_known_is_refused_by_name() -> None:
    with override(interpret=True, cache=False):
        with pytest.raises(revtrace.UnsupportedError, match="toarray"):
            revtrace.grad(lambda v: np.sum(CSR.toarray() @ v))(V)
        with pytest.raises(revtrace.UnsupportedError, match="two sparse"):
            revtrace.grad(lambda v: np.sum((CSR @ CSR.T) @ v))(LINE)
        with pytest.raises(ValueError, match="dimension mismatch|matmul"):
            revtrace.grad(lambda v: np.sum(CSR @ v))(LINE)
