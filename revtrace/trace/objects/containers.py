"""Lists, tuples, dicts and sets while tracing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, const
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.objects import growing, lists
from revtrace.trace.objects.instance_keys import by_hash, instance_key
from revtrace.trace.objects.stepping import drain
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, of_key

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "append",
    "as_keywords",
    "as_known_int",
    "as_static",
    "extend",
    "items_of",
    "known_key",
    "length",
    "make_dict",
    "make_set",
    "own",
    "set_add",
    "unpack",
    "update",
]


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
        if isinstance(box, SetBox) and all(isinstance(of_key(k), Static) for k in box.items):
            return Static(set(box.items))
        if isinstance(box, DictBox) and all(isinstance(of_key(k), Static) for k, _ in box.items):
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
            from revtrace.trace.callables.running import collect

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


def make_dict(t: Tracer, st: State, keys: list[Any], values: list[Any]) -> Ref:
    """Return a new dict."""
    pairs: dict[Any, Any] = {}
    for k, v in zip(keys, values, strict=True):
        pairs[known_key(t, st, t.use(k))] = v
    return st.new(DictBox(tuple(pairs.items())))


def make_set(t: Tracer, st: State, values: list[Any]) -> Ref:
    """Return a new set."""
    return st.new(SetBox(frozenset(known_key(t, st, t.use(v)) for v in values)))


def set_add(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.add(value)``."""
    box = st.box(target)
    assert isinstance(box, SetBox)
    st.set(target, SetBox(box.items | {known_key(t, st, t.use(value))}))


def update(t: Tracer, st: State, target: Any, value: Any) -> None:
    """``target.update(value)``."""
    for k, v in as_keywords(t, st, value).items():
        st.set_item(target, k, v)


def as_keywords(t: Tracer, st: State, value: Any) -> dict[Any, Any]:
    """Return a mapping's items."""
    value = t.use(value)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, DictBox):
            return dict(box.items)
        if isinstance(box, (ListBox, IterBox)):
            return {known_key(t, st, items_of(t, st, p)[0]): items_of(t, st, p)[1] for p in items_of(t, st, value)}
        if isinstance(box, ObjectBox) and hasattr(box.cls, "keys"):
            from revtrace.trace.callables.calls import call_method

            keys = items_of(t, st, call_method(t, st, value, "keys", ()))
            return {known_key(t, st, k): call_method(t, st, value, "__getitem__", (k,)) for k in keys}
    if isinstance(value, Static) and hasattr(value.value, "keys"):
        return {k: Static(value.value[k]) for k in value.value.keys()}  # noqa: SIM118
    raise t.unsupported(f"{t.describe(value)} used as a mapping", "its keys must be known when tracing", "use a dict")


def unpack(t: Tracer, st: State, value: Any, count: int) -> list[Any]:
    """Unpack into a number of variables."""
    value = t.use(value)
    if arrays.is_array(value):
        view = arrays.settle(t, value)
        arrays.agree(t, view.shape[0], const(count, "i8"))
        return [subscripts.row(t, view, const(k, "i8"), inside=True) for k in range(count)]
    if isinstance(value, Ref) and isinstance(st.box(value), IterBox) and st.box(value).kind == "generator":  # type: ignore[union-attr]
        from revtrace.trace.callables.running import collect

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


def known_key(t: Tracer, st: State, key: Any) -> Any:
    """Return the key of a dict or the item of a set, which must be known when tracing."""
    known = as_static(t, st, key)
    if isinstance(known, Static):
        return known.value
    items = [as_static(t, st, v) for v in key.items] if isinstance(key, Tup) else [known]
    if isinstance(key, Tup) and any(isinstance(v, (Ref, Tup)) for v in items):
        return tuple(known_key(t, st, t.use(v)) for v in key.items)
    if isinstance(known, Ref) and isinstance(st.box(known), ObjectBox):
        if by_hash(st, known):
            return instance_key(t, st, known)
        t.aliased_objects.told_apart(known.id)
        return known
    if any(isinstance(v, Num) and v.dtype[0] in "fc" for v in items):
        raise t.unsupported(
            "a run-time float as a key of a dict or an item of a set",
            "keys must be known when tracing: they decide what the program consists of",
            "use a list of pairs, or an array that is searched",
        )
    if all(isinstance(v, (Num, Static)) for v in items):
        why = "a key must be known when tracing"
        found = tuple(v.value if isinstance(v, Static) else t.pins.known(t, v.operand, why).value for v in items)
        return found if isinstance(key, Tup) else found[0]
    raise t.unsupported("a key made of run-time values", "keys must be known when tracing", "use an array")


def own(t: Tracer, box: ListBox) -> None:
    """Refuse to change a list that stands for one of several."""
    if box.deciding is not None:
        raise box.deciding
    if box.borrowed:
        raise lists.itemwise(t, box, "a list chosen by a run-time index changes")
    if box.source is not None:
        t.side_effects = t.side_effects or t.b.loc
