"""Functions of ``itertools`` that take items one by one."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any

from revtrace.trace.callables.builtin_iterables import run_early, unknown_length
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.comparisons import compare, truth
from revtrace.trace.definitions import iterating
from revtrace.trace.definitions.register import traced
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.objects import containers, indexing
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.objects.stepping import advance
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import IterBox, State
from revtrace.trace.values import NONE, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


@on(itertools.accumulate)
def _accumulate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    source, *rest = args
    function = rest[0] if rest else kwargs.get("func", NONE)
    if isinstance(function, Static) and function.value is None:
        function = Static(operator.add)
    if unknown_length(t, st, source):
        return traced(t, st, iterating.accumulated, (source, function, kwargs.get("initial", NONE)), {})

    def take() -> Any:
        found: list[Any] = []
        items = containers.items_of(t, st, source)
        if "initial" in kwargs and kwargs["initial"] is not NONE:
            items = [kwargs["initial"], *items]
        for item in items:
            found.append(call(t, st, function, (found[-1], item), {}) if found else item)
        return iterate(t, st, Tup(tuple(found)))

    given = (source, function, kwargs.get("initial", NONE))
    return run_early(t, st, given, take, iterating.accumulated_one_by_one, {})


@on(itertools.pairwise)
def _pairwise(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if unknown_length(t, st, args[0]):
        from revtrace.trace.callables.calls import call

        rest = indexing.get_item(t, st, args[0], Static(slice(1, None)))
        return call(t, st, Static(zip), (args[0], rest), {})

    def take() -> Any:
        items = containers.items_of(t, st, args[0])
        return iterate(t, st, Tup(tuple(Tup(pair) for pair in itertools.pairwise(items))))

    return run_early(t, st, args, take, iterating.neighbours, kwargs)


@on(itertools.islice)
def _islice(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    ends = [None if is_none(a) else containers.as_known_int(t, a) for a in args[1:]]

    def take() -> Any:
        source = iterate(t, st, t.use(args[0]))
        items = iter(lambda: advance(t, st, source), None)
        return iterate(t, st, Tup(tuple(itertools.islice(items, *ends))))

    wanted = slice(*ends)
    parts = tuple(Static(end) for end in (wanted.start or 0, wanted.stop, wanted.step or 1))
    return run_early(t, st, (args[0], *parts), take, iterating.sliced, kwargs)


@on(itertools.tee)
def _tee(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    count = containers.as_known_int(t, args[1]) if len(args) > 1 else 2
    items = Tup(tuple(containers.items_of(t, st, args[0])))
    return Tup(tuple(iterate(t, st, items) for _ in range(count)))


@on(itertools.starmap)
def _starmap(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    def take() -> Any:
        items = containers.items_of(t, st, args[1])
        found = [call(t, st, args[0], tuple(containers.items_of(t, st, item)), {}) for item in items]
        return iterate(t, st, Tup(tuple(found)))

    return run_early(t, st, args, take, iterating.called_with, kwargs)


@on(itertools.zip_longest)
def _zip_longest(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    fill = kwargs.get("fillvalue", NONE)

    def take() -> Any:
        parts = [containers.items_of(t, st, a) for a in args]
        rows = itertools.zip_longest(*parts, fillvalue=fill)
        return iterate(t, st, Tup(tuple(Tup(tuple(row)) for row in rows)))

    return run_early(t, st, (fill, *args), take, iterating.filled_up, {})


@on(itertools.repeat)
def _repeat(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    times = args[1] if len(args) > 1 else kwargs.get("times")
    if times is None:
        return st.new(IterBox("cycle", (args[0],)))
    return iterate(t, st, Tup((args[0],) * containers.as_known_int(t, times)))


@on(itertools.cycle)
def _cycle(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    items = containers.items_of(t, st, args[0])
    return st.new(IterBox("cycle", tuple(items))) if items else iterate(t, st, Tup(()))


@on(itertools.count)
def _count(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    first, by = signature(start=Static(0), step=Static(1))(args, kwargs)
    return st.new(IterBox("count", (first, by)))


def _decided(t: Tracer, st: State, function: Any, item: Any) -> bool:
    """Whether a predicate holds of an item, which must be known."""
    from revtrace.trace.callables.calls import call

    flag = truth(t, st, item if is_none(function) else call(t, st, function, (item,), {}))
    if not isinstance(flag, Static):
        return bool(t.pins.known(t, flag.operand, "how many items are taken must be known").value)
    return bool(flag.value)


def _chosen(function: Any, definition: Any) -> None:
    """Enter a function that gives those of some items of which a predicate holds, or does not."""

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        def take() -> Any:
            source = iterate(t, st, t.use(args[1]))
            items = iter(lambda: advance(t, st, source), None)
            return iterate(t, st, Tup(tuple(function(lambda item: _decided(t, st, args[0], item), items))))

        return run_early(t, st, args, take, definition, kwargs)

    on(function)(handler)


_chosen(itertools.dropwhile, iterating.after_first)
_chosen(itertools.filterfalse, iterating.not_kept)
_chosen(itertools.takewhile, iterating.before_first)


@on(itertools.compress)
def _compress(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    def take() -> Any:
        items, flags = (containers.items_of(t, st, a) for a in args)
        chosen = (x for x, f in zip(items, flags, strict=False) if _decided(t, st, NONE, f))
        return iterate(t, st, Tup(tuple(chosen)))

    return run_early(t, st, args, take, iterating.flagged, kwargs)


@on(itertools.groupby)
def _groupby(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    source, key = signature("iterable", key=NONE)(args, kwargs)
    groups: list[tuple[Any, list[Any]]] = []
    for item in containers.items_of(t, st, source):
        rank = item if is_none(key) else call(t, st, key, (item,), {})
        same = truth(t, st, compare(t, st, "==", rank, groups[-1][0])) if groups else Static(False)
        if not isinstance(same, Static):
            raise NeedStatic((same.operand,), "which items are grouped must be known", t.b.loc)
        if not same.value:
            groups.append((rank, []))
        groups[-1][1].append(item)
    return iterate(t, st, Tup(tuple(Tup((rank, iterate(t, st, Tup(tuple(items))))) for rank, items in groups)))


@on(itertools.chain.from_iterable)
def _chain(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    def take() -> Any:
        parts = [containers.items_of(t, st, part) for part in containers.items_of(t, st, args[0])]
        return iterate(t, st, Tup(tuple(x for part in parts for x in part)))

    return run_early(t, st, args, take, iterating.chained, kwargs)
