"""Loops: rolled into ``For`` and ``While`` where they can be, unrolled where they must be.

A rolled loop's body is walked with unknown carried values until the form of every
variable at its end fits the form assumed at its start.  If something in the body must be
known when tracing (an index into a tuple of different things, a container that
grows), the loop is unrolled instead, provided that its trip count is known.

Ways out of the body (``break``, ``return`` ...) are numbered: the state's ``tag`` says which
one was taken, 0 for none, and the code after the loop branches on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.trace.frames import Exit, Stop
from revtrace.trace.loop.rolled import NotALoopError, rolled_loop
from revtrace.trace.loop.unrolled import unrolled
from revtrace.trace.loop.ways import Loop, leave, leave_by_handlers, way_out
from revtrace.trace.objects.iterators import taken, used_up
from revtrace.trace.objects.rolling import roll
from revtrace.trace.signals import EndlessError, NeedStatic, PythonRaise
from revtrace.trace.state import IterBox, State
from revtrace.trace.steps.attempts import (
    caught_inside,
)
from revtrace.trace.steps.suspended import Shared, run_before, suspend
from revtrace.trace.values import Ref

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["trace_loop"]


def trace_loop(t: Tracer, fr: Frame, header: int, st: State, stops: Mapping[int, Stop]) -> list[Exit]:
    """Trace a loop from its header; returns the exits of the code after it."""
    t.settle_stack(st)
    info = fr.flow.loops[header]
    block = fr.flow.blocks[header]
    counted = bool(block.instrs) and block.instrs[-1].name == "FOR_ITER"
    depth = len(st.stack)
    inner: dict[int, Stop] = {header: Stop("end", 0, depth=depth)}
    ways: list[tuple[int, int]] = []
    if counted:
        ways.append((0, block.successors[1]))
    for source, target in info.exits:
        if counted and source == header:
            continue
        if target in fr.shape.raising and caught_inside(fr, target, header):
            continue
        if target not in inner:
            tag = len(inner)
            inner[target] = way_out(fr, target, tag, depth)
            ways.append((tag, target))
    loop = Loop(header, counted, inner, ways, depth)
    ends = {*info.blocks, *(target for _, target in info.exits)} & fr.shape.raising
    raises = any(not t.plain_raise(fr, target) for target in ends)
    if t.failed or t.parts or t.decides or raises:
        leave_by_handlers(fr, loop)
    outer_tag = st.tag
    st.tag = 0
    loc = t.b.loc
    if block.instrs:
        t.b.loc = block.instrs[0].loc
    key = (fr.shape.code, header)
    mark, t.fork_mark = t.fork_mark, t.latest()
    try:
        after: State | Exit | None
        with t.apart(fr):
            after = (_counted if counted else _uncounted)(t, fr, loop, st, key)
    finally:
        t.fork_mark = mark
    t.b.loc = loc
    if after is None:
        return []
    if isinstance(after, Exit):
        return [after]
    tag = after.tag
    after.tag = outer_tag
    return leave(t, fr, loop, after, tag, stops)


def _counted(t: Tracer, fr: Frame, loop: Loop, st: State, key: Any) -> State | Exit | None:
    ref = st.stack[-1]
    if not isinstance(ref, Ref):
        raise t.unsupported(
            f"iterating over {t.describe(ref)}",
            "it is not an iterable revtrace knows",
            "loop over a range, an array, a list, a tuple or a generator",
        )
    box = st.box(ref)
    if isinstance(box, IterBox) and box.kind == "generator":
        return _generated(t, fr, loop, st, ref, key)
    return _known_parts(t, fr, loop, st, ref, key)


def _generated(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over a generator: over what it yields, unless the two work on the same things."""
    why = "a generator and the loop over it change the same things"
    if key in t.unroll:
        sources = run_before(t, st, ref)
        suspend(st, ref)
        after = _taking(t, fr, loop, st, ref, key)
        if len(loop.ways) > 1:
            _left(after, sources, None)
        return after
    loc = t.b.loc
    sources = run_before(t, st, ref)
    walked = st.stack[-1] = taken(t, st, ref)
    after = _taking(t, fr, loop, st, walked, key)
    shared = t.early.get(walked.id)
    if shared is not None and (shared.acted or isinstance(after, State) and shared.looped(after)):
        need = NeedStatic((), why, loc)
        need.loops = [key]
        raise need
    if shared is not None and len(loop.ways) > 1:
        _left(after, [shared], key)
    if len(loop.ways) > 1:
        _left(after, sources, None)
    return after


