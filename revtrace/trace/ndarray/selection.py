"""Choosing by run-time numbers: a row by its index, elements by a mask, places by searching, order by sorting."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Block, Const, For, If, Operand, Var, While, const
from revtrace.program.types import BOOL, INT
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number
from revtrace.trace.objects import containers, tables
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ListBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, View, is_number, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["choose", "compress", "insertion", "kinds", "nonzero", "place"]


#: The most numbers in rows that are not constants, which are put into an array at each choice.
MOST_CHOSEN = 64
ZERO, ONE = const(0, "i8"), const(1, "i8")


# rows -----------------------------------------------------------------------------------------


def choose(t: Tracer, st: State, items: list[Any], index: Operand) -> Any:
    """Return ``items[index]`` for items of one structure: numbers, or sequences of such of equal length."""
    try:
        if not items:
            raise _Unlike("an index into an empty list must be known when tracing")
        return _choose(t, st, items, index)
    except _Unlike as unlike:
        known = int(t.pins.known(t, index, str(unlike)).value)  # type: ignore[arg-type]
    try:
        return items[known]
    except IndexError as error:
        raise PythonRaise(error) from None


class _Unlike(Exception):
    """Which item is meant must be known."""


def _choose(t: Tracer, st: State, items: list[Any], index: Operand) -> Any:
    if not items:
        # In a loop that fills it: better unroll the loop.
        raise _Unlike("an index into an empty list must be known when tracing")
    total = sum(_count(t, st, item) for item in items)
    known = all(_known(st, item) for item in items)
    if total > MOST_CHOSEN and not known:
        raise _Unlike("an index into long lists of lists must be known when tracing")
    if any(isinstance(item, Ref) and _local(st, item) for item in items):
        # Lists made here are probably written to: better unroll the loop, if a loop it is.
        if not any(v.type.dtype[0] in "fc" for v in t.origins((index,))):
            raise _Unlike("an index into a list of lists must be known when tracing")
    return _chosen(t, st, items, index)


def _local(st: State, item: Ref) -> bool:
    return getattr(st.box(item), "source", None) is None


def _parts(t: Tracer, st: State, item: Any) -> list[Any] | None:
    if isinstance(item, Ref) and not isinstance(st.box(item), ListBox):
        return None
    if isinstance(item, (Tup, Ref)) or (isinstance(item, Static) and isinstance(item.value, (tuple, list))):
        return containers.items_of(t, st, item)
    return None


def _known(st: State, item: Any) -> bool:
    if isinstance(item, Tup):
        return all(_known(st, x) for x in item.items)
    if isinstance(item, Ref):
        box = st.box(item)
        return isinstance(box, ListBox) and all(_known(st, x) for x in box.items)
    return isinstance(item, Static) or (isinstance(item, Num) and isinstance(item.operand, Const))


def kinds(st: State, item: Any) -> Any:
    """Return the structure of an item and the types of its numbers, None where they are not all constants."""
    if isinstance(item, Static) and is_number(item.value):
        return type(item.value)
    if isinstance(item, Static) and type(item.value) is tuple:
        parts: Any = [Static(x) for x in item.value]
    elif isinstance(item, Tup):
        parts = item.items
    elif isinstance(item, Ref) and isinstance(box := st.box(item), ListBox):
        # Those made here may be written to.
        parts = box.items if box.source is not None else []
    else:
        return None
    found = tuple(kinds(st, x) for x in parts)
    return None if not found or None in found else (type(item), getattr(item, "cls", None), found)


def _count(t: Tracer, st: State, item: Any) -> int:
    if is_numeric(item):
        return 1
    parts = _parts(t, st, item)
    if parts is None:
        raise _Unlike("an index into things of different kinds must be known when tracing")
    return sum(_count(t, st, part) for part in parts)


def _chosen(t: Tracer, st: State, items: list[Any], index: Operand) -> Any:
    if all(is_numeric(x) for x in items):
        return tables.element_of(t, items, index)
    rows = [_parts(t, st, item) for item in items]
    if any(row is None for row in rows) or len({len(row) for row in rows if row is not None}) != 1:
        raise _Unlike("an index into things of different kinds must be known when tracing")
    if len({(isinstance(item, Ref), getattr(item, "cls", None)) for item in items}) != 1:
        raise _Unlike("an index into things of different kinds must be known when tracing")
    columns = zip(*(row for row in rows if row is not None), strict=True)
    found = tuple(_chosen(t, st, list(column), index) for column in columns)
    first = items[0]
    if isinstance(first, Ref):
        return st.new(ListBox(found, borrowed=True))
    return Tup(found, first.cls if isinstance(first, Tup) else None)


# masks ---------------------------------------------------------------------------------------


def _mask(t: Tracer, mask: Any, view: View) -> View:
    mask = arrays.settle(t, mask)
    for m, n in zip(mask.shape, view.shape, strict=False):
        if m is not n:
            arrays.agree(t, m, n)
    return mask  # type: ignore[no-any-return]


def _flag(t: Tracer, mask: View, ix: tuple[Operand, ...]) -> Operand:
    return numbers.to_bool(t, Num(arrays.operand_at(t, mask, ix), False))


def _picked(t: Tracer, mask: View) -> Operand:
    """Append the number of elements a mask picks."""

    def count(ix: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
        return [t.b.op("add", values[0], t.b.cast(_flag(t, mask, ix), "i8"))]

    (found,) = arrays.reduce(t, mask.shape, (ZERO,), count)
    return found


def _each_picked(t: Tracer, mask: View, body: Any) -> None:
    """Append ``body(indices, k)`` for the k-th element that a mask picks."""

    def step(ix: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
        flag = _flag(t, mask, ix)
        with t.b.block() as stmts:
            body(ix, values[0])
        t.b.append(If(flag, Block(tuple(stmts)), Block(()), (), t.b.loc))
        return [t.b.op("add", values[0], t.b.cast(flag, "i8"))]

    arrays.reduce(t, mask.shape, (ZERO,), step)


def compress(t: Tracer, value: Any, mask: Any) -> View:
    """``value[mask]``: the elements (or rows) where the mask holds, in order."""
    view = arrays.settle(t, value)
    flags = _mask(t, mask, view)
    rest = view.shape[flags.ndim :]
    out = arrays.new_array(t, view.dtype, (_picked(t, flags), *rest))

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        arrays.for_each(t, rest, lambda jx: arrays.store_at(t, out, (k, *jx), arrays.load_at(t, view, (*ix, *jx))))

    _each_picked(t, flags, body)
    return out


def place(t: Tracer, target: View, mask: Any, values: Any) -> None:
    """``target[mask] = values`` for an array of values, in order."""
    flags = _mask(t, mask, target)
    rest = target.shape[flags.ndim :]
    given = arrays.materialise(t, values) if arrays.is_array(values) else values
    if arrays.is_array(given) and given.ndim == 1 + len(rest) and not arrays.is_one(given.shape[0]):
        arrays.agree(t, given.shape[0], _picked(t, flags), "broadcast")
    shape = (const(-1, "i8"), *rest)
    t.write(target)

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        def one(jx: tuple[Operand, ...]) -> None:
            if arrays.is_array(given):
                number = Num(arrays.at_broadcast(t, given, (k, *jx), shape), False)
            else:
                number = numbers.as_num(t, given)
            arrays.store_at(t, target, (*ix, *jx), assignment.cast_into(t, number, target))

        arrays.for_each(t, rest, one)

    _each_picked(t, flags, body)


def nonzero(t: Tracer, value: Any) -> Tup:
    """``np.nonzero``: an index array per axis."""
    view = arrays.settle(t, value)
    count = _picked(t, view)
    out = [arrays.new_array(t, "i8", (count,)) for _ in range(view.ndim)]

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        for array, i in zip(out, ix, strict=True):
            arrays.store_at(t, array, (k,), i)

    _each_picked(t, view, body)
    return Tup(tuple(out))


@on(np.nonzero, np.argwhere, np.flatnonzero)
def _nonzero(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _finder(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.callables.calls import call
        from revtrace.trace.ndarray.shaping import ravel

        value = as_array(t, args[0], st)
        if name == "flat":
            return nonzero(t, ravel(t, value)).items[0]
        found = nonzero(t, value)
        return found if name == "nonzero" else call(t, st, Static(np.stack), (found,), {"axis": Static(1)})

    return handler


on(np.nonzero)(_finder("nonzero"))
on(np.flatnonzero)(_finder("flat"))
on(np.argwhere)(_finder("argwhere"))


@method_handler("array", "nonzero")
def _nonzero_method(t: Tracer, st: State, self: Any) -> Any:
    return nonzero(t, as_array(t, self, st))


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


def _sought(t: Tracer, st: State, knots: Any, value: Any, right: bool, weak: bool = False) -> Any:
    view = as_array(t, knots, st)
    given = as_array_or_number(t, st, value)
    if not arrays.is_array(given):
        return Num(insertion(t, view, given, right), weak)
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
    if sorter is not NONE and not (isinstance(sorter, Static) and sorter.value is None):
        a = subscripts.subscript(t, as_array(t, a, st), sorter)
    return _sought(t, st, a, v, side.value == "right")


@method_handler("array", "searchsorted")
def _searchsorted_method(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return _searchsorted(t, st, (self, *args), kwargs, None)


def _bisection(f: Any, right: bool) -> None:
    @on(f)
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        if len(args) > 2 or kwargs:
            raise t.unsupported("bisect with bounds or a key", "it is not supported", "slice the list first")
        return _sought(t, st, args[0], args[1], right, weak=True)


_bisection(bisect.bisect_left, False)
_bisection(bisect.bisect_right, True)


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
    """Whether an element comes before another that is not equal."""
    less = t.b.compare("lt", a, b)
    if line.dtype[0] != "f":
        return less
    number = t.b.compare("eq", a, a)
    return t.b.op("or", less, t.b.op("and", number, t.b.compare("ne", b, b), type=BOOL), type=BOOL)


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
