"""Arrays while tracing: views, elements, slices, and element-wise expressions as loops.

A view knows how its axes run through its buffer, so reading and writing through it
are loads and stores of the buffer itself.  An element-wise expression stays a
formula for one element until it is stored, reduced or kept; then one loop nest
computes it, with no temporaries for its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Block, Const, For, If, Operand, Var, While, const
from revtrace.program.types import INT, Array, Scalar
from revtrace.trace.numbers import as_num, fold, integer
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Along, At, Elementwise, Num, Slice, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "apply",
    "assign",
    "broadcast",
    "copy_into",
    "copy_of",
    "element",
    "for_each",
    "is_array",
    "load_at",
    "materialise",
    "new_array",
    "reduce",
    "row",
    "settle",
    "subscript",
    "transpose",
    "whole",
]

ZERO, ONE = const(0, "i8"), const(1, "i8")


def is_array(value: Any) -> bool:
    """Whether a traced value is an array."""
    return isinstance(value, (View, Elementwise))


def whole(t: Tracer, root: Operand, shape: Sequence[Operand]) -> View:
    """Return the view of a whole buffer."""
    return View(root, tuple(Along(k, ZERO, ONE, True) for k in range(len(shape))), tuple(shape))


def new_array(t: Tracer, dtype: str, shape: Sequence[Operand], zeros: bool = False, hint: str = "") -> View:
    """Append a new array."""
    return whole(t, t.b.alloc(dtype, *shape, zeros=zeros, hint=hint), shape)


# loops over index spaces -----------------------------------------------------------------


def for_each(t: Tracer, shape: Sequence[Operand], body: Callable[[tuple[Operand, ...]], None]) -> None:
    """Append a loop nest that runs ``body`` for each index of a shape."""

    def nest(k: int, indices: tuple[Operand, ...]) -> None:
        if k == len(shape):
            body(indices)
            return
        if isinstance(shape[k], Const) and shape[k].value == 1:  # type: ignore[union-attr]
            nest(k + 1, (*indices, ZERO))
            return
        index = Var(INT, "ijkl"[k] if k < 4 else "i")
        with t.b.block() as stmts:
            t.b.own(index)
            nest(k + 1, (*indices, index))
        t.b.append(For(index, ZERO, shape[k], 1, (), (), Block(tuple(stmts)), (), Var(INT, "count"), False, t.b.loc))

    nest(0, ())


def reduce(
    t: Tracer,
    shape: Sequence[Operand],
    inits: Sequence[Operand],
    body: Callable[[tuple[Operand, ...], tuple[Operand, ...]], Sequence[Operand]],
) -> tuple[Operand, ...]:
    """Append a loop nest that carries values through each index of a shape."""

    def nest(k: int, indices: tuple[Operand, ...], values: tuple[Operand, ...]) -> tuple[Operand, ...]:
        if k == len(shape):
            return tuple(body(indices, values))
        index = Var(INT, "ijkl"[k] if k < 4 else "i")
        params = tuple(Var(v.type, "acc") for v in values)
        with t.b.block() as stmts:
            t.b.own(index)
            for p in params:
                t.b.own(p)
            results = nest(k + 1, (*indices, index), params)
        outs = tuple(Var(v.type, "acc") for v in values)
        t.b.append(
            For(
                index,
                ZERO,
                shape[k],
                1,
                params,
                values,
                Block(tuple(stmts), results),
                outs,
                Var(INT, "count"),
                False,
                t.b.loc,
            )
        )
        return outs

    return nest(0, (), tuple(inits))


# elements -----------------------------------------------------------------------------


def _normal(t: Tracer, i: Operand, n: Operand) -> Operand:
    """Append the index counted from the start, checked."""
    if isinstance(i, Const) and isinstance(n, Const):
        k = int(i.value)  # type: ignore[arg-type]
        size = int(n.value)  # type: ignore[arg-type]
        if not -size <= k < size:
            raise PythonRaise(IndexError("index out of range"))
        return const(k % size, "i8")
    if isinstance(i, Const) and i.value < 0:  # type: ignore[operator]
        j = fold(t, "add", n, i, "i8")
        t.check(t.b.compare("ge", j, ZERO), "IndexError")
        return j
    if isinstance(i, Const):
        t.check(t.b.compare("lt", i, n), "IndexError")
        return i
    negative = t.b.compare("lt", i, ZERO)
    j = t.b.op("select", negative, fold(t, "add", i, n, "i8"), i, type=INT)
    inside = t.b.op("and", t.b.compare("ge", j, ZERO), t.b.compare("lt", j, n), type=Scalar("b1"))
    t.check(inside, "IndexError")
    return j


def element(t: Tracer, view: View, indices: tuple[Operand, ...]) -> Num:
    """Read one element at raw Python indices."""
    t.may_raise()
    return Num(t.b.load(view.root, *_raw(t, view, indices)), False)


def store_element(t: Tracer, view: View, indices: tuple[Operand, ...], value: Operand) -> None:
    """Write one element at raw Python indices."""
    t.may_raise()
    t.b.store(view.root, value, *_raw(t, view, indices))


def _raw(t: Tracer, view: View, indices: tuple[Operand, ...]) -> list[Operand]:
    t.touch(view.root)
    out: list[Operand] = []
    for m in view.maps:
        if isinstance(m, At):
            out.append(m.index)
        elif m.whole:
            out.append(indices[m.axis])
        else:
            j = _normal(t, indices[m.axis], view.shape[m.axis])
            out.append(fold(t, "add", m.start, fold(t, "mul", j, m.step, "i8"), "i8"))
    used = {m.axis for m in view.maps if isinstance(m, Along)}
    for axis, i in enumerate(indices):
        if axis not in used:
            _normal(t, i, view.shape[axis])
    return out


def load_at(t: Tracer, view: View, indices: tuple[Operand, ...]) -> Operand:
    """Read one element at indices known to be inside the view."""
    raw = all(isinstance(m, At) for m in view.maps) or any(isinstance(m, At) for m in view.maps)
    attrs: dict[str, Any] = {} if raw else {"safe": True}
    return t.b.op("load", view.root, *_inside(t, view, indices), type=Scalar(view.dtype), **attrs)


def store_at(t: Tracer, view: View, indices: tuple[Operand, ...], value: Operand) -> None:
    """Write one element at indices known to be inside the view."""
    raw = any(isinstance(m, At) for m in view.maps)
    t.b.do("store", view.root, value, *_inside(t, view, indices), **({} if raw else {"safe": True}))


def _inside(t: Tracer, view: View, indices: tuple[Operand, ...]) -> list[Operand]:
    t.touch(view.root)
    out: list[Operand] = []
    for m in view.maps:
        if isinstance(m, At):
            out.append(m.index)
        else:
            out.append(fold(t, "add", m.start, fold(t, "mul", indices[m.axis], m.step, "i8"), "i8"))
    return out


# subscripts -------------------------------------------------------------------------------


def row(t: Tracer, view: View, i: Operand, inside: bool = False) -> Any:
    """``view[i]`` for one index; an element if the view has one axis."""
    if view.ndim == 1:
        return Num(load_at(t, view, (i,)), False) if inside else element(t, view, (i,))
    return _fix(t, view, 0, i, inside)


def _fix(t: Tracer, view: View, axis: int, i: Operand, inside: bool = False) -> View:
    """Fix one axis of a view at an index."""
    maps: list[At | Along] = []
    for m in view.maps:
        if isinstance(m, At):
            maps.append(m)
        elif m.axis == axis:
            if m.whole:
                maps.append(At(i))
            else:
                j = i if inside else _normal(t, i, view.shape[axis])
                maps.append(At(fold(t, "add", m.start, fold(t, "mul", j, m.step, "i8"), "i8")))
        else:
            maps.append(Along(m.axis - (m.axis > axis), m.start, m.step, m.whole))
    return View(view.root, tuple(maps), view.shape[:axis] + view.shape[axis + 1 :])


def _slice(t: Tracer, view: View, axis: int, s: Any) -> View:
    """Restrict one axis of a view to a slice."""
    n = view.shape[axis]
    if isinstance(s, Static):
        s = Slice(Static(s.value.start), Static(s.value.stop), Static(s.value.step))
    step_value = ONE if _none(s.step) else integer(t, s.step)
    step = int(t.pins.known(t, step_value, "the step of a slice must be known").value)  # type: ignore[arg-type]
    if step == 0:
        raise PythonRaise(ValueError("slice step cannot be zero"))
    if step > 0:
        start = ZERO if _none(s.start) else _clip(t, integer(t, s.start), n, ZERO, n)
        stop = n if _none(s.stop) else _clip(t, integer(t, s.stop), n, ZERO, n)
        length = _positive(t, start, stop, step)
    else:
        last = fold(t, "sub", n, ONE, "i8")
        low = const(-1, "i8")
        start = last if _none(s.start) else _clip(t, integer(t, s.start), n, low, last)
        stop = low if _none(s.stop) else _clip(t, integer(t, s.stop), n, low, last)
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
    return View(view.root, tuple(maps), (*view.shape[:axis], length, *view.shape[axis + 1 :]))


def _none(x: Any) -> bool:
    return isinstance(x, Static) and x.value is None


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


def _keys(t: Tracer, key: Any, ndim: int) -> list[Any]:
    """Return the items of a subscript, ellipsis written out."""
    items = list(key.items) if isinstance(key, Tup) else [key]
    if isinstance(key, Static) and isinstance(key.value, tuple):
        items = [Static(x) for x in key.value]
    items = [_plain_index(t, t.use(x)) for x in items]
    if any(_is_mask(x) for x in items):
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


def _plain_index(t: Tracer, x: Any) -> Any:
    """An index as the subscript takes it: lists as arrays, arrays of no axes as integers."""
    from revtrace.trace.convert import as_array

    if _is_list(t, x):
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
    from revtrace.trace.selection import nonzero

    return nonzero(t, mask).items


def _is_slice(x: Any) -> bool:
    return isinstance(x, Slice) or (isinstance(x, Static) and isinstance(x.value, slice))


def subscript(t: Tracer, value: Any, key: Any) -> Any:
    """``value[key]`` for an array: an element, a view, or a gathered copy."""
    view = settle(t, value)
    single = _single_flag(t, key)
    if single is not None:
        from revtrace.trace.selection import compress

        return compress(t, _new_axis(view, 0), single)
    mask = _leading_mask(t, view, key)
    if mask is not None:
        from revtrace.trace.selection import compress

        return compress(t, view, mask)
    keys = _keys(t, key, view.ndim)
    if any(is_array(k) for k in keys):
        return gather(t, view, keys)
    scalars = [k for k in keys if not _is_slice(k) and not _none(k)]
    if len(scalars) == view.ndim and not any(_none(k) for k in keys) and not _has_ellipsis(key):
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
        if _none(k):
            view = _new_axis(view, axis)
            axis += 1
        elif _is_slice(k):
            view = _slice(t, view, axis, k)
            axis += 1
        else:
            view = _fix(t, view, axis, integer(t, k))
    return view


def _new_axis(view: View, axis: int) -> View:
    maps = tuple(
        m if isinstance(m, At) else Along(m.axis + (m.axis >= axis), m.start, m.step, m.whole) for m in view.maps
    )
    return View(view.root, maps, (*view.shape[:axis], ONE, *view.shape[axis:]))


def _is_list(t: Tracer, k: Any) -> bool:
    from revtrace.trace.values import Ref

    return isinstance(k, Ref) or (isinstance(k, Static) and isinstance(k.value, (list, np.ndarray)))


def gather(t: Tracer, view: View, keys: list[Any]) -> Elementwise:
    """Index with integer arrays: a new array, computed element by element."""
    view, arrays, position, index_shape = _advanced(t, view, keys)
    rest = view.shape[len(arrays) :]

    def at(indices: tuple[Operand, ...]) -> Operand:
        k = len(index_shape)
        picked = indices[position : position + k]
        others = indices[:position] + indices[position + k :]
        chosen = tuple(_picked(t, a, picked, index_shape) for a in arrays)
        return element(t, view, (*chosen, *others)).operand

    shape = (*rest[:position], *index_shape, *rest[position:])
    reads = (view, *(a for a in arrays if isinstance(a, View)))
    return Elementwise(shape, view.dtype, at, reads)


def _picked(t: Tracer, array: Any, indices: tuple[Operand, ...], shape: tuple[Operand, ...]) -> Operand:
    if not is_array(array):
        return integer(t, array)
    return t.b.cast(at_broadcast(t, array, indices, shape), "i8")


def _advanced(t: Tracer, view: View, keys: list[Any]) -> tuple[View, list[Any], int, tuple[Operand, ...]]:
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
        elif _is_slice(k):
            plain.append(k)
            axis += 1
        elif _none(k):
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
    return View(view.root, maps, tuple(view.shape[k] for k in order))


# element-wise -----------------------------------------------------------------------------


def operand_at(t: Tracer, value: Any, indices: tuple[Operand, ...]) -> Operand:
    """One element of an array at indices inside it."""
    if isinstance(value, Elementwise):
        return value.at(indices)
    return load_at(t, value, indices)


def at_broadcast(t: Tracer, value: Any, indices: tuple[Operand, ...], shape: tuple[Operand, ...]) -> Operand:
    """One element of an array broadcast to a shape."""
    own = indices[len(shape) - value.ndim :]
    return operand_at(
        t,
        value,
        tuple(
            ZERO if _is_one(n) and not _is_one(m) else i
            for i, n, m in zip(own, value.shape, shape[len(shape) - value.ndim :], strict=True)
        ),
    )


def _is_one(n: Operand) -> bool:
    return isinstance(n, Const) and n.value == 1


def broadcast(t: Tracer, arrays: Sequence[Any]) -> tuple[Operand, ...]:
    """Return the common shape; lengths that must agree while running are checked."""
    ndim = max((a.ndim for a in arrays), default=0)
    shape: list[Operand] = [ONE] * ndim
    for a in arrays:
        for k, n in enumerate(a.shape, ndim - a.ndim):
            m = shape[k]
            if _is_one(m):
                shape[k] = n
            elif not _is_one(n) and n is not m:
                agree(t, m, n, "broadcast")
                if isinstance(n, Const):
                    shape[k] = n
    return tuple(shape)


def agree(t: Tracer, m: Operand, n: Operand, kind: str = "ValueError") -> None:
    """Append the check that two lengths are the same; kind "broadcast" where numpy would take a length of one too."""
    if isinstance(m, Const) and isinstance(n, Const):
        if m.value != n.value:
            raise PythonRaise(ValueError("operands could not be broadcast together"))
        return
    t.check(t.b.compare("eq", m, n), kind)


def apply(t: Tracer, function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """Apply a function of numbers to numbers and arrays, element by element."""
    arrays = [a for a in args if is_array(a) and a.ndim > 0]
    args = [Num(operand_at(t, a, ()), False) if is_array(a) and a.ndim == 0 else a for a in args]
    if not arrays:
        return function(*args)
    shape = broadcast(t, arrays)

    def at(indices: tuple[Operand, ...]) -> Operand:
        values = [Num(at_broadcast(t, a, indices, shape), False) if is_array(a) else a for a in args]
        return as_num(t, function(*values)).operand

    with t.b.block():
        samples = [Num(t.b.own(Var(Scalar(a.dtype))), False) if is_array(a) else a for a in args]
        dtype = as_num(t, function(*samples)).dtype
    reads = tuple(r for a in arrays for r in ((a,) if isinstance(a, View) else a.reads))
    return Elementwise(shape, dtype, at, reads)


# keeping ------------------------------------------------------------------------------------


def settle(t: Tracer, value: Any) -> Any:
    """Compute an element-wise expression; other values are returned as they are."""
    if isinstance(value, Elementwise):
        return materialise(t, value)
    return value


def materialise(t: Tracer, value: Any, dtype: str | None = None) -> View:
    """Append a new array with a value's elements."""
    out = new_array(t, dtype or value.dtype, value.shape)
    if isinstance(value, Elementwise) and value.shares is not None:
        t.twin(value.shares.root, out.root)
    for_each(t, value.shape, lambda ix: store_at(t, out, ix, t.b.cast(operand_at(t, value, ix), out.dtype)))
    return out


