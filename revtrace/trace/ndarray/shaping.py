"""Changing an array's shape: reshapes, permutations, repetitions; joins are in `revtrace.trace.numpy.joining`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import Scalar
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment, folds, subscripts
from revtrace.trace.ndarray.arrays import flat_index, split_index
from revtrace.trace.ndarray.convert import as_array, as_array_or_number, shape_argument
from revtrace.trace.numpy.reductions import axes_of, listed_axes, reduced_axes
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Along, At, Elementwise, Num, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["array_of", "diagonal", "flat", "ravel", "reshape"]

ZERO, ONE = const(0, "i8"), const(1, "i8")


def product(t: Tracer, shape: tuple[Operand, ...]) -> Operand:
    """Number of elements of a shape."""
    size: Operand = ONE
    for n in shape:
        size = numbers.fold(t, "mul", size, n, "i8")
    return size


def ravel(t: Tracer, value: Any) -> Any:
    """All elements in C order, along one axis; to be read, since numpy copies one axis that has gaps."""
    if not arrays.is_array(value):
        return as_array(t, Tup((value,)))
    if value.ndim == 1:
        return value
    return reshape(t, value, (product(t, value.shape),))


def _own_ravel(t: Tracer, value: Any) -> Any:
    """``value.ravel()``, which may be written to: a copy of one axis unless its elements lie without gaps."""
    if not isinstance(value, View) or value.ndim != 1:
        return ravel(t, value)
    without_gaps = value.whole and not any(var is value.root for var, _ in t.inputs.values())
    return value if without_gaps else folds.laid_out(t, value, "C")


def flat(t: Tracer, value: Any) -> Any:
    """``value.flat``: writing to it writes to the array, however that lies in memory."""
    if value.ndim == 1:
        return value
    if t.sharing and isinstance(value, View):
        return folds.folded(value, (product(t, value.shape),))
    return ravel(t, value)


def in_order(t: Tracer, value: Any, shape: tuple[Operand, ...] | None, order: Any) -> Any:
    """Reshape (to one axis without a shape), elements walked in C or Fortran order."""
    if isinstance(order, Static) and order.value == "F":
        view = arrays.settle(t, value)
        turned = subscripts.transpose(view, tuple(range(view.ndim))[::-1])
        if shape is None:
            return _own_ravel(t, turned)
        found = arrays.settle(t, reshape(t, turned, shape[::-1]))
        return subscripts.transpose(found, tuple(range(found.ndim))[::-1])
    plain = isinstance(order, Static) and order.value in ("C", None)
    if not plain and not (isinstance(order, Static) and value.ndim < 2):
        raise t.unsupported(
            "an order other than 'C' and 'F'", "how numbers lie in memory is no part of the program", "use 'C' or 'F'"
        )
    return _own_ravel(t, value) if shape is None else reshape(t, value, shape)


def reshape(t: Tracer, value: Any, shape: tuple[Operand, ...]) -> Any:
    """The elements in C order in another shape; a copy, or a view where the two are written to, see `folds`."""
    view = arrays.settle(t, value)
    unknown = [k for k, n in enumerate(shape) if isinstance(n, Const) and n.value == -1]
    total = product(t, view.shape)
    if unknown:
        rest = product(t, tuple(n for k, n in enumerate(shape) if k != unknown[0]))
        missing = numbers.fold(t, "floordiv", total, rest, "i8")
        if isinstance(total, Const) and isinstance(rest, Const):
            if rest.value == 0 or total.value % rest.value:  # type: ignore[operator]
                raise PythonRaise(ValueError("cannot reshape array"))
            missing = const(total.value // rest.value, "i8")  # type: ignore[operator]
        shape = tuple(missing if k == unknown[0] else n for k, n in enumerate(shape))
    if total is not product(t, shape):
        arrays.agree(t, total, product(t, shape))
    drop = [n for n in view.shape if not arrays.is_one(n)]
    keep = [n for n in shape if not arrays.is_one(n)]
    if len(drop) == len(keep) and all(m is n or m == n for m, n in zip(drop, keep, strict=True)):
        return _ones(t, view, shape)

    if t.sharing and isinstance(value, View) and folds.gives_view(t, view):
        return folds.folded(view, shape)
    # Two indices walk through both shapes; only one loop runs at a time.
    out = folds.note_order(t, arrays.new_array(t, view.dtype, shape))
    if len(view.shape) <= 1 or view.ndim >= len(shape):
        arrays.for_each(
            t,
            view.shape,
            lambda ix: arrays.store_at(
                t, out, split_index(t, flat_index(t, ix, view.shape), shape), arrays.load_at(t, view, ix)
            ),
        )
    else:
        arrays.for_each(
            t,
            shape,
            lambda ix: arrays.store_at(
                t, out, ix, arrays.load_at(t, view, split_index(t, flat_index(t, ix, shape), view.shape))
            ),
        )
    if isinstance(value, View) and not (t.sharing and len(keep) == 1 and folds.turned(t, view)):
        t.twin(view.root, out.root)
    return out


def _ones(t: Tracer, view: View, shape: tuple[Operand, ...]) -> View:
    """Insert and remove axes of length one."""
    for k in reversed(range(view.ndim)):
        if arrays.is_one(view.shape[k]):
            view = subscripts.fix_axis(t, view, k, ZERO, True)
    for k, n in enumerate(shape):
        if arrays.is_one(n):
            view = subscripts.new_axis(view, k)
    return view


def diagonal(t: Tracer, view: View, offset: int) -> View:
    """The diagonals of the last two axes, as a view: both run along its last axis."""
    rows, columns = view.shape[-2:]
    if offset >= 0:
        columns = numbers.fold(t, "sub", columns, const(offset, "i8"), "i8")
    else:
        rows = numbers.fold(t, "add", rows, const(offset, "i8"), "i8")
    n = _least(t, rows, columns)
    first = view.ndim - 2
    starts = {first: const(max(0, -offset), "i8"), first + 1: const(max(0, offset), "i8")}
    maps: list[At | Along] = []
    for m in view.maps:
        if isinstance(m, At) or m.axis < first:
            maps.append(m)
        else:
            begin = numbers.fold(t, "add", m.start, numbers.fold(t, "mul", starts[m.axis], m.step, "i8"), "i8")
            maps.append(Along(first, begin, m.step, False))
    return subscripts.part_of(view, tuple(maps), (*view.shape[:-2], n))


def _least(t: Tracer, a: Operand, b: Operand) -> Operand:
    if isinstance(a, Const) and isinstance(b, Const):
        return const(max(0, min(a.value, b.value)), "i8")  # type: ignore[type-var]
    return t.b.op("max", t.b.op("min", a, b, type=Scalar("i8")), ZERO)


def array_of(t: Tracer, st: State, v: Any) -> Any:
    """Return an argument as an array."""
    value = as_array_or_number(t, st, v)
    return value if arrays.is_array(value) else as_array(t, value, st)


@on(np.ravel)
def _ravel(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, order = signature("a", order=Static("C"))(args, kwargs)
    return in_order(t, array_of(t, st, a), None, order)


@on(np.reshape)
def _reshape(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", "shape", order=Static("C"), copy=NONE)
    a, shape, order, copy = bind(args, {("shape" if k == "newshape" else k): v for k, v in kwargs.items()})
    if isinstance(copy, Static) and copy.value:
        a = arrays.copy_of(t, array_of(t, st, a))
    return in_order(t, array_of(t, st, a), shape_argument(t, st, shape), order)


@on(np.transpose, np.permute_dims if hasattr(np, "permute_dims") else None)
def _transpose(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, axes = signature("a", axes=NONE)(args, kwargs)
    view = arrays.settle(t, array_of(t, st, a))
    if isinstance(axes, Static) and axes.value is None:
        return subscripts.transpose(view, tuple(range(view.ndim))[::-1])
    axes = [containers.as_known_int(t, x) for x in containers.items_of(t, st, axes)]
    if len(axes) != view.ndim:
        raise PythonRaise(ValueError("axes don't match array"))
    for k in axes:
        if not -view.ndim <= k < view.ndim:
            raise PythonRaise(np.exceptions.AxisError(k, view.ndim))
    order = tuple(k % view.ndim for k in axes)
    if len(set(order)) != len(order):
        raise PythonRaise(ValueError("repeated axis in transpose"))
    return subscripts.transpose(view, order)


@on(np.squeeze)
def _squeeze(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, axis = signature("a", axis=NONE)(args, kwargs)
    if isinstance(a, Num) and not a.weak:
        reduced_axes(t, st, axis, 0)
        return a
    view = arrays.settle(t, array_of(t, st, a))
    if isinstance(axis, Static) and axis.value is None:
        # A result of fewer axes is of another type: what is one in this call must be known to be one.
        why = "how many axes np.squeeze leaves depends on it"
        lengths = [t.pins.known(t, n, why) if t.pins.now(t, n) == 1 else n for n in view.shape]
        axes = tuple(k for k, n in enumerate(lengths) if arrays.is_one(n))
        for n in lengths:
            if not isinstance(n, Const):
                t.check(t.b.compare("ne", n, ONE), "broadcast")
    else:
        axes = reduced_axes(t, st, axis, view.ndim)
    for k in sorted(axes, reverse=True):
        arrays.agree(t, view.shape[k], ONE)
        view = subscripts.fix_axis(t, view, k, ZERO, True)
    return view


def spread(t: Tracer, view: View, shape: tuple[Operand, ...]) -> View:
    """The view broadcast to a shape; axes of length one stay where they are in the buffer."""
    extra = len(shape) - view.ndim
    if extra < 0:
        raise PythonRaise(ValueError("input operand has more dimensions than allowed by the axis remapping"))
    fixed = set()
    for k, (n, m) in enumerate(zip(view.shape, shape[extra:], strict=True)):
        if n is m or (isinstance(n, Const) and isinstance(m, Const) and n.value == m.value):
            continue
        if not arrays.is_one(n):
            arrays.agree(t, n, m, "broadcast")
        else:
            fixed.add(k)
    maps = tuple(
        m if isinstance(m, At) else At(m.start) if m.axis in fixed else Along(m.axis + extra, m.start, m.step, m.whole)
        for m in view.maps
    )
    return subscripts.part_of(view, maps, shape)


@on(np.broadcast_to)
def _broadcast_to(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, shape, _ = signature("array", "shape", subok=NONE)(args, kwargs)
    return replace(
        spread(t, arrays.settle(t, array_of(t, st, a)), shape_argument(t, st, shape)), writeable=const(False)
    )


@on(np.broadcast_arrays)
def _broadcast_arrays(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    values = [arrays.settle(t, array_of(t, st, a)) for a in args]
    shape = arrays.broadcast(t, values)
    return Tup(tuple(spread(t, v, shape) for v in values))


@on(np.flip, np.flipud, np.fliplr)
def _flip(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _flipper(fixed: int | None) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, axis = signature("m", axis=NONE if fixed is None else Static(fixed))(args, kwargs)
        if isinstance(a, Num) and not a.weak:
            axes_of(t, st, axis, 0)
            return a
        view = arrays.settle(t, array_of(t, st, a))
        axes = axes_of(t, st, axis, view.ndim)
        keys: list[Any] = [Static(slice(None, None, -1) if k in axes else slice(None)) for k in range(view.ndim)]
        return subscripts.basic(t, view, keys)

    return handler


on(np.flip)(_flipper(None))
on(np.flipud)(_flipper(0))
on(np.fliplr)(_flipper(1))


@on(np.roll)
def _roll(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, shift, axis = signature("a", "shift", axis=NONE)(args, kwargs)
    view = arrays.settle(t, array_of(t, st, a))
    shifts = list(shape_argument(t, st, shift))
    if isinstance(axis, Static) and axis.value is None:
        flat = view if view.ndim == 1 else arrays.settle(t, ravel(t, view))
        for by in shifts:
            flat = arrays.settle(t, _rolled(t, flat, by, 0))
        return flat if view.ndim == 1 else reshape(t, flat, view.shape)
    # Shifts and axes broadcast against each other; an axis may come twice.
    axes = [axes_of(t, st, k, view.ndim)[0] for k in listed_axes(t, st, axis)]
    count = max(len(shifts), len(axes)) if shifts and axes else 0
    if any(len(some) not in (1, count) for some in (shifts, axes)):
        raise PythonRaise(ValueError("shape mismatch: objects cannot be broadcast to a single shape"))
    for n in range(count):
        view = arrays.settle(t, _rolled(t, view, shifts[n % len(shifts)], axes[n % len(axes)]))
    return view


def _rolled(t: Tracer, view: View, by: Operand, k: int) -> Elementwise:
    n = view.shape[k]

    def at(ix: tuple[Operand, ...]) -> Operand:
        source = numbers.fold(t, "mod", numbers.fold(t, "sub", ix[k], by, "i8"), n, "i8")
        return arrays.load_at(t, view, (*ix[:k], source, *ix[k + 1 :]))

    return Elementwise(view.shape, view.dtype, at, (view,), moved=True)


@on(np.linalg.diagonal)
def _diagonal(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, offset = signature("x", offset=Static(0))(args, kwargs)
    view = arrays.settle(t, array_of(t, st, x))
    if view.ndim < 2:
        raise PythonRaise(ValueError("diag requires an array of at least two dimensions"))
    return replace(diagonal(t, view, containers.as_known_int(t, offset)), writeable=const(False))


@on(np.diag)
def _diag(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    v, k = signature("v", k=Static(0))(args, kwargs)
    value = arrays.settle(t, array_of(t, st, v))
    offset = containers.as_known_int(t, k)
    if value.ndim == 2:
        return replace(diagonal(t, value, offset), writeable=const(False))
    if value.ndim != 1:
        raise PythonRaise(ValueError("Input must be 1- or 2-d."))
    n = numbers.fold(t, "add", value.shape[0], const(abs(offset), "i8"), "i8")
    out = arrays.new_array(t, value.dtype, (n, n), zeros=True)
    assignment.assign(t, diagonal(t, out, offset), value)
    return out


@on(np.tril, np.triu)
def _triangle(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _triangles(lower: bool) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        m, k = signature("m", k=Static(0))(args, kwargs)
        view = arrays.settle(t, array_of(t, st, m))
        offset = numbers.integer(t, t.use(k))
        if view.ndim == 0:
            raise PythonRaise(TypeError("tri() missing 1 required positional argument: 'N'"))
        # numpy makes a square of a line, each of whose rows is the line.
        shape = view.shape * 2 if view.ndim == 1 else view.shape

        def at(ix: tuple[Operand, ...]) -> Operand:
            line = numbers.fold(t, "add", ix[-2], offset, "i8")
            keep = t.b.compare("le" if lower else "ge", ix[-1], line)
            return t.b.op(
                "select", keep, arrays.load_at(t, view, ix[-view.ndim :]), const(0, view.dtype), type=Scalar(view.dtype)
            )

        return Elementwise(shape, view.dtype, at, (view,))

    return handler


on(np.tril)(_triangles(True))
on(np.triu)(_triangles(False))


@on(np.repeat)
def _repeat(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, repeats, axis = signature("a", "repeats", axis=NONE)(args, kwargs)
    view = arrays.settle(t, array_of(t, st, a))
    if view.ndim == 0:
        view = subscripts.new_axis(view, 0)
    given = t.use(repeats)
    if not isinstance(given, Num) and not (isinstance(given, Static) and is_number(given.value)):
        from revtrace.trace.definitions.joining import repeated
        from revtrace.trace.definitions.register import traced

        return traced(t, st, repeated, (view, given, axis), {})
    by = numbers.integer(t, given)
    if isinstance(axis, Static) and axis.value is None:
        view, k = arrays.settle(t, ravel(t, view)), 0
    else:
        (k,) = axes_of(t, st, axis, view.ndim)
    n = numbers.fold(t, "mul", view.shape[k], by, "i8")
    shape = (*view.shape[:k], n, *view.shape[k + 1 :])

    def at(ix: tuple[Operand, ...]) -> Operand:
        return arrays.load_at(t, view, (*ix[:k], numbers.fold(t, "floordiv", ix[k], by, "i8"), *ix[k + 1 :]))

    return Elementwise(shape, view.dtype, at, (view,), moved=True)


@on(np.tile)
def _tile(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, reps = signature("A", "reps")(args, kwargs)
    view = arrays.settle(t, array_of(t, st, a))
    counts = list(shape_argument(t, st, reps))
    while len(counts) < view.ndim:
        counts.insert(0, ONE)
    while view.ndim < len(counts):
        view = subscripts.new_axis(view, 0)
    shape = tuple(numbers.fold(t, "mul", n, c, "i8") for n, c in zip(view.shape, counts, strict=True))
    sizes = view.shape

    def at(ix: tuple[Operand, ...]) -> Operand:
        return arrays.load_at(
            t, view, tuple(numbers.fold(t, "mod", i, n, "i8") for i, n in zip(ix, sizes, strict=True))
        )

    return Elementwise(shape, view.dtype, at, (view,), moved=True)
