"""Rows of linear algebra: systems, factorisations, eigenvalues, functions of matrices.

All take stacks of matrices (the last two axes).  Cotangents follow the convention of
`revtrace.passes`: ``dL = Re(sum(bar * dx))``, so the pullback of a map that is not complex
differentiable conjugates on the way in and out.

What is differentiated is the function as computed: ``cholesky`` and ``eigh`` read one triangle of their
matrix, so the cotangent has one triangle.  Where eigenvalues or singular values coincide
the vectors have no derivative; a cotangent that does not ask for one gives a finite result, any
other is divided by zero, as in JAX.

Formulas: M. Giles, "An extended collection of matrix derivative results" (2008); S. Walter, L. Lehmann,
"Algorithmic differentiation of linear algebra functions" (2010); N. Higham, "Functions of matrices" (2008),
section 3 (the derivative of a function of a matrix as a block of that function of a block matrix).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter

__all__ = ["cofactor", "solve_triangular", "transposed"]

Function = Callable[..., Any]


def transposed(x: Any) -> Any:
    """Return a stack of matrices with each transposed."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Return a stack of matrices with each conjugated and transposed."""
    return np.conj(np.swapaxes(x, -1, -2))


# systems --------------------------------------------------------------------------------------


def _solve_pull() -> Function:
    def pull(a: Any, b: Any, x: Any, x_bar: Any) -> Any:
        b_bar = np.linalg.solve(transposed(a), x_bar)
        return -(b_bar @ transposed(x)), b_bar

    return pull


def _solve_push() -> Function:
    def push(a: Any, b: Any, x: Any, da: Any, db: Any) -> Any:
        if da is None:
            return (np.linalg.solve(a, db),)
        if db is None:
            return (np.linalg.solve(a, -(da @ x)),)
        return (np.linalg.solve(a, db - da @ x),)

    return push


enter(Row("solve", np.linalg.solve, pull=_solve_pull, push=_solve_push, raises=True))


def _inv_pull() -> Function:
    def pull(a: Any, y: Any, y_bar: Any) -> Any:
        t = transposed(y)
        return (-(t @ y_bar @ t),)

    return pull


def _inv_push() -> Function:
    def push(a: Any, y: Any, da: Any) -> Any:
        return (-(y @ da @ y),)

    return push


enter(Row("inv", np.linalg.inv, pull=_inv_pull, push=_inv_push, raises=True))


def solve_triangular(a: Any, b: Any, lower: bool = True, unit: bool = False) -> Any:
    """Solve ``a @ x = b`` with a triangular matrix, or stacks of them; only that triangle is read."""
    dtype = np.result_type(a, b)
    solve = _trsm(dtype.char)
    if solve is None:
        part = np.tril(a) if lower else np.triu(a)
        if unit:
            part = part - part * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
        return np.linalg.solve(part, b)
    if not unit and not np.diagonal(a, axis1=-2, axis2=-1).all():
        raise np.linalg.LinAlgError("singular matrix")
    out = np.empty_like(b, dtype=dtype, order="C")
    for index in np.ndindex(a.shape[:-2]):
        right = b[index]
        if right.size:
            # BLAS sees the transposes of arrays stored by rows: x' a' = b'.
            turned = right[None] if right.ndim == 1 else right.T
            out[index] = solve(1.0, a[index].T, turned, side=1, lower=not lower, diag=unit).T.reshape(right.shape)
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


def _solve_triangular_pull(lower: bool, unit: bool) -> Function:
    def pull(a: Any, b: Any, x: Any, x_bar: Any) -> Any:
        b_bar = solve_triangular(transposed(a), x_bar, not lower, unit)
        return -_triangle(b_bar @ transposed(x), lower, unit), b_bar

    return pull


def _solve_triangular_push(lower: bool, unit: bool) -> Function:
    def push(a: Any, b: Any, x: Any, da: Any, db: Any) -> Any:
        if da is None:
            return (solve_triangular(a, db, lower, unit),)
        if db is None:
            return (solve_triangular(a, -(_triangle(da, lower, unit) @ x), lower, unit),)
        return (solve_triangular(a, db - _triangle(da, lower, unit) @ x, lower, unit),)

    return push


enter(Row("solve_triangular", solve_triangular, pull=_solve_triangular_pull, push=_solve_triangular_push, raises=True))


# determinants -----------------------------------------------------------------------------------


def cofactor(a: Any) -> Any:
    """Return the matrix of cofactors, of singular matrices too: the gradient of the determinant."""
    u, s, vh = np.linalg.svd(a)
    n = a.shape[-1]
    others = np.ones_like(s)
    for k in range(n):
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
            return (np.asarray(log_bar)[..., None, None] * y,)
        turn = np.real(1j * np.asarray(sign) * sign_bar)
        return (np.asarray(log_bar - 1j * turn)[..., None, None] * y,)

    return pull


def _slogdet_push(complex: bool) -> Function:
    def push(a: Any, sign: Any, log: Any, da: Any) -> Any:
        total = np.sum(transposed(np.linalg.inv(a)) * da, axis=(-1, -2))
        if not complex:
            return 0.0 * total, total
        return np.asarray(sign) * 1j * np.imag(total), np.real(total)

    return push


