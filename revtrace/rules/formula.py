"""Formulas that run on numbers and on program values alike.

``x * exp(y)`` computes when ``x`` and ``y`` are Python numbers and appends
operations when they are `Expr`, a program value together with the builder it
belongs to.  Plain numbers in a formula take the dtype of the expression they meet.

The functions ``div``, ``pow``, ``eq``, ``exp`` ... are the primitives themselves: on
numbers they follow IEEE and never raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, Scalar, is_inexact, real_dtype
from revtrace.rules.core import RULES, Rule

__all__ = [
    "Expr",
    "NoDerivativeError",
    "apply",
    "imag",
    "is_complex",
    "literal",
    "no_derivative",
    "operand",
    "partial",
    "pullback",
    "pushforward",
    "real",
    "safe",
    "where",
]

_ORDER = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16")
_COMPLEX = {"f4": "c8", "f8": "c16"}


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
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return apply("pow", other, self)

    def __neg__(self) -> Any:
        return apply("neg", self)

    def __lt__(self, other: Any) -> Any:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return apply("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return apply("ge", self, other)

    def __and__(self, other: Any) -> Any:
        return apply("and", self, other)

    def __or__(self, other: Any) -> Any:
        return apply("or", self, other)

    __rand__ = __and__
    __ror__ = __or__


def operand(builder: Builder, x: Any, dtype: str) -> Operand:
    """Return a formula's result as an operand of the given dtype; a complex one gives its real part to a real dtype."""
    if isinstance(x, Expr):
        if x.dtype[0] == "c" and dtype[0] != "c":
            x = real(x)
        return builder.cast(x.operand, dtype)
    if isinstance(x, complex) and dtype[0] != "c":
        x = x.real
    return const(x, dtype)


def literal(x: Any) -> Any:
    """Return the number that a value is known to be, or None."""
    if not isinstance(x, Expr):
        return x
    return x.operand.value if isinstance(x.operand, Const) else None


def is_complex(x: Any) -> bool:
    """Whether a value is of a complex type."""
    if isinstance(x, Expr):
        return x.dtype[0] == "c"
    return isinstance(x, complex | np.complexfloating) or type(x).__name__ == "mpc"


def _join(a: Any, b: Any) -> str:
    """Dtype in which a mixed pair is computed: the wider of the two expressions."""
    if not isinstance(a, Expr):
        a, b = b, a
    if not isinstance(b, Expr):
        if isinstance(b, complex):
            return _COMPLEX.get(a.dtype, str(a.dtype))
        if isinstance(b, float) and a.dtype[0] in "iub":
            return "f8"
        return str(a.dtype)
    if {a.dtype, b.dtype} == {"f8", "c8"}:
        return "c16"
    return str(max(a.dtype, b.dtype, key=_ORDER.index))


def _binary(name: str, a: Any, b: Any) -> Any:
    # Exact simplifications only; 0 * x drops a NaN, which is what a structural zero means.
    p, q = literal(a), literal(b)
    if name == "mul":
        if p is not None and p == 1:
            return b
        if q is not None and q == 1:
            return a
        if (not isinstance(a, Expr) and a == 0) or (not isinstance(b, Expr) and b == 0):
            return 0.0
        if p is not None and p == -1:
            return -b
        if q is not None and q == -1:
            return -a
    if name == "add" and not isinstance(a, Expr) and a == 0:
        return b
    if name in ("add", "sub") and not isinstance(b, Expr) and b == 0:
        return a
    if name == "div" and q is not None and q == 1:
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
    for other in args if name != "powi" else args[:1]:
        dtype = _join(Expr(b, const(0, dtype)), other)
    if dtype[0] in "iub" and not set("iub") & set(rule.kinds):
        dtype = "f8"
    if name == "powi":
        operands = [operand(b, args[0], dtype), operand(b, args[1], "i8")]
    else:
        operands = [operand(b, a, dtype) for a in args]
    if rule.result == "bool":
        kind = BOOL
    elif rule.result == "real":
        kind = Scalar(real_dtype(dtype))
    elif rule.result == "int":
        kind = Scalar("i8")
    elif rule.result == "complex":
        kind = Scalar(_COMPLEX[dtype])
    else:
        kind = Scalar(dtype)
    if all(isinstance(x, Const) for x in operands):
        return Expr(b, _computed(rule, operands, kind.dtype))
    return Expr(b, b.op(name, *operands, type=kind))