def copy_of(t: Tracer, value: Any, hint: str = "") -> View:
    """Append a copy."""
    if isinstance(value, View) and value.whole:
        assert isinstance(value.root.type, Array)
        return whole(t, t.b.op("copy", value.root, type=value.root.type, hint=hint), value.shape)
    return materialise(t, value)


def copy_into(t: Tracer, root: Var, value: View) -> None:
    """Append a copy into a whole buffer."""
    if value.whole:
        t.b.do("copyto", root, value.root)
        return
    shape = [t.b.dim(root, k) for k in range(value.ndim)]
    for m, n in zip(shape, value.shape, strict=True):
        agree(t, m, n)
    out = whole(t, root, value.shape)
    for_each(t, value.shape, lambda ix: store_at(t, out, ix, operand_at(t, value, ix)))


def part(buffer: View, shape: Sequence[Operand]) -> View:
    """Return the first elements along each axis of a whole buffer."""
    maps = tuple(
        replace(m, whole=m.whole and shape[m.axis] is buffer.shape[m.axis]) if isinstance(m, Along) else m
        for m in buffer.maps
    )
    return View(buffer.root, maps, tuple(shape))


def resize_into(t: Tracer, root: Var, value: View) -> None:
    """Append a copy into the first elements of a buffer, which must have room."""
    room = [t.b.dim(root, k) for k in range(value.ndim)]
    for m, n in zip(room, value.shape, strict=True):
        t.check(t.b.compare("le", n, m), "unsupported: array longer than foreseen")
    out = part(whole(t, root, tuple(room)), value.shape)
    for_each(t, value.shape, lambda ix: store_at(t, out, ix, operand_at(t, value, ix)))


