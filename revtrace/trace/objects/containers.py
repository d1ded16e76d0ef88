"""Lists, tuples, dicts and sets while tracing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.objects import growing, lists
from revtrace.trace.objects.iterators import drain
from revtrace.trace.objects.tables import element_of
from revtrace.trace.record import Item, Source
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Num, Ref, Slice, Static, Tup, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "append",
    "as_keywords",
    "as_known_int",
    "as_static",
    "delete_item",
    "extend",
    "get_item",
    "items_of",
    "length",
    "make_dict",
    "make_set",
    "module_asked",
    "set_add",
    "set_item",
    "unpack",
    "update",
]

MOST_ENTRIES = 10_000


def as_static(t: Tracer, st: State, value: Any) -> Any:
    """Return a value as a static object if all of it is known, else the value itself."""
    if isinstance(value, Static):
        return value
    if isinstance(value, Num) and isinstance(value.operand, Const):
        return Static(value.operand.value)
    if isinstance(value, Tup):
        items = [as_static(t, st, v) for v in value.items]
        if all(isinstance(v, Static) for v in items):
            known = (v.value for v in items)
            return Static(tuple(known) if value.cls is None else value.cls(*known))
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ListBox):
            items = [as_static(t, st, v) for v in box.items]
            if all(isinstance(v, Static) for v in items):
                return Static([v.value for v in items])
        if isinstance(box, SetBox):
            return Static(set(box.items))
        if isinstance(box, DictBox):
            pairs = [(k, as_static(t, st, v)) for k, v in box.items]
            if all(isinstance(v, Static) for _, v in pairs):
                return Static({k: v.value for k, v in pairs})
    return value


def as_known_int(t: Tracer, value: Any) -> int:
    """Return an int that must be known when tracing."""
    operand = numbers.integer(t, t.use(value))
    return int(t.pins.known(t, operand, "this number must be known when tracing").value)  # type: ignore[arg-type]


def items_of(t: Tracer, st: State, value: Any) -> list[Any]:
    """List the items of an iterable whose length is known."""
    value = t.use(value)
    if isinstance(value, Tup):
        return list(value.items)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ListBox):
            return list(box.items)
        if isinstance(box, IterBox) and box.kind == "generator":
            from revtrace.trace.callables.calls import collect

            made = collect(t, st, value)
            return items_of(t, st, made)
    if isinstance(value, Static) and isinstance(value.value, (tuple, list)):
        return [Static(v) for v in value.value]
    return drain(t, st, value)


def length(t: Tracer, st: State, value: Any) -> Any:
    """``len(value)``."""
    value = t.use(value)
    if arrays.is_array(value):
        if value.ndim == 0:
            raise PythonRaise(TypeError("len() of unsized object"))
        from revtrace.trace.ndarray.convert import length_value

        return length_value(value.shape[0])
    if isinstance(value, Tup):
        return Static(len(value.items))
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, (ListBox, DictBox, SetBox)):
            return Static(len(box.items))
        if isinstance(box, Growing):
            return box.length
        if isinstance(box, ObjectBox):
            from revtrace.trace.callables.calls import call_method

            return call_method(t, st, value, "__len__", ())
    if isinstance(value, Static):
        try:
            return Static(len(value.value))
        except TypeError as error:
            raise PythonRaise(error) from None
    raise PythonRaise(TypeError("object has no len()"))


# reading --------------------------------------------------------------------------------


def get_item(t: Tracer, st: State, value: Any, key: Any) -> Any:
    """``value[key]``."""
    value, key = t.use(value), t.use(key)
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
            known = _key(t, st, key)
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
        return _joined(t, st, value.value, key)
    if isinstance(value, Static) and (value.value is np.mgrid or value.value is np.ogrid):
        return _grid(t, value.value, key)
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


def _grid(t: Tracer, maker: Any, key: Any) -> Any:
    """``np.mgrid[...]`` and ``np.ogrid[...]`` between bounds that are known when tracing, as integers can be."""
    from revtrace.trace.external import external

    def known(x: Any) -> Any:
        x = t.use(x)
        if isinstance(x, Slice):
            return slice(*(known(part) for part in (x.start, x.stop, x.step)))
        if isinstance(x, Tup):
            return tuple(known(part) for part in x.items)
        if isinstance(x, Static):
            return x.value
        if not (isinstance(x, Num) and x.dtype[0] in "iu"):
            raise t.unsupported(
                "a grid between bounds that are known only when running",
                "how many places it has depends on them",
                "use np.linspace and np.meshgrid",
            )
        return as_known_int(t, x)

    return external(t, t.current, maker[known(key)], None, "const")


def _joined(t: Tracer, st: State, joiner: Any, key: Any) -> Any:
    """``np.r_[...]`` and ``np.c_[...]``."""
    from revtrace.trace.definitions import windows
    from revtrace.trace.definitions.register import traced

    keys = list(key.items) if isinstance(key, Tup) else [key]
    if isinstance(key, Static) and isinstance(key.value, tuple):
        keys = [Static(k) for k in key.value]
    parts = []
    for k in map(t.use, keys):
        if isinstance(k, Slice):
            k = traced(t, st, windows.run, (k.start, k.stop, k.step), {})
        elif isinstance(k, Static) and isinstance(k.value, slice):
            k = traced(t, st, windows.run, tuple(map(Static, (k.value.start, k.value.stop, k.value.step))), {})
        parts.append(k)
    return traced(t, st, windows.lines if joiner is np.r_ else windows.columns, tuple(parts), {})


def module_asked(t: Tracer, table: Static, name: Static) -> Source | None:
    """Return where a module of ``sys.modules`` is found; one that is not there is noted as absent."""
    if table.value is not sys.modules or table.source is None:
        return None
    source = Item(table.source, name.value)
    if name.value not in sys.modules:
        t.guard(source, "absent")
    return source


def _key(t: Tracer, st: State, key: Any) -> Any:
    known = as_static(t, st, key)
    if isinstance(known, Static):
        return known.value
    items = [as_static(t, st, v) for v in key.items] if isinstance(key, Tup) else [known]
    if all(isinstance(v, (Num, Static)) for v in items):
        why = "a key must be known when tracing"
        found = tuple(v.value if isinstance(v, Static) else t.pins.known(t, v.operand, why).value for v in items)
        return found if isinstance(key, Tup) else found[0]
    raise t.unsupported("a key made of run-time values", "keys must be known when tracing", "use an array")


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


def own(t: Tracer, box: ListBox) -> None:
    """Refuse to change a list that stands for one of several."""
    if box.borrowed:
        raise lists.itemwise(t, box, "a list chosen by a run-time index changes")
    if box.source is not None:
        t.side_effects = t.side_effects or t.b.loc


"""Numbers of a table that the program itself writes; longer ones are handed to it."""


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


def append(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.append(value)``."""
    box = growing.settle_here(t, st, target)
    if isinstance(box, ListBox):
        own(t, box)
        st.set(target, ListBox((*box.items, value), box.source))
        return
    growing.append(t, st, target, value)


