"""Places in sorted arrays, and sorting: by ranks where a line is short, by merging else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Block, Const, For, Operand, Var, While, const
from revtrace.program.types import BOOL, INT, Scalar, real_dtype
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.arrays import ONE, ZERO
from revtrace.trace.ndarray.convert import as_array, as_array_or_number
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["insertion", "order_of"]


# searching ------------------------------------------------------------------------------------


def insertion(t: Tracer, knots: View, value: Any, right: bool) -> Operand:
    """Append the search for the place where a number would be put into sorted knots."""
    point = numbers.as_num(t, value)
    low, high = Var(INT, "low"), Var(INT, "high")
    with t.b.block() as test:
        t.b.own(low), t.b.own(high)
        more = t.b.compare("lt", low, high)
    with t.b.block() as body:
        t.b.own(low), t.b.own(high)
        middle = numbers.fold(t, "floordiv", numbers.fold(t, "add", low, high, "i8"), const(2, "i8"), "i8")
        knot = arrays.element(t, knots, (middle,))
        below = numbers.as_num(t, numbers.compare(t, "<=" if right else "<", knot, point)).operand
        after = numbers.fold(t, "add", middle, ONE, "i8")
        new_low = t.b.op("select", below, after, low, type=INT)
        new_high = t.b.op("select", below, high, middle, type=INT)
    out_low, out_high = Var(INT, "low"), Var(INT, "high")
    t.b.append(
        While((low, high), (ZERO, knots.shape[0]), Block(tuple(test), (more,)), Block(tuple(body), (new_low, new_high)),
              (out_low, out_high), Var(INT, "count"), False, t.b.loc)
    )  # fmt: skip
    return out_low


def _sought(t: Tracer, st: State, knots: Any, value: Any, right: bool) -> Any:
    view = as_array(t, knots, st)
    if len(view.shape) != 1:
        raise PythonRaise(
            ValueError(
                "object too deep for desired array" if view.shape else "object of too small depth for desired array"
            )
        )
    given = as_array_or_number(t, st, value)
    if not arrays.is_array(given):
        return Num(insertion(t, view, given, right), False)
    given = arrays.settle(t, given)
    out = arrays.new_array(t, "i8", given.shape)
    arrays.for_each(
        t, given.shape,
        lambda ix: arrays.store_at(t, out, ix, insertion(t, view, Num(arrays.load_at(t, given, ix), False), right)),
    )  # fmt: skip
    return out


@on(np.searchsorted)
def _searchsorted(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, v, side, sorter = signature("a", "v", side=Static("left"), sorter=NONE)(args, kwargs)
    side = t.use(side)
    if sorter is not NONE and not (isinstance(sorter, Static) and sorter.value is None):
        a = subscripts.subscript(t, as_array(t, a, st), sorter)
    return _sought(t, st, a, v, side.value == "right")


@method_handler("array", "searchsorted")
def _searchsorted_method(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return _searchsorted(t, st, (self, *args), kwargs, None)


# order ----------------------------------------------------------------------------------------


_FEW_IN_LINE = 16
"""Up to so many elements, counting which come before each is the quickest."""


def order_of(t: Tracer, line: View) -> View:
    """Append the places of a line's elements in rising order; equal ones stay in order, NaNs come last."""
    n = line.shape[0]
    if isinstance(n, Const) and n.value.real <= _FEW_IN_LINE:
        return _order_by_ranks(t, line)
    return _order_by_merging(t, line)


def _before(t: Tracer, line: View, a: Operand, b: Operand) -> Operand:
    """Whether an element comes before another that is not equal; complex ones by their real parts first."""
    if line.dtype[0] == "c":
        found: Operand = const(False)
        for x, y in list(zip(_parts(t, a), _parts(t, b), strict=True))[::-1]:
            level = t.b.op("and", t.b.compare("eq", x, y), found, type=BOOL)
            found = t.b.op("or", t.b.compare("lt", x, y), level, type=BOOL)
        return found
    less = t.b.compare("lt", a, b)
    if line.dtype[0] != "f":
        return less
    number = t.b.compare("eq", a, a)
    return t.b.op("or", less, t.b.op("and", number, t.b.compare("ne", b, b), type=BOOL), type=BOOL)


def _parts(t: Tracer, z: Operand) -> tuple[Operand, ...]:
    """What complex numbers are ordered by: which of their parts are NaN, the real part, the imaginary part."""
    kind = Scalar(real_dtype(z.type.dtype))
    parts = [t.b.op(name, z, type=kind) for name in ("real", "imag")]
    nans = [t.b.compare("ne", p, p) for p in parts]
    twice = t.b.op("mul", t.b.cast(nans[0], "i8"), const(2, "i8"))
    known = [t.b.op("select", nan, const(0, kind.dtype), p, type=kind) for nan, p in zip(nans, parts, strict=True)]
    return (t.b.op("add", twice, t.b.cast(nans[1], "i8")), *known)


