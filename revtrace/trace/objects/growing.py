"""Lists whose length is known only when running: one buffer for each number that an item consists of.

What an item is (a number, an array of one shape, a tuple or list of such) is its *form*, found from what the
list holds and gets.  Buffers have room for all items a loop may append; one more bails.

An array in such a list is a copy of what was appended.  In Python it is the same object, so
writing to either afterwards is refused (`Tracer.alias`), unless nothing else names what was appended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, const
from revtrace.trace import numbers
from revtrace.trace.loop.hoist import hoist
from revtrace.trace.loop.lengths import difference
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.objects.growing_items import MORE, common, get, holds_arrays, leaves, make, put, room_of
from revtrace.trace.state import Arrays, Form, Growing, ListBox, Lists, Numbers, State
from revtrace.trace.values import Along, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["append", "pop", "set_item", "slice_of"]


def get_item(t: Tracer, st: State, box: Growing, index: Operand) -> Any:
    """Return a list's item at an index that is inside."""
    if box.order is not None:
        index = arrays.load_at(t, box.order, (index,))  # type: ignore[arg-type]
    found = get(t, st, box.buffer, box.form, index)
    if isinstance(found, Ref):
        row = st.box(found)
        if isinstance(row, ListBox) and not box.made:
            row = replace(row, deciding=t.pins.need(t, (index,), "a list chosen by a run-time index changes"))
        st.set(found, replace(row, made=box.made))  # type: ignore[arg-type]
    return found


def length_of(box: Growing) -> Operand:
    """Return a list's length."""
    assert isinstance(box.length, Num)
    return box.length.operand


def settled(t: Tracer, st: State, ref: Ref, why: str) -> ListBox:
    """Return a list as one of known length, which it is from here on."""
    box = st.box(ref)
    if isinstance(box, Growing):
        length = int(t.pins.known(t, length_of(box), why).value)  # type: ignore[arg-type]
        items = tuple(get_item(t, st, box, const(k, "i8")) for k in range(length))
        if box.within:
            return ListBox(items, borrowed=True, made=box.made)
        box = ListBox(items)
        st.set(ref, box)
    assert isinstance(box, ListBox)
    return box


def settle_here(t: Tracer, st: State, ref: Ref) -> Growing | ListBox:
    """Return a list, as one of known length if what is done with it here needs that."""
    box = st.box(ref)
    assert isinstance(box, (Growing, ListBox))
    return settled(t, st, ref, "the length of a list") if t.pins.wants(t) and not getattr(box, "within", False) else box


def note_appended(t: Tracer, id: int, count: Operand | None) -> None:
    """Note that so many items (None: nobody knows) come to a list in the loop body being traced."""
    if not t.rolling:
        return
    before = t.appended.get(id, const(0, "i8"))
    if before is not None:
        # It may have been counted in an arm of a branch.
        before = hoist(t, before)
    t.appended[id] = None if before is None or count is None else numbers.fold(t, "add", before, count, "i8")


def append(t: Tracer, st: State, target: Ref, value: Any) -> None:
    """``target.append(value)``."""
    from revtrace.trace.objects import lists

    box = st.box(target)
    assert isinstance(box, Growing)
    lists.may_resize(t, box)
    box = _with_room(t, target, box)
    length = length_of(box)
    room = room_of(box.buffer)
    if room is not None:
        t.check(t.b.compare("lt", length, room), "unsupported: list longer than foreseen")
    put(t, st, box.buffer, box.form, length, value, length)
    if box.order is not None:
        arrays.store_at(t, box.order, (length,), length)  # type: ignore[arg-type]
    more = numbers.fold(t, "add", length, const(1, "i8"), "i8")
    st.set(target, replace(box, length=Num(more, True)))
    note_appended(t, target.id, const(1, "i8"))


def _with_room(t: Tracer, target: Ref, box: Growing) -> Growing:
    """Return a list that may be full with room for more; loops make it for the lists that grow in them."""
    room = room_of(box.buffer)
    if room is None or box.order is not None or target.id in t.lists_around:
        return box
    left = difference(t, room, length_of(box))
    if left is not None and left > 0:
        return box
    buffer = make(t, box.form, numbers.fold(t, "add", length_of(box), const(MORE, "i8"), "i8"))
    move(t, box, buffer)
    return replace(box, buffer=buffer)


