"""The interpreter: what a program means.

Executes any program, forward, reverse or tangent, one statement at a time.  State
is one dictionary from values to numbers; a statement is one call of `Machine.op`,
`Machine.branch`, `Machine.count` or `Machine.loop`, so a debugger steps through the
user's lines.  An observer sees every executed step with what it overwrote, enough
to step backward again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.calls.core import attempt, row_of, settings_of
from revtrace.errors import InternalError
from revtrace.program.nodes import (
    Block,
    Const,
    For,
    If,
    Op,
    Operand,
    Program,
    Stmt,
    Var,
    While,
)
from revtrace.program.sums import blocked
from revtrace.program.types import Array, Scalar
from revtrace.replay.numbers import Native, system_of
from revtrace.rules.runtime import sum_error, with_error

__all__ = ["Bail", "Event", "Machine", "Observer", "OutOfTime", "run"]


class Bail(Exception):
    """The program met what it does not handle; the plain function says what.

    Attributes
    ----------
    op : Op
        The operation that gave up: a failed check, an index out of range, a
        negative length, shapes that differ.
    """

    def __init__(self, op: Op, reason: str) -> None:
        super().__init__(f"{op.loc}: {op.name}: {reason}")
        self.op = op
        self.reason = reason


class OutOfTime(Exception):
    """A run was given up: the time it was given is over."""


@dataclass(frozen=True, slots=True)
class Event:
    """One executed step.

    Attributes
    ----------
    step : int
        Position in the run, from 0.
    stmt : Op, If, For or While
        What ran.  A branch is one event, when its arm is chosen; a loop is one
        event per iteration and one when it is left.
    args : tuple
        Operand values; ``(arm,)`` for a branch; ``(index, *params)`` or ``params`` for an iteration.
    out : object
        The result, or None.
    old : object
        What a memory operation overwrote: an element, or a copy of the array.
    """

    step: int
    stmt: Stmt
    args: tuple[Any, ...]
    out: Any = None
    old: Any = None


Observer = Callable[[Event], None]


def run(
    program: Program, inputs: Sequence[Any], *, observer: Observer | None = None, until: float | None = None
) -> tuple[Any, ...]:
    """Execute a program and return its outputs.

    Parameters
    ----------
    program : Program
        Any program.
    inputs : sequence
        One number or array per input.  The types found here choose the number
        system: floats, complex numbers in place of floats (complex step),
        ``Fraction``, ``mpmath.mpf``; arrays of exotic numbers have dtype object.  Arrays
        are written in place where the program writes them.
    observer : callable, optional
        Called with an `Event` after every step.
    until : float, optional
        When to give up, by `time.thread_time`; looked at where a block begins, loops' iterations included.

    Returns
    -------
    tuple
        One number or array per result of the program.

    Raises
    ------
    Bail
        A check failed or an index was out of range.
    OutOfTime
        It was not done in time.
    """
    if len(inputs) != len(program.inputs):
        raise TypeError(f"{program.name} takes {len(program.inputs)} inputs, got {len(inputs)}")
    numbers = system_of(inputs, [v.type for v in program.inputs])
    machine = Machine(numbers, observer) if until is None else _Hurried(numbers, until)
    with np.errstate(all="ignore"):
        for var, value in zip(program.inputs, inputs, strict=True):
            machine.env[var] = numbers.input(value, var.type)
        results = machine.block(program.body)
        return tuple(numbers.output(r, o.type) for r, o in zip(results, program.body.results, strict=True))


class Machine:
    """State of one run: the value of each variable, in a number system."""

    def __init__(self, numbers: Native, observer: Observer | None = None) -> None:
        self.numbers = numbers
        self.env: dict[Var, Any] = {}
        self.observer = observer
        self.steps = 0

    def value(self, x: Operand) -> Any:
        """Look an operand up."""
        if isinstance(x, Const):
            return self.numbers.scalar(x.value, x.type.dtype)
        return self.env[x]

    def block(self, block: Block) -> list[Any]:
        """Run the statements of a block and return its results."""
        for stmt in block.stmts:
            match stmt:
                case Op():
                    self.op(stmt)
                case If():
                    self.branch(stmt)
                case For():
                    self.count(stmt)
                case While():
                    self.loop(stmt)
        return [self.value(r) for r in block.results]

    # regions --------------------------------------------------------------------------

    def branch(self, stmt: If) -> None:
        """Run one arm."""
        taken = bool(self.value(stmt.cond))
        self.observe(stmt, (taken,))
        results = self.block(stmt.then if taken else stmt.orelse)
        self.env.update(zip(stmt.outs, results, strict=True))

    def count(self, stmt: For) -> None:
        """Run a counted loop."""
        carried = [self.value(x) for x in stmt.inits]
        trips = 0
        sums = blocked(stmt) if type(self.numbers) is Native else {}
        lows = {k: 0.0 for k in sums if stmt.params[k].type.dtype[0] == "f"}
        for index in range(self.value(stmt.start), self.value(stmt.stop), stmt.step):
            self.env[stmt.index] = index
            self.env.update(zip(stmt.params, carried, strict=True))
            self.observe(stmt, (index, *carried))
            trips += 1
            before = carried
            carried = self.block(stmt.body)
            for k in lows:
                term = self.value(sums[k])
                wide = stmt.params[k].type.dtype == "f8"
                lows[k] += sum_error(before[k], term) if wide else before[k] + term - carried[k]
            if stmt.exits and carried.pop():
                break
        for k, low in lows.items():
            carried[k] = self.numbers.scalar(with_error(carried[k], low), stmt.params[k].type.dtype)
        self.leave(stmt, carried, trips)

    def loop(self, stmt: While) -> None:
        """Run a loop until its condition fails."""
        carried = [self.value(x) for x in stmt.inits]
        trips = 0
        while True:
            self.env.update(zip(stmt.params, carried, strict=True))
            (go_on,) = self.block(stmt.cond)
            if not go_on:
                break
            self.observe(stmt, tuple(carried))
            trips += 1
            carried = self.block(stmt.body)
            if stmt.exits and carried.pop():
                break
        self.leave(stmt, carried, trips)

    def leave(self, stmt: For | While, carried: list[Any], trips: int) -> None:
        """Hand a loop's final values on."""
        self.env.update(zip(stmt.outs, carried, strict=True))
        self.env[stmt.count] = trips
        self.observe(stmt, tuple(carried), trips)

    # operations -----------------------------------------------------------------------

    def op(self, op: Op) -> None:
        """Run one operation."""
        args = tuple(self.value(x) for x in op.args)
        old = overwritten(op, args) if self.observer is not None else None
        memory = MEMORY.get(op.name)
        if memory is not None:
            out = memory(self.numbers, op, args)
        else:
            out = self.compute(op, args)
        if op.out is not None:
            self.env[op.out] = out
        self.observe(op, args, out, old)

    def compute(self, op: Op, args: tuple[Any, ...]) -> Any:
        """Run an operation on scalars."""
        assert op.out is not None and isinstance(op.out.type, Scalar)
        dtype = op.out.type.dtype
        if op.name == "select":
            return args[1] if args[0] else args[2]
        if op.name == "cast":
            source = op.args[0].type
            assert isinstance(source, Scalar)
            return self.numbers.cast(args[0], source.dtype, dtype)
        return self.numbers.apply(op.name, args, dtype)

    def observe(self, stmt: Stmt, args: tuple[Any, ...], out: Any = None, old: Any = None) -> None:
        """Tell the observer."""
        if self.observer is not None:
            self.observer(Event(self.steps, stmt, args, out, old))
            self.steps += 1


