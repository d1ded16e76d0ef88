"""Frames of the tracer: a function's shape, where it stops, and the ways out of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from revtrace.decode import decode
from revtrace.program.nodes import Operand
from revtrace.structure import Flow, analyse
from revtrace.trace.liveness import live_in
from revtrace.trace.record import Source
from revtrace.trace.state import State
from revtrace.trace.values import Ref, Value

__all__ = ["ABOVE", "RETURN", "Exit", "Frame", "Stop", "shape_of", "waiting"]

RETURN = -1

ABOVE = ".above "
"""How the names of the locals begin in which values wait that lie above a loop's own stack."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a code object before it is traced."""

    code: CodeType
    flow: Flow
    live: Mapping[int, frozenset[str]]
    raising: frozenset[int]
    cells: tuple[str, ...]
    freevars: tuple[str, ...]


_shapes: dict[tuple[str, CodeType], Shape] = {}


def shape_of(code: CodeType) -> Shape:
    """Decode and analyse a code object, once."""
    # Code objects of two files are equal where their text is: places would be those of the first.
    key = code.co_filename, code
    found = _shapes.get(key)
    if found is None:
        decoded = decode(code)
        flow = analyse(decoded)
        found = Shape(code, flow, live_in(flow), _raising(flow), tuple(decoded.cells), tuple(decoded.freevars))
        _shapes[key] = found
    return found


def _raising(flow: Flow) -> frozenset[int]:
    """Blocks from which every way ends in an exception."""
    raising: set[int] = set()
    changed = True
    while changed:
        changed = False
        for block in flow.blocks:
            if block.index in raising:
                continue
            if block.successors:
                hit = all(s in raising for s in block.successors)
            else:
                hit = bool(block.instrs) and block.instrs[-1].name in ("RAISE", "RERAISE")
            if hit and not any(i.name == "YIELD_VALUE" for i in block.instrs):
                raising.add(block.index)
                changed = True
    return frozenset(raising)


@dataclass(slots=True)
class Frame:
    """One activation of a traced function."""

    shape: Shape
    function: Any
    source: Source | None
    globals: dict[str, Any]
    cells: dict[str, Ref]
    on_yield: Callable[[State, Value], None] | None = None
    imports: dict[str, Any] = field(default_factory=dict)
    start: int = 0
    """How many values the program had when the frame was entered."""
    trying: bool = False
    """Whether the instruction being traced is inside a ``try`` or ``with``."""
    nesting: int = 0
    """In how many arms of conditions the walk is, since the loop or the frame around was entered."""

    @property
    def flow(self) -> Flow:
        """The function's blocks."""
        return self.shape.flow


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a walk ends: the label it ends with, the tag it leaves in the state, the block meant.

    At a loop's end the stack is cut to ``depth`` values; so many ``above`` these wait in locals (`waiting`), as the
    block after the loop goes on with them: the subject of a ``match``, what a ``with`` calls when it is left.
    """

    label: Any
    tag: int = 0
    block: int | None = None
    depth: int = 0
    above: int = 0


def waiting(tag: int, place: int) -> str:
    """Return the local in which a value above a loop's own stack waits until the loop is left by a way."""
    return f"{ABOVE}{tag} {place}"


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a walked region: its label, the state there, and the flag that says it was taken.

    One that is ``postponed`` is walked on from only after the conditions around it, see `Tracer.fork`.
    """

    label: Any
    state: State
    flag: Operand
    postponed: bool = False
