"""Rows of systems of linear equations, inverses and determinants; conventions: see `revtrace.calls.matrices`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.matrices import Function, total, transposed

__all__ = ["cofactor", "solve_triangular"]


# systems --------------------------------------------------------------------------------------


def _flipped(x: Any, flip: bool) -> Any:
    return transposed(x) if flip else x


def solve(a: Any, b: Any, turned: bool = False, sideways: bool = False) -> Any:
    """Solve ``a @ x = b`` for a vector or matrices.

    ``turned``: ``a`` holds the transposed matrices; ``sideways``: so do ``b`` and ``x``.  The tracer passes
    transposes so: an operand of a row is a whole array, and a transpose would be copied to one.
    """
    return _flipped(np.linalg.solve(_flipped(a, turned), _flipped(b, sideways)), sideways)


def _products(x: Any, y: Any) -> Any:
    """Return ``x @ y'`` of matrices or of vectors as columns."""
    return x[:, np.newaxis] * y if x.ndim == 1 else x @ transposed(y)


def _solve_pull(turned: bool, sideways: bool) -> Function:
    def pull(a: Any, b: Any, x: Any, x_bar: Any) -> Any:
        x, x_bar = _flipped(x, sideways), _flipped(x_bar, sideways)
        b_bar = np.linalg.solve(_flipped(a, not turned), x_bar)
        minus = -b_bar
        a_bar = _products(x, minus) if turned else _products(minus, x)
        return a_bar, _flipped(b_bar, sideways)

    return pull


def _solve_push(turned: bool, sideways: bool) -> Function:
    def push(a: Any, b: Any, x: Any, da: Any, db: Any) -> Any:
        change: Any = None if db is None else _flipped(db, sideways)
        if da is not None:
            moved = _flipped(da, turned) @ _flipped(x, sideways)
            change = -moved if change is None else change - moved
        return (_flipped(np.linalg.solve(_flipped(a, turned), change), sideways),)

    return push


enter(Row("solve", solve, pull=_solve_pull, push=_solve_push, raises=True))


def _inv_pull() -> Function:
    def pull(a: Any, y: Any, y_bar: Any) -> Any:
        t = transposed(y)
        return (-(t @ y_bar) @ t,)

    return pull


def _inv_push() -> Function:
    def push(a: Any, y: Any, da: Any) -> Any:
        return (-(y @ da @ y),)

    return push


enter(Row("inv", np.linalg.inv, pull=_inv_pull, push=_inv_push, raises=True))


def solve_triangular(
    a: Any, b: Any, lower: bool = True, unit: bool = False, turned: bool = False, sideways: bool = False
) -> Any:
    """Solve as `solve` does with triangular matrices, of which only the ``lower`` or the upper triangle is read.

    Where ``turned``, it is that of the transpose of ``a``.
    """
    if b.ndim == 1:
        return solve_triangular(a, b[:, np.newaxis], lower, unit, turned)[:, 0]
    dtype = np.result_type(a, b)
    trsm = _trsm(dtype.char)
    if trsm is None:
        part = _triangle(_flipped(a, turned), lower, False)
        if unit:
            part = part - part * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
        return _flipped(np.linalg.solve(part, _flipped(b, sideways)), sideways)
    if not unit and not np.diagonal(a, axis1=-2, axis2=-1).all():
        raise np.linalg.LinAlgError("singular matrix")
    out = np.empty_like(b, dtype=dtype, order="C")
    for index in np.ndindex(a.shape[:-2]):
        right = b[index]
        if right.size:
            # BLAS sees the transposes of arrays stored by rows: x' a' = b'.
            options = {"side": not sideways, "lower": lower == turned, "trans_a": turned != sideways, "diag": unit}
            out[index] = trsm(1.0, a[index].T, right.T, **options).T
    return out


@functools.cache
def _trsm(code: str) -> Function | None:
    """Return BLAS's solver of triangular systems, which LAPACK's calls with more ado; None without SciPy."""
    if code not in "fdFD":
        return None
    try:
        from scipy.linalg import blas  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    found: Function = getattr(blas, {"f": "s", "d": "d", "F": "c", "D": "z"}[code] + "trsm")
    return found


def _triangle(x: Any, lower: bool, unit: bool) -> Any:
    if unit:
        return np.tril(x, -1) if lower else np.triu(x, 1)
    return np.tril(x) if lower else np.triu(x)