class _Hurried(Machine):
    """A machine that gives up when its time is over."""

    def __init__(self, numbers: Native, until: float) -> None:
        super().__init__(numbers)
        self.until = until

    def block(self, block: Block) -> list[Any]:
        if time.thread_time() > self.until:
            raise OutOfTime
        return super().block(block)


# Memory ------------------------------------------------------------------------------


def position(op: Op, array: np.ndarray[Any, Any], index: Sequence[int]) -> tuple[int, ...]:
    """Return an index tuple counted from the front, or bail."""
    safe = op.attr("safe", False)
    found = []
    for i, n in zip(index, array.shape, strict=True):
        if safe and not 0 <= i < n:
            raise InternalError(
                f"index {i} of {op.name} was marked safe for an axis of length {n}",
                loc=op.loc,
            )
        if not -n <= i < n:
            raise Bail(op, f"index {i} is out of range for an axis of length {n}")
        found.append(i if i >= 0 else i + n)
    return tuple(found)


def overwritten(op: Op, args: tuple[Any, ...]) -> Any:
    """Return what an operation is about to overwrite."""
    if op.name in ("store", "addto"):
        try:
            return args[0][position(op, args[0], args[2:])]
        except Bail:
            return None
    if op.name in ("fill", "copyto"):
        return args[0].copy()
    if op.name == "call":
        count = op.attr("outs")
        assert isinstance(count, int)
        return tuple(x.copy() for x in args[:count])
    return None


