"""Loops: rolled into ``For`` and ``While`` where they can be, unrolled where they must be.

A rolled loop's body is walked with unknown carried values until the form of every
variable at its end fits the form assumed at its start.  If something in the body must be
known when tracing (an index into a tuple of different things, a container that
grows), the loop is unrolled instead, provided that its trip count is known.

Ways out of the body (``break``, ``return`` ...) are numbered: the state's ``tag`` says which
one was taken, 0 for none, and the code after the loop branches on it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Block, For, Operand, Var, While, const
from revtrace.program.types import INT
from revtrace.trace.frames import RETURN, Exit, Stop
from revtrace.trace.loop.carry import Carried
from revtrace.trace.loop.rotate import tested_first
from revtrace.trace.objects.iterators import advance, parts_of, taken, used_up
from revtrace.trace.objects.rolling import Rolled, roll
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import EndlessError, Growth, NeedStatic, PythonRaise
from revtrace.trace.state import IterBox, State
from revtrace.trace.steps.attempts import (
    RAISED,
    arrive,
    caught_inside,
    raised_to,
    ways_of_raising,
    ways_out_of_handlers,
)
from revtrace.trace.steps.suspended import suspend
from revtrace.trace.values import NONE, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["trace_loop"]

MAX_ROUNDS = 12
MAX_UNROLL = 4096


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
            inner[target] = Stop("end", tag, depth=depth)
            ways.append((tag, target))
    loop = Loop(header, counted, inner, ways, depth)
    raises = any(target in fr.shape.raising and not t.plain_raise(fr, target) for _, target in info.exits)
    if t.failed or t.parts or t.decides or raises:
        _leave_by_handlers(fr, loop)
    outer_tag = st.tag
    st.tag = 0
    loc = t.b.loc
    if block.instrs:
        t.b.loc = block.instrs[0].loc
    key = (fr.shape.code, header)
    mark, t.fork_mark = t.fork_mark, t.latest()
    try:
        after: State | Exit | None
        if counted:
            after = _counted(t, fr, loop, st, key)
        else:
            after = _uncounted(t, fr, loop, st, key)
    finally:
        t.fork_mark = mark
    t.b.loc = loc
    if after is None:
        return []
    if isinstance(after, Exit):
        return [after]
    tag = after.tag
    after.tag = outer_tag
    return _leave(t, fr, loop, after, tag, stops)


def _leave_by_handlers(fr: Frame, loop: Loop) -> None:
    """Have exceptions that are caught outside of a loop, and what handlers inside jump to, among the ways out of it."""
    for target in (*ways_of_raising(fr, loop.header, loop.depth), *ways_out_of_handlers(fr, loop.header)):
        if target not in loop.stops:
            tag = len(loop.stops)
            loop.stops[target] = Stop("end", tag, depth=loop.depth)
            loop.ways.append((tag, target))


def _leave(t: Tracer, fr: Frame, loop: Loop, st: State, tag: Any, stops: Mapping[int, Stop]) -> list[Exit]:
    """Go on after a loop, the way its tag says."""
    from revtrace.trace.machine import TRUE

    def fix(way: int) -> Callable[[State], None]:
        target = dict(loop.ways)[way]
        entry = raised_to(fr, target)

        def pop(state: State) -> None:
            if entry is not None:
                if target not in stops:
                    arrive(t, state, entry)
                return
            expected = fr.flow.blocks[target].depth
            while way and expected is not None and len(state.stack) < expected:
                state.stack.append(NONE)
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


# unrolled ------------------------------------------------------------------------------


def _unrolled(t: Tracer, fr: Frame, loop: Loop, st: State) -> State | Exit | None:
    """Walk the iterations one after another."""
    for k in range(MAX_UNROLL):
        if loop.counted:
            ref = st.stack[-1]
            assert isinstance(ref, Ref)
            item = advance(t, st, ref)
            if item is None:
                st.tag = 0
                return st
            st.stack.append(item)
            start = fr.flow.blocks[loop.header].successors[0]
        else:
            start = loop.header
        exits = t.run(fr, start, st, loop.stops, inside=True)
        if not exits:
            return None
        if len(exits) > 1:
            raise t.unsupported(
                "a loop that an exception leaves on some ways",
                "it is unrolled, and whether the exception is raised is known only when running",
                "test the condition with if before the operation that fails",
            )
        (end,) = exits
        if end.label == RETURN:
            # A handler outside of the loop went on to the function's end.
            return end
        st = end.state
        st.locals = {name: v for name, v in st.locals.items() if v is not DEAD}
        tag = st.tag
        if isinstance(tag, Static):
            tag = tag.value
        if tag == 0 and isinstance(tag, int):
            continue
        if isinstance(tag, int):
            return st
        if k > 512:
            break
        return _maybe_more(t, fr, loop, st, tag)
    raise t.unsupported(
        "a loop that must be unrolled runs too long",
        "something in its body has to be known when tracing, so each iteration is recorded on its own",
        "keep containers and their structure out of long loops, or use arrays",
    )


def _lazy(st: State, ref: Any) -> bool:
    """Whether an iterator has a generator in it that may have no end."""
    box = st.box(ref) if isinstance(ref, Ref) else None
    if not isinstance(box, IterBox):
        return False
    return box.kind in ("suspended", "count", "cycle") or (
        box.kind in ("zip", "enumerate", "map") and any(_lazy(st, part) for part in box.parts)
    )


def _maybe_more(t: Tracer, fr: Frame, loop: Loop, st: State, tag: Any) -> State | Exit | None:
    """Go on unrolling under the condition that the loop was not left."""
    from revtrace.trace.machine import TRUE

    if not loop.counted or _lazy(st, st.stack[-1]):
        raise NeedStatic(
            (tag.operand,),
            "the end of a while loop must be known, in whose body something changes structure",
            t.b.loc,
        )
    go_on = t.b.compare("eq", tag.operand, const(0, "i8"))
    mark, t.fork_mark = t.fork_mark, t.latest()
    with t.under(go_on) as left:
        more = st.fork()
        more.tag = 0
        try:
            rest = _unrolled(t, fr, loop, more)
        except PythonRaise:
            t.dead_end()
            rest = None
    if isinstance(rest, Exit):
        raise NeedStatic((tag.operand,), "an exception that leaves the loop must be known", t.b.loc)
    a = [] if rest is None else [Exit("end", rest, TRUE)]
    exits = t.combine(go_on, left, a, [], [Exit("end", st, TRUE)])
    t.fork_mark = mark
    return exits[0].state


# rolled -------------------------------------------------------------------------------


def _counted(t: Tracer, fr: Frame, loop: Loop, st: State, key: Any) -> State | Exit | None:
    ref = st.stack[-1]
    if not isinstance(ref, Ref):
        raise t.unsupported(f"iterating over {t.describe(ref)}", "it is not an iterable revtrace knows")
    box = st.box(ref)
    if isinstance(box, IterBox) and box.kind == "generator":
        return _generated(t, fr, loop, st, ref, key)
    return _known_parts(t, fr, loop, st, ref, key)


def _generated(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over a generator: over what it yields, unless the two work on the same things."""
    why = "a generator and the loop over it change the same things"
    if key in t.unroll:
        suspend(st, ref)
        return _taking(t, fr, loop, st, ref, key)
    loc = t.b.loc
    walked = st.stack[-1] = taken(t, st, ref)
    after = _taking(t, fr, loop, st, walked, key)
    shared = t.early.get(walked.id)
    if shared is not None and isinstance(after, State) and shared.looped(after):
        need = NeedStatic((), why, loc)
        need.loops = [key]
        raise need
    return after


