"""Items of lists whose length is known only when running: their form, and how they are put into buffers and read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Operand
from revtrace.trace import numbers
from revtrace.trace.loop.hoist import hoisted
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.sameness import same_operand
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import Arrays, Form, Growing, ListBox, Lists, Numbers, Rows, State
from revtrace.trace.values import Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = [
    "MORE",
    "common",
    "form_of",
    "get",
    "holds_arrays",
    "items_form",
    "leaves",
    "make",
    "one_length",
    "put",
    "room_of",
    "visible",
]


MORE = 8
"""Room that a full list gets where it grows outside of loops."""


# forms --------------------------------------------------------------------------------------


def form_of(t: Tracer, st: State, value: Any) -> Form | None:
    """Return the form of an item, or None if it has no place in a buffer."""
    from revtrace.trace.objects import lists

    if is_numeric(value):
        number = numbers.as_num(t, value)
        return Numbers(number.dtype, number.weak)
    if arrays.is_array(value):
        return Arrays(value.dtype, tuple(value.shape)) if value.ndim else None
    if isinstance(value, Static) and type(value.value) is tuple:
        value = Tup(tuple(Static(x) for x in value.value))
    if isinstance(value, Tup):
        return _rows(t, st, value.items, value.cls, False)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ListBox) and box.source is None:
            return lists.form_of_list(t, st, box) or _rows(t, st, box.items, None, True)
        if isinstance(box, Growing):
            return lists.form_of_growing(box)
    return None


def _rows(t: Tracer, st: State, items: tuple[Any, ...], cls: type | None, is_list: bool) -> Form | None:
    forms = [form_of(t, st, x) for x in items]
    return None if None in forms else Rows(tuple(f for f in forms if f is not None), cls, is_list)


def common(a: Form | None, b: Form | None) -> Form | None:
    """Return a form for items of either form, or None."""
    from revtrace.trace.objects import lists

    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return Numbers(*numbers.promoted((a.dtype, a.weak), (b.dtype, b.weak)))
    if isinstance(a, Arrays) and isinstance(b, Arrays):
        if a.dtype != b.dtype or len(a.shape) != len(b.shape):
            return None
        shape = [one_length(m, n) for m, n in zip(a.shape, b.shape, strict=True)]
        return None if None in shape else Arrays(a.dtype, tuple(n for n in shape if n is not None))
    if isinstance(a, Rows) and isinstance(b, Rows):
        if a.cls is not b.cls or a.is_list != b.is_list or len(a.items) != len(b.items):
            return None
        items = [common(x, y) for x, y in zip(a.items, b.items, strict=True)]
        return None if None in items else replace(a, items=tuple(f for f in items if f is not None))
    if isinstance(a, Lists) and isinstance(b, Lists):
        return lists.common(a, b)
    if isinstance(a, Lists) and isinstance(b, Rows):
        return common(lists.as_rows(a), b)
    if isinstance(a, Rows) and isinstance(b, Lists):
        return common(a, lists.as_rows(b))
    return None


def one_length(m: Operand, n: Operand) -> Operand | None:
    """One of two lengths, unless they are known to differ; `put` checks that they are the same."""
    if isinstance(m, Const) and isinstance(n, Const):
        return m if same_operand(m, n) else None
    return n if isinstance(n, Const) else m


def items_form(t: Tracer, *lists: tuple[State, Any]) -> Form | None:
    """Return a form for the items of several lists, each given with its state; None if there is none."""
    found: list[Form | None] = []
    for st, box in lists:
        if isinstance(box, Growing):
            found.append(box.form)
        elif isinstance(box, ListBox):
            found += [form_of(t, st, x) for x in box.items]
        else:
            return None
    if not found:
        return None
    form = found[0]
    for other in found[1:]:
        form = common(form, other)
    return form


def holds_arrays(form: Form) -> bool:
    """Whether items of a form have arrays or lists in them."""
    return isinstance(form, (Arrays, Lists)) or (isinstance(form, Rows) and any(map(holds_arrays, form.items)))


def visible(t: Tracer, form: Form) -> Form | None:
    """Return the form with lengths that are known here, or None."""
    match form:
        case Arrays():
            shape = hoisted(t, form.shape)
            return None if shape is None else Arrays(form.dtype, shape)
        case Rows():
            items = [visible(t, f) for f in form.items]
            return None if None in items else replace(form, items=tuple(f for f in items if f is not None))
        case Lists():
            item, width = visible(t, form.item), hoisted(t, (form.width,))
            return None if item is None or width is None else Lists(item, width[0])
    return form


# buffers ------------------------------------------------------------------------------------


def make(t: Tracer, form: Form, *room: Operand) -> Any:
    """Append the buffers of a list with room for so many items, and items of so many."""
    match form:
        case Numbers():
            return arrays.new_array(t, form.dtype, room)
        case Arrays():
            return arrays.new_array(t, form.dtype, (*room, *form.shape))
        case Rows():
            return Tup(tuple(make(t, f, *room) for f in form.items))
        case Lists():
            return make(t, form.item, *room, form.width)


def room_of(buffer: Any) -> Operand | None:
    """Return how many items there is room for; None without any buffer."""
    if isinstance(buffer, View):
        return buffer.shape[0]
    rooms = [room_of(b) for b in buffer.items]
    return next((r for r in rooms if r is not None), None)


def put(t: Tracer, st: State, buffer: Any, form: Form, index: Operand, value: Any, length: Operand) -> None:
    """Append the stores of an item; ``length`` is the list's, named where the item has another form."""
    from revtrace.trace.objects import lists

    match form:
        case Numbers():
            if not is_numeric(value):
                raise t.pins.need(t, (length,), "a list holds numbers and other things")
            number = numbers.as_num(t, value)
            if numbers.promoted((number.dtype, number.weak), (form.dtype, form.weak)) != (form.dtype, form.weak):
                raise t.pins.need(t, (length,), "a list holds numbers of different types")
            arrays.store_at(t, buffer, (index,), t.b.cast(number.operand, form.dtype))
        case Arrays():
            _put_array(t, st, buffer, form, index, value, length)
        case Rows():
            parts = _parts(st, value, form)
            if parts is None:
                raise t.pins.need(t, (length,), "a list holds items of different structure")
            for b, f, x in zip(buffer.items, form.items, parts, strict=True):
                put(t, st, b, f, index, x, length)
        case Lists():
            lists.put(t, st, buffer, form, index, value, length)