enter(Row("slogdet", _slogdet, pull=_slogdet_pull, push=_slogdet_push, raises=True))


# factorisations ------------------------------------------------------------------------------------


def _halved(x: Any) -> Any:
    """Return the lower triangle with half the diagonal."""
    return 0.5 * (np.tril(x) + np.tril(x, -1))


def _one_triangle(x: Any) -> Any:
    """Return what a symmetric cotangent is for a function that reads the lower triangle only."""
    return np.tril(x, -1) + np.conj(transposed(np.triu(x, 1))) + np.tril(np.triu(np.real(x)))


def _cholesky_pull() -> Function:
    def pull(a: Any, low: Any, low_bar: Any) -> Any:
        inner = _halved(adjoint(low) @ np.conj(low_bar))
        right = solve_triangular(adjoint(low), inner, False)
        both = adjoint(solve_triangular(adjoint(low), adjoint(right), False))
        return (np.conj(_one_triangle(0.5 * (both + adjoint(both)))),)

    return pull


def _mirrored(x: Any) -> Any:
    """Return the symmetric matrix that a lower triangle stands for."""
    return np.tril(x, -1) + adjoint(np.tril(x, -1)) + np.tril(np.triu(np.real(x)))


def _cholesky_push() -> Function:
    def push(a: Any, low: Any, da: Any) -> Any:
        left = solve_triangular(low, _mirrored(da), True)
        both = adjoint(solve_triangular(low, adjoint(left), True))
        return (low @ _halved(both),)

    return push


enter(Row("cholesky", np.linalg.cholesky, pull=_cholesky_pull, push=_cholesky_push, raises=True))


def _qr(a: Any) -> Any:
    return tuple(np.linalg.qr(a))


def _qr_pull() -> Function:
    def pull(a: Any, q: Any, r: Any, q_bar: Any, r_bar: Any) -> Any:
        k = q.shape[-1]
        u, y = r[..., :k], a[..., k:]
        u_bar, v_bar = np.conj(r_bar[..., :k]), np.conj(r_bar[..., k:])
        g = np.conj(q_bar) + y @ adjoint(v_bar)
        m = u @ adjoint(u_bar) - adjoint(g) @ q
        mixed = np.tril(m, -1) + adjoint(np.tril(m, -1)) + np.tril(np.triu(np.real(m)))
        left = adjoint(solve_triangular(u, adjoint(g + q @ mixed), False))
        return (np.conj(np.concatenate((left, q @ v_bar), axis=-1)),)

    return pull


def _qr_push() -> Function:
    def push(a: Any, q: Any, r: Any, da: Any) -> Any:
        k = q.shape[-1]
        u, v = r[..., :k], r[..., k:]
        x, y = da[..., :k], da[..., k:]
        # dx = dq u + q du, with q' dq = turn skew.
        right = transposed(solve_triangular(transposed(u), transposed(x), True))
        inner = adjoint(q) @ right
        low = np.tril(inner, -1)
        turn = low - adjoint(low) + 1j * np.tril(np.triu(np.imag(inner))) if np.iscomplexobj(a) else low - adjoint(low)
        dq = right - q @ inner + q @ turn
        du = (inner - turn) @ u
        return dq, np.concatenate((du, adjoint(q) @ y - turn @ v), axis=-1)

    return push


enter(Row("qr", _qr, pull=_qr_pull, push=_qr_push, raises=True))


# eigenvalues and singular values -----------------------------------------------------------------------


def _shares(x: Any, difference: Any) -> Any:
    """Return a quotient that is zero where the numerator is, and on the diagonal."""
    x = x - np.tril(np.triu(x))
    return x / np.where(x == 0, 1.0, difference)


def _eigh(a: Any) -> Any:
    return tuple(np.linalg.eigh(a))


def _eigh_pull() -> Function:
    def pull(a: Any, w: Any, v: Any, w_bar: Any, v_bar: Any) -> Any:
        inner = adjoint(v) @ np.conj(v_bar)
        inner = _shares(inner, w[..., None, :] - w[..., :, None])
        total = (v * w_bar[..., None, :]) @ adjoint(v) + v @ inner @ adjoint(v)
        return (np.conj(_one_triangle(0.5 * (total + adjoint(total)))),)

    return pull


def _eigh_push() -> Function:
    def push(a: Any, w: Any, v: Any, da: Any) -> Any:
        turned = _mirrored(da) @ v
        dw = np.real(np.sum(np.conj(v) * turned, axis=-2))
        inner = adjoint(v) @ turned
        return dw, v @ _shares(inner, w[..., None, :] - w[..., :, None])

    return push


enter(Row("eigh", _eigh, pull=_eigh_pull, push=_eigh_push, raises=True))


def _svd(a: Any, complex: bool) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=False))


def _outside(x: Any, basis: Any, inside: Any, s: Any) -> Any:
    """Return the part of columns that a basis does not span, over the singular values.

    A square basis spans everything: what is left is rounding, which a tiny singular value would blow up.
    """
    if basis.shape[-2] == basis.shape[-1]:
        return np.zeros_like(x)
    rest = x - basis @ inside
    return np.where(rest == 0, 0.0, rest / np.where(rest == 0, 1.0, s))


