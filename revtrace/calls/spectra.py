"""Rows of eigenvalues and singular values, and what is computed by them: pseudo-inverses, least squares, ranks."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.matrices import Function, adjoint, conjugated, mirrored, one_triangle, total, transposed


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
            left = total(left, v @ (0.5 * _shares(inner, w[..., None, :] - w[..., :, None])))
        return (conjugated(one_triangle(left @ adjoint(v))),)

    return pull


def _eigh_push() -> Function:
    def push(a: Any, w: Any, v: Any, da: Any) -> Any:
        turned = mirrored(da) @ v
        dw = np.real(np.sum(np.conj(v) * turned, axis=-2))
        inner = adjoint(v) @ turned
        return dw, v @ _quotients(inner, w[..., None, :] - w[..., :, None])

    return push


enter(Row("eigh", _eigh, pull=_eigh_pull, push=_eigh_push, raises=True, sparse=True))


def _eig(a: Any, real: bool) -> Any:
    w, v = np.linalg.eig(a)
    if real and np.iscomplexobj(w):
        raise TypeError("eigenvalues of this real matrix are complex: convert the matrix with .astype(complex)")
    kind = np.result_type(a.dtype, np.complex64)
    return (w, v) if real else (w.astype(kind), v.astype(kind))


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
            inner = total(inner, np.eye(a.shape[-1]) * conjugated(w_bar)[..., np.newaxis, :])
        found = conjugated(np.linalg.solve(adjoint(v), inner @ adjoint(v)))
        return ((found if np.iscomplexobj(a) else np.real(found)).astype(a.dtype),)

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


def _svd(a: Any, complex: bool, full: bool) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=full))


def _first(x: Any, bar: Any, k: int) -> Any:
    """Return the first columns of a basis, and their cotangent with what is asked of the others.

    The others are orthogonal to the first and turn with them; how they are turned among themselves has no formula:
    where that is asked for the answer is NaN.
    """
    first, rest = x[..., :, :k], x[..., :, k:]
    if bar is None:
        return first, None
    asked = bar[..., :, k:]
    turned = transposed(rest) @ asked
    odd = np.sum(np.abs(turned - adjoint(turned)), axis=(-2, -1), keepdims=True)
    free = odd <= 2e4 * np.finfo(x.dtype).eps * np.sum(np.abs(turned), axis=(-2, -1), keepdims=True)
    share = conjugated(rest @ (transposed(asked) @ first))
    return first, bar[..., :, :k] - np.where(free, share, np.nan)


def _outside(x: Any, basis: Any, inside: Any, s: Any) -> Any:
    """Return the part of columns that a basis does not span, over the singular values.

    A square basis spans everything: what is left is rounding, which a tiny singular value would blow up.
    """
    rest = x - basis @ inside
    none = (rest == 0) | (basis.shape[-2] == basis.shape[-1])
    return np.where(none, 0.0, rest / np.where(none, 1.0, s))


def _svd_pull(complex: bool, full: bool) -> Function:
    def pull(a: Any, u: Any, s: Any, vh: Any, u_bar: Any, s_bar: Any, vh_bar: Any) -> Any:
        if full:
            u, u_bar = _first(u, u_bar, s.shape[-1])
            v, v_bar = _first(adjoint(vh), None if vh_bar is None else adjoint(vh_bar), s.shape[-1])
            vh, vh_bar = adjoint(v), None if vh_bar is None else adjoint(v_bar)
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
            left = total(left, _outside(ug, u, uu, wide))
        if vh_bar is not None:
            v, vg = adjoint(vh), transposed(vh_bar)
            vv = vh @ vg
            middle = total(middle, tall * _shares(vv, gap))
            right = u @ adjoint(_outside(vg, v, vv, wide))
        if middle is not None:
            left = total(left, u @ middle)
        return (conjugated(total(left @ vh, right)),)

    return pull


def _known(rest: Any, complex: bool) -> float:
    """Return 1, or NaN where the columns that complete a basis could be turned among themselves."""
    return 1.0 if rest.shape[-1] <= 1 and not complex else float("nan")


def _svd_push(complex: bool, full: bool) -> Function:
    def push(a: Any, u: Any, s: Any, vh: Any, da: Any) -> Any:
        v, k = adjoint(vh), s.shape[-1]
        u_rest, v_rest = u[..., :, k:], v[..., :, k:]
        u, v = u[..., :, :k], v[..., :, :k]
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
        if full:
            du = np.concatenate([du, -u @ (adjoint(du) @ u_rest) * _known(u_rest, complex)], axis=-1)
            dv = np.concatenate([dv, -v @ (adjoint(dv) @ v_rest) * _known(v_rest, complex)], axis=-1)
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
