"""Items of lists, tuples, dicts, arrays and instances: read, written, deleted."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.numpy.grids import grid, joined
from revtrace.trace.objects import growing, lists
from revtrace.trace.objects.containers import as_known_int, as_static, items_of, known_key, own
from revtrace.trace.objects.tables import element_of
from revtrace.trace.objects.texts import is_text, run_time_text
from revtrace.trace.record import Item, Source
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, ListBox, ObjectBox, State
from revtrace.trace.values import Num, Ref, Slice, Static, Tup, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["delete_item", "get_item", "module_asked", "set_item"]

_MOST_ENTRIES = 10_000
"""Entries of a dict that a traced function may fill: each is recorded on its own."""


# reading --------------------------------------------------------------------------------


def get_item(t: Tracer, st: State, value: Any, key: Any) -> Any:
    """``value[key]``."""
    if is_text(value):
        return run_time_text(t, value, key)
    value, key = t.use(value), t.use(key)
    if isinstance(value, Static) and isinstance(value.value, np.ndarray) and not isinstance(key, Static):
        from revtrace.trace.ndarray.convert import as_array

        value = as_array(t, value, st)
    if arrays.is_array(value):
        return subscripts.subscript(t, value, key)
    if isinstance(value, Tup) or (isinstance(value, Static) and isinstance(value.value, (tuple, list, range))):
        return _sequence_item(t, st, value, key)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ListBox):
            return _sequence_item(t, st, value, key)
        if isinstance(box, Growing):
            box = growing.settle_here(t, st, value)
            if isinstance(box, ListBox):
                return _sequence_item(t, st, value, key)
            return _growing_item(t, st, box, key)
        if isinstance(box, DictBox):
            known = known_key(t, st, key)
            found = box.get(known)
            if found is None:
                if box.default is None:
                    raise PythonRaise(KeyError(known))
                from revtrace.trace.callables.calls import call

                found = call(t, st, box.default, (), {})
                st.set_item(value, known, found)
            return found
        if isinstance(box, ObjectBox):
            from revtrace.trace.callables.calls import call_method

            return call_method(t, st, value, "__getitem__", (key,))
    if isinstance(value, Static) and (value.value is np.r_ or value.value is np.c_):
        return joined(t, st, value.value, key)
    if isinstance(value, Static) and (value.value is np.mgrid or value.value is np.ogrid):
        return grid(t, value.value, key)
    if isinstance(value, Static):
        known = as_static(t, st, key)
        if isinstance(known, Static):
            try:
                found = value.value[known.value]
            except Exception as error:
                module_asked(t, value, known)
                raise PythonRaise(error) from None
            from revtrace.trace.external import external

            return external(t, st, found, module_asked(t, value, known), "const")
        if isinstance(key, Num):
            index = t.pins.known(t, key.operand, "this index must be known when tracing")
            return get_item(t, st, value, Static(index.value))
    if isinstance(value, Num):
        if not value.weak:
            # A numpy scalar is indexed as an array without axes.
            from revtrace.trace.ndarray.convert import as_array

            return subscripts.subscript(t, as_array(t, value, st), key)
        raise PythonRaise(TypeError("'float' object is not subscriptable"))
    raise PythonRaise(TypeError(f"{t.describe(value)} is not subscriptable"))


def module_asked(t: Tracer, table: Static, name: Static) -> Source | None:
    """Return where a module of ``sys.modules`` is found; one that is not there is noted as absent."""
    if table.value is not sys.modules or table.source is None:
        return None
    source = Item(table.source, name.value)
    if name.value not in sys.modules:
        t.guard(source, "absent")
    return source


def _sequence_item(t: Tracer, st: State, value: Any, key: Any) -> Any:
    if isinstance(key, (Slice, Static)) and (isinstance(key, Slice) or isinstance(key.value, slice)):
        return _sequence_slice(t, st, value, key)
    items = items_of(t, st, value)
    if isinstance(key, Static):
        try:
            return items[key.value]
        except (IndexError, TypeError) as error:
            raise PythonRaise(error) from None
    index = numbers.integer(t, key)
    if t.pins.wants(t) and not all(is_numeric(v) for v in items):
        index = t.pins.known(t, index, "which of the lists is changed must be known")
    if isinstance(index, Const):
        try:
            return items[int(index.value)]  # type: ignore[arg-type]
        except IndexError as error:
            raise PythonRaise(error) from None
    if items and all(is_numeric(v) for v in items):
        return element_of(t, items, index)
    if isinstance(value, Ref):
        made = lists.tabled(t, st, value)
        if made is not None:
            return growing.item_at(t, st, made, index)
    from revtrace.trace.ndarray.selection import choose

    return choose(t, st, items, index)


def _sequence_slice(t: Tracer, st: State, value: Any, key: Any) -> Any:
    if isinstance(key, Slice):
        parts = [
            None if isinstance(p, Static) and p.value is None else as_known_int(t, p)
            for p in (key.start, key.stop, key.step)
        ]
        key = Static(slice(*parts))
    items = items_of(t, st, value)[key.value]
    if isinstance(value, Ref):
        return st.new(ListBox(tuple(items)))
    if isinstance(value, Static):
        return Static(value.value[key.value])
    return Tup(tuple(items))


# growing lists ------------------------------------------------------------------------------


def _growing_item(t: Tracer, st: State, box: Growing, key: Any) -> Any:
    if isinstance(key, Slice) or (isinstance(key, Static) and isinstance(key.value, slice)):
        return growing.slice_of(t, st, box, key)
    return growing.item_at(t, st, box, numbers.integer(t, key))


# writing --------------------------------------------------------------------------------


def set_item(t: Tracer, st: State, target: Any, key: Any, value: Any) -> None:
    """``target[key] = value``."""
    target, key = t.use(target), t.use(key)
    if arrays.is_array(target):
        from revtrace.trace.ndarray.convert import as_array_or_number

        if isinstance(value, Static):
            known = isinstance(value.value, (tuple, list, np.ndarray))
        else:
            known = isinstance(value, (Ref, Tup))
        if known:
            value = as_array_or_number(t, st, value)
        assignment.set_subscript(t, target, key, t.use(value))
        return
    if arrays.is_array(value):
        value = arrays.settle(t, value)
    if isinstance(target, Ref):
        box = st.box(target)
        if isinstance(box, Growing):
            box = growing.settle_here(t, st, target)
        if isinstance(box, DictBox):
            if box.source is not None:
                t.side_effects = t.side_effects or t.b.loc
            if len(box.items) > _MOST_ENTRIES:
                raise t.unsupported(
                    f"a dict of more than {_MOST_ENTRIES} entries",
                    "each of its entries is recorded on its own",
                    "use an array, indexed by the numbers that are the keys",
                )
            st.set_item(target, known_key(t, st, key), value)
            return
        if isinstance(box, ListBox):
            _set_list_item(t, st, target, box, key, value)
            return
        if isinstance(box, Growing):
            if isinstance(key, Slice) or (isinstance(key, Static) and isinstance(key.value, slice)):
                raise t.pins.need(t, (growing.length_of(box),), "a slice of a list is assigned to")
            growing.set_item(t, st, target, numbers.integer(t, key), value)
            return
        if isinstance(box, ObjectBox):
            from revtrace.trace.callables.calls import call_method

            call_method(t, st, target, "__setitem__", (key, value))
            return
    raise PythonRaise(TypeError(f"{t.describe(target)} does not support item assignment"))


def _set_list_item(t: Tracer, st: State, target: Ref, box: ListBox, key: Any, value: Any) -> None:
    own(t, box)
    if isinstance(key, (Slice, Static)) and (isinstance(key, Slice) or isinstance(key.value, slice)):
        if isinstance(key, Slice):
            raise t.unsupported(
                "assigning to a slice of a list", "its bounds are known only when running", "use an array"
            )
        items = list(box.items)
        items[key.value] = items_of(t, st, value)
        st.set(target, ListBox(tuple(items), box.source))
        return
    index = numbers.integer(t, key)
    items = list(box.items)
    if isinstance(index, Const):
        try:
            items[int(index.value)] = value  # type: ignore[arg-type]
        except IndexError as error:
            raise PythonRaise(error) from None
        st.set(target, ListBox(tuple(items), box.source))
        return
    if all(is_numeric(v) for v in items) and is_numeric(value) and items:
        # A number among numbers: each is replaced if its turn has come.
        n = const(len(items), "i8")
        at = arrays._normal(t, index, n)
        for k, old in enumerate(items):
            items[k] = numbers.select(t, t.b.compare("eq", at, const(k, "i8")), value, old)
        if len(items) <= 8:
            st.set(target, replace(box, items=tuple(items)))
            return
    known = t.pins.known(t, index, "an index into a list that is written must be known when tracing")
    set_item(t, st, target, Static(known.value), value)


def delete_item(t: Tracer, st: State, target: Any, key: Any) -> None:
    """``del target[key]``."""
    box = st.box(target) if isinstance(target, Ref) else None
    if isinstance(target, Ref) and isinstance(box, Growing):
        box = growing.settled(t, st, target, "an item is deleted from a list of unknown length")
    if isinstance(box, (ListBox, DictBox)) and box.source is not None:
        t.side_effects = t.side_effects or t.b.loc
    if isinstance(box, ListBox):
        own(t, box)
        items = list(box.items)
        known = as_static(t, st, key)
        if isinstance(known, Num) and known.dtype[0] in "biu":
            known = Static(as_known_int(t, known))
        if isinstance(known, Static):
            try:
                del items[known.value]
            except IndexError as error:
                raise PythonRaise(error) from None
            st.set(target, replace(box, items=tuple(items)))
            return
    if isinstance(box, DictBox):
        known = known_key(t, st, key)
        if box.get(known) is None:
            raise PythonRaise(KeyError(known))
        if box.owner is not None:
            from revtrace.trace.objects.attributes import delete_attribute

            delete_attribute(t, st, box.owner, known)
        st.set(target, replace(box, items=tuple((k, v) for k, v in box.items if k != known)))
        return
    if isinstance(box, ObjectBox) and hasattr(box.cls, "__delitem__"):
        from revtrace.trace.callables.calls import call_method

        call_method(t, st, target, "__delitem__", (key,))
        return
    raise t.unsupported(
        f"deleting an item of {t.describe(target)}",
        "it is not supported",
        "build what is left: [v for i, v in enumerate(items) if i != k]",
    )
