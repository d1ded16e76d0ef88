"""Methods of ufuncs (``np.add.reduce``, ``np.multiply.outer`` ...) and functions that write through a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Block, If, Operand
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


_REDUCE = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATE = {np.add: np.cumsum, np.multiply: np.cumprod}


def _outer(f: Any) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.callables.calls import call

        a, b = (arrays.settle(t, as_array(t, v, st)) for v in args)
        for _ in range(b.ndim):
            a = subscripts.new_axis(a, a.ndim)
        return call(t, st, Static(f), (a, b), kwargs)

    return handler


def _forward(target: Any, axis: int | None) -> Any:
    """Call the function that does the same; methods of ufuncs go along the first axis."""

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.callables.calls import call

        names = ("axis", "dtype", "out")
        given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
        given.setdefault("axis", Static(axis))
        return call(t, st, Static(target), args[:1], given)

    return handler


def _accumulate(target: Any) -> Any:
    forward = _forward(target, 0)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        if args and as_array(t, args[0], st).ndim == 0:
            raise PythonRaise(TypeError("cannot accumulate on a scalar"))
        return forward(t, st, args, kwargs, fr)

    return handler


_AT = {
    np.add: "add", np.subtract: "sub", np.multiply: "mul", np.divide: "div", np.power: "pow",
    np.maximum: "maximum", np.minimum: "minimum", np.fmax: "fmax", np.fmin: "fmin",
    np.hypot: "hypot", np.logaddexp: "logaddexp",
}  # fmt: skip
"""The primitives of the ufuncs whose ``at`` is followed."""


def _at(f: Any) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        """``np.add.at(a, index, b)``: repeated indices count each time."""
        from revtrace.trace.ndarray.elementwise import primitive

        target, index, value = args
        name = _AT[f]
        view = arrays.settle(t, target)
        keys = subscripts.keys_of(t, index, view.shape)
        view, picks, position, shape = subscripts.index_arrays(t, view, keys)
        rest = view.shape[len(picks) :]
        full = (*rest[:position], *shape, *rest[position:])
        value = as_array_or_number(t, st, value)
        if arrays.is_array(value):
            value = assignment.fitted(t, arrays.materialise(t, value), full)
        t.write(view)

        def body(indices: tuple[Operand, ...]) -> None:
            k = len(shape)
            picked = indices[position : position + k]
            others = indices[:position] + indices[position + k :]
            where = (*(subscripts.index_at(t, a, picked, shape) for a in picks), *others)
            more = (
                Num(arrays.at_broadcast(t, value, indices, full), False)
                if arrays.is_array(value)
                else numbers.as_num(t, value)
            )
            old = arrays.element(t, view, where)
            arrays.store_element(t, view, where, assignment.cast_into(t, primitive(t, name, old, more), view))

        arrays.for_each(t, full, body)
        return NONE

    return handler


def _register() -> None:
    f: Any
    for f in vars(np).values():
        if isinstance(f, np.ufunc) and f.nin == 2 and f.nout == 1 and f.signature is None:
            on(f.outer)(_outer(f))
    for f, target in _REDUCE.items():
        on(f.reduce)(_forward(target, 0))
    for f, target in _ACCUMULATE.items():
        on(f.accumulate)(_accumulate(target))
    for f in _AT:
        on(f.at)(_at(f))


_register()


def _where(t: Tracer, target: View, mask: Any, value: Any) -> None:
    """Store to the elements of ``target`` where ``mask`` holds; both are broadcast to it."""
    value = arrays.settle(t, value) if arrays.is_array(value) else numbers.as_num(t, value)
    if isinstance(value, View) and arrays.may_overlap(t, target, value):
        value = arrays.materialise(t, value)
    mask = arrays.settle(t, mask) if arrays.is_array(mask) else numbers.as_num(t, mask)
    if isinstance(mask, View) and arrays.may_overlap(t, target, mask):
        mask = arrays.materialise(t, mask)
    t.write(target)

    def at(x: Any, ix: tuple[Operand, ...]) -> Num:
        return Num(arrays.at_broadcast(t, x, ix, target.shape), False) if arrays.is_array(x) else x

    def body(ix: tuple[Operand, ...]) -> None:
        flag = numbers.to_bool(t, at(mask, ix))
        with t.b.block() as stmts:
            arrays.store_at(t, target, ix, assignment.cast_into(t, at(value, ix), target))
        t.b.append(If(flag, Block(tuple(stmts)), Block(()), (), t.b.loc))

    arrays.for_each(t, target.shape, body)


@on(np.copyto)
def _copyto(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("dst", "src", casting=NONE, where=Static(True))
    dst, src, _, mask = bind(args, kwargs)
    target = arrays.settle(t, dst)
    value = as_array_or_number(t, st, src)
    if isinstance(mask, Static) and mask.value is True:
        assignment.assign(t, target, value)
    else:
        _where(t, target, as_array_or_number(t, st, mask), value)
    return NONE
