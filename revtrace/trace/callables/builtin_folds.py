"""``max``, ``min``, ``sum``, ``all`` and ``any``: an iterable made one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from revtrace.decode.table import COMPENSATED_SUMS
from revtrace.program.nodes import Const, Operand
from revtrace.program.types import BOOL, Scalar
from revtrace.rules.runtime import sum_error, with_error
from revtrace.trace import comparisons, kinds, numbers, operators
from revtrace.trace.callables.builtin_functions import is_generator
from revtrace.trace.callables.functions import Args, Kwargs, on
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.elementwise import as_float
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import Growing, IterBox, Numbers, State
from revtrace.trace.values import NONE, Maybe, Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def _extreme(t: Tracer, st: State, args: Args, kwargs: Kwargs, name: str) -> Any:
    key = t.use(kwargs.get("key", NONE))
    default = kwargs.get("default")
    symbol = ">" if name == "max" else "<"

    plain = isinstance(key, Static) and key.value is None

    def ranked(state: State, x: Any) -> Any:
        """Return an item beside its rank, for which a key is asked once."""
        if plain:
            return x
        from revtrace.trace.callables.calls import call

        return Tup((call(t, state, key, (x,), {}), x))

    def better(state: State, best: Any, x: Any) -> Any:
        return best_of(state, best, ranked(state, x))

    def best_of(state: State, best: Any, x: Any) -> Any:
        if isinstance(best, Static) and best.value is None:
            return x
        if isinstance(best, Maybe):
            return choose(t, best.flag, best_of(state, best.value, x), x)
        if plain and is_numeric(best) and is_numeric(x) and not (isinstance(best, Static) and isinstance(x, Static)):
            return two(t, name, best, x)
        ranks = (x, best) if plain else (x.items[0], best.items[0])
        wins = comparisons.truth(t, state, comparisons.compare(t, state, symbol, *ranks))
        if isinstance(wins, Static):
            return x if wins.value else best
        return choose(t, wins.operand, x, best)

    def unranked(found: Any) -> Any:
        return found if plain else found.items[1]

    if len(args) == 1:
        source = t.use(args[0])
        if is_generator(st, source):
            from revtrace.trace.callables.running import fold_generator

            found = fold_generator(t, st, source, NONE, better)
        elif plain and (
            arrays.is_array(source)
            or (isinstance(source, Ref) and isinstance(getattr(st.box(source), "form", None), Numbers))
        ):
            from revtrace.trace.ndarray.convert import as_array
            from revtrace.trace.numpy.extremes import extreme

            count = containers.as_static(t, st, containers.length(t, st, source))
            if default is not None and not isinstance(count, Static):
                return _extreme_if_any(t, st, source, name, default)
            found = extreme(t, as_array(t, source, st), None, False, name, python=True)
            box = st.box(source) if isinstance(source, Ref) else None
            return Num(found.operand, box.weak) if isinstance(box, Growing) else found
        else:
            found = NONE
            items = containers.items_of(t, st, source)
            if not items and default is not None:
                return default
            for item in items:
                found = better(st, found, item)
        if isinstance(found, Static) and found.value is None:
            if default is not None:
                return default
            raise PythonRaise(ValueError(f"{name}() iterable argument is empty"))
        if isinstance(found, Maybe) and default is not None:
            return choose(t, found.flag, unranked(found.value), t.use(default))
        return unranked(t.use(found))
    found = ranked(st, t.use(args[0]))
    for x in args[1:]:
        found = better(st, found, t.use(x))
    return unranked(found)


def _extreme_if_any(t: Tracer, st: State, source: Any, name: str, default: Any) -> Any:
    """The largest or least of numbers of which there may be none."""

    def better(state: State, acc: Any, x: Any) -> Any:
        some, best = acc.items
        return Tup((Static(True), x if isinstance(some, Static) else choose(t, some.operand, two(t, name, best, x), x)))

    some, best = fold(t, st, source, Tup((Static(False), Static(0))), better).items
    return choose(t, numbers.as_num(t, some).operand, best, t.use(default))


def two(t: Tracer, name: str, a: Any, b: Any) -> Any:
    """Python's max and min: the first of equals, and of the type of the one returned."""
    x, y = numbers.as_num(t, a), numbers.as_num(t, b)
    left, right, dtype, weak = numbers.promote(t, x, y)
    if dtype == "b1":
        dtype = "i8"
        left, right = t.b.cast(left, dtype), t.b.cast(right, dtype)
    elif dtype == "f4" and "f8" in (x.dtype, y.dtype):
        # Nothing is computed, so that a float that is the one returned is not rounded.
        dtype = "f8"
        left, right = t.b.cast(x.operand, dtype), t.b.cast(y.operand, dtype)
    found = t.b.op(name, left, right, type=Scalar(dtype))
    if x.dtype != y.dtype and t.kinds is not None:
        numbers.note_kind(t, found, t.b.compare("gt" if name == "max" else "lt", right, left), y, x)
    return Num(found, weak)


