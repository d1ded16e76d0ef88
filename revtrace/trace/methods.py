"""Methods of arrays, numbers, lists, dicts, sets and tuples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.types import Scalar, real_dtype
from revtrace.trace import arrays, containers, growing, numbers, operators
from revtrace.trace.builtin_functions import scalar_of
from revtrace.trace.convert import as_array, dtype_argument, shape_argument
from revtrace.trace.functions import method_handler, refused
from revtrace.trace.iterators import iterate
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, ListBox, Numbers, SetBox, State
from revtrace.trace.values import NONE, Num, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

# arrays -------------------------------------------------------------------------------------

_SAME = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std, "max": np.max, "min": np.min,
    "argmax": np.argmax, "argmin": np.argmin, "all": np.all, "any": np.any, "cumsum": np.cumsum, "cumprod": np.cumprod,
    "dot": np.dot, "ravel": np.ravel, "swapaxes": np.swapaxes, "squeeze": np.squeeze, "repeat": np.repeat,
    "round": np.round, "ptp": np.ptp, "clip": np.clip, "trace": np.trace, "diagonal": np.diagonal,
    "conj": np.conjugate, "conjugate": np.conjugate, "take": np.take, "choose": np.choose,
    "put": np.put, "argpartition": np.argpartition,
}  # fmt: skip


def _as_functions() -> None:
    for name, f in _SAME.items():

        def handler(t: Tracer, st: State, self: Any, *args: Any, f: Any = f, **kwargs: Any) -> Any:
            from revtrace.trace.calls import call

            return call(t, st, Static(f), (self, *args), kwargs)

        method_handler("array", name)(handler)


_as_functions()


@method_handler("array", "copy", "__copy__", "__deepcopy__")
def _copy(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    if not arrays.is_array(self):
        return self
    return arrays.copy_of(t, self)


@method_handler("array", "flatten")
def _flatten(t: Tracer, st: State, self: Any, order: Any = Static("C")) -> Any:
    from revtrace.trace.shaping import in_order

    # A copy of its own: what numpy would have made a view is copied first.
    return in_order(t, arrays.copy_of(t, self if arrays.is_array(self) else as_array(t, self, st)), None, order)


@method_handler("array", "reshape")
def _reshape(t: Tracer, st: State, self: Any, *shape: Any, order: Any = Static("C"), copy: Any = NONE) -> Any:
    from revtrace.trace.shaping import in_order

    value = self if arrays.is_array(self) else as_array(t, self, st)
    if isinstance(copy, Static) and copy.value:
        value = arrays.copy_of(t, value)
    return in_order(t, value, shape_argument(t, st, shape[0] if len(shape) == 1 else Tup(shape)), order)


@method_handler("array", "transpose")
def _transpose(t: Tracer, st: State, self: Any, *axes: Any) -> Any:
    from revtrace.trace.calls import call

    if not axes:
        return call(t, st, Static(np.transpose), (self,), {})
    return call(t, st, Static(np.transpose), (self, axes[0] if len(axes) == 1 else Tup(axes)), {})


@method_handler("array", "astype")
def _astype(t: Tracer, st: State, self: Any, dtype: Any, **kwargs: Any) -> Any:
    kind = dtype_argument(t, dtype, "f8")
    assert kind is not None
    if not arrays.is_array(self):
        return Num(t.b.cast(numbers.as_num(t, self).operand, kind), False)
    if self.dtype[0] == "c" and kind[0] != "c":
        raise t.unsupported("astype from complex to real", "it drops the imaginary part", "take .real first")
    return arrays.materialise(t, self, kind)


@method_handler("array", "fill")
def _fill(t: Tracer, st: State, self: Any, value: Any) -> Any:
    arrays.assign(t, self, t.use(value))
    return NONE


@method_handler("array", "tolist")
def _tolist(t: Tracer, st: State, self: Any) -> Any:
    if not arrays.is_array(self) or self.ndim == 0:
        return _item(t, st, self)
    if self.ndim == 1:
        from revtrace.trace.calls import call

        made = call(t, st, Static(list), (self,), {})
        box = st.box(made)
        if isinstance(box, Growing):
            st.set(made, replace(box, form=Numbers(self.dtype, True)))
        elif isinstance(box, ListBox):
            st.set(made, ListBox(tuple(Num(numbers.as_num(t, v).operand, True) for v in box.items)))
        return made
    return st.new(ListBox(tuple(_tolist(t, st, row) for row in containers.items_of(t, st, self))))


@method_handler("array", "item", "__float__")
def _item(t: Tracer, st: State, self: Any, *args: Any) -> Any:
    if args:
        key = args[0] if len(args) == 1 else Tup(args)
        if len(args) == 1 and isinstance(args[0], (Num, Static)) and arrays.is_array(self) and self.ndim != 1:
            from revtrace.trace.shaping import ravel

            if not (isinstance(args[0], Static) and isinstance(args[0].value, tuple)):
                self = ravel(t, self)
        return Num(numbers.as_num(t, arrays.subscript(t, self, key)).operand, True)
    return Num(scalar_of(t, st, self).operand, True)


@method_handler("array", "view")
def _view(t: Tracer, st: State, self: Any, *args: Any) -> Any:
    if args:
        raise t.unsupported("a view of another type", "numbers are not reinterpreted", "")
    return self


@method_handler("array", "__array__")
def _array(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return self


@method_handler("array", "__len__")
def _array_len(t: Tracer, st: State, self: Any) -> Any:
    return containers.length(t, st, self)


@method_handler("array", "__getitem__")
def _array_item(t: Tracer, st: State, self: Any, key: Any) -> Any:
    return containers.get_item(t, st, self, key)


@method_handler("array", "compress")
def _compress(t: Tracer, st: State, self: Any, condition: Any, *args: Any, **kwargs: Any) -> Any:
    from revtrace.trace.calls import call

    return call(t, st, Static(np.compress), (condition, self, *args), kwargs)


@method_handler("array", "partition")
def _partition(t: Tracer, st: State, self: Any, kth: Any, axis: Any = Static(-1), **kwargs: Any) -> Any:
    from revtrace.trace.calls import call

    arrays.assign(t, self, call(t, st, Static(np.partition), (self, kth, axis), kwargs))
    return NONE


@method_handler("array", "resize")
@refused
def _in_place(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    raise t.unsupported("resizing an array in place", "other names of it would see it", "use x = np.resize(x, shape)")


# numbers --------------------------------------------------------------------------------------------


@method_handler("number", "conjugate", "__pos__")
def _conjugate(t: Tracer, st: State, self: Any) -> Any:
    if self.dtype[0] == "c":
        return Num(t.b.op("conj", self.operand), self.weak)
    return self


@method_handler("number", "is_integer")
def _is_integer(t: Tracer, st: State, self: Any) -> Any:
    if self.dtype[0] in "iub":
        return Static(True)
    return operators.compare(t, st, "==", Num(t.b.op("floor", self.operand), True), self)


def _dunders() -> None:
    for symbol, name in operators.DUNDER.items():

        def handler(t: Tracer, st: State, self: Any, other: Any, symbol: str = symbol) -> Any:
            return operators.binary(t, st, symbol, self, other)

        def reflected(t: Tracer, st: State, self: Any, other: Any, symbol: str = symbol) -> Any:
            return operators.binary(t, st, symbol, other, self)

        for kind in ("number", "array"):
            method_handler(kind, f"__{name}__")(handler)
            method_handler(kind, f"__r{name}__")(reflected)


_dunders()


@method_handler("number", "__float__")
def _to_float(t: Tracer, st: State, self: Any) -> Any:
    return Num(t.b.cast(self.operand, "f8"), True)


@method_handler("number", "__abs__")
def _to_abs(t: Tracer, st: State, self: Any) -> Any:
    return Num(t.b.op("abs", self.operand, type=Scalar(real_dtype(self.dtype))), True)


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
    containers.delete_item(t, st, self, place)
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
    from revtrace.trace.calls import call

    return call(t, st, Static(list), (self,), {})


@method_handler("list", "index")
@method_handler("tuple", "index")
def _index(t: Tracer, st: State, self: Any, value: Any) -> Any:
    items = containers.items_of(t, st, self)
    found: list[tuple[int, Any]] = []
    for k, item in enumerate(items):
        same = operators.truth(t, st, operators.compare(t, st, "==", item, value))
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
            ways = operators.either(t, ways, same)
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
        same = operators.truth(t, st, operators.compare(t, st, "==", item, value))
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
    return containers.get_item(t, st, self, key)


@method_handler("list", "__setitem__")
@method_handler("dict", "__setitem__")
def _setitem(t: Tracer, st: State, self: Any, key: Any, value: Any) -> Any:
    containers.set_item(t, st, self, key, value)
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
    found = _dict(st, self).get(containers._key(t, st, t.use(key)))
    return default if found is None else found


@method_handler("dict", "items")
def _items(t: Tracer, st: State, self: Any) -> Any:
    return Tup(tuple(Tup((Static(k), v)) for k, v in _dict(st, self).items))


@method_handler("dict", "keys")
def _keys(t: Tracer, st: State, self: Any) -> Any:
    return Tup(tuple(Static(k) for k, _ in _dict(st, self).items))


@method_handler("dict", "values")
def _values(t: Tracer, st: State, self: Any) -> Any:
    return Tup(tuple(v for _, v in _dict(st, self).items))


@method_handler("dict", "setdefault")
def _setdefault(t: Tracer, st: State, self: Any, key: Any, default: Any = NONE) -> Any:
    found = _dict(st, self).get(containers._key(t, st, t.use(key)))
    if found is None:
        containers.set_item(t, st, self, key, default)
        return default
    return found


@method_handler("dict", "pop")
def _dict_pop(t: Tracer, st: State, self: Any, key: Any, *default: Any) -> Any:
    known = containers._key(t, st, t.use(key))
    found = _dict(st, self).get(known)
    if found is None:
        if default:
            return default[0]
        raise PythonRaise(KeyError(known))
    containers.delete_item(t, st, self, Static(known))
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
    containers.delete_item(t, st, self, Static(key))
    return Tup((Static(key), value))


@method_handler("dict", "clear")
def _dict_clear(t: Tracer, st: State, self: Any) -> Any:
    for key, _ in _dict(st, self).items:
        containers.delete_item(t, st, self, Static(key))
    return NONE


@method_handler("dict", "move_to_end")
def _move_to_end(t: Tracer, st: State, self: Any, key: Any, last: Any = Static(True)) -> Any:
    box = _dict(st, self)
    known = containers._key(t, st, t.use(key))
    chosen = tuple(item for item in box.items if item[0] == known)
    others = tuple(item for item in box.items if item[0] != known)
    st.set(self, replace(box, items=(*others, *chosen) if last.value else (*chosen, *others)))
    return NONE


@method_handler("dict", "__contains__")
@method_handler("list", "__contains__")
@method_handler("set", "__contains__")
def _contains(t: Tracer, st: State, self: Any, key: Any) -> Any:
    return operators.contains(t, st, key, self)


@method_handler("dict", "fromkeys")
def _fromkeys(t: Tracer, st: State, self: Any, keys: Any, value: Any = NONE) -> Any:
    pairs = {containers._key(t, st, k): value for k in containers.items_of(t, st, keys)}
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
    return frozenset(containers._key(t, st, t.use(v)) for v in containers.items_of(t, st, self))


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


@method_handler("set", "discard", "remove")
def _discard(t: Tracer, st: State, self: Any, value: Any) -> Any:
    return _changed(t, st, self, _members(t, st, self) - {containers._key(t, st, t.use(value))})


@method_handler("set", "clear")
def _set_clear(t: Tracer, st: State, self: Any) -> Any:
    return _changed(t, st, self, frozenset())


@method_handler("set", "copy")
def _set_copy(t: Tracer, st: State, self: Any) -> Any:
    return st.new(SetBox(_members(t, st, self)))
