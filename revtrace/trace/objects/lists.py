"""Lists of equally long lists: parts of one buffer, so that writing to an item writes to the list that holds it.

A list of lists of numbers becomes such a table where it grows in a loop, or where a run-time index chooses
one of its lists (`tabled`).  Each of the lists is then a `Growing` list within the table's buffers: whoever
names it names the same elements, as in Python.  What a table has no way to do (a list in it that
changes its length, or is replaced by another) has it made of single items instead (`itemwise`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace import numbers
from revtrace.trace.aliases import Stale
from revtrace.trace.definitions.register import traced
from revtrace.trace.definitions.tables import held_once
from revtrace.trace.loop.lengths import difference
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.objects import growing, growing_items
from revtrace.trace.sameness import alike, same_operand
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import Form, Growing, ListBox, Lists, Numbers, Rows, State
from revtrace.trace.values import At, Num, Ref, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "as_ordered",
    "as_rows",
    "common",
    "form_of_growing",
    "form_of_list",
    "in_order",
    "item",
    "itemwise",
    "leaves",
    "may_resize",
    "note_write",
    "ordered",
    "put",
    "rebase",
    "retype",
    "set_item",
    "tabled",
    "widened",
]


#: The most numbers of a list of known length that are put into a table one by one.
MOST = 4096


# forms --------------------------------------------------------------------------------------


def form_of_list(t: Tracer, st: State, box: ListBox) -> Lists | None:
    """Return the form of a list of known length as an item; None unless what it holds is all of one form."""
    forms = [growing_items.form_of(t, st, x) for x in box.items]
    if not forms or not isinstance(forms[0], (Numbers, Lists)):
        return None
    first = forms[0]
    for other in forms[1:]:
        if other is None or not alike(first, other):
            return None
        joint = growing_items.common(first, other)
        if not isinstance(joint, (Numbers, Lists)):
            return None
        first = joint
    return Lists(first, const(len(forms), "i8"))


def form_of_growing(box: Growing) -> Lists | None:
    """Return the form of a list of unknown length as an item."""
    return Lists(box.form, growing.length_of(box)) if isinstance(box.form, (Numbers, Lists)) else None


def common(a: Lists, b: Lists) -> Lists | None:
    """Return a form for lists of either form."""
    item, width = growing_items.common(a.item, b.item), growing_items.one_length(a.width, b.width)
    return None if item is None or width is None else Lists(item, width)


def as_rows(form: Lists) -> Rows | None:
    """Return the form of lists that have a buffer for each place."""
    width = form.width
    return Rows((form.item,) * int(width.value), None, True) if isinstance(width, Const) else None  # type: ignore[arg-type]


# items --------------------------------------------------------------------------------------


def leaves(buffer: Any) -> Iterator[View]:
    """Yield the arrays that a list's buffers consist of."""
    if isinstance(buffer, Tup):
        for part in buffer.items:
            yield from leaves(part)
    elif isinstance(buffer, View):
        yield buffer


def _rows(t: Tracer, buffer: Any, index: Operand) -> Any:
    if isinstance(buffer, Tup):
        return Tup(tuple(_rows(t, b, index) for b in buffer.items))
    return subscripts.row(t, buffer, index, inside=True)


def item(t: Tracer, buffer: Any, form: Lists, index: Operand) -> Growing:
    """Return the list at an index that is inside."""
    return Growing(_rows(t, buffer, index), Num(form.width, True), form.item, within=True)


