"""numpy functions written out as loops: convolve, pad, running extremes, vectorize; and refusals by name."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on, refused, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number, dtype_argument
from revtrace.trace.objects import containers
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, Tup, Vectorized, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["call_vectorized"]

_NARROW = ("i1", "i2", "i4", "u1", "u2", "u4", "u8", "f4", "c8")

ZERO, ONE = const(0, "i8"), const(1, "i8")


@on(np.convolve, np.correlate)
def _unused(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _slider(flip: bool, default: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, v, mode = signature("a", "v", mode=Static(default))(args, kwargs)
        x, y = (arrays.settle(t, as_array(t, w, st)) for w in (a, v))
        if x.ndim > 1 or y.ndim > 1:
            raise PythonRaise(ValueError("object too deep for desired array"))
        x, y = (w if w.ndim else subscripts.new_axis(w, 0) for w in (x, y))
        n, m = x.shape[0], y.shape[0]
        for length, name in ((n, "a"), (m, "v")):
            if isinstance(length, Const):
                if length.value == 0:
                    raise PythonRaise(ValueError(f"{name} cannot be empty"))
            else:
                t.check(t.b.compare("gt", length, const(0, "i8")), "ValueError")
        if any(isinstance(k, Const) and k.value == 0 for k in (n, m)):
            raise PythonRaise(ValueError("an argument cannot be empty"))
        if mode.value != "full":
            why = f"the lengths of arrays convolved with mode={mode.value!r} must be known"
            n, m = t.pins.all_known(t, (n, m), why)
        if mode.value == "full":
            first, length = ZERO, numbers.fold(t, "sub", numbers.fold(t, "add", n, m, "i8"), ONE, "i8")
        else:
            lengths = [int(w.value) for w in (n, m)]  # type: ignore[union-attr, arg-type]
            longer, shorter = max(lengths), min(lengths)
            same = mode.value == "same"
            first = const((shorter - 1) // 2 if same else shorter - 1, "i8")
            length = const(longer if same else longer - shorter + 1, "i8")
        kind = numbers.promoted((x.dtype, False), (y.dtype, False))[0]
        out = arrays.new_array(t, kind, (length,))
        last = numbers.fold(t, "sub", m, ONE, "i8")

        def one(ix: tuple[Operand, ...]) -> None:
            k = numbers.fold(t, "add", ix[0], first, "i8")

            # x[i] meets y[k - i]: only the i for which that exists.
            def body(jx: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
                i = numbers.fold(t, "add", low, jx[0], "i8")
                j = numbers.fold(t, "sub", k, i, "i8")
                j = j if flip else numbers.fold(t, "sub", last, j, "i8")
                p, q = (
                    t.b.cast(arrays.element(t, x, (i,)).operand, kind),
                    t.b.cast(arrays.element(t, y, (j,)).operand, kind),
                )
                if not flip and kind[0] == "c":
                    q = t.b.op("conj", q)
                return [t.b.op("add", values[0], t.b.op("mul", p, q))]

            low = t.b.op("max", numbers.fold(t, "sub", k, last, "i8"), ZERO)
            end = t.b.op("min", numbers.fold(t, "add", k, ONE, "i8"), n)
            count = t.b.op("max", numbers.fold(t, "sub", end, low, "i8"), ZERO)
            (total,) = arrays.reduce(t, (count,), (const(0, kind),), body)
            arrays.store_at(t, out, ix, total)

        arrays.for_each(t, (length,), one)
        return out

    return handler


on(np.convolve)(_slider(True, "full"))
on(np.correlate)(_slider(False, "valid"))


@on(np.may_share_memory, np.shares_memory)
def _may_share_memory(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b = (arrays.settle(t, as_array(t, x, st)) for x in args[:2])
    if a.root is b.root and not (a.whole and b.whole):
        raise t.unsupported(
            "whether two parts of an array overlap", "where numbers lie is not computed", "leave the question out"
        )
    return Static(arrays.may_overlap(t, a, b))


@on(np.fromiter)
def _fromiter(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    source, dtype, count = signature("iter", "dtype", count=Static(-1))(args, kwargs)
    most = containers.as_known_int(t, count)
    if most >= 0:
        source = call(t, st, Static(itertools.islice), (source, Static(most)), {})
    found = as_array(t, call(t, st, Static(list), (source,), {}), st, dtype_argument(t, dtype, "f8"))
    if most >= 0:
        arrays.agree(t, found.shape[0], const(most))
    return found


def _known_shape(t: Tracer, view: View) -> tuple[int, ...]:
    shape = t.pins.all_known(t, view.shape, "the array's shape must be known")
    return tuple(int(n.value) for n in shape)  # type: ignore[arg-type]


@on(np.ndenumerate)
def _ndenumerate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    view = arrays.settle(t, as_array(t, args[0], st))
    items = [
        Tup((Static(ix), arrays.element(t, view, tuple(const(i, "i8") for i in ix))))
        for ix in np.ndindex(_known_shape(t, view))
    ]
    return iterate(t, st, Tup(tuple(items)))


@on(np.ndindex)
def _ndindex(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.ndarray.convert import shape_argument

    sizes = shape_argument(t, st, args[0]) if len(args) == 1 else tuple(numbers.integer(t, a) for a in args)
    shape = tuple(int(n.value) for n in t.pins.all_known(t, sizes, "the sizes must be known"))  # type: ignore[arg-type]
    return iterate(t, st, Tup(tuple(Static(ix) for ix in np.ndindex(shape))))


@on(np.vectorize)
def _vectorize(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("pyfunc", otypes=NONE, doc=NONE, excluded=NONE, cache=NONE, signature=NONE)
    function, otypes, _, excluded, _, cores = bind(args, kwargs)
    left_out, types = (containers.as_static(t, st, t.use(v)) for v in (excluded, otypes))
    if not isinstance(left_out, Static) or not isinstance(types, Static):
        raise t.unsupported(
            "np.vectorize with settings that are computed", "they decide what is computed", "write the loop"
        )
    kinds = types.value if isinstance(types.value, str) else "".join(np.dtype(k).char for k in types.value or ())
    return Static(Vectorized(t.use(function), getattr(cores, "value", None), frozenset(left_out.value or ()), kinds))


def call_vectorized(t: Tracer, st: State, f: Vectorized | np.vectorize, args: Args, kwargs: Kwargs) -> Any:
    """Call ``np.vectorize(function)``: the function at each element or each part, in a loop."""
    from revtrace.trace.definitions.register import traced
    from revtrace.trace.definitions.windows import by_parts

    if isinstance(f, np.vectorize):
        f = Vectorized(Static(f.pyfunc), f.signature, frozenset(f.excluded or ()), f.otypes or "")
    if f.signature is not None:
        if f.excluded or kwargs:
            raise t.unsupported(
                "np.vectorize with a signature and excluded or keyword arguments", "it has no rule", "use a lambda"
            )
        takes, _, gives = f.signature.replace(" ", "").partition("->")
        if gives.count("(") != 1:
            raise t.unsupported("np.vectorize with several results", "it has no rule", "write the loop")
        cores = tuple(len([n for n in part.split(",") if n]) for part in takes.strip("()").split("),("))
        return traced(t, st, by_parts, (f.function, Static(cores), *args), {})
    return _of_elements(t, st, f, args, kwargs)


def _of_elements(t: Tracer, st: State, f: Vectorized, args: Args, kwargs: Kwargs) -> Any:
    """Call a function of numbers at each element; a result for each that it gives."""
    given: dict[Any, Any] = dict(enumerate(args))
    given.update(kwargs)
    varied = [k for k in given if k not in f.excluded]
    several: list[int] = []
    mixed: set[int] = set()
    around, kinds = t.kinds, dict[Operand, Operand]()
    t.kinds = kinds

    def one(place: int, *xs: Any) -> Any:
        return raw(place, *(_as_python(t, x) for x in xs))

    def raw(place: int, *xs: Any) -> Any:
        each = {**given, **dict(zip(varied, xs, strict=True))}
        named = {k: v for k, v in each.items() if k in kwargs}
        found = _at_an_element(t, st, f.function, tuple(each[k] for k in range(len(args))), named)
        if isinstance(found, Tup):
            several[:] = [len(found.items)]
            found = found.items[place]
        found = _number(t, found)
        if f.otypes:
            return Num(t.b.cast(found.operand, np.dtype(f.otypes[place]).str[1:]), False)
        mixed.update({place} if kinds.get(found.operand) is not None else ())
        return found

    values = [as_array_or_number(t, st, given[k]) for k in varied]
    sizes = [n for v in values if arrays.is_array(v) for n in v.shape]
    narrow = any(v.dtype in _NARROW for v in values if isinstance(v, Num) or arrays.is_array(v))
    for n in () if f.otypes else sizes:
        if not isinstance(n, Const):
            t.check(t.b.compare("gt", n, const(0, "i8")), "ValueError")
        elif n.value == 0:
            raise PythonRaise(ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set"))

    def result(place: int) -> Any:
        found = arrays.apply(t, functools.partial(one, place), values)
        found = arrays.settle(t, found) if arrays.is_array(found) else as_array(t, found, st)
        if place in mixed or (narrow and not f.otypes):
            return _as_the_first(t, found, kinds, functools.partial(raw, place), values)
        return found

    try:
        first = result(0)
        return Tup((first, *(result(k) for k in range(1, several[0])))) if several else first
    finally:
        t.kinds = around


def _as_python(t: Tracer, x: Any) -> Any:
    """Return a number as Python's: each element but the first comes to the function in an array of objects."""
    if not isinstance(x, Num):
        return x
    wide = {"f": "f8", "c": "c16", "i": "i8", "u": "i8", "b": "b1"}[x.dtype[0]]
    return x if x.dtype == "u8" else Num(t.b.cast(x.operand, wide), True)


