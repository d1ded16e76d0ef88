"""Exceptions by which the tracer talks to itself; none of them reaches a user.

They derive from BaseException so that nothing that catches ``Exception`` while
tracing can swallow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revtrace.errors import UnsupportedError
from revtrace.loc import NOWHERE, Loc
from revtrace.program.nodes import Operand
from revtrace.trace.state import Form

__all__ = ["EndlessError", "Growth", "NeedSharing", "NeedSizes", "NeedStatic", "PythonRaise"]


class EndlessError(UnsupportedError):
    """A loop that nothing but an exception or the taker of what it yields can leave."""


class PythonRaise(BaseException):
    """The traced code raises ``error`` at this point, whatever the numbers are.

    ``value`` is the traced exception, where it holds more than can be known when tracing.
    """

    def __init__(self, error: BaseException, value: Any = None) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.value = value


class NeedSharing(BaseException):
    """An array is written to that a reshape of it shares its elements with, see `revtrace.trace.ndarray.folds`."""


class NeedTapes(BaseException):
    """A generator made while tracing is drawn from so often that it is better done when running."""


class NeedSizes(BaseException):
    """Lengths that are computed agree only by broadcasting: all lengths must be known."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A list, by its place in the heap, the form of its items, and how many come with an iteration."""

    id: int
    form: Form
    each: int = 1


class NeedStatic(BaseException):
    """The value of ``operands`` decides the structure of what follows, so it must be known when tracing.

    ``grows`` names a list whose length differs on two ways: a loop around may keep it in buffers instead.
    ``place`` is where the first operand is used, for `revtrace.trace.pins`.  ``otherwise`` are conditions that
    decide instead where the operands are known.  ``loops`` are those that were being rolled and ``calls`` the
    places of the calls that lead here, both innermost first.
    """

    def __init__(
        self,
        operands: tuple[Operand, ...],
        why: str,
        loc: Loc = NOWHERE,
        grows: Growth | None = None,
        place: Any = None,
        otherwise: tuple[Operand, ...] = (),
    ) -> None:
        super().__init__(why)
        self.grows = grows
        self.operands = operands
        self.why = why
        self.loc = loc
        self.place = place
        self.otherwise = otherwise
        self.loops: list[Any] = []
        self.calls: list[Loc] = []

    def again(self) -> NeedStatic:
        """Return the same, to be raised once more, at whatever place is walked then."""
        return self.at(NOWHERE)

    def at(self, loc: Loc) -> NeedStatic:
        """Return the same, to be raised at another place."""
        need = NeedStatic(self.operands, self.why, loc, self.grows, self.place, self.otherwise)
        need.loops += self.loops
        return need