def _parts(st: State, value: Any, form: Rows) -> list[Any] | None:
    items: tuple[Any, ...] | None = None
    if isinstance(value, Static) and type(value.value) is tuple and not form.is_list:
        items = tuple(Static(x) for x in value.value)
    elif isinstance(value, Tup) and not form.is_list and value.cls is form.cls:
        items = value.items
    elif isinstance(value, Ref) and form.is_list:
        box = st.box(value)
        if isinstance(box, ListBox) and box.source is None:
            items = box.items
            # The buffers hold a copy: a change of the list itself would have to show in it.
            st.set(value, replace(box, borrowed=True))
    return list(items) if items is not None and len(items) == len(form.items) else None


def _put_array(t: Tracer, st: State, buffer: View, form: Arrays, index: Operand, value: Any, length: Operand) -> None:
    if not arrays.is_array(value) or value.ndim != len(form.shape) or value.dtype != form.dtype:
        raise t.pins.need(t, (length,), "a list holds arrays and other things, or of different kinds")
    view = arrays.settle(t, value)
    for m, n in zip(view.shape, buffer.shape[1:], strict=True):
        t.check(t.b.compare("eq", m, n), "unsupported: arrays of different shapes in a list that grows")
    if _named(st, view.root):
        made_here = any(t.b.defs.get(view.root) is stmt for stmt in t.b.stmts)
        if not made_here and arrays.roots(t, view.root) & t.written_roots():
            raise t.pins.need(t, (length,), "an array is appended to a list and written to")
        t.alias(buffer.root, view.root, NeedStatic((length,), "an array in a list is written to"))
    row = subscripts.row(t, buffer, index, inside=True)
    arrays.for_each(t, view.shape, lambda ix: arrays.store_at(t, row, ix, arrays.load_at(t, view, ix)))


def get(t: Tracer, st: State, buffer: Any, form: Form, index: Operand) -> Any:
    """Return the item at an index that is inside."""
    from revtrace.trace.objects import lists

    match form:
        case Numbers():
            return Num(arrays.load_at(t, buffer, (index,)), form.weak)
        case Arrays():
            return subscripts.row(t, buffer, index, inside=True)
        case Rows():
            parts = tuple(get(t, st, b, f, index) for b, f in zip(buffer.items, form.items, strict=True))
            return st.new(ListBox(parts, borrowed=True)) if form.is_list else Tup(parts, form.cls)
        case Lists():
            return st.new(lists.item(t, buffer, form, index))


def leaves(form: Form) -> int:
    """Return how many buffers a form takes."""
    if isinstance(form, Lists):
        return leaves(form.item)
    return sum(map(leaves, form.items)) if isinstance(form, Rows) else 1


def _named(st: State, root: Operand) -> bool:
    """Whether a variable or object names an array."""
    todo: list[Any] = [*st.locals.values(), *st.stack]
    for box in st.heap.values():
        todo += getattr(box, "items", ()) if isinstance(box, ListBox) else ()
        todo += [v for _, v in getattr(box, "items", ())] if type(box).__name__ == "DictBox" else []
        todo += [v for _, v in getattr(box, "fields", ())]
        todo += [box.value] if hasattr(box, "value") else []
    while todo:
        x = todo.pop()
        if isinstance(x, View) and x.root is root:
            return True
        if isinstance(x, Tup):
            todo += x.items
        elif hasattr(x, "value") and not isinstance(x, Static):
            todo.append(x.value)
    return False
