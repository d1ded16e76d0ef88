"""Operators on traced values of every kind: numbers, arrays, containers, instances, static objects."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace import numbers
from revtrace.trace.kinds import constant_array, is_list, is_moment, is_object, is_tuple, members, spread, type_of
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.objects.texts import is_message, is_text, pinned, run_time_text
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Keys, Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["binary", "inplace", "unary"]

DUNDER = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
}
DUNDER_COMPARE = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
REFLECTED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def binary(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    """``x symbol y``."""
    if is_text(x) or is_text(y):
        return run_time_text(t, x, y)
    x, y = t.use(x), t.use(y)
    if is_moment(x) or is_moment(y):
        x, y = _for_moments(t, x), _for_moments(t, y)
    if isinstance(x, Static) and isinstance(y, Static) and not _needs_care(x) and not _needs_care(y):
        return numbers._python(t, numbers.PYTHON[symbol], x, y)
    x, y = constant_array(t, x), constant_array(t, y)
    if is_numeric(x) and is_numeric(y):
        return numbers.binary(t, symbol, x, y)
    from revtrace.trace.scipy import sparse

    if symbol == "@" and (sparse.is_sparse(st, x) or sparse.is_sparse(st, y)):
        return sparse.product(t, st, x, y)
    if is_object(st, x) or is_object(st, y):
        return _object_binary(t, st, symbol, x, y)
    if arrays.is_array(x) or arrays.is_array(y) or (symbol != "*" and spread(st, x, y)):
        from revtrace.trace.ndarray.convert import as_array_or_number

        x, y = as_array_or_number(t, st, x), as_array_or_number(t, st, y)
        if symbol == "@":
            from revtrace.trace.numpy.linalg import matmul

            return matmul(t, x, y)
        if symbol == "**" and arrays.is_array(x) and x.dtype == "b1" and _is_two(y):
            # NumPy squares, in the narrowest integers; other powers are as those of integers.
            x = arrays.apply(t, lambda a: Num(t.b.cast(a.operand, "i1"), False), (x,))
        return arrays.apply(t, lambda a, b: numbers.binary(t, symbol, a, b), (x, y))
    return _containers(t, st, symbol, x, y)


def _is_two(y: Any) -> bool:
    """Whether a value is Python's integer 2."""
    return isinstance(y, Static) and type(y.value) is int and y.value == 2


def _for_moments(t: Tracer, x: Any) -> Any:
    """Return an operand beside a date or a span, which is known when tracing."""
    from revtrace.trace.objects.containers import as_known_int

    if not isinstance(x, Num):
        return x
    if x.dtype[0] not in "iu":
        raise t.unsupported(
            "a date or a span of time made of a run-time number",
            "dates must be known when tracing",
            "compute with numbers of days or seconds",
        )
    return Static(as_known_int(t, x))


def _needs_care(x: Static) -> bool:
    return not is_moment(x) and not (
        isinstance(x.value, (bool, int, float, complex, str, bytes, tuple, np.generic, frozenset, type, type(None)))
        or hasattr(x.value, "__or__")
    )


