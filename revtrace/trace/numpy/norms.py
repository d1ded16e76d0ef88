"""Norms of vectors and matrices, of all orders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number
from revtrace.trace.ndarray.elementwise import primitive
from revtrace.trace.numbers import as_num
from revtrace.trace.numpy.extremes import extreme
from revtrace.trace.numpy.matrix_functions import svd
from revtrace.trace.numpy.reductions import flag_of, sum_of
from revtrace.trace.objects.containers import as_known_int, items_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


@on(np.linalg.norm)
def _norm(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, order, axis, keepdims = signature("x", ord=NONE, axis=NONE, keepdims=Static(False))(args, kwargs)
    value = as_array_or_number(t, st, x)
    if not arrays.is_array(value):
        value = as_array(t, value, st)
    p = _order(t, order)
    axes = _axes(t, st, axis, value.ndim)
    keep = bool(flag_of(keepdims))
    if axes is None:
        if p is None:
            return _vector(t, st, value, None, None, keep, order)
        if value.ndim not in (1, 2):
            raise PythonRaise(ValueError("Improper number of dimensions to norm."))
        axes = tuple(range(value.ndim))
    if len(axes) == 1:
        return _vector(t, st, value, axes[0], p, keep, order)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise PythonRaise(ValueError("Improper number of dimensions to norm."))
    return _matrix(t, st, value, axes, p, keep)


def _order(t: Tracer, order: Any) -> Any:
    if isinstance(order, Num):
        if order.dtype[0] in "iub":
            return as_known_int(t, order)
        # Of infinite order and of order zero there are other formulas.
        p = t.b.cast(order.operand, "f8")
        for limit in (0.0, math.inf, -math.inf):
            t.check(t.b.compare("ne", p, const(limit)), "unsupported: a norm of an order found when running")
        return order
    if not isinstance(order, Static):
        raise t.unsupported(
            "an order of a norm that is not known when tracing",
            "it decides what is computed",
            "write the order out, or pass it as an argument",
        )
    return order.value


def _axes(t: Tracer, st: State, axis: Any, ndim: int) -> tuple[int, ...] | None:
    """Return the axes of a norm in their order, or None."""
    given = t.use(axis)
    if isinstance(given, Static) and given.value is None:
        return None
    one = isinstance(given, Num) or isinstance(given, Static) and isinstance(given.value, (int, np.integer))
    found = tuple(as_known_int(t, k) for k in ([given] if one else items_of(t, st, given)))
    for k in found:
        if not -ndim <= k < ndim:
            raise PythonRaise(np.exceptions.AxisError(k, ndim))
    return tuple(k % ndim for k in found)


def _sizes(t: Tracer, value: Any) -> Any:
    return arrays.apply(t, lambda v: primitive(t, "abs", v), (value,))


def _root(t: Tracer, value: Any) -> Any:
    return arrays.apply(t, lambda v: primitive(t, "sqrt", v), (value,))


def _squares(t: Tracer, st: State, value: Any, axis: Any, keep: bool) -> Any:
    """Return the root of a sum of squares."""
    size = _sizes(t, value) if value.dtype[0] == "c" else value
    square = arrays.apply(t, lambda v: numbers.binary(t, "*", v, v), (_floats(t, size),))
    return _root(t, sum_of(t, st, square, axis, None, keep))


def _floats(t: Tracer, value: Any) -> Any:
    if value.dtype[0] in "fc":
        return value
    return arrays.materialise(t, value, "f8")


def _vector(
    t: Tracer, st: State, value: Any, axis: int | tuple[int, ...] | None, p: Any, keep: bool, order: Any
) -> Any:
    where = Static(axis)
    if p is None or p == 2 and not isinstance(p, Num):
        return _squares(t, st, value, where, keep)
    if isinstance(p, str):
        raise PythonRaise(ValueError(f"Invalid norm order '{p}' for vectors"))
    size = _sizes(t, _floats(t, value))
    if not isinstance(p, Num):
        if p in (np.inf, -np.inf):
            return _extreme(t, st, size, where, keep, p)
        if p == 0:
            nonzero = arrays.apply(t, lambda v: counted(t, v, size.dtype), (size,))
            return sum_of(t, st, nonzero, where, None, keep)
        if p == 1:
            return sum_of(t, st, size, where, None, keep)
    powered = arrays.apply(t, lambda v: numbers.binary(t, "**", v, order), (size,))
    total = sum_of(t, st, powered, where, None, keep)
    inverse = numbers.binary(t, "/", Static(1.0), order)
    return arrays.apply(t, lambda v: numbers.binary(t, "**", v, inverse), (total,))


def _extreme(t: Tracer, st: State, sizes: Any, axis: Any, keep: bool, p: Any) -> Any:
    """The largest of some sizes, zero where there are none, or for a negative order the least."""
    if p < 0:
        return extreme(t, sizes, axis, keep, "min", st=st)
    return extreme(t, sizes, axis, keep, "max", st=st, start=Num(const(0, sizes.dtype), False))


def counted(t: Tracer, v: Any, dtype: str) -> Num:
    """Return one for a number that is not zero."""
    return Num(t.b.cast(as_num(t, numbers.compare(t, "!=", v, Static(0))).operand, dtype), False)


def _matrix(t: Tracer, st: State, value: Any, axes: tuple[int, ...], p: Any, keep: bool) -> Any:
    first, second = axes
    if isinstance(p, Num):
        raise t.unsupported(
            "an order of a matrix norm that is not known when tracing",
            "it decides the formula",
            "write the order out, or pass it as an argument",
        )
    if p in (None, "fro", "f"):
        return _squares(t, st, value, Static(tuple(axes)), keep)
    value = arrays.settle(t, _floats(t, value))
    rest = [k for k in range(value.ndim) if k not in axes]
    view = subscripts.transpose(value, (*rest, first, second))
    if p in (1, -1, np.inf, -np.inf):
        over = -2 if abs(p) == 1 else -1
        sums = sum_of(t, st, _sizes(t, view), Static(over), None, False)
        found = _extreme(t, st, sums, Static(-1), False, p)
    elif p in (2, -2, "nuc"):
        values = svd(t, st, view)[1]
        if p == "nuc":
            found = sum_of(t, st, values, Static(-1), None, False)
        else:
            found = _extreme(t, st, values, Static(-1), False, p)
    else:
        raise PythonRaise(ValueError("Invalid norm order for matrices."))
    if not keep:
        return found
    made: View = as_array(t, found, st)
    for k in sorted(axes):
        made = subscripts.new_axis(made, k)
    return made


def _vector_norm(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, axis, keepdims, order = signature("x", axis=NONE, keepdims=Static(False), ord=Static(2))(args, kwargs)
    value = as_array(t, x, st)
    axes, p, keep = _axes(t, st, axis, value.ndim), _order(t, order), bool(flag_of(keepdims))
    return _vector(t, st, value, tuple(range(value.ndim)) if axes is None else axes, p, keep, order)


def _matrix_norm(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, keepdims, order = signature("x", keepdims=Static(False), ord=Static("fro"))(args, kwargs)
    value = as_array(t, x, st)
    return _matrix(t, st, value, (value.ndim - 2, value.ndim - 1), _order(t, order), bool(flag_of(keepdims)))


on(getattr(np.linalg, "vector_norm", None))(_vector_norm)
on(getattr(np.linalg, "matrix_norm", None))(_matrix_norm)