def _known_parts(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over an iterator that may take from generators, which were run to their end when it was made."""
    shared = [t.early[p.id] for p in parts_of(st, ref) if p.id in t.early]
    after = _taking(t, fr, loop, st, ref, key)
    if isinstance(after, State) and any(s.looped(after) for s in shared):
        raise t.unsupported(
            "a generator and the loop over it change the same things",
            "the generator was run to its end before the loop",
            "loop over the generator itself, or collect what it yields in a list first",
        )
    return after


def _taking(t: Tracer, fr: Frame, loop: Loop, st: State, ref: Ref, key: Any) -> State | Exit | None:
    """Walk a loop over an iterator."""
    rolled = None if key in t.unroll else roll(t, st, ref)
    if rolled is None or (rolled.table and key in t.written_out):
        return _unrolled(t, fr, loop, st)
    saved = t.save()
    entry = st.fork()
    try:
        after = _roll(t, fr, loop, st, rolled)
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
    return _unrolled(t, fr, loop, entry)


def _uncounted(t: Tracer, fr: Frame, loop: Loop, st: State, key: Any) -> State | Exit | None:
    if key in t.unroll:
        return _unrolled(t, fr, loop, st)
    saved = t.save()
    entry = st.fork()
    try:
        return _roll(t, fr, loop, st, None)
    except NeedStatic as need:
        need.loops.append(key)
        if need.operands and not t.depends(need.operands, loop.params):
            raise
        t.restore(saved)
        return _unrolled(t, fr, loop, entry)
    except _NotALoop:
        t.restore(saved)
        return _unrolled(t, fr, loop, entry)
    except EndlessError:
        handled = any(fr.flow.blocks[k].handler is not None for k in fr.flow.loops[loop.header].blocks)
        handled = handled or any(frame.trying for frame in t.frames[:-1])
        if t.pins.oracle is None or fr.on_yield is not None or not handled:
            raise
        _leave_by_handlers(fr, loop)
        return _left_by_raising(t, fr, loop, entry, saved)


def _left_by_raising(t: Tracer, fr: Frame, loop: Loop, entry: State, saved: Any) -> State | Exit | None:
    """Walk a loop that nothing but an exception leaves."""
    t.restore(saved)
    parts, decides = t.parts, t.decides
    t.parts = True
    try:
        return _roll(t, fr, loop, entry.fork(), None)
    except (NeedStatic, EndlessError, _NotALoop):
        t.restore(saved)
        if t.pins.rolling:
            raise NeedStatic((), "an exception that leaves the loop must be known", t.b.loc) from None
        t.parts, t.decides = parts, True
        return _unrolled(t, fr, loop, entry)
    finally:
        t.parts, t.decides = parts, decides


class _NotALoop(Exception):
    """The body is always left before it repeats."""


def _roll(t: Tracer, fr: Frame, loop: Loop, st: State, rolled: Rolled | None) -> State | None:
    trips = None if rolled is None else functools.partial(rolled.trips, t)
    around = t.lists_around
    carried = Carried(t, st, _stored(fr, loop.header), fr.shape.live[loop.header], trips, len(loop.ways) > 1)
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


def _rolled(t: Tracer, fr: Frame, loop: Loop, carried: Carried, rolled: Rolled | None) -> State | None:
    loc = t.b.loc
    for _ in range(MAX_ROUNDS):
        index = Var(INT, rolled.hint if rolled else "i")
        carried.spans = functools.partial(_spans, t, index, rolled)
        saved = t.save()
        grows: Growth | None = None
        around, t.appended = t.appended, {}
        with t.b.block() as stmts:
            t.b.own(index)
            for p in carried.params:
                t.b.own(p)
            loop.params = {index, *carried.params}
            t.all_params |= loop.params
            body = carried.state.fork()
            if rolled is not None:
                start = fr.flow.blocks[loop.header].successors[0]
                body.stack.append(rolled.element(t, body, index))
            else:
                start = loop.header
            try:
                exits = t.run(fr, start, body, loop.stops, inside=True)
            except NeedStatic as need:
                if need.grows is None or not carried.lists.may_grow(need.grows):
                    raise
                exits, grows = [], need.grows
            t.b.loc = loc
            appended, t.appended = t.appended, around
            if grows is not None:
                settled = False
            elif exits:
                (end,) = exits
                settled = carried.fits(end.state)
                yields = carried.yields
            else:
                settled, yields = True, list(carried.params)
            tag = end.state.tag if exits else 0
            if isinstance(tag, Static):
                tag = tag.value
            if rolled is None and exits and isinstance(tag, int) and tag != 0:
                raise _NotALoop
            flag: Operand | None = None
            if not isinstance(tag, int):
                flag = t.b.compare("ne", tag.operand, const(0, "i8"))
            elif tag != 0:
                flag = const(True)
        if settled and not carried.lists.lacks_room(appended):
            break
        t.restore(saved)
        if settled:
            carried.lists.make_room(appended)
        elif grows is None:
            carried.widen()
        elif not carried.lists.grow(grows):
            raise NeedStatic((), "a list grows in a way that cannot be foreseen", loc)
    else:
        raise NeedStatic((), "a variable gets another form in each iteration", loc)
    if rolled is None and flag is None:
        if not exits:
            # Every way through the body raises.
            t.dead_end()
            return None
        raise EndlessError("a loop without an end", "nothing in it can leave it", "give it a condition", t.b.loc)
    inits = carried.inits()
    outs = {p: Var(p.type, p.name) for p in carried.params}
    results: tuple[Operand, ...] = tuple(yields) + (() if flag is None else (flag,))
    count = Var(INT, "count")
    for out in outs.values():
        t.loop_keys[out] = (fr.shape.code, loop.header)
    if rolled is not None:
        t.b.append(
            For(
                index,
                rolled.start,
                rolled.stop,
                rolled.step,
                tuple(carried.params),
                tuple(inits),
                Block(tuple(stmts), results),
                tuple(outs.values()),
                count,
                flag is not None,
                loc,
            )
        )
    else:
        assert flag is not None
        tested = tested_first(stmts, yields, flag, carried.params) if len(loop.ways) == 1 else None
        cond, inner = tested or (Block((), (const(True),)), Block(tuple(stmts), results))
        t.b.append(
            While(tuple(carried.params), tuple(inits), cond, inner, tuple(outs.values()), count, tested is None, loc)
        )
    if appended:
        carried.lists.tell_appended(appended)
    for p in carried.params:
        t.loop_keys[p] = (fr.shape.code, loop.header)
    after = carried.after(outs)
    if len(loop.ways) == 1:
        after.tag = loop.ways[0][0]
    return after


def _spans(t: Tracer, index: Var, rolled: Rolled | None) -> dict[Var, tuple[Operand, Operand]]:
    return {} if rolled is None else {index: rolled.ends(t)}


def _stored(fr: Frame, header: int) -> frozenset[str]:
    names: set[str] = set()
    for k in fr.flow.loops[header].blocks:
        names |= {i.arg for i in fr.flow.blocks[k].instrs if i.name in ("STORE_LOCAL", "STORE_CELL")}
    return frozenset(names)
