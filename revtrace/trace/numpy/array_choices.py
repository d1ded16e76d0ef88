"""numpy functions that choose among values or compare them: where, clip, round, isclose, interp."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.trace import comparisons, numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.ndarray.convert import as_array, as_array_or_number, copies
from revtrace.trace.ndarray.elementwise import delivered, primitive, ufunc
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.numpy.array_functions import without
from revtrace.trace.objects import containers
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Elementwise, Num, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["round_array"]


@on(np.where)
def _where(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) == 1:
        from revtrace.trace.ndarray.masks import nonzero

        return nonzero(t, as_array(t, args[0], st))
    values = [as_array_or_number(t, st, a) for a in args]
    if isinstance(values[0], Static):
        kinds = [
            Num(t.b.cast(numbers.as_num(t, v).operand, numbers.as_num(t, v).dtype), False) if is_numeric(v) else v
            for v in values[1:]
        ]
        found = arrays.apply(t, lambda a, b: numbers.select(t, const(bool(values[0].value)), a, b), kinds)
        return found if arrays.is_array(found) else as_array(t, found, st)

    def choose(c: Any, a: Any, b: Any) -> Any:
        found = numbers.select(t, numbers.to_bool(t, numbers.as_num(t, c)), a, b)
        return Num(found.operand, False)

    found = arrays.apply(t, choose, values)
    return found if arrays.is_array(found) else as_array(t, found, st)


@on(np.clip)
def _clip(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", a_min=None, a_max=None, out=None, min=None, max=None)
    a, low, high, out, low2, high2 = bind(args, without(kwargs, "dtype"))
    found = clip(t, st, a, low if not is_none(low) else low2, high if not is_none(high) else high2)
    return delivered(t, st, found, out, False)


def clip(t: Tracer, st: State, a: Any, low: Any, high: Any) -> Any:
    """Limit values to an interval, as np.clip does."""
    found = as_array_or_number(t, st, a)
    if not is_none(low):
        found = ufunc(t, st, "maximum", (found, low))
    if not is_none(high):
        found = ufunc(t, st, "minimum", (found, high))
    return found


@on(np.round, np.around)
def _np_round(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, decimals, out = signature("a", decimals=Static(0), out=NONE)(args, kwargs)
    return delivered(t, st, round_array(t, st, a, decimals), out)


def round_array(t: Tracer, st: State, a: Any, decimals: Any) -> Any:
    """Round as np.round does: scale, round to even, scale back."""
    value = as_array_or_number(t, st, a)
    digits = 0 if is_none(decimals) else containers.as_known_int(t, decimals)
    if (value.dtype if arrays.is_array(value) else numbers.as_num(t, value).dtype) == "b1" and digits:
        raise PythonRaise(TypeError("Cannot cast ufunc output from dtype('float64') to dtype('bool')"))
    if digits == 0:
        return ufunc(t, st, "rint", (value,))
    scale = 10.0 ** abs(digits)

    def one(x: Any) -> Any:
        given = numbers.as_num(t, x)
        if given.dtype[0] in "iub":
            # Of integers only digits before the point are rounded, in floats.
            if digits > 0:
                return Num(given.operand, False)
            tens = primitive(t, "rint", numbers.binary(t, "/", Num(given.operand, False), Static(scale)))
            return Num(
                t.b.cast(numbers.as_num(t, numbers.binary(t, "*", tens, Static(scale))).operand, given.dtype), False
            )
        up, down = ("*", "/") if digits > 0 else ("/", "*")
        return numbers.binary(t, down, primitive(t, "rint", numbers.binary(t, up, x, Static(scale))), Static(scale))

    return arrays.apply(t, one, (value,))


@on(np.nan_to_num)
def _nan_to_num(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, copy, nan, posinf, neginf = signature("x", copy=Static(True), nan=Static(0.0), posinf=NONE, neginf=NONE)(
        args, kwargs
    )
    value = as_array_or_number(t, st, x)

    def one(v: Any) -> Any:
        kind = numbers.as_num(t, v).dtype
        if kind[0] == "c":
            parts = [t.b.cast(one(primitive(t, part, v)).operand, kind) for part in ("real", "imag")]
            return Num(t.b.op("add", parts[0], t.b.op("mul", parts[1], const(1j, kind))), False)
        if kind[0] != "f":
            return Num(numbers.as_num(t, v).operand, False)
        info = np.finfo(np.dtype(kind))
        high = Static(float(info.max)) if is_none(posinf) else posinf
        low = Static(float(info.min)) if is_none(neginf) else neginf
        v = numbers.select(t, numbers.as_num(t, primitive(t, "isnan", v)).operand, nan, v)
        v = numbers.select(t, numbers.compare(t, "==", v, Static(np.inf)).operand, high, v)
        v = numbers.select(t, numbers.compare(t, "==", v, Static(-np.inf)).operand, low, v)
        # numpy's scalar, also of a Python number.
        return Num(numbers.as_num(t, v).operand, False)

    found = arrays.apply(t, one, (value,))
    if not isinstance(value, View) or copies(t, copy):
        return found
    assignment.assign(t, value, found)
    return value


@on(np.frexp)
def _frexp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (x,) = signature("x")(args, kwargs)
    value = as_array_or_number(t, st, x)
    powers = arrays.apply(
        t, lambda v: Num(t.b.cast(numbers.as_num(t, primitive(t, "exponent", v)).operand, "i4"), False), (value,)
    )
    return Tup((arrays.settle(t, ufunc(t, st, "mantissa", (value,))), arrays.settle(t, powers)))


@on(np.isclose)
def _isclose(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", "b", rtol=Static(1e-5), atol=Static(1e-8), equal_nan=Static(False))
    a, b, rtol, atol, equal_nan = bind(args, kwargs)
    values = [as_array_or_number(t, st, v) for v in (a, b)]

    def near(x: Any, y: Any) -> Any:
        gap = primitive(t, "abs", numbers.binary(t, "-", x, y))
        limit = numbers.binary(t, "+", atol, numbers.binary(t, "*", rtol, primitive(t, "abs", y)))
        close = comparisons.both(
            t, _truth(t, numbers.compare(t, "<=", gap, limit)), _truth(t, primitive(t, "isfinite", y))
        )
        found = comparisons.either(t, close, _truth(t, numbers.compare(t, "==", x, y)))
        if equal_nan.value:
            both = comparisons.both(t, _truth(t, primitive(t, "isnan", x)), _truth(t, primitive(t, "isnan", y)))
            found = comparisons.either(t, found, both)
        return Num(numbers.as_num(t, found).operand, False)

    return arrays.apply(t, near, values)


def _truth(t: Tracer, x: Any) -> Any:
    return Static(bool(x.value)) if isinstance(x, Static) else Num(numbers.to_bool(t, x), True)


@on(np.allclose)
def _allclose(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.numpy.reductions import all_of

    return _python_bool(all_of(t, _isclose(t, st, args, kwargs, fr)))


def _python_bool(flag: Any) -> Any:
    return Num(flag.operand, True) if isinstance(flag, Num) else flag


@on(np.array_equal)
def _array_equal(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.numpy.reductions import all_of

    first, second, equal_nan = signature("a1", "a2", equal_nan=Static(False))(args, kwargs)
    if equal_nan.value:
        raise t.unsupported(
            "np.array_equal with equal_nan", "it has no rule", "compare with np.isclose(equal_nan=True)"
        )
    a, b = (as_array(t, v, st) for v in (first, second))
    if a.ndim != b.ndim:
        return Static(False)
    for m, n in zip(a.shape, b.shape, strict=True):
        if m is not n and not (isinstance(m, Const) and isinstance(n, Const)):
            raise NeedStatic((m, n), "whether two arrays have the same shape must be known", t.b.loc)
        if isinstance(m, Const) and isinstance(n, Const) and m.value != n.value:
            return Static(False)
    return _python_bool(all_of(t, comparisons.compare(t, st, "==", a, b)))


@on(np.interp)
def _interp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("x", "xp", "fp", left=NONE, right=NONE, period=NONE)
    x, xp, fp, left, right, period = bind(args, kwargs)
    if not is_none(period):
        from revtrace.trace.definitions.calculus import periodic
        from revtrace.trace.definitions.register import traced

        return traced(t, st, periodic, (x, xp, fp, period), {})
    knots, values = as_array(t, xp, st), as_array(t, fp, st)
    points = as_array_or_number(t, st, x)
    kinds = [v.dtype if arrays.is_array(v) else numbers.as_num(t, v).dtype for v in (points, knots)]
    if any(kind[0] == "c" for kind in kinds):
        raise PythonRaise(TypeError("Cannot cast array data from dtype('complex128') to dtype('float64')"))
    n = knots.shape[0]
    one = const(1, "i8")

    def knot(k: Any) -> Num:
        return Num(t.b.cast(arrays.element(t, knots, (k,)).operand, "f8"), False)

    def at(v: Any) -> Any:
        from revtrace.program.nodes import Block, Var, While
        from revtrace.program.types import INT

        point = Num(t.b.cast(numbers.as_num(t, v).operand, "f8"), False)
        # The interval is found by halving: low <= point < high.
        low, high = Var(INT, "low"), Var(INT, "high")
        last = numbers.fold(t, "sub", n, one, "i8")
        with t.b.block() as test:
            t.b.own(low), t.b.own(high)
            gap = numbers.fold(t, "sub", high, low, "i8")
            more = t.b.compare("gt", gap, one)
        with t.b.block() as body:
            t.b.own(low), t.b.own(high)
            middle = numbers.fold(t, "floordiv", numbers.fold(t, "add", low, high, "i8"), const(2, "i8"), "i8")
            above = t.b.compare("le", knot(middle).operand, point.operand)
            new_low = t.b.op("select", above, middle, low, type=INT)
            new_high = t.b.op("select", above, high, middle, type=INT)
        out_low, out_high = Var(INT, "low"), Var(INT, "high")
        t.b.append(
            While((low, high), (const(0, "i8"), last), Block(tuple(test), (more,)),
                  Block(tuple(body), (new_low, new_high)), (out_low, out_high), Var(INT, "count"), False, t.b.loc)
        )  # fmt: skip
        x0, x1 = knot(out_low), knot(out_high)
        y0, y1 = (arrays.element(t, values, (k,)) for k in (out_low, out_high))
        slope = numbers.binary(t, "/", numbers.binary(t, "-", y1, y0), numbers.binary(t, "-", x1, x0))
        inner = numbers.binary(t, "+", numbers.binary(t, "*", slope, numbers.binary(t, "-", point, x0)), y0)
        first_x, last_x = knot(const(0, "i8")), knot(last)
        first = arrays.element(t, values, (const(0, "i8"),)) if is_none(left) else left
        final = arrays.element(t, values, (last,)) if is_none(right) else right
        at_end = arrays.element(t, values, (last,))
        inner = numbers.select(t, numbers.compare(t, "==", point, last_x).operand, at_end, inner)
        inner = numbers.select(t, numbers.compare(t, "<", point, first_x).operand, first, inner)
        return numbers.select(t, numbers.compare(t, ">", point, last_x).operand, final, inner)

    found = arrays.apply(t, at, (points,))
    if isinstance(found, Elementwise):
        return replace(found, reads=(*found.reads, *(k for k in (knots, values) if isinstance(k, View))), moved=True)
    return found
