"""The state of the traced program: frames' variables and the heap of Python objects.

A state is copied when paths part (`fork`), cheaply: records in the heap are
immutable and replaced when changed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from revtrace.program.nodes import Operand
from revtrace.trace.aliases import Aliases, Stale
from revtrace.trace.record import Source
from revtrace.trace.values import Ref, Value

__all__ = [
    "Arrays",
    "CellBox",
    "DictBox",
    "Form",
    "Growing",
    "IterBox",
    "ListBox",
    "Lists",
    "Numbers",
    "ObjectBox",
    "Rows",
    "SetBox",
    "State",
]


@dataclass(frozen=True, slots=True)
class ListBox:
    """A list whose length is known when tracing."""

    items: tuple[Value, ...]
    source: Source | None = None
    borrowed: bool = False
    """Whether it was chosen among others by a run-time index, so that writing to it would be lost."""
    made: tuple[Any, ...] = ()
    """The loops for which those others lie in buffers; were they unrolled, the list itself would be known."""
    deciding: BaseException | None = None
    """What is raised to have that index known when tracing, which makes it one of those others."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The form of items that are numbers; ``weak`` says that they are Python's own."""

    dtype: str
    weak: bool


@dataclass(frozen=True, slots=True)
class Arrays:
    """The form of items that are arrays of one shape."""

    dtype: str
    shape: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The form of items that are tuples, named tuples or lists of one structure."""

    items: tuple[Form, ...]
    cls: type | None
    is_list: bool


@dataclass(frozen=True, slots=True)
class Lists:
    """The form of items that are lists of one length with items of one form: one more axis of their buffers."""

    item: Form
    width: Operand


Form = Numbers | Arrays | Rows | Lists


@dataclass(frozen=True, slots=True)
class Growing:
    """A list whose length is known only when running: a buffer for each number of an item, and the length."""

    buffer: Value
    length: Value
    form: Form
    within: bool = False
    """Whether the buffers are a part of those of a list that this one is an item of, so that its length stays."""
    made: tuple[Any, ...] = ()
    """The loops that need the buffers; were they unrolled, the list would consist of single items."""
    order: Value | None = None
    """Where in the buffers each item lies, for a list whose items trade places."""

    @property
    def weak(self) -> bool:
        """Whether its items are Python's own numbers."""
        return isinstance(self.form, Numbers) and self.form.weak


@dataclass(frozen=True, slots=True)
class DictBox:
    """A dict with keys known when tracing, in order."""

    items: tuple[tuple[Any, Value], ...]
    source: Source | None = None
    default: Value | None = None
    """What makes missing entries, for a ``defaultdict``."""
    owner: Ref | None = None
    """The instance whose ``__dict__`` this is."""
    entries: dict[Any, Value] | None = field(default=None, init=False, repr=False, compare=False)
    """The same as a dict, made when it is asked for."""

    def as_dict(self) -> dict[Any, Value]:
        """Return the entries as a dict, which nobody may change."""
        if self.entries is None:
            object.__setattr__(self, "entries", dict(self.items))
        assert self.entries is not None
        return self.entries

    def get(self, key: Any) -> Value | None:
        """Return the value of a key, or None."""
        return self.as_dict().get(key)


@dataclass(frozen=True, slots=True)
class SetBox:
    """A set of objects known when tracing."""

    items: frozenset[Any]


@dataclass(frozen=True, slots=True)
class ObjectBox:
    """An instance; ``fields`` are the attributes read or written so far, ``source`` is set for the caller's."""

    cls: type
    fields: tuple[tuple[str, Value], ...]
    source: Source | None = None
    original: Any = None

    def get(self, name: str) -> Value | None:
        """Return an attribute seen so far, or None."""
        for k, v in self.fields:
            if k == name:
                return v
        return None


@dataclass(frozen=True, slots=True)
class CellBox:
    """A closure cell."""

    value: Value


@dataclass(frozen=True, slots=True)
class IterBox:
    """An iterator.

    ``kind`` is ``"items"`` (over ``parts``, known), ``"range"`` (parts: start, stop, step), ``"array"``
    (parts: the array), ``"zip"``, ``"enumerate"`` (parts: iterator, start), ``"count"`` (parts: start, step),
    ``"cycle"`` (parts: what comes again and again), ``"generator"`` and others;
    ``position`` counts the items taken.
    """

    kind: str
    parts: tuple[Value, ...]
    position: int = 0


Box = ListBox | Growing | DictBox | SetBox | ObjectBox | CellBox | IterBox | Stale

_ids = itertools.count(1)


@dataclass(slots=True)
class State:
    """Variables and stack of the running frame, and the heap; owned by one path."""

    locals: dict[str, Value] = field(default_factory=dict)
    stack: list[Any] = field(default_factory=list)
    heap: dict[int, Box] = field(default_factory=dict)
    tag: Any = 0
    """Which way a loop's body was left; see `loops`."""
    originals: dict[int, Box] = field(default_factory=dict)
    """Records of the caller's objects as they were on entry, shared by all paths."""
    aliases: Aliases = field(default_factory=Aliases)
    """Which objects may be one, on any path."""

    def fork(self) -> State:
        """Return a copy that a second path may change."""
        return State(dict(self.locals), list(self.stack), dict(self.heap), self.tag, self.originals, self.aliases)

    def frame(self, locals: dict[str, Value], stack: list[Any]) -> State:
        """Return the state of another frame, with the same heap."""
        return State(locals, stack, self.heap, 0, self.originals, self.aliases)

    def blank(self) -> State:
        """Return a state of the same trace that holds nothing."""
        return State(originals=self.originals, aliases=self.aliases)

    def new(self, box: Box) -> Ref:
        """Put an object into the heap."""
        ref = Ref(next(_ids))
        self.heap[ref.id] = box
        return ref

    def box(self, ref: Ref) -> Box:
        """Return an object's record."""
        box = self.heap.get(ref.id)
        if box is None:
            # Another path was the first to read this object of the caller's.
            box = self.heap[ref.id] = self.originals[ref.id]
        if isinstance(box, Stale):
            raise box.need.again()
        return box

    def set(self, ref: Ref, box: Box) -> None:
        """Replace the record of an object that is changed."""
        self.changes(ref)
        self.heap[ref.id] = box

    def changes(self, ref: Ref) -> None:
        """Note that an object is changed."""
        self.aliases.change(self.heap, self.originals, ref.id)

    def set_field(self, ref: Ref, name: str, value: Value) -> None:
        """Set an attribute of an instance."""
        self.changes(ref)
        self.learn(ref, name, value)

    def learn(self, ref: Ref, name: str, value: Value) -> None:
        """Note the attribute that an instance was found to have."""
        box = self.box(ref)
        assert isinstance(box, ObjectBox)
        fields = dict(box.fields)
        fields[name] = value
        self.heap[ref.id] = replace(box, fields=tuple(fields.items()))

    def set_item(self, ref: Ref, key: Any, value: Value) -> None:
        """Set an entry of a dict."""
        box = self.box(ref)
        assert isinstance(box, DictBox)
        self.changes(ref)
        if box.owner is not None:
            self.set_field(box.owner, key, value)
        entries = {**box.as_dict(), key: value}
        made = replace(box, items=tuple(entries.items()))
        object.__setattr__(made, "entries", entries)
        self.heap[ref.id] = made
