"""What kind of Python value a traced value is: list, tuple, set, instance, date, number of Python's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.state import Growing, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Keys, Num, Ref, Static, Tup, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["constant_array", "is_list", "is_moment", "is_object", "is_tuple", "is_weak", "members", "spread", "type_of"]


def constant_array(t: Tracer, value: Any) -> Any:
    """Turn a small static array (made while tracing) into a program array."""
    if isinstance(value, Static) and isinstance(value.value, np.ndarray):
        from revtrace.trace.ndarray.convert import as_array

        return as_array(t, value)
    return value


def is_moment(x: Any) -> bool:
    """Whether a value is a date, a time or a span."""
    return isinstance(x, Static) and type(x.value).__module__ == "datetime"


def is_object(st: State, x: Any) -> bool:
    """Whether a value is an instance of a class of the user's, or a named tuple."""
    if isinstance(x, Ref):
        return isinstance(st.box(x), ObjectBox)
    return isinstance(x, Tup) and x.cls is not None


def type_of(st: State, x: Any) -> Any:
    """Return the class whose methods give an operand's operators, None for numbers, arrays and containers."""
    if isinstance(x, Tup):
        return x.cls or tuple
    if isinstance(x, Ref):
        box = st.box(x)
        return box.cls if isinstance(box, ObjectBox) else None
    return type(x.value) if isinstance(x, Static) else None


def members(st: State, x: Any) -> frozenset[Any] | None:
    """Return the items of a set or a frozenset, and the keys of a dict."""
    if isinstance(x, Keys):
        return x.known
    if isinstance(x, Static):
        return frozenset(x.value) if isinstance(x.value, (set, frozenset)) else None
    box = st.box(x) if isinstance(x, Ref) else None
    return box.items if isinstance(box, SetBox) else None


def spread(st: State, x: Any, y: Any) -> bool:
    """Whether a numpy scalar meets a list or tuple, which makes an array of it."""
    return any(is_numeric(a) and not is_weak(a) and (is_list(st, b) or is_tuple(b)) for a, b in ((x, y), (y, x)))


def is_weak(value: Any) -> bool:
    """Whether a number is Python's own and not a numpy scalar."""
    return value.weak if isinstance(value, Num) else not isinstance(value.value, np.generic)


def is_list(st: State, x: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(x, Ref) and isinstance(st.box(x), (ListBox, Growing))


def is_tuple(x: Any) -> bool:
    """Whether a value is a tuple."""
    return isinstance(x, Tup) or (isinstance(x, Static) and isinstance(x.value, tuple))