def _computed(rule: Rule, operands: Sequence[Operand], dtype: str) -> Const:
    value = rule.forward(*(x.value for x in operands if isinstance(x, Const)))
    if is_inexact(dtype):
        value = np.dtype(dtype).type(value).item()
    return const(value, dtype)


def where(condition: Any, a: Any, b: Any, like: Any = None) -> Any:
    """Choose ``a`` where the condition holds, else ``b``; both are computed.

    Two plain numbers become values of the real dtype of ``like``.
    """
    if not isinstance(condition, Expr):
        return a if condition else b
    known = literal(condition)
    if known is not None:
        return a if known else b
    builder = condition.builder
    if isinstance(a, Expr) or isinstance(b, Expr):
        dtype = _join(a, b)
    else:
        dtype = real_dtype(like.dtype) if isinstance(like, Expr) and is_inexact(like.dtype) else "f8"
    x, y = operand(builder, a, dtype), operand(builder, b, dtype)
    return Expr(builder, builder.op("select", condition.operand, x, y, type=Scalar(dtype)))


def _primitive(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return apply(name, *args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Apply the primitive ``{name}`` to numbers or expressions."
    return call


def div(a: Any, b: Any) -> Any:
    """Divide as IEEE does."""
    if isinstance(a, Expr) or isinstance(b, Expr):
        return _binary("div", a, b)
    return apply("div", a, b)


def real(x: Any) -> Any:
    """Real part."""
    return apply("real", x) if not isinstance(x, Expr) or x.dtype[0] == "c" else x


def imag(x: Any) -> Any:
    """Imaginary part."""
    return apply("imag", x)


def safe(x: Any) -> Any:
    """Return ``x`` as a divisor: infinity where it is zero, so that the quotient and its derivatives are zero there."""
    return where(eq(x, 0), math.inf, x)


eq, ne = _primitive("eq"), _primitive("ne")
not_ = _primitive("not")
pow = _primitive("pow")
powi = _primitive("powi")
exp, log, sqrt, cbrt = _primitive("exp"), _primitive("log"), _primitive("sqrt"), _primitive("cbrt")
sin, cos, sinh, cosh = _primitive("sin"), _primitive("cos"), _primitive("sinh"), _primitive("cosh")
hypot, expit = _primitive("hypot"), _primitive("expit")
digamma, polygamma = _primitive("digamma"), _primitive("polygamma")
sign, copysign, trunc, rint = _primitive("sign"), _primitive("copysign"), _primitive("trunc"), _primitive("rint")
floor, floordiv, fabs = _primitive("floor"), _primitive("floordiv"), _primitive("abs")
conj, make_complex = _primitive("conj"), _primitive("complex")
isnan, isinf, isfinite = _primitive("isnan"), _primitive("isinf"), _primitive("isfinite")


class NoDerivativeError(Exception):
    """A primitive has no derivative by an operand that varies; holds the operand's position."""


def no_derivative() -> Any:
    """Stand for a derivative that has no closed form."""
    raise NoDerivativeError


def _entry(entries: Any, k: int) -> Any:
    """Return one entry of what a formula gave, calling it if it is a function; None for a plain zero."""
    entry = entries[k]
    if entry is no_derivative:
        raise NoDerivativeError(k)
    if callable(entry):
        entry = entry()
    if entry is not None and not isinstance(entry, Expr) and entry == 0:
        return None
    return entry


def partial(rule: Rule, k: int, args: Sequence[Any], out: Any) -> Any:
    """Return the derivative of a primitive with respect to operand ``k``; None where it is zero."""
    if rule.partials is None:
        return None
    return _entry(rule.partials(*args, out=out), k)


def pullback(rule: Rule, k: int, g: Any, args: Sequence[Any], out: Any) -> Any:
    """Return what a result's cotangent ``g`` contributes to operand ``k``; None for nothing."""
    if rule.adjoint is not None:
        return _entry(rule.adjoint(g, *args, out=out), k)
    derivative = partial(rule, k, args, out)
    return None if derivative is None else g * derivative


def pushforward(rule: Rule, dots: Sequence[Any], args: Sequence[Any], out: Any) -> Any:
    """Return the result's tangent from the operands' (None for one that does not vary); None for zero."""
    if rule.tangent is not None:
        return rule.tangent(*dots, args=args, out=out)
    total: Any = None
    for k, dot in enumerate(dots):
        if dot is None:
            continue
        derivative = partial(rule, k, args, out)
        if derivative is not None:
            term = dot * derivative
            total = term if total is None else total + term
    return total
