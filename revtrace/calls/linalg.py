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


def conjugated(x: Any) -> Any:
    """Return the conjugates of an array; of real numbers the array itself."""
    return np.conj(x) if np.iscomplexobj(x) else x


def adjoint(x: Any) -> Any:
    """Return a stack of matrices with each conjugated and transposed."""
    return conjugated(transposed(x))


def _total(*parts: Any) -> Any:
    """Return the sum of shares of which some may be missing."""
    found = None
    for part in parts:
        if part is not None:
            found = part if found is None else found + part
    return found


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
        return (np.asarray(_total(log_bar, turn))[..., None, None] * y,)

    return pull


def _slogdet_push(complex: bool) -> Function:
    def push(a: Any, sign: Any, log: Any, da: Any) -> Any:
        total = np.sum(transposed(np.linalg.inv(a)) * da, axis=(-1, -2))
        if not complex:
            return 0.0 * total, total
        return np.asarray(sign) * 1j * np.imag(total), np.real(total)

    return push


enter(Row("slogdet", _slogdet, pull=_slogdet_pull, push=_slogdet_push, raises=True, sparse=True))


# factorisations ------------------------------------------------------------------------------------


def _halved(x: Any) -> Any:
    """Return the lower triangle with half the diagonal."""
    return 0.5 * (np.tril(x) + np.tril(x, -1))


def _one_triangle(x: Any) -> Any:
    """Return what a symmetric cotangent is for a function that reads the lower triangle only."""
    return np.tril(x, -1) + np.conj(transposed(np.triu(x, 1))) + np.tril(np.triu(np.real(x)))


def _cholesky_pull() -> Function:
    def pull(a: Any, low: Any, low_bar: Any) -> Any:
        inner = _halved(adjoint(low) @ conjugated(low_bar))
        right = solve_triangular(adjoint(low), inner, False)
        both = solve_triangular(adjoint(low), adjoint(right), False)
        return (conjugated(_one_triangle(0.5 * (both + adjoint(both)))),)

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
        u = r[..., :k]
        if r_bar is None:
            g = conjugated(q_bar)
            m = -(adjoint(g) @ q)
            v_bar = np.zeros_like(r[..., k:])
        else:
            v_bar = conjugated(r_bar[..., k:])
            g = _total(a[..., k:] @ adjoint(v_bar), None if q_bar is None else conjugated(q_bar))
            m = u @ adjoint(conjugated(r_bar[..., :k])) - adjoint(g) @ q
        left = adjoint(solve_triangular(u, adjoint(g + q @ _mirrored(m)), False))
        return (conjugated(np.concatenate((left, q @ v_bar), axis=-1)),)

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


enter(Row("qr", _qr, pull=_qr_pull, push=_qr_push, raises=True, sparse=True))


# eigenvalues and singular values -----------------------------------------------------------------------


def _shares(x: Any, difference: Any) -> Any:
    """Return ``x - x'`` over differences, zero on the diagonal and where nothing is asked of a pair of vectors.

    Numerators that cancel are no zeros: over a difference of zero they stand for a limit, and give NaN.
    """
    x = x - np.tril(np.triu(x))
    turned = adjoint(x)
    return (x - turned) / np.where((x == 0) & (turned == 0), 1.0, difference)


def _quotients(x: Any, difference: Any) -> Any:
    """Return a quotient that is zero where the numerator is, and on the diagonal."""
    x = x - np.tril(np.triu(x))
    return x / np.where(x == 0, 1.0, difference)


def _eigh(a: Any) -> Any:
    return tuple(np.linalg.eigh(a))


def _eigh_pull() -> Function:
    def pull(a: Any, w: Any, v: Any, w_bar: Any, v_bar: Any) -> Any:
        left = None if w_bar is None else v * w_bar[..., None, :]
        if v_bar is not None:
            inner = adjoint(v) @ conjugated(v_bar)
            left = _total(left, v @ (0.5 * _shares(inner, w[..., None, :] - w[..., :, None])))
        return (conjugated(_one_triangle(left @ adjoint(v))),)

    return pull


def _eigh_push() -> Function:
    def push(a: Any, w: Any, v: Any, da: Any) -> Any:
        turned = _mirrored(da) @ v
        dw = np.real(np.sum(np.conj(v) * turned, axis=-2))
        inner = adjoint(v) @ turned
        return dw, v @ _quotients(inner, w[..., None, :] - w[..., :, None])

    return push


enter(Row("eigh", _eigh, pull=_eigh_pull, push=_eigh_push, raises=True, sparse=True))


def _eig(a: Any, real: bool) -> Any:
    w, v = np.linalg.eig(a)
    if real and np.iscomplexobj(w):
        raise TypeError("eigenvalues of this real matrix are complex: convert the matrix with .astype(complex)")
    return (w, v) if real else (w.astype(complex), v.astype(complex))


def _real_eigenvalues(a: Any) -> Any:
    return np.asarray(not np.iscomplexobj(np.linalg.eigvals(a)), np.int64)


enter(Row("real_eigenvalues", _real_eigenvalues, why_zero="it is a truth value", raises=True))


def _largest(v: Any) -> Any:
    """Return where the entry is that LAPACK makes real in each vector: the largest one."""
    size = np.where(np.imag(v) == 0.0, np.abs(v), -1.0)
    return np.arange(v.shape[-2])[:, np.newaxis] == np.argmax(size, axis=-2)[..., np.newaxis, :]


