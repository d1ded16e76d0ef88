"""What is inside of traced values: the objects and operands they name, and values made anew with others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.trace.sameness import fields, view_operands, with_operands
from revtrace.trace.state import State
from revtrace.trace.values import Bound, Conflict, Maybe, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["number_in", "prune", "references", "single", "substitute"]


def references(value: Any) -> list[int]:
    """List the heap objects a value names directly."""
    match value:
        case Ref():
            return [value.id]
        case Tup():
            return [r for v in value.items for r in references(v)]
        case Maybe():
            return references(value.value)
        case Bound():
            return references(value.function) + references(value.self)
        case Conflict():
            return references(value.left) + references(value.right)
        case Static():
            cells = getattr(value.value, "captured", None)
            return [c.id for c in cells.values()] if isinstance(cells, dict) else []
    return []


def prune(st: State, t: Tracer) -> None:
    """Drop objects made since the fork that nothing names any more."""
    if max(st.heap, default=0) <= t.fork_mark or all(id <= t.fork_mark or id in t.originals for id in st.heap):
        return
    todo = [r for v in [*st.locals.values(), *st.stack] for r in references(v)]
    for id, box in st.heap.items():
        if id <= t.fork_mark or id in t.originals:
            todo += [r for v in fields(box) or [] for r in references(v)]
    seen: set[int] = set()
    while todo:
        id = todo.pop()
        if id in seen or id not in st.heap:
            continue
        seen.add(id)
        todo += [r for v in fields(st.heap[id]) or [] for r in references(v)]
    st.heap = {k: v for k, v in st.heap.items() if k in seen or k <= t.fork_mark or k in t.originals}


def single(value: Any) -> bool:
    """Whether a value is an array without axes."""
    return isinstance(value, View) and value.ndim == 0


def number_in(t: Tracer, value: Any) -> Any:
    """Return the number in an array without axes; another value as it is."""
    from revtrace.trace.ndarray.arrays import operand_at

    return Num(operand_at(t, value, ()), False) if single(value) else value


def substitute(value: Any, replace_operand: Any, replace_view: Any = None) -> Any:
    """Return a value with its operands replaced; ``replace_view`` is asked first for whole arrays."""

    def again(v: Any) -> Any:
        return substitute(v, replace_operand, replace_view)

    match value:
        case Num():
            return Num(replace_operand(value.operand), value.weak)
        case Tup():
            return Tup(tuple(again(v) for v in value.items), value.cls)
        case View():
            view = value if replace_view is None else replace_view(value)
            return with_operands(view, replace_operand(view.root), [replace_operand(x) for x in view_operands(view)])
        case Maybe():
            return Maybe(again(value.value), replace_operand(value.flag), value.missing)
        case Bound():
            return Bound(again(value.function), again(value.self))
    return value
