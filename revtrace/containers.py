"""Nested tuples, lists, dicts, named tuples and dataclasses of numbers and arrays.

Owns walking an argument by path (the `Source` records of the tracer), building
containers back, and putting a caller's objects back as they were.  Knows nothing of
programs being run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from revtrace.calls.draws import GENERATORS, put_back, state_of
from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.record import (
    Attr,
    Cell,
    Guard,
    Item,
    Leaf,
    Made,
    Result,
    Source,
    StaticLeaf,
    fetch,
)

__all__ = [
    "Slot",
    "build",
    "canonical",
    "describe",
    "float_slots",
    "is_float",
    "leaves",
    "map_leaves",
    "new_container",
    "new_instance",
    "overlap",
    "slots",
    "snapshot",
    "structure_guards",
    "tree_of",
]


@dataclass(frozen=True, slots=True)
class Slot:
    """A leaf of an argument: where it is, and what is there now."""

    source: Source
    value: Any


Tree = Slot | Made


def fields_of(value: Any) -> tuple[tuple[Any, Any], ...] | None:
    """Return the keys and entries of a container, or None for a leaf."""
    if isinstance(value, (tuple, list)):
        return tuple(enumerate(value))
    if type(value) is dict or builtin_of(type(value)) is dict:
        return tuple(value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple((f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if hasattr(value, f.name))
    return None


def child(source: Source, value: Any, key: Any) -> Source:
    """Return the path of one entry of a container."""
    return Item(source, key) if isinstance(value, (tuple, list, dict)) else Attr(source, key)


def tree_of(source: Source, value: Any) -> Any:
    """Return an argument as a tree of `Made` with `Slot` leaves."""
    entries = fields_of(value)
    if entries is None:
        return Slot(source, value)
    return Made(type(value), tuple((key, tree_of(child(source, value, key), entry)) for key, entry in entries))


def slots(tree: Any) -> Iterator[Slot]:
    """Yield the leaves of a tree in order."""
    if isinstance(tree, Made):
        for _, entry in tree.fields:
            yield from slots(entry)
    else:
        yield tree


def structure_guards(source: Source, value: Any) -> Iterator[Guard]:
    """Yield the facts that keep a container's structure."""
    entries = fields_of(value)
    if entries is None:
        return
    yield Guard(source, "type", type(value))
    if isinstance(value, dict):
        yield Guard(source, "keys", tuple(value))
    elif isinstance(value, (tuple, list)):
        yield Guard(source, "len", len(value))
    for key, entry in entries:
        yield from structure_guards(child(source, value, key), entry)


def is_float(value: Any) -> bool:
    """Whether a value has a gradient: a float or complex number, or an array of them."""
    if type(value) is float or type(value) is complex:
        return True
    return isinstance(value, (np.ndarray, np.inexact)) and value.dtype.kind in "fc"


def float_slots(tree: Any) -> tuple[Slot, ...]:
    """Return the leaves of a tree that have a gradient."""
    return tuple(slot for slot in slots(tree) if is_float(slot.value))


def canonical(source: Source, arguments: Mapping[str, Any]) -> Source:
    """Return the one spelling of a path: named tuples by position, no negative positions."""
    match source:
        case Item(base, key):
            base = canonical(base, arguments)
            if isinstance(key, int) and key < 0:
                key += len(fetch(base, arguments))
            return Item(base, key)
        case Attr(base, name):
            base = canonical(base, arguments)
            names = getattr(type(fetch(base, arguments)), "_fields", ())
            if isinstance(names, tuple) and name in names:
                return Item(base, names.index(name))
            return Attr(base, name)
        case Cell(function, index):
            return Cell(canonical(function, arguments), index)
    return source


def describe(value: Any) -> str:
    """Return a value's type in a few words, for messages."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    if value is None:
        return "None"
    return f"{'an' if type(value).__name__[0] in 'aeiouAEIOU' else 'a'} {type(value).__name__}"


# results ------------------------------------------------------------------------------


def leaves(result: Result) -> Iterator[Leaf | StaticLeaf]:
    """Yield the leaves of a result in order."""
    if isinstance(result, Made):
        for _, entry in result.fields:
            yield from leaves(entry)
    else:
        yield result


def map_leaves(change: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of `Made` with every leaf changed."""
    if isinstance(tree, Made):
        return Made(tree.kind, tuple((key, map_leaves(change, entry)) for key, entry in tree.fields))
    return change(tree)


def new_instance(kind: type, names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """Return an instance with these attributes, without running its ``__init__``.

    A dataclass of gradients is not one of parameters: checks in ``__post_init__`` must not see it.
    """
    instance: Any = object.__new__(kind)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(instance, name, value)
    return instance


def new_container(kind: type, held: Any) -> Any:
    """Return a list or dict of a user's class, without running its ``__init__``."""
    builtin = builtin_of(kind)
    if builtin is None:
        return kind(held)
    made: Any = builtin.__new__(kind)
    builtin.__init__(made, held)
    return made


def build(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return the Python object that a tree of `Made` describes."""
    if not isinstance(tree, Made):
        return leaf(tree)
    keys = tuple(key for key, _ in tree.fields)
    values = tuple(build(entry, leaf) for _, entry in tree.fields)
    if tree.kind is dict:
        return dict(zip(keys, values, strict=True))
    if tree.kind is list:
        return list(values)
    if tree.kind is tuple:
        return values
    if issubclass(tree.kind, tuple):
        return tuple.__new__(tree.kind, values)
    if issubclass(tree.kind, (list, dict)):
        held = values if issubclass(tree.kind, list) else dict(zip(keys, values, strict=True))
        return new_container(tree.kind, held)
    return new_instance(tree.kind, keys, values)


# the caller's objects -------------------------------------------------------------------


def _refill(value: Any, entries: dict[Any, Any]) -> None:
    if [*map(id, value), *map(id, value.values())] != [*map(id, entries), *map(id, entries.values())]:
        value.clear()
        value.update(entries)


def snapshot(*objects: Any) -> Callable[[], None]:
    """Remember what is reachable from objects and changes; the function returned puts it back.

    That is arrays, lists, dicts, dataclasses and random generators.
    """
    undo: list[Callable[[], None]] = []
    seen: set[int] = set()

    def array(a: Any) -> None:
        saved = a.copy()

        def put_back() -> None:
            if a.flags.writeable:
                np.copyto(a, saved)

        undo.append(put_back)

    def visit(value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            array(value)
            return
        if isinstance(value, GENERATORS):
            state = state_of(value)
            undo.append(lambda: put_back(value, state))
            return
        if isinstance(value, list):
            items = list(value)
            undo.append(lambda: value.__setitem__(slice(None), items))
        elif isinstance(value, dict):
            entries = dict(value)
            undo.append(lambda: _refill(value, entries))
        else:
            attributes = getattr(value, "__dict__", None)
            if type(attributes) is dict and not isinstance(value, (type, ModuleType, FunctionType, MethodType)):
                visit(attributes)
        for _, entry in fields_of(value) or ():
            visit(entry)
        if isinstance(value, dict):
            for entry in value.values():
                visit(entry)

    for value in objects:
        visit(value)

    def restore() -> None:
        for back in undo:
            back()

    return restore


_OVERLAP_WORK: Any = 10_000
"""Steps the exact overlap test may take; `Any` since some numpy releases type only its two special values."""


def overlap(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays share memory, or may, where that is hard to tell."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=_OVERLAP_WORK)
    except np.exceptions.TooHardError:
        return True
