"""``numpy.linalg``: arguments as NumPy takes them, recorded as calls of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls import systems as rows
from revtrace.program.nodes import Const
from revtrace.program.types import real_dtype
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.numpy.linalg import dot, matmul
from revtrace.trace.numpy.matrix_arguments import (
    conjugated,
    flag,
    given,
    is_swapped,
    least,
    matrices,
    named,
    number_or_array,
    product,
    reshape,
    settle_to,
    spread,
    swapped,
)
from revtrace.trace.objects.containers import as_known_int
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = []


FALSE, TRUE = Static(False), Static(True)


# systems ----------------------------------------------------------------------------------------


@on(np.linalg.solve)
def _solve(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b = given(t, signature("a", "b"), args, kwargs)
    return solve(t, st, a, b)


def solve(t: Tracer, st: State, a: Any, b: Any, row: str = "solve", settings: Any = ()) -> Any:
    """Solve systems; a right-hand side of one axis is a vector."""
    matrix = matrices(t, st, a, square=True)
    right = as_array(t, b, st)
    if right.ndim == 0:
        raise PythonRaise(ValueError("solve1: Input operand 1 does not have enough dimensions"))
    dtype, _ = numbers.promoted((matrix.dtype, False), (right.dtype, False))
    vector = right.ndim == 1
    if matrix.shape[-1] is not right.shape[-1 if vector else -2]:
        arrays.agree(t, matrix.shape[-1], right.shape[-1 if vector else -2])
    if vector and matrix.ndim == 2:
        turned = is_swapped(matrix)
        parts = [settle_to(t, swapped(matrix) if turned else matrix, dtype), settle_to(t, right, dtype)]
        settings = (*settings, ("turned", turned), ("sideways", False))
        return call_row(t, row, parts, ((dtype, right.shape),), settings, ("x",))[0]
    if vector:
        right = subscripts.new_axis(right, 1)
    heads = [subscripts.part_of(v, v.maps, v.shape[: v.ndim - 2]) for v in (matrix, right)]
    stack = arrays.broadcast(t, heads)
    parts = [spread(t, v, stack, dtype) for v in (matrix, right)]
    flips = [is_swapped(v) for v in parts]
    parts = [swapped(v) if flip else v for v, flip in zip(parts, flips, strict=True)]
    settings = (*settings, ("turned", flips[0]), ("sideways", flips[1]))
    (x,) = call_row(t, row, parts, ((dtype, parts[1].shape),), settings, ("x",))
    if flips[1]:
        x = swapped(x)
    return subscripts.basic(t, x, [Static(slice(None))] * (x.ndim - 1) + [Static(0)]) if vector else x


@on(rows.solve_triangular)
def _solve_triangular(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, lower, unit = given(t, signature("a", "b", lower=TRUE, unit=FALSE), args, kwargs)
    settings = (("lower", bool(flag(t, lower, "lower"))), ("unit", bool(flag(t, unit, "unit"))))
    return solve(t, st, a, b, "solve_triangular", settings)


@on(np.linalg.inv)
def _inv(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, kwargs)
    return inv(t, st, a)


def inv(t: Tracer, st: State, a: Any) -> View:
    """``np.linalg.inv``."""
    view = matrices(t, st, a, square=True)
    return call_row(t, "inv", (view,), ((view.dtype, view.shape),), (), ("inverse",))[0]


# determinants -------------------------------------------------------------------------------------


@on(np.linalg.det)
def _det(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, kwargs)
    view = matrices(t, st, a, square=True)
    return number_or_array(t, call_row(t, "det", (view,), ((view.dtype, view.shape[:-2]),))[0])


@on(rows.cofactor)
def _cofactor(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    view = matrices(t, st, args[0], square=True)
    return call_row(t, "cofactor", (view,), ((view.dtype, view.shape),))[0]


@on(np.linalg.slogdet)
def _slogdet(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, kwargs)
    view = matrices(t, st, a, square=True)
    head = view.shape[:-2]
    settings = (("complex", view.dtype[0] == "c"),)
    outs = ((view.dtype, head), (real_dtype(view.dtype), head))
    found = [number_or_array(t, v) for v in call_row(t, "slogdet", (view,), outs, settings, ("sign", "logdet"))]
    return named(type(np.linalg.slogdet(np.eye(1))), found)


# factorisations -------------------------------------------------------------------------------------


@on(np.linalg.cholesky)
def _cholesky(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, upper = given(t, signature("a", upper=FALSE), args, kwargs)
    view = matrices(t, st, a, square=True)
    if flag(t, upper, "upper"):
        # NumPy reads the upper triangle then; its mirror image is the lower one.
        low = cholesky(t, conjugated(t, swapped(view)))
        return conjugated(t, swapped(low))
    return cholesky(t, view)


def cholesky(t: Tracer, view: View) -> View:
    """Append a Cholesky factorisation by the lower triangle."""
    return call_row(t, "cholesky", (view,), ((view.dtype, view.shape),), (), ("factor",))[0]


@on(np.linalg.qr)
def _qr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, mode = given(t, signature("a", mode=Static("reduced")), args, kwargs)
    how = flag(t, mode, "the mode of qr")
    if how not in ("reduced", "r"):
        raise t.unsupported(f"np.linalg.qr with mode={how!r}", "it has no derivative here", "use mode='reduced'")
    view = matrices(t, st, a)
    k = least(t, *view.shape[-2:])
    head, m, n = view.shape[:-2], view.shape[-2], view.shape[-1]
    q, r = call_row(t, "qr", (view,), ((view.dtype, (*head, m, k)), (view.dtype, (*head, k, n))), (), ("q", "r"))
    return r if how == "r" else named(type(np.linalg.qr(np.eye(1))), (q, r))


# eigenvalues and singular values -----------------------------------------------------------------------


def eigh(t: Tracer, st: State, a: Any, uplo: Any) -> tuple[View, View]:
    """Append eigenvalues and vectors of symmetric matrices."""
    view = matrices(t, st, a, square=True)
    if str(flag(t, uplo, "UPLO")).upper() == "U":
        view = conjugated(t, swapped(view))
    outs = ((real_dtype(view.dtype), view.shape[:-1]), (view.dtype, view.shape))
    w, v = call_row(t, "eigh", (view,), outs, (), ("w", "v"))
    return w, v


@on(np.linalg.eigh)
def _eigh(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, uplo = given(t, signature("a", UPLO=Static("L")), args, kwargs)
    return named(type(np.linalg.eigh(np.eye(1))), eigh(t, st, a, uplo))


@on(np.linalg.eigvalsh)
def _eigvalsh(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, uplo = given(t, signature("a", UPLO=Static("L")), args, kwargs)
    return eigh(t, st, a, uplo)[0]


def svd(t: Tracer, st: State, a: Any, full: bool = False) -> tuple[View, View, View]:
    """Append a singular value decomposition, thin or with bases of the whole spaces."""
    view = matrices(t, st, a)
    k = least(t, *view.shape[-2:])
    head, m, n = view.shape[:-2], view.shape[-2], view.shape[-1]
    outs = (
        (view.dtype, (*head, m, m if full else k)),
        (real_dtype(view.dtype), (*head, k)),
        (view.dtype, (*head, n if full else k, n)),
    )
    settings = (("complex", view.dtype[0] == "c"), ("full", full))
    u, s, vh = call_row(t, "svd", (view,), outs, settings, ("u", "s", "vh"))
    return u, s, vh


@on(np.linalg.svd)
def _svd(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, full, vectors, _ = given(t, signature("a", full_matrices=TRUE, compute_uv=TRUE, hermitian=FALSE), args, kwargs)
    if not flag(t, vectors, "compute_uv"):
        return svd(t, st, a)[1]
    found = svd(t, st, a)
    if flag(t, full, "full_matrices"):
        m, n = found[0].shape[-2], found[2].shape[-1]
        if not (m is n or isinstance(m, Const) and isinstance(n, Const) and m.value == n.value):
            found = svd(t, st, a, full=True)
    return named(type(np.linalg.svd(np.eye(1))), found)


@on(getattr(np.linalg, "svdvals", None))
def _svdvals(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (x,) = given(t, signature("x"), args, kwargs)
    return svd(t, st, x)[1]


@on(np.linalg.pinv)
def _pinv(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, rcond, hermitian, rtol = given(t, signature("a", rcond=NONE, hermitian=FALSE, rtol=NONE), args, kwargs)
    limit = flag(t, rcond, "rcond")
    limit = flag(t, rtol, "rtol") if limit is None else limit
    view = matrices(t, st, a)
    shape = (*view.shape[:-2], view.shape[-1], view.shape[-2])
    settings = (
        ("rcond", None if limit is None else float(limit)),
        ("hermitian", bool(flag(t, hermitian, "hermitian"))),
    )
    return call_row(t, "pinv", (view,), ((view.dtype, shape),), settings)[0]


@on(np.linalg.lstsq)
def _lstsq(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call
    from revtrace.trace.definitions.matrices import residuals

    a, b, rcond = given(t, signature("a", "b", rcond=NONE), args, kwargs)
    limit = flag(t, rcond, "rcond")
    matrix, right = matrices(t, st, a), as_array(t, b, st)
    if matrix.ndim != 2 or right.ndim not in (1, 2):
        raise PythonRaise(np.linalg.LinAlgError("lstsq takes one matrix and vectors"))
    dtype, _ = numbers.promoted((matrix.dtype, False), (right.dtype, False))
    vector = right.ndim == 1
    columns = subscripts.new_axis(right, 1) if vector else right
    arrays.agree(t, matrix.shape[0], columns.shape[0])
    matrix, columns = settle_to(t, matrix, dtype), settle_to(t, columns, dtype)
    settings = (("rcond", None if limit is None else float(limit)),)
    shape = (matrix.shape[1], columns.shape[1])
    (x,) = call_row(t, "lstsq", (matrix, columns), ((dtype, shape),), settings, ("x",))
    values = svd(t, st, matrix)[1]
    (rank,) = call_row(t, "matrix_rank", (matrix,), (("i8", ()),), (("tol", None),))
    rank = number_or_array(t, rank)
    missed = call(t, st, Static(residuals), (matrix, columns, x, rank), {})
    if vector:
        x = subscripts.basic(t, x, [Static(slice(None)), Static(0)])
    return Tup((x, missed, rank, values))


@on(np.linalg.matrix_rank)
def _matrix_rank(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, tol, hermitian, rtol = given(t, signature("A", tol=NONE, hermitian=FALSE, rtol=NONE), args, kwargs)
    limit = flag(t, tol, "tol")
    if flag(t, rtol, "rtol") is not None or flag(t, hermitian, "hermitian"):
        raise t.unsupported("np.linalg.matrix_rank with rtol or hermitian", "it has no rule", "use tol")
    view = matrices(t, st, a)
    settings = (("tol", None if limit is None else float(limit)),)
    return number_or_array(t, call_row(t, "matrix_rank", (view,), (("i8", view.shape[:-2]),), settings)[0])


# built from others -------------------------------------------------------------------------------------------


@on(np.linalg.matrix_power)
def _matrix_power(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, exponent = given(t, signature("a", "n"), args, kwargs)
    n = as_known_int(t, exponent)
    view = as_array(t, a, st)
    if n < 0 or view.dtype[0] not in "iu":
        view = matrices(t, st, a, square=True)
    elif view.ndim < 2:
        raise PythonRaise(np.linalg.LinAlgError("array must be at least two-dimensional"))
    else:
        view = arrays.settle(t, view)
        arrays.agree(t, view.shape[-2], view.shape[-1], "LinAlgError")
    if n < 0:
        view, n = inv(t, st, view), -n
    if n == 0:
        from revtrace.trace.callables.calls import call

        eye = call(t, st, Static(np.eye), (Num(view.shape[-1], False),), {"dtype": Static(np.dtype(view.dtype))})
        return spread(t, as_array(t, eye, st), view.shape[:-2], view.dtype)
    found = None
    while n:
        if n & 1:
            found = view if found is None else matmul(t, found, view)
        n >>= 1
        if n:
            view = matmul(t, view, view)
    return arrays.copy_of(t, found) if args and found is view else found


@on(np.linalg.multi_dot)
def _multi_dot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.objects.containers import items_of

    (given_parts,) = signature("arrays")(args, kwargs)
    parts = [as_array(t, x, st) for x in items_of(t, st, given_parts)]
    if len(parts) < 2:
        raise PythonRaise(ValueError("Expecting at least two arrays."))
    # From the end where that is a vector, else from the start: the lengths are not known.
    if parts[-1].ndim == 1:
        found = parts[-1]
        for x in reversed(parts[:-1]):
            found = dot(t, st, x, found)
        return found
    found = parts[0]
    for x in parts[1:]:
        found = dot(t, st, found, x)
    return found


@on(np.linalg.cond)
def _cond(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, p = given(t, signature("x", p=NONE), args, kwargs)
    from revtrace.trace.callables.calls import call
    from revtrace.trace.operators import binary

    order = flag(t, p, "the order of a norm")
    if order in (None, 2, -2):
        s = svd(t, st, x)[1]
        first, last = (subscripts.subscript(t, s, Tup((Static(Ellipsis), Static(k)))) for k in (0, -1))
        return binary(t, st, "/", *((last, first) if order == -2 else (first, last)))
    view = matrices(t, st, x, square=True)
    norms = [call(t, st, Static(np.linalg.norm), (v, p), {"axis": Static((-2, -1))}) for v in (view, inv(t, st, view))]
    return binary(t, st, "*", *norms)


@on(np.linalg.tensorsolve)
def _tensorsolve(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, axes = given(t, signature("a", "b", axes=NONE), args, kwargs)
    view, right = as_array(t, a, st), as_array(t, b, st)
    moved = flag(t, axes, "axes")
    if moved is not None:
        order = [k for k in range(view.ndim) if k not in moved] + list(moved)
        view = subscripts.transpose(view, tuple(order))
    rest = view.shape[right.ndim :]
    n = product(t, right.shape)
    square = reshape(t, st, view, (n, product(t, rest)))
    x = solve(t, st, square, reshape(t, st, right, (n,)))
    return reshape(t, st, x, rest)


@on(np.linalg.tensorinv)
def _tensorinv(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, ind = given(t, signature("a", ind=Static(2)), args, kwargs)
    view, k = as_array(t, a, st), flag(t, ind, "ind")
    first, last = view.shape[:k], view.shape[k:]
    square = reshape(t, st, view, (product(t, first), product(t, last)))
    return reshape(t, st, inv(t, st, square), (*last, *first))


@on(np.polyfit)
def _polyfit(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, y, deg, w = given(t, signature("x", "y", "deg", w=NONE), args, kwargs)
    from revtrace.trace.callables.calls import call

    def plain(x: Any, y: Any, deg: Any, w: Any) -> Any:
        left = np.vander(x, deg + 1)
        right = y
        if w is not None:
            left = left * w[:, np.newaxis]
            right = right * w[:, np.newaxis] if right.ndim == 2 else right * w
        scale = np.sqrt((left * left).sum(axis=0))
        found = np.linalg.lstsq(left / scale, right, rcond=None)[0]
        return (found.T / scale).T

    arrays_ = [as_array(t, v, st) for v in (x, y)]
    weights = w if isinstance(w, Static) and w.value is None else as_array(t, w, st)
    return call(t, st, Static(plain), (*arrays_, deg, weights), {})
