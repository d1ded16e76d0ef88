"""Running sums and products along an axis, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Operand, const
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array, dtype_argument
from revtrace.trace.ndarray.elementwise import delivered
from revtrace.trace.numpy.reductions import axes_of, is_given, prepared, sum_type
from revtrace.trace.objects import containers
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def cumulative(t: Tracer, st: State, a: Any, axis: Any, name: str) -> Any:
    """``np.cumsum`` or ``np.cumprod``."""
    value = prepared(t, st, a)
    flat = axis is None or (isinstance(axis, Static) and axis.value is None)
    if value.ndim == 0 or (flat and value.ndim != 1):
        from revtrace.trace.ndarray.shaping import ravel

        # A number counts as an array of one.
        value = ravel(t, value)
    (k,) = (0,) if flat else axes_of(t, st, axis, value.ndim)
    kind = sum_type(value.dtype)
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
            a = arrays.materialise(t, as_array(t, a, st), kind)
        return delivered(t, st, cumulative(t, st, a, axis, name), out)

    return handler


on(np.cumsum)(_cumulative_handler("add"))
on(np.cumprod)(_cumulative_handler("mul"))


@on(np.diff)
def _diff(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.numpy.joining import join
    from revtrace.trace.operators import binary

    bind = signature("a", n=Static(1), axis=Static(-1), prepend=None, append=None)
    a, n, axis, prepend, append = bind(args, kwargs)
    value = arrays.settle(t, prepared(t, st, a))
    (k,) = axes_of(t, st, axis, value.ndim)
    ends: list[Any] = []
    for end in (prepend, append):
        part = arrays.settle(t, prepared(t, st, end)) if is_given(end) else None
        if part is not None and part.ndim == 0:
            ones = tuple(const(1, "i8") if j == k else m for j, m in enumerate(value.shape))
            filled = arrays.new_array(t, part.dtype, ones)
            assignment.assign(t, filled, part)
            part = filled
        ends.append(part)
    if ends != [None, None]:
        value = join(t, [p for p in (ends[0], value, ends[1]) if p is not None], k)
    for _ in range(containers.as_known_int(t, n)):
        full = [Static(slice(None))] * value.ndim
        upper, lower = list(full), list(full)
        upper[k], lower[k] = Static(slice(1, None)), Static(slice(None, -1))
        value = binary(t, st, "-", subscripts.basic(t, value, upper), subscripts.basic(t, value, lower))
        value = arrays.settle(t, value)
    return value