def _left(after: State | Exit | None, shared: list[Shared], loop: Any) -> None:
    """Note that a loop may have left items of generators that were run to their end."""
    if after is None:
        return
    state = after.state if isinstance(after, Exit) else after
    for each in shared:
        each.left(state, loop or each.place)


def _known_parts(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over an iterator that may take from generators, which were run to their end when it was made."""
    shared = run_before(t, st, ref)
    after = _taking(t, fr, loop, st, ref, key)
    for s in shared:
        if s.place not in t.unroll and (s.acted or isinstance(after, State) and s.looped(after)):
            need = NeedStatic((), "a generator and the loop over it change the same things", t.b.loc)
            need.loops = [s.place]
            raise need
    if isinstance(after, State) and any(s.looped(after) for s in shared):
        raise t.unsupported(
            "a generator and the loop over it change the same things",
            "the generator was run to its end before the loop",
            "loop over the generator itself, or collect what it yields in a list first",
        )
    if len(loop.ways) > 1:
        _left(after, shared, None)
    return after


def _taking(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over an iterator."""
    rolled = None if key in t.unroll else roll(t, st, ref)
    if rolled is None or (rolled.table and key in t.written_out):
        return unrolled(t, fr, loop, st)
    saved = t.save()
    entry = st.fork()
    try:
        after = rolled_loop(t, fr, loop, st, rolled)
        if after is not None:
            used_up(after, ref, key, complete=len(loop.ways) == 1)
        return after
    except NeedStatic as need:
        need.loops.append(key)
        if need.operands and not t.depends(need.operands, loop.params):
            raise
        if not rolled.known:
            bounds = NeedStatic(rolled.bounds, need.why, need.loc)
            bounds.loops = need.loops
            raise bounds from None
    except (PythonRaise, UnsupportedError):
        if not rolled.table:
            raise
    if rolled.table:
        # Not to be tried again, where the function is called next.
        t.written_out.add(key)
    t.restore(saved)
    return unrolled(t, fr, loop, entry)


def _uncounted(t: Tracer, fr: Frame, loop: Loop, st: State, key: Any) -> State | Exit | None:
    if key in t.unroll:
        return unrolled(t, fr, loop, st)
    saved = t.save()
    entry = st.fork()
    try:
        return rolled_loop(t, fr, loop, st, None)
    except NeedStatic as need:
        need.loops.append(key)
        if need.operands and not t.depends(need.operands, loop.params):
            raise
        t.restore(saved)
        return unrolled(t, fr, loop, entry)
    except NotALoopError:
        t.restore(saved)
        return unrolled(t, fr, loop, entry)
    except EndlessError:
        handled = any(fr.flow.blocks[k].handler is not None for k in fr.flow.loops[loop.header].blocks)
        handled = handled or any(frame.trying for frame in t.frames[:-1])
        if t.pins.oracle is None or fr.on_yield is not None or not handled:
            raise
        leave_by_handlers(fr, loop)
        return _left_by_raising(t, fr, loop, entry, saved)


def _left_by_raising(t: Tracer, fr: Frame, loop: Loop, entry: State, saved: Any) -> State | Exit | None:
    """Walk a loop that nothing but an exception leaves."""
    t.restore(saved)
    parts, decides = t.parts, t.decides
    t.parts = True
    try:
        return rolled_loop(t, fr, loop, entry.fork(), None)
    except (NeedStatic, EndlessError, NotALoopError):
        t.restore(saved)
        if t.pins.rolling:
            raise NeedStatic((), "an exception that leaves the loop must be known", t.b.loc) from None
        t.parts, t.decides = parts, True
        return unrolled(t, fr, loop, entry)
    finally:
        t.parts, t.decides = parts, decides
