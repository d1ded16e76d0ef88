"""Run-time numbers that a specialisation is made for.

Where a number that the program computes decides its structure (a condition whose two ways
make different things, an index into things of different kinds, the end of a loop that must
be unrolled), it is *pinned*: what is recorded so far is run on the arguments of the call, the
number found becomes a constant, and the program checks that it is the same whenever it runs.
A call in which it is another gets a specialisation of its own.

What is pinned is named by its place in the code: first tracing ends in `NeedStatic`, then
the function is traced again with that place in `wanted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from revtrace.calls.core import failure
from revtrace.loc import Loc
from revtrace.program.nodes import Const, For, If, Op, Operand, Stmt, Var, While, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace.signals import NeedSizes, NeedStatic, PythonRaise

if TYPE_CHECKING:
    from revtrace.trace.recorder import Recorder

__all__ = ["Oracle", "Pins"]

Place = tuple[Any, ...]


class Oracle(Protocol):
    """What runs a program as far as it is recorded."""

    gave_up: Op | None
    """What it failed at, if it did."""

    def value(self, inputs: Mapping[Var, Any], stmts: Sequence[Stmt], wanted: Operand) -> Any:
        """Return the value of an operand, or None where it cannot be found."""


class Pins:
    """The pinned numbers of one trace.

    Attributes
    ----------
    wanted : set of places
        Where a number is to be pinned.
    oracle : Oracle or None
        Without one, nothing is pinned.
    arrays : bool
        Whether arrays made in both ways of a condition are values of different kinds.
    values : dict from Var to number or array
        What the inputs hold in this call.
    used : bool
        Whether anything was pinned.
    """

    def __init__(self, wanted: set[Place], oracle: Oracle | None, arrays: bool = False) -> None:
        self.wanted = wanted
        self.oracle = oracle
        self.arrays = arrays and oracle is not None
        self.values: dict[Var, Any] = {}
        self.used = False
        self.under: list[Operand] = []
        """The conditions of the arms that are being recorded."""
        self.rolling = 0
        """How many loops are being rolled."""
        self._forks: dict[Operand, set[Place]] = {}

    def condition(self, t: Recorder, cond: Operand, place: Place) -> Operand:
        """Return a condition, as a constant if it is to be pinned here."""
        if isinstance(cond, Const) or self.oracle is None:
            return cond
        self._forks.setdefault(cond, set()).add(place)
        return self._pinned(t, cond, "it decides the structure of what follows") if place in self.wanted else cond

    def known(self, t: Recorder, x: Operand, why: str) -> Const:
        """Return a number that must be known when tracing."""
        return self.all_known(t, (x,), why)[0]

    def all_known(self, t: Recorder, numbers: Sequence[Operand], why: str) -> tuple[Const, ...]:
        """Return numbers that must be known when tracing."""
        if self.wants(t):
            numbers = [self._pinned(t, x, why) for x in numbers]
        found = tuple(x for x in numbers if isinstance(x, Const))
        if len(found) == len(numbers):
            return found
        raise self.need(t, tuple(x for x in numbers if not isinstance(x, Const)), why)

    def now(self, t: Recorder, x: Operand) -> Any:
        """Return what a number is in this call, or None where that cannot be found."""
        if self.oracle is None or self.rolling or t.b.nested:
            return None
        return self.oracle.value(self.values, t.b.recorded(), x)

    def wants(self, t: Recorder) -> bool:
        """Whether numbers used at the line being traced are to be pinned."""
        return self.oracle is not None and not self.rolling and _use(t) in self.wanted

    def need(self, t: Recorder, numbers: tuple[Operand, ...], why: str) -> NeedStatic:
        """Return what to raise where numbers used at the line being traced must be known."""
        discrete = all(isinstance(x.type, Scalar) and x.type.dtype[0] in "biu" for x in numbers)
        return NeedStatic(numbers, why, t.b.loc, place=_use(t) if discrete else None)

    def outcome(self, t: Recorder, cond: Operand) -> Operand:
        """Return a condition as a constant, or have the loops around unrolled; as it is in a loop over elements."""
        why = "whether an exception is raised and caught must be known"
        if isinstance(cond, Const) or self.oracle is None:
            return cond
        if self.rolling:
            raise NeedStatic((), why, t.b.loc)
        return self._pinned(t, cond, why)

    def failing(self, t: Recorder) -> BaseException | None:
        """Return what the call of a library's function that was recorded last raises, or None."""
        if self.oracle is None:
            return None
        why = "whether an exception is raised and caught must be known"
        if self.rolling:
            raise NeedStatic((), why, t.b.loc)
        if t.b.nested:
            if self.under:
                raise NeedStatic(tuple(self.under), why, t.b.loc)
            return None
        failure()
        return failure() if self.oracle.value(self.values, t.b.recorded(), const(True)) is None else None

    def failure(self, t: Recorder) -> Loc | None:
        """Return where the program fails that is recorded so far, if it does."""
        if self.oracle is None or t.b.nested or self.oracle.value(self.values, t.b.recorded(), const(True)) is not None:
            return None
        stop = self.oracle.gave_up
        return None if stop is None else _place(stop)

    def _pinned(self, t: Recorder, x: Operand, why: str) -> Operand:
        if isinstance(x, Const):
            return x
        if self.rolling:
            # Another value in each iteration: if it matters, the loop is unrolled.
            return x
        if t.b.nested:
            if not self.under:
                return x
            # Known only if this arm is the one that is taken.
            raise NeedStatic(tuple(self.under), why, t.b.loc)
        assert self.oracle is not None and isinstance(x.type, Scalar)
        value = self.oracle.value(self.values, t.b.recorded(), x)
        if value is None:
            stop = self.oracle.gave_up
            if stop is not None and stop.attr("kind", "") == "broadcast" and not t.sized:
                raise NeedSizes
            if stop is not None and _place(stop) in t.failed and str(stop.attr("kind", "")).startswith("unsupported: "):
                raise t.raised(str(stop.attr("kind")))
            raise PythonRaise(RuntimeError("the program ends before this line"))
        self.used = True
        found = const(value, x.type.dtype)
        if found.type == BOOL:
            same = x if value else t.b.op("not", x, type=BOOL)
        else:
            same = t.b.op("eq", x, found, type=BOOL)
        t.b.do("check", same, kind="pinned", soft=False)
        return found

    def places(self, t: Recorder, operands: Sequence[Operand], used: Any = None) -> set[Place]:
        """Return the places that decide the values of operands, the first of which is used at a place."""
        if self.oracle is None:
            return set()
        found: set[Place] = {used} if used else set()
        seen: set[Operand] = set()
        todo = list(operands)
        while todo:
            x = todo.pop()
            if x in seen or not isinstance(x, Var) or not isinstance(x.type, Scalar) or x.type.dtype[0] not in "biu":
                continue
            seen.add(x)
            if x in self._forks:
                found |= self._forks[x]
                continue
            stmt = t.b.defs.get(x)
            if isinstance(stmt, If):
                k = stmt.outs.index(x)
                todo += [stmt.cond, stmt.then.results[k], stmt.orelse.results[k]]
            elif stmt is not None and not isinstance(stmt, (For, While)):
                todo += stmt.args
        return found - self.wanted


def _place(stop: Op) -> Loc:
    """Return where an operation fails, as places of failures are compared."""
    return replace(stop.loc, origin=0, role="")


def _use(t: Recorder) -> Place:
    return ("use", t.frames[-1].shape.code, t.b.loc) if t.frames else ()


def numeric(t: Recorder, operands: tuple[Operand, ...]) -> bool:
    """Whether operands are computed from floats."""
    return any(getattr(x.type, "dtype", "")[0] in "fc" for x in t.origins(operands))
