"""What ``for`` takes as a function of a loop index: how many items there are, and the k-th of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace.loop.lengths import not_negative
from revtrace.trace.ndarray.arrays import ZERO
from revtrace.trace.ndarray.subscripts import row
from revtrace.trace.numbers import binary, fold
from revtrace.trace.objects import growing
from revtrace.trace.objects.iterators import known_int
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import Growing, IterBox, ListBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["Rolled", "Span", "range_length", "roll", "span_of"]


@dataclass(frozen=True, slots=True)
class Rolled:
    """A counted loop's range and the item for an index; ``known`` says the trip count is known."""

    start: Operand
    stop: Operand
    step: int
    element: Callable[[Tracer, State, Operand], Any]
    known: bool
    bounds: tuple[Operand, ...]
    hint: str = "i"
    table: bool = False
    """Whether it walks over constants, which had better be known where the body takes nothing else."""
    endless: bool = False
    """Whether nothing but its body ends the loop."""

    def ends(self, t: Tracer) -> tuple[Operand, Operand]:
        """Append the least and the greatest index, for a loop that runs at all."""
        if self.step > 0:
            return self.start, fold(t, "sub", self.stop, const(1, "i8"), "i8")
        return fold(t, "add", self.stop, const(1, "i8"), "i8"), self.start

    def trips(self, t: Tracer) -> Operand:
        """Append how often the body runs at most."""
        return range_length(t, self.start, self.stop, const(self.step, "i8"))


def _repeats(st: State, ref: Ref, seen: set[int]) -> bool:
    """Whether an iterator takes from the same one at two places."""
    if ref.id in seen:
        return True
    seen.add(ref.id)
    box = st.box(ref)
    parts = [p for p in box.parts if isinstance(p, Ref)] if isinstance(box, IterBox) else []
    return any(isinstance(st.box(p), IterBox) and _repeats(st, p, seen) for p in parts)


@dataclass(frozen=True, slots=True)
class Span:
    """How many items an iterator has left, None for without end, and the k-th of them."""

    length: Operand | None
    at: Callable[[Tracer, State, Operand], Any]
    table: bool = False


_ENDLESS = 1 << 62
"""Iterations that no loop without end comes to."""


