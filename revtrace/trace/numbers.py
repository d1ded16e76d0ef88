"""Arithmetic on traced numbers: promotion as Python and numpy do it, then typed operations.

Python numbers are *weak*: they take numpy's dtype when they meet one, and raise
ZeroDivisionError and friends where numpy scalars give inf or NaN.  Numbers known
when tracing are computed by Python itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace.exact import TOO_LARGE
from revtrace.trace.ndarray.complex_order import in_order
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.values import Maybe, Num, Static, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "as_num", "as_python", "binary", "compare", "dtype_of", "negate", "promote", "select", "to_bool", "unary", "wide",
]  # fmt: skip

PYTHON = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow"}
BITS = {"&": "bitand", "|": "bitor", "^": "bitxor", "<<": "shl", ">>": "shr"}
LOGIC = {"&": "and", "|": "or", "^": "xor"}
COMPARE = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}

SUPPORTED = frozenset("b1 i1 i2 i4 i8 u1 u2 u4 u8 f4 f8 c8 c16".split())


def dtype_of(value: Any) -> tuple[str, bool]:
    """Return a Python or numpy number's dtype and whether it is weak."""
    if isinstance(value, (np.generic,)):
        return value.dtype.str[1:], False
    return {bool: "b1", int: "i8", float: "f8", complex: "c16"}[
        next(k for k in (bool, int, float, complex) if isinstance(value, k))
    ], True


def as_num(t: Tracer, value: Any) -> Num:
    """Return a traced number for a number that may be known when tracing."""
    if isinstance(value, Num):
        return value
    if isinstance(value, Static) and is_number(value.value):
        dtype, weak = dtype_of(value.value)
        if dtype not in SUPPORTED:
            raise t.unsupported(
                f"a number of dtype {np.dtype(type(value.value))}",
                "its arithmetic is not supported",
                "convert it: float(x)",
            )
        if dtype == "i8" and not -(2**63) <= value.value < 2**63:
            return Num(const(float(value.value), "f8"), True)
        python = value.value.item() if isinstance(value.value, np.generic) else value.value
        return Num(const(python, dtype), weak)
    raise t.unsupported(
        f"{t.describe(value)} used as a number", "it is not a number", "take the number out of it first"
    )


_SAMPLE: dict[str, Any] = {"b1": True, "i8": 0, "f8": 0.0, "c16": 0j}


def promoted(a: tuple[str, bool], b: tuple[str, bool]) -> tuple[str, bool]:
    """Return the kind, dtype and whether weak, of an operation of two."""
    if a[1] and b[1]:
        order = ["b1", "i8", "f8", "c16"]
        return max(a[0], b[0], key=order.index), True
    left: Any = _SAMPLE[a[0]] if a[1] and a[0] != "b1" else np.dtype(a[0])
    right: Any = _SAMPLE[b[0]] if b[1] and b[0] != "b1" else np.dtype(b[0])
    return np.result_type(left, right).str[1:], False


def promote(t: Tracer, a: Num, b: Num) -> tuple[Operand, Operand, str, bool]:
    """Return both operands in their common dtype, that dtype, and whether the result is weak."""
    dtype, weak = promoted((a.dtype, a.weak), (b.dtype, b.weak))
    if dtype not in SUPPORTED:
        raise t.unsupported(
            f"arithmetic in dtype {np.dtype(dtype)}",
            "it is not supported",
            "convert the numbers: np.float64(x), x.astype(float)",
        )
    return _into(t, a, dtype), _into(t, b, dtype), dtype, weak


def _into(t: Tracer, x: Num, dtype: str) -> Operand:
    """Return a number in another dtype; numpy refuses a Python int that its integers do not hold."""
    if dtype[0] in "iu" and dtype != "i8" and x.weak and x.dtype == "i8":
        ends = np.iinfo(dtype)
        if isinstance(x.operand, Const):
            if not ends.min <= int(x.operand.value) <= ends.max:  # type: ignore[arg-type]
                raise PythonRaise(OverflowError(f"Python integer {x.operand.value} out of bounds for {ends.dtype}"))
        else:
            t.check(t.b.compare("ge", x.operand, const(int(ends.min), "i8")), "OverflowError")
            if ends.max < np.iinfo(np.int64).max:
                t.check(t.b.compare("le", x.operand, const(int(ends.max), "i8")), "OverflowError")
    return t.b.cast(x.operand, dtype)


