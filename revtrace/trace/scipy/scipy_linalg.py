"""``scipy.linalg``, entered when a function of it is first met: SciPy is optional, and slow to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg  # type: ignore[import-untyped,unused-ignore]

from revtrace.calls import scipy_linalg as rows
from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import Scalar
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.numpy.matrix_arguments import conjugated, flag, given, matrices, swapped
from revtrace.trace.numpy.matrix_functions import _det, cholesky, inv, solve
from revtrace.trace.objects.containers import as_known_int, items_of
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

FALSE, TRUE = Static(False), Static(True)
L = scipy.linalg

_CARELESS = {"overwrite_a", "overwrite_b", "overwrite_ab", "overwrite_c", "check_finite", "lapack_driver"}
"""Arguments that say how to compute, not what."""


def _cleaned(kwargs: Kwargs) -> Kwargs:
    return {k: v for k, v in kwargs.items() if k not in _CARELESS}


@on(L.solve)
def _solve(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, lower, assumed, turned = given(
        t, signature("a", "b", lower=FALSE, assume_a=NONE, transposed=FALSE), args, _cleaned(kwargs)
    )
    low = bool(flag(t, lower, "lower"))
    kind = flag(t, assumed, "assume_a")
    view = matrices(t, st, a, square=True)
    if kind in ("sym", "her", "pos", "symmetric", "hermitian", "positive definite"):
        # SciPy reads one triangle; the other one is its mirror image.
        view = _mirrored(t, view, low, kind[:3] != "sym")
    elif kind not in (None, "gen", "general"):
        raise t.unsupported(
            f"scipy.linalg.solve with assume_a={kind!r}", "its rule does not cover that", "leave it out"
        )
    if flag(t, turned, "transposed"):
        view = swapped(view)
    return solve(t, st, view, b)


def _mirrored(t: Tracer, view: View, lower: bool, conjugate: bool) -> View:
    """Return the symmetric matrices that one triangle stands for."""
    out = arrays.new_array(t, view.dtype, view.shape)
    kind = view.dtype[0]

    def one(ix: tuple[Operand, ...]) -> None:
        i, j = ix[-2:]
        inside = t.b.compare("ge" if lower else "le", i, j)
        here, there = arrays.load_at(t, view, ix), arrays.load_at(t, view, (*ix[:-2], j, i))
        if conjugate and kind == "c":
            there = t.b.op("conj", there)
        arrays.store_at(t, out, ix, t.b.op("select", inside, here, there, type=Scalar(view.dtype)))

    arrays.for_each(t, view.shape, one)
    return out


@on(L.inv)
def _inv(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, _cleaned(kwargs))
    return inv(t, st, a)


@on(L.det)
def _determinant(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _det(t, st, args[:1], _cleaned(kwargs), fr)


def _factor(t: Tracer, view: View, lower: bool) -> View:
    """Return the Cholesky factor of matrices of which SciPy reads one triangle."""
    if lower:
        return cholesky(t, view)
    return conjugated(t, swapped(cholesky(t, conjugated(t, swapped(view)))))


@on(L.cholesky)
def _cholesky(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, lower = given(t, signature("a", lower=FALSE), args, _cleaned(kwargs))
    return _factor(t, matrices(t, st, a, square=True), bool(flag(t, lower, "lower")))


@on(L.cho_factor)
def _cho_factor(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, lower = given(t, signature("a", lower=FALSE), args, _cleaned(kwargs))
    low = bool(flag(t, lower, "lower"))
    view = matrices(t, st, a, square=True)
    # What SciPy leaves in the other triangle is unspecified; zeros, as its newest versions do.
    return Tup((_factor(t, view, low), Static(low)))


def _triangular(t: Tracer, st: State, a: View, b: Any, lower: bool, unit: bool = False) -> Any:
    return solve(t, st, a, b, "solve_triangular", (("lower", lower), ("unit", unit)))


@on(L.cho_solve)
def _cho_solve(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    pair, b = given(t, signature("c_and_lower", "b"), args, _cleaned(kwargs))
    c, lower = items_of(t, st, pair)
    low = bool(flag(t, t.use(lower), "lower"))
    view = matrices(t, st, c, square=True)
    turned = conjugated(t, swapped(view))
    first, second = (view, turned) if low else (turned, view)
    return _triangular(t, st, second, _triangular(t, st, first, b, True), False)


@on(L.solve_triangular)
def _solve_triangular(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, trans, lower, unit = given(
        t, signature("a", "b", trans=Static(0), lower=FALSE, unit_diagonal=FALSE), args, _cleaned(kwargs)
    )
    view = matrices(t, st, a, square=True)
    low, how = bool(flag(t, lower, "lower")), flag(t, trans, "trans")
    if how in (1, "T", 2, "C"):
        view, low = swapped(view), not low
        view = conjugated(t, view) if how in (2, "C") else view
    return _triangular(t, st, view, b, low, bool(flag(t, unit, "unit_diagonal")))


@on(L.lu)
def _lu(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, permute = given(t, signature("a", permute_l=FALSE), args, _cleaned(kwargs))
    view = matrices(t, st, a, square=True)
    if view.ndim != 2:
        raise t.unsupported(
            "scipy.linalg.lu of a stack of matrices", "it has a rule for one matrix", "loop over the stack"
        )
    real = "f8" if view.dtype in ("f8", "c16") else "f4"
    p, low, up = call_row(t, "lu", (view,), ((real, view.shape), (view.dtype, view.shape), (view.dtype, view.shape)))
    if flag(t, permute, "permute_l"):
        from revtrace.trace.numpy.linalg import matmul

        return Tup((matmul(t, p, low), up))
    return Tup((p, low, up))


@on(L.lu_factor)
def _lu_factor(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, _cleaned(kwargs))
    view = matrices(t, st, a, square=True)
    if view.ndim != 2:
        raise t.unsupported(
            "scipy.linalg.lu_factor of a stack of matrices", "it has a rule for one matrix", "loop over the stack"
        )
    real = "f8" if view.dtype in ("f8", "c16") else "f4"
    _, low, up = call_row(t, "lu", (view,), ((real, view.shape), (view.dtype, view.shape), (view.dtype, view.shape)))
    (pivots,) = call_row(t, "pivots", (view,), (("i8", view.shape[:1]),))
    out = arrays.new_array(t, view.dtype, view.shape)

    def one(ix: tuple[Operand, ...]) -> None:
        below = t.b.compare("gt", *ix)
        parts = (arrays.load_at(t, v, ix) for v in (low, up))
        arrays.store_at(t, out, ix, t.b.op("select", below, *parts, type=Scalar(view.dtype)))

    arrays.for_each(t, view.shape, one)
    return Tup((out, pivots))


@on(L.lu_solve)
def _lu_solve(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    pair, b, trans = given(t, signature("lu_and_piv", "b", trans=Static(0)), args, _cleaned(kwargs))
    if flag(t, trans, "trans") != 0:
        raise t.unsupported("scipy.linalg.lu_solve with trans", "its rule does not cover that", "transpose the matrix")
    both, pivots = (as_array(t, x, st) for x in items_of(t, st, pair))
    right = as_array(t, b, st)
    dtype = numbers.promoted((both.dtype, False), (right.dtype, False))[0]
    moved = arrays.materialise(t, right, dtype)
    rest = moved.shape[1:]

    def exchange(ix: tuple[Operand, ...]) -> None:
        (i,) = ix
        j = t.b.cast(arrays.load_at(t, pivots, (i,)), "i8")

        def swap(jx: tuple[Operand, ...]) -> None:
            first = arrays.load_at(t, moved, (i, *jx))
            second = arrays.element(t, moved, (j, *jx)).operand
            arrays.store_at(t, moved, (i, *jx), second)
            arrays.store_element(t, moved, (j, *jx), first)

        arrays.for_each(t, rest, swap)

    arrays.for_each(t, pivots.shape, exchange)
    return _triangular(t, st, both, _triangular(t, st, both, moved, True, True), False)


def _of_matrix(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        for option in kwargs:
            if option not in ("A", "disp"):
                raise t.unsupported(
                    f"scipy.linalg.{name} with {option}", "its rule does not cover that", "leave it out"
                )
        disp = kwargs.get("disp", args[1] if len(args) > 1 else TRUE)
        if not flag(t, disp, "disp"):
            raise t.unsupported(f"scipy.linalg.{name} with disp=False", "its error has no derivative", "leave disp out")
        return matrix_function(t, st, args[0] if args else kwargs["A"], name)

    return handler


def matrix_function(t: Tracer, st: State, a: Any, name: str) -> View:
    """Append a function of a matrix."""
    view = matrices(t, st, a, square=True)
    if view.ndim != 2:
        raise t.unsupported(
            f"scipy.linalg.{name} of a stack of matrices", "it has a rule for one matrix", "loop over the stack"
        )
    return call_row(t, "matrix_function", (view,), ((view.dtype, view.shape),), (("name", name),))[0]


for _name in rows.MATRIX_FUNCTIONS:
    on(getattr(L, _name))(_of_matrix(_name))


@on(rows.matrix_function)
def _matrix_function(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return matrix_function(t, st, args[0], flag(t, args[1], "name"))


@on(L.norm)
def _norm(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    names = {"a": "x"}
    return call(t, st, Static(np.linalg.norm), args, {names.get(k, k): v for k, v in _cleaned(kwargs).items()})


def _same_as(f: Any, *names: str) -> Any:
    """Return the handler of a function that is NumPy's, for the arguments that both have."""

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.callables.calls import call

        found = _cleaned(kwargs)
        for k in found:
            if k not in names:
                raise t.unsupported(
                    f"scipy.linalg.{f.__name__} with {k}", "its rule does not cover that", "leave it out"
                )
        if len(args) > 1:
            raise t.unsupported(
                f"scipy.linalg.{f.__name__} with more than one argument by position",
                "which argument it is differs between releases of SciPy",
                "name it",
            )
        return call(t, st, Static(f), args, found)

    return handler