def _svd_pull(complex: bool) -> Function:
    def pull(a: Any, u: Any, s: Any, vh: Any, u_bar: Any, s_bar: Any, vh_bar: Any) -> Any:
        v, ug, vg = adjoint(vh), np.conj(u_bar), adjoint(np.conj(vh_bar))
        wide, tall = s[..., None, :], s[..., :, None]
        gap = wide * wide - tall * tall
        uu, vv = adjoint(u) @ ug, adjoint(v) @ vg
        j, k = _shares(uu - adjoint(uu), gap), _shares(vv - adjoint(vv), gap)
        middle = j * wide + tall * k
        if complex:
            turn = 1j * np.tril(np.triu(np.imag(uu - adjoint(uu)))) * 0.5
            middle = middle + np.where(turn == 0, 0.0, turn / np.where(turn == 0, 1.0, wide))
        total = (u * s_bar[..., None, :]) @ vh + u @ middle @ vh
        total = total + _outside(ug, u, uu, wide) @ vh + u @ adjoint(_outside(vg, v, vv, wide))
        return (np.conj(total),)

    return pull


def _svd_push(complex: bool) -> Function:
    def push(a: Any, u: Any, s: Any, vh: Any, da: Any) -> Any:
        v = adjoint(vh)
        wide, tall = s[..., None, :], s[..., :, None]
        left, right = da @ v, adjoint(da) @ u
        inner = adjoint(u) @ left
        ds = np.real(np.sum(np.conj(u) * left, axis=-2))
        gap = wide * wide - tall * tall
        du_in = _shares(inner * wide + tall * adjoint(inner), gap)
        dv_in = _shares(tall * inner + adjoint(inner) * wide, gap)
        if complex:
            turn = 1j * np.tril(np.triu(np.imag(inner)))
            du_in = du_in + np.where(turn == 0, 0.0, turn / np.where(turn == 0, 1.0, wide))
        du = u @ du_in + _outside(left, u, adjoint(u) @ left, wide)
        dv = v @ dv_in + _outside(right, v, adjoint(v) @ right, wide)
        return du, ds, adjoint(dv)

    return push


enter(Row("svd", _svd, pull=_svd_pull, push=_svd_push, raises=True))


def _pinv_pull(rcond: float | None, hermitian: bool) -> Function:
    def pull(a: Any, p: Any, p_bar: Any) -> Any:
        g, ph = np.conj(p_bar), adjoint(p)
        gh = adjoint(g)
        total = -(ph @ g @ ph)
        left = gh @ p @ ph
        total = total + left - a @ (p @ left)
        right = ph @ p @ gh
        return (np.conj(total + right - (right @ p) @ a),)

    return pull


def _pinv_push(rcond: float | None, hermitian: bool) -> Function:
    def push(a: Any, p: Any, da: Any) -> Any:
        ph, dh = adjoint(p), adjoint(da)
        left = p @ ph @ dh
        right = dh @ ph @ p
        return (-(p @ da @ p) + left - (left @ a) @ p + right - p @ (a @ right),)

    return push


def _pinv(a: Any, rcond: float | None, hermitian: bool) -> Any:
    return np.linalg.pinv(a, **({} if rcond is None else {"rcond": rcond}), hermitian=hermitian)


enter(Row("pinv", _pinv, pull=_pinv_pull, push=_pinv_push, raises=True))


def _lstsq(a: Any, b: Any, rcond: float | None) -> Any:
    return np.linalg.lstsq(a, b, rcond=rcond)[0]


def _lstsq_pull(rcond: float | None) -> Function:
    def pull(a: Any, b: Any, x: Any, x_bar: Any) -> Any:
        p = np.linalg.pinv(a)
        g = np.conj(x_bar)
        z = adjoint(p) @ g
        rest = b - a @ x
        outside = g - adjoint(a) @ z
        total = -(z @ adjoint(x)) + rest @ adjoint(p @ z) + (adjoint(p) @ x) @ adjoint(outside)
        return np.conj(total), np.conj(z)

    return pull


def _lstsq_push(rcond: float | None) -> Function:
    def push(a: Any, b: Any, x: Any, da: Any, db: Any) -> Any:
        p = np.linalg.pinv(a)
        if da is None:
            return (p @ db,)
        rest = b - a @ x
        inner = adjoint(da) @ (adjoint(p) @ x)
        change = p @ (adjoint(p) @ (adjoint(da) @ rest)) - p @ (da @ x) + inner - p @ (a @ inner)
        return (change if db is None else change + p @ db,)

    return push


enter(Row("lstsq", _lstsq, pull=_lstsq_pull, push=_lstsq_push, raises=True))


def _matrix_rank(a: Any, tol: Any) -> Any:
    return np.asarray(np.linalg.matrix_rank(a, tol=tol), np.int64)


enter(
    Row(
        "matrix_rank",
        _matrix_rank,
        why_zero="a rank is an integer",
        raises=True,
    )
)
