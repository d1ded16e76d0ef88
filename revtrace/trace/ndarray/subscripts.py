"""Reading parts of arrays: rows, slices, new axes, index arrays and masks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import INT
from revtrace.trace.ndarray.arrays import (
    ONE,
    ZERO,
    _normal,
    at_broadcast,
    broadcast,
    element,
    is_array,
    load_at,
    new_array,
    operand_at,
    settle,
)
from revtrace.trace.numbers import fold, integer
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Along, At, Elementwise, Num, Slice, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = [
    "basic",
    "fix_axis",
    "index_arrays",
    "index_at",
    "is_index_list",
    "is_none",
    "is_slice",
    "keys_of",
    "new_axis",
    "part_of",
    "row",
    "subscript",
    "transpose",
    "without_flags",
]


def part_of(view: View, maps: tuple[At | Along, ...], shape: tuple[Operand, ...]) -> View:
    """A view of the same buffer with other axes."""
    return replace(view, maps=maps, shape=shape, source=None)


def row(t: Tracer, view: View, i: Operand, inside: bool = False) -> Any:
    """``view[i]`` for one index; an element if the view has one axis."""
    if view.ndim == 1:
        return Num(load_at(t, view, (i,)), False) if inside else element(t, view, (i,))
    return fix_axis(t, view, 0, i, inside)


def fix_axis(t: Tracer, view: View, axis: int, i: Operand, inside: bool = False) -> View:
    """Fix one axis of a view at an index."""
    maps: list[At | Along] = []
    for m in view.maps:
        if isinstance(m, At):
            maps.append(m)
        elif m.axis == axis:
            if m.whole:
                if isinstance(i, Const) and not inside and view.ndim > 1:
                    # Elements are tested where they are read, but there may be none.
                    _normal(t, i, view.shape[axis])
                maps.append(At(i))
            else:
                j = i if inside else _normal(t, i, view.shape[axis])
                maps.append(At(fold(t, "add", m.start, fold(t, "mul", j, m.step, "i8"), "i8")))
        else:
            maps.append(Along(m.axis - (m.axis > axis), m.start, m.step, m.whole))
    return part_of(view, tuple(maps), view.shape[:axis] + view.shape[axis + 1 :])


def _slice(t: Tracer, view: View, axis: int, s: Any) -> View:
    """Restrict one axis of a view to a slice."""
    n = view.shape[axis]
    if isinstance(s, Static):
        s = Slice(Static(s.value.start), Static(s.value.stop), Static(s.value.step))
    step_value = ONE if is_none(s.step) else integer(t, s.step)
    step = int(t.pins.known(t, step_value, "the step of a slice must be known").value)  # type: ignore[arg-type]
    if step == 0:
        raise PythonRaise(ValueError("slice step cannot be zero"))
    if step > 0:
        start = ZERO if is_none(s.start) else _clip(t, integer(t, s.start), n, ZERO, n)
        stop = n if is_none(s.stop) else _clip(t, integer(t, s.stop), n, ZERO, n)
        length = _positive(t, start, stop, step)
    else:
        last = fold(t, "sub", n, ONE, "i8")
        low = const(-1, "i8")
        start = last if is_none(s.start) else _clip(t, integer(t, s.start), n, low, last)
        stop = low if is_none(s.stop) else _clip(t, integer(t, s.stop), n, low, last)
        length = _positive(t, stop, start, -step)
    if start is ZERO and length is n and step == 1:
        return view
    by = const(step, "i8")
    maps: list[At | Along] = []
    for m in view.maps:
        if isinstance(m, Along) and m.axis == axis:
            begin = fold(t, "add", m.start, fold(t, "mul", start, m.step, "i8"), "i8")
            maps.append(Along(axis, begin, fold(t, "mul", m.step, by, "i8"), False))
        else:
            maps.append(m)
    return part_of(view, tuple(maps), (*view.shape[:axis], length, *view.shape[axis + 1 :]))


def is_none(x: Any) -> bool:
    """Whether an argument is left out or ``None``."""
    return x is None or isinstance(x, Static) and x.value is None


def _clip(t: Tracer, i: Operand, n: Operand, low: Operand, high: Operand) -> Operand:
    """Append a slice's bound as Python adjusts it to the axis's length."""
    if isinstance(i, Const) and isinstance(n, Const):
        k, size = int(i.value), int(n.value)  # type: ignore[arg-type]
        k = k + size if k < 0 else k
        return const(min(max(k, int(low.value)), int(high.value)), "i8")  # type: ignore[union-attr,arg-type]
    if isinstance(i, Const):
        if i.value < 0:  # type: ignore[operator]
            return t.b.op("max", fold(t, "add", n, i, "i8"), low)
        if i.value == 0 and low is ZERO:
            return ZERO
        return t.b.op("min", i, high)
    if i is n:
        return high
    negative = t.b.compare("lt", i, ZERO)
    up = t.b.op("select", negative, fold(t, "add", i, n, "i8"), i, type=INT)
    return t.b.op("min", t.b.op("max", up, low), high)


def _positive(t: Tracer, start: Operand, stop: Operand, step: int) -> Operand:
    span = fold(t, "sub", stop, start, "i8")
    if step != 1:
        span = fold(t, "floordiv", fold(t, "add", span, const(step - 1, "i8"), "i8"), const(step, "i8"), "i8")
    if isinstance(span, Const):
        return const(max(0, int(span.value)), "i8")  # type: ignore[arg-type]
    return span if start is ZERO else t.b.op("max", span, ZERO)


def keys_of(t: Tracer, key: Any, shape: tuple[Operand, ...]) -> list[Any]:
    """Return the items of a subscript of an array of a shape, ellipsis written out."""
    ndim = len(shape)
    items = [_plain_index(t, x) for x in _items(t, key)]
    if any(_is_mask(x) for x in items):
        _fit_masks(t, items, shape)
        items = [y for x in items for y in (_places(t, x) if _is_mask(x) else (x,))]
    real = sum(1 for x in items if not (isinstance(x, Static) and (x.value is None or x.value is Ellipsis)))
    if real > ndim:
        raise PythonRaise(
            IndexError(f"too many indices for array: array is {ndim}-dimensional, but {real} were indexed")
        )
    out: list[Any] = []
    full = Static(slice(None))
    seen = False
    for x in items:
        if isinstance(x, Static) and x.value is Ellipsis:
            out += [full] * (ndim - real)
            seen = True
        else:
            out.append(x)
    if not seen:
        out += [full] * (ndim - real)
    return out


def _fit_masks(t: Tracer, items: list[Any], shape: tuple[Operand, ...]) -> None:
    """Check that each mask is as long as the axes that it selects from."""
    taken = [0 if _is_ellipsis(x) else _axes(x) for x in items]
    axis = 0
    for x, count in zip(items, taken, strict=True):
        if _is_ellipsis(x):
            axis += len(shape) - sum(taken)
        elif _is_mask(x):
            for n, m in zip(x.shape, shape[axis : axis + count], strict=False):
                if isinstance(n, Const) and isinstance(m, Const):
                    if n.value != m.value:
                        raise PythonRaise(
                            IndexError(
                                f"boolean index did not match indexed array along axis {axis}; size of axis is "
                                f"{m.value} but size of corresponding boolean axis is {n.value}"
                            )
                        )
                elif n is not m:
                    t.check(t.b.compare("eq", n, m), "IndexError")
        axis += count


def _is_ellipsis(x: Any) -> bool:
    return isinstance(x, Static) and x.value is Ellipsis


def _items(t: Tracer, key: Any) -> list[Any]:
    if isinstance(key, Static) and isinstance(key.value, tuple):
        return [Static(x) for x in key.value]
    return [t.use(x) for x in (key.items if isinstance(key, Tup) else (key,))]


def _plain_index(t: Tracer, x: Any) -> Any:
    """An index as the subscript takes it: lists as arrays, arrays of no axes as integers."""
    from revtrace.trace.ndarray.convert import as_array

    if is_index_list(t, x) or isinstance(x, Tup) or (isinstance(x, Static) and isinstance(x.value, (tuple, range))):
        empty = isinstance(x, Static) and np.size(x.value) == 0
        x = as_array(t, x)
        if x.dtype == "f8" and (empty or (isinstance(x.shape[0], Const) and x.shape[0].value == 0)):
            x = new_array(t, "i8", x.shape)
    if is_array(x) and x.ndim == 0 and x.dtype[0] in "iu":
        return Num(t.b.cast(operand_at(t, x, ()), "i8"), False)
    return x


def _is_mask(x: Any) -> bool:
    return is_array(x) and x.dtype == "b1" and x.ndim > 0


def _places(t: Tracer, mask: Any) -> tuple[Any, ...]:
    """A mask as index arrays, one per axis of it."""
    from revtrace.trace.ndarray.masks import nonzero

    return nonzero(t, mask).items


def is_slice(x: Any) -> bool:
    """Whether a subscript is a slice."""
    return isinstance(x, Slice) or (isinstance(x, Static) and isinstance(x.value, slice))


def subscript(t: Tracer, value: Any, key: Any) -> Any:
    """``value[key]`` for an array: an element, a view, or a gathered copy."""
    view, key = without_flags(t, settle(t, value), key)
    mask = leading_mask(t, view, key)
    if mask is not None:
        from revtrace.trace.ndarray.masks import compress

        return compress(t, view, mask)
    keys = keys_of(t, key, view.shape)
    if any(is_array(k) for k in keys):
        return gather(t, view, keys)
    scalars = [k for k in keys if not is_slice(k) and not is_none(k)]
    if len(scalars) == view.ndim and not any(is_none(k) for k in keys) and not _has_ellipsis(key):
        return element(t, view, tuple(integer(t, k) for k in keys))
    return basic(t, view, keys)


def _has_ellipsis(key: Any) -> bool:
    items = key.items if isinstance(key, Tup) else (key,)
    known = [x.value for x in items if isinstance(x, Static)]
    known += [y for x in known if isinstance(x, tuple) for y in x]
    return any(x is Ellipsis for x in known)


def basic(t: Tracer, view: View, keys: list[Any]) -> View:
    """Apply integers, slices and newaxis."""
    axis = 0
    for k in keys:
        if is_none(k):
            view = new_axis(view, axis)
            axis += 1
        elif is_slice(k):
            view = _slice(t, view, axis, k)
            axis += 1
        else:
            view = fix_axis(t, view, axis, integer(t, k))
    return view


def new_axis(view: View, axis: int) -> View:
    """Insert an axis of length 1."""
    maps = tuple(
        m if isinstance(m, At) else Along(m.axis + (m.axis >= axis), m.start, m.step, m.whole) for m in view.maps
    )
    return part_of(view, maps, (*view.shape[:axis], ONE, *view.shape[axis:]))


def is_index_list(t: Tracer, k: Any) -> bool:
    """Whether a subscript is a list of indices."""
    from revtrace.trace.values import Ref

    return isinstance(k, Ref) or (isinstance(k, Static) and isinstance(k.value, (list, np.ndarray)))


def gather(t: Tracer, view: View, keys: list[Any]) -> Elementwise:
    """Index with integer arrays: a new array, computed element by element."""
    view, arrays, position, index_shape = index_arrays(t, view, keys)
    rest = view.shape[len(arrays) :]

    def at(indices: tuple[Operand, ...]) -> Operand:
        k = len(index_shape)
        picked = indices[position : position + k]
        others = indices[:position] + indices[position + k :]
        chosen = tuple(index_at(t, a, picked, index_shape) for a in arrays)
        return element(t, view, (*chosen, *others)).operand

    shape = (*rest[:position], *index_shape, *rest[position:])
    reads = (view, *(a for a in arrays if isinstance(a, View)))
    return Elementwise(shape, view.dtype, at, reads, moved=True)


def index_at(t: Tracer, array: Any, indices: tuple[Operand, ...], shape: tuple[Operand, ...]) -> Operand:
    """The index that an index array or number holds at a place of the indices' common shape."""
    if not is_array(array):
        return integer(t, array)
    return t.b.cast(at_broadcast(t, array, indices, shape), "i8")