def extend(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.extend(value)``."""
    box = st.box(target)
    items = items_of(t, st, value)
    if isinstance(box, ListBox):
        own(t, box)
        st.set(target, ListBox((*box.items, *items), box.source))
        return
    for item in items:
        append(t, st, target, item)


# writing --------------------------------------------------------------------------------


def set_item(t: Tracer, st: State, target: Any, key: Any, value: Any) -> None:
    """``target[key] = value``."""
    target, key = t.use(target), t.use(key)
    if arrays.is_array(target):
        from revtrace.trace.ndarray.convert import as_array_or_number

        if isinstance(value, (Ref, Tup)) or (isinstance(value, Static) and isinstance(value.value, (tuple, list))):
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
            if len(box.items) > MOST_ENTRIES:
                raise t.unsupported(
                    f"a dict of more than {MOST_ENTRIES} entries",
                    "each of its entries is recorded on its own",
                    "use an array, indexed by the numbers that are the keys",
                )
            st.set_item(target, _key(t, st, key), value)
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
            st.set(target, ListBox(tuple(items), box.source))
            return
    known = t.pins.known(t, index, "an index into a list that is written must be known when tracing")
    set_item(t, st, target, Static(known.value), value)


def delete_item(t: Tracer, st: State, target: Any, key: Any) -> None:
    """``del target[key]``."""
    box = st.box(target) if isinstance(target, Ref) else None
    if isinstance(box, (ListBox, DictBox)) and box.source is not None:
        t.side_effects = t.side_effects or t.b.loc
    if isinstance(box, ListBox):
        own(t, box)
        items = list(box.items)
        known = as_static(t, st, key)
        if isinstance(known, Static):
            try:
                del items[known.value]
            except IndexError as error:
                raise PythonRaise(error) from None
            st.set(target, ListBox(tuple(items), box.source))
            return
    if isinstance(box, DictBox):
        known = _key(t, st, key)
        if box.get(known) is None:
            raise PythonRaise(KeyError(known))
        st.set(target, DictBox(tuple((k, v) for k, v in box.items if k != known), box.source))
        return
    raise t.unsupported(f"deleting an item of {t.describe(target)}", "it is not supported", "")


# dicts and sets ---------------------------------------------------------------------------


def make_dict(t: Tracer, st: State, keys: list[Any], values: list[Any]) -> Ref:
    """Return a new dict."""
    pairs: dict[Any, Any] = {}
    for k, v in zip(keys, values, strict=True):
        pairs[_key(t, st, t.use(k))] = v
    return st.new(DictBox(tuple(pairs.items())))


def make_set(t: Tracer, st: State, values: list[Any]) -> Ref:
    """Return a new set."""
    return st.new(SetBox(frozenset(_key(t, st, t.use(v)) for v in values)))


def set_add(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.add(value)``."""
    box = st.box(target)
    assert isinstance(box, SetBox)
    st.set(target, SetBox(box.items | {_key(t, st, t.use(value))}))


def update(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.update(value)``."""
    for k, v in as_keywords(t, st, value, any_key=True).items():
        st.set_item(target, k, v)


def as_keywords(t: Tracer, st: State, value: Any, any_key: bool = False) -> dict[Any, Any]:
    """Return a mapping's items."""
    value = t.use(value)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, DictBox):
            return dict(box.items)
        if isinstance(box, (ListBox, IterBox)):
            return {_key(t, st, items_of(t, st, p)[0]): items_of(t, st, p)[1] for p in items_of(t, st, value)}
        if isinstance(box, ObjectBox) and hasattr(box.cls, "keys"):
            from revtrace.trace.callables.calls import call_method

            keys = items_of(t, st, call_method(t, st, value, "keys", ()))
            return {_key(t, st, k): call_method(t, st, value, "__getitem__", (k,)) for k in keys}
    if isinstance(value, Static) and hasattr(value.value, "keys"):
        return {k: Static(value.value[k]) for k in value.value.keys()}  # noqa: SIM118
    raise t.unsupported(f"{t.describe(value)} used as a mapping", "", "")


def unpack(t: Tracer, st: State, value: Any, count: int) -> list[Any]:
    """Unpack into a number of variables."""
    value = t.use(value)
    if arrays.is_array(value):
        view = arrays.settle(t, value)
        arrays.agree(t, view.shape[0], const(count, "i8"))
        return [subscripts.row(t, view, const(k, "i8"), inside=True) for k in range(count)]
    if isinstance(value, Ref) and isinstance(st.box(value), IterBox) and st.box(value).kind == "generator":  # type: ignore[union-attr]
        from revtrace.trace.callables.calls import collect

        value = collect(t, st, value)
    if isinstance(value, Ref) and isinstance(st.box(value), Growing):
        grown = st.box(value)
        assert isinstance(grown, Growing)
        arrays.agree(t, growing.length_of(grown), const(count, "i8"))
        return [growing.get_item(t, st, grown, const(k, "i8")) for k in range(count)]
    items = items_of(t, st, value)
    if len(items) > count:
        raise PythonRaise(ValueError(f"too many values to unpack (expected {count})"))
    if len(items) < count:
        raise PythonRaise(ValueError(f"not enough values to unpack (expected {count}, got {len(items)})"))
    return items