def pop(t: Tracer, st: State, target: Ref, index: Any) -> Any:
    """``target.pop()``."""
    from revtrace.trace.objects import lists

    box = st.box(target)
    assert isinstance(box, Growing)
    lists.may_resize(t, box)
    length = length_of(box)
    last = isinstance(index, Static) and index.value == -1
    if not last or holds_arrays(box.form):
        raise t.pins.need(t, (length,), "items are taken out of a list of unknown length")
    t.check(t.b.compare("gt", length, const(0, "i8")), "IndexError")
    less = numbers.fold(t, "sub", length, const(1, "i8"), "i8")
    item = get(t, st, box.buffer, box.form, less)
    st.set(target, replace(box, length=Num(less, True)))
    return item


def item_at(t: Tracer, st: State, box: Growing, index: Operand) -> Any:
    """``box[index]`` for a raw Python index."""
    return get_item(t, st, box, arrays._normal(t, index, length_of(box)))


def set_item(t: Tracer, st: State, target: Ref, index: Operand, value: Any) -> None:
    """``target[index] = value``."""
    from revtrace.trace.objects import lists

    box = lists.widened(t, st, target, value)
    lists.note_write(t, box)
    st.changes(target)
    length = length_of(box)
    if isinstance(box.form, Lists):
        lists.set_item(t, st, target, index, value)
        return
    if holds_arrays(box.form):
        # The array that was there may have other names.
        raise t.pins.need(t, (length,), "an array in a list of unknown length is replaced")
    put(t, st, box.buffer, box.form, arrays._normal(t, index, length), value, length)


def move(t: Tracer, box: Growing, buffer: Any) -> None:
    """Append the copies of a list's items into other buffers."""

    def one(old: Any, new: Any) -> None:
        if isinstance(old, Tup):
            for a, b in zip(old.items, new.items, strict=True):
                one(a, b)
            return
        shape = (length_of(box), *old.shape[1:])
        arrays.for_each(t, shape, lambda ix: arrays.store_at(t, new, ix, arrays.load_at(t, old, ix)))

    one(box.buffer, buffer)


def live_part(buffer: View, length: Operand) -> View:
    if buffer.shape[0] is length:
        return buffer
    maps = tuple(replace(m, whole=False) if isinstance(m, Along) and m.axis == 0 else m for m in buffer.maps)
    return View(buffer.root, maps, (length, *buffer.shape[1:]))


def slice_of(t: Tracer, st: State, box: Growing, key: Any) -> Ref:
    """``box[start:stop:step]``: a new list."""

    def one(buffer: Any) -> Any:
        if isinstance(buffer, Tup):
            return Tup(tuple(one(b) for b in buffer.items))
        return arrays.copy_of(t, subscripts.subscript(t, live_part(buffer, length_of(box)), key))

    if holds_arrays(box.form) or not leaves(box.form):
        raise t.pins.need(t, (length_of(box),), "a slice of a list of arrays needs its length")
    made = one(box.buffer)
    room = room_of(made)
    assert room is not None
    return st.new(Growing(made, Num(room, True), box.form))


def as_array(t: Tracer, box: Growing, dtype: str | None) -> View | None:
    """Return a list of numbers, of arrays, or of equally long rows of numbers as an array; None for others."""
    from revtrace.trace.objects import lists

    form = box.form
    if isinstance(form, (Numbers, Arrays)) or (isinstance(form, Lists) and isinstance(box.buffer, View)):
        assert isinstance(box.buffer, View)
        if box.order is not None:
            return lists.in_order(t, box, dtype)
        return arrays.materialise(t, live_part(box.buffer, length_of(box)), dtype)
    if isinstance(form, Lists):
        return None
    columns = [f for f in form.items if isinstance(f, Numbers)]
    if not columns or len(columns) != len(form.items):
        return None
    kind: Form | None = columns[0]
    for f in columns[1:]:
        kind = common(kind, f)
    assert isinstance(kind, Numbers) and isinstance(box.buffer, Tup)
    length, width = length_of(box), const(len(columns), "i8")
    out = arrays.new_array(t, dtype or kind.dtype, (length, width))
    parts = box.buffer.items

    def line(ix: tuple[Operand, ...]) -> None:
        for k, part in enumerate(parts):
            assert isinstance(part, View)
            x = t.b.cast(arrays.load_at(t, part, ix), out.dtype)
            arrays.store_at(t, out, (*ix, const(k, "i8")), x)

    arrays.for_each(t, (length,), line)
    return out