def _as_the_first(t: Tracer, found: View, kinds: dict[Operand, Operand], one: Any, values: Any) -> View:
    """Give results the dtype of the first one, which is found by calling the function with NumPy's number."""
    zero = (const(0, "i8"),) * found.ndim
    items = (Num(arrays.at_broadcast(t, v, zero, found.shape), False) if arrays.is_array(v) else v for v in values)
    first = one(*items)
    kind = kinds.get(first.operand, const(np.dtype(first.dtype).num, "i8"))
    if not isinstance(kind, Const):
        kind = t.pins.known(t, kind, "the dtype of what np.vectorize gives is that of its first result (or set otypes)")
    chosen = next(k for k in ("b1", "i8", "f8", "c16", *_NARROW) if np.dtype(k).num == kind.value)
    if found.dtype[0] == "c" and chosen[0] != "c":
        raise t.unsupported(
            "np.vectorize of a function whose first result is real and others may be complex",
            "NumPy raises where one is complex",
            "set otypes=[complex]",
        )
    return found if chosen == found.dtype else arrays.materialise(t, found, chosen)


def _at_an_element(t: Tracer, st: State, function: Any, args: Args, kwargs: Kwargs) -> Any:
    """Call a function inside the loop over elements: what it makes stays there, and nothing else may change."""
    from revtrace.trace.callables.calls import call

    inner = st.fork()
    found = call(t, inner, function, args, kwargs)
    if any(inner.heap.get(k) is not box and inner.heap.get(k) != box for k, box in st.heap.items()):
        raise t.unsupported(
            "a function called for each element that changes what it does not make",
            "the order of the calls would matter",
            "write the loop",
        )
    return found


