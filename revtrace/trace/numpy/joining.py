"""Arrays put together: concatenate, stack and their like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import dtype_argument
from revtrace.trace.ndarray.elementwise import delivered
from revtrace.trace.ndarray.shaping import array_of, ravel
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["join"]

ZERO = const(0, "i8")


def join(t: Tracer, parts: list[Any], axis: int) -> View:
    """Put arrays one after the other along an axis."""
    first = parts[0]
    if not -first.ndim <= axis < first.ndim:
        raise PythonRaise(np.exceptions.AxisError(axis, first.ndim))
    axis %= first.ndim
    kind = (parts[0].dtype, False)
    total: Operand = ZERO
    for p in parts:
        if p.ndim != first.ndim:
            raise PythonRaise(ValueError("all the input array dimensions must match"))
        kind = numbers.promoted(kind, (p.dtype, False))
        total = numbers.fold(t, "add", total, p.shape[axis], "i8")
        for k in range(first.ndim):
            if k != axis and p.shape[k] is not first.shape[k]:
                arrays.agree(t, p.shape[k], first.shape[k])
    shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
    out = arrays.new_array(t, kind[0], shape)
    offset: Operand = ZERO
    for p in parts:
        start = offset

        def body(ix: tuple[Operand, ...], p: Any = p, start: Operand = start) -> None:
            at = (*ix[:axis], numbers.fold(t, "add", start, ix[axis], "i8"), *ix[axis + 1 :])
            arrays.store_at(t, out, at, t.b.cast(arrays.operand_at(t, p, ix), kind[0]))

        arrays.for_each(t, p.shape, body)
        offset = numbers.fold(t, "add", offset, p.shape[axis], "i8")
    return out


def _parts(t: Tracer, st: State, value: Any, dtype: Any = None, casting: Any = None) -> list[Any]:
    kind = dtype_argument(t, dtype, None)
    found = [arrays.settle(t, array_of(t, st, p)) for p in containers.items_of(t, st, value)]
    if not found:
        raise PythonRaise(ValueError("need at least one array to concatenate"))
    rule: Any = casting.value if isinstance(casting, Static) and casting.value else "same_kind"
    for p in found if kind is not None else ():
        if not np.can_cast(np.dtype(p.dtype), np.dtype(kind), rule):
            what = f"{np.dtype(p.dtype)!r} to {np.dtype(kind)!r}"
            raise PythonRaise(TypeError(f"Cannot cast array data from {what} according to the rule {rule!r}"))
    return found if kind is None else [p if p.dtype == kind else arrays.materialise(t, p, kind) for p in found]


@on(np.concatenate, np.concat if hasattr(np, "concat") else None)
def _concatenate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("arrays", axis=Static(0), out=NONE, dtype=NONE, casting=NONE)
    parts, axis, out, dtype, casting = bind(args, kwargs)
    found = _parts(t, st, parts, dtype, casting)
    if isinstance(axis, Static) and axis.value is None:
        found = [subscripts.new_axis(p, 0) if p.ndim == 0 else arrays.settle(t, ravel(t, p)) for p in found]
        return delivered(t, st, join(t, found, 0), out)
    if any(p.ndim == 0 for p in found):
        raise PythonRaise(ValueError("zero-dimensional arrays cannot be concatenated"))
    return delivered(t, st, join(t, found, containers.as_known_int(t, axis)), out)


@on(np.stack)
def _stack(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("arrays", axis=Static(0), out=NONE, dtype=NONE, casting=NONE)
    parts, axis, out, dtype, casting = bind(args, kwargs)
    found = _parts(t, st, parts, dtype, casting)
    ndim = found[0].ndim + 1
    k = containers.as_known_int(t, axis)
    if not -ndim <= k < ndim:
        raise PythonRaise(np.exceptions.AxisError(k, ndim))
    if any(p.ndim != ndim - 1 for p in found):
        raise PythonRaise(ValueError("all input arrays must have the same shape"))
    return delivered(t, st, join(t, [subscripts.new_axis(p, k % ndim) for p in found], k % ndim), out)


def _stacker(prepared: Any, axis: Any) -> Any:
    """A function that gives each array its axes and puts them together along one."""
    bind = signature("tup", dtype=NONE, casting=NONE)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        parts, dtype, _ = bind(args, kwargs)
        found = [prepared(p) for p in _parts(t, st, parts, dtype)]
        return join(t, found, axis(found[0]))

    return handler


def _as_line(p: View) -> View:
    return subscripts.new_axis(p, 0) if p.ndim == 0 else p


def _as_row(p: View) -> View:
    p = _as_line(p)
    return subscripts.new_axis(p, 0) if p.ndim == 1 else p


def _as_column(p: View) -> View:
    p = _as_line(p)
    return subscripts.new_axis(p, 1) if p.ndim == 1 else p


on(np.hstack)(_stacker(_as_line, lambda p: 0 if p.ndim == 1 else 1))
on(np.vstack)(_stacker(_as_row, lambda p: 0))
on(np.column_stack)(_stacker(_as_column, lambda p: 1))


@on(np.append)
def _append(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, axis = signature("arr", "values", axis=NONE)(args, kwargs)
    parts = [arrays.settle(t, array_of(t, st, v)) for v in (a, b)]
    if isinstance(axis, Static) and axis.value is None:
        parts = [subscripts.new_axis(p, 0) if p.ndim == 0 else arrays.settle(t, ravel(t, p)) for p in parts]
        return join(t, parts, 0)
    return join(t, parts, containers.as_known_int(t, axis))
