"""Operand and result types of the operations that are not scalar primitives.

One row per operation; the verifier reads it, and so can anything that asks what an
operation touches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from revtrace.program.nodes import Op
from revtrace.program.types import BOOL, INT, Array, Scalar, Stack, Type

__all__ = ["STRUCTURAL", "Signature"]

Checker = Callable[[Op, Sequence[Type]], str | None]


@dataclass(frozen=True, slots=True)
class Signature:
    """What an operation takes.

    Attributes
    ----------
    check : callable
        ``check(op, types)`` returns what is wrong with the operands, or None.
    result : callable
        ``result(op, types)`` gives the type the result must have, or None for no result.
    attrs : tuple of str
        The settings it accepts.
    writes : bool
        Whether it changes memory or a stack, or makes a new one.
    """

    check: Checker
    result: Callable[[Op, Sequence[Type]], Type | None]
    attrs: tuple[str, ...] = ()
    writes: bool = False


def _indexed(skip: int) -> Checker:
    """Check ``op(array, [value,] index...)`` with ``skip`` operands before the indices."""

    def check(op: Op, types: Sequence[Type]) -> str | None:
        if len(types) < skip or not isinstance(types[0], Array):
            return "takes an array first"
        if skip == 2 and types[1] != Scalar(types[0].dtype):
            return f"puts {types[1]} in an array of {types[0].dtype}"
        index = types[skip:]
        if len(index) != types[0].ndim:
            return f"has {len(index)} indices for {types[0].ndim} axes"
        if any(t != INT for t in index):
            return "has an index that is not an i8"
        return None

    return check


def _alloc(op: Op, types: Sequence[Type]) -> str | None:
    if any(t != INT for t in types):
        return "has a length that is not an i8"
    if op.out is None or not isinstance(op.out.type, Array) or op.out.type.ndim != len(types):
        return "must return an array with one axis per length"
    return None


def _fill(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 2 and isinstance(types[0], Array) and types[1] == Scalar(types[0].dtype):
        return None
    return "takes an array and a number of its dtype"


def _copy(op: Op, types: Sequence[Type]) -> str | None:
    return None if len(types) == 1 and isinstance(types[0], Array) else "takes an array"


def _copyto(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 2 and isinstance(types[0], Array) and types[0] == types[1]:
        return None
    return "takes two arrays of one type"


def _dim(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) != 1 or not isinstance(types[0], Array):
        return "takes an array"
    axis = op.attr("axis")
    if not isinstance(axis, int) or not 0 <= axis < types[0].ndim:
        return f"has no axis {axis!r}"
    return None


def _select(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 3 and types[0] == BOOL and types[1] == types[2] and isinstance(types[1], Scalar):
        return None
    return "takes a b1 and two numbers of one dtype"


def _cast(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 1 and isinstance(types[0], Scalar) and op.out is not None and isinstance(op.out.type, Scalar):
        return None
    return "converts one number to a number"


def _accum(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 2 and types[0] == types[1] and isinstance(types[0], Scalar):
        return None
    return "takes two numbers of one dtype"


def _linearised(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) in (3, 4) and all(isinstance(t, Scalar) for t in types) and types[3:] in ([], [BOOL], (), (BOOL,)):
        return None if types[1] == types[2] else "takes a value and a slope of one dtype"
    return "takes a number, a value, its slope and whether it varies"


def _check(op: Op, types: Sequence[Type]) -> str | None:
    return None if list(types) == [BOOL] else "takes a b1"


def _stack(op: Op, types: Sequence[Type]) -> str | None:
    if types or op.out is None or not isinstance(op.out.type, Stack):
        return "takes nothing and returns a stack"
    return None


def _push(op: Op, types: Sequence[Type]) -> str | None:
    if len(types) == 2 and isinstance(types[0], Stack) and types[1] == Scalar(types[0].dtype):
        return None
    return "takes a stack and a number of its dtype"


def _pop(op: Op, types: Sequence[Type]) -> str | None:
    return None if len(types) == 1 and isinstance(types[0], Stack) else "takes a stack"


def _call(op: Op, types: Sequence[Type]) -> str | None:
    outs = op.attr("outs")
    if not isinstance(outs, int) or not 1 <= outs <= len(types) or not isinstance(op.attr("row"), str):
        return "names no row and number of outputs"
    if not all(isinstance(t, Array) for t in types):
        return "takes arrays"
    if any(x in op.args[outs:] or op.args.count(x) > 1 for x in op.args[:outs]):
        return "writes an array that it reads, or writes twice"
    if op.attr("adds") and outs != 1:
        return "adds to more than one array"
    return None


def _keep(op: Op, types: Sequence[Type]) -> str | None:
    if types and all(isinstance(t, Scalar) for t in types) and all(t == INT for t in types[1:]):
        return None
    return "takes a number and indices"


def _nothing(op: Op, types: Sequence[Type]) -> None:
    return None


def _own(op: Op, types: Sequence[Type]) -> Type | None:
    return op.out.type if op.out is not None else INT


def _element(op: Op, types: Sequence[Type]) -> Type:
    return Scalar(types[0].dtype)


STRUCTURAL: dict[str, Signature] = {
    "load": Signature(_indexed(1), _element, ("safe",)),
    "store": Signature(_indexed(2), _nothing, ("safe",), writes=True),
    "addto": Signature(_indexed(2), _nothing, ("safe",), writes=True),
    "alloc": Signature(_alloc, _own, ("zeros", "bits"), writes=True),
    "fill": Signature(_fill, _nothing, writes=True),
    "copy": Signature(_copy, lambda op, types: types[0], writes=True),
    "copyto": Signature(_copyto, _nothing, ("site",), writes=True),
    "dim": Signature(_dim, lambda op, types: INT, ("axis",)),
    "select": Signature(_select, lambda op, types: types[1]),
    "cast": Signature(_cast, _own),
    "accum": Signature(_accum, lambda op, types: types[0], ("blocks",)),
    "linearised": Signature(_linearised, lambda op, types: types[1]),
    "check": Signature(_check, _nothing, ("kind", "soft")),
    "stack": Signature(_stack, _own, writes=True),
    "call": Signature(_call, _nothing, ("row", "outs", "settings", "adds", "again", "site"), writes=True),
    "keep": Signature(_keep, _nothing, ("site", "slot"), writes=True),
    "push": Signature(_push, _nothing, writes=True),
    "pop": Signature(_pop, _element, writes=True),
}