def put(t: Tracer, st: State, buffer: Any, form: Lists, index: Operand, value: Any, length: Operand) -> None:
    """Append the stores of a list as an item; from here on its name stands for the item."""
    box = st.box(value) if isinstance(value, Ref) else None
    place = _rows(t, buffer, index)
    if isinstance(box, ListBox):
        _of_length(t, form, const(len(box.items), "i8"), length)
        for k, x in enumerate(box.items):
            growing_items.put(t, st, place, form.item, const(k, "i8"), x, length)
    elif (
        isinstance(box, Growing)
        and growing_items.common(form.item, box.form) is not None
        and alike(form.item, box.form)
    ):
        _of_length(t, form, growing.length_of(box), length)
        for old, new in zip(leaves(box.buffer), leaves(place), strict=True):
            _copy(t, old, new, (growing.length_of(box), *old.shape[1:]))
    else:
        raise t.pins.need(t, (length,), "a list holds lists and other things, or of different kinds")
    if isinstance(box, Growing) and box.within:
        # Two lists hold one list.
        for old, new in zip(leaves(box.buffer), leaves(place), strict=True):
            t.alias(new.root, old.root, NeedStatic((length,), "an array in a list is written to"))
    elif not (isinstance(box, ListBox) and box.borrowed):
        st.set(value, Growing(place, Num(form.width, True), form.item, within=True))


def _of_length(t: Tracer, form: Lists, found: Operand, length: Operand) -> None:
    by = difference(t, found, form.width)
    # Rows that become longer with each iteration: Pascal's triangle, Romberg's table.
    differ = by != 0 if by is not None else _changes(t, found) and not _changes(t, form.width)
    if differ:
        raise t.pins.need(t, (length,), "a list holds lists of different lengths")
    t.check(t.b.compare("eq", found, form.width), "unsupported: lists of different lengths in a list that grows")


def _changes(t: Tracer, x: Operand) -> bool:
    """Whether an integer is computed from what changes in a loop that is being walked."""
    inputs = {var for var, _ in t.inputs.values()}
    return any(v not in t.b.defs and v not in inputs for v in t.origins((x,)))


def _copy(t: Tracer, old: View, new: View, shape: tuple[Operand, ...]) -> None:
    arrays.for_each(t, shape, lambda ix: arrays.store_at(t, new, ix, arrays.load_at(t, old, ix)))


# lists of known length as tables ------------------------------------------------------------------


def tabled(t: Tracer, st: State, ref: Ref) -> Growing | None:
    """Return a list of lists as a table, which it is from here on; None if it cannot be one."""
    box = st.box(ref)
    if isinstance(box, Growing):
        return box
    if not isinstance(box, ListBox) or box.borrowed:
        return None
    form = table_form(t, st, box)
    if form is None or _size(st, box) > MOST:
        return None
    made = replace(fill(t, st, box, form, const(len(box.items), "i8")), made=tuple(t.rolling))
    if box.source is not None:
        t.callers_lists |= {leaf.root for leaf in leaves(made.buffer)}
    st.set(ref, made)
    return made


def _size(st: State, box: Any) -> int:
    if not isinstance(box, ListBox):
        return 1
    return sum(_size(st, st.box(x)) if isinstance(x, Ref) else 1 for x in box.items)


def table_form(t: Tracer, st: State, box: ListBox) -> Form | None:
    """Return the form of the items of a list of lists, none of which it holds twice; None for other lists."""
    ids = [x.id for x in box.items if isinstance(x, Ref)]
    if not ids or len(ids) != len(box.items) or len(set(ids)) != len(ids):
        return None
    if any(getattr(st.box(Ref(k)), "within", False) for k in ids):
        return None
    form = growing_items.items_form(t, (st, box))
    if form is None and box.source is not None:
        inner = [st.box(Ref(k)) for k in ids]
        forms = [form_of_list(t, st, b) if isinstance(b, ListBox) else None for b in inner]
        form = forms[0]
        for other in forms[1:]:
            form = growing_items.common(form, other)
    return form if isinstance(form, Lists) or (isinstance(form, Rows) and form.is_list and form.items) else None


def fill(t: Tracer, st: State, box: ListBox, form: Form, room: Operand) -> Growing:
    """Return buffers with the items of a list."""
    length = const(len(box.items), "i8")
    buffer = growing_items.make(t, form, room)
    for k, x in enumerate(box.items):
        growing_items.put(t, st, buffer, form, const(k, "i8"), x, length)
    return Growing(buffer, Num(length, True), form)


def itemwise(t: Tracer, box: Growing | ListBox, why: str) -> NeedStatic:
    """Return what to raise where a list has to consist of single items, not of buffers."""
    need = NeedStatic((), why, t.b.loc)
    need.loops += box.made
    return need


