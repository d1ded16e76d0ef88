"""Formulas that run on numbers and on program values alike.

``x * exp(y)`` computes when ``x`` and ``y`` are Python numbers and appends
operations when they are `Expr`, a program value together with the builder it
belongs to.  Plain numbers in a formula take the dtype of the expression they meet.
"""

from __future__ import annotations

from typing import Any

from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, Scalar, real_dtype
from revtrace.rules.core import RULES

__all__ = ["Expr", "apply", "imag", "operand", "real", "where"]


class Expr:
    """A program value in a formula."""

    __slots__ = ("builder", "operand")
    __array_ufunc__ = None

    def __init__(self, builder: Builder, operand: Operand) -> None:
        self.builder = builder
        self.operand = operand

    @property
    def dtype(self) -> str:
        """The value's dtype."""
        assert isinstance(self.operand.type, Scalar)
        return self.operand.type.dtype

    def __add__(self, other: Any) -> Any:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _binary("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _binary("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary("div", other, self)

    def __pow__(self, other: Any) -> Any:
        return _binary("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary("pow", other, self)

    def __neg__(self) -> Any:
        return apply("neg", self)

    def __lt__(self, other: Any) -> Any:
        return _binary("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return _binary("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return _binary("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return _binary("ge", self, other)

    def equals(self, other: Any) -> Any:
        """Compare for equality (``==`` is left to Python's identity)."""
        return _binary("eq", self, other)

    def __and__(self, other: Any) -> Any:
        return _binary("and", self, other)

    def __or__(self, other: Any) -> Any:
        return _binary("or", self, other)


def operand(builder: Builder, x: Any, dtype: str) -> Operand:
    """Return a formula's result as an operand of the given dtype."""
    if isinstance(x, Expr):
        return builder.cast(x.operand, dtype)
    return const(x, dtype)


def _is_number(x: Any, value: float) -> bool:
    if isinstance(x, Expr):
        return isinstance(x.operand, Const) and x.operand.value == value
    return bool(x == value)


def _join(a: Any, b: Any) -> str:
    """Dtype in which a mixed pair is computed: the wider of the two expressions."""
    if not isinstance(a, Expr):
        a, b = b, a
    if not isinstance(b, Expr):
        if isinstance(b, complex):
            return {"f4": "c8", "f8": "c16"}.get(a.dtype, a.dtype)
        if isinstance(b, float) and a.dtype[0] in "iub":
            return "f8"
        return str(a.dtype)
    if a.dtype == b.dtype:
        return str(a.dtype)
    order = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16"]
    return max(a.dtype, b.dtype, key=order.index)


def _binary(name: str, a: Any, b: Any) -> Any:
    # Exact simplifications only; 0 * x drops a NaN, which is what a structural zero means.
    if name == "mul":
        if _is_number(a, 1):
            return b
        if _is_number(b, 1):
            return a
        if (not isinstance(a, Expr) and a == 0) or (not isinstance(b, Expr) and b == 0):
            return 0.0
        if not isinstance(a, Expr) and a == -1:
            return -b
        if not isinstance(b, Expr) and b == -1:
            return -a
    if name == "add" and not isinstance(a, Expr) and a == 0:
        return b
    if name in ("add", "sub") and not isinstance(b, Expr) and b == 0:
        return a
    if name == "div" and _is_number(b, 1):
        return a
    return apply(name, a, b)


def apply(name: str, *args: Any) -> Any:
    """Apply a primitive to numbers or expressions."""
    first = next((a for a in args if isinstance(a, Expr)), None)
    rule = RULES[name]
    if first is None:
        return rule.forward(*args)
    b = first.builder
    dtype = first.dtype
    for other in args:
        dtype = _join(Expr(b, const(0, dtype)), other)
    if name in ("sin", "cos", "exp", "log", "sqrt", "div", "pow") and dtype[0] in "iub":
        dtype = "f8"
    operands = [operand(b, a, dtype) for a in args]
    if rule.result == "bool":
        kind = BOOL
    elif rule.result == "real":
        kind = Scalar(real_dtype(dtype))
    elif rule.result == "int":
        kind = Scalar("i8")
    else:
        kind = Scalar(dtype)
    return Expr(b, b.op(name, *operands, type=kind))


def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose ``a`` where the condition holds, else ``b``; both are computed."""
    if not isinstance(condition, Expr):
        return a if condition else b
    builder = condition.builder
    dtype = _join(a if isinstance(a, Expr) else b, b if isinstance(a, Expr) else a) if isinstance(a, Expr) or isinstance(b, Expr) else "f8"
    x, y = operand(builder, a, dtype), operand(builder, b, dtype)
    return Expr(builder, builder.op("select", condition.operand, x, y, type=Scalar(dtype)))


def real(x: Any) -> Any:
    """Real part."""
    return apply("real", x) if not isinstance(x, Expr) or x.dtype[0] == "c" else x


def imag(x: Any) -> Any:
    """Imaginary part."""
    return apply("imag", x)
