"""``scipy.linalg`` in terms of ``numpy.linalg``: factorisations, matrices of a pattern, equations of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


@stands_for("scipy.linalg.svd")
def svd(
    a: Any, full_matrices: Any = True, compute_uv: Any = True, overwrite_a: Any = False, check_finite: Any = True,
    lapack_driver: Any = "gesdd",
) -> Any:  # fmt: skip
    """The singular value decomposition."""
    if not compute_uv:
        return np.linalg.svd(a, compute_uv=False)
    u, s, vh = np.linalg.svd(a, full_matrices=full_matrices)
    return u, s, vh


@stands_for("scipy.linalg.qr")
def qr(
    a: Any, overwrite_a: Any = False, lwork: Any = None, mode: Any = "full", pivoting: Any = False,
    check_finite: Any = True,
) -> Any:  # fmt: skip
    """The product of an orthogonal and a triangular matrix."""
    if pivoting or mode not in ("full", "economic"):
        refuse(f"scipy.linalg.qr with mode={mode!r} or pivoting", instead="use mode='economic'")
    a = np.asarray(a)
    if mode == "full":
        require(a.shape[0] <= a.shape[1], "scipy.linalg.qr with mode='full' of a matrix with more rows than columns")
    q, r = np.linalg.qr(a)
    return q, r


@stands_for("scipy.linalg.lstsq")
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: Any = False, overwrite_b: Any = False, check_finite: Any = True,
    lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """The solution of an overdetermined system by least squares."""
    x, missed, rank, values = np.linalg.lstsq(a, b, rcond=cond)
    if b.ndim == 1 and rank == a.shape[1] and a.shape[0] > a.shape[1]:
        return x, missed[0], rank, values
    return x, missed, rank, values


@stands_for("scipy.linalg.eigh")
def eigh(
    a: Any, b: Any = None, *, lower: Any = True, eigvals_only: Any = False, overwrite_a: Any = False,
    overwrite_b: Any = False, type: Any = 1, check_finite: Any = True, subset_by_index: Any = None,
    subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """Eigenvalues and vectors of a symmetric matrix, or of one relative to another."""
    if subset_by_index is not None or subset_by_value is not None or type != 1:
        refuse("scipy.linalg.eigh with type or a subset", instead="take all and slice them")
    triangle: Any = "L" if lower else "U"
    if b is None:
        values, vectors = np.linalg.eigh(a, triangle)
        return values if eigvals_only else (values, vectors)
    a, b = np.asarray(a), np.asarray(b)
    if not lower:
        a, b = np.conj(a).T, np.conj(b).T
    factor = np.linalg.cholesky(b)
    # Only one triangle counts.
    a = np.tril(a) + np.conj(np.tril(a, -1)).T
    half = np.linalg.solve(factor, a)
    values, vectors = np.linalg.eigh(np.linalg.solve(factor, np.conj(half).T))
    return values if eigvals_only else (values, np.linalg.solve(np.conj(factor).T, vectors))


@stands_for("scipy.linalg.eig")
def eig(
    a: Any, b: Any = None, left: Any = False, right: Any = True, overwrite_a: Any = False, overwrite_b: Any = False,
    check_finite: Any = True, homogeneous_eigvals: Any = False,
) -> Any:  # fmt: skip
    """Eigenvalues and vectors of a square matrix; the values are complex."""
    if b is not None or left or homogeneous_eigvals:
        refuse("scipy.linalg.eig with b, left or homogeneous_eigvals", instead="use the matrix solve(b, a)")
    values, vectors = np.linalg.eig(a)
    return (values + 0j, vectors) if right else values + 0j


@stands_for("scipy.linalg.eigvals")
def eigvals(
    a: Any, b: Any = None, overwrite_a: Any = False, check_finite: Any = True, homogeneous_eigvals: Any = False
) -> Any:
    """Eigenvalues of a square matrix, as complex numbers."""
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


@stands_for("scipy.linalg.eigvalsh")
def eigvalsh(
    a: Any, b: Any = None, *, lower: Any = True, overwrite_a: Any = False, overwrite_b: Any = False, type: Any = 1,
    check_finite: Any = True, subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """Eigenvalues of a symmetric matrix, or of one relative to another."""
    subset = subset_by_index if subset_by_value is None else subset_by_value
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset)


@stands_for("scipy.linalg.eigh_tridiagonal")
def eigh_tridiagonal(
    d: Any, e: Any, eigvals_only: Any = False, select: Any = "a", select_range: Any = None, check_finite: Any = True,
    tol: Any = 0.0, lapack_driver: Any = "auto",
) -> Any:  # fmt: skip
    """Eigenvalues and vectors of a symmetric matrix with three diagonals."""
    if select != "a":
        refuse("scipy.linalg.eigh_tridiagonal with select", instead="take all and slice them")
    return eigh(np.diag(d) + np.diag(e, -1), eigvals_only=eigvals_only)


@stands_for("scipy.linalg.circulant")
def circulant(c: Any) -> Any:
    """The matrix whose columns are turns of the first one."""
    c = np.atleast_1d(c)
    k = np.arange(c.shape[-1])
    return np.take(c, (k[:, None] - k) % c.shape[-1], axis=-1)


@stands_for("scipy.linalg.block_diag")
def block_diag(*arrs: Any) -> Any:
    """Matrices along the diagonal of one, for each part of a batch."""
    blocks = [np.atleast_2d(a) for a in arrs] if arrs else [np.zeros((1, 0))]
    batch = np.broadcast_shapes(*[b.shape[:-2] for b in blocks])
    rows, columns = 0, 0
    for b in blocks:
        rows += b.shape[-2]
        columns += b.shape[-1]
    found = np.zeros((*batch, rows, columns), np.result_type(*blocks))
    row, column = 0, 0
    for b in blocks:
        below, right = row + b.shape[-2], column + b.shape[-1]
        found[..., row:below, column:right] = b
        row, column = below, right
    return found


@stands_for("scipy.linalg.hankel")
def hankel(c: Any, r: Any = None) -> Any:
    """The matrix with equal numbers along its other diagonals."""
    c = np.ravel(c)
    r = np.zeros(c.shape[0], c.dtype) if r is None else np.ravel(r)
    both = np.concatenate((c, r[1:]))
    return both[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


@stands_for("scipy.linalg.solve_toeplitz")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: Any = True) -> Any:
    """Solve a system with equal numbers along the matrix's diagonals."""
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, np.conj(c_or_cr))
    c, r = np.ravel(c), np.ravel(r)
    i = np.arange(c.shape[0])[:, None] - np.arange(r.shape[0])
    return np.linalg.solve(np.where(i >= 0, c[np.abs(i)], r[np.abs(i)]), b)


@stands_for("scipy.linalg.solve_sylvester")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ b = q``, as one system of all of its numbers."""
    a, b, q = np.asarray(a), np.asarray(b), np.asarray(q)
    require(q.size <= 2500, "scipy.linalg.solve_sylvester of more than 2500 unknowns")
    whole = np.kron(a, np.eye(b.shape[0])) + np.kron(np.eye(a.shape[0]), b.T)
    return np.linalg.solve(whole, q.ravel()).reshape(q.shape)


@stands_for("scipy.linalg.solve_continuous_lyapunov", "scipy.linalg.solve_lyapunov")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ a.conj().T = q``."""
    a = np.asarray(a)
    return solve_sylvester(a, np.conj(a).T, q)