def roots(t: Tracer, root: Operand) -> set[Operand]:
    """The buffers a reference may stand for."""
    found: set[Operand] = set()
    todo = [root]
    while todo:
        x = todo.pop()
        if x in found:
            continue
        found.add(x)
        todo += t.swaps.get(x, {}).values()
        stmt = t.b.defs.get(x)  # type: ignore[arg-type]
        if isinstance(stmt, If):
            k = stmt.outs.index(x)
            todo += [stmt.then.results[k], stmt.orelse.results[k]]
        elif stmt is not None and not hasattr(stmt, "args"):
            todo += [i for i in stmt.inits if isinstance(i.type, Array)]
    return found


def distinct(t: Tracer, a: Operand, b: Operand) -> bool:
    """Whether two references can never name one buffer at the same time."""
    if a is b:
        return False
    x, y = t.b.defs.get(a), t.b.defs.get(b)  # type: ignore[arg-type]
    if isinstance(x, If) and x is y:
        j, k = x.outs.index(a), x.outs.index(b)
        return all(distinct(t, arm.results[j], arm.results[k]) for arm in (x.then, x.orelse))
    if isinstance(x, (For, While)) and x is y:
        return distinct(t, x.inits[x.outs.index(a)], x.inits[x.outs.index(b)])
    group = t.swaps.get(a)
    if group is not None and b in group:
        # Names that trade places stay as distinct as they were on entry.
        return distinct(t, group[a], group[b])
    return not roots(t, a) & roots(t, b)


