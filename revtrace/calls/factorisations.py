"""Rows of factorisations: Cholesky's and QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.matrices import Function, adjoint, conjugated, halved, mirrored, one_triangle, total, transposed
from revtrace.calls.systems import solve_triangular

__all__ = []


def _cholesky_pull() -> Function:
    def pull(a: Any, low: Any, low_bar: Any) -> Any:
        inner = halved(adjoint(low) @ conjugated(low_bar))
        right = solve_triangular(adjoint(low), inner, False)
        both = solve_triangular(adjoint(low), adjoint(right), False)
        return (conjugated(one_triangle(0.5 * (both + adjoint(both)))),)

    return pull


def _cholesky_push() -> Function:
    def push(a: Any, low: Any, da: Any) -> Any:
        left = solve_triangular(low, mirrored(da), True)
        both = adjoint(solve_triangular(low, adjoint(left), True))
        return (low @ halved(both),)

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
            g = total(a[..., k:] @ adjoint(v_bar), None if q_bar is None else conjugated(q_bar))
            m = u @ adjoint(conjugated(r_bar[..., :k])) - adjoint(g) @ q
        left = adjoint(solve_triangular(u, adjoint(g + q @ mirrored(m)), False))
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
