"""Instances of users' subclasses of ``list`` and ``dict``.

What such an instance holds lies in a list or dict of its own, under an attribute that no program can name.  What
its class inherits from the builtin is done to that one; all else is as with any instance.
"""

from __future__ import annotations

import operator
import types
from typing import TYPE_CHECKING, Any

from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, ListBox, ObjectBox, State
from revtrace.trace.values import NONE, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["HELD", "call_inherited", "held", "make"]

HELD = "<held>"
"""The attribute under which an instance has its list or dict."""

_OPERATORS: dict[str, Any] = {
    "__len__": len,
    "__iter__": iter,
    "__reversed__": reversed,
    **{
        f"__{name}__": getattr(operator, name)
        for name in ("getitem", "setitem", "delitem", "eq", "ne", "lt", "le", "gt", "ge", "add", "mul")
    },
    "__or__": operator.or_,
    "__rmul__": operator.mul,
}
_IN_PLACE = {"__iadd__": operator.iadd, "__imul__": operator.imul, "__ior__": operator.ior}
_OF_OBJECTS = frozenset({"__init__", "__getattribute__", "__repr__", "__hash__", "__sizeof__", "__class_getitem__"})
_OF_TWO = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__or__", *_IN_PLACE})


def held(st: State, value: Any) -> Ref | None:
    """Return the list or dict of an instance that has one."""
    box = st.box(value) if isinstance(value, Ref) else None
    found = box.get(HELD) if isinstance(box, ObjectBox) else None
    return found if isinstance(found, Ref) else None


def make(st: State, cls: type, box: ListBox | DictBox | None = None) -> Ref:
    """Return a new instance that holds a list or dict; an empty one by default."""
    empty = ListBox(()) if builtin_of(cls) is list else DictBox(())
    return st.new(ObjectBox(cls, ((HELD, st.new(box or empty)),)))


def call_inherited(t: Tracer, st: State, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a method of ``list`` or ``dict`` of an instance; None where it is another call."""
    from revtrace.trace.callables.calls import call, call_method
    from revtrace.trace.comparisons import contains

    if not isinstance(f, (types.MethodDescriptorType, types.WrapperDescriptorType)) or not args:
        return None
    if f.__objclass__ not in (list, dict):
        return None
    own, rest, name = held(st, args[0]), args[1:], f.__name__
    if own is None:
        return None
    if name == "__init__":
        st.set_field(args[0], HELD, call(t, st, Static(f.__objclass__), rest, kwargs))
        return NONE
    if name in _OF_OBJECTS:
        return None
    if name in _OF_TWO:
        rest = tuple(held(st, a) or a for a in rest)
    if name in _IN_PLACE:
        st.set_field(args[0], HELD, call(t, st, Static(_IN_PLACE[name]), (own, *rest), {}))
        return args[0]
    if name == "__contains__":
        return contains(t, st, rest[0], own)
    if name not in _OPERATORS:
        return call_method(t, st, own, name, rest, kwargs)
    try:
        return call(t, st, Static(_OPERATORS[name]), (own, *rest), {})
    except PythonRaise as raised:
        box = st.box(args[0])
        assert isinstance(box, ObjectBox)
        if name != "__getitem__" or not hasattr(box.cls, "__missing__") or not isinstance(raised.error, KeyError):
            raise
        return call_method(t, st, args[0], "__missing__", rest)
