"""Conversions: containers to arrays, shapes to tuples, dtypes as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects import growing
from revtrace.trace.objects.held import held
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import Growing, ListBox, ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["as_array", "as_array_or_number", "copies", "dtype_argument", "shape_argument", "shape_tuple", "size_of"]


def shape_tuple(shape: Sequence[Operand]) -> Tup | Static:
    """Return a shape as a tuple of ints."""
    if all(isinstance(n, Const) for n in shape):
        return Static(tuple(n.value for n in shape))  # type: ignore[union-attr]
    return Tup(tuple(length_value(n) for n in shape))


def length_value(n: Operand) -> Any:
    """Return a length as a Python int."""
    return Static(n.value) if isinstance(n, Const) else Num(n, True)


def size_of(t: Tracer, value: Any) -> Any:
    """``value.size``."""
    size: Any = Static(1)
    for n in value.shape:
        size = numbers.binary(t, "*", size, length_value(n))
    return size


def shape_argument(t: Tracer, st: State, value: Any) -> tuple[Operand, ...]:
    """Return a shape given as an int or a sequence of ints."""
    from revtrace.trace.objects.containers import items_of

    value = t.use(value)
    if is_numeric(value):
        return (numbers.integer(t, value),)
    if arrays.is_array(value):
        if value.ndim == 0:
            return (t.b.cast(arrays.operand_at(t, value, ()), "i8"),)
        length = value.shape[0]
        if value.ndim == 1 and value.dtype[0] in "iu" and isinstance(length, Const):
            items = [arrays.operand_at(t, value, (const(k, "i8"),)) for k in range(int(length.value.real))]
            return tuple(t.b.cast(n, "i8") for n in items)
        raise t.unsupported("a shape given as an array", "the number of axes must be known", "pass a tuple")
    return tuple(numbers.integer(t, t.use(v)) for v in items_of(t, st, value))


def dtype_argument(t: Tracer, value: Any, default: str | None) -> str | None:
    """Return a dtype given as a type, a string or a dtype."""
    if value is None or (isinstance(value, Static) and value.value is None):
        return default
    if isinstance(value, Ref):  # a list of fields
        raise t.unsupported("a structured dtype", "only numbers have a place in a program", "use one array per field")
    if not isinstance(value, Static):
        raise t.unsupported(
            "a dtype known only when running",
            "it must be known when tracing",
            "write the dtype out, or pass it as an argument",
        )
    try:
        dtype = np.dtype(value.value)
    except TypeError as error:
        raise PythonRaise(error) from None
    code = str(dtype.str[1:])
    if code not in numbers.SUPPORTED:
        way = "use one array per field" if dtype.names else "use float64"
        raise t.unsupported(f"dtype {dtype}", "only real, complex, integer and boolean dtypes are known", way)
    return code


def copies(t: Tracer, copy: Any) -> bool:
    """Whether ``copy=`` asks for a copy where none is needed; what it is must be known."""
    copy = t.use(copy)
    if isinstance(copy, Num):
        return bool(t.pins.known(t, copy.operand, "whether an array is copied must be known").value)
    if isinstance(copy, Static) and isinstance(copy.value, Enum):
        # NumPy's own code says it by an enumeration, one member of which is neither true nor false.
        return copy.value.name == "ALWAYS"
    return not isinstance(copy, Static) or bool(copy.value)


def as_array_or_number(t: Tracer, st: State, value: Any) -> Any:
    """Return an operand of array arithmetic as an array or a number."""
    value = t.use(value)
    if arrays.is_array(value) or is_numeric(value):
        return value
    return as_array(t, value, st)


def as_array(t: Tracer, value: Any, st: State | None = None, dtype: str | None = None) -> View:
    """Return ``np.asarray(value)``; containers become new arrays."""
    st = st or t.current
    value = t.use(value)
    value = held(st, value) or value
    if arrays.is_array(value):
        if dtype is not None and dtype != value.dtype:
            return arrays.materialise(t, value, dtype)
        view = arrays.settle(t, value)
        assert isinstance(view, View)
        return view
    if isinstance(value, Static) and value.value is None and dtype is not None and dtype[0] == "f":
        value = Static(float("nan"))
    if isinstance(value, Static) and isinstance(value.value, np.flatiter):
        value = Static(np.array(value.value))
    if isinstance(value, Static) and isinstance(value.value, np.ndarray):
        return literal(t, value.value if dtype is None else value.value.astype(dtype))
    if isinstance(value, Static) and isinstance(value.value, (list, tuple, range)):
        try:
            made = np.array(value.value, dtype=dtype)
        except ValueError as error:
            raise PythonRaise(error) from None
        if made.dtype.str[1:] not in numbers.SUPPORTED:
            raise t.unsupported(
                f"an array of dtype {made.dtype}",
                "only numbers have a place in a program",
                "use one array of numbers per kind",
            )
        return literal(t, made)
    if isinstance(value, Ref) and isinstance(st.box(value), Growing):
        return grown(t, st, value, dtype)
    if is_numeric(value):
        number = numbers.as_num(t, value)
        out = arrays.new_array(t, dtype or number.dtype, ())
        arrays.store_at(t, out, (), t.b.cast(number.operand, out.dtype))
        return out
    if isinstance(value, Ref) and isinstance(box := st.box(value), ObjectBox):
        if hasattr(box.cls, "__array__"):
            from revtrace.trace.callables.calls import call_method

            return as_array(t, call_method(t, st, value, "__array__", ()), st, dtype)
        if box.cls.__module__.startswith("scipy.sparse."):
            raise t.unsupported("a sparse matrix made an array so", "it is one object to NumPy", "use its toarray()")
    return nested(t, st, value, dtype)


def literal(t: Tracer, value: np.ndarray[Any, Any]) -> View:
    """Append an array of constants."""
    if value.size > 4096:
        raise t.unsupported(
            "a large array made while tracing",
            "its elements would be written out one by one",
            "make it by np.arange, np.linspace and the like, or pass it as an argument",
        )
    dtype = value.dtype.str[1:]
    shape = tuple(const(n, "i8") for n in value.shape)
    # Nothing writes to it, so one copy serves every iteration; who writes copies first.
    out = arrays.new_array(t, dtype, shape)
    for index in np.ndindex(value.shape):
        arrays.store_at(t, out, tuple(const(k, "i8") for k in index), const(value[index].item(), dtype))
    return out


def grown(t: Tracer, st: State, ref: Ref, dtype: str | None) -> View:
    """Return a growing list as an array."""
    box = growing.settle_here(t, st, ref)
    if not isinstance(box, Growing):
        return nested(t, st, ref, dtype)
    made = growing.as_array(t, box, dtype)
    if made is None:
        raise t.pins.need(t, (growing.length_of(box),), "a list of this structure made an array")
    return made


def nested(t: Tracer, st: State, value: Any, dtype: str | None) -> View:
    """Build an array of a nested list or tuple."""
    from revtrace.trace.objects.containers import items_of

    if not isinstance(value, Ref) or not isinstance(st.box(value), Growing):
        items = [t.use(v) for v in items_of(t, st, value)]
        if any(arrays.is_array(v) and v.ndim for v in items):
            value = Tup(tuple(as_array(t, v, st, dtype) if isinstance(v, (Ref, Tup)) else v for v in items))
    shape, leaves = _leaves(t, st, value, items_of, dtype)
    if not leaves:
        return arrays.new_array(t, dtype or "f8", tuple(const(n, "i8") for n in shape))
    inner = leaves[0].shape if arrays.is_array(leaves[0]) else ()
    for leaf in leaves:
        leaf_shape = leaf.shape if arrays.is_array(leaf) else ()
        if len(leaf_shape) != len(inner):
            raise PythonRaise(
                ValueError("setting an array element with a sequence. The requested array has an inhomogeneous shape")
            )
        for m, n in zip(inner, leaf_shape, strict=True):
            if m is not n:
                arrays.agree(t, m, n)
    if dtype is None:
        kinds = [(x.dtype, False) if arrays.is_array(x) else _strong(numbers.as_num(t, x)) for x in leaves]
        kind = kinds[0]
        for other in kinds[1:]:
            kind = numbers.promoted(kind, other)
        dtype = kind[0]
    outer = tuple(const(n, "i8") for n in shape)
    out = arrays.new_array(t, dtype, (*outer, *inner))
    for index, leaf in zip(np.ndindex(*shape), leaves, strict=True):
        at = tuple(const(k, "i8") for k in index)
        if arrays.is_array(leaf):
            settled = arrays.settle(t, leaf)

            def body(ix: tuple[Operand, ...], at: Any = at, settled: Any = settled) -> None:
                arrays.store_at(t, out, (*at, *ix), t.b.cast(arrays.operand_at(t, settled, ix), dtype))

            arrays.for_each(t, inner, body)
        else:
            arrays.store_at(t, out, at, t.b.cast(numbers.as_num(t, leaf).operand, dtype))
    return out


def _strong(x: Num) -> tuple[str, bool]:
    return x.dtype, False


def _leaves(t: Tracer, st: State, value: Any, items_of: Any, dtype: str | None) -> tuple[tuple[int, ...], list[Any]]:
    value = t.use(value)
    is_sequence = (
        isinstance(value, Tup)
        or (isinstance(value, Ref) and isinstance(st.box(value), (ListBox, Growing)))
        or (isinstance(value, Static) and isinstance(value.value, (tuple, list, range)))
    )
    if not is_sequence:
        if arrays.is_array(value) or is_numeric(value):
            return (), [value]
        if isinstance(value, Static) and value.value is None and dtype is not None and dtype[0] == "f":
            return (), [Static(float("nan"))]
        raise t.unsupported(
            f"{t.describe(value)} in an array", "arrays hold numbers", "keep what is no number in a list or tuple"
        )
    if isinstance(value, Ref) and isinstance(st.box(value), Growing):
        return (), [grown(t, st, value, None)]
    parts = [_leaves(t, st, v, items_of, dtype) for v in items_of(t, st, value)]
    shapes = {p[0] for p in parts}
    if len(shapes) > 1:
        raise PythonRaise(
            ValueError("setting an array element with a sequence. The requested array has an inhomogeneous shape")
        )
    inner = shapes.pop() if shapes else ()
    return (len(parts), *inner), [leaf for p in parts for leaf in p[1]]
