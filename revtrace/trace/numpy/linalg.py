"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls.dot import Split, dot_settings
from revtrace.program.nodes import Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array_or_number
from revtrace.trace.ndarray.elementwise import delivered, primitive
from revtrace.trace.ndarray.rows import call_row, order_of, short
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["matmul"]


_TINY = 32
"""Products of at most so many multiplications, as far as the sample arguments tell, are written out as loops."""


def matmul(t: Tracer, x: Any, y: Any) -> Any:
    """``x @ y`` as NumPy defines it: vectors, matrices, and stacks of matrices that broadcast."""
    if not arrays.is_array(x) or not arrays.is_array(y) or x.ndim == 0 or y.ndim == 0:
        raise PythonRaise(ValueError("matmul: Input operand does not have enough dimensions"))
    if x.ndim <= 2 and y.ndim <= 2:
        return contract(t, x, y, (x.ndim - 1,), (0,))
    if y.ndim == 1:
        return contract(t, x, y, (x.ndim - 1,), (0,))
    if y.ndim == 2 and x.ndim > 2:
        return contract(t, x, y, (x.ndim - 1,), (0,))
    return _stacked(t, x, y)


def contract(t: Tracer, x: Any, y: Any, first: Sequence[int], second: Sequence[int]) -> Any:
    """Sum products over some axes of each of two arrays; the other axes of both follow one another."""
    a, b = arrays.settle(t, x), arrays.settle(t, y)
    dtype, _ = numbers.promoted((a.dtype, False), (b.dtype, False))
    for p, q in zip(first, second, strict=True):
        if a.shape[p] is not b.shape[q]:
            arrays.agree(t, a.shape[p], b.shape[q])
    rest = [k for k in range(a.ndim) if k not in first], [k for k in range(b.ndim) if k not in second]
    shape = (*(a.shape[k] for k in rest[0]), *(b.shape[k] for k in rest[1]))
    if _as_loops(t, a, b, dtype, shape, [a.shape[p] for p in first]):
        return _loops(t, a, b, first, second, rest, dtype)
    left = _arranged(t, a, rest[0], first, dtype)
    right = _arranged(t, b, second, rest[1], dtype)
    settings = dot_settings(left[1], right[1], (0, len(rest[0]), len(rest[1])), left[2], right[2])
    (out,) = call_row(t, "dot", (left[0], right[0]), ((dtype, shape),), settings)
    return Num(arrays.load_at(t, out, ()), False) if not shape else out


def _as_loops(t: Tracer, a: View, b: View, dtype: str, shape: Sequence[Operand], inner: Sequence[Operand]) -> bool:
    """Whether a product is written out: tiny ones, those of integers, vectors with vectors, parts with vectors."""
    if dtype[0] not in "fc":
        return True
    if short(t, (*shape, *inner), _TINY):
        return True
    if a.ndim == 1 and b.ndim == 1:
        return len(inner) == 1
    # A copy of a part of a matrix costs as much as its product with a vector.
    return min(a.ndim, b.ndim) == 1 and any(v.ndim > 1 and order_of(v) is None for v in (a, b))


