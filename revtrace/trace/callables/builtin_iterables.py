"""Built-in functions that make iterables and containers, and those of ``itertools``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, const
from revtrace.trace import comparisons, numbers
from revtrace.trace.callables.builtin_functions import is_generator
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on
from revtrace.trace.definitions import iterating
from revtrace.trace.definitions.register import traced
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.objects import containers, growing
from revtrace.trace.objects.iterators import iterate, taken
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, Numbers, ObjectBox, SetBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


MOST_TUPLES = 50_000


@on(range)
def _range(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    ends = [t.use(a) for a in args]
    operands = [numbers.integer(t, e) for e in ends]
    if all(isinstance(x, Const) for x in operands):
        try:
            return Static(range(*(int(x.value) for x in operands)))  # type: ignore[union-attr,arg-type]
        except ValueError as error:
            raise PythonRaise(error) from None
    values: list[Any] = [Static(x.value) if isinstance(x, Const) else Num(x, True) for x in operands]
    if len(values) == 1:
        values.insert(0, Static(0))
    if len(values) == 2:
        values.append(Static(1))
    if isinstance(values[2], Static) and values[2].value == 0:
        raise PythonRaise(ValueError("range() arg 3 must not be zero"))
    return st.new(IterBox("range", tuple(values)))


@on(enumerate)
def _enumerate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    start = args[1] if len(args) > 1 else kwargs.get("start", Static(0))
    return st.new(IterBox("enumerate", (taken(t, st, args[0]), start)))


@on(zip)
def _zip(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    parts = tuple(taken(t, st, a) for a in args)
    strict = kwargs.get("strict")
    if isinstance(strict, Static) and strict.value:
        lengths = [containers.length(t, st, a) for a in args]
        for n in lengths[1:]:
            arrays.agree(t, numbers.integer(t, lengths[0]), numbers.integer(t, n))
    return st.new(IterBox("zip", parts))


@on(map)
def _map(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return st.new(IterBox("map", (args[0], *(taken(t, st, a) for a in args[1:]))))


@on(filter)
def _filter(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return run_early(t, st, args, lambda: iterate(t, st, Tup(tuple(_kept(t, st, *args)))), iterating.kept, {})


def run_early(
    t: Tracer, st: State, given: Args, take: Callable[[], Any], definition: Callable[..., Any], kwargs: Kwargs
) -> Any:
    """Return an iterator whose items are computed here, before they are asked for.

    Where that changes something, or a loop has been found to leave or change what they are computed from, they are
    computed one by one instead, by a definition in plain Python.
    """
    from revtrace.trace.steps.suspended import Shared

    shared = Shared(t, st, *given, *kwargs.values())
    if shared.place not in t.unroll:
        saved, before = t.save(), dict(st.heap)
        walked = take()
        if not shared.ran(st):
            if isinstance(walked, Ref):
                t.early[walked.id] = shared
            return walked
        t.restore(saved)
        st.heap = before
        t.current = st
    return traced(t, st, definition, given, kwargs)


def _kept(t: Tracer, st: State, test: Any, source: Any) -> list[Any]:
    from revtrace.trace.callables.calls import call

    out = []
    for item in containers.items_of(t, st, source):
        keep = item if isinstance(test, Static) and test.value is None else call(t, st, test, (item,), {})
        flag = comparisons.truth(t, st, keep)
        if not isinstance(flag, Static):
            flag = Static(t.pins.known(t, flag.operand, "how many items a filter keeps must be known").value)
        if flag.value:
            out.append(item)
    return out


@on(reversed)
def _reversed(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    source = t.use(args[0])
    if isinstance(source, Static) and isinstance(source.value, range):
        return iterate(t, st, Static(source.value[::-1]))
    if arrays.is_array(source):
        return iterate(t, st, subscripts.subscript(t, source, Static(slice(None, None, -1))))
    if isinstance(source, Ref) and isinstance(st.box(source), IterBox) and st.box(source).kind == "range":  # type: ignore[union-attr]
        from revtrace.trace.objects.rolling import range_length

        parts = st.box(source).parts  # type: ignore[union-attr]
        start, stop, step = (numbers.integer(t, p) for p in parts)
        count = range_length(t, start, stop, step)
        before = numbers.fold(t, "sub", count, const(1, "i8"), "i8")
        last = numbers.fold(t, "add", start, numbers.fold(t, "mul", before, step, "i8"), "i8")
        end = numbers.fold(t, "sub", start, step, "i8")
        back: Any = Static(-step.value) if isinstance(step, Const) else Num(t.b.op("neg", step), True)
        return st.new(IterBox("range", (_number(last), _number(end), back)))
    if isinstance(source, Ref) and isinstance(st.box(source), Growing):
        listed = st.box(source)
        assert isinstance(listed, Growing)
        return iterate(t, st, growing.slice_of(t, st, listed, Static(slice(None, None, -1))))
    return iterate(t, st, Tup(tuple(containers.items_of(t, st, source))[::-1]))


def _number(x: Any) -> Any:
    return Static(x.value) if isinstance(x, Const) else Num(x, True)


@on(iter)
def _iter(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) == 2:
        return traced(t, st, iterating.until, args, {})
    made = iterate(t, st, args[0])
    box = st.box(made)
    # An instance that gives its own items stays what it is.
    return box.parts[0] if isinstance(box, IterBox) and box.kind == "object" else made


@on(next)
def _next(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.objects.stepping import advance
    from revtrace.trace.steps.suspended import run_before

    ref = t.use(args[0])
    if isinstance(ref, Ref) and isinstance(st.box(ref), ObjectBox):
        ref = st.new(IterBox("object", (ref,)))
    if isinstance(ref, Ref):
        for shared in run_before(t, st, ref):
            shared.left(st, shared.place)
    item = advance(t, st, ref)
    if item is None:
        if len(args) > 1:
            return args[1]
        raise PythonRaise(StopIteration())
    return item


@method_handler("generator", "__next__")
def _generator_next(t: Tracer, st: State, self: Ref) -> Any:
    return _next(t, st, (self,), {}, None)


@method_handler("generator", "send")
def _send(t: Tracer, st: State, self: Ref, value: Any) -> Any:
    from revtrace.trace.steps.suspended import resume, suspend

    if is_generator(st, self):
        suspend(st, self)
    item = resume(t, st, self, value)
    if item is None:
        raise PythonRaise(StopIteration())
    return item


@method_handler("generator", "throw")
def _throw(t: Tracer, st: State, self: Ref, error: Any, *older: Any) -> Any:
    from revtrace.trace.steps.exceptions import instance_of, signal_of
    from revtrace.trace.steps.suspended import resume, suspend

    if is_generator(st, self):
        suspend(st, self)
    # Before Python 3.12: type, value, traceback.
    given = older[0] if older and older[0] is not NONE else error
    item = resume(t, st, self, thrown=signal_of(st, instance_of(t, st, given)))
    if item is None:
        raise PythonRaise(StopIteration())
    return item


@method_handler("generator", "close")
def _close(t: Tracer, st: State, self: Ref) -> Any:
    from revtrace.trace.steps.suspended import ended, resume

    box = st.box(self)
    if isinstance(box, IterBox) and box.kind == "suspended":
        try:
            item = resume(t, st, self, thrown=PythonRaise(GeneratorExit()))
        except PythonRaise as left:
            if not isinstance(left.error, (GeneratorExit, StopIteration)):
                raise
        else:
            if item is not None:
                raise PythonRaise(RuntimeError("generator ignored GeneratorExit"))
    st.set(self, ended())
    return NONE


@on(list)
def _list(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return st.new(ListBox(()))
    source = t.use(args[0])
    if is_generator(st, source):
        from revtrace.trace.callables.running import collect

        return collect(t, st, source)
    if isinstance(source, Ref) and isinstance(st.box(source), Growing):
        box = st.box(source)
        assert isinstance(box, Growing)
        return growing.slice_of(t, st, box, Static(slice(None)))
    if arrays.is_array(source) and source.ndim == 1 and not isinstance(source.shape[0], Const):
        view = arrays.copy_of(t, source)
        return st.new(Growing(view, Num(view.shape[0], True), Numbers(view.dtype, False)))
    return st.new(ListBox(tuple(containers.items_of(t, st, source))))


@on(tuple)
def _tuple(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Tup(tuple(containers.items_of(t, st, args[0]))) if args else Tup(())


@on(set)
def _set(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return containers.make_set(t, st, containers.items_of(t, st, args[0]) if args else [])


@on(frozenset)
def _frozenset(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    box = st.box(_set(t, st, args, kwargs, fr))
    assert isinstance(box, SetBox)
    return Static(box.items)


@on(dict)
def _dict(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    made = st.new(DictBox(()))
    if args:
        containers.update(t, st, made, args[0])
    for k, v in kwargs.items():
        st.set_item(made, k, v)
    return made


@on(slice)
def _slice(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.values import Slice

    parts = list(args)
    if len(parts) == 1:
        parts.insert(0, NONE)
    if len(parts) == 2:
        parts.append(NONE)
    if all(isinstance(p, Static) for p in parts):
        return Static(slice(*(p.value for p in parts)))
    return Slice(*parts)


def unknown_length(t: Tracer, st: State, value: Any) -> bool:
    """Whether an array or list has so many items as only a run knows."""
    value = t.use(value)
    if isinstance(value, Ref):
        return isinstance(st.box(value), Growing)
    return arrays.is_array(value) and value.ndim > 0 and not isinstance(value.shape[0], Const)


@on(itertools.product)
def _product(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    repeat = containers.as_known_int(t, kwargs.get("repeat", Static(1)))
    if len(args) * repeat == 2 and any(unknown_length(t, st, a) for a in args):
        return traced(t, st, iterating.products, args * repeat, {})
    parts = [containers.items_of(t, st, a) for a in args] * repeat
    return iterate(t, st, _listed(t, itertools.product(*parts), "itertools.product"))


def _listed(t: Tracer, found: Iterable[tuple[Any, ...]], name: str) -> Tup:
    """List what an iterator of ``itertools`` gives, of which there may be more than memory holds."""
    items = tuple(Tup(x) for x in itertools.islice(found, MOST_TUPLES + 1))
    if len(items) > MOST_TUPLES:
        raise t.unsupported(
            f"{name} of more than {MOST_TUPLES} tuples",
            "each of them is recorded on its own",
            "write loops over the indices instead",
        )
    return Tup(items)


def _itertools() -> None:
    for f in (itertools.combinations, itertools.permutations, itertools.combinations_with_replacement):

        def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, f: Any = f) -> Any:
            more = [containers.as_known_int(t, a) for a in args[1:]]
            if f is itertools.combinations and more == [2] and unknown_length(t, st, args[0]):
                return traced(t, st, iterating.pairs, args[:1], {})
            items = containers.items_of(t, st, args[0])
            return iterate(t, st, _listed(t, f(items, *more), f"itertools.{f.__name__}"))

        on(f)(handler)

    def chain(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        def take() -> Any:
            return iterate(t, st, Tup(tuple(x for a in args for x in containers.items_of(t, st, a))))

        return run_early(t, st, (Tup(args),), take, iterating.chained, {})

    on(itertools.chain)(chain)


_itertools()
