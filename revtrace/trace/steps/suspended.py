"""Generators taken item by item: a frame is walked up to a ``yield`` and left there until the next item is asked for.

Everything that decides its way must be known, so that it is in one place: conditions are pinned
(`revtrace.trace.pins`), loops are walked one iteration after another.  A generator that is used up at once is
walked as any other function is, see `revtrace.trace.callables.calls`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand
from revtrace.trace.frames import Frame
from revtrace.trace.inside import references
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.objects.stepping import advance
from revtrace.trace.sameness import fields
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import IterBox, State
from revtrace.trace.steps.handlers import keep
from revtrace.trace.values import NONE, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Shared", "Suspended", "ended", "fails", "resume", "returned", "returns", "run_before", "suspend"]

MAX_BLOCKS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Suspended:
    """A frame that goes on at an instruction of a block; ``frame`` is None once it has returned ``stack[0]``."""

    frame: Frame | None
    block: int
    at: int
    locals: dict[str, Any]
    stack: tuple[Any, ...]

    @property
    def captured(self) -> dict[str, Ref]:
        """The objects that its variables refer to."""
        return {str(k): Ref(k) for v in (*self.locals.values(), *self.stack) for k in references(v)}

    @property
    def started(self) -> bool:
        """Whether it has yielded."""
        return self.block != 0 or self.at != 0


def suspend(st: State, ref: Ref) -> None:
    """Have a generator that has not been started taken item by item."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    made: Any = box.parts[0].value  # type: ignore[union-attr]
    st.set(ref, IterBox("suspended", (Static(Suspended(made.frame, 0, 0, dict(made.locals), ())),)))


def ended() -> IterBox:
    """Return the record of a generator that has been closed."""
    return IterBox("suspended", (Static(Suspended(None, 0, 0, {}, (NONE,))),))


def fails(t: Tracer, st: State, ref: Ref) -> bool:
    """Whether an earlier program of the call ran a generator to an end that it may not have, and failed there."""
    if not t.failed:
        return False
    box = st.box(ref)
    assert isinstance(box, IterBox)
    made: Any = box.parts[0].value  # type: ignore[union-attr]
    instrs = (i for block in made.frame.flow.blocks for i in block.instrs)
    return any(i.name == "YIELD_VALUE" and i.loc in t.failed for i in instrs)


def resume(t: Tracer, st: State, ref: Ref, sent: Any = NONE, thrown: PythonRaise | None = None) -> Any | None:
    """Walk a suspended generator to its next ``yield`` and return what it yields, or None at its end.

    What is ``thrown`` is raised by the ``yield`` at which it waits.
    """
    box = st.box(ref)
    assert isinstance(box, IterBox)
    kept: Any = box.parts[0].value  # type: ignore[union-attr]
    if kept.frame is None or (thrown is not None and not kept.started):
        if thrown is not None:
            raise thrown
        return None
    if ref.id in t.lists_around:
        raise NeedStatic((), "a generator made before a loop is taken from in it", t.b.loc)
    inner = st.frame(dict(kept.locals), list(kept.stack))
    if kept.started:
        inner.stack.append(sent)
    frame = replace(kept.frame, trying=False)
    loc, pinned = t.b.loc, t.pinned
    t.frames.append(frame)
    try:
        found = _walk(t, frame, inner, kept.block, kept.at, thrown)
    finally:
        t.frames.pop()
        t.b.loc, t.pinned = loc, pinned
    st.heap = inner.heap
    t.current = st
    if isinstance(found, tuple):
        block, at, value = found
        after = Suspended(kept.frame, block, at, dict(inner.locals), tuple(inner.stack))
    else:
        value, after = None, Suspended(None, 0, 0, {}, (found.value,))
    st.set(ref, replace(box, parts=(Static(after),), position=box.position + 1))
    return value


