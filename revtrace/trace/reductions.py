"""Reductions over arrays: one loop nest over the axes kept, one inside it over the axes that go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, INT
from revtrace.trace import arrays, containers, numbers
from revtrace.trace.convert import as_array_or_number, dtype_argument, length_value
from revtrace.trace.elementwise import delivered, primitive
from revtrace.trace.functions import on, signature
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Elementwise, Num, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.machine import Frame, Tracer

__all__ = ["all_of", "chosen", "extreme", "mean", "sum_of", "variance"]

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Step = Callable[[tuple[Operand, ...], Operand, tuple[Operand, ...]], Sequence[Operand]]


def axes_of(t: Tracer, st: State, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return an axis argument as a tuple of axes."""
    if axis is None or (isinstance(axis, Static) and axis.value is None):
        return tuple(range(ndim))
    axis = t.use(axis)
    items = (
        [axis]
        if not isinstance(containers.as_static(t, st, axis), Static)
        or not isinstance(containers.as_static(t, st, axis).value, (tuple, list))
        else containers.items_of(t, st, axis)
    )
    found = []
    for item in items:
        k = containers.as_known_int(t, item)
        if not -ndim <= k < ndim:
            raise PythonRaise(np.exceptions.AxisError(k, ndim))
        found.append(k % ndim)
    if len(set(found)) != len(found):
        raise PythonRaise(ValueError("duplicate value in 'axis'"))
    return tuple(sorted(found))


