"""Choosing by run-time numbers: a row by its index, elements by a mask, places by searching, order by sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand
from revtrace.trace.objects import containers, tables
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ListBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, is_number, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["choose", "kinds"]


#: The most numbers in rows that are not constants, which are put into an array at each choice.
MOST_CHOSEN = 64


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
        deciding = t.pins.need(t, (index,), "a list chosen by a run-time index changes")
        return st.new(ListBox(found, borrowed=True, deciding=deciding))
    return Tup(found, first.cls if isinstance(first, Tup) else None)
