"""Calls of functions that have a rule: ``math`` and ``cmath`` on numbers, numpy's ufuncs on anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, Var
from revtrace.program.types import BOOL, Scalar, real_dtype
from revtrace.rules import RULES
from revtrace.rules.callables import CallableEntry
from revtrace.rules.formula import Expr
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.ndarray.complex_order import chosen
from revtrace.trace.ndarray.convert import as_array_or_number
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import Num, Ref, Static, Tup, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["call_entry", "delivered", "primitive", "ufunc"]

_SYMBOL = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "bitand": "&", "bitor": "|", "bitxor": "^", "shl": "<<", "shr": ">>",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip
_COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
_KEEP_INT = {
    "abs",
    "sign",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "square",
    "conj",
    "real",
    "fmod",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "neg",
    "invert",
    "reciprocal",
}


def call_entry(
    t: Tracer, st: State, f: Any, entry: CallableEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a callable that the rules know."""
    args = tuple(t.use(a) for a in args)
    known = [_known(t, st, a) for a in args]
    if (
        all(isinstance(a, Static) for a in known)
        and not kwargs
        and not any(isinstance(a.value, np.ndarray) for a in known)
    ):
        try:
            with np.errstate(all="ignore"):
                return Static(f(*(a.value for a in known)))
        except Exception as error:
            raise PythonRaise(error) from None
    if entry.style == "static":
        from revtrace.trace.callables.evaluate import static_math

        return static_math(t, st, f, args, kwargs)
    if entry.style in ("math", "cmath"):
        if kwargs:
            raise PythonRaise(TypeError(f"{f.__name__}() takes no keyword arguments"))
        return _math(t, st, f, entry, args)
    if entry.style == "operator":
        from revtrace.trace import comparisons, operators

        if entry.primitive in ("neg", "invert"):
            return operators.unary(t, st, "-" if entry.primitive == "neg" else "~", args[0])
        if entry.primitive == "not":
            return comparisons.invert_truth(t, comparisons.truth(t, st, args[0]))
        if entry.primitive == "abs":
            return ufunc(t, st, "abs", args)
        symbol = _SYMBOL[entry.primitive]
        call = comparisons.compare if entry.primitive in _COMPARISONS else operators.binary
        return call(t, st, symbol, *args)
    if entry.style == "several" and not kwargs and len(args) == 1:
        return Tup(tuple(ufunc(t, st, name, args) for name in entry.primitive.split(",")))
    out = kwargs.pop("out", None) if kwargs else None
    where = kwargs.pop("where", None) if kwargs else None
    dtype = kwargs.pop("dtype", None) if kwargs else None
    casting = kwargs.pop("casting", None) if kwargs else None
    kwargs.pop("order", None)
    if kwargs:
        raise t.unsupported(
            f"the argument {next(iter(kwargs))!r} of {f.__name__}", "it is not supported", "leave it out"
        )
    arity = RULES[entry.primitive].arity
    if len(args) == arity + 1 and out is None:
        out, args = args[-1], args[:-1]
    if where is not None and not (isinstance(where, Static) and where.value is True):
        # What is left out is not computed at all: its derivative must not be NaN.
        chosen = as_array_or_number(t, st, where)
        args = tuple(
            arrays.apply(
                t,
                lambda m, a: numbers.select(t, numbers.to_bool(t, numbers.as_num(t, m)), a, Static(1)),
                (chosen, as_array_or_number(t, st, a)),
            )
            for a in args
        )
    kind = None
    if dtype is not None:
        from revtrace.trace.ndarray.convert import dtype_argument

        kind = dtype_argument(t, dtype, None)
    if isinstance(f, np.ufunc):
        args = in_loop(t, st, f, args, kind, casting)
    result = ufunc(t, st, entry.primitive, args)
    if kind is not None:
        result = arrays.apply(t, lambda x: Num(t.b.cast(numbers.as_num(t, x).operand, kind), False), (result,))
    if where is not None and not (isinstance(where, Static) and where.value is True):
        mask = as_array_or_number(t, st, where)
        # Without ``out`` NumPy leaves what is not computed as it finds the memory, which means nothing: zeros here.
        bare = out is None or (isinstance(out, Static) and out.value is None)
        rest = Static(False) if bare else _out(t, st, out)
        result = arrays.apply(
            t, lambda m, a, b: numbers.select(t, numbers.to_bool(t, numbers.as_num(t, m)), a, b), (mask, result, rest)
        )
    return delivered(t, st, result, out, False, casting)