def choose(t: Tracer, flag: Any, a: Any, b: Any) -> Any:
    """Return one of two values by a flag, item by item where they are tuples."""
    if is_numeric(a) and is_numeric(b):
        return numbers.select(t, flag, a, b)
    if isinstance(a, Tup) and isinstance(b, Tup) and len(a.items) == len(b.items) and a.cls is b.cls:
        return Tup(tuple(choose(t, flag, x, y) for x, y in zip(a.items, b.items, strict=True)), a.cls)
    from revtrace.trace.sameness import same

    if same(a, b):
        return a
    return a if t.pins.known(t, flag, "which of several things of different kinds is chosen").value else b


@on(max)
def _max(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _extreme(t, st, args, kwargs, "max")


@on(min)
def _min(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _extreme(t, st, args, kwargs, "min")


@on(sum)
def _sum(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    start = args[1] if len(args) > 1 else kwargs.get("start", Static(0))
    compensated = "f" in COMPENSATED_SUMS

    def add(state: State, acc: Any, x: Any) -> Any:
        so_far, low = acc.items
        if compensated and _float(so_far) and _float(x):
            return Tup((operators.binary(t, state, "+", so_far, x), _plus(t, low, _error(t, so_far, x))))
        if not (is_weak_number(so_far) and is_weak_number(x)):
            # Whatever else is added, Python leaves the sum of floats for good.
            so_far, low = _with_error(t, so_far, low), Static(0.0)
        found = operators.binary(t, state, "+", so_far, x)
        return Tup((arrays.settle(t, found) if arrays.is_array(found) else found, low))

    return _with_error(t, *fold(t, st, t.use(args[0]), Tup((start, Static(0.0))), add).items)


def exact_sum(t: Tracer, st: State, source: Any) -> Any:
    """``math.fsum``: the rounding errors are added up with their own rounding errors."""

    def add(state: State, acc: Any, x: Any) -> Any:
        total, low, lower = acc.items
        number = as_float(t, state, t.use(x))
        error = _error(t, total, number)
        return Tup(
            (numbers.binary(t, "+", total, number), _plus(t, low, error), _plus(t, lower, _error(t, low, error)))
        )

    total, low, lower = fold(t, st, source, Tup((Static(0.0),) * 3), add).items
    return _with_error(t, total, numbers.binary(t, "+", low, lower))


def is_weak_number(x: Any) -> bool:
    """Whether a value is one of Python's own numbers."""
    return is_numeric(x) and kinds.is_weak(x)


def _float(x: Any) -> bool:
    return is_weak_number(x) and (x.dtype == "f8" if isinstance(x, Num) else type(x.value) is float)


def _error(t: Tracer, x: Any, y: Any) -> Any:
    """Append what rounding takes from the sum of two floats."""
    if isinstance(x, Static) and (isinstance(y, Static) or x.value == 0):
        return Static(sum_error(x.value, y.value)) if isinstance(y, Static) else Static(0.0)
    a, b = numbers.as_num(t, x).operand, numbers.as_num(t, y).operand
    return Num(t.b.op("sum_error", t.b.cast(a, "f8"), t.b.cast(b, "f8")), True)


def _plus(t: Tracer, low: Any, error: Any) -> Any:
    if isinstance(low, Static) and low.value == 0:
        return error
    return numbers.binary(t, "+", low, error)


def _with_error(t: Tracer, total: Any, low: Any) -> Any:
    """Add the rounding errors of a sum to it, where they mean something."""
    if isinstance(low, Static) and isinstance(total, Static):
        return Static(with_error(total.value, low.value)) if low.value else total
    if isinstance(low, Static) and low.value == 0:
        return total
    more = numbers.binary(t, "+", total, low)
    fine = t.b.op("isfinite", numbers.as_num(t, low).operand, type=BOOL)
    return numbers.select(t, fine, more, total)


def fold(t: Tracer, st: State, source: Any, init: Any, combine: Any) -> Any:
    """Fold an iterable into one value or tuple, with a loop where its length is known only when running."""
    from revtrace.trace.callables.running import fold_generator
    from revtrace.trace.ndarray.convert import as_array
    from revtrace.trace.objects.iterators import used_up
    from revtrace.trace.objects.rolling import Span

    if is_generator(st, source):
        return fold_generator(t, st, source, init, combine)
    box = st.box(source) if isinstance(source, Ref) else None
    grown = isinstance(box, Growing) and isinstance(box.form, Numbers)
    if grown or (arrays.is_array(source) and source.ndim == 1):
        view, weak = (box.buffer, box.weak) if isinstance(box, Growing) else (as_array(t, source, st), False)
        assert isinstance(view, View)
        length = box.length.operand if isinstance(box, Growing) and isinstance(box.length, Num) else view.shape[0]
        span = Span(length, lambda t, st, k: Num(arrays.load_at(t, view, (k,)), weak))
        found = _fold_span(t, st, span, init, combine)
        return _fold_each(t, st, source, init, combine) if found is None else found
    if isinstance(box, IterBox) and isinstance(source, Ref):
        rolled = _span_of(t, st, source)
        if rolled is not None:
            found = _fold_span(t, st, rolled, init, combine)
            if found is None:
                return _fold_each(t, st, source, init, combine)
            used_up(st, source)
            return found
    acc = init
    for item in containers.items_of(t, st, source):
        acc = combine(st, acc, item)
    return acc


def _span_of(t: Tracer, st: State, ref: Ref) -> Any:
    from revtrace.trace.objects.rolling import span_of

    span = span_of(t, st, ref)
    return span if span is not None and not isinstance(span.length, Const) else None


def _fold_each(t: Tracer, st: State, source: Any, init: Any, combine: Any) -> Any:
    """Fold items by a loop in which what they are computed by may change anything."""
    from revtrace.trace.callables.running import fold_generator
    from revtrace.trace.definitions.iterating import each
    from revtrace.trace.definitions.register import traced

    return fold_generator(t, st, traced(t, st, each, (source,), {}), init, combine)


class _NotNumbersError(Exception):
    """What is folded into is no number, nor a tuple of as many as before."""


def _fold_span(t: Tracer, st: State, span: Any, init: Any, combine: Any) -> Any:
    """Fold items given as a function of an index into numbers; None where computing one changes something.

    The first rounds find the types of the result's parts.  None also where the result is something else than numbers.
    """

    def parts(acc: Any) -> list[Num]:
        found = acc.items if isinstance(acc, Tup) else (acc,)
        if not all(is_numeric(x) and not arrays.is_array(x) for x in found) or isinstance(acc, Tup) != many:
            raise _NotNumbersError
        return [numbers.as_num(t, x) for x in found]

    def whole(values: Sequence[Operand], kinds: Sequence[tuple[str, bool]]) -> Any:
        found = tuple(Num(v, weak) for v, (_, weak) in zip(values, kinds, strict=True))
        return Tup(found) if many else found[0]

    if isinstance(init, Static) and isinstance(init.value, tuple):
        init = Tup(tuple(Static(x) for x in init.value))
    many = isinstance(init, Tup)
    saved = t.save()
    try:
        kinds = [(x.dtype, x.weak) for x in parts(init)]
    except _NotNumbersError:
        return None
    for _ in range(4):
        found: list[tuple[str, bool]] = []
        inner = st.fork()

        def body(ix: Any, values: Any, kinds: Any = tuple(kinds), found: Any = found, inner: Any = inner) -> Any:
            out = parts(combine(inner, whole(values, kinds), span.at(t, inner, ix[0])))
            found += [numbers.promoted((x.dtype, x.weak), kind) for x, kind in zip(out, kinds, strict=True)]
            return [t.b.cast(x.operand, dtype) for x, (dtype, _) in zip(out, kinds, strict=True)]

        first = [t.b.cast(x.operand, dtype) for x, (dtype, _) in zip(parts(init), kinds, strict=True)]
        try:
            outs = arrays.reduce(t, (span.length,), first, body)
        except _NotNumbersError:
            t.restore(saved)
            return None
        if any(inner.heap[id] is not box for id, box in st.heap.items()):
            t.restore(saved)
            return None
        if found == kinds:
            return whole(outs, kinds)
        t.restore(saved)
        kinds = found
    raise t.unsupported(
        "a sum whose type does not settle",
        "what is added turns the sum into another kind of value each time",
        "write the loop",
    )


def _all_any(t: Tracer, st: State, args: Args, stop_on: bool) -> Any:
    source = t.use(args[0])
    if isinstance(source, Ref) and isinstance(st.box(source), IterBox):
        # What comes after the item that decides is not computed, and left to others.
        from revtrace.trace.definitions.iterating import found_out
        from revtrace.trace.definitions.register import traced

        return traced(t, st, found_out, (source, Static(stop_on)), {})

    def combine(state: State, acc: Any, x: Any) -> Any:
        flag = comparisons.truth(t, state, x)
        return comparisons.either(t, acc, flag) if stop_on else comparisons.both(t, acc, flag)

    return fold(t, st, t.use(args[0]), Static(not stop_on), combine)


@on(all)
def _all(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _all_any(t, st, args, False)


@on(any)
def _any(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _all_any(t, st, args, True)
