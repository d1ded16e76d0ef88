"""Loops walked once, with unknown carried values, and recorded as ``For`` or ``While``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revtrace.loc import Loc
from revtrace.program.nodes import Block, For, Operand, Stmt, Var, While, const
from revtrace.program.types import INT
from revtrace.trace.loop.carry import Carried
from revtrace.trace.loop.rotate import tested_first
from revtrace.trace.loop.ways import Loop, leave_by_handlers
from revtrace.trace.objects.rolling import Rolled
from revtrace.trace.signals import EndlessError, Growth, NeedStatic
from revtrace.trace.state import State
from revtrace.trace.values import Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Exit, Frame
    from revtrace.trace.machine import Tracer


__all__ = ["NotALoopError", "rolled_loop"]

MAX_ROUNDS = 12


class NotALoopError(Exception):
    """The body is always left before it repeats."""


class _LeftByHandlerError(Exception):
    """An instruction of the body always raises, and its handler leads out of the loop."""


def rolled_loop(t: Tracer, fr: Frame, loop: Loop, st: State, rolled: Rolled | None) -> State | None:
    """Record a loop; None where every way through its body raises."""
    if rolled is not None and rolled.endless:
        loop.ways[:] = [way for way in loop.ways if way[0] != 0]
    saved, entry = t.save(), st.fork()
    try:
        return _carrying(t, fr, loop, st, rolled)
    except _LeftByHandlerError:
        # That handler is one of the ways out.
        t.restore(saved)
        leave_by_handlers(fr, loop)
        try:
            return _carrying(t, fr, loop, entry, rolled)
        except _LeftByHandlerError:
            raise NeedStatic((), "an exception that leaves the loop must be known", t.b.loc) from None


def _carrying(t: Tracer, fr: Frame, loop: Loop, st: State, rolled: Rolled | None) -> State | None:
    """Record a loop with what it carries."""
    trips = None if rolled is None or rolled.endless else functools.partial(rolled.trips, t)
    around = t.lists_around
    after = frozenset[str]().union(*(fr.shape.live[target] for _, target in loop.ways))
    live = fr.shape.live[loop.header]
    carried = Carried(t, st, _stored(fr, loop.header), live, after, trips, len(loop.ways) > 1)
    carried.key = (fr.shape.code, loop.header)
    t.lists_around = around | set(carried.entry.heap)
    t.pins.rolling += 1
    t.rolling.append(carried.key)
    try:
        return _rolled(t, fr, loop, carried, rolled)
    finally:
        t.rolling.pop()
        t.pins.rolling -= 1
        t.lists_around = around


@dataclass(slots=True)
class _Body:
    """A loop's body, walked once."""

    index: Var
    stmts: list[Stmt]
    exits: list[Exit]
    """Empty where every way through the body raises."""
    appended: dict[int, Operand | None]
    """How many items it appends to which list."""
    grows: Growth | None = None
    """The list that must be given buffers before the body can be walked on."""
    settled: bool = False
    """Whether every variable ends in the form that it was assumed to have."""
    yields: Sequence[Operand] = ()
    leaves: Operand | None = None
    """Whether an iteration leaves the loop; None where none does."""


def _rolled(t: Tracer, fr: Frame, loop: Loop, carried: Carried, rolled: Rolled | None) -> State | None:
    """Walk the body until what is carried has settled, and append the loop."""
    loc = t.b.loc
    for _ in range(MAX_ROUNDS):
        saved = t.save()
        body = _walked(t, fr, loop, carried, rolled)
        if body.settled and not carried.lists.lacks_room(body.appended):
            break
        t.restore(saved)
        if body.settled:
            carried.lists.make_room(body.appended)
        elif body.grows is None:
            carried.widen()
        elif not carried.lists.grow(body.grows):
            raise NeedStatic((), "a list grows in a way that cannot be foreseen", loc)
    else:
        raise NeedStatic((), "a variable gets another form in each iteration", loc)
    if (rolled is None or rolled.endless) and body.leaves is None:
        if not body.exits:
            # Every way through the body raises.
            t.dead_end()
            return None
        raise EndlessError("a loop without an end", "nothing in it can leave it", "give it a condition", t.b.loc)
    inits = carried.inits()
    outs = {p: Var(p.type, p.name) for p in carried.params}
    statement, tested = _statement(loop, carried, rolled, body, inits, tuple(outs.values()), loc)
    t.b.append(statement)
    for var in (*outs.values(), *carried.params):
        t.loop_keys[var] = (fr.shape.code, loop.header)
    if body.appended:
        carried.lists.tell_appended(body.appended)
    only = loop.ways[0][0] if len(loop.ways) == 1 else None
    return carried.after({**outs, **_lengths(carried, rolled, body, inits)}, tested, only)