def may_overlap(t: Tracer, a: View, b: View) -> bool:
    """Whether two views may share elements."""
    if a.root is b.root:
        return True
    return bool(roots(t, a.root) & roots(t, b.root))


def assign(t: Tracer, target: View, value: Any) -> None:
    """``target[...] = value`` for a number or an array, with overlap as numpy defines it."""
    from revtrace.trace.join import same

    t.write(target)
    if is_array(value):
        if value.ndim == 0:
            value = Num(operand_at(t, value, ()), False)
        elif value.ndim > target.ndim:
            value = fitted(t, settle(t, value), target.shape)
    if is_array(value):
        reads = (value,) if isinstance(value, View) else value.reads
        if any(may_overlap(t, r, target) and not same(r, target) for r in reads):
            value = materialise(t, value)
        for n, m in zip(value.shape, target.shape[target.ndim - value.ndim :], strict=True):
            if not _is_one(n) and n is not m:
                agree(t, n, m, "broadcast")
        for_each(
            t,
            target.shape,
            lambda ix: store_at(t, target, ix, _into(t, Num(at_broadcast(t, value, ix, target.shape), False), target)),
        )
        return
    number = _into(t, as_num(t, value), target)
    if target.whole:
        t.b.do("fill", target.root, number)
        return
    for_each(t, target.shape, lambda ix: store_at(t, target, ix, number))


