"""What tracing records: the program so far, what it relies on, which arrays share elements, and how all is undone.

The walk that records is `revtrace.trace.machine`.
"""

from __future__ import annotations

import builtins
from types import CellType
from typing import Any

import numpy as np

from revtrace.calls.draws import Tape
from revtrace.errors import UnsupportedError
from revtrace.loc import NOWHERE, Loc
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Var, While, const, walk
from revtrace.trace import state as states
from revtrace.trace.frames import Frame
from revtrace.trace.objects.texts import RunTimeText
from revtrace.trace.pins import Pins
from revtrace.trace.record import Guard, Input, Source
from revtrace.trace.reliance import Reliance
from revtrace.trace.signals import NeedSharing, NeedStatic, PythonRaise
from revtrace.trace.state import State
from revtrace.trace.steps.attempts import Attempt, answer
from revtrace.trace.values import Conflict, Elementwise, Maybe, Num, Ref, Static, Tup, View

__all__ = ["Recorder"]


class Recorder:
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
        self.taping = False
        """Whether generators made while tracing are drawn from when running."""
        self.drawn = 0
        """How often such generators were drawn from."""
        self.externals: dict[int, tuple[Any, Ref]] = {}
        self.static_sources: set[Any] = set()
        self.sized = False
        """Whether every length and integer of the arguments is known."""
        self.written: set[Var] = set()
        self.early: dict[int, Any] = {}
        """What generators that were run to their end share with the loops over what they yielded."""
        self.instance_keys: list[Any] = []
        """Instances that were keys, of classes that say which are equal."""
        self.writes: list[Operand] = []
        """The buffers written to, in order."""
        self.fork_mark = 0
        self.depth = 0
        self.frames: list[Frame] = []
        self.returned: tuple[Loc, Any] = NOWHERE, None
        """Where the value was returned that was returned last."""
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
        self.numpy_errors: dict[str, Any] = {}
        """What ``np.seterr`` has set, if it was called."""
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
        self.trading = False
        """Whether arrays may trade places in the loop whose body is walked."""
        self.swaps: dict[Operand, dict[Operand, Operand]] = {}
        self.tables: dict[Any, View] = {}
        self.memo: dict[Any, Any] = {}
        """What memoised functions returned, by the function and its arguments."""
        self.remembered: set[Any] = set()
        """Memoised functions that change something when they run."""
        self.guessed: set[Any] = set()
        """Memoised functions of which it is known only when running whether a call runs them."""
        self.rolling: list[Any] = []
        """The loops being rolled, outermost first."""
        self.kinds: dict[Operand, Operand] | None = None
        """Numbers of different dtypes where two arms meet: which one the arm taken gives (as ``np.dtype.num``)."""
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
        self.aliased_objects = self.current.aliases
        self.choices: dict[int, tuple[Operand, int, int]] = {}
        """Objects that two became one of where two ways met: the condition, and which they are on either way."""

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

    def unsupported(self, what: str, why: str, instead: str) -> UnsupportedError:
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
        if not isinstance(cond, Const) and kind != "broadcast" and not kind.startswith("unsupported: "):
            # Lengths that agree only by broadcasting raise nothing: the call needs a program for its lengths.
            # Nor does what is not supported raise anything that the plain function could catch.
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
            self.guards.setdefault((source, kind), Guard(source, kind, value, self.b.loc))

    def write(self, view: View) -> None:
        """Note that an array is written to."""
        if isinstance(view.writeable, Const) and not view.writeable.value:
            raise PythonRaise(ValueError("assignment destination is read-only"))
        if not isinstance(view.writeable, Const):
            self.check(view.writeable, "ValueError")
        if view.root in self.aliases:
            raise self.aliases[view.root].at(self.b.loc)
        self.written.add(view.root)  # type: ignore[arg-type]
        self.writes.append(view.root)
        self.touch(view.root, written=True)

    def twin(self, base: Operand, copy: Operand) -> None:
        """Note a copy that stands for numpy's view of a buffer."""
        # Made again in a loop, it would be copied from what was not written through it.
        here = base in self.b.defs and any(self.b.defs[base] is stmt for stmt in self.b.stmts)
        used = not here and self.b.stmts is not self.top
        # What the base stands for itself is seen through the copy, too.
        for other in {base: None, **{o: None for o, _ in self.twins.get(base, ()) if o is not copy}}:
            events: set[str] = {f"used {id(other)}"} if used else set()
            self.twins.setdefault(other, []).append((copy, events))
            self.twins.setdefault(copy, []).append((other, events))

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
            raise value.value.refusal(self.b.loc)
        return value

    def dead_end(self, caught: bool = False) -> None:
        """Append that the arm being recorded raises; ``caught`` says that its own function may handle it."""
        if self.b.loc in self.failed:
            why = "whether an exception is raised and caught must be known"
            raise NeedStatic(tuple(self.pins.under), why, self.b.loc)
        self.check(const(False), "raise")
        if caught:
            self.catches = self.catches or self.b.loc
        else:
            self.may_raise()
