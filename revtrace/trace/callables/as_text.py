"""Texts of instances, as their classes make them."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.trace.objects.texts import run_time_text
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["own_text"]

#: How exceptions make theirs.
_MESSAGE: Any = BaseException.__str__


def own_text(t: Tracer, st: State, name: str, value: Any, spec: str = "") -> Any:
    """Return the text of an instance; None for other values.

    It is made by ``__str__`` or ``__repr__``, as ``name`` says, or by ``__format__``; a class may make it in ways
    that cannot be followed, which is no matter in a message.
    """
    box = st.box(value) if isinstance(value, Ref) else None
    if not isinstance(box, ObjectBox):
        return None
    if name == "__format__":
        own: Any = box.cls.__format__
        if isinstance(own, types.FunctionType):
            return _called(t, st, own, value, Static(spec))
        if spec and own is object.__format__:
            raise PythonRaise(TypeError(f"unsupported format string passed to {box.cls.__name__}.__format__"))
        return own_text(t, st, "__str__", value)
    made: Any = getattr(box.cls, name)
    if made is _MESSAGE:
        return _message(t, st, box)
    if made is object.__str__:
        made = box.cls.__repr__
    return _called(t, st, made, value) if isinstance(made, types.FunctionType) else None


def _message(t: Tracer, st: State, box: ObjectBox) -> Any:
    """Return the message of an exception."""
    from revtrace.trace.callables.calls import call

    args = box.get("args")
    if args is None or isinstance(args, Tup) and not args.items:
        return Static("")
    one = isinstance(args, Tup) and len(args.items) == 1
    return call(t, st, Static(str), args.items if one else (args,), {})  # type: ignore[union-attr]


def _called(t: Tracer, st: State, function: types.FunctionType, *args: Any) -> Any:
    from revtrace.trace.callables.calls import call

    saved, before = t.save(), dict(st.heap)
    try:
        return call(t, st, Static(function), args, {})
    except UnsupportedError:
        t.restore(saved)
        st.heap = before
        t.current = st
        return run_time_text(t, *args)
