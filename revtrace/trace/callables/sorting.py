"""``sorted`` and ``list.sort``: networks of exchanges for a few items, an order found when running for more."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace import comparisons, numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on
from revtrace.trace.kinds import is_tuple
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.ordering import order_of
from revtrace.trace.ndarray.selection import choose
from revtrace.trace.objects import containers, tables
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import Growing, ListBox, Numbers, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


FEW = 4
"""Up to so many items are put in order by exchanges of neighbours: less code than finding their order."""


@on(sorted)
def _sorted(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    key = kwargs.get("key", NONE)
    plain = isinstance(key, Static) and key.value is None
    reverse = containers.as_static(t, st, kwargs.get("reverse", Static(False)))
    if not isinstance(reverse, Static):
        raise t.unsupported(
            "sorting up or down by a run-time value",
            "the order must be known when tracing",
            "sort, and reverse the result",
        )
    source = t.use(args[0])
    if plain and _long(t, st, source):
        return _in_buffer(t, st, source, bool(reverse.value))
    items = containers.items_of(t, st, source)
    ranks = items
    if not plain:
        from revtrace.trace.callables.calls import call

        ranks = [call(t, st, key, (item,), {}) for item in items]
    known = [containers.as_static(t, st, r) for r in ranks]
    if all(isinstance(k, Static) for k in known):
        values = [k.value for k in known if isinstance(k, Static)]
        try:
            order = sorted(range(len(items)), key=values.__getitem__, reverse=bool(reverse.value))
        except TypeError as error:
            raise PythonRaise(error) from None
        return st.new(ListBox(tuple(items[k] for k in order)))
    if len(items) > FEW and all(is_numeric(r) for r in ranks):
        return st.new(ListBox(tuple(_by_order(t, st, items, ranks, bool(reverse.value)))))
    if len(items) > FEW:
        columns = _columns(t, st, ranks)
        if columns is not None:
            return st.new(ListBox(tuple(_picked(t, st, items, _by_columns(t, *columns, bool(reverse.value))))))
    if len(items) > 2 * FEW:
        raise t.unsupported(
            "sorting by keys that are no numbers",
            "their order is known only when running",
            "give a key that returns a number or a tuple of numbers",
        )
    return st.new(ListBox(tuple(_by_exchanges(t, st, items, ranks, bool(reverse.value)))))


@method_handler("list", "sort")
def _sort(t: Tracer, st: State, self: Any, **kwargs: Any) -> Any:
    before = st.box(self)
    made = st.box(_sorted(t, st, (self,), kwargs, None))
    if isinstance(before, ListBox):
        containers.own(t, before)
        assert isinstance(made, ListBox)
        made = ListBox(made.items, before.source)
    st.set(self, made)
    return NONE


def _long(t: Tracer, st: State, source: Any) -> bool:
    """Whether a source has a number of items that is known only when running."""
    if isinstance(source, Ref):
        box = st.box(source)
        return isinstance(box, Growing) and isinstance(box.form, Numbers)
    return (
        arrays.is_array(source)
        and source.ndim == 1
        and not isinstance(containers.as_static(t, st, containers.length(t, st, source)), Static)
    )


def _ordered(t: Tracer, line: View, reverse: bool) -> View:
    """The places of a line's elements in order; NaN, for which Python's order means nothing, bails."""
    if line.dtype[0] == "c":
        raise PythonRaise(TypeError("'<' not supported between instances of 'complex' and 'complex'"))
    if line.dtype[0] == "f":

        def sound(ix: tuple[Operand, ...]) -> None:
            x = arrays.load_at(t, line, ix)
            t.check(t.b.compare("eq", x, x), "unsupported: NaN among what is sorted")

        arrays.for_each(t, line.shape, sound)
    if reverse:
        # Falling order keeps equal ones in order too: the rising order of what falls as they rise.
        turned = arrays.new_array(t, line.dtype, line.shape)
        name = "neg" if line.dtype[0] == "f" else "invert"

        def turn(ix: tuple[Operand, ...]) -> None:
            arrays.store_at(t, turned, ix, t.b.op(name, arrays.load_at(t, line, ix), type=Scalar(line.dtype)))

        arrays.for_each(t, line.shape, turn)
        line = turned
    return order_of(t, line)


def _in_buffer(t: Tracer, st: State, source: Any, reverse: bool) -> Ref:
    """Sort numbers whose count is known only when running."""
    from revtrace.trace.callables.calls import call
    from revtrace.trace.ndarray.convert import grown

    ref = source if isinstance(source, Ref) else call(t, st, Static(list), (source,), {})
    box = st.box(ref)
    assert isinstance(box, Growing)
    line = grown(t, st, ref, None)
    order = _ordered(t, line, reverse)
    return st.new(replace(box, buffer=_gathered(t, line, order)))


def _by_order(t: Tracer, st: State, items: list[Any], ranks: list[Any], reverse: bool) -> list[Any]:
    order = _ordered(t, tables.table_of(t, ranks), reverse)
    places = [arrays.load_at(t, order, (const(k, "i8"),)) for k in range(len(items))]
    return _picked(t, st, items, places)


def _columns(t: Tracer, st: State, ranks: list[Any]) -> tuple[list[list[Any]], bool] | None:
    """Take tuples apart that are compared: their places, first to last, and whether these are all there is.

    What has no order that is known, as an instance, ends them: Python asks for it only where all before is equal.
    """
    if all(is_numeric(r) for r in ranks):
        return [ranks], True
    known = [containers.as_static(t, st, r) for r in ranks]
    if all(isinstance(k, Static) for k in known):
        try:
            order = {x: k for k, x in enumerate(sorted({k.value for k in known}))}
        except TypeError:
            return None
        return [[Static(order[k.value]) for k in known]], True
    if not all(is_tuple(r) or (isinstance(r, Ref) and isinstance(st.box(r), ListBox)) for r in ranks):
        return None
    rows = [containers.items_of(t, st, r) for r in ranks]
    if len({len(row) for row in rows}) > 1:
        return None
    columns: list[list[Any]] = []
    for column in zip(*rows, strict=True):
        found = _columns(t, st, list(column))
        columns += [] if found is None else found[0]
        if found is None or not found[1]:
            return (columns, False) if columns else None
    return columns, True


def _by_columns(t: Tracer, columns: list[list[Any]], whole: bool, reverse: bool) -> list[Operand]:
    """The places of tuples in order: by their last parts, then by those before, which keeps equal ones in order."""
    lines = [tables.table_of(t, column) for column in columns]
    order: View | None = None
    for line in reversed(lines):
        step = _ordered(t, line if order is None else _gathered(t, line, order), reverse)
        order = step if order is None else _gathered(t, order, step)
    assert order is not None
    places = [arrays.load_at(t, order, (const(k, "i8"),)) for k in range(len(columns[0]))]
    for a, b in () if whole else itertools.pairwise(places):
        differ: Operand = const(False)
        for line in lines:
            x, y = (arrays.load_at(t, line, (at,)) for at in (a, b))
            differ = t.b.op("or", differ, t.b.compare("ne", x, y), type=BOOL)
        t.check(differ, "unsupported: equal numbers before what has no order")
    return places


def _gathered(t: Tracer, line: View, order: View) -> View:
    out = arrays.new_array(t, line.dtype, line.shape)
    arrays.for_each(
        t, line.shape, lambda ix: arrays.store_at(t, out, ix, arrays.load_at(t, line, (arrays.load_at(t, order, ix),)))
    )
    return out


def _picked(t: Tracer, st: State, items: list[Any], places: list[Operand]) -> list[Any]:
    """``[items[p] for p in places]``."""
    first = items[0]
    if all(is_numeric(x) for x in items):
        line = tables.table_of(t, items)
        weak = all(numbers.as_num(t, x).weak for x in items)
        return [Num(arrays.load_at(t, line, (p,)), weak) for p in places]
    if isinstance(first, Tup) and all(
        isinstance(x, Tup) and x.cls is first.cls and len(x.items) == len(first.items) for x in items
    ):
        fields = [_picked(t, st, [x.items[k] for x in items], places) for k in range(len(first.items))]
        return [Tup(parts, first.cls) for parts in zip(*fields, strict=True)]
    return [choose(t, st, items, p) for p in places]


def _by_exchanges(t: Tracer, st: State, items: list[Any], ranks: list[Any], reverse: bool) -> list[Any]:
    """A network of exchanges of neighbours, the same whatever the order; equal ones stay in order."""
    from revtrace.trace.callables.builtin_folds import choose

    items, ranks = list(items), list(ranks)
    symbol = "<" if reverse else ">"
    for i in range(len(items)):
        for j in range(len(items) - 1 - i):
            swap = comparisons.truth(t, st, comparisons.compare(t, st, symbol, ranks[j], ranks[j + 1]))
            for line in (items, ranks):
                a, b = line[j], line[j + 1]
                if isinstance(swap, Static):
                    line[j], line[j + 1] = (b, a) if swap.value else (a, b)
                else:
                    line[j], line[j + 1] = choose(t, swap.operand, b, a), choose(t, swap.operand, a, b)
    return items
