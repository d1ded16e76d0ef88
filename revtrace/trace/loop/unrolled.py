"""Loops walked one iteration after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import const
from revtrace.trace.frames import RETURN, Exit
from revtrace.trace.loop.peeled import forms_of, rolled_rest
from revtrace.trace.loop.ways import Loop
from revtrace.trace.objects.stepping import advance
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import IterBox, State
from revtrace.trace.values import Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["unrolled"]
MAX_UNROLL = 4096


def unrolled(t: Tracer, fr: Frame, loop: Loop, st: State) -> State | Exit | None:
    """Walk the iterations one after another."""
    for k in range(MAX_UNROLL):
        before = forms_of(fr, loop, st)
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
            rest = rolled_rest(t, fr, loop, before, st)
            if rest is not None:
                return rest[0]
            continue
        if isinstance(tag, int):
            return st
        if k > 512:
            break
        return _maybe_more(t, fr, loop, st, tag, before)
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


def _maybe_more(
    t: Tracer, fr: Frame, loop: Loop, st: State, tag: Any, before: dict[str, object]
) -> State | Exit | None:
    """Go on under the condition that the loop was not left."""
    from revtrace.trace.machine import TRUE

    go_on = t.b.compare("eq", tag.operand, const(0, "i8"))
    mark, t.fork_mark = t.fork_mark, t.latest()
    with t.under(go_on) as left:
        more = st.fork()
        more.tag = 0
        try:
            rolled = rolled_rest(t, fr, loop, before, more)
            if rolled is None and (not loop.counted or _lazy(st, st.stack[-1])):
                raise NeedStatic(
                    (tag.operand,),
                    "the end of a while loop must be known, in whose body something changes structure",
                    t.b.loc,
                )
            rest = unrolled(t, fr, loop, more) if rolled is None else rolled[0]
        except PythonRaise:
            t.dead_end()
            rest = None
    if isinstance(rest, Exit):
        raise NeedStatic((tag.operand,), "an exception that leaves the loop must be known", t.b.loc)
    a = [] if rest is None else [Exit("end", rest, TRUE)]
    exits = t.combine(go_on, left, a, [], [Exit("end", st, TRUE)])
    t.fork_mark = mark
    return exits[0].state