def returned(st: State, ref: Ref) -> Any:
    """Return what a generator that has ended returned; None for other iterators."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    return box.parts[0].value.stack[0] if box.kind == "suspended" else NONE  # type: ignore[union-attr]


def returns(st: State, ref: Ref) -> bool:
    """Whether a generator that has not been started may return something other than None."""
    box = st.box(ref)
    if not isinstance(box, IterBox) or box.kind != "generator":
        return False
    made: Any = box.parts[0].value  # type: ignore[union-attr]
    blocks = made.frame.flow.blocks
    ends = [block.instrs for block in blocks if block.instrs and block.instrs[-1].name == "RETURN"]
    return any(len(i) < 2 or i[-2].name != "LOAD_CONST" or i[-2].arg is not None for i in ends)


class Shared:
    """What a generator that is run to its end first shares with the loop over it, which must not change it."""

    def __init__(self, t: Tracer, st: State, *held: Any) -> None:
        self.t = t
        self.before = dict(st.heap)
        self.ids, self.roots = _held(st, list(held))
        self.others = _held(st, [*st.locals.values(), *(Ref(k) for k in st.heap)])[1]
        self.writes = len(t.writes)
        self.effects = t.side_effects
        self.place = t.frames[-1].shape.code, t.b.loc
        """Where it was run; were it taken item by item, the loop over it might be left at any."""
        self.acted = False
        """Whether running it changed something that was there before it."""
        self.advanced: list[int] = []
        """The iterators from which it took items."""

    def ran(self, st: State) -> bool:
        """Whether running the generator changed something that was there before it."""
        written = any(root in self.others for root in self.t.writes[self.writes :])
        self.writes = len(self.t.writes)
        changed = any(self._changed(st, k) for k in self.before if not isinstance(self.before[k], IterBox))
        iterators = [k for k, box in self.before.items() if isinstance(box, IterBox)]
        self.advanced = [k for k in iterators if st.heap.get(k) is not self.before[k]]
        self.before = dict(st.heap)
        self.acted = written or changed
        return self.acted

    def left(self, st: State, loop: Any) -> None:
        """Note that a loop may not have taken all items: how far it went is known where it is unrolled."""
        if self.acted:
            need = NeedStatic(
                (), "how far a loop went in a generator that changes something must be known", self.t.b.loc
            )
            need.loops = [loop]
            raise need
        for k in self.advanced:
            if k in st.heap:
                st.set(Ref(k), IterBox("left", (Static(loop),)))

    def looped(self, st: State) -> bool:
        """Whether the loop changed something that the generator refers to."""
        written = any(root in self.roots for root in self.t.writes[self.writes :])
        return written or any(self._changed(st, k) for k in self.ids if k in self.before)

    def _changed(self, st: State, k: int) -> bool:
        box, now = self.before[k], st.heap.get(k)
        if now is None or now == box:
            return False
        # Attributes of the caller's objects are entered when they are first read.
        return getattr(now, "source", None) is None or self.t.side_effects is not self.effects


def run_before(t: Tracer, st: State, ref: Ref) -> list[Shared]:
    """Return what iterators share that one is or takes from, and that were run to their end."""
    return [t.early[k] for k in _held(st, [ref])[0] if k in t.early] if t.early else []


def _held(st: State, values: list[Any]) -> tuple[set[int], set[Operand]]:
    """Return the objects and buffers that values refer to, directly or through others."""
    ids: set[int] = set()
    roots: set[Operand] = set()
    todo = list(values)
    while todo:
        value = todo.pop()
        if isinstance(value, View):
            roots.add(value.root)
        elif isinstance(value, Tup):
            todo += value.items
        elif isinstance(value, Static) and hasattr(value.value, "locals"):
            todo += value.value.locals.values()
        for k in references(value):
            if k not in ids:
                ids.add(k)
                todo += fields(st.box(Ref(k))) or []
    return ids, roots


@dataclass(frozen=True, slots=True)
class _Returned:
    value: Any


def _walk(
    t: Tracer, fr: Frame, st: State, block: int, at: int, thrown: PythonRaise | None = None
) -> tuple[int, int, Any] | _Returned:
    """Walk from an instruction; returns where it yielded and what, or what it returned."""
    from revtrace.trace.steps.instructions import step

    decides = t.decides
    for _ in range(MAX_BLOCKS):
        current = fr.flow.blocks[block]
        fr.trying = current.handler is not None
        instrs = current.instrs
        outcome: Any = None
        t.decides = decides or fr.trying
        try:
            if thrown is not None:
                instr, signal, thrown = instrs[at - 1], thrown, None
                raise signal
            while at < len(instrs):
                instr = instrs[at]
                t.b.loc = t.pinned or instr.loc
                at += 1
                if instr.name == "YIELD_VALUE":
                    return block, at, keep(t, st.stack.pop())
                if instr.name == "GET_YIELD_FROM_ITER":
                    st.stack.append(iterate(t, st, st.stack.pop()))
                elif instr.name in ("SEND", "FOR_ITER"):
                    outcome = _next(t, st, instr.name == "SEND", instr.arg)
                else:
                    outcome = step(t, fr, st, instr)
        except PythonRaise as signal:
            if current.handler is None:
                raise
            t.enter_handler(fr, st, instr, signal)
            block, at = current.handler, 0
            continue
        finally:
            t.decides = decides
        at = 0
        if outcome is None:
            block = current.successors[0]
        elif outcome == "jump":
            block = current.successors[-1]
        elif outcome == "return":
            return _Returned(st.stack.pop())
        else:
            block = _chosen(t, fr, st, outcome)
    raise t.unsupported(
        "a generator that goes on for too long",
        "it is taken item by item, so that each of its steps is recorded on its own",
        "use it up in one loop, or write the loop without it",
    )


def _next(t: Tracer, st: State, sends: bool, pops: Any) -> str | None:
    """Take the next item of the iterator on the stack, below what is sent to it."""
    sent = st.stack.pop() if sends else NONE
    ref = st.stack[-1]
    assert isinstance(ref, Ref)
    box = st.box(ref)
    taken_from = isinstance(box, IterBox) and box.kind == "suspended"
    item = resume(t, st, ref, sent) if taken_from else advance(t, st, ref)
    if item is not None:
        st.stack.append(item)
        return None
    if sends:
        last = returned(st, ref)
        if pops:
            st.stack.pop()
        st.stack.append(last)
    elif pops:
        st.stack.pop()
    return "jump"


def _chosen(t: Tracer, fr: Frame, st: State, outcome: Any) -> int:
    """Take the way that a condition says, which must be known."""
    cond, *ways = outcome
    (on_true, fix_true), (on_false, fix_false) = (w if isinstance(w, tuple) else (w, None) for w in ways)
    known: Operand = t.decided(t.pins.condition(t, cond, ("fork", fr.shape.code, on_true, on_false)))
    if not isinstance(known, Const):
        why = "the way of a generator that is taken item by item must be known"
        raise NeedStatic(() if t.pins.rolling else (cond,), why, t.b.loc)
    block, fix = (on_true, fix_true) if known.value else (on_false, fix_false)
    if fix is not None:
        fix(st)
    return int(block)
