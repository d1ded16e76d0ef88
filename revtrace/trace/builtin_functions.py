"""Python's built-in functions and the parts of ``math``, ``copy`` and ``typing`` that are not primitives."""

from __future__ import annotations

import cmath
import copy
import itertools
import logging
import typing
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.program.types import Scalar, real_dtype
from revtrace.trace import arrays, containers, growing, numbers, operators
from revtrace.trace.attributes import Super, get_attribute, set_attribute, store_field
from revtrace.trace.elementwise import as_float
from revtrace.trace.functions import on
from revtrace.trace.iterators import iterate
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, DictBox, Growing, IterBox, ListBox, Numbers, ObjectBox, SetBox, State
from revtrace.trace.texts import is_text, run_time_text
from revtrace.trace.values import NONE, Bound, Maybe, Num, Ref, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Frame, Tracer

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def _numeric(v: Any) -> bool:
    return isinstance(v, Num) or (isinstance(v, Static) and is_number(v.value))


def _is_generator(st: State, v: Any) -> bool:
    return isinstance(v, Ref) and isinstance(st.box(v), IterBox) and st.box(v).kind == "generator"  # type: ignore[union-attr]


# numbers ------------------------------------------------------------------------------------


@on(float)
def _float(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return Static(0.0)
    value = t.use(args[0])
    if isinstance(value, Static):
        try:
            return Static(float(value.value))
        except (TypeError, ValueError) as error:
            raise PythonRaise(error) from None
    return as_float(t, st, value)


def scalar_of(t: Tracer, st: State, value: Any) -> Num:
    """Return a number or an array of one element as a number."""
    value = t.use(value)
    if arrays.is_array(value):
        if value.ndim and not all(arrays._is_one(n) for n in value.shape):
            for n in value.shape:
                arrays.agree(t, n, const(1, "i8"))
        return Num(arrays.operand_at(t, value, (arrays.ZERO,) * value.ndim), False)
    return numbers.as_num(t, value)


@on(int)
def _int(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return Static(0)
    value = t.use(args[0])
    if isinstance(value, Static) or len(args) > 1:
        try:
            return Static(int(*(a.value for a in args)))
        except (TypeError, ValueError, OverflowError) as error:
            raise PythonRaise(error) from None
    number = scalar_of(t, st, value)
    if number.dtype[0] == "f":
        return numbers.whole(t, t.b.op("trunc", number.operand))
    if number.dtype[0] == "c":
        raise PythonRaise(TypeError("int() argument must be a real number, not 'complex'"))
    return Num(t.b.cast(number.operand, "i8"), True)


@on(bool)
def _bool(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return operators.truth(t, st, args[0]) if args else Static(False)


@on(complex)
def _complex(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    parts = [t.use(a) for a in (*args, *kwargs.values())]
    if all(isinstance(p, Static) for p in parts):
        return Static(complex(*(p.value for p in parts)))
    nums = [scalar_of(t, st, p) for p in parts]
    first = nums[0]
    if len(nums) == 1:
        return Num(t.b.cast(first.operand, "c16"), True)
    if any(n.dtype[0] == "c" for n in nums):
        unit = Num(const(1j, "c16"), True)
        return numbers.binary(t, "+", first, numbers.binary(t, "*", unit, nums[1]))
    real, imag = (t.b.cast(n.operand, "f8") for n in nums)
    return Num(t.b.op("complex", real, imag, type=Scalar("c16")), True)


@on(abs)
def _abs(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    if isinstance(value, Static) and is_number(value.value):
        return Static(abs(value.value))
    if isinstance(value, Ref):
        from revtrace.trace.calls import call_method

        return call_method(t, st, value, "__abs__", ())
    if arrays.is_array(value):
        from revtrace.trace.elementwise import ufunc

        return ufunc(t, st, "abs", (value,))
    number = numbers.as_num(t, value)
    if number.dtype == "b1":
        return Num(t.b.cast(number.operand, "i8"), True)
    if number.dtype == "i8" and number.weak:
        return Num(numbers.python_int(t, "abs", number.operand), True)
    return Num(t.b.op("abs", number.operand, type=Scalar(real_dtype(number.dtype))), number.weak)


@on(pow)
def _pow(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    args = (*args, *(kwargs[k] for k in ("base", "exp", "mod") if k in kwargs))
    if len(args) == 3 and not (isinstance(args[2], Static) and args[2].value is None):
        known = [containers.as_static(t, st, t.use(a)) for a in args]
        if all(isinstance(k, Static) for k in known):
            try:
                return Static(pow(*(k.value for k in known)))
            except (TypeError, ValueError) as error:
                raise PythonRaise(error) from None
        raise NeedStatic(
            tuple(a.operand for a in known if isinstance(a, Num)),
            "pow with a modulus needs integers known when tracing",
            t.b.loc,
        )
    args = args[:2]
    return operators.binary(t, st, "**", *args)


@on(divmod)
def _divmod(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Tup((operators.binary(t, st, "//", *args), operators.binary(t, st, "%", *args)))


@on(round)
def _round(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    digits = t.use(args[1] if len(args) > 1 else kwargs.get("ndigits", NONE))
    if isinstance(value, Static) and isinstance(digits, Static):
        return Static(round(value.value, digits.value) if digits.value is not None else round(value.value))
    if arrays.is_array(value):
        from revtrace.trace.array_functions import round_array

        return round_array(t, st, value, digits)
    number = numbers.as_num(t, value)
    if number.dtype[0] in "iub":
        return Num(t.b.cast(number.operand, "i8"), number.weak)
    if isinstance(digits, Static) and digits.value is None:
        return numbers.whole(t, t.b.op("rint", number.operand), soft=True)
    places = t.b.cast(numbers.as_num(t, digits).operand, number.dtype)
    return Num(t.b.op("round_digits", number.operand, places), number.weak)


@on(len)
def _len(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return containers.length(t, st, args[0])


def _extreme(t: Tracer, st: State, args: Args, kwargs: Kwargs, name: str) -> Any:
    key = t.use(kwargs.get("key", NONE))
    default = kwargs.get("default")
    symbol = ">" if name == "max" else "<"

    def rank(x: Any) -> Any:
        if isinstance(key, Static) and key.value is None:
            return x
        from revtrace.trace.calls import call

        return call(t, st, key, (x,), {})

    def better(state: State, best: Any, x: Any) -> Any:
        if isinstance(best, Static) and best.value is None:
            return x
        if isinstance(best, Maybe):
            inner = better(state, best.value, x)
            return numbers.select(t, best.flag, inner, x)
        plain = isinstance(key, Static) and key.value is None
        if plain and _numeric(best) and _numeric(x) and not (isinstance(best, Static) and isinstance(x, Static)):
            return _two(t, name, best, x)
        wins = operators.truth(t, state, operators.compare(t, state, symbol, rank(x), rank(best)))
        if isinstance(wins, Static):
            return x if wins.value else best
        return _choose(t, wins.operand, x, best)

    if len(args) == 1:
        source = t.use(args[0])
        by_itself = isinstance(key, Static) and key.value is None
        if _is_generator(st, source):
            from revtrace.trace.calls import fold_generator

            found = fold_generator(t, st, source, NONE, better)
        elif by_itself and (
            arrays.is_array(source)
            or (isinstance(source, Ref) and isinstance(getattr(st.box(source), "form", None), Numbers))
        ):
            from revtrace.trace.convert import as_array
            from revtrace.trace.reductions import extreme

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
        return t.use(found)
    found = t.use(args[0])
    for x in args[1:]:
        found = better(st, found, t.use(x))
    return found


def _two(t: Tracer, name: str, a: Any, b: Any) -> Any:
    """Python's max and min: the first of equals, and of the type of the one returned."""
    left, right, dtype, weak = numbers.promote(t, numbers.as_num(t, a), numbers.as_num(t, b))
    if dtype == "b1":
        dtype = "i8"
        left, right = t.b.cast(left, dtype), t.b.cast(right, dtype)
    return Num(t.b.op(name, left, right, type=Scalar(dtype)), weak)


def _choose(t: Tracer, flag: Any, a: Any, b: Any) -> Any:
    if _numeric(a) and _numeric(b):
        return numbers.select(t, flag, a, b)
    if isinstance(a, Tup) and isinstance(b, Tup) and len(a.items) == len(b.items) and a.cls is b.cls:
        return Tup(tuple(_choose(t, flag, x, y) for x, y in zip(a.items, b.items, strict=True)), a.cls)
    from revtrace.trace.join import same

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
    source = t.use(args[0])

    def add(state: State, acc: Any, x: Any) -> Any:
        found = operators.binary(t, state, "+", acc, x)
        return arrays.settle(t, found) if arrays.is_array(found) else found

    return fold(t, st, source, start, add)


def fold(t: Tracer, st: State, source: Any, init: Any, combine: Any) -> Any:
    """Fold an iterable into one value, with a loop where its length is known only when running."""
    from revtrace.trace.calls import fold_generator

    if _is_generator(st, source):
        return fold_generator(t, st, source, init, combine)
    listed = st.box(source) if isinstance(source, Ref) else None
    grown = isinstance(listed, Growing) and isinstance(listed.form, Numbers)
    if (arrays.is_array(source) and source.ndim == 1) or grown:
        from revtrace.trace.convert import as_array

        if grown:
            box = st.box(source)
            assert isinstance(box, Growing) and isinstance(box.buffer, View) and isinstance(box.length, Num)
            view: View = box.buffer
            weak = box.weak
            length = box.length.operand
        else:
            view, weak = as_array(t, source, st), False
            length = view.shape[0]
        kind = numbers._promoted((numbers.as_num(t, init).dtype, numbers.as_num(t, init).weak), (view.dtype, weak))
        first = t.b.cast(numbers.as_num(t, init).operand, kind[0])

        def body(ix: Any, values: Any) -> Any:
            item = Num(arrays.load_at(t, view, ix), weak)
            return [t.b.cast(numbers.as_num(t, combine(st, Num(values[0], kind[1]), item)).operand, kind[0])]

        (out,) = arrays.reduce(t, (length,), (first,), body)
        return Num(out, kind[1])
    if isinstance(source, Ref) and isinstance(st.box(source), IterBox):
        box = st.box(source)
        rolled = _span_of(t, st, source)
        if rolled is not None:
            return _fold_span(t, st, rolled, init, combine)
    acc = init
    for item in containers.items_of(t, st, source):
        acc = combine(st, acc, item)
    return acc


def _span_of(t: Tracer, st: State, ref: Ref) -> Any:
    from revtrace.trace.iterators import _span

    span = _span(t, st, ref)
    return span if span is not None and not isinstance(span.length, Const) else None


def _fold_span(t: Tracer, st: State, span: Any, init: Any, combine: Any) -> Any:
    """Fold items given as a function of an index; the first round finds the result's type."""
    kind = (numbers.as_num(t, init).dtype, numbers.as_num(t, init).weak)
    for _ in range(3):
        saved = t.save()
        found: list[tuple[str, bool]] = []

        def body(ix: Any, values: Any, kind: Any = kind, found: Any = found) -> Any:
            item = span.at(t, st, ix[0])
            out = numbers.as_num(t, combine(st, Num(values[0], kind[1]), item))
            found.append(numbers._promoted((out.dtype, out.weak), kind))
            return [t.b.cast(out.operand, kind[0])]

        first = t.b.cast(numbers.as_num(t, init).operand, kind[0])
        (out,) = arrays.reduce(t, (span.length,), (first,), body)
        if found[0] == kind:
            return Num(out, kind[1])
        t.restore(saved)
        kind = found[0]
    raise t.unsupported("a sum whose type does not settle", "", "")


def _all_any(t: Tracer, st: State, args: Args, stop_on: bool) -> Any:
    def combine(state: State, acc: Any, x: Any) -> Any:
        flag = operators.truth(t, state, x)
        return operators.either(t, acc, flag) if stop_on else operators.both(t, acc, flag)

    return fold(t, st, t.use(args[0]), Static(not stop_on), combine)


@on(all)
def _all(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _all_any(t, st, args, False)


@on(any)
def _any(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _all_any(t, st, args, True)


# iterables -------------------------------------------------------------------------------------


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


def _taken(t: Tracer, st: State, source: Any) -> Ref:
    """Return an iterator; a generator is run to its end first."""
    from revtrace.trace.calls import collect

    source = t.use(source)
    return iterate(t, st, collect(t, st, source) if _is_generator(st, source) else source)


@on(enumerate)
def _enumerate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    start = args[1] if len(args) > 1 else kwargs.get("start", Static(0))
    return st.new(IterBox("enumerate", (_taken(t, st, args[0]), start)))


@on(zip)
def _zip(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    parts = tuple(_taken(t, st, a) for a in args)
    strict = kwargs.get("strict")
    if isinstance(strict, Static) and strict.value:
        lengths = [containers.length(t, st, a) for a in args]
        for n in lengths[1:]:
            arrays.agree(t, numbers.integer(t, lengths[0]), numbers.integer(t, n))
    return st.new(IterBox("zip", parts))


@on(map)
def _map(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return st.new(IterBox("map", (args[0], *(_taken(t, st, a) for a in args[1:]))))


@on(filter)
def _filter(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.calls import call

    out = []
    for item in containers.items_of(t, st, args[1]):
        keep = item if isinstance(args[0], Static) and args[0].value is None else call(t, st, args[0], (item,), {})
        flag = operators.truth(t, st, keep)
        if not isinstance(flag, Static):
            raise NeedStatic((flag.operand,), "how many items a filter keeps must be known", t.b.loc)
        if flag.value:
            out.append(item)
    return iterate(t, st, st.new(ListBox(tuple(out))))


@on(reversed)
def _reversed(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    source = t.use(args[0])
    if isinstance(source, Static) and isinstance(source.value, range):
        return iterate(t, st, Static(source.value[::-1]))
    if arrays.is_array(source):
        return iterate(t, st, arrays.subscript(t, source, Static(slice(None, None, -1))))
    if isinstance(source, Ref) and isinstance(st.box(source), IterBox) and st.box(source).kind == "range":  # type: ignore[union-attr]
        from revtrace.trace.iterators import range_length

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
    return iterate(t, st, args[0])


@on(next)
def _next(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.iterators import advance

    ref = t.use(args[0])
    if _is_generator(st, ref):
        items = containers.items_of(t, st, ref)
        made = iterate(t, st, st.new(ListBox(tuple(items))))
        st.set(ref, st.box(made))
    item = advance(t, st, ref)
    if item is None:
        if len(args) > 1:
            return args[1]
        raise PythonRaise(StopIteration())
    return item


@on(list)
def _list(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return st.new(ListBox(()))
    source = t.use(args[0])
    if _is_generator(st, source):
        from revtrace.trace.calls import collect

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


@on(set, frozenset)
def _set(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return containers.make_set(t, st, containers.items_of(t, st, args[0]) if args else [])


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


# types and attributes ---------------------------------------------------------------------------


def python_type(t: Tracer, st: State, value: Any) -> type:
    """``type(value)``."""
    value = t.use(value)
    match value:
        case Static():
            from revtrace.trace.calls import TracedFunction

            if isinstance(value.value, TracedFunction):
                return type(python_type)
            return type(value.value)
        case Num():
            if value.weak:
                return {"f": float, "i": int, "b": bool, "c": complex}[value.dtype[0]]
            return np.dtype(value.dtype).type
        case Tup():
            return value.cls or tuple
        case Ref():
            box = st.box(value)
            if isinstance(box, ObjectBox):
                return box.cls
            return {ListBox: list, Growing: list, DictBox: dict, SetBox: set, CellBox: object}.get(type(box), object)
        case Bound():
            return type(t.describe)
    return np.ndarray if arrays.is_array(value) else object


@on(type)
def _type(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) != 1:
        raise t.unsupported("making a class", "classes must exist when tracing", "")
    return Static(python_type(t, st, args[0]))


@on(isinstance)
def _isinstance(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    kinds = containers.as_static(t, st, args[1])
    value = t.use(args[0])
    if isinstance(value, Static):
        return Static(isinstance(value.value, kinds.value))
    cls = python_type(t, st, value)
    options = kinds.value if isinstance(kinds.value, tuple) else (kinds.value,)
    return Static(any(_is_subclass(cls, k) for k in options))


def _is_subclass(cls: type, kind: Any) -> bool:
    if isinstance(kind, tuple):
        return any(_is_subclass(cls, k) for k in kind)
    try:
        return issubclass(cls, kind)
    except TypeError:
        options = typing.get_args(kind)
        return any(_is_subclass(cls, k) for k in options)


@on(issubclass)
def _issubclass(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    kinds = containers.as_static(t, st, args[1])
    try:
        return Static(issubclass(args[0].value, kinds.value))
    except TypeError as error:
        raise PythonRaise(error) from None


@on(callable)
def _callable(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.calls import TracedFunction

    value = t.use(args[0])
    if isinstance(value, Static):
        return Static(callable(value.value) or isinstance(value.value, TracedFunction))
    if isinstance(value, Bound):
        return Static(True)
    return Static(any("__call__" in vars(base) for base in python_type(t, st, value).__mro__))


@on(getattr)
def _getattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    name = containers.as_static(t, st, args[1])
    if not isinstance(name, Static):
        raise t.unsupported("getattr with a name known only when running", "", "")
    try:
        return get_attribute(t, st, args[0], name.value)
    except PythonRaise as signal:
        if len(args) > 2 and isinstance(signal.error, AttributeError):
            return args[2]
        raise


@on(hasattr)
def _hasattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    name = containers.as_static(t, st, args[1])
    try:
        get_attribute(t, st, args[0], name.value)
    except PythonRaise as signal:
        if isinstance(signal.error, AttributeError):
            return Static(False)
        raise
    return Static(True)


@on(setattr)
def _setattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    name = containers.as_static(t, st, args[1])
    set_attribute(t, st, args[0], name.value, args[2])
    return NONE


@on(object.__setattr__)
def _object_setattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    store_field(t, st, args[0], containers.as_static(t, st, args[1]).value, args[2])
    return NONE


@on(object.__init__, object.__init_subclass__)
def _object_init(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return NONE


@on(vars)
def _vars(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return get_attribute(t, st, args[0], "__dict__")


@on(id)
def _id(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise t.unsupported(
        "id()", "where an object lies in memory is no part of what the function computes", "leave it out"
    )


@on(super)
def _super(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if args:
        return Static(Super(*args))
    frame = fr or t.frames[-1]
    cell = st.box(st.locals["__class__"])  # type: ignore[arg-type]
    assert isinstance(cell, CellBox)
    self = st.locals[frame.shape.code.co_varnames[0]]
    if isinstance(self, Ref) and isinstance(st.box(self), CellBox):
        self = st.box(self).value  # type: ignore[union-attr]
    return Static(Super(cell.value, self))


@on(
    print, warnings.warn, logging.debug, logging.info, logging.warning, logging.error, logging.Logger.debug,
    logging.Logger.info, logging.Logger.warning, logging.Logger.error, logging.Logger.critical, logging.Logger.log,
)  # fmt: skip
def _print(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    # What is printed is no part of the value; the compiled function is silent.
    return NONE


def _texts() -> None:
    for f in (str, repr, ascii, format, hash, ord, chr, bin, hex, oct, bytes):

        def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, f: Any = f) -> Any:
            known = [containers.as_static(t, st, a) for a in args]
            if any(is_text(k) or not isinstance(k, Static) for k in known):
                if f in (str, repr, ascii, format):
                    return run_time_text(t, *known)
                integers = tuple(k.operand for k in known if isinstance(k, Num) and k.dtype[0] in "iub")
                if integers:
                    raise NeedStatic(integers, f"{f.__name__}() needs a number known when tracing", t.b.loc)
                raise t.unsupported(
                    f"{f.__name__}() of a run-time value",
                    "its result must be known when tracing",
                    "use the value itself",
                )
            try:
                return Static(f(*(k.value for k in known)))
            except Exception as error:
                raise PythonRaise(error) from None

        on(f)(handler)


_texts()


@on(copy.copy, copy.deepcopy)
def _copy(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return copied(t, st, t.use(args[0]), fr is not None)


def copied(t: Tracer, st: State, value: Any, deep: bool) -> Any:
    """Copy a container, its arrays too if ``deep``."""
    if arrays.is_array(value):
        return arrays.copy_of(t, value)
    if isinstance(value, Ref):
        from revtrace.trace.join import fields, rebuild

        box = st.box(value)
        values = [copied(t, st, v, deep) if deep else v for v in fields(box) or []]
        made = rebuild(box, values)
        if isinstance(made, (ListBox, DictBox, ObjectBox)) and made.source is not None:
            from dataclasses import replace

            made = replace(made, source=None)
        return st.new(made)
    if isinstance(value, Tup) and deep:
        return Tup(tuple(copied(t, st, v, deep) for v in value.items), value.cls)
    return value


@on(typing.cast)
def _cast(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return args[1]


@on(itertools.product)
def _product(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    repeat = containers.as_known_int(t, kwargs.get("repeat", Static(1)))
    parts = [containers.items_of(t, st, a) for a in args] * repeat
    return iterate(t, st, Tup(tuple(Tup(tuple(x)) for x in itertools.product(*parts))))


def _itertools() -> None:
    for f in (itertools.combinations, itertools.permutations, itertools.combinations_with_replacement):

        def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, f: Any = f) -> Any:
            items = containers.items_of(t, st, args[0])
            more = [containers.as_known_int(t, a) for a in args[1:]]
            return iterate(t, st, Tup(tuple(Tup(tuple(x)) for x in f(items, *more))))

        on(f)(handler)

    def chain(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        return iterate(t, st, Tup(tuple(x for a in args for x in containers.items_of(t, st, a))))

    on(itertools.chain)(chain)


_itertools()


# math --------------------------------------------------------------------------------------------


def _math_dist(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    p, q = (containers.items_of(t, st, a) for a in args)
    if len(p) != len(q):
        raise PythonRaise(ValueError("both points must have the same number of dimensions"))
    from revtrace.trace.elementwise import _hypot

    return _hypot(t, st, tuple(numbers.binary(t, "-", x, y) for x, y in zip(p, q, strict=True)))


def _math_fsum(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    def add(state: State, acc: Any, x: Any) -> Any:
        return operators.binary(t, state, "+", acc, x)

    return fold(t, st, t.use(args[0]), Static(0.0), add)


def _math_prod(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    def times(state: State, acc: Any, x: Any) -> Any:
        return operators.binary(t, state, "*", acc, x)

    return fold(t, st, t.use(args[0]), kwargs.get("start", Static(1)), times)


def _math_isclose(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    a, b = (as_float(t, st, t.use(x)) for x in args)
    rel = kwargs.get("rel_tol", Static(1e-9))
    tol = kwargs.get("abs_tol", Static(0.0))
    gap = _abs(t, st, (numbers.binary(t, "-", a, b),), {}, None)
    size = _two(t, "max", _abs(t, st, (a,), {}, None), _abs(t, st, (b,), {}, None))
    limit = _two(t, "max", numbers.binary(t, "*", rel, size), tol)
    near = operators.compare(t, st, "<=", gap, limit)
    equal = operators.compare(t, st, "==", a, b)
    return operators.either(t, equal, near)


def _math_modf(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    x = as_float(t, st, t.use(args[0]))
    whole = Num(t.b.op("trunc", x.operand), True)
    return Tup((numbers.binary(t, "-", x, whole), whole))


def _cmath_parts(t: Tracer, x: Any) -> tuple[Any, Any]:
    value = numbers.as_num(t, t.use(x))
    z = t.b.cast(value.operand, "c16")
    return Num(t.b.op("abs", z, type=Scalar("f8")), True), Num(t.b.op("angle", z, type=Scalar("f8")), True)


@on(cmath.polar)
def _cmath_polar(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Tup(_cmath_parts(t, args[0]))


@on(cmath.rect)
def _cmath_rect(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    r, phi = (t.b.cast(as_float(t, st, t.use(a)).operand, "f8") for a in args)
    real, imag = (t.b.op("mul", r, t.b.op(name, phi)) for name in ("cos", "sin"))
    return Num(t.b.op("complex", real, imag, type=Scalar("c16")), True)


MATH = {
    "dist": _math_dist, "fsum": _math_fsum, "prod": _math_prod, "isclose": _math_isclose, "modf": _math_modf,
}  # fmt: skip
