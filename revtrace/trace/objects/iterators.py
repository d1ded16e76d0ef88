"""Iterators: what ``for`` takes next, one by one or as a function of a loop index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Const, Operand, const
from revtrace.trace.ndarray.subscripts import row
from revtrace.trace.numbers import as_num, binary, fold
from revtrace.trace.objects import growing
from revtrace.trace.signals import EndlessError, NeedStatic, PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Elementwise, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Rolled", "advance", "drain", "iterate", "parts_of", "roll", "taken", "used_up"]


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

    def ends(self, t: Tracer) -> tuple[Operand, Operand]:
        """Append the least and the greatest index, for a loop that runs at all."""
        if self.step > 0:
            return self.start, fold(t, "sub", self.stop, const(1, "i8"), "i8")
        return fold(t, "add", self.stop, const(1, "i8"), "i8"), self.start

    def trips(self, t: Tracer) -> Operand:
        """Append how often the body runs at most."""
        return range_length(t, self.start, self.stop, const(self.step, "i8"))


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
                return st.new(IterBox("items", tuple(Static(k) for k, _ in box.items)))
            case SetBox():
                return st.new(IterBox("items", tuple(Static(k) for k in box.items)))
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
    raise t.unsupported(f"iterating over {t.describe(value)}", "it is not an iterable revtrace knows")


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


def _int(x: Any) -> int | None:
    if isinstance(x, Static):
        return int(x.value)
    if isinstance(x, Num) and isinstance(x.operand, Const):
        return int(x.operand.value)  # type: ignore[arg-type]
    return None


_WALKED = "a list of unknown length is walked"


def taken(t: Tracer, st: State, source: Any) -> Ref:
    """Return an iterator; a generator is run to its end first, if it has one: then a loop over it can be rolled."""
    from revtrace.trace.callables.calls import collect
    from revtrace.trace.steps.suspended import Shared, suspend

    source = t.use(source)
    box = st.box(source) if isinstance(source, Ref) else None
    if not isinstance(box, IterBox) or box.kind != "generator":
        return iterate(t, st, source)
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
        assert isinstance(source, Ref)
        suspend(st, source)
        return source
    st.heap = trial.heap
    t.current = st
    walked = iterate(t, st, made)
    t.early[walked.id] = shared
    return walked


def advance(t: Tracer, st: State, ref: Ref) -> Any | None:
    """Take the next item, or return None at the end; everything needed must be known."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if ref.id in t.lists_around:
        raise NeedStatic((), "an iterator made before a loop is taken from in it", t.b.loc)
    k = box.position
    item: Any
    match box.kind:
        case "items":
            if k >= len(box.parts):
                return None
            item = box.parts[k]
        case "list":
            source = st.box(box.parts[0])  # type: ignore[arg-type]
            if isinstance(source, Growing):
                source = growing.settled(t, st, box.parts[0], _WALKED)  # type: ignore[arg-type]
            assert isinstance(source, ListBox)
            if k >= len(source.items):
                return None
            item = source.items[k]
        case "range" | "counting":
            if any(_int(p) is None for p in box.parts):
                ends = t.pins.all_known(t, [as_num(t, p).operand for p in box.parts], "the loop's bounds must be known")
                box = replace(box, parts=tuple(Static(e.value) for e in ends))
            start, stop, step = (_int(p) or 0 for p in box.parts)
            span = range(start, stop, step)
            if k >= len(span):
                return None
            item = Static(span[k])
        case "array":
            view = box.parts[0]
            assert isinstance(view, View)
            n = view.shape[0]
            n = t.pins.known(t, n, "the array's length must be known to unroll this loop")
            if k >= n.value:  # type: ignore[operator]
                return None
            item = row(t, view, const(k, "i8"))
        case "growing":
            items = growing.settled(t, st, box.parts[0], _WALKED).items  # type: ignore[arg-type]
            if k >= len(items):
                return None
            item = items[k]
        case "zip":
            parts = []
            for part in box.parts:
                assert isinstance(part, Ref)
                x = advance(t, st, part)
                if x is None:
                    return None
                parts.append(x)
            item = Tup(tuple(parts))
        case "enumerate":
            inner, first = box.parts
            assert isinstance(inner, Ref)
            x = advance(t, st, inner)
            if x is None:
                return None
            start_at = _int(first)
            number: Any
            if start_at is None:
                assert isinstance(first, Num)
                number = Num(fold(t, "add", first.operand, const(k, "i8"), "i8"), True)
            else:
                number = Static(start_at + k)
            item = Tup((number, x))
        case "count":
            first, by = box.parts
            item = binary(t, "+", first, binary(t, "*", Static(k), by)) if k else first
        case "cycle":
            item = box.parts[k % len(box.parts)]
        case "map":
            function, *iterators = box.parts
            from revtrace.trace.callables.calls import call

            args = []
            for part in iterators:
                assert isinstance(part, Ref)
                x = advance(t, st, part)
                if x is None:
                    return None
                args.append(x)
            item = call(t, st, function, tuple(args), {})
        case "generator":
            from revtrace.trace.steps.suspended import suspend

            suspend(st, ref)
            return advance(t, st, ref)
        case "object":
            from revtrace.trace.callables.calls import call_method

            # Whether it raises StopIteration must be known.
            decides, t.decides = t.decides, True
            try:
                item = call_method(t, st, box.parts[0], "__next__", ())
            except PythonRaise as signal:
                if isinstance(signal.error, StopIteration):
                    return None
                raise
            finally:
                t.decides = decides
        case "spent":
            (cond,) = box.parts
            assert isinstance(cond, Num)
            raise NeedStatic((cond.operand,), "how far an iterator was taken on one of two ways must be known", t.b.loc)
        case "left":
            left = NeedStatic((), "how far a loop went in an iterator that is used again must be known", t.b.loc)
            left.loops = [p.value for p in box.parts if isinstance(p, Static)]
            raise left
        case "suspended":
            from revtrace.trace.steps.suspended import resume

            return resume(t, st, ref)
        case _:
            raise t.unsupported(f"an iterator of kind {box.kind} taken step by step", "it can only be used up at once")
    walked = st.box(ref)
    assert isinstance(walked, IterBox)
    st.set(ref, replace(walked, position=k + 1))
    return item


