"""``scipy.sparse``: functions that make matrices, and systems of equations solved by `scipy.sparse.linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.sparse import solve_entries
from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for
from revtrace.trace.libraries.sparse import entries, made, module, of_diagonals, typed
from revtrace.trace.libraries.sparse_methods import add, asformat, conjugate, is_matrix, of_format, transpose

__all__: list[str] = []


# functions ----------------------------------------------------------------------------------------


def _formatted(a: Any, format: Any) -> Any:
    return a if format is None else asformat(a, format)


def _diagonals(cls: Any, diagonals: Any, offsets: Any, shape: Any, format: Any, dtype: Any) -> Any:
    if np.ndim(offsets) == 0:
        offsets = [offsets]
        diagonals = [diagonals] if len(diagonals) == 0 or np.ndim(diagonals[0]) == 0 else diagonals
    parts = [np.atleast_1d(np.asarray(d)) for d in diagonals]
    ways = [int(k) for k in offsets]
    if len(parts) != len(ways):
        raise ValueError("Different number of diagonals and offsets.")
    if shape is None:
        m = parts[0].shape[0] + abs(ways[0])
        shape = (m, m)
    m, n = shape
    numbers, rows, columns = [], [], []
    for part, k in zip(parts, ways, strict=True):
        count = min(m + min(k, 0), n - max(k, 0))
        if count < 0:
            raise ValueError(f"Offset {k} (index 0) out of bounds")
        if part.shape[0] == 1:
            part = np.repeat(part, count)
        elif part.shape[0] < count:
            raise ValueError("Diagonal length does not agree with array size.")
        numbers.append(part[:count])
        rows.append(np.arange(count) + max(-k, 0))
        columns.append(np.arange(count) + max(k, 0))
    data = typed(np.concatenate(numbers), dtype)
    if dtype is None and data.dtype.kind in "iu":
        data = data * 1.0
    return _formatted(made(cls, data, np.concatenate(rows), np.concatenate(columns), (m, n)), format)


@stands_for("scipy.sparse.diags")
def diags(diagonals: Any, offsets: Any = 0, shape: Any = None, format: Any = None, dtype: Any = None) -> Any:
    """A matrix from its diagonals."""
    return _diagonals(module().dia_matrix, diagonals, offsets, shape, format, dtype)


@stands_for("scipy.sparse.diags_array")
def diags_array(
    diagonals: Any, /, *, offsets: Any = 0, shape: Any = None, format: Any = None, dtype: Any = None
) -> Any:
    """An array from its diagonals."""
    return _diagonals(module().dia_array, diagonals, offsets, shape, format, dtype)


@stands_for("scipy.sparse.spdiags")
def spdiags(data: Any, diags: Any, m: Any = None, n: Any = None, format: Any = None) -> Any:
    """A matrix from diagonals of which item j belongs to column j."""
    if m is None and n is None:
        m = n = np.shape(data)[1]
    elif n is None:
        m, n = m
    return _formatted(of_diagonals(module().dia_matrix, data, diags, (m, n), None), format)


def _unit(cls: Any, m: Any, n: Any, k: Any, dtype: Any, format: Any) -> Any:
    n = m if n is None else n
    count = max(min(m + min(k, 0), n - max(k, 0)), 0)
    rows = np.arange(count) + max(-k, 0)
    return _formatted(made(cls, np.ones(count, dtype=dtype), rows, rows + k, (m, n), True), format)


@stands_for("scipy.sparse.eye")
def eye(m: Any, n: Any = None, k: Any = 0, dtype: Any = float, format: Any = None) -> Any:
    """A matrix with ones on a diagonal."""
    return _unit(module().dia_matrix, m, n, k, dtype, format)


@stands_for("scipy.sparse.identity")
def identity(n: Any, dtype: Any = "d", format: Any = None) -> Any:
    """A matrix with ones on its diagonal."""
    return _unit(module().dia_matrix, n, None, 0, dtype, format)


@stands_for("scipy.sparse.eye_array")
def eye_array(m: Any, n: Any = None, *, k: Any = 0, dtype: Any = float, format: Any = None) -> Any:
    """An array with ones on a diagonal."""
    return _unit(module().dia_array, m, n, k, dtype, format)


def _sparse(a: Any) -> Any:
    return a if module().issparse(a) else module().coo_matrix(a)


def _joint(parts: Any) -> Any:
    """Return the class of what parts are joined to: an array where one of them is."""
    return module().coo_matrix if all(is_matrix(p) for p in parts) else module().coo_array


@stands_for("scipy.sparse.kron")
def kron(A: Any, B: Any, format: Any = None) -> Any:
    """The Kronecker product."""
    a, b = _sparse(A), _sparse(B)
    x, i, j = entries(a)
    y, k, m = entries(b)
    data = np.ravel(x[:, None] * y)
    row = np.ravel(i[:, None] * b.shape[0] + k)
    col = np.ravel(j[:, None] * b.shape[1] + m)
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    return _formatted(made(_joint([a, b]), data, row, col, shape), format)


@stands_for("scipy.sparse.kronsum")
def kronsum(A: Any, B: Any, format: Any = None) -> Any:
    """The Kronecker sum of square matrices."""
    a, b = _sparse(A), _sparse(B)
    left = kron(_unit(type(b), b.shape[0], None, 0, float, None), a)
    return _formatted(add(left, kron(b, _unit(type(a), a.shape[0], None, 0, float, None))), format)


def _blocks(blocks: Any, format: Any, dtype: Any) -> Any:
    parts: Any = [[None if p is None else _sparse(p) for p in line] for line in blocks]
    heights: Any = [next((p.shape[0] for p in line if p is not None), None) for line in parts]
    widths: Any = [
        next((line[k].shape[1] for line in parts if line[k] is not None), None) for k in range(len(parts[0]))
    ]
    if None in heights or None in widths:
        raise ValueError("blocks must have a block that is not None in each row and column")
    found = []
    top = 0
    for line, height in zip(parts, heights, strict=True):
        left = 0
        for p, width in zip(line, widths, strict=True):
            if p is not None:
                if p.shape != (height, width):
                    raise ValueError("blocks have incompatible dimensions")
                data, row, col = entries(p)
                found.append((data, row + top, col + left))
            left += width
        top += height
    cls = _joint([p for line in parts for p in line if p is not None])
    data = typed(np.concatenate([f[0] for f in found]), dtype)
    row, col = np.concatenate([f[1] for f in found]), np.concatenate([f[2] for f in found])
    return _formatted(made(cls, data, row, col, (top, left), True), format)


@stands_for("scipy.sparse.bmat", "scipy.sparse.block_array")
def bmat(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """A matrix made of blocks; None stands for zeros."""
    return _blocks(blocks, format, dtype)


@stands_for("scipy.sparse.hstack")
def hstack(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """Matrices beside each other."""
    return _blocks([list(blocks)], format, dtype)


@stands_for("scipy.sparse.vstack")
def vstack(blocks: Any, format: Any = None, dtype: Any = None) -> Any:
    """Matrices below each other."""
    return _blocks([[b] for b in blocks], format, dtype)


@stands_for("scipy.sparse.block_diag")
def block_diag(mats: Any, format: Any = None, dtype: Any = None) -> Any:
    """Matrices along the diagonal."""
    mats = list(mats)
    return _blocks([[a if k == j else None for j in range(len(mats))] for k, a in enumerate(mats)], format, dtype)


def _triangle(A: Any, k: Any, lower: Any, format: Any) -> Any:
    a = _sparse(A)
    data, row, col = entries(a)
    inside = col - row <= k if lower else col - row >= k
    found = made(of_format(a, "coo"), np.where(inside, data, 0), row, col, a.shape)
    return _formatted(found, format)


@stands_for("scipy.sparse.tril")
def tril(A: Any, k: Any = 0, format: Any = None) -> Any:
    """The lower triangle."""
    return _triangle(A, k, True, format)


@stands_for("scipy.sparse.triu")
def triu(A: Any, k: Any = 0, format: Any = None) -> Any:
    """The upper triangle."""
    return _triangle(A, k, False, format)


# systems ------------------------------------------------------------------------------------------


@stands_for("scipy.sparse.linalg.spsolve")
def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: Any = True) -> Any:
    """Solve a system of equations."""
    a = A if module().issparse(A) else module().csc_matrix(A)
    if a.shape[0] != a.shape[1]:
        raise ValueError("matrix must be square (has shape {(M, N)})")
    if module().issparse(b):
        refuse("scipy.sparse.linalg.spsolve with a sparse right side", instead="pass b.toarray()")
    data, row, col = entries(a)
    right = np.asarray(b)
    if right.shape[0] != a.shape[0]:
        raise ValueError("matrix - rhs dimension mismatch")
    dtype = np.result_type(data, right, np.float64)
    x = solve_entries(data.astype(dtype), row, col, right.astype(dtype))
    return np.ravel(x) if right.ndim == 2 and right.shape[1] == 1 else x


class _Factors:
    """A factorised matrix, which is factorised again for each right side."""

    def __init__(self, a: Any) -> None:
        self.a = a
        self.shape = a.shape

    def solve(self, rhs: Any, trans: Any = "N") -> Any:
        a = self.a if trans == "N" else transpose(self.a) if trans == "T" else conjugate(transpose(self.a))
        return np.reshape(spsolve(a, rhs), np.shape(rhs))


@stands_for("scipy.sparse.linalg.splu")
def splu(
    A: Any, permc_spec: Any = None, diag_pivot_thresh: Any = None, relax: Any = None, panel_size: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """A matrix whose systems are solved."""
    return _Factors(_sparse(A))


@stands_for("scipy.sparse.linalg.factorized")
def factorized(A: Any) -> Any:
    """A function that solves the systems of a matrix."""
    factors = _Factors(_sparse(A))
    return lambda b: factors.solve(b)


@stands_for(*(f"scipy.sparse.linalg.{name}" for name in "cg bicg bicgstab cgs gmres lgmres minres qmr".split()))
def refused_solver(*args: Any, **kwargs: Any) -> Any:
    """Solvers without a rule."""
    refuse(
        "an iterative solver of scipy.sparse.linalg",
        "its answer is as near as its tolerance says, not the solution that the derivative belongs to",
        "use scipy.sparse.linalg.spsolve",
    )


@stands_for(*(f"scipy.sparse.linalg.{name}" for name in "eigsh eigs svds lobpcg".split()))
def refused_spectrum(*args: Any, **kwargs: Any) -> Any:
    """Eigenvalues and singular values without a rule."""
    refuse("eigenvalues of a sparse matrix", instead="use np.linalg.eigh or np.linalg.svd of its toarray()")
