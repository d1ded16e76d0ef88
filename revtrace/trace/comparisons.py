"""Comparisons, membership, identity and truth of traced values of every kind."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Var, const
from revtrace.program.types import BOOL
from revtrace.trace import numbers
from revtrace.trace.kinds import constant_array, is_list, is_object, is_tuple, members, spread, type_of
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects.texts import is_text
from revtrace.trace.operators import DUNDER_COMPARE, REFLECTED, binary
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Bound, Maybe, Num, Ref, Static, Tup, Undef, View, is_number, is_numeric

if TYPE_CHECKING:
    from collections.abc import Iterable

    from revtrace.trace.machine import Tracer


__all__ = ["both", "compare", "contains", "either", "identical", "invert_truth", "truth"]


def compare(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    """``x symbol y`` for the six comparisons."""
    if symbol in ("==", "!=") and (_nothing(x) or _nothing(y)):
        found = identical(t, st, x, y)
        return found if symbol == "==" else invert_truth(t, found)
    x, y = constant_array(t, t.use(x)), constant_array(t, t.use(y))
    if isinstance(x, Static) and isinstance(y, Static):
        return numbers._python(t, numbers.PYTHON[symbol], x, y)
    if is_numeric(x) and is_numeric(y):
        return numbers.compare(t, symbol, x, y)
    if arrays.is_array(x) or arrays.is_array(y) or spread(st, x, y):
        from revtrace.trace.ndarray.convert import as_array_or_number

        if not all(arrays.is_array(v) or is_numeric(v) or isinstance(v, (Ref, Tup)) or is_tuple(v) for v in (x, y)):
            return Static(symbol == "!=")
        x, y = as_array_or_number(t, st, x), as_array_or_number(t, st, y)
        return arrays.apply(t, lambda a, b: _as_dynamic(t, numbers.compare(t, symbol, a, b)), (x, y))
    if is_object(st, x) or is_object(st, y):
        from revtrace.trace.callables.calls import call_method

        for value, other, sign in ((x, y, symbol), (y, x, REFLECTED[symbol])):
            if is_object(st, value) and not isinstance(value, Tup):
                method = f"__{DUNDER_COMPARE[sign]}__"
                if getattr(type_of(st, value), method) is not getattr(object, method):
                    return call_method(t, st, value, method, (other,))
    if symbol in ("==", "!="):
        found = _equal(t, st, x, y)
        return found if symbol == "==" else invert_truth(t, found)
    return _order(t, st, symbol, x, y)


def _as_dynamic(t: Tracer, value: Any) -> Num:
    return numbers.as_num(t, value)


def _nothing(x: Any) -> bool:
    return isinstance(x, Static) and x.value is None


def _equal(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """``==`` of containers, item by item."""
    from revtrace.trace.objects.containers import items_of

    left, right = members(st, x), members(st, y)
    if left is not None and right is not None:
        return Static(left == right)
    sequence = (is_tuple(x) and is_tuple(y)) or (is_list(st, x) and is_list(st, y))
    if sequence:
        a, b = items_of(t, st, x), items_of(t, st, y)
        if len(a) != len(b):
            return Static(False)
        return _all_equal(t, st, zip(a, b, strict=True))
    if isinstance(x, Ref) and isinstance(y, Ref):
        one, other = st.box(x), st.box(y)
        if isinstance(one, DictBox) and isinstance(other, DictBox):
            ours, theirs = dict(one.items), dict(other.items)
            if ours.keys() != theirs.keys():
                return Static(False)
            return _all_equal(t, st, [(ours[k], theirs[k]) for k in ours])
        return _one(t, x, y)
    return Static(False)


def _all_equal(t: Tracer, st: State, pairs: Iterable[tuple[Any, Any]]) -> Any:
    result: Any = Static(True)
    for p, q in pairs:
        if _one_of_arrays(t, st, p, q):
            continue
        result = both(t, result, truth(t, st, compare(t, st, "==", p, q)))
    return result


def _one_of_arrays(t: Tracer, st: State, x: Any, y: Any) -> bool:
    """Whether two items are one array: containers do not compare what is one object."""
    x, y = t.use(x), t.use(y)
    arrays_ = all(isinstance(v, View) or (isinstance(v, Static) and isinstance(v.value, np.ndarray)) for v in (x, y))
    same = identical(t, st, x, y) if arrays_ else None
    return isinstance(same, Static) and bool(same.value)


def _order(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    from revtrace.trace.objects.containers import items_of

    left, right = members(st, x), members(st, y)
    if left is not None and right is not None:
        return Static(bool(numbers.PYTHON[symbol](left, right)))
    if (is_tuple(x) and is_tuple(y)) or (is_list(st, x) and is_list(st, y)):
        strict = symbol[0]
        a, b = items_of(t, st, x), items_of(t, st, y)
        result: Any = Static(bool(numbers.PYTHON[symbol](len(a), len(b))))
        common = min(len(a), len(b))
        for p, q in zip(a[:common][::-1], b[:common][::-1], strict=True):
            equal = truth(t, st, compare(t, st, "==", p, q))
            if isinstance(equal, Static) and equal.value:
                continue
            less = truth(t, st, compare(t, st, strict, p, q))
            result = either(t, less, both(t, equal, result))
        return result
    raise PythonRaise(TypeError(f"'{symbol}' not supported between {t.describe(x)} and {t.describe(y)}"))


def both(t: Tracer, x: Any, y: Any) -> Any:
    """Logical and of two truths."""
    if isinstance(x, Static):
        return y if x.value else x
    if isinstance(y, Static):
        return x if y.value else y
    return Num(t.b.op("and", x.operand, y.operand, type=BOOL), True)


def either(t: Tracer, x: Any, y: Any) -> Any:
    """Logical or of two truths."""
    return invert_truth(t, both(t, invert_truth(t, x), invert_truth(t, y)))


def invert_truth(t: Tracer, x: Any) -> Any:
    """``not x`` of a truth."""
    if isinstance(x, Static):
        return Static(not x.value)
    return Num(t.b.op("not", x.operand, type=BOOL), True)


def truth(t: Tracer, st: State, x: Any) -> Any:
    """``bool(x)``: a static bool, or a number of dtype b1."""
    if isinstance(x, Maybe) and isinstance(x.missing, Static):
        inner = truth(t, st, x.value)
        return both(t, Num(x.flag, True), inner)
    x = t.use(x)
    if isinstance(x, Static):
        try:
            return Static(bool(x.value))
        except Exception as error:
            raise PythonRaise(error) from None
    if isinstance(x, Num):
        operand = numbers.to_bool(t, x)
        return Num(operand, True)
    if isinstance(x, Tup):
        return Static(bool(x.items))
    if isinstance(x, Ref):
        box = st.box(x)
        if isinstance(box, Growing) and isinstance(box.length, Num):
            return Num(t.b.compare("gt", box.length.operand, const(0, "i8")), True)
        if isinstance(box, ObjectBox):
            from revtrace.trace.callables.calls import call_method

            for name in ("__bool__", "__len__"):
                if hasattr(box.cls, name):
                    found = t.use(call_method(t, st, x, name, ()))
                    _check_answer(t, st, name, found)
                    return truth(t, st, found)
            return Static(True)
        from revtrace.trace.sameness import fields

        if isinstance(box, (ListBox, DictBox, SetBox)):
            return Static(bool(box.items if isinstance(box, SetBox) else fields(box)))
    if arrays.is_array(x):
        if all(arrays.is_one(n) for n in x.shape):
            return truth(t, st, Num(arrays.operand_at(t, x, (arrays.ZERO,) * x.ndim), False))
        if x.ndim == 0:
            return truth(t, st, Num(arrays.operand_at(t, x, ()), False))
        raise PythonRaise(
            ValueError("The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()")
        )
    return Static(True)


def _check_answer(t: Tracer, st: State, method: str, found: Any) -> None:
    """Raise as Python does where ``__bool__`` gives anything but its own bool, or ``__len__`` no integer."""
    from revtrace.trace.callables.builtin_types import python_type

    cls = python_type(t, st, found)
    name = cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
    if method == "__bool__" and cls is not bool:
        raise PythonRaise(TypeError(f"__bool__ should return bool, returned {name}"))
    if method == "__len__" and not hasattr(cls, "__index__"):
        raise PythonRaise(TypeError(f"'{name}' object cannot be interpreted as an integer"))


def _one(t: Tracer, x: Ref, y: Ref) -> Static:
    """Whether two references are to one object."""
    from revtrace.trace.external import source_of

    sources = source_of(t, x), source_of(t, y)
    if x.id != y.id and None not in sources:
        t.guard(sources[0], "apart", (sources[1],))
    return Static(t.aliased_objects.tell(x.id, y.id))


def _one_array(t: Tracer, x: View, y: View) -> Static:
    """Whether two arrays are one object."""
    from revtrace.trace.sameness import same

    if x.source is None or y.source is None or x.source == y.source:
        return Static(same(x, y))
    arrays_ = [t.pins.values.get(v.root) for v in (x, y) if isinstance(v.root, Var)]
    one = len(arrays_) == 2 and arrays_[0] is arrays_[1]
    t.guard(x.source, "same" if one else "apart", (y.source,))
    return Static(one)


def identical(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """``x is y``."""
    for a, b in ((x, y), (y, x)):
        if isinstance(b, Static) and b.value is None and isinstance(a, Maybe) and isinstance(a.missing, Static):
            return Num(t.b.op("not", a.flag, type=BOOL), True)
    if isinstance(x, Undef) or isinstance(y, Undef) or is_text(x) or is_text(y):
        return Static(False)
    x, y = t.use(x), t.use(y)
    if isinstance(x, Static) and isinstance(y, Static):
        if is_number(x.value) and is_number(y.value) and not isinstance(x.value, bool):
            return Static(type(x.value) is type(y.value) and bool(x.value == y.value))
        return Static(x.value is y.value)
    if isinstance(x, Num) and isinstance(y, Static) and isinstance(y.value, bool) and x.dtype == "b1" and x.weak:
        return compare(t, st, "==", x, y)
    if isinstance(x, Ref) and isinstance(y, Ref):
        return _one(t, x, y)
    if isinstance(x, View) and isinstance(y, View):
        return _one_array(t, x, y)
    if isinstance(x, Bound) and isinstance(y, Bound):
        return Static(False)
    return Static(x is y)


def contains(t: Tracer, st: State, x: Any, container: Any) -> Any:
    """``x in container``."""
    from revtrace.trace.objects.containers import items_of
    from revtrace.trace.objects.indexing import module_asked

    container = t.use(container)
    if isinstance(container, Ref):
        box = st.box(container)
        if isinstance(box, (DictBox, SetBox)):
            key = _static_key(t, st, x)
            keys = [k for k, _ in box.items] if isinstance(box, DictBox) else list(box.items)
            return Static(any(k == key for k in keys))
        if isinstance(box, IterBox):
            from revtrace.trace.definitions.iterating import found_in
            from revtrace.trace.definitions.register import traced

            return traced(t, st, found_in, (container, x), {})
        if isinstance(box, ObjectBox):
            from revtrace.trace.callables.calls import call_method

            if hasattr(box.cls, "__contains__"):
                return truth(t, st, call_method(t, st, container, "__contains__", (x,)))
    if isinstance(container, Static) and isinstance(x, Static):
        if (module := module_asked(t, container, x)) is not None and x.value in container.value:
            t.guard(module, "is", container.value[x.value])
        return numbers._python(t, operator.contains, container, x)
    if isinstance(container, Static) and isinstance(container.value, range) and isinstance(x, Num):
        return _in_range(t, st, x, container.value)
    result: Any = Static(False)
    for item in items_of(t, st, container):
        result = either(t, result, truth(t, st, compare(t, st, "==", x, item)))
    return result


def _in_range(t: Tracer, st: State, x: Num, r: range) -> Any:
    low, high = (r.start, r.stop) if r.step > 0 else (r.stop + 1, r.start + 1)
    inside = both(t, compare(t, st, ">=", x, Static(low)), compare(t, st, "<", x, Static(high)))
    if abs(r.step) == 1:
        return inside
    offset = binary(t, st, "%", binary(t, st, "-", x, Static(r.start)), Static(r.step))
    return both(t, inside, compare(t, st, "==", offset, Static(0)))


def _static_key(t: Tracer, st: State, x: Any) -> Any:
    from revtrace.trace.objects.containers import known_key

    return known_key(t, st, t.use(x))