def _order_by_ranks(t: Tracer, line: View) -> View:
    """How many come before each element is its place."""
    n = line.shape[0]
    out = arrays.new_array(t, "i8", (n,))

    def body(ix: tuple[Operand, ...]) -> None:
        x = arrays.load_at(t, line, ix)

        def rank(jx: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
            y = arrays.load_at(t, line, jx)
            not_after = t.b.op("not", _before(t, line, x, y), type=BOOL)
            # An equal one counts if it stands before.
            tie = t.b.op("and", not_after, t.b.compare("lt", jx[0], ix[0]), type=BOOL)
            earlier = t.b.op("or", _before(t, line, y, x), tie, type=BOOL)
            return [t.b.op("add", values[0], t.b.cast(earlier, "i8"))]

        (place,) = arrays.reduce(t, (n,), (ZERO,), rank)
        arrays.store_at(t, out, (place,), ix[0])

    arrays.for_each(t, (n,), body)
    return out


def _order_by_merging(t: Tracer, line: View) -> View:
    """Ordered stretches of one element are merged to stretches of two, these to stretches of four ..."""
    n = line.shape[0]
    out, merged = arrays.new_array(t, "i8", (n,)), arrays.new_array(t, "i8", (n,))
    arrays.for_each(t, (n,), lambda ix: arrays.store_at(t, out, ix, ix[0]))
    last = numbers.fold(t, "sub", n, ONE, "i8")

    def least(a: Operand, b: Operand) -> Operand:
        return t.b.op("min", a, b, type=INT)

    def merge(first: Operand, middle: Operand, end: Operand) -> None:
        """Put the places of two stretches side by side in one order."""
        index, left, right = Var(INT, "k"), Var(INT, "left"), Var(INT, "right")
        with t.b.block() as stmts:
            for v in (index, left, right):
                t.b.own(v)
            # What a stretch that is used up is said to hold is not taken.
            p, q = (arrays.load_at(t, out, (least(i, last),)) for i in (left, right))
            x, y = (arrays.load_at(t, line, (i,)) for i in (p, q))
            used_up = t.b.compare("ge", left, middle)
            sooner = t.b.op("or", used_up, _before(t, line, y, x), type=BOOL)
            takes = t.b.op("and", t.b.compare("lt", right, end), sooner, type=BOOL)
            arrays.store_at(t, merged, (index,), t.b.op("select", takes, q, p, type=INT))
            step = t.b.cast(takes, "i8")
            nexts = t.b.op("add", left, numbers.fold(t, "sub", ONE, step, "i8")), t.b.op("add", right, step)
        outs = Var(INT, "left"), Var(INT, "right")
        t.b.append(
            For(index, first, end, 1, (left, right), (first, middle), Block(tuple(stmts), nexts), outs,
                Var(INT, "count"), False, t.b.loc)
        )  # fmt: skip

    width = Var(INT, "width")
    with t.b.block() as test:
        t.b.own(width)
        more = t.b.compare("lt", width, n)
    with t.b.block() as body:
        t.b.own(width)
        both = t.b.op("add", width, width)
        pairs = numbers.fold(t, "add", numbers.fold(t, "floordiv", last, both, "i8"), ONE, "i8")

        def pair(ix: tuple[Operand, ...]) -> None:
            first = t.b.op("mul", ix[0], both)
            middle = least(t.b.op("add", first, width), n)
            merge(first, middle, least(t.b.op("add", first, both), n))

        arrays.for_each(t, (pairs,), pair)
        t.b.do("copyto", out.root, merged.root)
    t.b.append(
        While((width,), (ONE,), Block(tuple(test), (more,)), Block(tuple(body), (both,)), (Var(INT, "width"),),
              Var(INT, "count"), False, t.b.loc)
    )  # fmt: skip
    return out


def _lines(t: Tracer, st: State, value: Any, axis: Any, kind: str) -> View:
    """Sort (or order) each line of an array along an axis; None flattens it."""
    from revtrace.trace.ndarray.shaping import ravel
    from revtrace.trace.numpy.reductions import axes_of

    view = as_array(t, value, st)
    if isinstance(axis, Static) and axis.value is None:
        view, k = arrays.settle(t, ravel(t, view)), 0
    else:
        if view.ndim == 0 and kind == "order":
            # Of one number numpy takes its only place.
            view = subscripts.new_axis(view, 0)
        (k,) = axes_of(t, st, axis, view.ndim)
    out = arrays.new_array(t, view.dtype if kind == "sort" else "i8", view.shape)
    outer = [n for j, n in enumerate(view.shape) if j != k]

    def one(ix: tuple[Operand, ...]) -> None:
        line = view
        for j, i in enumerate(ix):
            line = subscripts.fix_axis(t, line, 0 if j < k else 1, i, inside=True)
        order = order_of(t, line)

        def put(jx: tuple[Operand, ...]) -> None:
            found = arrays.load_at(t, order, jx)
            value = arrays.load_at(t, line, (found,)) if kind == "sort" else found
            arrays.store_at(t, out, (*ix[:k], *jx, *ix[k:]), value)

        arrays.for_each(t, line.shape, put)

    arrays.for_each(t, outer, one)
    return out


def _sorter(kind: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        bind = signature("a", axis=Static(-1), kind=NONE, order=NONE, stable=NONE)
        a, axis, *_ = bind(args, kwargs)
        return _lines(t, st, a, axis, kind)

    return handler


on(np.sort)(_sorter("sort"))
on(np.argsort)(_sorter("order"))


@method_handler("array", "argsort")
def _argsort_method(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return _sorter("order")(t, st, (self, *args), kwargs, None)


@method_handler("array", "sort")
def _sort_method(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    assignment.assign(t, self, _sorter("sort")(t, st, (self, *args), kwargs, None))
    return NONE
