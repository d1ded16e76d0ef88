"""Instructions inside of ``try`` that raise for some numbers only: both ways are walked, and join where they meet.

Whether such an instruction raises is a test in the middle of it.  When the test is met, what has been recorded
of the instruction is left to compute the test, and the instruction is walked once more in each arm of a
condition on it, from the state before it: once with the test passed, once with it failed, which leads to the handler.
That takes a test made in the block the instruction is recorded in, and nothing written before it; otherwise
the outcome is pinned (`revtrace.trace.pins`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.program.nodes import Block, Const, Op, Operand, Stmt, const, regions, used, walk
from revtrace.trace.objects.texts import RunTimeText
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Maybe, Static

if TYPE_CHECKING:
    from collections.abc import Mapping

    from revtrace.decode.records import Handler
    from revtrace.trace.frames import Exit, Frame, Stop
    from revtrace.trace.machine import Tracer
    from revtrace.trace.recorder import Recorder
    from revtrace.trace.state import State

__all__ = [
    "RAISED", "Attempt", "Parting", "answer", "arrive", "attempt", "caught_inside", "leave_by", "part",
    "raised_to", "ways_of_raising", "ways_out_of_handlers",
]  # fmt: skip

RAISED = ".raised"
"""Where the state at a loop's end holds the exception that left it."""

_WRITING = frozenset({"store", "addto", "fill", "copyto", "push", "pop"})


@dataclass(slots=True)
class Attempt:
    """An instruction being walked, and how its tests that were met so far come out."""

    stmts: list[Stmt]
    start: int
    answers: tuple[bool, ...]
    met: int = 0


@dataclass(slots=True)
class Parting(BaseException):
    """A test that decides whether the instruction being walked raises; ``state`` is the one before it."""

    cond: Operand
    answers: tuple[bool, ...]
    state: Any = field(default=None)


def attempt(t: Tracer, fr: Frame, st: State, instr: Instr, answers: tuple[bool, ...]) -> Any:
    """Walk an instruction that a handler watches; returns its outcome, or the test that decides about it."""
    from revtrace.trace.steps.instructions import step

    before, appended = st.fork(), dict(t.appended)
    outer, t.attempt = t.attempt, Attempt(t.b.stmts, len(t.b.stmts), answers)
    try:
        return step(t, fr, st, instr)
    except Parting as parting:
        parting.state = before
        t.appended, t.memo = appended, {}
        _keep_test(t, t.attempt.start, parting.cond)
        return parting
    finally:
        t.attempt = outer


def answer(t: Recorder, cond: Operand) -> Operand | None:
    """Return how a test comes out in the instruction being walked; None where that has to be found otherwise."""
    now = t.attempt
    if now is None or t.b.stmts is not now.stmts:
        return None
    if now.met < len(now.answers):
        now.met += 1
        return const(now.answers[now.met - 1])
    if not _pure(now.stmts[now.start :]):
        return None
    known = t.pins.condition(t, cond, ("part", t.frames[-1].shape.code, t.b.loc))
    if isinstance(known, Const):
        return known
    raise Parting(cond, now.answers)


def _keep_test(t: Tracer, start: int, cond: Operand) -> None:
    """Forget what was recorded since, but for what a test is computed by."""
    stmts = t.b.stmts
    needed = {cond}
    kept: list[Stmt] = []
    for stmt in reversed(stmts[start:]):
        if isinstance(stmt, Op) and stmt.out is not None and stmt.out not in needed:
            continue
        for x in walk(Block((stmt,))):
            needed.update(used(x), *(block.results for block in regions(x)))
        if isinstance(stmt, Op) and stmt.out is not None:
            # Where the test fails, the number it is of has no derivative: no arm shares it.
            out, stmt = stmt.out, replace(stmt, attrs=(*stmt.attrs, ("tested", True)))
            t.b.defs[out] = stmt
        kept.append(stmt)
    stmts[start:] = reversed(kept)


def _pure(stmts: list[Stmt]) -> bool:
    """Whether statements write to nothing but what they make."""
    ops = [x for x in walk(Block(tuple(stmts))) if isinstance(x, Op)]
    made: set[Any] = {x.out for x in ops if x.name in ("alloc", "copy")}
    return all(x.name not in _WRITING or x.args[0] in made for x in ops)


