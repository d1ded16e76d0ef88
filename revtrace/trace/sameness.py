"""When two traced values are the same, or have the same form; heap records as lists of values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace.aliases import Stale
from revtrace.trace.state import (
    Arrays,
    CellBox,
    DictBox,
    Form,
    Growing,
    IterBox,
    ListBox,
    Lists,
    Numbers,
    ObjectBox,
    Rows,
    SetBox,
)
from revtrace.trace.values import (
    Along,
    At,
    Bound,
    Fold,
    InstanceKey,
    Maybe,
    Num,
    Ref,
    Static,
    Tup,
    Undef,
    Value,
    View,
    of_key,
    same_key,
)

if TYPE_CHECKING:
    pass

__all__ = [
    "DEAD",
    "alike",
    "fields",
    "filler_of",
    "is_filler",
    "loosen",
    "rebuild",
    "same",
    "same_form",
    "same_operand",
    "same_origin",
    "same_shape",
    "view_operands",
    "with_operands",
]


class Dead:
    """A variable nobody reads any more on one of two paths."""


DEAD: Any = Dead()


_FILLERS: dict[str, Const] = {}


def filler_of(dtype: str) -> Const:
    """Return the literal that stands for a value nobody reads."""
    return _FILLERS.setdefault(dtype, const(0, dtype))


def is_filler(x: Operand) -> bool:
    """Whether an operand is that very literal (an equal one may be read)."""
    return isinstance(x, Const) and x is _FILLERS.get(x.type.dtype)


def same_operand(a: Operand, b: Operand) -> bool:
    """Whether two operands are the same value (0.0 and -0.0 are not)."""
    if isinstance(a, Const) and isinstance(b, Const):
        return a.type == b.type and repr(a.value) == repr(b.value)
    return a is b


def same_object(a: Any, b: Any) -> bool:
    """Whether two Python objects cannot be told apart by the traced code."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (bool, int, float, complex, str, bytes)):
        return repr(a) == repr(b)
    if isinstance(a, (tuple, slice, range, frozenset)):
        try:
            return bool(a == b) and repr(a) == repr(b)
        except Exception:
            return False
    return False


