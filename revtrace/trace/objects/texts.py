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

__all__ = ["RunTimeText", "is_message", "is_text", "run_time_text"]


class RunTimeText:
    """Stands for a string that only a run can make; ``operands`` are the integers in it."""

    __slots__ = ("loc", "operands")

    def __init__(self, loc: Loc, operands: tuple[Operand, ...]) -> None:
        self.loc, self.operands = loc, operands

    def refusal(self) -> BaseException:
        """Return what to raise where the text itself is needed."""
        if self.operands:
            return NeedStatic(self.operands, "a string is made of them", self.loc)
        return UnsupportedError(
            "a string made of run-time values",
            "strings must be known when tracing, except in messages that are raised, warned or printed",
            "compute with the numbers themselves, or move the formatting out of the function",
            self.loc,
        )


def run_time_text(t: Tracer, *parts: Any) -> Static:
    """Return the value of a string made here of run-time values."""
    operands: list[Operand] = []
    for part in parts:
        if isinstance(part, Num) and part.dtype[0] in "iub":
            operands.append(part.operand)
        elif is_text(part):
            operands += part.value.operands
        elif is_message(part):
            return Static(RunTimeText(t.b.loc, ()))
        elif not isinstance(part, Static):
            # Fixing the integers would not make it known.
            return Static(RunTimeText(t.b.loc, ()))
    return Static(RunTimeText(t.b.loc, tuple(operands)))


def is_text(value: Any) -> bool:
    """Whether a traced value is such a string."""
    return isinstance(value, Static) and isinstance(value.value, RunTimeText)


def is_message(value: Any) -> bool:
    """Whether a traced value is such a string, or an exception whose message is one."""
    return is_text(value) or (
        isinstance(value, Static)
        and isinstance(value.value, BaseException)
        and any(isinstance(x, RunTimeText) for x in value.value.args)
    )
