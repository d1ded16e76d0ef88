"""A recorded run: every step of it can be gone to, forward and back.

The run is executed once from end to end.  Copies of its state are kept at some steps, spread evenly and
never more than fit into a budget; a step between them is reached by executing again from the copy before.
What is worth knowing of the whole run is summed up on the way, see `revtrace.runs.summary`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from revtrace.errors import RevtraceError
from revtrace.loc import Loc
from revtrace.program.nodes import Const, For, If, Op, Program, Stmt, Var, While
from revtrace.program.show import Printer
from revtrace.replay.interpret import Bail, Event
from revtrace.runs.call import Call
from revtrace.runs.locals import Names
from revtrace.runs.stepper import State, Stepper
from revtrace.runs.summary import BAR, Summary

__all__ = ["Moment", "Recording"]

_COPIES = 64
"""Copies of the state kept over the whole run."""

_BUDGET = 256 << 20
"""Bytes that all copies together may take."""

_NEAR = 12
"""Copies kept near where the run stands, so that going back again and again is quick."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One executed step.

    Attributes
    ----------
    step : int
        How many steps were executed, this one included.
    loc : Loc
        Its place; ``loc.role`` says whether it belongs to the backward sweep, see `revtrace.loc.Loc`.
    text : str
        The operation, as in dumps.
    reads : tuple of (str, object)
        Operands and their values.
    result : object
        What it computed; None where it computed nothing.
    before, after : object
        What a write found and left: an element, or whole arrays.
    variable : str
        The variable that the result is assigned to, if it is.
    """

    step: int
    loc: Loc
    text: str
    reads: tuple[tuple[str, Any], ...] = ()
    result: Any = None
    before: Any = None
    after: Any = None
    variable: str = ""


@dataclass(eq=False)
class Recording:
    """A run with its journal; it stands before its first step.

    Attributes
    ----------
    program : Program
        What was run: the function, then its reversal, as they were traced.
    call : Call
    length : int
        Steps of the whole run.
    failed : Bail or None
        What stopped it: a check that failed, an index out of range.
    complete : bool
        False where it was cut off at a limit.
    summary : Summary
        What happened on each line, where the first NaN or infinity was, what was kept.

    Examples
    --------
    >>> import revtrace
    >>> run = revtrace.wrap(lambda x, y: x * y).record(2.0, 3.0)
    >>> run.length, run.results
    (4, (6.0, 3.0, 2.0))
    >>> run.step().text, run.position
    ('v0: f8 = mul x, y', 1)
    >>> run.back().step, run.position
    (0, 0)
    """

    program: Program
    call: Call
    printer: Printer
    stepper: Stepper
    names: Names
    summary: Summary
    length: int = 0
    failed: Bail | None = None
    complete: bool = True
    results: tuple[Any, ...] | None = None
    copies: dict[int, State] = field(default_factory=dict, repr=False)
    near: dict[int, State] = field(default_factory=dict, repr=False)
    last: Event | None = field(default=None, repr=False)

    @classmethod
    def of(cls, call: Call, *, limit: int | None = None, progress: Callable[[int], None] | None = None) -> Recording:
        """Run a program from end to end.

        Parameters
        ----------
        call : Call
            What to run.
        limit : int, optional
            Steps after which the run is cut off.
        progress : callable, optional
            Told the number of steps now and then.
        """
        program = call.traced.program
        names = Names.of_program(program)
        summary = Summary.of(program, call.plan, names)
        stepper = Stepper.start(program, call.inputs(), summary.owners)
        made = cls(program, call, Printer.of(program), stepper, names, summary)
        made._run(limit, progress)
        made.at(0)
        return made

    def _run(self, limit: int | None, progress: Callable[[int], None] | None) -> None:
        stepper, every = self.stepper, 64
        self._copy(self.copies)
        while True:
            try:
                event = stepper.step()
            except Bail as bail:
                self.failed = bail
                break
            if event is None:
                self.results = stepper.results()
                break
            self.last = event
            self.summary.see(event, stepper)
            if stepper.steps % every == 0:
                self._copy(self.copies)
                size = max(state.bytes for state in self.copies.values())
                while len(self.copies) > max(2, min(_COPIES, _BUDGET // max(1, size))):
                    every *= 2
                    self.copies = {k: s for k, s in self.copies.items() if k % every == 0}
                if progress is not None:
                    progress(stepper.steps)
            if limit is not None and stepper.steps >= limit:
                self.complete = False
                break
        self.length = stepper.steps

    def _copy(self, into: dict[int, State]) -> None:
        into[self.stepper.steps] = self.stepper.save()

    # going places -------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """How many steps have been executed where the run stands."""
        return self.stepper.steps

    def at(self, step: int) -> Moment:
        """Go to just after a step and return it; step 0 is before everything.

        Raises
        ------
        IndexError
            The run has no such step.
        """
        if step < 0:
            step += self.length + 1
        if not 0 <= step <= self.length:
            raise IndexError(f"the run has steps 0 to {self.length}")
        stepper = self.stepper
        states = {**self.copies, **self.near}
        best = max(k for k in states if k < step or k == 0)
        if step == 0 or not best <= stepper.steps < step:
            if step != stepper.steps or self.last is None or self.last.step != step - 1:
                stepper.restore(states[best])
                self.last = None
        halfway = {step - (step - stepper.steps) // 2**k for k in range(1, 6)} if step - stepper.steps > 128 else set()
        while stepper.steps < step:
            if stepper.steps in halfway:
                self._copy(self.near)
                while len(self.near) > _NEAR:
                    del self.near[next(iter(self.near))]
            self.last = stepper.step()
        return self.moment()

    def step(self, count: int = 1) -> Moment:
        """Go forward."""
        return self.at(min(self.length, self.position + count))

    def back(self, count: int = 1) -> Moment:
        """Go back."""
        return self.at(max(0, self.position - count))

    def find(self, wanted: Callable[[Moment], bool], *, backward: bool = False) -> Moment | None:
        """Go to the next step, or the one before, that is wanted; None, and stay, where there is none."""
        here = self.position
        if not backward:
            for k in range(here + 1, self.length + 1):
                if wanted(self.at(k)):
                    return self.moment()
        else:
            # In stretches, each executed forward once: going back one by one would execute all again.
            end = here - 1
            while end > 0:
                start = max(1, end - 255)
                hits = [k for k in range(start, end + 1) if wanted(self.at(k))]
                if hits:
                    return self.at(hits[-1])
                end = start - 1
        self.at(here)
        return None

    # looking ------------------------------------------------------------------------------

    def moment(self) -> Moment:
        """Return the step that was executed last."""
        event = self.last
        if event is None or self.position == 0:
            return Moment(0, self.call.here, f"{self.program.name}: before the first step")
        return self.described(event)

    def described(self, event: Event) -> Moment:
        """Return an event with its text and the names of what it reads."""
        stmt, printer = event.stmt, self.printer
        if isinstance(stmt, Op):
            reads = tuple(
                (printer.operand(x), _still(value))
                for x, value in zip(stmt.args, event.args, strict=True)
                if isinstance(x, Var)
            )
            after = None
            if stmt.name in ("store", "addto"):
                after = event.args[0][tuple(event.args[2:])] if event.old is not None else None
            elif event.old is not None:
                after = _still(event.args[0])
            op = Op(stmt.name, stmt.args, stmt.out, tuple((k, v) for k, v in stmt.attrs if k not in ("safe", "again")))
            return Moment(
                event.step + 1,
                stmt.loc,
                printer.op(op),
                reads,
                _still(event.out),
                event.old,
                after,
                self.names.of(stmt),
            )
        text, shown = _region(printer, stmt, event)
        return Moment(event.step + 1, stmt.loc, text, shown)

    def values(self) -> dict[str, Any]:
        """Return every value computed so far, by its name in dumps; arrays as they are now."""
        env = self.stepper.machine.env
        return {self.printer.names[var]: value for var, value in env.items() if var in self.printer.names}

    def variables(self) -> dict[str, Any]:
        """Return the user's variables that are known by name, as they are now.

        Arguments, variables that loops carry, and assignments of one expression to one name; where two functions
        that were traced have a variable of one name, the one assigned last.
        """
        env = self.stepper.machine.env
        return {name: env[var] for name, var in self.stepper.variables.items() if not name.startswith(BAR)}

    def adjoints(self) -> dict[str, Any]:
        """Return the adjoints of the user's variables and arrays, as they are now; of loops' variables, so far."""
        env, known = self.stepper.machine.env, self.stepper.variables.items()
        return {name.removeprefix(BAR): env[var] for name, var in known if name.startswith(BAR)}

    def first_bad(self) -> Moment | None:
        """Go to the step that gave the first NaN or infinity from other operands; None where there is none."""
        return None if self.summary.bad is None else self.at(self.summary.bad + 1)

    def failure(self) -> RevtraceError:
        """Return what stopped the run, with its place in the source."""
        assert self.failed is not None
        return RevtraceError(f"the run stops after step {self.length}: {self.failed.reason}", loc=self.failed.op.loc)

    def __str__(self) -> str:
        return self.summary.table(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from revtrace.dumps.page import recorded

        return recorded(self)


def _still(value: Any) -> Any:
    """Return a value as it is now: arrays go on being written."""
    return value.copy() if isinstance(value, np.ndarray) else value


def _region(printer: Printer, stmt: Stmt, event: Event) -> tuple[str, tuple[tuple[str, Any], ...]]:
    match stmt:
        case If():
            cond = "" if isinstance(stmt.cond, Const) else printer.operand(stmt.cond)
            return f"if {cond}: {'taken' if event.args[0] else 'not taken'}", ()
        case For() | While():
            word = "for" if isinstance(stmt, For) else "while"
            names = [printer.names[p] for p in stmt.params]
            if event.out is not None:
                outs = [printer.names[v] for v in stmt.outs]
                return f"{word}: left after {event.out} iterations", tuple(zip(outs, event.args, strict=False))
            if isinstance(stmt, For):
                names = [printer.names[stmt.index], *names]
            return f"{word}: next iteration", tuple(zip(names, event.args, strict=False))
    return "", ()