def part(t: Tracer, fr: Frame, block: int, at: int, parting: Parting, stops: Mapping[int, Stop]) -> list[Exit]:
    """Walk on from an instruction of a block both with a test passed and with it failed."""
    current = fr.flow.blocks[block]
    assert current.handler is not None
    merge = t.first_common(fr, t.reach(fr, current.successors, stops), t.reach(fr, (current.handler,), stops))
    inner = stops if merge is None else {**stops, merge: t.stop_at(merge)}
    mark, t.fork_mark = t.fork_mark, t.latest()
    loc = t.b.loc
    arms: list[tuple[list[Stmt], list[Exit]]] = []
    for truth in (True, False):
        state = parting.state.fork()
        with t.under(parting.cond) as stmts:
            try:
                exits = t.run(fr, block, state, inner, inside=True, at=at, answers=(*parting.answers, truth))
                exits = t.resume(fr, exits, inner)
            except PythonRaise:
                t.dead_end(caught=True)
                exits = []
        arms.append((stmts, exits))
    t.b.loc = loc
    joined = t.combine(parting.cond, *arms[0], *arms[1])
    if merge is not None:
        joined = t.resume(fr, joined, inner, postponed=True)
    try:
        return t.go_on(fr, merge, joined, stops)
    finally:
        t.fork_mark = mark


def raised_to(fr: Frame, block: int) -> Handler | None:
    """Return how a block is entered by exceptions; None for others."""
    found = (i.handler for b in fr.flow.blocks if b.handler == block for i in b.instrs)
    return next((fr.flow.decoded.handlers[h] for h in found if h is not None), None)


def ways_of_raising(fr: Frame, header: int, depth: int) -> list[int]:
    """List the handlers of a loop's blocks by which it is left, because they lie around it or never go back into it."""
    flow = fr.flow
    inside = flow.loops[header].blocks
    found = []
    around = sorted(inside | _going_back(fr, header).keys())
    for block in dict.fromkeys(flow.blocks[k].handler for k in around):
        if block is None or block in inside or _leads_into(fr, block, inside):
            continue
        entry = raised_to(fr, block)
        if entry is not None and entry.depth <= depth:
            found.append(block)
    return found


def caught_inside(fr: Frame, block: int, header: int) -> bool:
    """Whether a loop goes on after the exception that a block of it ends in, if the function does."""
    handler = fr.flow.blocks[block].handler
    return handler is None or _leads_into(fr, handler, fr.flow.loops[header].blocks)


def _leads_into(fr: Frame, block: int, blocks: frozenset[int]) -> bool:
    """Whether code that only exceptions reach goes on among the given blocks."""
    seen: set[int] = set()
    todo = [block]
    while todo:
        k = todo.pop()
        if k in blocks:
            return True
        if k not in seen and k not in fr.flow.reach[0]:
            seen.add(k)
            todo += _ways_on(fr, k)
    return False


def _ways_on(fr: Frame, block: int) -> tuple[int, ...]:
    """List the blocks to which one leads, also by raising."""
    found = fr.flow.blocks[block]
    return found.successors if found.handler is None else (*found.successors, found.handler)


def ways_out_of_handlers(fr: Frame, header: int) -> list[int]:
    """List the blocks to which handlers that go back into a loop go out of it: ``break`` in a handler."""
    flow = fr.flow
    inside, members = flow.loops[header].blocks, _going_back(fr, header)
    ways = (to for k in members for to in flow.blocks[k].successors)
    return list(dict.fromkeys(to for to in ways if not {to} & (members.keys() | inside | fr.shape.raising)))


def _going_back(fr: Frame, header: int) -> dict[int, None]:
    """List the blocks that only exceptions reach and that go back into a loop: they are a part of it."""
    flow = fr.flow
    inside = flow.loops[header].blocks
    members: dict[int, None] = {}
    todo = [flow.blocks[k].handler for k in sorted(inside)]
    while todo:
        k = todo.pop()
        if k is not None and k not in members and k not in inside and _leads_into(fr, k, inside):
            members[k] = None
            todo += _ways_on(fr, k)
    return members


def leave_by(t: Tracer, st: State, signal: PythonRaise) -> None:
    """Note the exception by which a loop is left."""
    # What was changed before, in a function called from here, stays changed.
    st.heap = t.current.heap
    error = signal.error
    if signal.value is not None:
        st.locals[RAISED] = signal.value
        return
    if type(error) not in t.raising:
        made = type(error).__new__(type(error))
        made.args = (RunTimeText(t.b.loc, ()),)
        t.raising[type(error)] = Static(made)
    st.locals[RAISED] = t.raising[type(error)]


def arrive(t: Tracer, st: State, entry: Handler) -> None:
    """Enter a handler after a loop that an exception has left."""
    error = st.locals.pop(RAISED)
    # Where the loop is left in this way, there is one.
    error = t.use(error.value if isinstance(error, Maybe) else error)
    del st.stack[entry.depth :]
    if entry.push_lasti:
        st.stack.append(Static(0))
    st.stack.append(error)
