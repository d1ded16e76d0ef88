"""Counted loops as LLVM instructions: ``range`` of 64-bit integers, its iterator, and a step of that.

Numba's own write sixty instructions and seven blocks for a loop, half of them variables in memory and tests of a step
that is a literal here; these write about twenty, and a branch where it is entered and where it goes on.  Values have
numba's types, so that other kinds of ranges stay numba's.  Imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

__all__ = ["ranges", "trips"]

_I64 = ir.IntType(64)
_ZERO, _ONE = ir.Constant(_I64, 0), ir.Constant(_I64, 1)


def trips(builder: Any, start: Any, stop: Any, step: Any) -> Any:
    """Return the length of a range."""
    span, count = _counted(builder, start, stop, step)
    return builder.select(builder.icmp_signed(">", span, _ZERO), count, _ZERO)


def _counted(builder: Any, start: Any, stop: Any, step: Any) -> tuple[Any, Any]:
    """Return how far a range reaches, and its length where that is positive.

    The step is a literal, so half of this folds away.
    """
    up = builder.icmp_signed(">", step, _ZERO)
    span = builder.select(up, builder.sub(stop, start), builder.sub(start, stop))
    size = builder.select(up, step, builder.neg(step))
    return span, builder.add(builder.udiv(builder.sub(span, _ONE), size), _ONE)


def ranges(context: Any, function: Any, signature: Any) -> Callable[..., Any] | None:
    """Return what writes a call that belongs to a counted loop; None for another.

    Parameters
    ----------
    context : CPUContext
    function : numba type or str
        What is called: the type of ``range``, "getiter" or "iternext".
    signature : Signature
    """
    if function == "getiter" and signature.args == (types.range_state64_type,):
        return _iterator(context.get_value_type(signature.return_type))
    if function == "iternext" and signature.args == (types.range_iter64_type,):
        return _next
    if signature.return_type == types.range_state64_type and getattr(function, "typing_key", None) is range:
        return _range(context.get_value_type(signature.return_type))
    return None


def _record(builder: Any, kind: Any, values: Any) -> Any:
    """Return a struct of values."""
    record = ir.Constant(kind, ir.Undefined)
    for k, value in enumerate(values):
        record = builder.insert_value(record, value, k)
    return record


def _range(kind: Any) -> Callable[..., Any]:
    def build(builder: Any, args: Any, loc: Any = None) -> Any:
        start, stop, step = (_ZERO, *args, _ONE) if len(args) == 1 else (*args, _ONE)[:3]
        return _record(builder, kind, (start, stop, step))

    return build


def _iterator(kind: Any) -> Callable[..., Any]:
    def build(builder: Any, args: Any, loc: Any = None) -> Any:
        start, stop, step = (builder.extract_value(args[0], k) for k in range(3))
        # Made in the function's first block, whatever loop this is in.
        value, count = (cgutils.alloca_once(builder, _I64) for _ in range(2))
        builder.store(start, value)
        # A branch rather than the greater of this and zero: LLVM then knows that the loop runs where it is entered.
        builder.store(_ZERO, count)
        span, length = _counted(builder, start, stop, step)
        with builder.if_then(builder.icmp_signed(">", span, _ZERO)):
            builder.store(length, count)
        return _record(builder, kind, (value, stop, step, count))

    return build


def _next(builder: Any, args: Any, loc: Any = None) -> Any:
    """Return the next number and whether there is one."""
    place, left, step = (builder.extract_value(args[0], k) for k in (0, 3, 2))
    count, value = builder.load(left), builder.load(place)
    valid = builder.icmp_signed(">", count, _ZERO)
    # Stepping only where the loop goes on leaves LLVM one number to carry rather than two.
    with builder.if_then(valid):
        builder.store(builder.sub(count, _ONE, flags=("nsw",)), left)
        builder.store(builder.add(value, step), place)
    return _record(builder, ir.LiteralStructType([_I64, ir.IntType(1)]), (value, valid))