def _object_binary(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    from revtrace.trace.callables.calls import call_method

    name = DUNDER[symbol]
    ways = [(x, y, f"__{name}__"), (y, x, f"__r{name}__")]
    if is_object(st, x) and is_object(st, y):
        left, right = type_of(st, x), type_of(st, y)
        reflected = [getattr(cls, f"__r{name}__", None) for cls in (left, right)]
        if left is right:
            ways.pop()
        elif issubclass(right, left) and reflected[0] is not reflected[1]:
            # A subclass that has its own answer is asked first.
            ways.reverse()
    for value, other, method in ways:
        if not is_object(st, value):
            continue
        cls = type_of(st, value)
        found = getattr(cls, method, None)
        if found is not None and found is not getattr(tuple, method, None):
            result = call_method(t, st, value, method, (other,))
            if not (isinstance(result, Static) and result.value is NotImplemented):
                return result
    if isinstance(x, Tup) or isinstance(y, Tup):
        return _containers(t, st, symbol, x, y)
    raise PythonRaise(TypeError(f"unsupported operand type(s) for {symbol}"))


def _containers(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    from revtrace.trace.objects.containers import as_known_int, items_of

    if symbol == "+":
        if is_list(st, x) and is_list(st, y):
            return st.new(ListBox(tuple(items_of(t, st, x) + items_of(t, st, y))))
        if is_tuple(x) and is_tuple(y):
            return Tup(tuple(items_of(t, st, x) + items_of(t, st, y)))
    if symbol == "*":
        if is_numeric(x):
            x, y = y, x
        if is_list(st, x):
            return _repeat(t, st, x, y)
        if is_tuple(x):
            return Tup(tuple(items_of(t, st, x)) * as_known_int(t, y))
        if isinstance(x, Static) and isinstance(x.value, str):
            count = pinned(t, y)
            return run_time_text(t, y) if isinstance(count, Num) else numbers._python(t, operator.mul, x, count)
    if symbol == "%" and isinstance(x, Static) and isinstance(x.value, str):
        from revtrace.trace.objects.containers import as_static

        values = as_static(t, st, Tup(tuple(pinned(t, v) for v in y.items)) if isinstance(y, Tup) else pinned(t, y))
        if isinstance(values, Static) and not is_message(values):
            return numbers._python(t, operator.mod, x, values)
        return run_time_text(t, *(y.items if isinstance(y, Tup) else (y,)))
    if symbol == "|" and isinstance(x, Ref) and isinstance(y, Ref):
        a, b = st.box(x), st.box(y)
        if isinstance(a, DictBox) and isinstance(b, DictBox):
            default = b.default if a.default is None else a.default
            return st.new(DictBox(tuple({**dict(a.items), **dict(b.items)}.items()), default=default))
    if symbol in "-|&^":
        left, right = members(st, x), members(st, y)
        if left is not None and right is not None:
            made = numbers.PYTHON[symbol](left, right)
            # The operand on the left decides between a set and a frozenset; keys make a set of both.
            as_set = isinstance(x, (Ref, Keys)) or isinstance(y, Keys)
            return st.new(SetBox(made)) if as_set else Static(made)
    raise PythonRaise(TypeError(f"unsupported operand type(s) for {symbol}: {t.describe(x)!r} and {t.describe(y)!r}"))


def _repeat(t: Tracer, st: State, x: Any, y: Any) -> Any:
    from revtrace.trace.objects.containers import items_of
    from revtrace.trace.objects.tables import growing_filled

    items = items_of(t, st, x)
    count = numbers.integer(t, y)
    if isinstance(y, Num) and len(items) == 1 and is_numeric(items[0]):
        return growing_filled(t, st, items[0], count)
    if isinstance(y, Num):
        count = t.pins.known(t, count, "the length of a list must be known")
    return st.new(ListBox(tuple(items) * int(count.value)))  # type: ignore[union-attr,arg-type]


def inplace(t: Tracer, st: State, symbol: str, x: Any, y: Any) -> Any:
    """``x symbol= y``; arrays and lists are changed in place."""
    if is_text(x) or is_text(y):
        return run_time_text(t, x, y)
    x, y = t.use(x), t.use(y)
    if isinstance(x, View):
        if x.ndim == 0:
            new = binary(t, st, symbol, x, y)
            assignment.assign(t, x, new)
            return x
        value = binary(t, st, symbol, x, y)
        if arrays.is_array(value):
            if value.dtype[0] in "fc" and x.dtype[0] in "iub" or (value.dtype[0] == "c" and x.dtype[0] != "c"):
                raise PythonRaise(
                    TypeError(f"Cannot cast ufunc output from dtype('{value.dtype}') to dtype('{x.dtype}')")
                )
            if value.ndim > x.ndim:
                raise PythonRaise(ValueError("non-broadcastable output operand"))
        assignment.assign(t, x, value)
        return x
    if isinstance(x, Ref):
        box = st.box(x)
        if isinstance(box, ObjectBox):
            name = f"__i{DUNDER[symbol]}__"
            if hasattr(box.cls, name):
                from revtrace.trace.callables.calls import call_method

                found = call_method(t, st, x, name, (y,))
                if not (isinstance(found, Static) and found.value is NotImplemented):
                    return found
        elif _changed(t, st, symbol, x, y):
            return x
    return binary(t, st, symbol, x, y)


def _changed(t: Tracer, st: State, symbol: str, x: Ref, y: Any) -> bool:
    """Whether ``x symbol= y`` changes a container, which it then has done."""
    from revtrace.trace.objects import containers

    box = st.box(x)
    if isinstance(box, (ListBox, Growing)) and symbol == "+":
        containers.extend(t, st, x, y)
        return True
    if isinstance(box, ListBox) and symbol == "*":
        containers.own(t, box)
        st.set(x, ListBox(tuple(containers.items_of(t, st, _containers(t, st, symbol, x, y))), box.source))
        return True
    if isinstance(box, DictBox) and symbol == "|":
        if box.source is not None:
            t.side_effects = t.side_effects or t.b.loc
        containers.update(t, st, x, y)
        return True
    if isinstance(box, SetBox) and symbol in "-|&^":
        other = members(st, y)
        if other is not None:
            st.set(x, SetBox(numbers.PYTHON[symbol](box.items, other)))
            return True
    return False


def unary(t: Tracer, st: State, symbol: str, x: Any) -> Any:
    """``-x``, ``+x``, ``~x``."""
    x = constant_array(t, t.use(x))
    if is_numeric(x):
        return numbers.unary(t, symbol, x)
    if arrays.is_array(x):
        return arrays.apply(t, lambda a: numbers.unary(t, symbol, a), (x,))
    if is_object(st, x):
        from revtrace.trace.callables.calls import call_method

        return call_method(t, st, x, {"-": "__neg__", "+": "__pos__", "~": "__invert__"}[symbol], ())
    raise PythonRaise(TypeError(f"bad operand type for unary {symbol}"))