def _is_callers(t: Tracer, root: Operand) -> bool:
    return bool(arrays.roots(t, root) & t.callers_lists)


def may_resize(t: Tracer, box: Growing) -> None:
    """Refuse to change the length of a list within another."""
    if box.within:
        raise itemwise(t, box, "a list in a list changes its length")
    note_write(t, box)


def note_write(t: Tracer, box: Growing) -> None:
    """Note that a list is changed, which may be the caller's."""
    for leaf in leaves(box.buffer):
        if _is_callers(t, leaf.root):
            t.side_effects = t.side_effects or t.b.loc
        if box.within and any(r in t.aliases for r in arrays.roots(t, leaf.root)):
            raise itemwise(t, box, "a list that two lists hold is written to")


# lists that trade places --------------------------------------------------------------------------


def set_item(t: Tracer, st: State, ref: Ref, index: Operand, value: Any) -> None:
    """``ref[index] = value`` for a list of lists: from here on it holds the very list that the value is."""
    box = st.box(ref)
    assert isinstance(box, Growing)
    place = _place(t, st, box, value)
    if place is None:
        _replace(t, st, box, index, value)
        return
    box = ordered(t, st, ref)
    at = arrays._normal(t, index, growing.length_of(box))
    arrays.store_at(t, box.order, (at,), place)  # type: ignore[arg-type]


def _replace(t: Tracer, st: State, box: Growing, index: Operand, value: Any) -> None:
    """Put a new list in the place of one: its numbers are copied there, and its name stands for the item.

    Other names for items may mean the list that was there: they are not to be used any more.
    """
    need = itemwise(t, box, "a list in a list is replaced")
    roots = {r for leaf in leaves(box.buffer) for r in arrays.roots(t, leaf.root)}
    row = st.box(value) if isinstance(value, Ref) else None
    if not isinstance(row, (ListBox, Growing)) or not isinstance(box.form, Lists) or roots & set(t.aliases):
        raise need
    length = growing.length_of(box)
    at = arrays._normal(t, index, length)
    if box.order is not None:
        at = arrays.load_at(t, box.order, (at,))  # type: ignore[arg-type]
        once = traced(t, st, held_once, (box.order, Num(at, True), Num(length, True)), {})
        t.check(numbers.to_bool(t, once), "unsupported: a list is replaced that another holds twice")
    for id, other in st.heap.items():
        if not isinstance(other, Growing) or not other.within or id == value.id:
            continue
        if any(roots & arrays.roots(t, leaf.root) for leaf in leaves(other.buffer)):
            st.heap[id] = Stale(need)
    put(t, st, box.buffer, box.form, at, value, length)


def _place(t: Tracer, st: State, box: Growing, value: Any) -> Operand | None:
    """Where in a list's buffers a value lies that is an item of it; None for other values."""
    row = st.box(value) if isinstance(value, Ref) else None
    if not isinstance(row, Growing) or not row.within:
        return None
    whole, part = next(leaves(box.buffer)), next(leaves(row.buffer))
    if part.root is not whole.root or len(part.maps) != len(whole.maps):
        return None
    found: Operand | None = None
    for m, n in zip(whole.maps, part.maps, strict=True):
        if isinstance(m, At):
            if not isinstance(n, At) or not same_operand(m.index, n.index):
                return None
        elif m.axis == 0:
            if not isinstance(n, At) or not (same_operand(m.start, arrays.ZERO) and same_operand(m.step, arrays.ONE)):
                return None
            found = n.index
        elif isinstance(n, At):
            return None
    return found


def ordered(t: Tracer, st: State, ref: Ref) -> Growing:
    """Return a list as one whose items can trade places, which it is from here on."""
    box = st.box(ref)
    assert isinstance(box, Growing)
    if box.order is None:
        room = next(leaves(box.buffer)).shape[0]
        order = arrays.new_array(t, "i8", (room,))
        arrays.for_each(t, (room,), lambda ix: arrays.store_at(t, order, ix, ix[0]))
        box = replace(box, order=order)
        st.set(ref, box)
    return box


