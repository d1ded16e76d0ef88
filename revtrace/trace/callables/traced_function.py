"""Functions made while tracing: nested functions and lambdas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.trace.state import DictBox, State
from revtrace.trace.values import Ref

if TYPE_CHECKING:
    from types import CodeType

    from revtrace.trace.machine import Tracer


__all__ = ["TracedFunction"]


#: Where a function's attributes are among what it holds.
_FIELDS = ".fields"


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

    def get_field(self, st: State, name: str) -> Any:
        """Return an attribute that was set on the function, or None."""
        fields = self.captured.get(_FIELDS)
        return None if fields is None else st.box(fields).get(name)  # type: ignore[union-attr]

    def set_field(self, t: Tracer, st: State, name: str, value: Any) -> None:
        """Set an attribute of the function."""
        if _FIELDS not in self.captured:
            empty = DictBox(())
            ref = st.new(empty)
            t.originals[ref.id] = empty
            self.captured = {**self.captured, _FIELDS: ref}
        st.set_item(self.captured[_FIELDS], name, value)

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