def wide(dtype: str) -> str:
    """Return the dtype of Python's numbers of a kind: what `item` and `tolist` give for a float32 is a float."""
    return {"b": "b1", "i": "i8", "u": "i8", "f": "f8", "c": "c16"}[dtype[0]]


def as_python(t: Tracer, number: Num) -> Num:
    """Return a number as a Python number."""
    return Num(t.b.cast(number.operand, wide(number.dtype)), True)


def _python(t: Tracer, function: Callable[..., Any], *values: Static) -> Static:
    try:
        with np.errstate(all="ignore"):
            return Static(function(*(v.value for v in values)))
    except Exception as error:
        raise PythonRaise(error) from None


def binary(t: Tracer, symbol: str, x: Any, y: Any) -> Any:
    """Apply ``+ - * / // % ** & | ^ << >>`` to two numbers."""
    if isinstance(x, Static) and isinstance(y, Static):
        if symbol == "**" and isinstance(y.value, int) and isinstance(x.value, int) and abs(y.value) > 4096:
            raise t.unsupported(
                "a very large integer power", "it would be computed while tracing", "use a float: float(x) ** n"
            )
        return _python(t, PYTHON[symbol], x, y)
    a, b = as_num(t, x), as_num(t, y)
    for n, other in ((a, y), (b, x)):
        if n.dtype[0] in "iub" and _beyond(other):
            raise NeedStatic((n.operand,), "an integer beyond 64 bits is computed with it", t.b.loc)
    if a.weak and a.dtype == "c16" and b.dtype == "f8":
        # numpy's float64 is a Python float, and Python's complex on the left takes it as one.
        b = Num(b.operand, True)
    if symbol in BITS:
        return _bits(t, symbol, a, b)
    if symbol == "**":
        return _power(t, a, b)
    left, right, dtype, weak = promote(t, a, b)
    if weak and dtype == "i8" and symbol in "+-*" and t.b.loc in t.failed:
        # It did not fit in 64 bits: Python's own, while tracing.
        ends = t.pins.all_known(t, (left, right), "an integer that does not fit in 64 bits must be known")
        return _python(t, PYTHON[symbol], *(Static(n.value) for n in ends))
    if dtype == "b1":
        if weak:
            dtype = "i8"
        elif symbol in "+*":
            return Num(t.b.op("or" if symbol == "+" else "and", left, right, type=BOOL), False)
        elif symbol == "-":
            raise PythonRaise(
                TypeError(
                    "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` "
                    "operator, or the logical_xor function instead."
                )
            )
        else:
            dtype = "i1"
        left, right = t.b.cast(left, dtype), t.b.cast(right, dtype)
    if symbol == "/" and dtype[0] in "iub":
        dtype = "f8"
        left, right = t.b.cast(left, dtype), t.b.cast(right, dtype)
    if symbol in ("/", "//", "%"):
        if symbol != "/" and dtype[0] == "c":
            raise PythonRaise(TypeError(f"unsupported operand type(s) for {symbol}: 'complex'"))
        if weak:
            _nonzero(t, right)
    return Num(fold(t, NAMES[symbol], left, right, dtype, exact=weak), weak)


def _nonzero(t: Tracer, divisor: Operand) -> None:
    """Append the check behind Python's ZeroDivisionError."""
    if isinstance(divisor, Const):
        if divisor.value == 0:
            raise PythonRaise(ZeroDivisionError("division by zero"))
        return
    assert isinstance(divisor.type, Scalar)
    t.check(t.b.compare("ne", divisor, const(0, divisor.type.dtype)), "ZeroDivisionError", soft=True)


FOLDED: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
}
"""Integer operations worked out while tracing where both operands are known."""


def fold(t: Tracer, name: str, left: Operand, right: Operand, dtype: str, *, exact: bool = False) -> Operand:
    """Append a binary operation, leaving out what integer arithmetic makes trivial.

    With ``exact``, integers are Python's, whose results may leave 64 bits.
    """
    if dtype[0] in "iu":
        a = left.value if isinstance(left, Const) else None
        b = right.value if isinstance(right, Const) else None
        if a is not None and b is not None and name in FOLDED and not (name in ("floordiv", "mod") and b == 0):
            found = FOLDED[name](a, b)
            if np.iinfo(dtype).min <= found <= np.iinfo(dtype).max:
                return const(found, dtype)
        if name in ("add", "sub") and b == 0:
            return left
        if name == "add" and a == 0:
            return right
        if name in ("mul", "floordiv") and b == 1:
            return left
        if name == "mul" and a == 1:
            return right
    return python_int(t, name, left, right, dtype=dtype) if exact else t.b.op(name, left, right, type=Scalar(dtype))