on(L.svdvals)(_same_as(np.linalg.svdvals if hasattr(np.linalg, "svdvals") else np.linalg.svd, "x"))
on(L.pinv)(_same_as(np.linalg.pinv, "rtol"))


# matrices put together ----------------------------------------------------------------------------------


@on(L.toeplitz)
def _toeplitz(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    c, r = signature("c", r=NONE)(args, kwargs)
    column = arrays.settle(t, as_array(t, c, st))
    given_row = not (isinstance(r, Static) and r.value is None)
    line = arrays.settle(t, as_array(t, r, st)) if given_row else column
    if column.ndim != 1 or line.ndim != 1:
        raise t.unsupported(
            "scipy.linalg.toeplitz of arrays of more than one axis",
            "the releases of SciPy differ in what it is",
            "use a vector",
        )
    dtype = numbers.promoted((column.dtype, False), (line.dtype, False))[0]
    shape = (column.shape[0], line.shape[0])
    out = arrays.new_array(t, dtype, shape)

    def one(ix: tuple[Operand, ...]) -> None:
        i, j = ix
        below = t.b.compare("ge", i, j)
        down = t.b.op("select", below, t.b.op("sub", i, j), const(0), type=Scalar("i8"))
        right = t.b.op("select", below, const(0), t.b.op("sub", j, i), type=Scalar("i8"))
        first = t.b.cast(arrays.load_at(t, column, (down,)), dtype)
        second = t.b.cast(arrays.load_at(t, line, (right,)), dtype)
        if not given_row and dtype[0] == "c":
            second = t.b.op("conj", second)
        arrays.store_at(t, out, ix, t.b.op("select", below, first, second, type=Scalar(dtype)))

    if all(not (isinstance(n, Const) and n.value == 0) for n in shape):
        # A row or column without elements leaves nothing to load.
        arrays.for_each(t, shape, one)
    return out


# banded matrices ------------------------------------------------------------------------------------------


@on(L.solve_banded)
def _solve_banded(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    widths, ab, b = given(t, signature("l_and_u", "ab", "b"), args, _cleaned(kwargs))
    low, up = (as_known_int(t, x) for x in items_of(t, st, widths))
    return solve(t, st, _full(t, as_array(t, ab, st), low, up), b)


@on(L.solveh_banded)
def _solveh_banded(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    ab, b, lower = given(t, signature("ab", "b", lower=FALSE), args, _cleaned(kwargs))
    view = as_array(t, ab, st)
    rows_ = view.shape[0]
    if not isinstance(rows_, Const):
        from revtrace.trace.signals import NeedStatic

        raise NeedStatic((rows_,), "the width of a band must be known when tracing", t.b.loc)
    width = int(rows_.value.real) - 1
    low = bool(flag(t, lower, "lower"))
    full = _full(t, view, width if low else 0, 0 if low else width)
    return solve(t, st, _mirrored(t, full, low, True), b)


def _full(t: Tracer, bands: View, low: int, up: int) -> View:
    """Return the matrix that diagonals in rows stand for."""
    n = bands.shape[1]
    dtype = bands.dtype if bands.dtype[0] in "fc" else "f8"
    out = arrays.new_array(t, dtype, (n, n), zeros=True)
    t.check(t.b.compare("eq", bands.shape[0], const(low + up + 1)), "ValueError")
    for k in range(-low, up + 1):
        first = const(max(0, k))
        count = t.b.op("max", numbers.fold(t, "sub", n, const(abs(k)), "i8"), const(0))

        def put(ix: tuple[Operand, ...], k: int = k, first: Operand = first) -> None:
            j = numbers.fold(t, "add", ix[0], first, "i8")
            i = numbers.fold(t, "sub", j, const(k), "i8")
            value = arrays.load_at(t, bands, (const(up - k), j))
            arrays.store_at(t, out, (i, j), t.b.cast(value, dtype))

        arrays.for_each(t, (count,), put)
    return out