def index_arrays(t: Tracer, view: View, keys: list[Any]) -> tuple[View, list[Any], int, tuple[Operand, ...]]:
    """Bring the axes that index arrays pick from to the front of the view."""
    arrays: list[Any] = []
    picked: list[int] = []
    plain: list[Any] = []
    axis = 0
    for k in keys:
        if is_array(k):
            if k.dtype[0] not in "iu":
                raise PythonRaise(IndexError("arrays used as indices must be of integer (or boolean) type"))
            arrays.append(k if isinstance(k, View) else settle(t, k))
            picked.append(axis)
            plain.append(Static(slice(None)))
            axis += 1
        elif is_slice(k):
            plain.append(k)
            axis += 1
        elif is_none(k):
            plain.append(k)
            axis += 1
        else:
            arrays.append(k)
            picked.append(axis)
            plain.append(Static(slice(None)))
            axis += 1
    together = picked == list(range(picked[0], picked[0] + len(picked)))
    view = basic(t, view, plain)
    order = picked + [a for a in range(view.ndim) if a not in picked]
    view = transpose(view, tuple(order))
    index_shape = broadcast(t, [a for a in arrays if is_array(a)])
    return view, arrays, picked[0] if together else 0, index_shape


def transpose(view: View, order: tuple[int, ...]) -> View:
    """Permute axes."""
    where = {old: new for new, old in enumerate(order)}
    maps = tuple(m if isinstance(m, At) else Along(where[m.axis], m.start, m.step, m.whole) for m in view.maps)
    return part_of(view, maps, tuple(view.shape[k] for k in order))