def _walked(t: Tracer, fr: Frame, loop: Loop, carried: Carried, rolled: Rolled | None) -> _Body:
    """Walk the body from the state assumed at its start."""
    loc = t.b.loc
    index = Var(INT, rolled.hint if rolled else "i")
    carried.spans = functools.partial(_spans, t, index, rolled)
    around, t.appended = t.appended, {}
    with t.b.block() as stmts:
        t.b.own(index)
        for p in carried.params:
            t.b.own(p)
        loop.params = {index, *carried.params}
        trading, t.trading = t.trading, carried.trades
        state = carried.state.fork()
        if rolled is not None:
            start = fr.flow.blocks[loop.header].successors[0]
            state.stack.append(rolled.element(t, state, index))
        else:
            start = loop.header
        grows: Growth | None = None
        try:
            exits = t.run(fr, start, state, loop.stops, inside=True)
        except NeedStatic as need:
            if need.grows is None or not carried.lists.may_grow(need.grows):
                raise
            exits, grows = [], need.grows
        finally:
            t.trading = trading
        t.b.loc = loc
        body = _Body(index, stmts, exits, t.appended, grows)
        t.appended = around
        if grows is not None:
            return body
        if not exits:
            body.settled, body.yields = True, carried.params
            return body
        if any(e.label != "end" for e in exits):
            raise _LeftByHandlerError
        (end,) = exits
        body.settled, body.yields = carried.fits(end.state), carried.yields
        tag = end.state.tag
        if isinstance(tag, Static):
            tag = tag.value
        if not isinstance(tag, int):
            body.leaves = t.b.compare("ne", tag.operand, const(0, "i8"))
        elif tag != 0:
            if rolled is None:
                raise NotALoopError
            body.leaves = const(True)
    return body


def _lengths(carried: Carried, rolled: Rolled | None, body: _Body, inits: Sequence[Operand]) -> dict[Var, Operand]:
    """Return the lengths of lists after a loop that walks all of its iterations."""
    if rolled is None or rolled.endless or body.leaves is not None:
        return {}
    params = carried.params
    return carried.lists.lengths_after(
        dict(zip(params, inits, strict=True)), dict(zip(params, body.yields, strict=True))
    )


def _statement(
    loop: Loop,
    carried: Carried,
    rolled: Rolled | None,
    body: _Body,
    inits: Sequence[Operand],
    outs: tuple[Var, ...],
    loc: Loc,
) -> tuple[For | While, bool]:
    """Return the loop as a statement of the program, and whether it is tested first."""
    params, count = tuple(carried.params), Var(INT, "count")
    stmts, leaves = tuple(body.stmts), body.leaves
    yields = [carried.going.get(p, x) for p, x in zip(params, body.yields, strict=True)]
    whole = Block(stmts, (*yields, *(() if leaves is None else (leaves,))))
    if rolled is not None:
        bounds = (rolled.start, rolled.stop, rolled.step)
        return For(body.index, *bounds, params, tuple(inits), whole, outs, count, leaves is not None, loc), False
    assert leaves is not None
    tested = tested_first(body.stmts, body.yields, leaves, carried.params) if len(loop.ways) == 1 else None
    cond, inner = tested or (Block((), (const(True),)), whole)
    return While(params, tuple(inits), cond, inner, outs, count, tested is None, loc), tested is not None


def _spans(t: Tracer, index: Var, rolled: Rolled | None) -> dict[Var, tuple[Operand, Operand]]:
    """Return the least and the greatest index of the loop, by the index."""
    return {} if rolled is None else {index: rolled.ends(t)}


def _stored(fr: Frame, header: int) -> frozenset[str]:
    """Return the variables that a loop assigns."""
    names: set[str] = set()
    for k in fr.flow.loops[header].blocks:
        names |= {i.arg for i in fr.flow.blocks[k].instrs if i.name in ("STORE_LOCAL", "STORE_CELL")}
    return frozenset(names)
