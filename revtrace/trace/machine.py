"""The tracer: walks a function's blocks with traced values and records a program.

Where everything is known, it follows the code as Python would.  Where a condition
is a number of the program, both ways are walked and joined (`branch`); a join that
only some paths reach is guarded by a flag, so no code is recorded twice.  Loops
are in `revtrace.trace.loop.loops`, instructions in `revtrace.trace.steps.instructions`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import CellType
from typing import Any

import numpy as np

from revtrace.calls.draws import Tape
from revtrace.decode import Instr
from revtrace.errors import InternalError, UnsupportedError
from revtrace.loc import Loc
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Stmt, Var, While, const, walk
from revtrace.program.types import BOOL
from revtrace.trace import state as states
from revtrace.trace.frames import RETURN, Exit, Frame, Stop
from revtrace.trace.join import Joiner
from revtrace.trace.objects.texts import RunTimeText
from revtrace.trace.pins import Pins
from revtrace.trace.record import Guard, Input, Source
from revtrace.trace.reliance import Reliance
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import NeedSharing, NeedStatic, PythonRaise
from revtrace.trace.state import State
from revtrace.trace.steps.attempts import Attempt, Parting, answer, attempt, leave_by, part
from revtrace.trace.values import Conflict, Elementwise, Maybe, Num, Ref, Static, Tup, View

__all__ = ["Tracer"]
MAX_STATEMENTS = 60_000
MAX_DEPTH = 900


TRUE = const(True)
FALSE = const(False)


class Tracer:
    """Everything recorded while tracing one specialisation of one function."""

    def __init__(self, pins: Pins | None = None) -> None:
        self.pins = Pins(set(), None) if pins is None else pins
        self.b = Builder()
        self.prologue = self.b.open_prologue()
        self.top = self.b.stmts
        self.inputs: dict[Source, tuple[Var, Input]] = {}
        self.views: dict[Source, View] = {}
        self.guards: dict[tuple[Source, str], Guard] = {}
        self.reliance = Reliance()
        self.originals: dict[int, Any] = {}
        self.tapes: list[Tape] = []
        """Those of the random generators from outside, for this call's tracing."""
        self.externals: dict[int, tuple[Any, Ref]] = {}
        self.static_sources: set[Any] = set()
        self.sized = False
        """Whether every length and integer of the arguments is known."""
        self.written: set[Var] = set()
        self.early: dict[int, Any] = {}
        """What generators that were run to their end share with the loops over what they yielded."""
        self.writes: list[Operand] = []
        """The buffers written to, in order."""
        self.fork_mark = 0
        self.depth = 0
        self.frames: list[Frame] = []
        self.pinned: Loc | None = None
        """The user's place while a definition of revtrace's own is walked, see `revtrace.trace.definitions`."""
        self.catches: Loc | None = None
        self.failed: frozenset[Loc] = frozenset()
        """Where an earlier run failed though the plain function goes on: what is tested there is found out."""
        self.attempt: Attempt | None = None
        """The instruction inside of a ``try`` that is being walked, see `revtrace.trace.steps.attempts`."""
        self.raising: dict[type[BaseException], Static] = {}
        """An exception of each class by which a loop is left."""
        self.before_raising: set[Any] = set()
        """Numbers and arrays that were there before a ``with np.errstate(...="raise")``."""
        self.parts = False
        """Whether instructions inside of ``try`` part wherever they may raise: where only that leaves a loop."""
        self.decides = False
        """Whether what is tested is found out everywhere, in such a loop that is unrolled."""
        self.once = False
        """Whether the program holds for this call only."""
        self.side_effects: Loc | None = None
        self.unroll: set[Any] = set()
        self.loop_keys: dict[Var, Any] = {}
        self.lists_around: frozenset[int] | set[int] = frozenset()
        """The heap's objects that were there before one of the loops being traced."""
        self.appended: dict[int, Operand | None] = {}
        """How many items the loop body being traced appends to which list."""
        self.stand_ins: set[Operand] = set()
        """Storage of loops' arrays that stands for arrays with other names."""
        self.aliases: dict[Operand, NeedStatic] = {}
        """Buffers whose array has a second name that does not see writes; by what could be known to avoid that."""
        self.twins: dict[Operand, list[tuple[Operand, set[str]]]] = {}
        """Buffers with a copy that numpy would have made a view, each with what happened to either since."""
        self.sharing = False
        """Whether arrays of another shape share their elements, see `revtrace.trace.ndarray.folds`."""
        self.in_c_order: set[Operand] = set()
        """Buffers whose elements numpy too has in C order, without gaps."""
        self.swaps: dict[Operand, dict[Operand, Operand]] = {}
        self.tables: dict[Any, View] = {}
        self.memo: dict[Any, Any] = {}
        """What memoised functions returned, by the function and its arguments."""
        self.rolling: list[Any] = []
        """The loops being rolled, outermost first."""
        self.callers_lists: set[Operand] = set()
        """Buffers that hold lists of the caller's."""
        self.covered = False
        """Whether what is read is part of a table that is guarded as a whole."""
        self.written_out: set[Any] = set()
        """Loops over tables of constants that had to be unrolled."""
        self.global_cells: dict[tuple[int, str], Ref] = {}
        """The global variables the function assigns, each as a closure cell."""
        self.cells: dict[int, tuple[CellType, Ref]] = {}
        """Cells of functions that class bodies made, by identity, with the traced cells they stand for."""
        self.current = State(originals=self.originals)
        self.all_params: set[Var] = set()

    # trying and undoing ---------------------------------------------------------------

    def latest(self) -> int:
        """Return a mark older than every object made from now on."""
        return next(states._ids)

    def save(self) -> tuple[Any, ...]:
        """Return what `restore` needs to undo what is recorded from here on."""
        return (len(self.b.stmts), self.b.stmts, self.catches, self.side_effects, len(self.frames), self.appended)

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Forget what was recorded since `save`."""
        length, stmts, self.catches, self.side_effects, frames, self.appended = saved
        self.b.reopen(stmts)
        del stmts[length:]
        self.memo = {}
        del self.frames[frames:]

    def statements_here(self) -> list[Any]:
        """Operations of the innermost open block and of the blocks nested in it."""
        return [x for x in walk(Block(tuple(self.b.stmts))) if isinstance(x, Op)]

    def depends(self, operands: tuple[Operand, ...], on: set[Var]) -> bool:
        """Whether any operand is computed from the given values."""
        return bool(self.origins(operands) & on)

    def origins(self, operands: tuple[Operand, ...]) -> set[Var]:
        """The inputs, loop parameters and loads that operands are computed from."""
        found: set[Var] = set()
        seen: set[Var] = set()
        todo = [x for x in operands if isinstance(x, Var)]
        while todo:
            x = todo.pop()
            if x in seen:
                continue
            seen.add(x)
            stmt = self.b.defs.get(x)
            if stmt is None or isinstance(stmt, (For, While)):
                found.add(x)
                if isinstance(stmt, For):
                    todo += [y for y in (stmt.start, stmt.stop, *stmt.inits) if isinstance(y, Var)]
                elif isinstance(stmt, While):
                    todo += [y for y in stmt.inits if isinstance(y, Var)]
            elif isinstance(stmt, If):
                k = stmt.outs.index(x)
                todo += [y for y in (stmt.cond, stmt.then.results[k], stmt.orelse.results[k]) if isinstance(y, Var)]
            else:
                if stmt.name in ("load", "dim"):
                    found.add(x)
                if stmt.name != "dim":
                    todo += [y for y in stmt.args if isinstance(y, Var)]
        return found

    # saying no ----------------------------------------------------------------------

    def unsupported(self, what: str, why: str = "", instead: str = "") -> UnsupportedError:
        """Return the error that refuses what is being traced."""
        return UnsupportedError(what, why, instead, self.b.loc)

    def describe(self, value: Any) -> str:
        """Name a traced value in a message."""
        match value:
            case Static():
                if value.value is None:
                    return "None"
                name = getattr(value.value, "__qualname__", None)
                return f"{name}" if name else f"a {type(value.value).__name__}"
            case Num():
                return "a number"
            case View() | Elementwise():
                return "an array"
            case Tup():
                return "a tuple"
            case Maybe():
                return "a value that may be None"
            case Conflict():
                return "a value of a kind decided while running"
        return "an object"

    def may_raise(self) -> None:
        """Note that what is recorded here may raise: in a ``try``, a handler would see it."""
        if any(frame.trying for frame in self.frames):
            self.catches = self.catches or self.b.loc

    def check(self, cond: Operand, kind: str, soft: bool = False) -> None:
        """Append a condition without which the plain function raises."""
        if not isinstance(cond, Const) and kind != "broadcast":
            # Lengths that agree only by broadcasting raise nothing: the call needs a program for its lengths.
            cond = self.decided(cond)
            if isinstance(cond, Const) and not cond.value:
                raise self.raised(kind)
        if isinstance(cond, Const):
            if cond.value:
                return
            self.b.do("check", cond, kind=kind, soft=False)
            return
        self.may_raise()
        self.b.do("check", cond, kind=kind, soft=soft)

    @property
    def watched(self) -> bool:
        """Whether an exception raised here may be caught, and that is to be followed."""
        return self.decides or self.b.loc in self.failed or (self.parts and self.attempt is not None)

    def decided(self, cond: Operand) -> Operand:
        """Return a condition, as a constant where an earlier run failed at this place."""
        if isinstance(cond, Const) or not self.watched:
            return cond
        found = answer(self, cond)
        if found is not None:
            return found
        return self.pins.outcome(self, cond) if self.decides or self.b.loc in self.failed else cond

    def raised(self, kind: str) -> BaseException:
        """Return what a failed check raises."""
        error = getattr(builtins, kind, None) or getattr(np.linalg, kind, None)
        if error is None:
            return self.unsupported(
                kind.removeprefix("unsupported: "),
                "the numbers of this call take a way that the program does not have",
                "keep the numbers in the range where this line gives a real number of one kind",
            )
        # The plain function is what makes the message.
        return PythonRaise(error(RunTimeText(self.b.loc, ())))

    def guard(self, source: Source | None, kind: str, value: Any = None) -> None:
        """Note a fact the program relies on."""
        if source is not None and (not self.covered or kind == "same"):
            self.guards.setdefault((source, kind), Guard(source, kind, value))

    def write(self, view: View) -> None:
        """Note that an array is written to."""
        if view.root in self.aliases:
            raise self.aliases[view.root].at(self.b.loc)
        self.written.add(view.root)  # type: ignore[arg-type]
        self.writes.append(view.root)
        self.touch(view.root, written=True)

    def twin(self, base: Operand, copy: Operand) -> None:
        """Note a copy that stands for numpy's view of a buffer."""
        # Made again in a loop, it would be copied from what was not written through it.
        here = base in self.b.defs and any(self.b.defs[base] is stmt for stmt in self.b.stmts)
        events: set[str] = set() if here or self.b.stmts is self.top else {f"used {id(base)}"}
        self.twins.setdefault(base, []).append((copy, events))
        self.twins.setdefault(copy, []).append((base, events))

    def touch(self, root: Operand, written: bool = False) -> None:
        """Note that a buffer is read or written; refuse what its twin should have seen."""
        if not self.twins:
            return
        from revtrace.trace.ndarray.arrays import roots

        for one in roots(self, root):
            self._touch(one, written)

    def _touch(self, root: Operand, written: bool) -> None:
        for other, events in self.twins.get(root, ()):
            events.add(f"used {id(root)}")
            if written:
                events.add(f"written {id(root)}")
            for a, b in ((root, other), (other, root)):
                if f"written {id(a)}" in events and f"used {id(b)}" in events:
                    if not self.sharing:
                        raise NeedSharing
                    raise self.unsupported(
                        "writing to an array and using another shape or a part of it (reshape, ravel, real)",
                        "numpy lets both share their elements, or copies them, by how the array lies in memory",
                        "take one copy first (x.copy()), or index the one array with all its axes",
                    )

    def alias(self, a: Operand, b: Operand, deciding: NeedStatic) -> None:
        """Note two buffers that stand for one array on some paths, and what must be known to write to it."""
        deciding.loops += reversed(self.rolling)
        self.aliases |= {a: deciding, b: deciding}

    def written_roots(self) -> set[Operand]:
        """All buffers that may be written to, through whatever name."""
        from revtrace.trace.ndarray.arrays import roots

        found: set[Operand] = set()
        for root in self.written:
            found |= roots(self, root)
        return found

    # using values ---------------------------------------------------------------------

    def use(self, value: Any) -> Any:
        """Return a value that is about to be computed with."""
        if isinstance(value, Maybe):
            self.check(value.flag, "missing value")
            return self.use(value.value)
        if isinstance(value, Conflict):
            need = NeedStatic(value.cond, f"it is {self.describe(value)}", self.b.loc)
            need.loops += value.loops
            raise need
        if isinstance(value, Static) and isinstance(value.value, RunTimeText):
            raise value.value.refusal()
        return value

    def dead_end(self, caught: bool = False) -> None:
        """Append that the arm being recorded raises; ``caught`` says that its own function may handle it."""
        if self.b.loc in self.failed:
            why = "whether an exception is raised and caught must be known"
            raise NeedStatic(tuple(self.pins.under), why, self.b.loc)
        self.check(FALSE, "raise")
        if caught:
            self.catches = self.catches or self.b.loc
        else:
            self.may_raise()

    # walking ---------------------------------------------------------------------------

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
                return [Exit(RETURN, State({}, [value], st.heap, 0, self.originals), TRUE)]
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
            # What is left above the loop's own stack is inner loops' iterators.
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
        try:
            return self.go_on(fr, merge, joined, stops)
        finally:
            self.fork_mark = mark

    def arm(
        self, fr: Frame, cond: Operand, block: int, st: State, stops: Mapping[int, Stop]
    ) -> tuple[list[Stmt], list[Exit]]:
        """Record what follows from a block under a condition; where all of it raises there is no exit."""
        with self.under(cond) as stmts:
            try:
                exits = self.resume(fr, self.run(fr, block, st, stops), stops)
            except PythonRaise:
                self.dead_end(fr.flow.blocks[block].handler is not None)
                exits = []
        return stmts, exits

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
        with self.under(here.flag) as stmts:
            try:
                rest = self.resume(fr, self.run(fr, merge, here.state, stops), stops)
            except PythonRaise:
                self.dead_end()
                rest = []
        return self.combine(here.flag, stmts, rest, [], others)

    def resume(self, fr: Frame, exits: list[Exit], stops: Mapping[int, Stop]) -> list[Exit]:
        """Walk on from exits that are not at a stop."""
        while True:
            open_exits = [e for e in exits if isinstance(e.label, int) and e.label != RETURN and e.label not in stops]
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
            exits.append(Exit(label, state, flag))
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
        from revtrace.trace.ndarray.arrays import settle

        st.stack[:] = [settle(self, v) if isinstance(v, Elementwise) else v for v in st.stack]

    def same_fields(self, x: states.ObjectBox, y: states.ObjectBox) -> tuple[states.ObjectBox, states.ObjectBox]:
        """Give two records of the caller's object the same fields, reading those that one lacks."""
        from revtrace.trace.external import attribute_of

        names = list(dict.fromkeys([k for k, _ in x.fields] + [k for k, _ in y.fields]))

        scratch = State(originals=self.originals)

        def full(box: states.ObjectBox) -> states.ObjectBox:
            fields = []
            for name in names:
                value = box.get(name)
                fields.append((name, attribute_of(self, scratch, box, name) if value is None else value))
            return states.ObjectBox(box.cls, tuple(fields), box.source, box.original)

        return full(x), full(y)
