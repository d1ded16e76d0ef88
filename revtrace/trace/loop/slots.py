"""Places of the state that a loop may carry, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.trace.numbers import as_num
from revtrace.trace.sameness import fields
from revtrace.trace.values import Maybe, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Fields", "Slot", "kind_of", "views_of"]

Slot = tuple[Any, ...]
"""``("local", name)``, ``("stack", k)``, ``("box", id)`` for a record, ``("tag",)`` for the exit that is taken."""


class Fields:
    """The values of a heap record, as one slot."""

    __slots__ = ("box",)

    def __init__(self, box: Any) -> None:
        self.box = box

    @property
    def values(self) -> list[Any]:
        """The values, in the order of the record."""
        return fields(self.box) or []


def kind_of(t: Tracer, value: Any) -> tuple[str, bool]:
    """Return the dtype of a number, and whether it is weak."""
    num = as_num(t, value)
    return num.dtype, num.weak


def views_of(value: Any) -> list[View]:
    """Return the arrays in a value."""
    match value:
        case View():
            return [value]
        case Tup():
            return [v for item in value.items for v in views_of(item)]
        case Maybe():
            return views_of(value.value)
        case Fields():
            return [v for item in value.values for v in views_of(item)]
    return []