def reduced_axes(t: Tracer, st: State, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes a reduction runs over; of an array without axes the first one may be named."""
    if ndim == 0 and isinstance(axis, Static) and axis.value in (0, -1) and not isinstance(axis.value, bool):
        return ()
    return axes_of(t, st, axis, ndim)


def fold_axes(
    t: Tracer, value: Any, axes: tuple[int, ...], inits: Callable[[tuple[Operand, ...]], Sequence[Operand]], step: Step,
    finish: Callable[[tuple[Operand, ...]], Operand], dtype: str, keepdims: bool,
) -> Any:  # fmt: skip
    """Fold an array along axes; a number if none is left, else a new array."""
    kept = [k for k in range(value.ndim) if k not in axes]
    inner_shape = [value.shape[k] for k in axes]

    def one(outer: tuple[Operand, ...]) -> Operand:
        def full(inner: tuple[Operand, ...]) -> tuple[Operand, ...]:
            where = dict(zip(kept, outer, strict=True)) | dict(zip(axes, inner, strict=True))
            return tuple(where[k] for k in range(value.ndim))

        def body(inner: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            ix = full(inner)
            return step(ix, arrays.operand_at(t, value, ix), values)

        return finish(arrays.reduce(t, inner_shape, inits(outer), body))

    return _spread(t, value, kept, one, dtype, keepdims)


def _spread(
    t: Tracer,
    value: Any,
    kept: Sequence[int],
    one: Callable[[tuple[Operand, ...]], Operand],
    dtype: str,
    keepdims: bool,
) -> Any:
    """Compute one number for each index of the axes kept; a number if there are none."""
    axes = [k for k in range(value.ndim) if k not in kept]
    if not kept:
        found = one(())
        if not keepdims or not value.ndim:
            return Num(found, False)
        out = arrays.new_array(t, dtype, (const(1, "i8"),) * value.ndim)
        t.b.do("fill", out.root, found)
        return out
    shape = tuple(value.shape[k] for k in kept)
    out = arrays.new_array(t, dtype, shape)
    arrays.for_each(t, shape, lambda ix: arrays.store_at(t, out, ix, one(ix)))
    if keepdims:
        for k in axes:
            out = arrays._new_axis(out, k)
    return out


def _sum_type(dtype: str) -> str:
    return {"b1": "i8", "i1": "i8", "i2": "i8", "i4": "i8", "u1": "u8", "u2": "u8", "u4": "u8"}.get(dtype, dtype)


def _prepare(t: Tracer, st: State, a: Any) -> Any:
    from revtrace.trace.values import Ref

    value = t.use(a)
    if isinstance(value, Ref):
        from revtrace.trace.state import IterBox

        if isinstance(st.box(value), IterBox):
            value = st.new(
                __import__("revtrace.trace.state", fromlist=["ListBox"]).ListBox(
                    tuple(containers.items_of(t, st, value))
                )
            )
    value = as_array_or_number(t, st, value)
    if not arrays.is_array(value):
        number = numbers.as_num(t, value)
        return Elementwise((), number.dtype, lambda ix: number.operand)
    return value


def sum_of(
    t: Tracer,
    st: State,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    name: str = "add",
) -> Any:
    """``np.sum`` (or ``np.prod`` with ``name="mul"``)."""
    value = _prepare(t, st, a)
    kind = dtype_argument(t, dtype, _sum_type(value.dtype)) or value.dtype
    axes = reduced_axes(t, st, axis, value.ndim)
    start = const(0 if name == "add" else 1, kind)
    if initial is not None and not (isinstance(initial, Static) and initial.value is None):
        start = t.b.cast(numbers.as_num(t, initial).operand, kind)  # type: ignore[assignment]
    if name == "add" and kind[0] in "fc" and value.ndim - 1 in axes:
        return _blocked_sum(t, value, axes, start, kind, keepdims)
    if name == "add" and axes and value.ndim - 1 not in axes:
        return _sum_rows(t, value, axes, start, kind, keepdims)

    def step(ix: Any, x: Operand, values: Any) -> Any:
        return [t.b.op(name, values[0], t.b.cast(x, kind))]

    return fold_axes(t, value, axes, lambda _: [start], step, lambda v: v[0], kind, keepdims)


def _blocked_sum(t: Tracer, value: Any, axes: tuple[int, ...], start: Operand, kind: str, keepdims: bool) -> Any:
    """Sum along axes, the last among them, which numpy adds up in blocks; each axis has a sum of its own."""
    zero = const(0, kind)

    def total(k: int, ix: dict[int, Operand], first: Operand) -> Operand:
        if k == len(axes):
            return t.b.cast(arrays.operand_at(t, value, tuple(ix[a] for a in range(value.ndim))), kind)

        def body(at: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            term = total(k + 1, {**ix, axes[k]: at[0]}, zero)
            return [t.b.op("accum", values[0], term, blocks=True)]

        return arrays.reduce(t, (value.shape[axes[k]],), (first,), body)[0]

    kept = [k for k in range(value.ndim) if k not in axes]
    return _spread(t, value, kept, lambda outer: total(0, dict(zip(kept, outer, strict=True)), start), kind, keepdims)


def _sum_rows(t: Tracer, value: Any, axes: tuple[int, ...], start: Operand, kind: str, keepdims: bool) -> Any:
    """Sum along axes, the last not among them: in the order of memory, added to the sums element by element."""
    kept = [k for k in range(value.ndim) if k not in axes]
    out = arrays.new_array(t, kind, tuple(value.shape[k] for k in kept))
    t.b.do("fill", out.root, start)

    def body(ix: tuple[Operand, ...]) -> None:
        at = tuple(ix[k] for k in kept)
        x = t.b.cast(arrays.operand_at(t, value, ix), kind)
        arrays.store_at(t, out, at, t.b.op("add", arrays.load_at(t, out, at), x))

    arrays.for_each(t, value.shape, body)
    if keepdims:
        for k in axes:
            out = arrays._new_axis(out, k)
    return out


def _flag(v: Any) -> bool:
    return isinstance(v, Static) and v.value is not np._NoValue and bool(v.value)


def _given(v: Any) -> bool:
    """Whether an argument was given at all."""
    return v is not None and not (isinstance(v, Static) and (v.value is None or v.value is np._NoValue))


def _all_chosen(where: Any) -> bool:
    return where is None or (isinstance(where, Static) and (where.value is True or where.value is np._NoValue))


def chosen(t: Tracer, st: State, value: Any, where: Any, instead: Any) -> Any:
    """The elements where a mask holds, and a number that does not count elsewhere."""
    mask = as_array_or_number(t, st, where)
    if arrays.is_array(mask) and mask.ndim > value.ndim:
        raise t.unsupported("where= of more axes than the array", "it has no rule", "broadcast the array first")

    def one(m: Any, x: Any) -> Any:
        found = numbers.select(t, numbers.to_bool(t, numbers.as_num(t, m)), x, instead)
        return Num(t.b.cast(found.operand, value.dtype), False)

    return arrays.apply(t, one, (mask, value))


def _counted(t: Tracer, st: State, value: Any, where: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements along the axes a mask holds for."""
    ones = Elementwise(value.shape, "i8", lambda ix: const(1, "i8"))
    return sum_of(t, st, chosen(t, st, ones, where, Static(0)), axis, None, keepdims)


def _sum_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, dtype=None, out=NONE, keepdims=Static(False), initial=None, where=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, dtype, out, keepdims, initial, where = bind(args, kwargs)
        if not _all_chosen(where):
            a = chosen(t, st, _prepare(t, st, a), where, Static(0 if name == "add" else 1))
        initial = initial if _given(initial) else None
        return delivered(t, st, sum_of(t, st, a, axis, dtype, _flag(keepdims), initial, name), out)

    return handler


on(np.sum)(_sum_handler("add"))
on(np.prod)(_sum_handler("mul"))


def mean(t: Tracer, st: State, a: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """``np.mean``."""
    value = _prepare(t, st, a)
    kind = dtype_argument(t, dtype, "f8" if value.dtype[0] in "iub" else value.dtype) or "f8"
    axes = axes_of(t, st, axis, value.ndim)
    total = sum_of(t, st, value, axis, Static(np.dtype(kind)), keepdims)
    count: Any = Static(1)
    for k in axes:
        count = numbers.binary(t, "*", count, length_value(value.shape[k]))
    divisor = Num(t.b.cast(numbers.as_num(t, count).operand, kind if kind[0] == "f" else "f8"), False)
    return arrays.apply(t, lambda x: numbers.binary(t, "/", x, divisor), (total,))


@on(np.mean)
def _mean(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", axis=NONE, dtype=None, out=NONE, keepdims=Static(False), where=None)
    a, axis, dtype, out, keepdims, where = bind(args, kwargs)
    if _all_chosen(where):
        return delivered(t, st, mean(t, st, a, axis, _flag(keepdims), dtype), out)
    from revtrace.trace.operators import binary

    value = arrays.settle(t, _prepare(t, st, a))
    kind = dtype_argument(t, dtype, "f8" if value.dtype[0] in "iub" else value.dtype)
    total = sum_of(t, st, chosen(t, st, value, where, Static(0)), axis, Static(np.dtype(kind)), _flag(keepdims))
    count = _as_kind(t, _counted(t, st, value, where, axis, _flag(keepdims)), kind or "f8")
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
    value = as_array_or_number(t, st, a)
    keep = _flag(keepdims)
    if isinstance(weights, Static) and weights.value is None:
        found = mean(t, st, value, axis, keep)
        total: Any = Num(t.b.cast(numbers.as_num(t, _items_along(t, st, value, axis)).operand, "f8"), False)
    else:
        given = arrays.settle(t, as_array_or_number(t, st, weights))
        if given.ndim == 1 and value.ndim > 1:
            (k,) = axes_of(t, st, axis, value.ndim)
            for _ in range(value.ndim - 1 - k):
                given = arrays._new_axis(given, given.ndim)
        total = sum_of(
            t, st, arrays.settle(t, binary(t, st, "+", given, binary(t, st, "*", value, Static(0.0)))), axis, None, keep
        )
        found = binary(
            t, st, "/", sum_of(t, st, arrays.settle(t, binary(t, st, "*", value, given)), axis, None, keep), total
        )
    if not _flag(returned):
        return found
    if arrays.is_array(found) and not arrays.is_array(total):
        filled = arrays.new_array(t, "f8", found.shape)
        arrays.assign(t, filled, total)
        total = filled
    return Tup((found, total))


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

    value = arrays.settle(t, _prepare(t, st, a))
    kind = dtype_argument(t, dtype, "f8" if value.dtype[0] in "iub" else value.dtype) or "f8"
    if kind != value.dtype:
        value = arrays.materialise(t, value, kind)
    axes = axes_of(t, st, axis, value.ndim)
    masked = not _all_chosen(where)
    if masked:
        where = arrays.settle(t, as_array_or_number(t, st, where))
    if not _given(centre):
        if masked:
            total = sum_of(t, st, chosen(t, st, value, where, Static(0)), axis, None, True)
            count = _as_kind(t, _counted(t, st, value, where, axis, True), kind)
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
        left = _counted(t, st, value, where, axis, keepdims)
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
    return arrays.apply(t, lambda x: primitive(t, "sqrt", x), (out,)) if root else out


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
        ddof = correction if _given(correction) else ddof
        found = variance(t, st, a, axis, ddof, _flag(keepdims), root, where, centre, dtype)
        return delivered(t, st, found, out)

    return handler


on(np.var)(_variance_handler(False))
on(np.std)(_variance_handler(True))


def extreme(
    t: Tracer, a: Any, axis: Any, keepdims: bool, name: str, python: bool = False, st: State | None = None,
    start: Num | None = None,
) -> Any:  # fmt: skip
    """``np.max`` or ``np.min``; of equals the first counts in both value and derivative."""
    value = arrays.settle(t, _prepare(t, st or t.current, a))
    if value.dtype[0] == "c":
        raise t.unsupported(
            "the largest or least of complex numbers", "numpy orders them by parts", "compare their abs()"
        )
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
        better = t.b.op("or", t.b.compare(symbol, x, values[0]), t.b.compare("ne", x, x), type=BOOL)
        keep = t.b.compare("ne", values[0], values[0])
        take = t.b.op("and", better, t.b.op("not", keep, type=BOOL), type=BOOL)
        return [t.b.op("select", take, x, values[0], type=x.type)]

    return fold_axes(t, value, axes, inits, step, lambda v: v[0], value.dtype, keepdims)


def _extreme_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, out=NONE, keepdims=Static(False), initial=None, where=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.elementwise import ufunc

        a, axis, out, keepdims, initial, where = bind(args, kwargs)
        value = arrays.settle(t, _prepare(t, st, a))
        if not _all_chosen(where):
            if not _given(initial):
                raise PythonRaise(ValueError("reduction operation does not have an identity, so to use a where mask"))
            value = arrays.settle(t, chosen(t, st, value, where, t.use(initial)))
        if not _given(initial):
            return delivered(t, st, extreme(t, value, axis, _flag(keepdims), name, st=st), out)
        start = numbers.as_num(t, t.use(initial))
        found = extreme(t, value, axis, _flag(keepdims), name, st=st, start=start)
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
    value = arrays.settle(t, _prepare(t, st, a))
    high = extreme(t, value, axis, _flag(keepdims), "max", st=st)
    found = binary(t, st, "-", high, extreme(t, value, axis, _flag(keepdims), "min", st=st))
    return delivered(t, st, found, out)


def position(t: Tracer, st: State, a: Any, axis: Any, name: str, keepdims: bool = False) -> Any:
    """``np.argmax`` or ``np.argmin``."""
    value = arrays.settle(t, _prepare(t, st, a))
    if value.dtype[0] == "c":
        raise t.unsupported(
            "the place of the largest of complex numbers", "numpy orders them by parts", "compare their abs()"
        )
    ndim = value.ndim
    flat = axis is None or (isinstance(axis, Static) and axis.value is None)
    if flat:
        if value.ndim != 1:
            from revtrace.trace.shaping import ravel

            value = arrays.settle(t, ravel(t, value))
        axes: tuple[int, ...] = (0,)
    else:
        axes = axes_of(t, st, axis, value.ndim)
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
            better = t.b.compare(symbol, x, values[0])
        if value.dtype[0] == "f":
            first_nan = t.b.op("and", t.b.compare("ne", x, x), t.b.compare("eq", values[0], values[0]), type=BOOL)
            better = t.b.op("or", better, first_nan, type=BOOL)
        return [
            t.b.op("select", better, x, values[0], type=x.type),
            t.b.op("select", better, ix[axes[0]], values[1], type=INT),
        ]

    found = fold_axes(t, value, axes, inits, step, lambda v: v[1], "i8", keepdims and not flat)
    if keepdims and flat:
        out = arrays.new_array(t, "i8", (const(1, "i8"),) * ndim)
        t.b.do("fill", out.root, found.operand)
        return out
    return found


def _position_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, out=NONE, keepdims=Static(False))

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, out, keepdims = bind(args, kwargs)
        return delivered(t, st, position(t, st, a, axis, name, _flag(keepdims)), out)

    return handler


on(np.argmax)(_position_handler("max"))
on(np.argmin)(_position_handler("min"))


def truth_of(t: Tracer, st: State, a: Any, axis: Any, keepdims: bool, name: str) -> Any:
    """``np.all`` (``"and"``) or ``np.any`` (``"or"``)."""
    value = _prepare(t, st, a)
    axes = reduced_axes(t, st, axis, value.ndim)
    start = const(name == "and")

    def step(ix: Any, x: Operand, values: Any) -> Any:
        return [t.b.op(name, values[0], numbers.to_bool(t, Num(x, False)), type=BOOL)]

    return fold_axes(t, value, axes, lambda _: [start], step, lambda v: v[0], "b1", keepdims)


def all_of(t: Tracer, a: Any) -> Any:
    """Whether all elements are true."""
    return truth_of(t, t.current, a, None, False, "and")


def _truth_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, out=NONE, keepdims=Static(False), where=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, out, keepdims, where = bind(args, kwargs)
        if not _all_chosen(where):
            flags = arrays.apply(
                t, lambda x: Num(numbers.to_bool(t, numbers.as_num(t, x)), False), (_prepare(t, st, a),)
            )
            a = chosen(t, st, flags, where, Static(name == "and"))
        return delivered(t, st, truth_of(t, st, a, axis, _flag(keepdims), name), out)

    return handler


on(np.all)(_truth_handler("and"))
on(np.any)(_truth_handler("or"))


def cumulative(t: Tracer, st: State, a: Any, axis: Any, name: str) -> Any:
    """``np.cumsum`` or ``np.cumprod``."""
    value = _prepare(t, st, a)
    if axis is None or (isinstance(axis, Static) and axis.value is None):
        if value.ndim != 1:
            from revtrace.trace.shaping import ravel

            value = ravel(t, value)
        k = 0
    else:
        (k,) = axes_of(t, st, axis, value.ndim)
    kind = _sum_type(value.dtype)
    out = arrays.new_array(t, kind, value.shape)
    kept = [j for j in range(value.ndim) if j != k]
    start = const(0 if name == "add" else 1, kind)

    def line(outer: tuple[Operand, ...]) -> None:
        def body(inner: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            where = dict(zip(kept, outer, strict=True)) | {k: inner[0]}
            ix = tuple(where[j] for j in range(value.ndim))
            found = t.b.op(name, values[0], t.b.cast(arrays.operand_at(t, value, ix), kind))
            arrays.store_at(t, out, ix, found)
            return [found]

        arrays.reduce(t, (value.shape[k],), (start,), body)

    arrays.for_each(t, [value.shape[j] for j in kept], line)
    return out


def _cumulative_handler(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, dtype, out = signature("a", axis=NONE, dtype=NONE, out=NONE)(args, kwargs)
        kind = dtype_argument(t, dtype, None)
        if kind is not None:
            a = arrays.materialise(t, as_array_or_number(t, st, a), kind)
        return delivered(t, st, cumulative(t, st, a, axis, name), out)

    return handler


on(np.cumsum)(_cumulative_handler("add"))
on(np.cumprod)(_cumulative_handler("mul"))


@on(np.diff)
def _diff(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.operators import binary
    from revtrace.trace.shaping import join

    bind = signature("a", n=Static(1), axis=Static(-1), prepend=None, append=None)
    a, n, axis, prepend, append = bind(args, kwargs)
    value = arrays.settle(t, _prepare(t, st, a))
    (k,) = axes_of(t, st, axis, value.ndim)
    ends: list[Any] = []
    for end in (prepend, append):
        part = arrays.settle(t, _prepare(t, st, end)) if _given(end) else None
        if part is not None and part.ndim == 0:
            ones = tuple(const(1, "i8") if j == k else m for j, m in enumerate(value.shape))
            filled = arrays.new_array(t, part.dtype, ones)
            arrays.assign(t, filled, part)
            part = filled
        ends.append(part)
    if ends != [None, None]:
        value = join(t, [p for p in (ends[0], value, ends[1]) if p is not None], k)
    for _ in range(containers.as_known_int(t, n)):
        full = [Static(slice(None))] * value.ndim
        upper, lower = list(full), list(full)
        upper[k], lower[k] = Static(slice(1, None)), Static(slice(None, -1))
        value = binary(t, st, "-", arrays.basic(t, value, upper), arrays.basic(t, value, lower))
        value = arrays.settle(t, value)
    return value