def python_int(t: Tracer, name: str, *args: Operand, dtype: str = "i8") -> Operand:
    """Append an operation on Python numbers; one whose integers may leave 64 bits is marked (`exact`)."""
    if dtype != "i8" or name == "mod":
        return t.b.op(name, *args, type=Scalar(dtype))
    return t.b.op(name, *args, type=Scalar(dtype), exact=True)


def whole(t: Tracer, x: Operand, *, soft: bool = False) -> Num:
    """Return a float that is a whole number as a Python int; NaN and infinity raise as Python does."""
    fits = t.b.compare("lt", t.b.op("abs", x), const(2.0**62, x.type.dtype))
    known = t.decided(fits)
    if isinstance(known, Const) and not known.value:
        _no_integer(t, x)
    t.check(fits, TOO_LARGE, soft=soft)
    return Num(t.b.op("cast", x, type=Scalar("i8"), exact=True), True)


def _no_integer(t: Tracer, x: Operand) -> None:
    """Raise what Python raises for NaN and infinity as an int."""
    nan = t.decided(t.b.compare("ne", x, x))
    if isinstance(nan, Const) and nan.value:
        raise PythonRaise(ValueError("cannot convert float NaN to integer"))
    finite = t.decided(t.b.op("isfinite", x, type=BOOL))
    if isinstance(finite, Const) and not finite.value:
        raise PythonRaise(OverflowError("cannot convert float infinity to integer"))


def _beyond(x: Any) -> bool:
    """Whether a number is an int that no 64 bits hold."""
    return isinstance(x, Static) and isinstance(x.value, int) and not -(2**63) <= x.value < 2**63


def _bits(t: Tracer, symbol: str, a: Num, b: Num) -> Num:
    left, right, dtype, weak = promote(t, a, b)
    if dtype == "b1" and symbol in LOGIC:
        return Num(t.b.op(LOGIC[symbol], left, right, type=BOOL), weak)
    if dtype[0] not in "iub":
        raise PythonRaise(TypeError(f"unsupported operand type(s) for {symbol}: 'float'"))
    if symbol in ("<<", ">>") and weak:
        t.check(t.b.compare("ge", right, const(0, dtype)), "ValueError")
    if dtype == "b1":
        dtype = "i8"
        left, right = t.b.cast(left, dtype), t.b.cast(right, dtype)
    if weak and symbol == "<<":
        return Num(python_int(t, "shl", left, right, dtype=dtype), weak)
    return Num(t.b.op(BITS[symbol], left, right, type=Scalar(dtype)), weak)