def without_flags(t: Tracer, view: View, key: Any) -> tuple[View, Any]:
    """Return a view and a key without truth values: each is a mask of one over an axis of its own."""
    from revtrace.trace.ndarray.convert import as_array

    items = _items(t, key)
    if not any(map(_is_flag, items)):
        return view, key
    axis = 0
    for k, x in enumerate(items):
        if _is_flag(x):
            view = new_axis(view, axis)
            items[k] = new_axis(as_array(t, x), 0)
        if isinstance(x, Static) and x.value is Ellipsis:
            axis = view.ndim - sum(_axes(y) for y in items[k + 1 :])
        else:
            axis += _axes(items[k])
    return view, items[0] if len(items) == 1 else Tup(tuple(items))


def _is_flag(x: Any) -> bool:
    if isinstance(x, Static):
        return isinstance(x.value, (bool, np.bool_))
    return isinstance(x, Num) and x.dtype == "b1" or is_array(x) and x.ndim == 0 and x.dtype == "b1"


def _axes(x: Any) -> int:
    """How many axes of the array an item of a subscript takes."""
    if is_none(x) or _is_flag(x):
        return 0
    return int(x.ndim) if _is_mask(x) else 1


def leading_mask(t: Tracer, view: View, key: Any) -> Any:
    """Return a key that is one boolean array over the first axes, else None."""
    from revtrace.trace.ndarray.convert import as_array

    if isinstance(key, Tup) and len(key.items) == 1:
        key = key.items[0]
    if is_index_list(t, key):
        key = as_array(t, key)
    return key if is_array(key) and key.dtype == "b1" and 0 < key.ndim <= view.ndim else None