def as_ordered(t: Tracer, box: Growing, like: Growing) -> Growing:
    """Return a list whose items lie in the order of another one."""
    room, order = next(leaves(box.buffer)).shape[0], like.order
    made = arrays.new_array(t, "i8", (room,))
    assert isinstance(order, View)
    arrays.for_each(
        t, (growing.length_of(like),), lambda ix: arrays.store_at(t, made, ix, arrays.load_at(t, order, ix))
    )
    return replace(box, order=made)


def in_order(t: Tracer, box: Growing, dtype: str | None) -> View:
    """Return a list of lists of numbers, whose items have traded places, as an array."""
    whole, order = box.buffer, box.order
    assert isinstance(whole, View) and isinstance(order, View)
    shape = (growing.length_of(box), *whole.shape[1:])
    out = arrays.new_array(t, dtype or whole.dtype, shape)

    def one(ix: tuple[Operand, ...]) -> None:
        at = (arrays.load_at(t, order, ix[:1]), *ix[1:])
        arrays.store_at(t, out, ix, t.b.cast(arrays.load_at(t, whole, at), out.dtype))

    arrays.for_each(t, shape, one)
    return out


# other types of numbers ---------------------------------------------------------------------------


def widened(t: Tracer, st: State, ref: Ref, value: Any) -> Growing:
    """Return a list as one whose numbers can be such as the value is, which it is from here on."""
    box = st.box(ref)
    assert isinstance(box, Growing)
    if isinstance(box.form, Numbers) and is_numeric(value):
        joint = growing_items.common(box.form, growing_items.form_of(t, st, value))
        if isinstance(joint, Numbers) and joint != box.form and isinstance(box.buffer, View):
            retype(t, st, box.buffer.root, joint)
    found = st.box(ref)
    assert isinstance(found, Growing)
    return found


def retype(t: Tracer, st: State, root: Operand, kind: Numbers) -> set[int]:
    """Give all lists in a buffer numbers of another type; returns their places in the heap."""
    inside = {
        k: b for k, b in st.heap.items() if isinstance(b, Growing) and any(v.root is root for v in leaves(b.buffer))
    }
    holder = next((b for b in inside.values() if not b.within), None)
    if holder is None or not isinstance(holder.buffer, View):
        raise NeedStatic((), "a list gets numbers of another type", t.b.loc)
    new = root
    if holder.buffer.dtype != kind.dtype:
        whole = holder.buffer
        made = arrays.new_array(t, kind.dtype, whole.shape)
        shape = (growing.length_of(holder), *whole.shape[1:])
        arrays.for_each(
            t, shape, lambda ix: arrays.store_at(t, made, ix, t.b.cast(arrays.load_at(t, whole, ix), kind.dtype))
        )
        if _is_callers(t, root):
            t.callers_lists.add(made.root)
        new = made.root
    for k, b in inside.items():
        assert isinstance(b.buffer, View)
        st.heap[k] = replace(b, buffer=replace(b.buffer, root=new), form=_of_kind(b.form, kind))
    return set(inside)


def rebase(st: State, old: Any, new: Any) -> None:
    """Let all lists in some buffers lie in others at the same places."""
    moved = {a.root: b.root for a, b in zip(leaves(old), leaves(new), strict=True)}

    def again(buffer: Any) -> Any:
        if isinstance(buffer, Tup):
            return Tup(tuple(map(again, buffer.items)))
        return replace(buffer, root=moved.get(buffer.root, buffer.root))

    for k, b in st.heap.items():
        if isinstance(b, Growing) and any(v.root in moved for v in leaves(b.buffer)):
            st.heap[k] = replace(b, buffer=again(b.buffer))


def _of_kind(form: Form, kind: Numbers) -> Form:
    return Lists(_of_kind(form.item, kind), form.width) if isinstance(form, Lists) else kind


def kind_of(form: Form | None) -> Numbers | None:
    """Return the kind of number that a list, or the lists in it, hold; None for other items."""
    while isinstance(form, Lists):
        form = form.item
    return form if isinstance(form, Numbers) else None