def _solve_triangular_pull(lower: bool, unit: bool, turned: bool, sideways: bool) -> Function:
    def pull(a: Any, b: Any, x: Any, x_bar: Any) -> Any:
        x, x_bar = _flipped(x, sideways), _flipped(x_bar, sideways)
        b_bar = solve_triangular(_flipped(a, not turned), x_bar, not lower, unit)
        a_bar = _products(x, b_bar) if turned else _products(b_bar, x)
        return -_triangle(a_bar, lower != turned, unit), _flipped(b_bar, sideways)

    return pull


def _solve_triangular_push(lower: bool, unit: bool, turned: bool, sideways: bool) -> Function:
    def push(a: Any, b: Any, x: Any, da: Any, db: Any) -> Any:
        change = None if db is None else _flipped(db, sideways)
        if da is not None:
            moved = _triangle(_flipped(da, turned), lower, unit) @ _flipped(x, sideways)
            change = -moved if change is None else change - moved
        return (_flipped(solve_triangular(_flipped(a, turned), change, lower, unit), sideways),)

    return push


enter(Row("solve_triangular", solve_triangular, pull=_solve_triangular_pull, push=_solve_triangular_push, raises=True))


# determinants -----------------------------------------------------------------------------------


def cofactor(a: Any) -> Any:
    """Return the matrix of cofactors, of singular matrices too: the gradient of the determinant."""
    try:
        y = np.linalg.inv(a)
        size = np.abs(a).sum(axis=-1).max(axis=-1) * np.abs(y).sum(axis=-1).max(axis=-1)
    except np.linalg.LinAlgError:
        size = np.inf
    if np.all(size < np.finfo(a.dtype).eps ** -0.25):
        return np.linalg.det(a)[..., None, None] * transposed(y)
    # The inverse, where there is one, has lost digits that the cofactors have.
    u, s, vh = np.linalg.svd(a)
    others = np.ones_like(s)
    for k in range(a.shape[-1]):
        others[..., k] = np.prod(np.delete(s, k, axis=-1), axis=-1)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    return np.conj(np.conj(turn)[..., None, None] * ((u * others[..., None, :]) @ vh))


def _cofactor_pull() -> Function:
    def pull(a: Any, c: Any, c_bar: Any) -> Any:
        # c = det(a) inv(a)': the product rule.
        y = transposed(np.linalg.inv(a))
        total = np.sum(c * c_bar, axis=(-1, -2))
        return (total[..., None, None] * y - y @ transposed(c_bar) @ c,)

    return pull


def _cofactor_push() -> Function:
    def push(a: Any, c: Any, da: Any) -> Any:
        y = transposed(np.linalg.inv(a))
        total = np.sum(c * da, axis=(-1, -2))
        return (total[..., None, None] * y - c @ transposed(da) @ y,)

    return push


enter(Row("cofactor", cofactor, pull=_cofactor_pull, push=_cofactor_push, raises=True))


def _det_pull() -> Function:
    def pull(a: Any, d: Any, d_bar: Any) -> Any:
        return (np.asarray(d_bar)[..., None, None] * cofactor(a),)

    return pull


def _det_push() -> Function:
    def push(a: Any, d: Any, da: Any) -> Any:
        return (np.sum(cofactor(a) * da, axis=(-1, -2)),)

    return push


enter(Row("det", np.linalg.det, pull=_det_pull, push=_det_push, raises=True))


def _slogdet(a: Any, complex: bool) -> Any:
    return tuple(np.linalg.slogdet(a))


def _slogdet_pull(complex: bool) -> Function:
    def pull(a: Any, sign: Any, log: Any, sign_bar: Any, log_bar: Any) -> Any:
        y = transposed(np.linalg.inv(a))
        if not complex:
            # The sign is constant.
            return (None if log_bar is None else np.asarray(log_bar)[..., None, None] * y,)
        turn = None if sign_bar is None else -1j * np.real(1j * np.asarray(sign) * sign_bar)
        return (np.asarray(total(log_bar, turn))[..., None, None] * y,)

    return pull


def _slogdet_push(complex: bool) -> Function:
    def push(a: Any, sign: Any, log: Any, da: Any) -> Any:
        total = np.sum(transposed(np.linalg.inv(a)) * da, axis=(-1, -2))
        if not complex:
            return 0.0 * total, total
        return np.asarray(sign) * 1j * np.imag(total), np.real(total)

    return push


enter(Row("slogdet", _slogdet, pull=_slogdet_pull, push=_slogdet_push, raises=True, sparse=True))
