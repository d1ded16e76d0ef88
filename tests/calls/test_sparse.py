"""Products with SciPy's sparse matrices against differences; cotangents have the matrices' pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.calls.laws import checked, weighted

sp = pytest.importorskip("scipy.sparse")
linalg = pytest.importorskip("scipy.sparse.linalg")
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


ROW, COL = np.array([0, 1, 2, 3, 0, 1, 1]), np.array([0, 1, 2, 3, 1, 0, 1])
# Entries at one place add: 4 and 6.
DATA = np.array([4.0, 3.0, 5.0, 6.0, 0.5, 0.7, 1.3])


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_matrix", "coo_array"])
def test_matrices_of_entries(kind: str) -> None:
    def f(data: Any, x: Any) -> Any:
        a = getattr(sp, kind)((data, (ROW, COL)), shape=(4, 4))
        return weighted(a @ x) + weighted(a.T @ x) + weighted(a.toarray()) + weighted(a.diagonal()) + a.sum()

    checked(f, DATA, V, second=False)


def elements(stretch: Any, stiff: Any) -> Any:
    rows, columns, data = [], [], []
    for k in range(3):
        for i, j, sign in ((k, k, 1), (k, k + 1, -1), (k + 1, k, -1), (k + 1, k + 1, 1)):
            rows.append(i)
            columns.append(j)
            data.append(sign * stiff[k] / stretch[k])
    whole = sp.coo_matrix((data, (rows, columns)), shape=(4, 4)).tocsc()
    return weighted(linalg.spsolve(whole[1:, 1:], np.array([0.0, 0.5, 1.0])))


def test_system_of_elements_with_a_held_end() -> None:
    checked(elements, np.array([0.5, 0.6, 0.7]), np.array([1.0, 2.0, 1.5]), second=False)


def test_system_compiled() -> None:
    def f(data: Any, b: Any) -> Any:
        return weighted(linalg.spsolve(sp.csc_matrix((data, (ROW, COL)), shape=(4, 4)), b))

    checked(f, DATA, V, compiled=True, second=False)
    checked(f, DATA, V)
    checked(f, DATA, X, second=False)


ALGEBRA: dict[str, Any] = {
    "sum": lambda a, b: a + b.tocsc() - sp.eye(4),
    "scaled": lambda a, b: 2.0 * a - b / 3.0 + (-a) * 0.5,
    "product": lambda a, b: a @ b + a.T @ a,
    "sizes": lambda a, b: abs(a - 2 * b),
    "star": lambda a, b: a * b,
    "elements": lambda a, b: a.multiply(b) + a.multiply(np.arange(1.0, 5.0)) + b.multiply(a.toarray()),
    "power": lambda a, b: a.power(2) + b**2,
    "kron": lambda a, b: sp.kron(sp.identity(2), a) + sp.kron(b, sp.eye(2), format="csr"),
    "diagonals": lambda a, b: sp.diags([a.diagonal(), b.diagonal(1), 2.0], [0, 1, -1], shape=(4, 4)).tocsr() @ a,
    "blocks": lambda a, b: sp.bmat([[a, None], [sp.hstack([b]), sp.vstack([a, b]).tocsr()[:4]]]),
    "parts": lambda a, b: a.tocsr()[[2, 0, 0], :][:, 1:] + b.tocsr()[:3, np.array([True, False, True, True])],
    "triangles": lambda a, b: sp.tril(a) + sp.triu(b, 1),
    "sums": lambda a, b: sp.diags(np.asarray(a.sum(axis=1)).ravel()) - b,
    "places": lambda a, b: a.multiply(a.toarray()[[0, 1], [1, 0]].sum() * sp.csr_array(b)[np.array([1, 3]), [0, 0]][0]),
    "row": lambda a, b: a.getrow(1).T @ b.getrow(0) * b.tocsr()[1, 1],
}


@pytest.mark.parametrize("name", ALGEBRA)
def test_sums_products_and_parts(name: str) -> None:
    combined = ALGEBRA[name]

    def f(data: Any, more: Any) -> Any:
        a, b = sp.csr_matrix((data, (ROW, COL)), shape=(4, 4)), sp.coo_matrix((more, (COL, ROW)), shape=(4, 4))
        return weighted(combined(a, b).toarray())

    checked(f, DATA, DATA[::-1].copy(), second=False)


@pytest.mark.parametrize("kind", ["lil_matrix", "dok_matrix", "lil_array"])
def test_matrices_whose_items_are_set(kind: str) -> None:
    def f(data: Any, x: Any) -> Any:
        a = getattr(sp, kind)((4, 4))
        for k in range(4):
            a[k, k] = data[k] * 2.0
        a[0, 1] = data[4]
        a[1, 0] += data[5] * data[0]
        return weighted(a.tocsr() @ x)

    checked(f, DATA, V, second=False)


def test_what_is_stored_after_assembly() -> None:
    def f(data: Any) -> Any:
        a = sp.csr_matrix((data, (ROW, COL)), shape=(4, 4))
        a.data[0] *= 3.0
        return weighted(a.data) * a.nnz + weighted(a @ V) + np.sum(a.indices * a.indptr[-1])

    checked(f, DATA, second=False)


def test_arrays_changed_after_a_matrix_is_made_of_them() -> None:
    def f(data: Any, x: Any) -> Any:
        mine, dense, built = data * 1.0, x[:, None] * x, sp.lil_matrix((4, 4))
        built[0, 1] = data[0]
        a, b = sp.csr_matrix((mine, (ROW, COL)), shape=(4, 4)), sp.coo_matrix((mine, (ROW, COL)), shape=(4, 4))
        c, d, e = sp.csr_matrix(dense), built.tocsr(), b.tocsc()
        mine[0] *= 2.0
        dense[0, 0] *= 3.0
        built[0, 1] = 7.0
        return weighted((a + c + d + e).toarray()) + weighted(b.toarray())

    checked(f, DATA, V, second=False)


def test_sums_in_place() -> None:
    def f(data: Any) -> Any:
        whole = sp.csr_matrix((4, 4))
        for k in range(3):
            ends = ([k, k, k + 1, k + 1], [k, k + 1, k, k + 1])
            whole += sp.coo_matrix((data[k] * np.array([1.0, -1.0, -1.0, 1.0]), ends), shape=(4, 4))
        first = whole
        whole -= sp.eye(4)
        return weighted(whole.toarray()) + weighted(first.diagonal())

    checked(f, DATA, second=False)


def test_places_out_of_a_matrix_raise_as_in_scipy() -> None:
    with override(interpret=True, cache=False), pytest.raises(ValueError, match="index"):
        revtrace.grad(lambda d: sp.csr_matrix((d, (ROW, COL)), shape=(4, 3)).sum())(DATA)


def test_what_is_not_known_is_refused_by_name() -> None:
    with override(interpret=True, cache=False):
        for f, said in (
            (lambda d: np.sum((CSR @ sp.diags(d)).data), "data of a sum, product or part"),
            (lambda d: linalg.cg(sp.diags(d, format="csr"), V)[0][0], "spsolve"),
            (lambda d: np.sum(sp.diags(d).tocsr().argmax()), "argmax"),
            (lambda d: linalg.eigsh(sp.diags(d, format="csr"), k=1)[0][0], "np.linalg.eigh"),
            (lambda d: np.sum(np.asarray(sp.diags(d))), "toarray"),
        ):
            with pytest.raises(revtrace.UnsupportedError, match=said):
                revtrace.grad(f)(V)
        with pytest.raises(ValueError, match="dimension mismatch|matmul"):
            revtrace.grad(lambda v: np.sum(CSR @ v))(LINE)
