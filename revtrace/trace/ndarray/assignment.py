"""Writing to arrays: whole, through slices, index arrays and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Block, If, Operand
from revtrace.program.types import Scalar
from revtrace.trace.ndarray.arrays import (
    ONE,
    ZERO,
    agree,
    at_broadcast,
    for_each,
    is_array,
    is_one,
    materialise,
    may_overlap,
    operand_at,
    settle,
    store_at,
    store_element,
)
from revtrace.trace.ndarray.subscripts import (
    basic,
    fix_axis,
    index_arrays,
    index_at,
    is_none,
    is_slice,
    keys_of,
    leading_mask,
    without_flags,
)
from revtrace.trace.numbers import as_num, integer
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Elementwise, Num, Static, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["assign", "cast_into", "set_subscript"]


def assign(t: Tracer, target: View, value: Any) -> None:
    """``target[...] = value`` for a number or an array, with overlap as numpy defines it."""
    from revtrace.trace.sameness import same

    t.write(target)
    if is_array(value):
        if value.ndim == 0:
            value = Num(operand_at(t, value, ()), False)
        elif value.ndim > target.ndim:
            value = fitted(t, settle(t, value), target.shape)
    if is_array(value):
        reads = (value,) if isinstance(value, View) else value.reads
        moved = isinstance(value, Elementwise) and value.moved
        if any(may_overlap(t, r, target) and (moved or not same(r, target)) for r in reads):
            value = materialise(t, value)
        for n, m in zip(value.shape, target.shape[target.ndim - value.ndim :], strict=True):
            if not is_one(n) and n is not m:
                agree(t, n, m, "broadcast")
        for_each(
            t,
            target.shape,
            lambda ix: store_at(
                t, target, ix, cast_into(t, Num(at_broadcast(t, value, ix, target.shape), False), target)
            ),
        )
        return
    number = cast_into(t, as_num(t, value), target)
    if target.whole:
        t.b.do("fill", target.root, number)
        return
    for_each(t, target.shape, lambda ix: store_at(t, target, ix, number))


def cast_into(t: Tracer, number: Num, target: View) -> Operand:
    """Convert a number to the dtype of the array it is written to."""
    if number.dtype[0] == "c" and target.dtype[0] != "c":
        if number.weak:
            raise PythonRaise(TypeError("float() argument must be a string or a real number, not 'complex'"))
        return t.b.cast(
            t.b.op("real", number.operand, type=Scalar("f4" if number.dtype == "c8" else "f8")), target.dtype
        )
    return t.b.cast(number.operand, target.dtype)


def set_subscript(t: Tracer, value: Any, key: Any, new: Any) -> None:
    """``value[key] = new`` for an array."""
    view, key = without_flags(t, settle(t, value), key)
    mask = leading_mask(t, view, key)
    if mask is not None:
        if mask.ndim == view.ndim and not is_array(new):
            _masked(t, view, mask, new)
            return
        from revtrace.trace.ndarray.masks import place

        place(t, view, mask, new)
        return
    keys = keys_of(t, key, view.shape)
    if any(is_array(k) for k in keys):
        scatter(t, view, keys, new)
        return
    scalars = [k for k in keys if not is_slice(k) and not is_none(k)]
    if len(scalars) == view.ndim and not any(is_none(k) for k in keys):
        t.write(view)
        if is_array(new):
            if new.ndim != 0 and not all(is_one(n) for n in new.shape):
                raise PythonRaise(ValueError("setting an array element with a sequence."))
            new = Num(operand_at(t, new, (ZERO,) * new.ndim), False)
        if not isinstance(new, Num) and not (isinstance(new, Static) and is_number(new.value)):
            raise PythonRaise(TypeError("float() argument must be a string or a real number"))
        store_element(t, view, tuple(integer(t, k) for k in keys), cast_into(t, as_num(t, new), view))
        return
    assign(t, basic(t, view, keys), new)


def scatter(t: Tracer, view: View, keys: list[Any], new: Any) -> None:
    """Assign through integer arrays; of repeated indices the last one counts."""
    keys = [materialise(t, k) if is_array(k) and _reads(t, k, view) else k for k in keys]
    view, arrays, position, index_shape = index_arrays(t, view, keys)
    rest = view.shape[len(arrays) :]
    shape = (*rest[:position], *index_shape, *rest[position:])
    if is_array(new):
        new = fitted(t, materialise(t, new), shape)
    t.write(view)

    def body(indices: tuple[Operand, ...]) -> None:
        k = len(index_shape)
        picked = indices[position : position + k]
        others = indices[:position] + indices[position + k :]
        chosen = tuple(index_at(t, a, picked, index_shape) for a in arrays)
        number = Num(at_broadcast(t, new, indices, shape), False) if is_array(new) else as_num(t, new)
        store_element(t, view, (*chosen, *others), cast_into(t, number, view))

    for_each(t, shape, body)


def _reads(t: Tracer, value: Any, target: View) -> bool:
    """Whether an array is computed from elements of another."""
    return any(may_overlap(t, r, target) for r in ((value,) if isinstance(value, View) else value.reads))


def fitted(t: Tracer, value: View, shape: tuple[Operand, ...]) -> View:
    """An array that is to be stored to a shape, without the axes of length one that it has too many."""
    extra = value.ndim - len(shape)
    if extra > 0:
        for n in value.shape[:extra]:
            agree(t, n, ONE)
        for _ in range(extra):
            value = fix_axis(t, value, 0, ZERO, True)
    for n, m in zip(value.shape, shape[len(shape) - value.ndim :], strict=True):
        if not is_one(n) and n is not m:
            agree(t, n, m, "broadcast")
    return value


def _masked(t: Tracer, view: View, mask: Any, new: Any) -> None:
    """``view[mask] = number``: a conditional store to each element."""
    mask = settle(t, mask)
    for m, n in zip(mask.shape, view.shape, strict=True):
        if m is not n:
            agree(t, m, n)
    t.write(view)
    number = cast_into(t, as_num(t, new), view)

    def body(indices: tuple[Operand, ...]) -> None:
        with t.b.block() as stmts:
            store_at(t, view, indices, number)
        t.b.append(If(operand_at(t, mask, indices), Block(tuple(stmts)), Block(()), (), t.b.loc))

    for_each(t, view.shape, body)
