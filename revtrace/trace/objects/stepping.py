"""Steps of iterators: what each kind of iterator gives next, when all that decides it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import const
from revtrace.trace.ndarray.subscripts import row
from revtrace.trace.numbers import as_num, binary, fold
from revtrace.trace.objects import growing
from revtrace.trace.objects.iterators import iterate, known_int
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import Growing, IterBox, ListBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["advance", "drain"]


def advance(t: Tracer, st: State, ref: Ref) -> Any | None:
    """Take the next item, or return None at the end; everything needed must be known."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if ref.id in t.lists_around:
        raise NeedStatic((), "an iterator made before a loop is taken from in it", t.b.loc)
    if box.kind == "generator":
        from revtrace.trace.steps.suspended import suspend

        suspend(st, ref)
        return advance(t, st, ref)
    if box.kind == "suspended":
        # It keeps its own position: the instruction that it stopped at.
        from revtrace.trace.steps.suspended import resume

        return resume(t, st, ref)
    step = _STEPS.get(box.kind)
    if step is None:
        raise t.unsupported(
            f"an iterator of kind {box.kind} taken step by step",
            "it can only be used up at once",
            "loop over it, or make a list of it first",
        )
    item = step(t, st, box)
    if item is not None:
        walked = st.box(ref)
        assert isinstance(walked, IterBox)
        st.set(ref, replace(walked, position=box.position + 1))
    return item


_MOST_ITEMS = 100_000


def drain(t: Tracer, st: State, value: Any) -> list[Any]:
    """List everything an iterable gives; its length must be known."""
    ref = iterate(t, st, value)
    items: list[Any] = []
    while (item := advance(t, st, ref)) is not None:
        items.append(item)
        if len(items) > _MOST_ITEMS:
            raise t.unsupported(
                "a very long iterable is used up at once",
                "each of its items is recorded on its own",
                "write the loop, or use an array",
            )
    return items


def _all(t: Tracer, st: State, refs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Take an item of each iterator; None as soon as one has come to its end."""
    items = []
    for ref in refs:
        assert isinstance(ref, Ref)
        item = advance(t, st, ref)
        if item is None:
            return None
        items.append(item)
    return tuple(items)


def _at(items: Any, k: int) -> Any | None:
    return items[k] if k < len(items) else None


def _of_items(t: Tracer, st: State, box: IterBox) -> Any | None:
    return _at(box.parts, box.position)


_WALKED = "a list of unknown length is walked"


def _of_list(t: Tracer, st: State, box: IterBox) -> Any | None:
    ref = box.parts[0]
    assert isinstance(ref, Ref)
    # The list itself is asked each time: the loop's body may append to it.
    source = st.box(ref)
    if isinstance(source, Growing):
        source = growing.settled(t, st, ref, _WALKED)
    assert isinstance(source, ListBox)
    return _at(source.items, box.position)


def _of_range(t: Tracer, st: State, box: IterBox) -> Any | None:
    parts = box.parts
    if any(known_int(p) is None for p in parts):
        ends = t.pins.all_known(t, [as_num(t, p).operand for p in parts], "the loop's bounds must be known")
        parts = tuple(Static(e.value) for e in ends)
    start, stop, step = (known_int(p) or 0 for p in parts)
    number = _at(range(start, stop, step), box.position)
    return None if number is None else Static(number)


def _of_array(t: Tracer, st: State, box: IterBox) -> Any | None:
    view = box.parts[0]
    assert isinstance(view, View)
    length = t.pins.known(t, view.shape[0], "the array's length must be known to unroll this loop")
    if box.position >= length.value:  # type: ignore[operator]
        return None
    return row(t, view, const(box.position, "i8"))


def _of_zip(t: Tracer, st: State, box: IterBox) -> Any | None:
    items = _all(t, st, box.parts)
    return None if items is None else Tup(items)


def _of_enumerate(t: Tracer, st: State, box: IterBox) -> Any | None:
    inner, first = box.parts
    items = _all(t, st, (inner,))
    if items is None:
        return None
    start, k = known_int(first), box.position
    if start is not None:
        return Tup((Static(start + k), *items))
    assert isinstance(first, Num)
    return Tup((Num(fold(t, "add", first.operand, const(k, "i8"), "i8"), True), *items))


def _of_count(t: Tracer, st: State, box: IterBox) -> Any | None:
    first, by = box.parts
    return binary(t, "+", first, binary(t, "*", Static(box.position), by)) if box.position else first


def _of_cycle(t: Tracer, st: State, box: IterBox) -> Any | None:
    return box.parts[box.position % len(box.parts)]


def _of_map(t: Tracer, st: State, box: IterBox) -> Any | None:
    from revtrace.trace.callables.calls import call

    function, *iterators = box.parts
    args = _all(t, st, tuple(iterators))
    return None if args is None else call(t, st, function, args, {})


def _of_object(t: Tracer, st: State, box: IterBox) -> Any | None:
    from revtrace.trace.callables.calls import call_method

    # Whether it raises StopIteration must be known.
    decides, t.decides = t.decides, True
    try:
        return call_method(t, st, box.parts[0], "__next__", ())
    except PythonRaise as signal:
        if isinstance(signal.error, StopIteration):
            return None
        raise
    finally:
        t.decides = decides


def _spent(t: Tracer, st: State, box: IterBox) -> Any | None:
    (cond,) = box.parts
    assert isinstance(cond, Num)
    raise NeedStatic((cond.operand,), "how far an iterator was taken on one of two ways must be known", t.b.loc)


def _left(t: Tracer, st: State, box: IterBox) -> Any | None:
    left = NeedStatic((), "how far a loop went in an iterator that is used again must be known", t.b.loc)
    left.loops = [p.value for p in box.parts if isinstance(p, Static)]
    raise left


# What each kind of iterator gives at its position, None at its end.
_STEPS: dict[str, Callable[[Tracer, State, IterBox], Any | None]] = {
    "items": _of_items,
    "list": _of_list,
    "growing": _of_list,
    "range": _of_range,
    "counting": _of_range,
    "array": _of_array,
    "zip": _of_zip,
    "enumerate": _of_enumerate,
    "count": _of_count,
    "cycle": _of_cycle,
    "map": _of_map,
    "object": _of_object,
    "spent": _spent,
    "left": _left,
}
