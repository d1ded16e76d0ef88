"""Arrays while tracing: views, elements, slices, and element-wise expressions as loops.

A view knows how its axes run through its buffer, so reading and writing through it
are loads and stores of the buffer itself.  An element-wise expression stays a
formula for one element until it is stored, reduced or kept; then one loop nest
computes it, with no temporaries for its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import NoneType
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Var, While, const
from revtrace.program.types import INT, Array, Scalar
from revtrace.trace.numbers import as_num, fold
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Along, At, Bound, Elementwise, Num, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer
    from revtrace.trace.recorder import Recorder


__all__ = [
    "apply",
    "broadcast",
    "copy_into",
    "copy_of",
    "element",
    "for_each",
    "is_array",
    "kept",
    "load_at",
    "materialise",
    "new_array",
    "reduce",
    "settle",
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


def _reached(t: Tracer, view: View, indices: tuple[Operand, ...]) -> None:
    """Note that indices may be out of range; find out where that is caught."""
    if t.watched:
        for i, n in zip(indices, view.shape, strict=True):
            _normal(t, i, n)
    else:
        t.may_raise()


def element(t: Tracer, view: View, indices: tuple[Operand, ...]) -> Num:
    """Read one element at raw Python indices."""
    _reached(t, view, indices)
    return Num(_part_of(t, view, t.b.load(view.root, *_raw(t, view, indices))), False)


def store_element(t: Tracer, view: View, indices: tuple[Operand, ...], value: Operand) -> None:
    """Write one element at raw Python indices."""
    _reached(t, view, indices)
    where = _raw(t, view, indices)
    t.b.store(view.root, value if view.part is None else _joined(t, view, value, t.b.load(view.root, *where)), *where)


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
    return _unfolded(t, view, out)


def load_at(t: Tracer, view: View, indices: tuple[Operand, ...]) -> Operand:
    """Read one element at indices known to be inside the view."""
    return _part_of(t, view, _load(t, view, _inside(t, view, indices)))


def _load(t: Tracer, view: View, where: Sequence[Operand]) -> Var:
    attrs: dict[str, Any] = {} if _is_raw(view) else {"safe": True}
    return t.b.op("load", view.root, *where, type=Scalar(view.root.type.dtype), **attrs)


def _part_of(t: Tracer, view: View, element: Var) -> Var:
    """What a view has of an element of its buffer."""
    return element if view.part is None else t.b.op(view.part, element, type=Scalar(view.dtype))


def _joined(t: Tracer, view: View, value: Operand, element: Operand) -> Operand:
    """An element of the buffer of a view of parts, with another such part."""
    other = t.b.op("imag" if view.part == "real" else "real", element, type=Scalar(view.dtype))
    parts = (value, other) if view.part == "real" else (other, value)
    return t.b.op("complex", *parts, type=Scalar(view.root.type.dtype))


def store_at(t: Tracer, view: View, indices: tuple[Operand, ...], value: Operand) -> None:
    """Write one element at indices known to be inside the view."""
    where = _inside(t, view, indices)
    if view.part is not None:
        value = _joined(t, view, value, _load(t, view, where))
    t.b.do("store", view.root, value, *where, **({} if _is_raw(view) else {"safe": True}))


def _is_raw(view: View) -> bool:
    """Whether an index is as the user wrote it, not known to be inside."""
    return any(isinstance(m, At) for m in view.maps) or (view.fold is not None and _is_raw(view.fold.under))


def _inside(t: Tracer, view: View, indices: tuple[Operand, ...]) -> list[Operand]:
    t.touch(view.root)
    out: list[Operand] = []
    for m in view.maps:
        if isinstance(m, At):
            out.append(m.index)
        else:
            out.append(fold(t, "add", m.start, fold(t, "mul", indices[m.axis], m.step, "i8"), "i8"))
    return _unfolded(t, view, out)


def _unfolded(t: Tracer, view: View, indices: list[Operand]) -> list[Operand]:
    """Indices into a view's buffer, given those into the shape that its fold gives it."""
    if view.fold is None:
        return indices
    under = view.fold.under
    return _inside(t, under, split_index(t, flat_index(t, indices, view.fold.shape), under.shape))


def flat_index(t: Tracer, ix: Sequence[Operand], shape: Sequence[Operand]) -> Operand:
    """The place of an element among all of an array's in C order."""
    flat: Operand = ZERO
    for i, n in zip(ix, shape, strict=True):
        flat = fold(t, "add", fold(t, "mul", flat, n, "i8") if flat is not ZERO else ZERO, i, "i8")
    return flat


def split_index(t: Tracer, flat: Operand, shape: Sequence[Operand]) -> tuple[Operand, ...]:
    """The indices of the element at a place in C order."""
    out: list[Operand] = []
    for k in range(len(shape) - 1, 0, -1):
        out.append(fold(t, "mod", flat, shape[k], "i8"))
        flat = fold(t, "floordiv", flat, shape[k], "i8")
    return (flat, *out[::-1]) if shape else ()


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
            ZERO if is_one(n) and not is_one(m) else i
            for i, n, m in zip(own, value.shape, shape[len(shape) - value.ndim :], strict=True)
        ),
    )


def is_one(n: Operand) -> bool:
    return isinstance(n, Const) and n.value == 1


def broadcast(t: Tracer, arrays: Sequence[Any]) -> tuple[Operand, ...]:
    """Return the common shape; lengths that must agree while running are checked."""
    ndim = max((a.ndim for a in arrays), default=0)
    shape: list[Operand] = [ONE] * ndim
    for a in arrays:
        for k, n in enumerate(a.shape, ndim - a.ndim):
            m = shape[k]
            if is_one(m):
                shape[k] = n
            elif not is_one(n) and n is not m:
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
    regular = all(isinstance(a, View) or a.regular for a in arrays)
    moved = any(isinstance(a, Elementwise) and a.moved for a in arrays)
    return Elementwise(shape, dtype, at, reads, regular, moved)


# keeping ------------------------------------------------------------------------------------


def settle(t: Tracer, value: Any) -> Any:
    """Compute an element-wise expression; other values are returned as they are."""
    if isinstance(value, Elementwise):
        return materialise(t, value)
    return value


def kept(t: Tracer, value: Any) -> Any:
    """Return a value that may stay: the array expressions in it are computed."""
    if isinstance(value, Elementwise):
        return materialise(t, value)
    if isinstance(value, Tup) and any(isinstance(v, (Elementwise, Tup)) for v in value.items):
        return replace(value, items=tuple(kept(t, v) for v in value.items))
    if isinstance(value, Bound) and isinstance(value.self, Elementwise):
        return replace(value, self=materialise(t, value.self))
    return value


def materialise(t: Tracer, value: Any, dtype: str | None = None) -> View:
    """Append a new array with a value's elements."""
    out = new_array(t, dtype or value.dtype, value.shape)
    for_each(t, value.shape, lambda ix: store_at(t, out, ix, t.b.cast(operand_at(t, value, ix), out.dtype)))
    if t.sharing and isinstance(value, Elementwise) and value.regular:
        from revtrace.trace.ndarray.folds import in_order, note_order

        if all(in_order(t, r) for r in value.reads):
            note_order(t, out)
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


def roots(t: Recorder, root: Operand) -> set[Operand]:
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


def buffers(t: Recorder, root: Operand) -> list[Var]:
    """The inputs, allocations and loops' parameters that a reference may stand for, the oldest first."""
    found = [r for r in roots(t, root) if isinstance(r, Var)]
    return sorted((r for r in found if r in t.swaps or isinstance(t.b.defs.get(r), (Op, NoneType))), key=lambda r: r.id)


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