def _eig_pull(real: bool) -> Function:
    def pull(a: Any, w: Any, v: Any, w_bar: Any, v_bar: Any) -> Any:
        inner: Any = None
        if v_bar is not None:
            # Vectors have length one, and complex ones a real entry, which is the largest.
            g = conjugated(v_bar)
            along = np.sum(conjugated(g) * v, axis=-2)[..., np.newaxis, :]
            g = g - v * np.real(along)
            if not real:
                most = _largest(v)
                g = g + np.where(most, 1j * np.imag(along) / np.where(most, np.real(v), 1.0), 0.0)
            inner = _quotients(adjoint(v) @ g, conjugated(w[..., np.newaxis, :] - w[..., :, np.newaxis]))
        if w_bar is not None:
            inner = _total(inner, np.eye(a.shape[-1]) * conjugated(w_bar)[..., np.newaxis, :])
        found = conjugated(np.linalg.solve(adjoint(v), inner @ adjoint(v)))
        return (np.real(found) if np.iscomplexobj(found) and not np.iscomplexobj(a) else found,)

    return pull


def _eig_push(real: bool) -> Function:
    def push(a: Any, w: Any, v: Any, da: Any) -> Any:
        inner = np.linalg.solve(v, da @ v)
        dw = np.sum(np.eye(a.shape[-1]) * inner, axis=-1)
        free = v @ _quotients(inner, w[..., np.newaxis, :] - w[..., :, np.newaxis])
        dv = free - v * np.real(np.sum(conjugated(v) * free, axis=-2))[..., np.newaxis, :]
        if not real:
            most = _largest(v)
            turn = np.sum(np.where(most, np.imag(free) / np.where(most, np.real(v), 1.0), 0.0), axis=-2)
            dv = dv - 1j * v * turn[..., np.newaxis, :]
        return dw, dv

    return push


enter(Row("eig", _eig, pull=_eig_pull, push=_eig_push, raises=True, sparse=True))


def _svd(a: Any, complex: bool) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=False))


def _outside(x: Any, basis: Any, inside: Any, s: Any) -> Any:
    """Return the part of columns that a basis does not span, over the singular values.

    A square basis spans everything: what is left is rounding, which a tiny singular value would blow up.
    """
    rest = x - basis @ inside
    none = (rest == 0) | (basis.shape[-2] == basis.shape[-1])
    return np.where(none, 0.0, rest / np.where(none, 1.0, s))


def _svd_pull(complex: bool) -> Function:
    def pull(a: Any, u: Any, s: Any, vh: Any, u_bar: Any, s_bar: Any, vh_bar: Any) -> Any:
        wide, tall = s[..., None, :], s[..., :, None]
        gap = wide * wide - tall * tall
        left = None if s_bar is None else u * s_bar[..., None, :]
        right = middle = None
        if u_bar is not None:
            ug = conjugated(u_bar)
            uu = adjoint(u) @ ug
            middle = _shares(uu, gap) * wide
            if complex:
                turn = 1j * np.tril(np.triu(np.imag(uu)))
                middle = middle + np.where(turn == 0, 0.0, turn / np.where(turn == 0, 1.0, wide))
            left = _total(left, _outside(ug, u, uu, wide))
        if vh_bar is not None:
            v, vg = adjoint(vh), transposed(vh_bar)
            vv = vh @ vg
            middle = _total(middle, tall * _shares(vv, gap))
            right = u @ adjoint(_outside(vg, v, vv, wide))
        if middle is not None:
            left = _total(left, u @ middle)
        return (conjugated(_total(left @ vh, right)),)

    return pull


def _svd_push(complex: bool) -> Function:
    def push(a: Any, u: Any, s: Any, vh: Any, da: Any) -> Any:
        v = adjoint(vh)
        wide, tall = s[..., None, :], s[..., :, None]
        left, right = da @ v, adjoint(da) @ u
        inner = adjoint(u) @ left
        ds = np.real(np.sum(np.conj(u) * left, axis=-2))
        gap = wide * wide - tall * tall
        du_in = _quotients(inner * wide + tall * adjoint(inner), gap)
        dv_in = _quotients(tall * inner + adjoint(inner) * wide, gap)
        if complex:
            turn = 1j * np.tril(np.triu(np.imag(inner)))
            du_in = du_in + np.where(turn == 0, 0.0, turn / np.where(turn == 0, 1.0, wide))
        du = u @ du_in + _outside(left, u, adjoint(u) @ left, wide)
        dv = v @ dv_in + _outside(right, v, adjoint(v) @ right, wide)
        return du, ds, adjoint(dv)

    return push


enter(Row("svd", _svd, pull=_svd_pull, push=_svd_push, raises=True, sparse=True))


def _pinv_pull(rcond: float | None, hermitian: bool) -> Function:
    def pull(a: Any, p: Any, p_bar: Any) -> Any:
        g, ph = conjugated(p_bar), adjoint(p)
        left = (adjoint(g) @ p) @ ph
        right = ph @ (p @ adjoint(g))
        total = left - ph @ g @ ph - a @ (p @ left) + right - (right @ p) @ a
        return (conjugated(total),)

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
        g = conjugated(x_bar)
        z = adjoint(p) @ g
        rest = b - a @ x
        outside = g - adjoint(a) @ z
        total = rest @ adjoint(p @ z) - z @ adjoint(x) + (adjoint(p) @ x) @ adjoint(outside)
        return conjugated(total), conjugated(z)

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
