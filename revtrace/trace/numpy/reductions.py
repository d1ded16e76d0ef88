"""Reductions over arrays: one loop nest over the axes kept, one inside it over the axes that go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Operand, const
from revtrace.program.types import BOOL
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array_or_number, dtype_argument
from revtrace.trace.ndarray.elementwise import delivered
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import IterBox, ListBox, State
from revtrace.trace.values import NONE, Elementwise, Num, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["all_of", "chosen", "sum_of"]

Step = Callable[[tuple[Operand, ...], Operand, tuple[Operand, ...]], Sequence[Operand]]


def axes_of(t: Tracer, st: State, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return an axis argument as a tuple of axes."""
    if axis is None or (isinstance(axis, Static) and axis.value is None):
        return tuple(range(ndim))
    found = []
    for item in listed_axes(t, st, axis):
        k = containers.as_known_int(t, item)
        if not -ndim <= k < ndim:
            raise PythonRaise(np.exceptions.AxisError(k, ndim))
        found.append(k % ndim)
    if len(set(found)) != len(found):
        raise PythonRaise(ValueError("duplicate value in 'axis'"))
    return tuple(sorted(found))


def listed_axes(t: Tracer, st: State, axis: Any) -> list[Any]:
    """List the axes that an argument names, which is an integer or holds some."""
    axis = t.use(axis)
    if arrays.is_array(axis):
        return [axis] if axis.ndim == 0 else containers.items_of(t, st, axis)
    if isinstance(axis, (Tup, Ref)) or (isinstance(axis, Static) and isinstance(axis.value, (tuple, list))):
        return containers.items_of(t, st, axis)
    return [axis]


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
            out = subscripts.new_axis(out, k)
    return out


def sum_type(dtype: str) -> str:
    return {"b1": "i8", "i1": "i8", "i2": "i8", "i4": "i8", "u1": "u8", "u2": "u8", "u4": "u8"}.get(dtype, dtype)


def prepared(t: Tracer, st: State, a: Any) -> Any:
    value = t.use(a)
    if isinstance(value, Ref) and isinstance(st.box(value), IterBox):
        value = st.new(ListBox(tuple(containers.items_of(t, st, value))))
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
    value = prepared(t, st, a)
    kind = dtype_argument(t, dtype, sum_type(value.dtype)) or value.dtype
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
    # Where the axes kept are short, the loop is over the terms of few sums, and any order can be vectorised.
    name = "accum" if kind[0] in "fc" else "add"

    def body(ix: tuple[Operand, ...]) -> None:
        at = tuple(ix[k] for k in kept)
        x = t.b.cast(arrays.operand_at(t, value, ix), kind)
        arrays.store_at(t, out, at, t.b.op(name, arrays.load_at(t, out, at), x))

    arrays.for_each(t, value.shape, body)
    if keepdims:
        for k in axes:
            out = subscripts.new_axis(out, k)
    return out


def flag_of(v: Any) -> bool:
    return isinstance(v, Static) and v.value is not np._NoValue and bool(v.value)


def is_given(v: Any) -> bool:
    """Whether an argument was given at all."""
    return v is not None and not (isinstance(v, Static) and (v.value is None or v.value is np._NoValue))


def all_chosen(where: Any) -> bool:
    return where is None or (isinstance(where, Static) and (where.value is True or where.value is np._NoValue))


def chosen(t: Tracer, st: State, value: Any, where: Any, instead: Any) -> Any:
    """The elements where a mask holds, and a number that does not count elsewhere."""
    mask = as_array_or_number(t, st, where)
    if arrays.is_array(mask):
        if mask.ndim > value.ndim:
            raise t.unsupported("where= of more axes than the array", "it has no rule", "broadcast the array first")
        for n, m in zip(mask.shape, value.shape[value.ndim - mask.ndim :], strict=True):
            if n is not m and not arrays.is_one(n):
                arrays.agree(t, n, m)

    def one(m: Any, x: Any) -> Any:
        found = numbers.select(t, numbers.to_bool(t, numbers.as_num(t, m)), x, instead)
        return Num(t.b.cast(found.operand, value.dtype), False)

    return arrays.apply(t, one, (mask, value))


def counted(t: Tracer, st: State, value: Any, where: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements along the axes a mask holds for."""
    ones = Elementwise(value.shape, "i8", lambda ix: const(1, "i8"))
    return sum_of(t, st, chosen(t, st, ones, where, Static(0)), axis, None, keepdims)


def _sum_handler(name: str) -> Any:
    bind = signature("a", axis=NONE, dtype=None, out=NONE, keepdims=Static(False), initial=None, where=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis, dtype, out, keepdims, initial, where = bind(args, kwargs)
        if not all_chosen(where):
            a = chosen(t, st, prepared(t, st, a), where, Static(0 if name == "add" else 1))
        initial = initial if is_given(initial) else None
        return delivered(t, st, sum_of(t, st, a, axis, dtype, flag_of(keepdims), initial, name), out)

    return handler


on(np.sum)(_sum_handler("add"))
on(np.prod)(_sum_handler("mul"))


def truth_of(t: Tracer, st: State, a: Any, axis: Any, keepdims: bool, name: str) -> Any:
    """``np.all`` (``"and"``) or ``np.any`` (``"or"``)."""
    value = prepared(t, st, a)
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
        if not all_chosen(where):
            flags = arrays.apply(
                t, lambda x: Num(numbers.to_bool(t, numbers.as_num(t, x)), False), (prepared(t, st, a),)
            )
            a = chosen(t, st, flags, where, Static(name == "and"))
        return delivered(t, st, truth_of(t, st, a, axis, flag_of(keepdims), name), out)

    return handler


on(np.all)(_truth_handler("and"))
on(np.any)(_truth_handler("or"))
