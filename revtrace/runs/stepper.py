"""A machine that executes one step at a time and whose whole state can be copied.

The meaning of operations is that of `revtrace.replay.interpret`; control is kept in a list of frames instead
of in Python's own stack, so that a run can be left, copied and taken up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While
from revtrace.replay.interpret import Event, Machine, overwritten
from revtrace.replay.numbers import system_of

__all__ = ["State", "Stepper"]


@dataclass(slots=True)
class _Frame:
    """A block that is being run.

    Attributes
    ----------
    block : Block
    stmt : Stmt or None
        The region it belongs to; None for the program's body.
    arm : str
        ``"top"``, ``"arm"``, ``"cond"`` or ``"body"``.
    at : int
        Which of its statements is next.
    index : int
        Value of a counted loop's index.
    stop : int
    trips : int
        Iterations begun.
    """

    block: Block
    stmt: Stmt | None
    arm: str
    at: int = 0
    index: int = 0
    stop: int = 0
    trips: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """A copy of everything a run consists of between two steps."""

    steps: int
    env: dict[Var, Any]
    frames: tuple[_Frame, ...]
    variables: dict[str, Var]
    bytes: int


@dataclass(slots=True)
class Stepper:
    """A run of a program.

    Attributes
    ----------
    program : Program
    machine : Machine
        Holds the values, ``machine.env``.
    steps : int
        Steps executed.
    owners : mapping
        The user's variable that a value is given to, for those that are.
    variables : dict
        By variable, the value given to it last.
    """

    program: Program
    machine: Machine
    owners: Mapping[Var, str] = field(default_factory=dict)
    steps: int = 0
    frames: list[_Frame] = field(default_factory=list)
    variables: dict[str, Var] = field(default_factory=dict)

    @classmethod
    def start(cls, program: Program, inputs: Sequence[Any], owners: Mapping[Var, str] | None = None) -> Stepper:
        """Return a run that is about to begin; arrays among the inputs are written in place."""
        numbers = system_of(inputs, [v.type for v in program.inputs])
        made = cls(program, Machine(numbers), owners or {}, 0, [_Frame(program.body, None, "top")])
        made._define(program.inputs, [numbers.input(x, v.type) for x, v in zip(inputs, program.inputs, strict=True)])
        return made

    def _define(self, variables: Sequence[Var], values: Sequence[Any]) -> None:
        """Give values to some variables of the program."""
        self.machine.env.update(zip(variables, values, strict=True))
        for var in variables:
            name = self.owners.get(var)
            if name is not None:
                self.variables[name] = var

    # states -----------------------------------------------------------------------------

    def save(self) -> State:
        """Return a copy of the state."""
        env, size = _copied(self.machine.env)
        return State(self.steps, env, tuple(replace(f) for f in self.frames), dict(self.variables), size)

    def restore(self, state: State) -> None:
        """Go to a state that `save` returned."""
        self.machine.env = _copied(state.env)[0]
        self.frames = [replace(f) for f in state.frames]
        self.variables = dict(state.variables)
        self.steps = state.steps

    # steps ------------------------------------------------------------------------------

    def next(self) -> Stmt | None:
        """Return the statement whose next event `step` would give; None at the end."""
        for frame in reversed(self.frames):
            if frame.at < len(frame.block.stmts):
                return frame.block.stmts[frame.at]
            if frame.arm in ("body", "cond"):
                return frame.stmt
        return None

    def step(self) -> Event | None:
        """Execute until the next event and return it; None when the program has ended.

        Raises
        ------
        Bail
            A check failed; the state is as before the step.
        """
        with np.errstate(all="ignore"):
            while True:
                frame = self.frames[-1]
                if frame.at == len(frame.block.stmts):
                    if frame.arm == "top":
                        return None
                    event = self._finished(frame)
                else:
                    event = self._statement(frame, frame.block.stmts[frame.at])
                if event is not None:
                    self.steps += 1
                    return event

    def results(self) -> tuple[Any, ...]:
        """Return the program's results, at its end."""
        body = self.program.body
        numbers = self.machine.numbers
        return tuple(numbers.output(self.machine.value(r), r.type) for r in body.results)

    def _event(self, stmt: Stmt, args: tuple[Any, ...], out: Any = None, old: Any = None) -> Event:
        return Event(self.steps, stmt, args, out, old)

    def _values(self, operands: Sequence[Operand]) -> list[Any]:
        return [self.machine.value(x) for x in operands]

    def _statement(self, frame: _Frame, stmt: Stmt) -> Event | None:
        machine = self.machine
        match stmt:
            case Op():
                args = tuple(self._values(stmt.args))
                old = overwritten(stmt, args)
                machine.op(stmt)
                frame.at += 1
                if stmt.out is None:
                    return self._event(stmt, args, None, old)
                if stmt.out in self.owners:
                    self.variables[self.owners[stmt.out]] = stmt.out
                return self._event(stmt, args, machine.env[stmt.out], old)
            case If():
                frame.at += 1
                taken = bool(machine.value(stmt.cond))
                self.frames.append(_Frame(stmt.then if taken else stmt.orelse, stmt, "arm"))
                return self._event(stmt, (taken,))
            case For():
                frame.at += 1
                start, stop = machine.value(stmt.start), machine.value(stmt.stop)
                body = _Frame(stmt.body, stmt, "body", index=start, stop=stop)
                return self._iteration(body, stmt, self._values(stmt.inits))
            case While():
                frame.at += 1
                self._define(stmt.params, self._values(stmt.inits))
                self.frames.append(_Frame(stmt.cond, stmt, "cond"))
        return None

    def _iteration(self, body: _Frame, stmt: For, carried: list[Any]) -> Event:
        """Begin an iteration of a counted loop, or leave it."""
        if len(range(body.index, body.stop, stmt.step)) == 0:
            return self._leave(stmt, carried, body.trips)
        self._define((stmt.index, *stmt.params), [body.index, *carried])
        body.at = 0
        body.trips += 1
        self.frames.append(body)
        return self._event(stmt, (body.index, *carried))

    def _leave(self, stmt: For | While, carried: list[Any], trips: int) -> Event:
        self._define(stmt.outs, carried)
        self.machine.env[stmt.count] = trips
        return self._event(stmt, tuple(carried), trips)

    def _finished(self, frame: _Frame) -> Event | None:
        """Hand the results of a block on."""
        self.frames.pop()
        stmt, env = frame.stmt, self.machine.env
        results = self._values(frame.block.results)
        if isinstance(stmt, If):
            self._define(stmt.outs, results)
            return None
        assert isinstance(stmt, For | While)
        if frame.arm == "cond":
            carried = [env[p] for p in stmt.params]
            if not results[0]:
                return self._leave(stmt, carried, frame.trips)
            self.frames.append(_Frame(stmt.body, stmt, "body", trips=frame.trips + 1))
            return self._event(stmt, tuple(carried))
        if stmt.exits and results.pop():
            return self._leave(stmt, results, frame.trips)
        if isinstance(stmt, For):
            frame.index += stmt.step
            return self._iteration(frame, stmt, results)
        self._define(stmt.params, results)
        self.frames.append(_Frame(stmt.cond, stmt, "cond", trips=frame.trips))
        return None


def _copied(env: dict[Var, Any]) -> tuple[dict[Var, Any], int]:
    """Return a copy of values, arrays that are one staying one, and its size in bytes."""
    seen: dict[int, Any] = {}
    size = 64 * len(env)
    found: dict[Var, Any] = {}
    for var, value in env.items():
        if isinstance(value, np.ndarray | list):
            copy = seen.get(id(value))
            if copy is None:
                copy = seen[id(value)] = value.copy()
                size += value.nbytes if isinstance(value, np.ndarray) else 32 * len(value)
            found[var] = copy
        else:
            found[var] = value
    return found, size
