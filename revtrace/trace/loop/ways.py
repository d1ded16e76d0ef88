"""The ways out of a loop: they are numbered, and the code after the loop branches on which one was taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Var, const
from revtrace.trace.frames import ABOVE, RETURN, Exit, Stop, waiting
from revtrace.trace.state import State
from revtrace.trace.steps.attempts import (
    RAISED,
    arrive,
    raised_to,
    ways_of_raising,
    ways_out_of_handlers,
)
from revtrace.trace.values import NONE, Maybe, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["Loop", "leave", "leave_by_handlers", "way_out"]


@dataclass(slots=True)
class Loop:
    """A loop being traced."""

    header: int
    counted: bool
    stops: dict[int, Stop]
    ways: list[tuple[int, int]]
    """Tags and the blocks outside that they lead to; tag 0 is exhaustion of a counted loop."""
    depth: int
    """How much lies on the stack at the header."""
    params: set[Var] = field(default_factory=set)
    tries: int = 0
    """How often it was tried as a rolled loop after iterations of its own."""


def way_out(fr: Frame, target: int, tag: int, depth: int) -> Stop:
    """Return the stop of walks that leave a loop for a block."""
    expected = None if raised_to(fr, target) is not None else fr.flow.blocks[target].depth
    return Stop("end", tag, depth=depth, above=0 if expected is None else max(0, expected - depth))


def leave_by_handlers(fr: Frame, loop: Loop) -> None:
    """Have exceptions that are caught outside of a loop, and what handlers inside jump to, among the ways out of it."""
    for target in (*ways_of_raising(fr, loop.header, loop.depth), *ways_out_of_handlers(fr, loop.header)):
        if target not in loop.stops:
            tag = len(loop.stops)
            loop.stops[target] = way_out(fr, target, tag, loop.depth)
            loop.ways.append((tag, target))


def leave(t: Tracer, fr: Frame, loop: Loop, st: State, tag: Any, stops: Mapping[int, Stop]) -> list[Exit]:
    """Go on after a loop, the way its tag says."""
    from revtrace.trace.machine import TRUE

    def fix(way: int) -> Callable[[State], None]:
        target = dict(loop.ways)[way]
        entry = raised_to(fr, target)

        def pop(state: State) -> None:
            above = [state.locals.pop(waiting(way, k), NONE) for k in range(loop.stops[target].above if way else 0)]
            state.locals = {k: v for k, v in state.locals.items() if not k.startswith(ABOVE)}
            if entry is not None:
                if target not in stops:
                    arrive(t, state, entry)
                return
            # Where the loop is left in this way, they are there.
            state.stack += [value.value if isinstance(value, Maybe) else value for value in above]
            if loop.counted and way == 0 and fr.flow.blocks[loop.header].instrs[-1].arg:
                state.stack.pop()

        return pop

    if isinstance(tag, Static):
        tag = tag.value
    if isinstance(tag, int):
        target = dict(loop.ways)[tag]
        fix(tag)(st)
        return t.run(fr, target, st, stops)

    left = loop.ways
    if RAISED not in st.locals:
        left = [(way, target) for way, target in left if raised_to(fr, target) is None]

    def among(ways: list[tuple[int, int]], state: State) -> list[Exit]:
        (way, target), rest = ways[0], ways[1:]
        if not rest:
            fix(way)(state)
            if target in stops:
                return [t.stopped(fr, target, state, stops[target])]
            return [Exit(target, state, TRUE)]
        cond = t.b.compare("eq", tag.operand, const(way, "i8"))
        if len(rest) == 1:
            return t.fork(fr, cond, [(target, fix(way)), (rest[0][1], fix(rest[0][0]))], state, stops)
        one = state.fork()
        fix(way)(one)
        taken = t.arm(fr, cond, target, one, stops)
        with t.under(cond) as others:
            b = t.resume(fr, among(rest, state.fork()), stops)
        return t.combine(cond, *taken, others, b)

    mark, t.fork_mark = t.fork_mark, t.latest()
    try:
        exits = among(left, st)
    finally:
        t.fork_mark = mark
    if any(isinstance(e.label, int) and e.label != RETURN and e.label not in stops for e in exits):
        return t.resume(fr, exits, stops)
    return exits