def element_dtype(op: Op) -> str:
    """Return the dtype of the array, or stack, an operation works on."""
    type_ = op.args[0].type
    return type_.dtype


def _load(numbers: Native, op: Op, args: tuple[Any, ...]) -> Any:
    array = args[0]
    value = array[position(op, array, args[1:])]
    return value.item() if isinstance(value, np.generic) else value


def _store(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    array, value, *index = args
    array[position(op, array, index)] = value


def _addto(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    array, value, *index = args
    at = position(op, array, index)
    old = array[at]
    old = old.item() if isinstance(old, np.generic) else old
    array[at] = numbers.apply("add", (old, value), element_dtype(op))


def _alloc(numbers: Native, op: Op, args: tuple[Any, ...]) -> Any:
    assert op.out is not None and isinstance(op.out.type, Array)
    if any(n < 0 for n in args):
        raise Bail(op, f"negative length in {args}")
    dtype = op.out.type.dtype
    array = numbers.zeros(args, dtype)
    if not op.attr("zeros", False) and dtype[0] in "fc":
        # Undefined contents: NaN shows up in results that read them.
        array.fill(numbers.scalar(np.nan, dtype))
    return array


def _fill(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    array, value = args
    for index in np.ndindex(array.shape):
        array[index] = value


def _copy(numbers: Native, op: Op, args: tuple[Any, ...]) -> Any:
    return np.array(args[0], order="C", copy=True)


def _copyto(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    target, source = args
    if target.shape != source.shape:
        raise Bail(op, f"shapes {target.shape} and {source.shape} differ")
    target[...] = source


def _dim(numbers: Native, op: Op, args: tuple[Any, ...]) -> int:
    axis = op.attr("axis")
    assert isinstance(axis, int)
    return int(args[0].shape[axis])


def _check(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    if not args[0]:
        raise Bail(op, str(op.attr("kind", "check")))


def _stack(numbers: Native, op: Op, args: tuple[Any, ...]) -> list[Any]:
    return []


def _call(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    count = op.attr("outs")
    assert isinstance(count, int)
    if not attempt(row_of(op), settings_of(op), bool(op.attr("adds")), args[:count], args[count:]):
        raise Bail(op, str(op.attr("row")))


def _push(numbers: Native, op: Op, args: tuple[Any, ...]) -> None:
    args[0].append(args[1])


def _pop(numbers: Native, op: Op, args: tuple[Any, ...]) -> Any:
    if not args[0]:
        raise InternalError("a stack was popped empty", loc=op.loc)
    return args[0].pop()


MEMORY: dict[str, Callable[[Native, Op, tuple[Any, ...]], Any]] = {
    "load": _load,
    "store": _store,
    "addto": _addto,
    "alloc": _alloc,
    "fill": _fill,
    "copy": _copy,
    "copyto": _copyto,
    "dim": _dim,
    "check": _check,
    "stack": _stack,
    "call": _call,
    "push": _push,
    "pop": _pop,
}