def _power(t: Tracer, a: Num, b: Num) -> Num:
    dtype, weak = promoted((a.dtype, a.weak), (b.dtype, b.weak))
    exponent = b.operand
    if dtype == "b1":
        dtype = "i8" if weak else "i1"
    if dtype[0] in "iu":
        if isinstance(exponent, Const):
            if exponent.value < 0:  # type: ignore[operator]
                if not weak:
                    raise PythonRaise(ValueError("Integers to negative integer powers are not allowed."))
                return _power(t, Num(t.b.cast(a.operand, "f8"), weak), Num(exponent, weak))
        else:
            t.check(t.b.compare("ge", exponent, const(0, b.dtype)), "unsupported: negative integer power")
        both = t.b.cast(a.operand, dtype), t.b.cast(exponent, dtype)
        return Num(python_int(t, "pow", *both) if weak else t.b.op("pow", *both, type=Scalar(dtype)), weak)
    base = t.b.cast(a.operand, dtype)
    integral = b.dtype[0] in "iub" or (
        isinstance(exponent, Const) and not isinstance(exponent.value, complex) and float(exponent.value).is_integer()
    )
    if integral and (b.dtype[0] in "iub" or abs(exponent.value) <= 64):  # type: ignore[union-attr]
        whole = t.b.cast(exponent, "i8")
        if weak:
            if isinstance(whole, Const):
                if whole.value < 0:  # type: ignore[operator]
                    _nonzero(t, base)
            else:
                bad = t.b.op(
                    "and",
                    t.b.compare("eq", base, const(0, dtype)),
                    t.b.compare("lt", whole, const(0, "i8")),
                    type=BOOL,
                )
                t.check(t.b.op("not", bad, type=BOOL), "ZeroDivisionError", soft=True)
        out = t.b.op("powi", base, whole, type=Scalar(dtype))
        if weak and dtype == "f8":
            _no_overflow(t, out, base)
        return Num(out, weak)
    power = t.b.cast(exponent, dtype)
    if weak and dtype == "f8":
        zero = const(0.0)
        if not (isinstance(exponent, Const) and exponent.value > 0):  # type: ignore[operator]
            bad = t.b.op("and", t.b.compare("eq", base, zero), t.b.compare("lt", power, zero), type=BOOL)
            t.check(t.b.op("not", bad, type=BOOL), "ZeroDivisionError", soft=True)
        # A negative Python float to a fractional power is a complex number.
        negative = t.b.compare("lt", base, zero)
        if not isinstance(exponent, Const):
            fractional = t.b.compare("ne", t.b.op("floor", power), power)
            negative = t.b.op("and", negative, fractional, type=BOOL)
        real = t.b.op("not", negative, type=BOOL)
        known = t.decided(real)
        if isinstance(known, Const) and not known.value:
            return _power(t, Num(t.b.cast(base, "c16"), True), b)
        t.check(real, "unsupported: complex result of a real power", soft=True)
    if isinstance(exponent, Const) and exponent.value == 0.5 and not weak:
        return Num(t.b.op("sqrt", base), weak)
    out = t.b.op("pow", base, power)
    if weak and dtype == "f8":
        _no_overflow(t, out, base, power)
    return Num(out, weak)


def _no_overflow(t: Tracer, out: Operand, *operands: Operand) -> None:
    """Append the check behind Python's OverflowError: finite numbers have a finite power."""
    fine = t.b.op("isfinite", out, type=BOOL)
    for x in operands:
        if not isinstance(x, Const):
            fine = t.b.op("or", fine, t.b.op("not", t.b.op("isfinite", x, type=BOOL), type=BOOL), type=BOOL)
    t.check(fine, "OverflowError", soft=True)


def compare(t: Tracer, symbol: str, x: Any, y: Any) -> Any:
    """Compare two numbers."""
    if isinstance(x, Static) and isinstance(y, Static):
        return _python(t, PYTHON[symbol], x, y)
    a, b = as_num(t, x), as_num(t, y)
    if (_beyond(x) and b.dtype[0] in "iub") or (_beyond(y) and a.dtype[0] in "iub"):
        # One is larger or smaller than all that 64 bits hold.
        signs = ((v.value > 0) - (v.value < 0) if _beyond(v) else 0 for v in (x, y))
        return Static(bool(PYTHON[symbol](*signs)))
    mixed = a.weak != b.weak
    if mixed and {a.dtype[0], b.dtype[0]} <= {"i", "u"}:
        # numpy compares a Python int as what it is, also beyond what the other's dtype holds.
        whole, other = (a, b) if a.weak else (b, a)
        if other.dtype != "u8":
            a, b = (Num(t.b.cast(n.operand, "i8"), True) for n in (a, b))
        elif isinstance(whole.operand, Const) and whole.operand.value < 0:  # type: ignore[operator]
            return Static(bool(PYTHON[symbol](-1, 0) if a.weak else PYTHON[symbol](0, -1)))
    left, right, dtype, weak = promote(t, a, b)
    if dtype == "b1" and symbol not in ("==", "!="):
        left, right = t.b.cast(left, "i8"), t.b.cast(right, "i8")
    if dtype[0] == "c" and symbol not in ("==", "!="):
        if weak:
            raise PythonRaise(TypeError(f"'{symbol}' not supported between instances of 'complex'"))
        return Num(in_order(t, COMPARE[symbol], left, right), False)
    if isinstance(left, Const) and isinstance(right, Const):
        return Static(bool(PYTHON[symbol](left.value, right.value)))
    return Num(t.b.compare(COMPARE[symbol], left, right), weak and not mixed)


def negate(t: Tracer, x: Any) -> Any:
    """Unary minus."""
    if isinstance(x, Static):
        return _python(t, operator.neg, x)
    if x.dtype == "b1":
        if not x.weak:
            raise PythonRaise(
                TypeError(
                    "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the "
                    "logical_not function instead."
                )
            )
        x = Num(t.b.cast(x.operand, "i8"), x.weak)
    return Num(python_int(t, "neg", x.operand, dtype=x.dtype) if x.weak else t.b.op("neg", x.operand), x.weak)


