"""What one scalar operation amounts to when operands are known: a constant, or one of them."""

from __future__ import annotations

import numpy as np

from revtrace.passes.scopes import is_float
from revtrace.program.nodes import Const, Op, Operand, const
from revtrace.program.types import Scalar, is_inexact
from revtrace.rules.core import RULES

__all__ = ["folded", "key"]


def folded(op: Op) -> Operand | None:
    """Return the operand an operation's result equals, or None.  Exact, signs of zeros included."""
    if op.out is None or not isinstance(op.out.type, Scalar):
        return None
    dtype = op.out.type.dtype
    if op.name == "select":
        c, a, b = op.args
        if isinstance(c, Const):
            return a if c.value else b
        return a if key(a) == key(b) else None
    if op.name == "cast":
        (x,) = op.args
        if x.type == op.out.type:
            return x
        return _cast(x, dtype) if isinstance(x, Const) else None
    rule = RULES.get(op.name)
    if rule is None:
        return None
    if all(isinstance(x, Const) for x in op.args):
        return _computed(op, dtype)
    return _identity(op)


def key(x: Operand) -> object:
    """Return what makes two operands the same; zeros of either sign are different."""
    return (repr(x.value), x.type) if isinstance(x, Const) else x


def _computed(op: Op, dtype: str) -> Const | None:
    values = [x.value for x in op.args if isinstance(x, Const)]
    if op.name in ("floordiv", "mod") and values[1] == 0:
        return None
    try:
        return _number(RULES[op.name].forward(*values), dtype)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _number(value: object, dtype: str) -> Const | None:
    """Return a value as a literal, rounded and wrapped as the dtype does."""
    kind = dtype[0]
    if isinstance(value, complex) and kind != "c":
        return None
    if kind in "iu":
        if not isinstance(value, int | np.integer):
            return None
        info = np.iinfo(np.dtype(dtype))
        value = int(value)
        if not info.min <= value <= info.max:
            value = (value - info.min) % (info.max - info.min + 1) + info.min
        return const(value, dtype)
    assert isinstance(value, bool | int | float | complex | np.generic)
    if is_inexact(dtype):
        return const(np.dtype(dtype).type(value).item(), dtype)
    return const(bool(value), dtype)


def _cast(x: Const, dtype: str) -> Const | None:
    if dtype[0] in "iu" and isinstance(x.value, float):
        if not np.isfinite(x.value):
            return None
        return _number(int(x.value), dtype)
    return _number(int(x.value) if dtype[0] in "iu" and isinstance(x.value, bool) else x.value, dtype)


def _identity(op: Op) -> Operand | None:
    """Drop neutral elements."""
    args = op.args
    first = args[0].value if isinstance(args[0], Const) else None
    second = args[1].value if len(args) == 2 and isinstance(args[1], Const) else None
    exact = not is_float(args[0])
    match op.name:
        case "mul":
            if second == 1:
                return args[0]
            if first == 1:
                return args[1]
        case "div" | "floordiv" if second == 1 and (op.name == "div" or exact):
            return args[0]
        case "add":
            # x + 0.0 changes the sign of a zero.
            if exact and second == 0:
                return args[0]
            if exact and first == 0:
                return args[1]
        case "sub":
            if second == 0 and (exact or str(second) != "-0.0") and not isinstance(second, complex):
                return args[0]
        case "accum":
            # Sums of adjoints: the sign of a zero is of no account.
            if second == 0:
                return args[0]
            if first == 0:
                return args[1]
        case "and":
            if second is True or first is False:
                return args[0]
            if first is True or second is False:
                return args[1]
        case "or":
            if second is False or first is True:
                return args[0]
            if first is False or second is True:
                return args[1]
    return None