def roll(t: Tracer, st: State, ref: Ref) -> Rolled | None:
    """Return a loop's range and items, or None if it walks over things of different kinds."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if box.kind in ("range", "counting"):
        start, stop, step = box.parts
        known = all(known_int(p) is not None for p in box.parts)
        by = known_int(step)
        if box.position and by is not None:
            # What was taken before the loop.
            start = Num(fold(t, "add", _operand(start), const(box.position * by, "i8"), "i8"), True)
        if by is not None:
            if known and len(range(known_int(start), known_int(stop), by)) <= 1:  # type: ignore[arg-type]
                return None
            bounds = tuple(x for x in (_operand(start), _operand(stop)) if not isinstance(x, Const))
            return Rolled(_operand(start), _operand(stop), by, lambda t, st, i: Num(i, True), known, bounds)
    span = span_of(t, st, ref)
    if span is None:
        return None
    if span.length is None:
        return Rolled(const(0, "i8"), const(_ENDLESS, "i8"), 1, span.at, True, (), "k", span.table, endless=True)
    if span.length == ZERO:
        # A body that never runs may fit no item of this kind: there is none.
        return None
    bounds = () if isinstance(span.length, Const) else (span.length,)
    return Rolled(const(0, "i8"), span.length, 1, span.at, not bounds, bounds, "k", span.table)


def _operand(x: Any) -> Operand:
    if isinstance(x, Static):
        return const(int(x.value), "i8")
    assert isinstance(x, Num)
    return x.operand


def span_of(t: Tracer, st: State, ref: Ref) -> Span | None:
    """Return how many items an iterator has left and the k-th of them, None where they must be taken one by one."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if _repeats(st, ref, set()):
        return None
    if ref.id in t.lists_around:
        raise NeedStatic((), "an iterator made before a loop is taken from in it", t.b.loc)
    if box.position and box.kind in ("range", "counting", "items", "list", "array", "growing", "count"):
        gone = const(box.position, "i8")
        whole = span_of(t, st, st.new(replace(box, position=0)))
        if whole is None or whole.table:
            return None
        left = None if whole.length is None else fold(t, "sub", whole.length, gone, "i8")
        return Span(left, lambda t, st, k: whole.at(t, st, fold(t, "add", k, gone, "i8")))
    match box.kind:
        case "range" | "counting":
            start, stop, step = (_operand(p) for p in box.parts)
            return Span(range_length(t, start, stop, step), lambda t, st, k: Num(_affine(t, start, step, k), True))
        case "items":
            return _table(st, box.parts)
        case "list":
            items = st.box(box.parts[0])  # type: ignore[arg-type]
            return _table(st, items.items) if isinstance(items, ListBox) else None
        case "array":
            view = box.parts[0]
            assert isinstance(view, View)
            return Span(view.shape[0], lambda t, st, k: row(t, view, k, inside=True))
        case "growing":
            grown = st.box(box.parts[0])  # type: ignore[arg-type]
            if isinstance(grown, ListBox):  # its length has become known since
                return _table(st, grown.items)
            assert isinstance(grown, Growing) and isinstance(grown.length, Num)
            walked = box.parts[0]
            return Span(grown.length.operand, lambda t, st, k: growing.get_item(t, st, st.box(walked), k))  # type: ignore[arg-type]
        case "zip":
            spans = [span_of(t, st, p) for p in box.parts if isinstance(p, Ref)]
            if any(s is None for s in spans) or not spans:
                return None
            lengths = [s.length for s in spans if s is not None and s.length is not None]
            length = lengths[0] if lengths else None
            for other in lengths[1:]:
                assert length is not None
                if other is not length and other != length:
                    less = t.b.compare("lt", other, length)
                    length = t.b.op("select", less, other, length, type=length.type)
            table = any(s.table for s in spans if s is not None)
            return Span(length, lambda t, st, k: Tup(tuple(s.at(t, st, k) for s in spans if s is not None)), table)
        case "enumerate":
            inner, first = box.parts
            assert isinstance(inner, Ref)
            s = span_of(t, st, inner)
            if s is None:
                return None
            at = s.at
            offset = fold(t, "add", _operand(first), const(box.position, "i8"), "i8")
            return Span(
                s.length, lambda t, st, k: Tup((Num(fold(t, "add", k, offset, "i8"), True), at(t, st, k))), s.table
            )
        case "count":
            first, by = box.parts
            return Span(None, lambda t, st, k: binary(t, "+", first, binary(t, "*", Num(k, True), by)))
        case "cycle":
            if len(box.parts) > 1:
                return None
            (only,) = box.parts
            return Span(None, lambda t, st, k: only)
        case "map":
            from revtrace.trace.callables.calls import call

            function, *iterators = box.parts
            spans = [span_of(t, st, p) for p in iterators if isinstance(p, Ref)]
            if len(spans) != 1 or spans[0] is None:
                return None
            one = spans[0]
            return Span(one.length, lambda t, st, k: call(t, st, function, (one.at(t, st, k),), {}), one.table)
    return None


_FEW = 16
"""Constants that are walked over one by one: short loops of known numbers are best written out."""


def _table(st: State, items: Sequence[Any]) -> Span | None:
    """Return the items of a long table of constants, all of one structure and of the same types."""
    from revtrace.trace.ndarray.selection import choose, kinds

    if len(items) < _FEW or (kind := kinds(st, items[0])) is None or any(kinds(st, x) != kind for x in items):
        return None
    rows = list(items)
    return Span(const(len(rows), "i8"), lambda t, st, k: choose(t, st, rows, k), True)


def _affine(t: Tracer, start: Operand, step: Operand, k: Operand) -> Operand:
    return fold(t, "add", start, fold(t, "mul", k, step, "i8"), "i8")


def range_length(t: Tracer, start: Operand, stop: Operand, step: Operand) -> Operand:
    """Append the number of items of a range."""
    zero, one = const(0, "i8"), const(1, "i8")
    if isinstance(step, Const):
        by = int(step.value)  # type: ignore[arg-type]
        if by == 0:
            raise PythonRaise(ValueError("range() arg 3 must not be zero"))
        if by > 0:
            span = fold(t, "sub", stop, start, "i8")
        else:
            span = fold(t, "sub", start, stop, "i8")
        size = const(abs(by), "i8")
        up = fold(t, "add", span, const(abs(by) - 1, "i8"), "i8")
        count = fold(t, "floordiv", up, size, "i8")
    else:
        t.check(t.b.compare("ne", step, zero), "ValueError")
        forward = t.b.compare("gt", step, zero)
        magnitude = t.b.op("abs", step)
        span = t.b.op(
            "select", forward, fold(t, "sub", stop, start, "i8"), fold(t, "sub", start, stop, "i8"), type=start.type
        )
        up = fold(t, "add", span, fold(t, "sub", magnitude, one, "i8"), "i8")
        count = fold(t, "floordiv", up, magnitude, "i8")
    if isinstance(count, Const):
        return const(max(0, int(count.value)), "i8")  # type: ignore[arg-type]
    return count if not_negative(t, count) else t.b.op("max", count, zero)
