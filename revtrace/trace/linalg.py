"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Operand, const
from revtrace.trace import arrays, numbers
from revtrace.trace.convert import as_array_or_number
from revtrace.trace.elementwise import primitive
from revtrace.trace.functions import on, signature
from revtrace.trace.reductions import _flag, sum_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Frame, Tracer

__all__ = ["matmul"]

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def matmul(t: Tracer, x: Any, y: Any) -> Any:
    """``x @ y`` for vectors and matrices (and stacks of matrices on the left)."""
    if not arrays.is_array(x) or not arrays.is_array(y) or x.ndim == 0 or y.ndim == 0:
        raise PythonRaise(ValueError("matmul: Input operand does not have enough dimensions"))
    if y.ndim > 2:
        if x.ndim == y.ndim == 3:
            return _batched(t, x, y)
        raise t.unsupported("matmul of stacked matrices on the right", "", "loop over the stack")
    a, b = arrays.settle(t, x), arrays.settle(t, y)
    inner = a.shape[-1]
    if inner is not b.shape[0]:
        arrays.agree(t, inner, b.shape[0])
    dtype, _ = numbers._promoted((a.dtype, False), (b.dtype, False))
    outer = (*a.shape[:-1], *b.shape[1:])
    left = a.ndim - 1

    def one(ix: tuple[Operand, ...]) -> Operand:
        def body(k: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            p = t.b.cast(arrays.load_at(t, a, (*ix[:left], *k)), dtype)
            q = t.b.cast(arrays.load_at(t, b, (*k, *ix[left:])), dtype)
            return [numbers.fold(t, "add", values[0], numbers.fold(t, "mul", p, q, dtype), dtype)]

        return arrays.reduce(t, (inner,), (const(0, dtype),), body)[0]

    if not outer:
        return Num(one(()), False)
    out = arrays.new_array(t, dtype, outer)
    arrays.for_each(t, outer, lambda ix: arrays.store_at(t, out, ix, one(ix)))
    return out


def _batched(t: Tracer, x: Any, y: Any) -> Any:
    a, b = arrays.settle(t, x), arrays.settle(t, y)
    (stack,) = arrays.broadcast(t, [View(v.root, v.maps, v.shape[:1]) for v in (a, b)])
    arrays.agree(t, a.shape[2], b.shape[1])
    dtype, _ = numbers._promoted((a.dtype, False), (b.dtype, False))
    out = arrays.new_array(t, dtype, (stack, a.shape[1], b.shape[2]))
    zero = const(0, "i8")

    def one(ix: tuple[Operand, ...]) -> None:
        s, i, j = ix
        sa = zero if arrays._is_one(a.shape[0]) else s
        sb = zero if arrays._is_one(b.shape[0]) else s

        def body(k: tuple[Operand, ...], values: tuple[Operand, ...]) -> Sequence[Operand]:
            p = t.b.cast(arrays.load_at(t, a, (sa, i, k[0])), dtype)
            q = t.b.cast(arrays.load_at(t, b, (sb, k[0], j)), dtype)
            return [numbers.fold(t, "add", values[0], numbers.fold(t, "mul", p, q, dtype), dtype)]

        arrays.store_at(t, out, ix, arrays.reduce(t, (a.shape[2],), (const(0, dtype),), body)[0])

    arrays.for_each(t, out.shape, one)
    return out


def dot(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """``np.dot``."""
    a, b = as_array_or_number(t, st, x), as_array_or_number(t, st, y)
    if not arrays.is_array(a) or not arrays.is_array(b) or a.ndim == 0 or b.ndim == 0:
        return arrays.apply(t, lambda p, q: numbers.binary(t, "*", p, q), (a, b))
    if b.ndim > 2:
        raise t.unsupported("np.dot with more than two axes on the right", "", "use np.matmul or a loop")
    return matmul(t, a, b)


@on(np.dot)
def _dot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return dot(t, st, *args)


@on(np.matmul)
def _matmul(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return matmul(t, as_array_or_number(t, st, args[0]), as_array_or_number(t, st, args[1]))


@on(np.inner)
def _inner(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b = (as_array_or_number(t, st, v) for v in args)
    if arrays.is_array(b) and b.ndim == 2:
        b = arrays.transpose(arrays.settle(t, b), (1, 0))
    return dot(t, st, a, b)


@on(np.vdot)
def _vdot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.shaping import ravel

    a, b = (ravel(t, as_array_or_number(t, st, v)) for v in args)
    if a.dtype[0] == "c":
        a = arrays.apply(t, lambda x: primitive(t, "conj", x), (a,))
    return matmul(t, a, b)


@on(np.outer)
def _outer(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.shaping import ravel

    a, b = (arrays.settle(t, ravel(t, as_array_or_number(t, st, v))) for v in args)
    column, line = arrays._new_axis(a, 1), arrays._new_axis(b, 0)
    return arrays.apply(t, lambda p, q: numbers.binary(t, "*", p, q), (column, line))


@on(np.linalg.norm)
def _norm(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, order, axis, keepdims = signature("x", ord=NONE, axis=NONE, keepdims=Static(False))(args, kwargs)
    value = as_array_or_number(t, st, x)
    p = order.value if isinstance(order, Static) else None
    p = None if p == "fro" else p
    flat = isinstance(axis, Static) and axis.value is None and (p is None or value.ndim == 1)
    if not flat and p is not None and isinstance(axis, Static) and not isinstance(axis.value, int):
        raise t.unsupported(
            "a matrix norm other than the Frobenius norm",
            "it has no rule",
            "use the Frobenius norm, or write the norm out",
        )
    size = arrays.apply(t, lambda v: primitive(t, "abs", v), (value,))
    if p in (np.inf, -np.inf):
        from revtrace.trace.reductions import extreme

        return extreme(t, size, axis, _flag(keepdims), "max" if p > 0 else "min", st=st)
    if p is None or p == 2:
        square = arrays.apply(t, lambda v: numbers.binary(t, "*", v, v), (size,))
        total = sum_of(t, st, square, axis, None, _flag(keepdims))
        return arrays.apply(t, lambda v: primitive(t, "sqrt", v), (total,))
    if p == 1:
        return sum_of(t, st, size, axis, None, _flag(keepdims))
    powered = arrays.apply(t, lambda v: numbers.binary(t, "**", v, order), (size,))
    total = sum_of(t, st, powered, axis, None, _flag(keepdims))
    return arrays.apply(t, lambda v: numbers.binary(t, "**", v, Static(1.0 / p)), (total,))