def in_loop(
    t: Tracer, st: State, f: np.ufunc, args: tuple[Any, ...], dtype: str | None = None, casting: Any = None
) -> tuple[Any, ...]:
    """Return the arguments of a ufunc in the dtypes of the loop that numpy (or SciPy) runs for them.

    Which loop that is the ufunc says itself, as it raises TypeError where it has none.
    """
    values = [as_array_or_number(t, st, a) for a in args]
    kinds: list[Any] = []
    for v in values:
        if isinstance(v, Static) and isinstance(v.value, int) and not -(2**63) <= v.value < 2**63:
            return args
        number = None if arrays.is_array(v) else numbers.as_num(t, v)
        weak = number is not None and number.weak and number.dtype != "b1"
        kinds.append(_PYTHON[number.dtype] if number and weak else np.dtype((number or v).dtype))
    rest = (None,) * (f.nargs - len(kinds))
    wanted: dict[str, Any] = {} if dtype is None else {"signature": (None,) * f.nin + (np.dtype(dtype),) * f.nout}
    if isinstance(casting, Static) and casting.value is not None:
        wanted["casting"] = casting.value
    try:
        loop = f.resolve_dtypes((*kinds, *rest), **wanted)
    except TypeError as error:
        raise PythonRaise(TypeError(str(error))) from None
    if np.dtype(np.float16) in loop:
        given = ", ".join(str(np.dtype(k)) for k in kinds)
        raise t.unsupported(
            f"np.{f.__name__} of {given}, which numpy computes in float16",
            "dtype float16 is not supported",
            "convert the numbers: x.astype(float)",
        )

    def converted(v: Any, given: Any, to: np.dtype[Any]) -> Any:
        # Python's numbers stay so: what they are converted to, the other numbers say.
        if to.kind not in "biufc" or to == given or (not isinstance(given, np.dtype) and dtype is None):
            return v
        code = to.str[1:]
        return arrays.apply(t, lambda x: Num(t.b.cast(numbers.as_num(t, x).operand, code), False), (v,))

    return tuple(converted(v, k, to) for v, k, to in zip(values, kinds, loop, strict=False))


_PYTHON = {"i8": int, "f8": float, "c16": complex}
"""The types of Python's numbers, which in numpy take the dtype of others."""


def delivered(t: Tracer, st: State, result: Any, out: Any, exact: bool = True, casting: Any = None) -> Any:
    """Return a result, after writing it where the argument ``out`` says.

    The two have one shape; where it is not ``exact``, the result is broadcast.
    """
    if out is None or (isinstance(out, Static) and out.value is None):
        return result
    target = _out(t, st, out)
    shape, dtype = (result.shape, result.dtype) if arrays.is_array(result) else ((), numbers.as_num(t, result).dtype)
    rule: Any = casting.value if isinstance(casting, Static) else "same_kind"
    if not np.can_cast(np.dtype(dtype), np.dtype(target.dtype), rule):
        what = f"dtype('{np.dtype(dtype)}') to dtype('{np.dtype(target.dtype)}')"
        raise PythonRaise(TypeError(f"Cannot cast output from {what} with casting rule {rule!r}"))
    if len(shape) > target.ndim or (exact and len(shape) != target.ndim):
        raise PythonRaise(ValueError("output parameter has the wrong number of dimensions"))
    for n, m in zip(shape, target.shape[target.ndim - len(shape) :], strict=True):
        if n is not m and (exact or not arrays.is_one(n)):
            arrays.agree(t, n, m)
    assignment.assign(t, target, result)
    return target


def _out(t: Tracer, st: State, out: Any) -> Any:
    from revtrace.trace.objects.containers import items_of

    given = out if arrays.is_array(out) else items_of(t, st, out)[0]
    return arrays.settle(t, given)


