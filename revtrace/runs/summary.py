"""What a whole run amounts to, collected step by step in a bounded amount of memory.

Per line: how often it ran, the last values of the variables it assigned and their adjoints, bytes kept there.
Over the run: bytes kept so far, magnitudes of adjoints, the first NaN or infinity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.loc import Loc
from revtrace.passes.plan import Plan
from revtrace.program.nodes import Block, For, If, Op, Program, Stmt, Var, While, walk
from revtrace.program.types import Scalar, Stack
from revtrace.replay.interpret import Event
from revtrace.runs.locals import Names
from revtrace.runs.stepper import Stepper

if TYPE_CHECKING:
    from revtrace.runs.recording import Recording

__all__ = ["BAR", "Assigned", "Curve", "LineFacts", "Summary"]

BAR = "adjoint of "
"""What stands before the name of a variable whose adjoint a value is."""

_POINTS = 512

_NUMBERS = (float, complex, np.inexact)


@dataclass(slots=True)
class Curve:
    """A quantity over the run, in at most `_POINTS` stretches of equal length; of each the largest magnitude.

    With ``holds`` it stays as it is until it changes, without it is zero where nothing is seen.
    """

    holds: bool = False
    stretch: int = 1
    points: list[float] = field(default_factory=list)
    latest: float = 0.0

    def see(self, step: int, value: float) -> None:
        """Add a value at a step."""
        while step // self.stretch >= _POINTS:
            self.stretch *= 2
            pairs = [self.points[k : k + 2] for k in range(0, len(self.points), 2)]
            self.points = [max(pair) for pair in pairs]
        at = step // self.stretch
        while len(self.points) <= at:
            self.points.append(self.latest if self.holds else 0.0)
        self.points[at] = max(self.points[at], value)
        self.latest = value

    def steps(self) -> Iterator[tuple[int, float]]:
        """Yield the first step and the value of each stretch."""
        for k, value in enumerate(self.points):
            yield k * self.stretch, value


@dataclass(slots=True)
class Assigned:
    """What a line assigned last to a variable.

    Attributes
    ----------
    variable : str
        As it is written; with the numbers of its element, where an array is written.
    value : object
    origin : int
        The statement that assigned it.
    adjoint : object
        The adjoint of this value: the first that is complete, since the backward sweep begins with what ran last.
    """

    variable: str
    value: Any
    origin: int
    adjoint: Any = None


@dataclass(slots=True)
class LineFacts:
    """What happened on one line.

    Attributes
    ----------
    forward, backward : int
        Operations executed.
    bits : int
        Put aside for the backward sweep.
    assigned : dict of str to Assigned
        By what is assigned, as it is written.
    largest : float
        Largest magnitude of adjoints of values computed on the line.
    """

    forward: int = 0
    backward: int = 0
    bits: int = 0
    assigned: dict[str, Assigned] = field(default_factory=dict)
    largest: float = 0.0

    @property
    def kept(self) -> int:
        """Bytes put aside for the backward sweep."""
        return -(-self.bits // 8)


@dataclass
class Summary:
    """Facts about a run.

    Attributes
    ----------
    owners : dict
        The user's variables that values are given to.
    lines : dict
        By file and line.
    kept, adjoints : Curve
        Bytes kept, and the largest magnitude of an adjoint, over the steps.
    bits : int
        Kept where the run stands.
    most : int
        The most bytes kept at once.
    turn : int or None
        The step at which the backward sweep begins.
    bad : int or None
        The step that gave the first NaN, from operands without, or infinity, from finite ones.
    """

    program: Program
    plan: Plan | None
    names: Names
    owners: dict[Var, str]
    lines: dict[tuple[str, int], LineFacts] = field(default_factory=dict)
    kept: Curve = field(default_factory=lambda: Curve(holds=True))
    adjoints: Curve = field(default_factory=Curve)
    bits: int = 0
    most: int = 0
    turn: int | None = None
    bad: int | None = None

    @classmethod
    def of(cls, program: Program, plan: Plan | None, names: Names) -> Summary:
        """Return what is known before the run."""
        return cls(program, plan, names, {var: name for name, var in _named(program, names)})

    def line(self, loc: Loc) -> LineFacts:
        """Return the facts of a line."""
        return self.lines.setdefault((loc.file, loc.line), LineFacts())

    def see(self, event: Event, stepper: Stepper) -> None:
        """Take a step into account."""
        stmt, loc = event.stmt, event.stmt.loc
        backward = loc.role not in ("", "keep")
        if backward and self.turn is None:
            self.turn = event.step
        if not loc.line:
            return
        facts = self.line(loc)
        if not isinstance(stmt, Op):
            return
        if loc.role in ("keep", "fetch"):
            self._keep(event, stmt, facts)
            return
        if backward:
            facts.backward += 1
        else:
            facts.forward += 1
            self._assigned(event, stmt, facts)
        if isinstance(event.out, _NUMBERS):
            self._finite(event, event.out)
        if loc.role in ("adjoint", "bar"):
            self._completed(event, stmt, facts)
            self._adjoint(event, stmt, facts)

    def _assigned(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        """Note what an operation assigns: a variable, an attribute, or an element."""
        target = self.names.target(stmt.loc)
        if not target or stmt.out in self.names.tested:
            return
        base, origin = target.partition("[")[0], stmt.loc.origin
        if stmt.name == "store":
            # The element that was written, whether the line names it or the array.
            index = ", ".join(map(str, event.args[2:]))
            facts.assigned[target] = Assigned(f"{base}[{index}]" if index else base, event.args[1], origin)
        elif stmt.name == "call":
            facts.assigned[target] = Assigned(base, event.args[0].copy(), origin)
        elif self.names.of(stmt) and stmt.out is not None and isinstance(stmt.out.type, Scalar):
            facts.assigned[target] = Assigned(target, event.out, origin)

    def _completed(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        """Note the adjoint of what a line assigned last, where this step has it."""
        assigned = facts.assigned.get(self.names.target(stmt.loc))
        if assigned is None or assigned.adjoint is not None or assigned.origin != stmt.loc.origin:
            return
        if stmt.loc.role == "bar" or (stmt.name == "load" and isinstance(event.out, _NUMBERS)):
            # Of a value; of an element, before the write is undone.
            assigned.adjoint = event.out
        elif stmt.name == "addto":
            # What a variable that was read from an element hands on to it.
            assigned.adjoint = event.args[1]

    def _keep(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        if stmt.name not in ("store", "push", "load", "pop", "copy"):
            return
        fetched = stmt.loc.role == "fetch"
        if stmt.name == ("store" if fetched else "load"):
            # A variable that has its old value again; an element that is read to be kept.
            return
        bits = _bits(event, stmt)
        self.bits += -bits if fetched else bits
        if not fetched:
            facts.bits += bits
            self.most = max(self.most, -(-self.bits // 8))
        self.kept.see(event.step, self.bits / 8)

    def _adjoint(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        value = event.out
        target = stmt.args[0] if stmt.args else None
        if stmt.name in ("store", "addto") and isinstance(target, Var):
            value = event.args[0][tuple(event.args[2:])]
            value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, float | complex | np.inexact):
            size = float(np.abs(value))
            if math.isfinite(size):
                facts.largest = max(facts.largest, size)
                self.adjoints.see(event.step, size)

    def _finite(self, event: Event, out: Any) -> None:
        """Note the first NaN from operands without, and the first infinity from finite operands."""
        if self.bad is not None or np.isfinite(out):
            return
        numbers = [a for a in event.args if isinstance(a, _NUMBERS)]
        if not any(np.isnan(a) if np.isnan(out) else not np.isfinite(a) for a in numbers):
            self.bad = event.step

    # printed --------------------------------------------------------------------------------

    def table(self, recording: Recording, width: int | None = None) -> str:
        """Return what happened on each line, as text; lines of ``width`` characters, as far as that can be had."""
        from revtrace.runs.report import report

        return report(self, recording, width)


def _bits(event: Event, stmt: Op) -> int:
    """Return how many bits a value takes that is kept or fetched."""
    if stmt.name in ("store", "load"):
        return 8 * int(event.args[0].itemsize)
    if stmt.name in ("push", "pop") and isinstance(stmt.args[0], Var) and isinstance(stmt.args[0].type, Stack):
        # Truth values share bytes there.
        dtype = stmt.args[0].type.dtype
        return 1 if dtype == "b1" else 8 * int(dtype[1:])
    value = event.args[1] if stmt.name == "push" else event.out
    return 8 * int(value.nbytes if isinstance(value, np.ndarray) else np.asarray(value).itemsize)


def _named(program: Program, names: Names) -> Iterator[tuple[str, Var]]:
    """Yield the values that have a user's name; adjoints with `BAR` before it."""
    yield from ((v.name, v) for v in program.inputs if v.name)
    for stmt in walk(program.body):
        if stmt.loc.role == "bar" and isinstance(stmt, Op) and stmt.out is not None:
            name = names.at(stmt.loc) or stmt.out.name.removesuffix("_bar").removesuffix("bar")
            if name:
                yield BAR + name, stmt.out
        elif stmt.loc.role:
            made = (
                () if isinstance(stmt, Op) and stmt.out is None else (stmt.out,) if isinstance(stmt, Op) else stmt.outs
            )
            inner = stmt.params if isinstance(stmt, For | While) else ()
            yield from _reread(stmt, names)
            yield from ((BAR + v.name[:-4], v) for v in (*inner, *made) if v is not None and v.name.endswith("_bar"))

    def block(b: Block) -> Iterator[tuple[str, Var]]:
        for stmt in b.stmts:
            if stmt.loc.role:
                continue
            yield from _of(stmt, names)
            match stmt:
                case If():
                    yield from block(stmt.then)
                    yield from block(stmt.orelse)
                case For():
                    yield from block(stmt.body)
                case While():
                    yield from block(stmt.body)
            if isinstance(stmt, If | For | While):
                yield from ((v.name, v) for v in stmt.outs if v.name)

    yield from block(program.body)


def _reread(stmt: Stmt, names: Names) -> Iterator[tuple[str, Var]]:
    """Yield what the backward sweep has of the user's variables: fetched or computed again, and loops' indices."""
    match stmt:
        case Op(out=Var() as out) if stmt.loc.role in ("fetch", "again"):
            name = out.name if stmt.loc.role == "fetch" else names.at(stmt.loc)
            if name:
                yield name, out
        case For() if name := names.counted(stmt.loc):
            yield name, stmt.index


def _of(stmt: Stmt, names: Names) -> Iterator[tuple[str, Var]]:
    match stmt:
        case Op(out=Var() as out):
            name = names.of(stmt)
            if name:
                yield name, out
            elif out.name and stmt.name in ("alloc", "copy"):
                yield out.name, out
        case For() | While():
            yield from ((p.name, p) for p in stmt.params if p.name)
            if isinstance(stmt, For) and (name := names.counted(stmt.loc)):
                yield name, stmt.index