def _into(t: Tracer, number: Num, target: View) -> Operand:
    if number.dtype[0] == "c" and target.dtype[0] != "c":
        if number.weak:
            raise PythonRaise(TypeError("float() argument must be a string or a real number, not 'complex'"))
        return t.b.cast(
            t.b.op("real", number.operand, type=Scalar("f4" if number.dtype == "c8" else "f8")), target.dtype
        )
    return t.b.cast(number.operand, target.dtype)


def set_subscript(t: Tracer, value: Any, key: Any, new: Any) -> None:
    """``value[key] = new`` for an array."""
    if isinstance(value, Elementwise) and value.shares is not None:
        raise t.unsupported(
            "writing through the real or imaginary part of an array",
            "revtrace computes it as an array of its own",
            "write the complex numbers, or all of a part: z.real = x",
        )
    view: View = settle(t, value)
    single = _single_flag(t, key)
    if single is not None:
        from revtrace.trace.selection import place

        place(t, _new_axis(view, 0), single, new)
        return
    mask = _leading_mask(t, view, key)
    if mask is not None:
        if mask.ndim == view.ndim and not is_array(new):
            _masked(t, view, mask, new)
            return
        from revtrace.trace.selection import place

        place(t, view, mask, new)
        return
    keys = _keys(t, key, view.ndim)
    if any(is_array(k) for k in keys):
        scatter(t, view, keys, new)
        return
    scalars = [k for k in keys if not _is_slice(k) and not _none(k)]
    if len(scalars) == view.ndim and not any(_none(k) for k in keys):
        t.write(view)
        if is_array(new):
            if new.ndim != 0 and not all(_is_one(n) for n in new.shape):
                raise PythonRaise(ValueError("setting an array element with a sequence."))
            new = Num(operand_at(t, new, (ZERO,) * new.ndim), False)
        if not isinstance(new, Num) and not (isinstance(new, Static) and is_number(new.value)):
            raise PythonRaise(TypeError("float() argument must be a string or a real number"))
        store_element(t, view, tuple(integer(t, k) for k in keys), _into(t, as_num(t, new), view))
        return
    assign(t, basic(t, view, keys), new)


