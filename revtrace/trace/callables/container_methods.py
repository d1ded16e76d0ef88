"""Methods of lists, tuples, dicts and sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.trace import comparisons, numbers
from revtrace.trace.callables.functions import method_handler
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects import containers, growing, indexing
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, ListBox, SetBox, State
from revtrace.trace.values import NONE, Keys, Static, Tup, of_key

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


# lists and tuples --------------------------------------------------------------------------------------


@method_handler("list", "append")
def _append(t: Tracer, st: State, self: Any, value: Any) -> Any:
    containers.append(t, st, self, arrays.settle(t, value) if arrays.is_array(value) else value)
    return NONE


@method_handler("list", "extend", "__iadd__")
def _extend(t: Tracer, st: State, self: Any, value: Any) -> Any:
    containers.extend(t, st, self, value)
    return NONE


def _known(t: Tracer, st: State, self: Any) -> ListBox:
    box = growing.settled(t, st, self, "this needs a list of known length")
    containers.own(t, box)
    return box


@method_handler("list", "insert")
def _insert(t: Tracer, st: State, self: Any, index: Any, value: Any) -> Any:
    box = _known(t, st, self)
    items = list(box.items)
    items.insert(containers.as_known_int(t, index), value)
    st.set(self, ListBox(tuple(items), box.source))
    return NONE


@method_handler("list", "pop")
def _pop(t: Tracer, st: State, self: Any, index: Any = Static(-1)) -> Any:
    if isinstance(growing.settle_here(t, st, self), Growing):
        return growing.pop(t, st, self, index)
    box = _known(t, st, self)
    items = list(box.items)
    try:
        value = items.pop(containers.as_known_int(t, index))
    except IndexError as error:
        raise PythonRaise(error) from None
    st.set(self, ListBox(tuple(items), box.source))
    return value


@method_handler("list", "remove")
def _remove(t: Tracer, st: State, self: Any, value: Any) -> Any:
    place = _index(t, st, self, value)
    if not isinstance(place, Static):
        place = Static(t.pins.known(t, place.operand, "which item is removed must be known").value)
    indexing.delete_item(t, st, self, place)
    return NONE


@method_handler("list", "popleft")
def _popleft(t: Tracer, st: State, self: Any) -> Any:
    return _pop(t, st, self, Static(0))


@method_handler("list", "appendleft")
def _appendleft(t: Tracer, st: State, self: Any, value: Any) -> Any:
    return _insert(t, st, self, Static(0), arrays.settle(t, value) if arrays.is_array(value) else value)


@method_handler("list", "extendleft")
def _extendleft(t: Tracer, st: State, self: Any, values: Any) -> Any:
    for value in containers.items_of(t, st, values):
        _appendleft(t, st, self, value)
    return NONE


@method_handler("list", "rotate")
def _rotate(t: Tracer, st: State, self: Any, steps: Any = Static(1)) -> Any:
    box = _known(t, st, self)
    n = containers.as_known_int(t, steps) % max(1, len(box.items))
    st.set(self, ListBox(box.items[len(box.items) - n :] + box.items[: len(box.items) - n], box.source))
    return NONE


@method_handler("list", "reverse")
def _reverse(t: Tracer, st: State, self: Any) -> Any:
    box = _known(t, st, self)
    st.set(self, ListBox(box.items[::-1], box.source))
    return NONE


@method_handler("list", "clear")
def _clear(t: Tracer, st: State, self: Any) -> Any:
    st.set(self, ListBox((), _known(t, st, self).source))
    return NONE


@method_handler("list", "copy")
def _list_copy(t: Tracer, st: State, self: Any) -> Any:
    from revtrace.trace.callables.calls import call

    return call(t, st, Static(list), (self,), {})


@method_handler("list", "index")
@method_handler("tuple", "index")
def _index(t: Tracer, st: State, self: Any, value: Any) -> Any:
    items = containers.items_of(t, st, self)
    found: list[tuple[int, Any]] = []
    for k, item in enumerate(items):
        same = comparisons.truth(t, st, comparisons.compare(t, st, "==", item, value))
        if not isinstance(same, Static) or same.value:
            found.append((k, same))
        if isinstance(same, Static) and same.value:
            break
    if not found:
        raise PythonRaise(ValueError("is not in list"))
    last, certain = found.pop()
    if not isinstance(certain, Static):
        ways: Any = certain
        for _, same in found:
            ways = comparisons.either(t, ways, same)
        t.check(ways.operand, "ValueError")
    place: Any = Static(last)
    for k, same in reversed(found):
        place = numbers.select(t, same.operand, Static(k), place)
    return place


@method_handler("list", "count")
@method_handler("tuple", "count")
def _count(t: Tracer, st: State, self: Any, value: Any) -> Any:
    total: Any = Static(0)
    for item in containers.items_of(t, st, self):
        same = comparisons.truth(t, st, comparisons.compare(t, st, "==", item, value))
        total = numbers.binary(t, "+", total, Static(int(same.value)) if isinstance(same, Static) else same)
    return total


@method_handler("tuple", "__len__")
@method_handler("list", "__len__")
@method_handler("dict", "__len__")
def _len(t: Tracer, st: State, self: Any) -> Any:
    return containers.length(t, st, self)


@method_handler("tuple", "__getitem__")
@method_handler("list", "__getitem__")
@method_handler("dict", "__getitem__")
def _getitem(t: Tracer, st: State, self: Any, key: Any) -> Any:
    return indexing.get_item(t, st, self, key)


@method_handler("list", "__setitem__")
@method_handler("dict", "__setitem__")
def _setitem(t: Tracer, st: State, self: Any, key: Any, value: Any) -> Any:
    indexing.set_item(t, st, self, key, value)
    return NONE


@method_handler("tuple", "__iter__")
@method_handler("list", "__iter__")
@method_handler("dict", "__iter__")
def _iter(t: Tracer, st: State, self: Any) -> Any:
    return iterate(t, st, self)


# dicts and sets ------------------------------------------------------------------------------------------


def _dict(st: State, self: Any) -> DictBox:
    box = st.box(self)
    assert isinstance(box, DictBox)
    return box


@method_handler("dict", "get")
def _get(t: Tracer, st: State, self: Any, key: Any, default: Any = NONE) -> Any:
    found = _dict(st, self).get(containers.known_key(t, st, t.use(key)))
    return default if found is None else found


@method_handler("dict", "items")
def _items(t: Tracer, st: State, self: Any) -> Any:
    return Tup(tuple(Tup((of_key(k), v)) for k, v in _dict(st, self).items))


@method_handler("dict", "keys")
def _keys(t: Tracer, st: State, self: Any) -> Any:
    keys = [k for k, _ in _dict(st, self).items]
    return Keys(tuple(map(of_key, keys)), known=frozenset(keys))


@method_handler("dict", "values")
def _values(t: Tracer, st: State, self: Any) -> Any:
    return Tup(tuple(v for _, v in _dict(st, self).items))


@method_handler("dict", "setdefault")
def _setdefault(t: Tracer, st: State, self: Any, key: Any, default: Any = NONE) -> Any:
    found = _dict(st, self).get(containers.known_key(t, st, t.use(key)))
    if found is None:
        indexing.set_item(t, st, self, key, default)
        return default
    return found


@method_handler("dict", "pop")
def _dict_pop(t: Tracer, st: State, self: Any, key: Any, *default: Any) -> Any:
    known = containers.known_key(t, st, t.use(key))
    found = _dict(st, self).get(known)
    if found is None:
        if default:
            return default[0]
        raise PythonRaise(KeyError(known))
    indexing.delete_item(t, st, self, of_key(known))
    return found


@method_handler("dict", "update")
def _update(t: Tracer, st: State, self: Any, *others: Any, **kwargs: Any) -> Any:
    if _dict(st, self).source is not None:
        t.side_effects = t.side_effects or t.b.loc
    for other in others:
        containers.update(t, st, self, other)
    for k, v in kwargs.items():
        st.set_item(self, k, v)
    return NONE


@method_handler("dict", "popitem")
def _popitem(t: Tracer, st: State, self: Any, last: Any = Static(True)) -> Any:
    items = _dict(st, self).items
    if not items:
        raise PythonRaise(KeyError("dictionary is empty"))
    key, value = items[-1 if last.value else 0]
    indexing.delete_item(t, st, self, of_key(key))
    return Tup((of_key(key), value))


@method_handler("dict", "clear")
def _dict_clear(t: Tracer, st: State, self: Any) -> Any:
    for key, _ in _dict(st, self).items:
        indexing.delete_item(t, st, self, of_key(key))
    return NONE


@method_handler("dict", "move_to_end")
def _move_to_end(t: Tracer, st: State, self: Any, key: Any, last: Any = Static(True)) -> Any:
    box = _dict(st, self)
    known = containers.known_key(t, st, t.use(key))
    chosen = tuple(item for item in box.items if item[0] == known)
    others = tuple(item for item in box.items if item[0] != known)
    st.set(self, replace(box, items=(*others, *chosen) if last.value else (*chosen, *others)))
    return NONE


@method_handler("dict", "__contains__")
@method_handler("list", "__contains__")
@method_handler("set", "__contains__")
def _contains(t: Tracer, st: State, self: Any, key: Any) -> Any:
    return comparisons.contains(t, st, key, self)


@method_handler("dict", "fromkeys")
def _fromkeys(t: Tracer, st: State, self: Any, keys: Any, value: Any = NONE) -> Any:
    pairs = {containers.known_key(t, st, k): value for k in containers.items_of(t, st, keys)}
    return st.new(DictBox(tuple(pairs.items())))


@method_handler("dict", "copy")
def _dict_copy(t: Tracer, st: State, self: Any) -> Any:
    return st.new(DictBox(_dict(st, self).items))


@method_handler("set", "add")
def _add(t: Tracer, st: State, self: Any, value: Any) -> Any:
    containers.set_add(t, st, self, value)
    return NONE


_SET_RESULTS = {
    "union": frozenset.union, "intersection": frozenset.intersection, "difference": frozenset.difference,
    "symmetric_difference": frozenset.symmetric_difference, "issubset": frozenset.issubset,
    "issuperset": frozenset.issuperset, "isdisjoint": frozenset.isdisjoint,
}  # fmt: skip
_SET_CHANGES = {
    "update": frozenset.union, "intersection_update": frozenset.intersection,
    "difference_update": frozenset.difference, "symmetric_difference_update": frozenset.symmetric_difference,
}  # fmt: skip


def _members(t: Tracer, st: State, self: Any) -> frozenset[Any]:
    return frozenset(containers.known_key(t, st, t.use(v)) for v in containers.items_of(t, st, self))


def _changed(t: Tracer, st: State, self: Any, items: frozenset[Any]) -> Any:
    st.set(self, SetBox(items))
    return NONE


def _set_methods() -> None:
    for name, f in _SET_RESULTS.items():

        def handler(t: Tracer, st: State, self: Any, *others: Any, f: Any = f) -> Any:
            found = f(_members(t, st, self), *(_members(t, st, o) for o in others))
            return Static(found) if isinstance(found, bool) else st.new(SetBox(found))

        method_handler("set", name)(handler)
    for name, f in _SET_CHANGES.items():

        def changer(t: Tracer, st: State, self: Any, *others: Any, f: Any = f) -> Any:
            return _changed(t, st, self, f(_members(t, st, self), *(_members(t, st, o) for o in others)))

        method_handler("set", name)(changer)


_set_methods()


@method_handler("set", "remove")
def _set_remove(t: Tracer, st: State, self: Any, value: Any) -> Any:
    key = containers.known_key(t, st, t.use(value))
    if key not in _members(t, st, self):
        raise PythonRaise(KeyError(key))
    return _discard(t, st, self, value)


@method_handler("set", "discard")
def _discard(t: Tracer, st: State, self: Any, value: Any) -> Any:
    return _changed(t, st, self, _members(t, st, self) - {containers.known_key(t, st, t.use(value))})


@method_handler("set", "pop")
def _set_pop(t: Tracer, st: State, self: Any) -> Any:
    items = _members(t, st, self)
    if not items:
        raise PythonRaise(KeyError("pop from an empty set"))
    if len(items) > 1:
        raise t.unsupported("pop() of a set of several items", "which one it takes is up to Python", "use a list")
    _changed(t, st, self, frozenset())
    return of_key(*items)


@method_handler("set", "clear")
def _set_clear(t: Tracer, st: State, self: Any) -> Any:
    return _changed(t, st, self, frozenset())


@method_handler("set", "copy")
def _set_copy(t: Tracer, st: State, self: Any) -> Any:
    return st.new(SetBox(_members(t, st, self)))
