"""Jumps and loops' heads: which block comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.comparisons import identical, truth
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.state import State
from revtrace.trace.steps.handlers import keep, on
from revtrace.trace.values import NONE, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


def _conditional(t: Tracer, fr: Frame, st: State, instr: Instr, cond: Any, on_true: bool) -> Any:
    if isinstance(cond, Static):
        return "jump" if bool(cond.value) is on_true else None
    block = next(b for b in fr.flow.blocks if b.instrs and b.instrs[-1] is instr)
    not_taken, taken = block.successors
    return (cond.operand, taken, not_taken) if on_true else (cond.operand, not_taken, taken)


@on("JUMP")
def _jump(t: Tracer, fr: Frame, st: State, instr: Instr) -> str:
    return "jump"


@on("JUMP_IF_FALSE", "JUMP_IF_TRUE")
def _jump_if(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    cond = truth(t, st, st.stack.pop())
    return _conditional(t, fr, st, instr, cond, instr.name == "JUMP_IF_TRUE")


@on("JUMP_IF_NONE", "JUMP_IF_NOT_NONE")
def _jump_if_none(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    cond = identical(t, st, st.stack.pop(), NONE)
    return _conditional(t, fr, st, instr, cond, instr.name == "JUMP_IF_NONE")


@on("JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP")
def _jump_or_pop(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    st.stack[-1] = keep(t, st.stack[-1])
    cond = truth(t, st, st.stack[-1])
    jump_on = instr.name == "JUMP_IF_TRUE_OR_POP"
    if isinstance(cond, Static):
        if bool(cond.value) is jump_on:
            return "jump"
        st.stack.pop()
        return None
    block = next(b for b in fr.flow.blocks if b.instrs and b.instrs[-1] is instr)
    not_taken, taken = block.successors

    def pop(state: State) -> None:
        state.stack.pop()

    if jump_on:
        return (cond.operand, (taken, None), (not_taken, pop))
    return (cond.operand, (not_taken, pop), (taken, None))


@on("GET_ITER")
def _get_iter(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(iterate(t, st, st.stack.pop()))


@on("FOR_ITER")
def _for_iter(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    # Only met for a body that always leaves: there is no loop, at most one item is taken.
    from revtrace.trace.objects.rolling import roll
    from revtrace.trace.objects.stepping import advance

    ref = st.stack[-1]
    assert isinstance(ref, Ref)
    rolled = roll(t, st, ref)
    block = next(b for b in fr.flow.blocks if b.instrs and b.instrs[-1] is instr)
    body, exhausted = block.successors
    if rolled is None or rolled.known:
        item = advance(t, st, ref)
        if item is None:
            if instr.arg:
                st.stack.pop()
            return "jump"
        st.stack.append(item)
        return None
    from revtrace.program.nodes import const

    symbol = "lt" if rolled.step > 0 else "gt"
    some = t.b.compare(symbol, rolled.start, rolled.stop)
    first = rolled.start if rolled.hint == "i" else const(0, "i8")

    def take(state: State) -> None:
        state.stack.append(rolled.element(t, state, first))

    def end(state: State) -> None:
        if instr.arg:
            state.stack.pop()

    return (some, (body, take), (exhausted, end))
