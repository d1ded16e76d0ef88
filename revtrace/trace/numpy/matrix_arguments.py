"""Arguments and results of functions of matrices: stacks in a dtype, broadcast, transposed; known numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.rows import order_of
from revtrace.trace.objects.containers import as_known_int
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import Num, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "conjugated",
    "flag",
    "given",
    "is_swapped",
    "least",
    "matrices",
    "named",
    "number_or_array",
    "product",
    "reshape",
    "settle_to",
    "spread",
    "swapped",
]


def matrices(t: Tracer, st: State, x: Any, *, square: bool = False, name: str = "") -> View:
    """Return a stack of matrices of floats, or raise what NumPy raises."""
    view = as_array(t, x, st)
    if view.ndim < 2:
        raise PythonRaise(
            np.linalg.LinAlgError(f"{view.ndim}-dimensional array given. Array must be at least two-dimensional")
        )
    if view.dtype[0] not in "fc":
        view = arrays.materialise(t, view, "f8")
    if square and view.shape[-1] is not view.shape[-2]:
        m, n = view.shape[-2:]
        if isinstance(m, Const) and isinstance(n, Const):
            if m.value != n.value:
                raise PythonRaise(np.linalg.LinAlgError("Last 2 dimensions of the array must be square"))
        else:
            t.check(t.b.compare("eq", m, n), "LinAlgError")
    return view


def settle_to(t: Tracer, view: View, dtype: str) -> View:
    """Return an array in a dtype."""
    return view if view.dtype == dtype else arrays.materialise(t, view, dtype)


def swapped(view: View) -> View:
    """Return a stack of matrices, each transposed."""
    order = (*range(view.ndim - 2), view.ndim - 1, view.ndim - 2)
    return subscripts.transpose(view, order)


def is_swapped(view: View) -> bool:
    """Whether a view is a whole buffer with its matrices transposed."""
    straight = tuple(range(view.ndim))
    return order_of(view) == (*straight[:-2], straight[-1], straight[-2])


def least(t: Tracer, m: Operand, n: Operand) -> Operand:
    """Append the smaller of two lengths."""
    if m is n:
        return m
    if isinstance(m, Const) and isinstance(n, Const):
        return m if m.value.real <= n.value.real else n
    return t.b.op("min", m, n)


def number_or_array(t: Tracer, view: View) -> Any:
    """Return an array without axes as a number."""
    return Num(arrays.load_at(t, view, ()), False) if view.ndim == 0 else view


def flag(t: Tracer, value: Any, what: str) -> Any:
    """Return an argument that must be known when tracing."""
    if isinstance(value, Num) and value.dtype[0] in "iub":
        return as_known_int(t, value)
    if isinstance(value, Num):
        return t.pins.known(t, value.operand, f"{what} must be known when tracing").value
    if not isinstance(value, Static):
        raise t.unsupported(f"{what} that is not known when tracing", "it decides what is computed", "write it out")
    return value.value


def given(t: Tracer, bind: Any, args: Args, kwargs: Kwargs) -> list[Any]:
    """Bind arguments; containers used up."""
    return [t.use(x) if x is not None else None for x in bind(args, kwargs)]


def named(kind: Any, fields: Sequence[Any]) -> Tup:
    """Return a named tuple of results."""
    return Tup(tuple(fields), kind)


def spread(t: Tracer, v: View, stack: Sequence[Operand], dtype: str) -> View:
    """Return matrices in a dtype, broadcast to a stack."""
    if len(stack) == v.ndim - 2 and all(
        n is m or not arrays.is_one(n) or arrays.is_one(m) for n, m in zip(v.shape, stack, strict=False)
    ):
        return settle_to(t, v, dtype)
    shape = (*stack, *v.shape[-2:])
    out = arrays.new_array(t, dtype, shape)
    arrays.for_each(
        t, shape, lambda ix: arrays.store_at(t, out, ix, t.b.cast(arrays.at_broadcast(t, v, ix, shape), dtype))
    )
    return out


def conjugated(t: Tracer, view: View) -> View:
    """Return an array of conjugates; of real numbers the array itself."""
    if view.dtype[0] != "c":
        return view
    from revtrace.trace.ndarray.elementwise import primitive

    return arrays.materialise(t, arrays.apply(t, lambda x: primitive(t, "conj", x), (view,)))


def product(t: Tracer, shape: Sequence[Operand]) -> Operand:
    """Append the product of lengths."""
    found: Operand = arrays.ONE
    for n in shape:
        found = numbers.fold(t, "mul", found, n, "i8")
    return found


def reshape(t: Tracer, st: State, view: View, shape: Sequence[Operand]) -> View:
    """Return ``view.reshape(shape)``."""
    from revtrace.trace.callables.calls import call

    lengths = tuple(Static(int(n.value.real)) if isinstance(n, Const) else Num(n, False) for n in shape)
    return as_array(t, call(t, st, Static(np.reshape), (view, Tup(lengths)), {}), st)