def unary(t: Tracer, symbol: str, x: Any) -> Any:
    """Apply ``+ - ~`` to a number."""
    if isinstance(x, Static):
        signs: dict[str, Callable[[Any], Any]] = {"+": operator.pos, "-": operator.neg, "~": operator.invert}
        return _python(t, signs[symbol], x)
    if symbol == "-":
        return negate(t, x)
    if symbol == "+":
        if x.dtype != "b1":
            return x
        if not x.weak:
            raise PythonRaise(TypeError("ufunc 'positive' did not contain a loop with signature matching types bool"))
        return Num(t.b.cast(x.operand, "i8"), x.weak)
    if x.dtype == "b1" and not x.weak:
        return Num(t.b.op("not", x.operand, type=BOOL), False)
    if x.dtype[0] not in "iub":
        raise PythonRaise(TypeError("bad operand type for unary ~: 'float'"))
    operand = t.b.cast(x.operand, "i8") if x.dtype == "b1" else x.operand
    return Num(t.b.op("invert", operand), x.weak)


def to_bool(t: Tracer, x: Num) -> Operand:
    """Truth of a number."""
    if x.dtype == "b1":
        return x.operand
    return t.b.compare("ne", x.operand, const(0, x.dtype))


def integer_reciprocal(t: Tracer, x: Num) -> Num:
    """``np.reciprocal`` of an integer: 1 and -1 are their own, of larger ones nothing is left."""
    t.check(t.b.compare("ne", x.operand, const(0, x.dtype)), "unsupported: the reciprocal of the integer 0")
    small = t.b.compare("eq", t.b.op("mul", x.operand, x.operand), const(1, x.dtype))
    exact = t.b.op("select", small, x.operand, const(0, x.dtype), type=Scalar(x.dtype))
    return Num(exact, False)


def integer_fmod(t: Tracer, x: Num, y: Num) -> Num:
    """``np.fmod`` of integers: the rest has the sign of the first."""
    zero = const(0, x.dtype)
    rest = t.b.op("mod", x.operand, y.operand, type=Scalar(x.dtype))
    differ = t.b.compare("ne", t.b.compare("lt", x.operand, zero), t.b.compare("lt", y.operand, zero))
    wrong = t.b.op("and", differ, t.b.compare("ne", rest, zero), type=BOOL)
    return Num(t.b.op("select", wrong, t.b.op("sub", rest, y.operand), rest, type=Scalar(x.dtype)), False)


def select(t: Tracer, flag: Operand, x: Any, y: Any) -> Any:
    """``x if flag else y``, both computed."""
    a, b = as_num(t, x), as_num(t, y)
    left, right, dtype, weak = promote(t, a, b)
    found = t.b.op("select", flag, left, right, type=Scalar(dtype))
    if a.dtype != b.dtype:
        note_kind(t, found, flag, a, b)
    return Num(found, weak)


def note_kind(t: Tracer, found: Operand, flag: Operand, a: Num, b: Num) -> None:
    """Note the dtype of what was chosen among numbers of two, where that is asked for (see `Recorder.kinds`)."""
    if t.kinds is not None and not isinstance(found, Const):
        left, right = (t.kinds.get(x.operand, const(np.dtype(x.dtype).num, "i8")) for x in (a, b))
        t.kinds[found] = t.b.op("select", flag, left, right, type=Scalar("i8"))


def integer(t: Tracer, value: Any) -> Operand:
    """Return an index or length as an i8 operand; refuses what Python would refuse."""
    if isinstance(value, Static):
        try:
            return const(operator.index(value.value), "i8")
        except TypeError as error:
            raise PythonRaise(error) from None
    if isinstance(value, Num):
        if value.dtype[0] not in "iub":
            raise PythonRaise(TypeError(f"'{np.dtype(value.dtype)}' object cannot be interpreted as an integer"))
        return t.b.cast(value.operand, "i8")
    if isinstance(value, Maybe):
        operands = (value.flag, value.value.operand) if isinstance(value.value, Num) else (value.flag,)
        raise NeedStatic(operands, "whether this integer is given must be known", t.b.loc)
    raise t.unsupported(f"{t.describe(value)} used as an integer", "it is not one", "use an int")
