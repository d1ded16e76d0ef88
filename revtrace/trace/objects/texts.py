"""Strings made of numbers that are known only when running.

They are what messages consist of: raised, warned or printed, a string is no part of
what is computed, so making one is harmless.  Using one for anything else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.loc import Loc
from revtrace.program.nodes import Operand
from revtrace.trace.signals import NeedStatic
from revtrace.trace.values import Num, Static

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["TEXT_METHODS", "RunTimeText", "is_message", "is_text", "pinned", "run_time_text"]


TEXT_METHODS = frozenset(
    """capitalize casefold center expandtabs format join ljust lower lstrip removeprefix removesuffix replace rjust
    rstrip strip swapcase title upper zfill""".split()
)
"""Methods of strings that make another string, of which nothing else is known either."""


class RunTimeText:
    """Stands for a string that only a run can make.

    ``operands`` are the integers in it, if nothing else is unknown; ``place`` is where they can be pinned.
    """

    __slots__ = ("loc", "operands", "place")

    def __init__(self, loc: Loc, operands: tuple[Operand, ...] = (), place: Any = None) -> None:
        self.loc, self.operands, self.place = loc, operands, place

    def __str__(self) -> str:
        return f"(a text made of run-time values in line {self.loc.line})"

    def refusal(self, loc: Loc) -> BaseException:
        """Return what to raise at a place where the text itself is needed."""
        if self.operands:
            return NeedStatic(self.operands, "a string is made of them", self.loc, place=self.place)
        made = f" (this one is made in line {self.loc.line})" if self.loc.line != loc.line else ""
        return UnsupportedError(
            "a string made of run-time values is used" + made,
            "strings must be known when tracing, except in messages that are raised, warned or printed",
            "compute with the numbers themselves, or move the formatting out of the function",
            loc,
        )


def run_time_text(t: Tracer, *parts: Any) -> Static:
    """Return the value of a string made here of run-time values."""
    operands: list[Operand] = []
    for part in parts:
        if isinstance(part, Num) and part.dtype[0] in "iub":
            operands.append(part.operand)
        elif is_text(part) and part.value.operands:
            # It becomes known where it was made itself.
            return Static(RunTimeText(t.b.loc, part.value.operands, part.value.place))
        elif is_message(part):
            return Static(RunTimeText(t.b.loc, ()))
        elif not isinstance(part, Static):
            # Fixing the integers would not make it known.
            return Static(RunTimeText(t.b.loc, ()))
    place = t.pins.need(t, tuple(operands), "").place
    return Static(RunTimeText(t.b.loc, tuple(operands), place))


def pinned(t: Tracer, value: Any) -> Any:
    """Return an integer that a string is made of as known, where an earlier walk has found that it must be."""
    if not isinstance(value, Num) or value.dtype[0] not in "iub" or not t.pins.wants(t):
        return value
    number = t.pins.known(t, value.operand, "a string is made of it").value
    return Static((bool if value.dtype == "b1" else int)(number.real))


def is_text(value: Any) -> bool:
    """Whether a traced value is such a string."""
    return isinstance(value, Static) and isinstance(value.value, RunTimeText)


def is_message(value: Any) -> bool:
    """Whether a traced value is such a string, or holds one, as an exception does whose message it is."""
    return isinstance(value, Static) and _holds_text(value.value)


def _holds_text(x: Any) -> bool:
    if isinstance(x, BaseException):
        x = x.args
    elif isinstance(x, dict):
        x = (*x, *x.values())
    return isinstance(x, RunTimeText) or (isinstance(x, (tuple, list, set)) and any(_holds_text(e) for e in x))
