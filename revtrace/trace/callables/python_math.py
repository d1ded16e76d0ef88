"""The functions of ``math`` and ``cmath`` that are no single primitive."""

from __future__ import annotations

import cmath
from typing import TYPE_CHECKING, Any

from revtrace.program.types import Scalar
from revtrace.trace import comparisons, numbers, operators
from revtrace.trace.callables.builtin_folds import exact_sum, fold, two
from revtrace.trace.callables.builtin_functions import absolute
from revtrace.trace.callables.functions import Args, Kwargs, on
from revtrace.trace.ndarray.elementwise import as_float
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import Num, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def _math_dist(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    p, q = (containers.items_of(t, st, a) for a in args)
    if len(p) != len(q):
        raise PythonRaise(ValueError("both points must have the same number of dimensions"))
    from revtrace.trace.ndarray.elementwise import _hypot

    return _hypot(t, st, tuple(numbers.binary(t, "-", x, y) for x, y in zip(p, q, strict=True)))


def _math_fsum(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    return exact_sum(t, st, t.use(args[0]))


def _math_sumprod(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    p, q = (containers.items_of(t, st, a) for a in args)
    if len(p) != len(q):
        raise PythonRaise(ValueError("Inputs are not the same length"))
    terms = [operators.binary(t, st, "*", x, y) for x, y in zip(p, q, strict=True)]
    if not any(numbers.as_num(t, x).dtype == "f8" for x in (*p, *q)):
        total: Any = Static(0)
        for x in terms:
            total = operators.binary(t, st, "+", total, x)
        return total
    return exact_sum(t, st, Tup(tuple(terms)))


def _math_prod(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    def times(state: State, acc: Any, x: Any) -> Any:
        return operators.binary(t, state, "*", acc, x)

    return fold(t, st, t.use(args[0]), kwargs.get("start", Static(1)), times)


def _math_isclose(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    a, b = (as_float(t, st, t.use(x)) for x in args)
    rel = kwargs.get("rel_tol", Static(1e-9))
    tol = kwargs.get("abs_tol", Static(0.0))
    gap = absolute(t, st, numbers.binary(t, "-", a, b))
    size = two(t, "max", absolute(t, st, a), absolute(t, st, b))
    limit = two(t, "max", numbers.binary(t, "*", rel, size), tol)
    near = comparisons.compare(t, st, "<=", gap, limit)
    equal = comparisons.compare(t, st, "==", a, b)
    return comparisons.either(t, equal, near)


def _math_frexp(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    x = as_float(t, st, t.use(args[0]))
    return Tup((Num(t.b.op("mantissa", x.operand), True), numbers.whole(t, t.b.op("exponent", x.operand))))


def _math_modf(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    x = as_float(t, st, t.use(args[0]))
    whole = Num(t.b.op("trunc", x.operand), True)
    return Tup((numbers.binary(t, "-", x, whole), whole))


def _cmath_parts(t: Tracer, x: Any) -> tuple[Any, Any]:
    value = numbers.as_num(t, t.use(x))
    z = t.b.cast(value.operand, "c16")
    return Num(t.b.op("abs", z, type=Scalar("f8")), True), Num(t.b.op("angle", z, type=Scalar("f8")), True)


@on(cmath.polar)
def _cmath_polar(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Tup(_cmath_parts(t, args[0]))


@on(cmath.rect)
def _cmath_rect(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    r, phi = (t.b.cast(as_float(t, st, t.use(a)).operand, "f8") for a in args)
    real, imag = (t.b.op("mul", r, t.b.op(name, phi)) for name in ("cos", "sin"))
    return Num(t.b.op("complex", real, imag, type=Scalar("c16")), True)


MATH = {
    "dist": _math_dist, "frexp": _math_frexp, "fsum": _math_fsum, "prod": _math_prod, "isclose": _math_isclose,
    "modf": _math_modf, "sumprod": _math_sumprod,
}  # fmt: skip