def _known(t: Tracer, st: State, value: Any) -> Any:
    from revtrace.trace.objects.containers import as_static

    return as_static(t, st, value)


# math ----------------------------------------------------------------------------------------


def as_float(t: Tracer, st: State, value: Any) -> Num:
    """Convert an argument as ``math`` does: to a Python float."""
    if arrays.is_array(value):
        if value.ndim and not all(arrays.is_one(n) for n in value.shape):
            raise PythonRaise(TypeError("only length-1 arrays can be converted to Python scalars"))
        value = Num(arrays.operand_at(t, value, (arrays.ZERO,) * value.ndim), False)
    if isinstance(value, Ref):
        from revtrace.trace.callables.calls import call_method

        value = call_method(t, st, value, "__float__", ())
    if not isinstance(value, Num) and not (isinstance(value, Static) and is_number(value.value)):
        raise PythonRaise(TypeError(f"must be real number, not {t.describe(value)}"))
    number = numbers.as_num(t, value)
    if number.dtype[0] == "c":
        raise PythonRaise(TypeError("must be real number, not complex"))
    return Num(t.b.cast(number.operand, "f8"), True)


def _math(t: Tracer, st: State, f: Any, entry: CallableEntry, args: tuple[Any, ...]) -> Any:
    name = entry.primitive
    rule = RULES[name]
    if entry.style == "cmath":
        operands = [t.b.cast(numbers.as_num(t, a).operand, "c16") for a in args]
    elif entry.result == "int":
        number = numbers.as_num(t, args[0]) if not isinstance(args[0], Ref) else as_float(t, st, args[0])
        if number.dtype[0] in "iub":
            return Num(t.b.cast(number.operand, "i8"), True)
        operands = [t.b.cast(number.operand, "f8")]
    elif name == "log" and len(args) == 2:
        top = _math(t, st, f, entry, args[:1])
        return numbers.binary(t, "/", top, _math_known(t, st, f, entry, args[1:]))
    elif name == "hypot" and len(args) != 2:
        return _hypot(t, st, args)
    else:
        operands = [as_float(t, st, a).operand for a in args]
        if name == "ldexp":
            operands[1] = t.b.cast(numbers.as_num(t, args[1]).operand, "f8")
    if len(operands) != rule.arity:
        raise PythonRaise(TypeError(f"{f.__name__} expected {rule.arity} arguments, got {len(operands)}"))
    if rule.result == "bool":
        kind = BOOL
    elif rule.result == "real":
        kind = Scalar(real_dtype(operands[0].type.dtype))
    else:
        kind = operands[0].type  # type: ignore[assignment]
    out = t.b.op(name, *operands, type=kind)
    if entry.domain is not None:
        fine = entry.domain(*(Expr(t.b, x) for x in operands), out=Expr(t.b, out))
        if isinstance(fine, Expr):
            _in_domain(t, f, operands, out, fine.operand)
        elif not fine:
            raise PythonRaise(ValueError("math domain error"))
    if entry.result == "int":
        return numbers.whole(t, out, soft=True)
    return Num(out, True)


def _in_domain(t: Tracer, f: Any, operands: Sequence[Operand], out: Var, fine: Operand) -> None:
    """Append the check behind what a function of ``math`` raises."""
    known = t.decided(fine)
    if not isinstance(known, Const):
        t.check(fine, "ValueError", soft=True)
    elif not known.value:
        # An overflow and an argument out of range are told apart by the result.
        nan = t.decided(t.b.compare("ne", out, out))
        overflow = isinstance(nan, Const) and not nan.value and f.__name__ in _OVERFLOWS
        raise t.raised("OverflowError" if overflow else "ValueError")


_OVERFLOWS = frozenset(("cosh", "exp", "exp2", "expm1", "ldexp", "sinh"))
"""Functions of ``math`` with an infinite result for finite arguments only where it is too large."""