def _loops(
    t: Tracer,
    a: View,
    b: View,
    first: Sequence[int],
    second: Sequence[int],
    rest: tuple[Sequence[int], Sequence[int]],
    dtype: str,
) -> Any:
    inner = tuple(a.shape[p] for p in first)
    shape = (*(a.shape[k] for k in rest[0]), *(b.shape[k] for k in rest[1]))
    left = len(rest[0])

    def at(v: View, axes: Sequence[int], summed: Sequence[int], ix: Any, ks: Any) -> Operand:
        where: dict[int, Operand] = {**dict(zip(axes, ix, strict=True)), **dict(zip(summed, ks, strict=True))}
        return t.b.cast(arrays.load_at(t, v, tuple(where[k] for k in range(v.ndim))), dtype)

    def one(ix: tuple[Operand, ...]) -> Operand:
        def body(ks: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            p, q = at(a, rest[0], first, ix[:left], ks), at(b, rest[1], second, ix[left:], ks)
            product = numbers.fold(t, "mul", p, q, dtype)
            if dtype[0] in "fc":
                # In any order: so does a library.
                return [t.b.op("accum", values[0], product)]
            return [numbers.fold(t, "add", values[0], product, dtype)]

        return arrays.reduce(t, inner, (const(0, dtype),), body)[0]

    if not shape:
        return Num(one(()), False)
    out = arrays.new_array(t, dtype, shape)
    arrays.for_each(t, shape, lambda ix: arrays.store_at(t, out, ix, one(ix)))
    return out


def _arranged(t: Tracer, v: View, rows: Sequence[int], columns: Sequence[int], dtype: str) -> tuple[View, Split, bool]:
    """Return an array as a matrix: its buffer's axes split in rows and columns, and whether these are exchanged."""
    order = order_of(v) if v.dtype == dtype else None
    if order is not None:
        whole = arrays.whole(t, v.root, [v.shape[k] for k in sorted(range(v.ndim), key=lambda k: order[k])])
        if [order[k] for k in (*rows, *columns)] == list(range(v.ndim)):
            return whole, (0, len(rows), len(columns)), False
        if [order[k] for k in (*columns, *rows)] == list(range(v.ndim)):
            return whole, (0, len(columns), len(rows)), True
    moved = subscripts.transpose(v, (*rows, *columns))
    return arrays.materialise(t, moved, dtype), (0, len(rows), len(columns)), False


def _stacked(t: Tracer, x: Any, y: Any) -> Any:
    """Multiply stacks of matrices."""
    a, b = arrays.settle(t, x), arrays.settle(t, y)
    dtype, _ = numbers.promoted((a.dtype, False), (b.dtype, False))
    rows, columns = a.shape[-2:-1], b.shape[-1:]
    if a.shape[-1] is not b.shape[-2]:
        arrays.agree(t, a.shape[-1], b.shape[-2])
    heads = [subscripts.part_of(v, v.maps, v.shape[: v.ndim - 2]) for v in (a, b)] if a.ndim > 1 else []
    stack = arrays.broadcast(t, heads) if heads else b.shape[:-2]
    if dtype[0] not in "fc":
        return _stacked_integers(t, a, b, stack, dtype)
    left, right = _stack_of(t, a, stack, dtype), _stack_of(t, b, stack, dtype)
    settings = dot_settings(left[1], right[1], (len(stack), len(rows), len(columns)), left[2], right[2])
    return call_row(t, "dot", (left[0], right[0]), ((dtype, (*stack, *rows, *columns)),), settings)[0]


def _stack_of(t: Tracer, v: View, stack: Sequence[Operand], dtype: str) -> tuple[View, Split, bool]:
    """Return an array as a stack of matrices, or as one matrix for the whole stack."""
    head = v.shape[: max(v.ndim - 2, 0)]
    matrix = min(v.ndim, 2)
    shared = all(arrays.is_one(n) for n in head)
    if (
        shared
        or len(head) == len(stack)
        and not any(arrays.is_one(n) and not arrays.is_one(m) for n, m in zip(head, stack, strict=True))
    ):
        if shared and head:
            v = subscripts.basic(t, v, [Static(0)] * len(head) + [Static(slice(None))] * matrix)
        depth = 0 if shared else len(head)
        order = order_of(v) if v.dtype == dtype else None
        straight = tuple(range(v.ndim))
        split = (depth, matrix - 1, 1)
        if order == straight:
            return v, split, False
        if order is not None and matrix == 2 and order == (*straight[:-2], straight[-1], straight[-2]):
            shape = (*v.shape[:-2], v.shape[-1], v.shape[-2])
            return arrays.whole(t, v.root, shape), split, True
        return arrays.materialise(t, v, dtype), split, False
    shape = (*stack, *v.shape[v.ndim - matrix :])
    out = arrays.new_array(t, dtype, shape)
    arrays.for_each(
        t,
        shape,
        lambda ix: arrays.store_at(t, out, ix, t.b.cast(arrays.at_broadcast(t, v, ix, shape), dtype)),
    )
    return out, (len(stack), matrix - 1, 1), False


def _stacked_integers(t: Tracer, a: View, b: View, stack: Sequence[Operand], dtype: str) -> View:
    rows = a.shape[-2:-1]
    shape = (*stack, *rows, b.shape[-1])
    out = arrays.new_array(t, dtype, shape)
    inner = (*stack, *rows, a.shape[-1]), (*stack, b.shape[-2], b.shape[-1])

    def one(ix: tuple[Operand, ...]) -> None:
        head = ix[: len(stack)]

        def body(k: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            p = arrays.at_broadcast(t, a, (*head, *ix[len(stack) : -1], *k), inner[0])
            q = arrays.at_broadcast(t, b, (*head, *k, ix[-1]), inner[1])
            product = numbers.fold(t, "mul", t.b.cast(p, dtype), t.b.cast(q, dtype), dtype)
            return [numbers.fold(t, "add", values[0], product, dtype)]

        arrays.store_at(t, out, ix, arrays.reduce(t, (a.shape[-1],), (const(0, dtype),), body)[0])

    arrays.for_each(t, shape, one)
    return out


def dot(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """``np.dot``."""
    a, b = as_array_or_number(t, st, x), as_array_or_number(t, st, y)
    if not arrays.is_array(a) or not arrays.is_array(b) or a.ndim == 0 or b.ndim == 0:
        # numpy makes arrays of both: Python's numbers count with their own dtype.
        factors = [v if arrays.is_array(v) else Num(numbers.as_num(t, v).operand, False) for v in (a, b)]
        return arrays.apply(t, lambda p, q: numbers.binary(t, "*", p, q), factors)
    return contract(t, a, b, (a.ndim - 1,), (max(b.ndim - 2, 0),))


@on(np.dot)
def _dot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, out = signature("a", "b", out=NONE)(args, kwargs)
    return delivered(t, st, dot(t, st, a, b), out)


@on(np.matmul)
def _matmul(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, y, out = signature("x1", "x2", out=NONE)(args, kwargs)
    return delivered(t, st, matmul(t, as_array_or_number(t, st, x), as_array_or_number(t, st, y)), out, False)


@on(np.inner)
def _inner(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b = (as_array_or_number(t, st, v) for v in signature("a", "b")(args, kwargs))
    if not arrays.is_array(a) or not arrays.is_array(b) or a.ndim == 0 or b.ndim == 0:
        return dot(t, st, a, b)
    return contract(t, a, b, (a.ndim - 1,), (b.ndim - 1,))


@on(np.vdot)
def _vdot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.ndarray.shaping import ravel

    a, b = (ravel(t, as_array_or_number(t, st, v)) for v in signature("a", "b")(args, kwargs))
    if a.dtype[0] == "c":
        a = arrays.apply(t, lambda x: primitive(t, "conj", x), (a,))
    return matmul(t, a, b)


@on(np.outer)
def _outer(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.ndarray.shaping import ravel

    x, y, out = signature("a", "b", out=NONE)(args, kwargs)
    a, b = (arrays.settle(t, ravel(t, as_array_or_number(t, st, v))) for v in (x, y))
    column, line = subscripts.new_axis(a, 1), subscripts.new_axis(b, 0)
    return delivered(t, st, arrays.apply(t, lambda p, q: numbers.binary(t, "*", p, q), (column, line)), out)
