"""Running a program while it is still being recorded, to learn a number in it.

The tracer asks for numbers that decide what is recorded next (`revtrace.trace.pins`); statements
run once, in the order in which they were appended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any

import numpy as np

from revtrace.program.nodes import Block, Op, Operand, Stmt, Var
from revtrace.replay.interpret import Bail, Machine
from revtrace.replay.numbers import Native

__all__ = ["Partial"]


class _TooLong(Exception):
    """The number would take too long to find."""


class _Bounded(Machine):
    """A run that may take so many steps."""

    def __init__(self, most: int) -> None:
        super().__init__(Native())
        self.left = most

    def op(self, op: Op) -> None:
        """Run one operation."""
        self.left -= 1
        if self.left < 0:
            raise _TooLong
        super().op(op)


class Partial:
    """The run of a program as far as it is recorded.

    Parameters
    ----------
    most : int
        How many operations may be run in all.
    """

    def __init__(self, most: int = 2_000_000) -> None:
        self.machine = _Bounded(most)
        self.done: list[Stmt] = []
        self.gave_up: Op | None = None
        """What the program failed at, if it did."""

    def value(self, inputs: Mapping[Var, Any], stmts: Sequence[Stmt], wanted: Operand) -> Any:
        """Return the value of an operand, or None where it cannot be found.

        Parameters
        ----------
        inputs : mapping from Var to number or array
            What the inputs made so far hold; arrays are copied.
        stmts : sequence of statements
            Everything recorded, as `wanted` is defined by it.
        wanted : Operand
        """
        same = len(self.done) <= len(stmts) and all(map(is_, self.done, stmts))
        if not same:
            # Some of it was taken back.
            self.machine = _Bounded(self.machine.left)
            self.done = []
        machine = self.machine
        for var, value in inputs.items():
            if var not in machine.env:
                copied = value.copy() if isinstance(value, np.ndarray) else value
                machine.env[var] = machine.numbers.input(copied, var.type)
        rest = stmts[len(self.done) :]
        self.done = list(stmts)
        try:
            with np.errstate(all="ignore"):
                machine.block(Block(tuple(rest)))
                return machine.value(wanted)
        except (Bail, _TooLong) as stop:
            self.done = []
            self.gave_up = stop.op if isinstance(stop, Bail) else None
            return None
