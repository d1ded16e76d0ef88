"""Elements chosen by a mask: compressed, placed, counted, found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Block, If, Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.ndarray.arrays import ZERO
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.state import State
from revtrace.trace.values import Num, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["compress", "nonzero", "place"]


def _mask(t: Tracer, mask: Any, view: View) -> View:
    mask = arrays.settle(t, mask)
    for m, n in zip(mask.shape, view.shape, strict=False):
        if m is not n:
            arrays.agree(t, m, n)
    return mask  # type: ignore[no-any-return]


def _flag(t: Tracer, mask: View, ix: tuple[Operand, ...]) -> Operand:
    return numbers.to_bool(t, Num(arrays.operand_at(t, mask, ix), False))


def _picked(t: Tracer, mask: View) -> Operand:
    """Append the number of elements a mask picks."""

    def count(ix: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
        return [t.b.op("add", values[0], t.b.cast(_flag(t, mask, ix), "i8"))]

    (found,) = arrays.reduce(t, mask.shape, (ZERO,), count)
    return found


def _each_picked(t: Tracer, mask: View, body: Any) -> None:
    """Append ``body(indices, k)`` for the k-th element that a mask picks."""

    def step(ix: tuple[Operand, ...], values: tuple[Operand, ...]) -> list[Operand]:
        flag = _flag(t, mask, ix)
        with t.b.block() as stmts:
            body(ix, values[0])
        t.b.append(If(flag, Block(tuple(stmts)), Block(()), (), t.b.loc))
        return [t.b.op("add", values[0], t.b.cast(flag, "i8"))]

    arrays.reduce(t, mask.shape, (ZERO,), step)


def compress(t: Tracer, value: Any, mask: Any) -> View:
    """``value[mask]``: the elements (or rows) where the mask holds, in order."""
    view = arrays.settle(t, value)
    flags = _mask(t, mask, view)
    rest = view.shape[flags.ndim :]
    out = arrays.new_array(t, view.dtype, (_picked(t, flags), *rest))

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        arrays.for_each(t, rest, lambda jx: arrays.store_at(t, out, (k, *jx), arrays.load_at(t, view, (*ix, *jx))))

    _each_picked(t, flags, body)
    return out


def place(t: Tracer, target: View, mask: Any, values: Any) -> None:
    """``target[mask] = values`` for an array of values, in order."""
    flags = _mask(t, mask, target)
    rest = target.shape[flags.ndim :]
    given = arrays.materialise(t, values) if arrays.is_array(values) else values
    if arrays.is_array(given) and given.ndim == 1 + len(rest) and not arrays.is_one(given.shape[0]):
        arrays.agree(t, given.shape[0], _picked(t, flags), "broadcast")
    shape = (const(-1, "i8"), *rest)
    t.write(target)

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        def one(jx: tuple[Operand, ...]) -> None:
            if arrays.is_array(given):
                number = Num(arrays.at_broadcast(t, given, (k, *jx), shape), False)
            else:
                number = numbers.as_num(t, given)
            arrays.store_at(t, target, (*ix, *jx), assignment.cast_into(t, number, target))

        arrays.for_each(t, rest, one)

    _each_picked(t, flags, body)


def nonzero(t: Tracer, value: Any) -> Tup:
    """``np.nonzero``: an index array per axis."""
    view = arrays.settle(t, value)
    count = _picked(t, view)
    out = [arrays.new_array(t, "i8", (count,)) for _ in range(view.ndim)]

    def body(ix: tuple[Operand, ...], k: Operand) -> None:
        for array, i in zip(out, ix, strict=True):
            arrays.store_at(t, array, (k,), i)

    _each_picked(t, view, body)
    return Tup(tuple(out))


@on(np.nonzero, np.argwhere, np.flatnonzero)
def _nonzero(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _finder(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        from revtrace.trace.callables.calls import call
        from revtrace.trace.ndarray.shaping import ravel

        value = as_array(t, args[0], st)
        if name == "flat":
            return nonzero(t, ravel(t, value)).items[0]
        found = nonzero(t, value)
        return found if name == "nonzero" else call(t, st, Static(np.stack), (found,), {"axis": Static(1)})

    return handler


on(np.nonzero)(_finder("nonzero"))
on(np.flatnonzero)(_finder("flat"))
on(np.argwhere)(_finder("argwhere"))


@method_handler("array", "nonzero")
def _nonzero_method(t: Tracer, st: State, self: Any) -> Any:
    return nonzero(t, as_array(t, self, st))