def _math_known(t: Tracer, st: State, f: Any, entry: CallableEntry, args: tuple[Any, ...]) -> Any:
    if isinstance(args[0], Static):
        try:
            return Static(f(args[0].value))
        except Exception as error:
            raise PythonRaise(error) from None
    return _math(t, st, f, entry, args)


def _hypot(t: Tracer, st: State, args: tuple[Any, ...]) -> Any:
    values: list[Any] = [as_float(t, st, a) for a in args]
    if not values:
        return Static(0.0)
    result = values[0]
    if len(values) == 1:
        return Num(t.b.op("abs", result.operand), True)
    for v in values[1:]:
        result = Num(t.b.op("hypot", result.operand, v.operand), True)
    return result


# ufuncs ------------------------------------------------------------------------------------------


def ufunc(t: Tracer, st: State, name: str, args: tuple[Any, ...]) -> Any:
    """Apply a primitive with numpy's promotion to numbers and arrays."""
    values = [as_array_or_number(t, st, a) for a in args]
    if len(values) != RULES[name].arity:
        raise PythonRaise(TypeError(f"{name}() takes {RULES[name].arity} arguments, got {len(values)}"))
    return arrays.apply(t, lambda *xs: primitive(t, name, *xs), values)


def primitive(t: Tracer, name: str, *xs: Any) -> Any:
    """Apply a primitive with numpy's promotion to numbers; the result is a numpy scalar."""
    nums = [numbers.as_num(t, x) for x in xs]
    nums = [Num(x.operand, x.weak and len(nums) > 1 and any(not y.weak for y in nums)) for x in nums]
    if name in _SYMBOL:
        call = numbers.compare if name in _COMPARISONS else numbers.binary
        found = numbers.as_num(t, call(t, _SYMBOL[name], *nums))
        return Num(found.operand, False)
    if name in ("and", "or", "xor", "not"):
        flags = [numbers.to_bool(t, x) for x in nums]
        return Num(t.b.op(name, *flags, type=BOOL), False)
    kind = (nums[0].dtype, nums[0].weak)
    for x in nums[1:]:
        kind = numbers.promoted(kind, (x.dtype, x.weak))
    dtype = kind[0]
    if dtype[0] in "iub" and name in ("isnan", "isinf", "isfinite"):
        from revtrace.program.nodes import const

        return Num(const(name == "isfinite"), False)
    if dtype[0] in "iub" and name not in _KEEP_INT:
        dtype = "f8"
    elif dtype[0] in "iub" and name in ("floor", "ceil", "trunc", "rint", "real", "conj"):
        return Num(nums[0].operand, False)
    elif dtype == "b1":
        if name in ("maximum", "fmax"):
            return primitive(t, "or", *nums)
        if name in ("minimum", "fmin"):
            return primitive(t, "and", *nums)
        if name == "abs":
            return nums[0]
        dtype = "i1"
    if dtype[0] in "iu" and name == "reciprocal":
        return numbers.integer_reciprocal(t, nums[0])
    if dtype[0] in "iu" and name == "square":
        return numbers.binary(t, "*", nums[0], nums[0])
    if dtype[0] in "iu" and name == "fmod":
        return numbers.integer_fmod(t, *(Num(t.b.cast(x.operand, dtype), False) for x in nums))
    operands = [t.b.cast(x.operand, dtype) for x in nums]
    rule = RULES[name]
    if dtype[0] == "c" and name in ("maximum", "minimum", "fmax", "fmin"):
        return chosen(t, name, *operands)
    if dtype[0] != "c" and name in ("real", "conj"):
        return Num(operands[0], False)
    if dtype[0] != "c" and name == "imag":
        return Static(np.zeros((), dtype)[()])
    if dtype[0] == "c" and rule.complex_source is None and name not in ("real", "imag", "abs", "angle"):
        raise t.unsupported(
            f"{name} of a complex number", "it has no rule for complex numbers", "write it by z.real, z.imag and abs(z)"
        )
    if rule.result == "bool":
        out_type = BOOL
    elif rule.result == "real":
        out_type = Scalar(real_dtype(dtype))
    else:
        out_type = Scalar(dtype)
    return Num(t.b.op(name, *operands, type=out_type), False)