def _number(t: Tracer, value: Any) -> Num:
    """A result of a function of numbers, also as an array without axes."""
    if arrays.is_array(value) and value.ndim == 0:
        return Num(arrays.operand_at(t, value, ()), False)
    return numbers.as_num(t, value)


def elementwise_call(t: Tracer, st: State, function: Any, args: Args) -> Any:
    """Call a function of numbers at each element of arrays, in a loop."""
    values = [as_array_or_number(t, st, a) for a in args]
    found = arrays.apply(t, lambda *xs: _number(t, _at_an_element(t, st, function, xs, {})), values)
    return arrays.materialise(t, found) if arrays.is_array(found) else Num(numbers.as_num(t, found).operand, False)


@on(np.frompyfunc)
@refused
def _frompyfunc(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise t.unsupported(
        "calling np.frompyfunc",
        "revtrace has no rule for it",
        "use np.vectorize: its results are numbers, not objects",
    )


@method_handler("array", "setflags")
def _setflags(t: Tracer, st: State, self: Any, write: Any = NONE, align: Any = NONE, uic: Any = NONE) -> Any:
    said = [x.value if isinstance(x, Static) else True for x in (write, align, uic)]
    free = isinstance(self, View) and self.writeable == const(True)
    if said[1:] != [None, None] or said[0] is not None and not (said[0] and free):
        raise t.unsupported(
            "setting an array's flags", "all names of the array would see it", "leave it out, or take a copy (x.copy())"
        )
    return NONE


@method_handler("array", "dump", "dumps", "tobytes", "tofile", "byteswap", "newbyteorder", "__array_wrap__")
@refused
def _layout(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    raise t.unsupported(
        "a method about an array's memory", "how numbers lie in memory is no part of the program", "use np.asarray(x)"
    )
