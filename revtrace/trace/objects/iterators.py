"""Iterators: what ``iter`` makes of a value, and what is left of it after a loop (stepping takes the items)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Const
from revtrace.trace.signals import EndlessError, PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Elementwise, Num, Ref, Static, Tup, View, of_key

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["iterate", "known_int", "parts_of", "taken", "used_up"]


def iterate(t: Tracer, st: State, value: Any) -> Ref:
    """Return an iterator over a value, as ``iter`` does."""
    value = t.use(value)
    if isinstance(value, Ref):
        box = st.box(value)
        match box:
            case IterBox("range"):
                # A range is no iterator: each loop over it begins anew.
                return st.new(replace(box, kind="counting"))
            case IterBox():
                return value
            case ListBox():
                return st.new(IterBox("list", (value,)))
            case Growing():
                return st.new(IterBox("growing", (value,)))
            case DictBox():
                return st.new(IterBox("items", tuple(of_key(k) for k, _ in box.items)))
            case SetBox():
                return st.new(IterBox("items", tuple(of_key(k) for k in box.items)))
            case ObjectBox():
                from revtrace.trace.callables.calls import call_method

                if not hasattr(box.cls, "__iter__") and hasattr(box.cls, "__getitem__"):
                    return st.new(IterBox("items", tuple(_by_index(t, st, value))))
                found = t.use(call_method(t, st, value, "__iter__", ()))
                made = st.box(found) if isinstance(found, Ref) else None
                if isinstance(made, ObjectBox) and hasattr(made.cls, "__next__"):
                    return st.new(IterBox("object", (found,)))
                return iterate(t, st, found)
    if isinstance(value, Tup):
        return st.new(IterBox("items", value.items))
    if isinstance(value, (View, Elementwise)):
        if value.ndim == 0:
            raise PythonRaise(TypeError("iteration over a 0-d array"))
        from revtrace.trace.ndarray.arrays import settle

        return st.new(IterBox("array", (settle(t, value),)))
    if isinstance(value, Static):
        if isinstance(value.value, range):
            r = value.value
            return st.new(IterBox("counting", (Static(r.start), Static(r.stop), Static(r.step))))
        if isinstance(value.value, (str, bytes, frozenset, type({}.keys()), type({}.items()))) or hasattr(
            type(value.value), "__iter__"
        ):
            try:
                items = list(value.value)
            except TypeError as error:
                raise PythonRaise(error) from None
            return st.new(IterBox("items", tuple(Static(x) for x in items)))
        raise PythonRaise(TypeError(f"'{type(value.value).__name__}' object is not iterable"))
    if isinstance(value, Num):
        raise PythonRaise(TypeError("'float' object is not iterable"))
    raise t.unsupported(
        f"iterating over {t.describe(value)}",
        "it is not an iterable revtrace knows",
        "loop over a range, an array, a list, a tuple or a generator",
    )


_MOST_ITEMS = 4096


def _by_index(t: Tracer, st: State, value: Ref) -> list[Any]:
    """List what an instance gives for 0, 1, 2 ... until it raises IndexError."""
    from revtrace.trace.callables.calls import call_method

    items: list[Any] = []
    while len(items) < _MOST_ITEMS:
        try:
            items.append(call_method(t, st, value, "__getitem__", (Static(len(items)),)))
        except PythonRaise as signal:
            if isinstance(signal.error, IndexError):
                return items
            raise
    raise t.unsupported(
        "iterating over an object by its __getitem__",
        "the index at which it raises IndexError must be known when tracing",
        "give its class an __iter__, or loop over range(len(...))",
    )


def known_int(x: Any) -> int | None:
    """Return the number that a value is in every run, or None."""
    if isinstance(x, Static):
        return int(x.value)
    if isinstance(x, Num) and isinstance(x.operand, Const):
        return int(x.operand.value)  # type: ignore[arg-type]
    return None


def taken(t: Tracer, st: State, source: Any) -> Ref:
    """Return an iterator; a generator is run to its end first, if it has one: then a loop over it can be rolled."""
    from revtrace.trace.callables.running import collect
    from revtrace.trace.steps.suspended import Shared, fails, suspend

    source = t.use(source)
    if not isinstance(source, Ref):
        return iterate(t, st, source)
    box = st.box(source)
    if not isinstance(box, IterBox) or box.kind != "generator":
        return iterate(t, st, source)
    known = (t.frames[-1].shape.code, t.b.loc) in t.unroll
    if t.pins.oracle is not None and (known or fails(t, st, source)):
        suspend(st, source)
        return source
    shared = Shared(t, st, source)
    saved, trial = t.save(), st.fork()
    try:
        made = collect(t, trial, source)
        early = not shared.ran(trial) or t.pins.oracle is None
    except UnsupportedError as refusal:
        if t.pins.oracle is None or not isinstance(refusal, EndlessError):
            raise
        early = False
    if not early:
        t.restore(saved)
        t.current = st
        suspend(st, source)
        return source
    st.heap = trial.heap
    t.current = st
    walked = iterate(t, st, made)
    t.early[walked.id] = shared
    return walked


def parts_of(st: State, ref: Ref) -> list[Ref]:
    """List an iterator and those that it takes from."""
    box = st.box(ref)
    parts = box.parts if isinstance(box, IterBox) else ()
    inner = [p for p in parts if isinstance(p, Ref) and isinstance(st.box(p), IterBox)]
    return [ref, *(q for p in inner for q in parts_of(st, p))]


def used_up(st: State, ref: Ref, loop: Any = None, complete: bool = True) -> None:
    """Note that a rolled loop has taken an iterator's items; unless ``complete``, it may have left some."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    for part in box.parts:
        if isinstance(part, Ref) and isinstance(st.box(part), IterBox):
            used_up(st, part, loop, complete and len(box.parts) <= 2 and box.kind != "zip")
    st.set(ref, IterBox("items", ()) if complete else IterBox("left", (Static(loop),)))
