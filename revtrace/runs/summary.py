"""What a whole run amounts to, collected step by step in a bounded amount of memory.

Per line: how often it ran, the variable it assigned and its last value, the adjoint of it, bytes kept there.
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
from revtrace.program.types import Scalar
from revtrace.replay.interpret import Event
from revtrace.runs.locals import Names
from revtrace.runs.stepper import Stepper

if TYPE_CHECKING:
    from revtrace.runs.recording import Recording

__all__ = ["BAR", "Curve", "LineFacts", "Summary"]

BAR = "adjoint of "
"""What stands before the name of a variable whose adjoint a value is."""

_POINTS = 512


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
class LineFacts:
    """What happened on one line.

    Attributes
    ----------
    forward, backward : int
        Operations executed.
    kept : int
        Bytes put aside for the backward sweep.
    target : str
        What the line assigns, where it is one thing, as it is written.
    variable : str
        The same with the numbers of its element, where an array is written.
    array : str
        The target, where it is an array.
    value : object
        What was assigned last.
    adjoint : object
        The adjoint of it that was complete last.
    largest : float
        Largest magnitude of adjoints of values computed on the line.
    """

    forward: int = 0
    backward: int = 0
    kept: int = 0
    target: str = ""
    variable: str = ""
    array: str = ""
    value: Any = None
    adjoint: Any = None
    largest: float = 0.0


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
    most : int
        The most bytes kept at once.
    turn : int or None
        The step at which the backward sweep begins.
    bad : int or None
        The step that gave the first NaN or infinity from finite operands.
    """

    program: Program
    plan: Plan | None
    names: Names
    owners: dict[Var, str]
    lines: dict[tuple[str, int], LineFacts] = field(default_factory=dict)
    kept: Curve = field(default_factory=lambda: Curve(holds=True))
    adjoints: Curve = field(default_factory=Curve)
    held: int = 0
    most: int = 0
    turn: int | None = None
    bad: int | None = None
    loaded: int | None = None

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
        if isinstance(event.out, float | complex):
            self._finite(event, event.out)
        if loc.role == "bar" and facts.target and self.names.target(loc) == facts.target:
            facts.adjoint = event.out
        if loc.role in ("adjoint", "bar"):
            self._adjoint(event, stmt, facts)

    def _assigned(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        """Note what an operation assigns: a variable, an attribute, or an element."""
        target = self.names.target(stmt.loc)
        if not target or stmt.out in self.names.tested:
            return
        base = target.partition("[")[0]
        if stmt.name == "store":
            # The element that was written, whether the line names it or the array.
            index = ", ".join(map(str, event.args[2:]))
            facts.target, facts.variable, facts.value = target, f"{base}[{index}]" if index else base, event.args[1]
        elif stmt.name == "call":
            facts.target, facts.variable, facts.value = target, base, event.args[0].copy()
        elif stmt.out is not None and not isinstance(stmt.out.type, Scalar):
            # An array that is filled later.
            facts.array = target
        elif stmt.out is not None and target != facts.array and not target.endswith("]"):
            facts.target, facts.variable, facts.value = target, target, event.out

    def _keep(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        if stmt.name not in ("store", "push", "load", "pop", "copy"):
            return
        size = _size(event, stmt)
        if stmt.loc.role == "fetch":
            self.held -= size
        elif stmt.name != "load":
            self.held += size
            facts.kept += size
            self.most = max(self.most, self.held)
        self.kept.see(event.step, self.held)

    def _adjoint(self, event: Event, stmt: Op, facts: LineFacts) -> None:
        value = event.out
        target = stmt.args[0] if stmt.args else None
        if stmt.name in ("store", "addto") and isinstance(target, Var):
            value = event.args[0][tuple(event.args[2:])]
            value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, float | complex):
            size = abs(value)
            if math.isfinite(size):
                facts.largest = max(facts.largest, size)
                self.adjoints.see(event.step, size)

    def _finite(self, event: Event, out: complex) -> None:
        if self.bad is not None or not isinstance(event.stmt, Op):
            return
        if np.isfinite(out):
            return
        numbers = [a for a in event.args if isinstance(a, float | complex)]
        if all(np.isfinite(a) for a in numbers):
            self.bad = event.step

    # printed --------------------------------------------------------------------------------

    def table(self, recording: Recording) -> str:
        """Return what happened on each line, as text."""
        from revtrace.runs.report import report

        return report(self, recording)


def _size(event: Event, stmt: Op) -> int:
    """Return the bytes of a value that is kept or fetched."""
    if stmt.name in ("store", "load"):
        return int(event.args[0].itemsize)
    value = event.args[1] if stmt.name == "push" else event.out
    if isinstance(value, np.ndarray):
        return value.nbytes
    return 1 if isinstance(value, bool | np.bool_) else 16 if isinstance(value, complex) else 8


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
