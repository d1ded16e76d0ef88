"""Rows of SciPy's linear algebra: functions of matrices, and factorisations with pivots.

The derivative of a function of a matrix is a block of that function of a block matrix: with
``M = [[A, E], [0, A]]``, ``f(M)`` has ``f(A)`` on its diagonal and the derivative along ``E`` beside
it (Higham, "Functions of matrices", theorem 3.6; for analytic f).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.matrices import transposed
from revtrace.calls.systems import solve_triangular

__all__ = ["MATRIX_FUNCTIONS", "matrix_function"]

MATRIX_FUNCTIONS = ("expm", "logm", "sqrtm")


def matrix_function(a: Any, name: str) -> Any:
    """Compute ``scipy.linalg.expm``, ``logm`` or ``sqrtm``."""
    import scipy.linalg  # type: ignore[import-untyped,unused-ignore]

    found = getattr(scipy.linalg, name)(a)
    if np.iscomplexobj(found) and not np.iscomplexobj(a):
        # The type of the result depends on the numbers; a program's does not.
        raise TypeError(f"{name} of this real matrix is complex: convert the matrix with .astype(complex)")
    return found


def _along(a: Any, e: Any, name: str) -> Any:
    n = a.shape[-1]
    whole = np.zeros((2 * n, 2 * n), a.dtype)
    whole[:n, :n] = a
    whole[n:, n:] = a
    whole[:n, n:] = e
    return matrix_function(whole, name)[:n, n:]


def _function_pull(name: str) -> Callable[..., Any]:
    def pull(a: Any, f: Any, f_bar: Any) -> Any:
        return (transposed(_along(a, transposed(f_bar), name)),)

    return pull


def _function_push(name: str) -> Callable[..., Any]:
    def push(a: Any, f: Any, da: Any) -> Any:
        return (_along(a, da, name),)

    return push


enter(Row("matrix_function", matrix_function, pull=_function_pull, push=_function_push, raises=True))


def _lu(a: Any) -> Any:
    import scipy.linalg

    p, low, up = scipy.linalg.lu(a)
    return p, low, up


def _lu_pull() -> Callable[..., Any]:
    def pull(a: Any, p: Any, low: Any, up: Any, p_bar: Any, low_bar: Any, up_bar: Any) -> Any:
        inner = np.tril(transposed(low) @ low_bar, -1) + np.triu(up_bar @ transposed(up))
        left = solve_triangular(transposed(low), inner, False, True)
        return (p @ transposed(solve_triangular(up, transposed(left), False)),)

    return pull


def _lu_push() -> Callable[..., Any]:
    def push(a: Any, p: Any, low: Any, up: Any, da: Any) -> Any:
        left = solve_triangular(low, transposed(p) @ da, True, True)
        inner = transposed(solve_triangular(transposed(up), transposed(left), True))
        return np.zeros_like(p), low @ np.tril(inner, -1), np.triu(inner) @ up

    return push


enter(Row("lu", _lu, pull=_lu_pull, push=_lu_push, raises=True))


def _pivots(a: Any) -> Any:
    import scipy.linalg

    return np.asarray(scipy.linalg.lu_factor(a)[1], np.int64)


enter(Row("pivots", _pivots, why_zero="positions of rows are integers", raises=True))