def same(a: Any, b: Any) -> bool:
    """Whether two traced values are the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    match a:
        case Static():
            return same_object(a.value, b.value)
        case Num():
            return a.weak == b.weak and same_operand(a.operand, b.operand)
        case Tup():
            return a.cls is b.cls and len(a.items) == len(b.items) and all(map(same, a.items, b.items))
        case View():
            return (
                a.root is b.root
                and a.part == b.part
                and same_operand(a.writeable, b.writeable)
                and len(a.shape) == len(b.shape)
                and all(map(same_operand, a.shape, b.shape))
                and all(map(_same_map, a.maps, b.maps))
                and _same_fold(a.fold, b.fold)
            )
        case Maybe():
            return same_operand(a.flag, b.flag) and same(a.value, b.value) and same(a.missing, b.missing)
        case Bound():
            return same(a.function, b.function) and same(a.self, b.self)
        case Ref():
            return bool(a.id == b.id)
        case Undef():
            return True
    return False


def _same_fold(a: Fold | None, b: Fold | None) -> bool:
    if a is None or b is None:
        return a is b
    return len(a.shape) == len(b.shape) and all(map(same_operand, a.shape, b.shape)) and same(a.under, b.under)


def _same_map(a: At | Along, b: At | Along) -> bool:
    if isinstance(a, At):
        return isinstance(b, At) and same_operand(a.index, b.index)
    return (
        isinstance(b, Along)
        and a.axis == b.axis
        and a.whole == b.whole
        and same_operand(a.start, b.start)
        and same_operand(a.step, b.step)
    )


def view_operands(view: View) -> list[Operand]:
    """List the operands of a view but its buffer, in a fixed order."""
    out: list[Operand] = []
    for m in view.maps:
        out += [m.index] if isinstance(m, At) else [m.start, m.step]
    if view.fold is not None:
        out += [*view.fold.shape, *view_operands(view.fold.under)]
    return [*out, view.writeable, *view.shape]


def with_operands(view: View, root: Operand, operands: list[Operand]) -> View:
    """Return the view with another buffer and other operands."""
    rest = iter(operands)
    maps: list[At | Along] = []
    for m in view.maps:
        if isinstance(m, At):
            maps.append(At(next(rest)))
        else:
            start, step = next(rest), next(rest)
            maps.append(replace(m, start=start, step=step))
    fold = view.fold
    if fold is not None:
        shape = tuple(next(rest) for _ in fold.shape)
        under = with_operands(fold.under, root, [next(rest) for _ in view_operands(fold.under)])
        fold = Fold(shape, under)
    writeable, *lengths = rest
    source = view.source if root is view.root else None
    return View(root, tuple(maps), tuple(lengths), source, fold, writeable, view.part)


def same_form(a: View, b: View) -> bool:
    """Whether two views differ in their operands only."""
    return (
        a.part == b.part
        and len(a.maps) == len(b.maps)
        and len(a.shape) == len(b.shape)
        and a.root.type == b.root.type
        and all(
            (isinstance(p, At) and isinstance(q, At))
            or (isinstance(p, Along) and isinstance(q, Along) and p.axis == q.axis and p.whole == q.whole)
            for p, q in zip(a.maps, b.maps, strict=True)
        )
        and _folded_alike(a.fold, b.fold)
    )


def _folded_alike(a: Fold | None, b: Fold | None) -> bool:
    if a is None or b is None:
        return a is b
    return len(a.shape) == len(b.shape) and same_form(a.under, b.under)


def loosen(view: View) -> View:
    """Forget that axes are whole, so that views of different parts have one form."""
    return replace(view, maps=tuple(replace(m, whole=False) if isinstance(m, Along) else m for m in view.maps))


# heap records as lists of values ----------------------------------------------------


def fields(box: Any) -> list[Value] | None:
    """Return the values in a heap record, in order."""
    match box:
        case ListBox():
            return list(box.items)
        case Growing():
            return [box.buffer, box.length] if box.order is None else [box.buffer, box.length, box.order]
        case DictBox():
            return [v for _, v in box.items]
        case ObjectBox():
            return [v for _, v in box.fields]
        case CellBox():
            return [box.value]
        case IterBox():
            return list(box.parts)
        case SetBox() | Stale():
            return []
    return None


def rebuild(box: Any, values: list[Value]) -> Any:
    """Return a heap record with other values."""
    match box:
        case ListBox():
            return replace(box, items=tuple(values))
        case Growing():
            return replace(box, buffer=values[0], length=values[1], order=values[2] if len(values) > 2 else None)
        case DictBox():
            return replace(box, items=tuple((k, v) for (k, _), v in zip(box.items, values, strict=True)))
        case ObjectBox():
            return replace(box, fields=tuple((k, v) for (k, _), v in zip(box.fields, values, strict=True)))
        case CellBox():
            return CellBox(values[0])
        case IterBox():
            return replace(box, parts=tuple(values))
    return box


def same_shape(a: Any, b: Any) -> bool:
    """Whether two heap records have the same structure."""
    if type(a) is not type(b):
        return False
    match a:
        case ListBox():
            return len(a.items) == len(b.items)
        case DictBox():
            return len(a.items) == len(b.items) and all(
                same_key(k, other) for (k, _), (other, _) in zip(a.items, b.items, strict=True)
            )
        case ObjectBox():
            return a.cls is b.cls and [k for k, _ in a.fields] == [k for k, _ in b.fields]
        case IterBox():
            return a.kind == b.kind and a.position == b.position and len(a.parts) == len(b.parts)
        case SetBox():
            return bool(a.items == b.items) and _instances(a) == _instances(b)
        case Growing():
            return (
                bool(a.within == b.within)
                and (a.order is None) == (b.order is None)
                and alike(a.form, b.form)
                and kinds(a.form) == kinds(b.form)
            )
    return True


def _instances(box: SetBox) -> frozenset[Any]:
    return frozenset(of_key(k) for k in box.items if isinstance(k, (tuple, InstanceKey)))


def same_origin(a: Any, b: Any) -> bool:
    """Whether what two heap records say apart from their values is the same: where they come from, what they are of."""
    match a:
        case ListBox():
            return bool(a.source == b.source and a.borrowed == b.borrowed)
        case DictBox():
            factories = a.default is b.default or (a.default is not None and same(a.default, b.default))
            return bool(a.source == b.source and a.owner == b.owner and factories)
        case ObjectBox():
            return a.original is b.original
    return True


def alike(a: Form, b: Form) -> bool:
    """Whether items of two forms have the same structure, whatever the numbers in them are."""
    match a:
        case Rows():
            same_class = isinstance(b, Rows) and a.cls is b.cls and a.is_list == b.is_list
            return same_class and len(a.items) == len(b.items) and all(map(alike, a.items, b.items))  # type: ignore[union-attr]
        case Lists():
            return isinstance(b, Lists) and alike(a.item, b.item)
        case Arrays():
            return isinstance(b, Arrays) and len(a.shape) == len(b.shape)
    return isinstance(b, Numbers)


def kinds(form: Form) -> tuple[object, ...]:
    """List the kinds of numbers in an item."""
    match form:
        case Rows():
            return tuple(k for f in form.items for k in kinds(f))
        case Lists():
            return kinds(form.item)
        case Arrays():
            return (form.dtype,)
    return ((form.dtype, form.weak),)
