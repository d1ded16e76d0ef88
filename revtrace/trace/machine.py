"""The tracer: walks a function's blocks with traced values and records a program.

Where everything is known, it follows the code as Python would.  Where a condition
is a number of the program, both ways are walked and joined (`branch`); a join that
only some paths reach is guarded by a flag, so no code is recorded twice.  Loops
are in `revtrace.trace.loop.loops`, instructions in `revtrace.trace.steps.instructions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from revtrace.decode import Instr
from revtrace.errors import InternalError, installed_in
from revtrace.program.nodes import Block, Const, If, Operand, Stmt, const
from revtrace.program.types import BOOL
from revtrace.trace import state as states
from revtrace.trace.frames import RETURN, Exit, Frame, Stop, waiting
from revtrace.trace.join import Joiner
from revtrace.trace.recorder import Recorder
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.steps.attempts import Parting, attempt, leave_by, part
from revtrace.trace.values import NONE, Ref, Static

__all__ = ["Tracer"]

MAX_STATEMENTS = 60_000
MAX_DEPTH = 900
MAX_NESTING = 100
"""In so many conditions the next one is walked after the outermost of them: a long chain of ``elif`` stays flat."""

TRUE = const(True)
FALSE = const(False)


class Tracer(Recorder):
    """Walks functions, and records what they compute."""

    def run(
        self,
        fr: Frame,
        block: int,
        st: State,
        stops: Mapping[int, Stop],
        *,
        inside: bool = False,
        at: int = 0,
        answers: tuple[bool, ...] = (),
    ) -> list[Exit]:
        """Walk from a block until every path has reached a stop, returned or raised.

        With ``inside``, the first block is a loop's header met from inside the loop, or is entered at an instruction
        whose first tests come out as in ``answers``.
        """
        from revtrace.trace.loop.loops import trace_loop
        from revtrace.trace.steps.instructions import step

        while True:
            stop = stops.get(block)
            if stop is not None and not inside:
                return [self.stopped(fr, block, st, stop)]
            if block in fr.flow.loops and not inside:
                exits = trace_loop(self, fr, block, st, stops)
                if len(exits) == 1 and isinstance(exits[0].label, int) and exits[0].label not in (RETURN,):
                    block, st = exits[0].label, exits[0].state
                    continue
                return exits
            inside = False
            current = fr.flow.blocks[block]
            fr.trying = current.handler is not None
            if self.b.appended > MAX_STATEMENTS:
                raise self.unsupported(
                    "the program gets too large",
                    "loops or recursion are unrolled into more than it is sensible to compile",
                    "use arrays in place of long lists, and loops in place of deep recursion",
                )
            try:
                outcome: Any = None
                watched = fr.trying and (self.parts or self.decides or bool(self.failed))
                for k in range(at, len(current.instrs)):
                    instr = current.instrs[k]
                    self.b.loc = self.pinned or instr.loc
                    if not watched:
                        outcome = step(self, fr, st, instr)
                        continue
                    outcome = attempt(self, fr, st, instr, answers)
                    answers = ()
                    if isinstance(outcome, Parting):
                        break
            except PythonRaise as signal:
                handler = current.handler
                if handler is None:
                    raise
                at, answers = 0, ()
                if handler in stops:
                    leave_by(self, st, signal)
                else:
                    self.enter_handler(fr, st, instr, signal)
                block = handler
                continue
            if isinstance(outcome, Parting):
                exits = part(self, fr, block, k, outcome, stops)
                if len(exits) == 1 and isinstance(exits[0].label, int) and exits[0].label != RETURN:
                    if exits[0].label in stops:
                        return exits
                    block, st = exits[0].label, exits[0].state
                    at, answers = 0, ()
                    continue
                return exits
            at = 0
            if outcome is None:
                block = current.successors[0]
            elif outcome == "jump":
                block = current.successors[-1]
            elif outcome == "return":
                value = st.stack.pop()
                if value is not self.returned[1] or installed_in(self.returned[0].file):
                    # Where a value was made that is only handed on, it was returned first.
                    self.returned = self.b.loc, value
                return [Exit(RETURN, st.frame({}, [value]), TRUE)]
            elif outcome == "raise":
                handler = current.handler
                if handler is None:
                    raise InternalError("a raise without an exception", loc=self.b.loc)
                block = handler
            else:
                exits = self.branch(fr, outcome, current.successors, st, stops)
                if len(exits) == 1 and isinstance(exits[0].label, int) and exits[0].label != RETURN:
                    if exits[0].label in stops:
                        return exits
                    block, st = exits[0].label, exits[0].state
                    continue
                return exits

    def stopped(self, fr: Frame, block: int, st: State, stop: Stop) -> Exit:
        """Return the exit for a path that reached a stop; forgets variables nobody reads again."""
        live = fr.shape.live[block if stop.block is None else stop.block]
        code = fr.shape.code
        # super() reads the class and the first parameter without naming them.
        kept = ("__class__", *code.co_varnames[:1]) if "__class__" in code.co_freevars else ()
        st.locals = {k: v if k in live or k in kept or k[0] == "." else DEAD for k, v in st.locals.items()}
        if stop.label == "end":
            st.tag = stop.tag
            for k, value in enumerate(st.stack[stop.depth : stop.depth + stop.above]):
                # An inner loop's iterator is only dropped.
                left = isinstance(value, Ref) and isinstance(st.box(value), states.IterBox)
                st.locals[waiting(stop.tag, k)] = NONE if left else value
            del st.stack[stop.depth :]
        return Exit(stop.label, st, TRUE)

    def enter_handler(self, fr: Frame, st: State, instr: Instr, signal: PythonRaise) -> None:
        """Unwind the stack for an exception known when tracing."""
        assert instr.handler is not None
        # What was changed before, in a function called from here, stays changed.
        st.heap = self.current.heap
        self.current = st
        handler = fr.flow.decoded.handlers[instr.handler]
        del st.stack[handler.depth :]
        if handler.push_lasti:
            st.stack.append(Static(0))
        st.stack.append(Static(signal.error) if signal.value is None else signal.value)

    def branch(
        self, fr: Frame, outcome: Any, successors: tuple[int, ...], st: State, stops: Mapping[int, Stop]
    ) -> list[Exit]:
        """Walk both ways of a condition and join them."""
        cond, *ways = outcome
        return self.fork(fr, cond, [w if isinstance(w, tuple) else (w, None) for w in ways], st, stops)

    def fork(
        self,
        fr: Frame,
        cond: Operand,
        ways: list[tuple[int, Callable[[State], None] | None]],
        st: State,
        stops: Mapping[int, Stop],
    ) -> list[Exit]:
        """Walk two blocks under a condition; ``fix`` adjusts the state of a way first."""
        self.settle_stack(st)
        (t, fix_t), (f, fix_f) = ways
        cond = self.decided(self.pins.condition(self, cond, ("fork", fr.shape.code, t, f)))
        if isinstance(cond, Const):
            block, fix = ways[0] if cond.value else ways[1]
            if fix is not None:
                fix(st)
            return [Exit(block, st, TRUE)] if block not in stops else [self.stopped(fr, block, st, stops[block])]
        raising = fr.shape.raising
        for block, other, fix, truth in ((t, f, fix_f, True), (f, t, fix_t, False)):
            if block in raising and block not in stops and other not in raising and self.plain_raise(fr, block):
                self.check(self.b.op("not", cond, type=BOOL) if truth else cond, "raise")
                if fix is not None:
                    fix(st)
                return [Exit(other, st, TRUE)] if other not in stops else [self.stopped(fr, other, st, stops[other])]
        if fr.nesting >= MAX_NESTING:
            return self.postpone(fr, cond, ways, st, stops)
        merge = self.merge_block(fr, t, f, stops)
        inner = stops if merge is None else {**stops, merge: Stop(merge)}
        mark = self.fork_mark
        self.fork_mark = self.latest()
        loc = self.b.loc
        arms = []
        for block, fix in ways:
            branch_state = st.fork()
            if fix is not None:
                fix(branch_state)
            arms.append(self.arm(fr, cond, block, branch_state, inner))
        self.b.loc = loc
        joined = self.combine(cond, *arms[0], *arms[1])
        if merge is not None or not fr.nesting:
            joined = self.resume(fr, joined, inner, postponed=True)
        try:
            after = self.go_on(fr, merge, joined, stops)
            return after if fr.nesting else self.resume(fr, after, stops, postponed=True)
        finally:
            self.fork_mark = mark

    @contextmanager
    def nested(self, fr: Frame) -> Iterator[None]:
        """Count one more condition around what is walked."""
        fr.nesting += 1
        try:
            yield
        finally:
            fr.nesting -= 1

    def arm(
        self, fr: Frame, cond: Operand, block: int, st: State, stops: Mapping[int, Stop]
    ) -> tuple[list[Stmt], list[Exit]]:
        """Record what follows from a block under a condition; where all of it raises there is no exit."""
        with self.nested(fr), self.under(cond) as stmts:
            try:
                exits = self.resume(fr, self.run(fr, block, st, stops), stops)
            except PythonRaise:
                self.dead_end(fr.flow.blocks[block].handler is not None)
                exits = []
        return stmts, exits

    def postpone(
        self,
        fr: Frame,
        cond: Operand,
        ways: list[tuple[int, Callable[[State], None] | None]],
        st: State,
        stops: Mapping[int, Stop],
    ) -> list[Exit]:
        """Return the two ways of a condition without walking them."""
        mark, self.fork_mark = self.fork_mark, self.latest()
        arms = []
        for block, fix in ways:
            state = st.fork()
            if fix is not None:
                fix(state)
            stop = stops.get(block)
            arms.append(Exit(block, state, TRUE, True) if stop is None else self.stopped(fr, block, state, stop))
        joined = self.combine(cond, [], arms[:1], [], arms[1:])
        self.fork_mark = mark
        return joined

    @contextmanager
    def apart(self, fr: Frame) -> Iterator[None]:
        """Count the conditions in a loop's body, or in what follows some, by themselves."""
        nesting, fr.nesting = fr.nesting, 0
        try:
            yield
        finally:
            fr.nesting = nesting

    @contextmanager
    def under(self, cond: Operand) -> Iterator[list[Stmt]]:
        """Record an arm of a condition."""
        self.pins.under.append(cond)
        try:
            with self.b.block() as stmts:
                yield stmts
        finally:
            self.pins.under.pop()

    def go_on(self, fr: Frame, merge: int | None, joined: list[Exit], stops: Mapping[int, Stop]) -> list[Exit]:
        """Walk the code after a merge that only some of the paths reach."""
        if merge is None:
            return joined
        at_merge = [e for e in joined if e.label == merge]
        others = [e for e in joined if e.label != merge]
        if not at_merge or not others:
            return joined
        # Only some paths reach the block where the ways meet: the rest is guarded.
        here = at_merge[0]
        if fr.nesting >= MAX_NESTING:
            return [*others, replace(here, postponed=True)]
        with self.nested(fr), self.under(here.flag) as stmts:
            try:
                rest = self.resume(fr, self.run(fr, merge, here.state, stops), stops)
            except PythonRaise:
                self.dead_end()
                rest = []
        return self.combine(here.flag, stmts, rest, [], others)

    def resume(self, fr: Frame, exits: list[Exit], stops: Mapping[int, Stop], *, postponed: bool = False) -> list[Exit]:
        """Walk on from exits that are not at a stop; from those postponed only if they are asked for."""
        if postponed:
            exits = [replace(e, postponed=False) for e in exits]
            with self.apart(fr):
                return self.resume(fr, exits, stops)
        while True:
            open_exits = [e for e in exits if isinstance(e.label, int) and e.label != RETURN and e.label not in stops]
            open_exits = [e for e in open_exits if not e.postponed]
            if not open_exits:
                return exits
            here = open_exits[0]
            others = [e for e in exits if e is not here]
            if not others:
                exits = self.run(fr, here.label, here.state, stops)
                continue
            with self.under(here.flag) as stmts:
                try:
                    rest = self.resume(fr, self.run(fr, here.label, here.state, stops), stops)
                except PythonRaise:
                    self.dead_end()
                    rest = []
            exits = self.combine(here.flag, stmts, rest, [], others)

    def plain_raise(self, fr: Frame, block: int) -> bool:
        """Whether a block that ends in an exception is not inside a try."""
        return fr.flow.blocks[block].handler is None

    def merge_block(self, fr: Frame, t: int, f: int, stops: Mapping[int, Stop]) -> int | None:
        """Return the first block both ways may reach, unless a stop comes before it."""
        return self.first_common(fr, self.reach(fr, (t,), stops), self.reach(fr, (f,), stops))

    def first_common(self, fr: Frame, a: frozenset[int], b: frozenset[int]) -> int | None:
        """Return the first block of both sets that does not lead to an exception."""
        return min((k for k in a & b if k not in fr.shape.raising), key=fr.flow.order.__getitem__, default=None)

    def stop_at(self, block: int) -> Stop:
        """Return the stop of walks that are joined at a block."""
        return Stop(block)

    def reach(self, fr: Frame, blocks: Iterable[int], stops: Mapping[int, Stop]) -> frozenset[int]:
        """Blocks reachable along forward edges, and out of handlers, without passing a stop."""
        flow = fr.flow
        seen: set[int] = set()
        todo = list(blocks)
        while todo:
            k = todo.pop()
            if k in seen or k in stops:
                continue
            seen.add(k)
            main = flow.reach[0]
            todo += [
                s for s in flow.blocks[k].successors if flow.order[s] > flow.order[k] or (s in main and k not in main)
            ]
        return frozenset(seen)

    def combine(self, cond: Operand, left: list[Stmt], a: list[Exit], right: list[Stmt], b: list[Exit]) -> list[Exit]:
        """Append the ``If`` of two walked arms and join their exits, label by label."""
        joiner = Joiner(self, left, right, cond)
        exits = []
        labels = list(dict.fromkeys([e.label for e in a] + [e.label for e in b]))
        sides = {e.label: e for e in a}, {e.label: e for e in b}
        for label in labels:
            x, y = sides[0].get(label), sides[1].get(label)
            certain = len(labels) == 1
            if x is not None and y is not None:
                state = joiner.state(x.state, y.state)
            elif x is not None:
                state = joiner.one_sided(x.state, True)
            else:
                assert y is not None
                state = joiner.one_sided(y.state, False)
            flag: Operand = TRUE
            if not certain:
                flag = joiner.operand(x.flag if x else FALSE, y.flag if y else FALSE, BOOL, "taken")
            exits.append(Exit(label, state, flag, any(e is not None and e.postponed for e in (x, y))))
        if left or right or joiner.outs:
            self.b.append(
                If(
                    cond,
                    Block(tuple(left), tuple(o[1] for o in joiner.outs)),
                    Block(tuple(right), tuple(o[2] for o in joiner.outs)),
                    tuple(o[0] for o in joiner.outs),
                    self.b.loc,
                )
            )
        return exits

    def settle_stack(self, st: State) -> None:
        """Compute array expressions that wait on the stack."""
        from revtrace.trace.ndarray.arrays import kept

        st.stack[:] = [kept(self, v) for v in st.stack]

    def same_fields(self, x: states.ObjectBox, y: states.ObjectBox) -> tuple[states.ObjectBox, states.ObjectBox]:
        """Give two records of the caller's object the same fields, reading those that one lacks."""
        from revtrace.trace.external import attribute_of

        names = list(dict.fromkeys([k for k, _ in x.fields] + [k for k, _ in y.fields]))

        scratch = self.current.blank()

        def full(box: states.ObjectBox) -> states.ObjectBox:
            fields = []
            for name in names:
                value = box.get(name)
                fields.append((name, attribute_of(self, scratch, box, name) if value is None else value))
            return states.ObjectBox(box.cls, tuple(fields), box.source, box.original)

        return full(x), full(y)
