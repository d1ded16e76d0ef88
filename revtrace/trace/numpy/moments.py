"""Means and variances along axes: mean, average, var and std."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array_or_number, dtype_argument, length_value
from revtrace.trace.ndarray.elementwise import delivered, primitive
from revtrace.trace.numpy.reductions import all_chosen, axes_of, chosen, counted, flag_of, is_given, prepared, sum_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["mean", "variance"]


def _computed_in(t: Tracer, value: Any, dtype: Any) -> str:
    """The dtype that a mean or a variance is computed in."""
    kind = dtype_argument(t, dtype, "f8" if value.dtype[0] in "iub" else value.dtype) or "f8"
    if kind[0] in "iub" or (value.dtype[0] == "c" and kind[0] != "c"):
        raise t.unsupported(
            f"a mean or a variance with dtype={np.dtype(kind).name}", "it cuts numbers off", "convert the result"
        )
    return kind


def mean(t: Tracer, st: State, a: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """``np.mean``."""
    value = prepared(t, st, a)
    kind = _computed_in(t, value, dtype)
    axes = axes_of(t, st, axis, value.ndim)
    total = sum_of(t, st, value, axis, Static(np.dtype(kind)), keepdims)
    count: Any = Static(1)
    for k in axes:
        count = numbers.binary(t, "*", count, length_value(value.shape[k]))
    divisor = _as_kind(t, count, kind)
    return arrays.apply(t, lambda x: numbers.binary(t, "/", x, divisor), (total,))


@on(np.mean)
def _mean(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", axis=NONE, dtype=None, out=NONE, keepdims=Static(False), where=None)
    a, axis, dtype, out, keepdims, where = bind(args, kwargs)
    if all_chosen(where):
        return delivered(t, st, mean(t, st, a, axis, flag_of(keepdims), dtype), out)
    from revtrace.trace.operators import binary

    value = arrays.settle(t, prepared(t, st, a))
    kind = _computed_in(t, value, dtype)
    total = sum_of(t, st, chosen(t, st, value, where, Static(0)), axis, Static(np.dtype(kind)), flag_of(keepdims))
    count = _as_kind(t, counted(t, st, value, where, axis, flag_of(keepdims)), kind)
    return delivered(t, st, binary(t, st, "/", total, count), out)


def _as_kind(t: Tracer, value: Any, kind: str) -> Any:
    """Numbers as floats of a dtype (of the parts of a complex one)."""
    real = {"c16": "f8", "c8": "f4"}.get(kind, kind)
    return arrays.apply(t, lambda x: Num(t.b.cast(numbers.as_num(t, x).operand, real), False), (value,))


@on(np.average)
def _average(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.operators import binary

    bind = signature("a", axis=NONE, weights=NONE, returned=Static(False), keepdims=Static(False))
    a, axis, weights, returned, keepdims = bind(args, kwargs)
    value = prepared(t, st, a)
    keep = flag_of(keepdims)
    if isinstance(weights, Static) and weights.value is None:
        found = mean(t, st, value, axis, keep)
        kind = found.dtype if arrays.is_array(found) else numbers.as_num(t, found).dtype
        total: Any = Num(t.b.cast(numbers.as_num(t, _items_along(t, st, value, axis)).operand, kind), False)
    else:
        given = prepared(t, st, weights)
        if value.dtype[0] in "iub":
            # Integers are multiplied as floats: their own dtype need not hold the products.
            given = arrays.apply(t, lambda w: numbers.binary(t, "*", w, Static(np.float64(1.0))), (given,))
        given = arrays.settle(t, given)
        if any(isinstance(n, Const) and n.value == 0 for n in given.shape):
            raise PythonRaise(ZeroDivisionError("Weights sum to zero, can't be normalized"))
        if given.ndim == 1 and value.ndim > 1:
            (k,) = axes_of(t, st, axis, value.ndim)
            if not isinstance(given.shape[0], Const) or not isinstance(value.shape[k], Const):
                t.check(t.b.compare("eq", given.shape[0], value.shape[k]), "ValueError")
            elif given.shape[0].value != value.shape[k].value:
                raise PythonRaise(
                    ValueError("Shape of weights must be consistent with shape of a along specified axis.")
                )
            for _ in range(value.ndim - 1 - k):
                given = subscripts.new_axis(given, given.ndim)
        total = sum_of(
            t, st, prepared(t, st, binary(t, st, "+", given, binary(t, st, "*", value, Static(0.0)))), axis, None, keep
        )
        _no_zero(t, total)
        found = binary(
            t, st, "/", sum_of(t, st, prepared(t, st, binary(t, st, "*", value, given)), axis, None, keep), total
        )
    if not flag_of(returned):
        return found
    if arrays.is_array(found) and not arrays.is_array(total):
        filled = arrays.new_array(t, found.dtype, found.shape)
        assignment.assign(t, filled, total)
        total = filled
    return Tup((found, total))


def _no_zero(t: Tracer, total: Any) -> None:
    """Append the check behind the error for weights that cancel."""

    def one(ix: tuple[Any, ...]) -> None:
        x = arrays.operand_at(t, total, ix) if arrays.is_array(total) else numbers.as_num(t, total).operand
        t.check(t.b.compare("ne", x, const(0, x.type.dtype)), "ZeroDivisionError", soft=True)

    if arrays.is_array(total):
        arrays.for_each(t, total.shape, one)
    else:
        one(())


def _items_along(t: Tracer, st: State, value: Any, axis: Any) -> Any:
    """How many items each mean is taken of."""
    count: Any = Static(1)
    for k in axes_of(t, st, axis, value.ndim):
        count = numbers.binary(t, "*", count, length_value(value.shape[k]))
    return count


def variance(
    t: Tracer, st: State, a: Any, axis: Any, ddof: Any, keepdims: bool, root: bool, where: Any = None,
    centre: Any = None, dtype: Any = None,
) -> Any:  # fmt: skip
    """``np.var``, or ``np.std`` with ``root``."""
    from revtrace.trace.operators import binary

    value = arrays.settle(t, prepared(t, st, a))
    kind = _computed_in(t, value, dtype)
    if kind != value.dtype:
        value = arrays.materialise(t, value, kind)
    axes = axes_of(t, st, axis, value.ndim)
    masked = not all_chosen(where)
    if masked:
        where = arrays.settle(t, as_array_or_number(t, st, where))
    if not is_given(centre):
        if masked:
            total = sum_of(t, st, chosen(t, st, value, where, Static(0)), axis, None, True)
            count = _as_kind(t, counted(t, st, value, where, axis, True), kind)
            centre = binary(t, st, "/", total, count)
        else:
            centre = mean(t, st, value, axis, True)
    if arrays.is_array(centre):
        centre = arrays.settle(t, centre)
    gap = binary(t, st, "-", value, centre)
    square = arrays.apply(t, lambda x: _squared(t, x), (gap,))
    if masked:
        square = chosen(t, st, square, where, Static(0))
    total = sum_of(t, st, square, axis, None, keepdims)
    left: Any = Static(1)
    for k in axes:
        left = numbers.binary(t, "*", left, length_value(value.shape[k]))
    if masked:
        left = counted(t, st, value, where, axis, keepdims)
    # With fewer numbers than are taken off, numpy divides by zero.
    freedom = arrays.apply(
        t,
        lambda n: numbers.select(
            t, numbers.as_num(t, numbers.compare(t, ">", d := numbers.binary(t, "-", n, ddof), Static(0))).operand, d,
            Static(0),
        ),
        (left,),
    )  # fmt: skip
    out = binary(t, st, "/", total, _as_kind(t, freedom, kind))
    out = arrays.apply(t, lambda x: primitive(t, "sqrt", x), (out,)) if root else out
    if kind[0] != "c" or not is_given(dtype):
        return out
    return arrays.apply(t, lambda x: Num(t.b.cast(numbers.as_num(t, x).operand, kind), False), (out,))


def _squared(t: Tracer, x: Num) -> Num:
    if x.dtype[0] != "c":
        return numbers.binary(t, "*", x, x)  # type: ignore[no-any-return]
    size = primitive(t, "abs", x)
    return numbers.binary(t, "*", size, size)  # type: ignore[no-any-return]


def _variance_handler(root: bool) -> Any:
    bind = signature(
        "a", axis=NONE, dtype=None, out=NONE, ddof=Static(0), keepdims=Static(False), where=None, mean=None,
        correction=None,
    )  # fmt: skip

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, dtype, out, ddof, keepdims, where, centre, correction = bind(args, kwargs)
        ddof = correction if is_given(correction) else ddof
        found = variance(t, st, a, axis, ddof, flag_of(keepdims), root, where, centre, dtype)
        return delivered(t, st, found, out)

    return handler


on(np.var)(_variance_handler(False))
on(np.std)(_variance_handler(True))
