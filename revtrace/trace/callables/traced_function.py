"""Functions made while tracing: nested functions and lambdas."""

from __future__ import annotations

from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any

from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, State
from revtrace.trace.values import NONE, Ref, Static, Tup

if TYPE_CHECKING:
    from types import CodeType

    from revtrace.trace.machine import Tracer


__all__ = ["TracedFunction"]


#: Where what was set on a function is among what it holds: its ``__dict__``, and what it is born with.
_FIELDS, _BORN = ".fields", ".born"

#: What a function is born with that may be set, for it decides nothing about a call.
_NAMES = ("__name__", "__qualname__", "__doc__", "__module__")


class TracedFunction:
    """A function made while tracing: its code, the values of its defaults and its cells."""

    def __init__(self, code: CodeType, globals_: dict[str, Any], frame: Any) -> None:
        self.code = code
        self.globals = globals_
        self.frame = frame
        self.defaults: tuple[Any, ...] = ()
        self.kwdefaults: dict[str, Any] = {}
        self.captured: dict[str, Ref] = {}
        self.__qualname__ = code.co_qualname
        self.__name__ = code.co_name

    def attribute(self, t: Tracer, st: State, name: str) -> Any:
        """Return an attribute."""
        for part in (_BORN, _FIELDS):
            fields = self.captured.get(part)
            found = None if fields is None else st.box(fields).get(name)  # type: ignore[union-attr]
            if found is not None:
                return found
        match name:
            case "__dict__":
                return self._held(t, st, _FIELDS)
            case "__doc__":
                cells = tuple(CellType() for _ in self.code.co_freevars)
                return Static(FunctionType(self.code, {}, closure=cells).__doc__)
            case "__module__":
                return Static(self.globals.get("__name__"))
            case "__name__" | "__qualname__":
                return Static(getattr(self, name))
            case "__code__":
                return Static(self.code)
            case "__defaults__":
                return Tup(self.defaults) if self.defaults else NONE
            case "__call__":
                return Static(self)
        if hasattr(FunctionType, name):
            raise t.unsupported(
                f"the attribute {name} of a function made while tracing",
                "such a function is not an object yet",
                "define the function outside of the function that is traced",
            )
        raise PythonRaise(AttributeError(f"'function' object has no attribute '{name}'"))

    def set_attribute(self, t: Tracer, st: State, name: str, value: Any) -> None:
        """Set an attribute."""
        if hasattr(FunctionType, name) and name not in _NAMES:
            raise t.unsupported(
                f"setting the attribute {name} of a function",
                "what a function does must be known where it is made",
                "define another function",
            )
        st.set_item(self._held(t, st, _BORN if name in (*_NAMES, "__wrapped__") else _FIELDS), name, value)

    def _held(self, t: Tracer, st: State, part: str) -> Ref:
        if part not in self.captured:
            empty = DictBox(())
            ref = st.new(empty)
            t.originals[ref.id] = empty
            self.captured = {**self.captured, part: ref}
        return self.captured[part]

    def having(self, t: Tracer, st: State, part: str, value: Any) -> TracedFunction:
        """Return the function with defaults or a closure."""
        from revtrace.trace.objects.containers import items_of

        new = TracedFunction(self.code, self.globals, self.frame)
        new.defaults, new.kwdefaults, new.captured = self.defaults, self.kwdefaults, self.captured
        if part == "defaults":
            new.defaults = tuple(items_of(t, st, value))
        elif part == "kwdefaults":
            box = st.box(value)
            assert isinstance(box, DictBox)
            new.kwdefaults = dict(box.items)
        elif part == "closure":
            names = self.code.co_freevars
            new.captured = dict(zip(names, items_of(t, st, value), strict=True))
        return new