def drain(t: Tracer, st: State, value: Any) -> list[Any]:
    """List everything an iterable gives; its length must be known."""
    ref = iterate(t, st, value)
    items: list[Any] = []
    while (item := advance(t, st, ref)) is not None:
        items.append(item)
        if len(items) > 100_000:
            raise t.unsupported("a very long iterable is used up at once", "each of its items is recorded on its own")
    return items


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


def _repeats(st: State, ref: Ref, seen: set[int]) -> bool:
    """Whether an iterator takes from the same one at two places."""
    if ref.id in seen:
        return True
    seen.add(ref.id)
    box = st.box(ref)
    parts = [p for p in box.parts if isinstance(p, Ref)] if isinstance(box, IterBox) else []
    return any(isinstance(st.box(p), IterBox) and _repeats(st, p, seen) for p in parts)


# as a function of the index ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """How many items an iterator has left, None for without end, and the k-th of them."""

    length: Operand | None
    at: Callable[[Tracer, State, Operand], Any]
    table: bool = False


def roll(t: Tracer, st: State, ref: Ref) -> Rolled | None:
    """Return a loop's range and items, or None if it walks over things of different kinds."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if box.kind in ("range", "counting"):
        start, stop, step = box.parts
        known = all(_int(p) is not None for p in box.parts)
        by = _int(step)
        if box.position and by is not None:
            # What was taken before the loop.
            start = Num(fold(t, "add", _operand(start), const(box.position * by, "i8"), "i8"), True)
        if by is not None:
            if known and len(range(_int(start), _int(stop), by)) <= 1:  # type: ignore[arg-type]
                return None
            bounds = tuple(x for x in (_operand(start), _operand(stop)) if not isinstance(x, Const))
            return Rolled(_operand(start), _operand(stop), by, lambda t, st, i: Num(i, True), known, bounds)
    span = _span(t, st, ref)
    if span is None:
        return None
    if span.length is None:
        raise t.unsupported(
            "a for loop over an iterator without end",
            "room for what the loop keeps is made before it starts",
            "count in a while loop, or over a range that is long enough",
        )
    bounds = () if isinstance(span.length, Const) else (span.length,)
    return Rolled(const(0, "i8"), span.length, 1, span.at, not bounds, bounds, "k", span.table)


def _operand(x: Any) -> Operand:
    if isinstance(x, Static):
        return const(int(x.value), "i8")
    assert isinstance(x, Num)
    return x.operand


def _span(t: Tracer, st: State, ref: Ref) -> Span | None:
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if _repeats(st, ref, set()):
        return None
    if ref.id in t.lists_around:
        raise NeedStatic((), "an iterator made before a loop is taken from in it", t.b.loc)
    if box.position and box.kind in ("range", "counting", "items", "list", "array", "growing", "count"):
        gone = const(box.position, "i8")
        whole = _span(t, st, st.new(replace(box, position=0)))
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
            assert isinstance(grown, Growing) and isinstance(grown.length, Num)
            walked = box.parts[0]
            return Span(grown.length.operand, lambda t, st, k: growing.get_item(t, st, st.box(walked), k))  # type: ignore[arg-type]
        case "zip":
            spans = [_span(t, st, p) for p in box.parts if isinstance(p, Ref)]
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
            s = _span(t, st, inner)
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
            spans = [_span(t, st, p) for p in iterators if isinstance(p, Ref)]
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
    return t.b.op("max", count, zero)