def _single_flag(t: Tracer, key: Any) -> View | None:
    """Return a key that is one truth value, which picks all of an array or nothing, as an array of one."""
    from revtrace.trace.convert import as_array
    from revtrace.trace.values import Tup

    if isinstance(key, Tup) and len(key.items) == 1:
        key = key.items[0]
    flag = (
        (is_array(key) and key.ndim == 0 and key.dtype == "b1")
        or (isinstance(key, Num) and key.dtype == "b1")
        or (isinstance(key, Static) and isinstance(key.value, (bool, np.bool_)))
    )
    return _new_axis(as_array(t, key), 0) if flag else None


def _leading_mask(t: Tracer, view: View, key: Any) -> Any:
    """Return a key that is one boolean array over the first axes, else None."""
    from revtrace.trace.convert import as_array
    from revtrace.trace.values import Tup

    if isinstance(key, Tup) and len(key.items) == 1:
        key = key.items[0]
    if _is_list(t, key):
        key = as_array(t, key)
    return key if is_array(key) and key.dtype == "b1" and 0 < key.ndim <= view.ndim else None


def scatter(t: Tracer, view: View, keys: list[Any], new: Any) -> None:
    """Assign through integer arrays; of repeated indices the last one counts."""
    keys = [materialise(t, k) if is_array(k) and _reads(t, k, view) else k for k in keys]
    view, arrays, position, index_shape = _advanced(t, view, keys)
    rest = view.shape[len(arrays) :]
    shape = (*rest[:position], *index_shape, *rest[position:])
    if is_array(new):
        new = fitted(t, materialise(t, new), shape)
    t.write(view)

    def body(indices: tuple[Operand, ...]) -> None:
        k = len(index_shape)
        picked = indices[position : position + k]
        others = indices[:position] + indices[position + k :]
        chosen = tuple(_picked(t, a, picked, index_shape) for a in arrays)
        number = Num(at_broadcast(t, new, indices, shape), False) if is_array(new) else as_num(t, new)
        store_element(t, view, (*chosen, *others), _into(t, number, view))

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
            value = _fix(t, value, 0, ZERO, True)
    for n, m in zip(value.shape, shape[len(shape) - value.ndim :], strict=True):
        if not _is_one(n) and n is not m:
            agree(t, n, m, "broadcast")
    return value


def _masked(t: Tracer, view: View, mask: Any, new: Any) -> None:
    """``view[mask] = number``: a conditional store to each element."""
    mask = settle(t, mask)
    for m, n in zip(mask.shape, view.shape, strict=True):
        if m is not n:
            agree(t, m, n)
    t.write(view)
    number = _into(t, as_num(t, new), view)

    def body(indices: tuple[Operand, ...]) -> None:
        with t.b.block() as stmts:
            store_at(t, view, indices, number)
        t.b.append(If(operand_at(t, mask, indices), Block(tuple(stmts)), Block(()), (), t.b.loc))

    for_each(t, view.shape, body)
