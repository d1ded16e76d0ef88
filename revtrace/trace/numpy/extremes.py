"""Extremes along axes: max, min, ptp, argmax and argmin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, INT
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.complex_order import ahead
from revtrace.trace.ndarray.elementwise import delivered
from revtrace.trace.numpy.reductions import (
    all_chosen,
    chosen,
    flag_of,
    fold_axes,
    is_given,
    prepared,
    reduced_axes,
)
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["extreme"]


def extreme(
    t: Tracer, a: Any, axis: Any, keepdims: bool, name: str, python: bool = False, st: State | None = None,
    start: Num | None = None,
) -> Any:  # fmt: skip
    """``np.max`` or ``np.min``; of equals the first counts in both value and derivative."""
    value = arrays.settle(t, prepared(t, st or t.current, a))
    axes = reduced_axes(t, st or t.current, axis, value.ndim)
    for k in axes if start is None else ():
        n = value.shape[k]
        if isinstance(n, Const):
            if n.value == 0:
                raise PythonRaise(ValueError("zero-size array to reduction operation which has no identity"))
        else:
            t.check(t.b.compare("gt", n, const(0, "i8")), "ValueError")
    kept = [k for k in range(value.ndim) if k not in axes]
    zero = const(0, "i8")

    def inits(outer: tuple[Operand, ...]) -> Sequence[Operand]:
        if start is not None:
            return [t.b.cast(start.operand, value.dtype)]
        where = dict(zip(kept, outer, strict=True))
        return [arrays.operand_at(t, value, tuple(where.get(k, zero) for k in range(value.ndim)))]

    def step(ix: Any, x: Operand, values: Any) -> Any:
        if python or value.dtype[0] in "iub":
            return [t.b.op(name, values[0], x, type=values[0].type)]
        # NaN wins, and the first of equals stays.
        symbol = "gt" if name == "max" else "lt"
        better = t.b.op("or", ahead(t, symbol, x, values[0]), t.b.compare("ne", x, x), type=BOOL)
        keep = t.b.compare("ne", values[0], values[0])
        take = t.b.op("and", better, t.b.op("not", keep, type=BOOL), type=BOOL)
        return [t.b.op("select", take, x, values[0], type=x.type)]

    return fold_axes(t, value, axes, inits, step, lambda v: v[0], value.dtype, keepdims)


def _extreme_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, out=NONE, keepdims=Static(False), initial=None, where=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.ndarray.elementwise import ufunc

        a, axis, out, keepdims, initial, where = bind(args, kwargs)
        value = arrays.settle(t, prepared(t, st, a))
        if not all_chosen(where):
            if not is_given(initial):
                raise PythonRaise(ValueError("reduction operation does not have an identity, so to use a where mask"))
            value = arrays.settle(t, chosen(t, st, value, where, t.use(initial)))
        if not is_given(initial):
            return delivered(t, st, extreme(t, value, axis, flag_of(keepdims), name, st=st), out)
        start = numbers.as_num(t, t.use(initial))
        found = extreme(t, value, axis, flag_of(keepdims), name, st=st, start=start)
        if arrays.is_array(found) or found.dtype == value.dtype:
            return delivered(t, st, found, out)
        return delivered(t, st, ufunc(t, st, name, (found,)), out)

    return handler


on(np.max, np.amax)(_extreme_handler("max"))
on(np.min, np.amin)(_extreme_handler("min"))


@on(np.ptp)
def _ptp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.operators import binary

    a, axis, out, keepdims = signature("a", axis=NONE, out=NONE, keepdims=Static(False))(args, kwargs)
    value = arrays.settle(t, prepared(t, st, a))
    high = extreme(t, value, axis, flag_of(keepdims), "max", st=st)
    found = binary(t, st, "-", high, extreme(t, value, axis, flag_of(keepdims), "min", st=st))
    return delivered(t, st, found, out)


def position(t: Tracer, st: State, a: Any, axis: Any, name: str, keepdims: bool = False) -> Any:
    """``np.argmax`` or ``np.argmin``."""
    value = arrays.settle(t, prepared(t, st, a))
    ndim = value.ndim
    flat = axis is None or (isinstance(axis, Static) and axis.value is None)
    if flat:
        if value.ndim != 1:
            from revtrace.trace.ndarray.shaping import ravel

            value = arrays.settle(t, ravel(t, value))
        axes: tuple[int, ...] = (0,)
    else:
        axes = reduced_axes(t, st, axis, value.ndim)
        if not axes:
            value, axes = subscripts.new_axis(value, 0), (0,)
            keepdims = False
        if len(axes) != 1 or isinstance(axis, (Tup, Ref)) or isinstance(getattr(axis, "value", 0), tuple):
            raise PythonRaise(TypeError("'tuple' object cannot be interpreted as an integer"))
    n = value.shape[axes[0]]
    if not isinstance(n, Const):
        t.check(t.b.compare("gt", n, const(0, "i8")), "ValueError")
    elif n.value == 0:
        raise PythonRaise(ValueError("attempt to get argmax of an empty sequence"))
    kept = [k for k in range(value.ndim) if k not in axes]
    zero = const(0, "i8")

    def inits(outer: tuple[Operand, ...]) -> Sequence[Operand]:
        where = dict(zip(kept, outer, strict=True))
        return [arrays.operand_at(t, value, tuple(where.get(k, zero) for k in range(value.ndim))), zero]

    def step(ix: Any, x: Operand, values: Any) -> Any:
        symbol = "gt" if name == "max" else "lt"
        if value.dtype == "b1":
            better = t.b.compare(symbol, t.b.cast(x, "i8"), t.b.cast(values[0], "i8"))
        else:
            better = ahead(t, symbol, x, values[0])
        if value.dtype[0] in "fc":
            first_nan = t.b.op("and", t.b.compare("ne", x, x), t.b.compare("eq", values[0], values[0]), type=BOOL)
            better = t.b.op("or", better, first_nan, type=BOOL)
        return [
            t.b.op("select", better, x, values[0], type=x.type),
            t.b.op("select", better, ix[axes[0]], values[1], type=INT),
        ]

    found = fold_axes(t, value, axes, inits, step, lambda v: v[1], "i8", keepdims and not flat)
    if keepdims and flat and ndim:
        out = arrays.new_array(t, "i8", (const(1, "i8"),) * ndim)
        t.b.do("fill", out.root, found.operand)
        return out
    return found


def _position_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, out=NONE, keepdims=Static(False))

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, out, keepdims = bind(args, kwargs)
        if arrays.is_array(out) and not np.can_cast(np.dtype(out.dtype), np.int64, "safe"):
            raise PythonRaise(TypeError(f"Cannot cast array data from {np.dtype(out.dtype)!r} to dtype('int64')"))
        return delivered(t, st, position(t, st, a, axis, name, flag_of(keepdims)), out)

    return handler


on(np.argmax)(_position_handler("max"))
on(np.argmin)(_position_handler("min"))
