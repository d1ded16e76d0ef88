"""Lists that grow in a loop: buffers made before it, with room for what its iterations append."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, const
from revtrace.trace.growing import length_of, make, move, note_appended, put, visible
from revtrace.trace.lengths import bound
from revtrace.trace.numbers import fold
from revtrace.trace.sameness import same_operand
from revtrace.trace.signals import Growth
from revtrace.trace.state import Form, Growing, ListBox
from revtrace.trace.values import Num

if TYPE_CHECKING:
    from revtrace.trace.carry import Carried

__all__ = ["UNKNOWN_ROOM", "GrownLists"]

Appended = dict[int, Operand | None]
"""How many items an iteration appends to a list, by the list; None where nobody knows."""

UNKNOWN_ROOM = 1 << 16
"""Room for a list that grows in a loop whose trip count is found by running it."""


class GrownLists:
    """The lists that one loop keeps in buffers."""

    def __init__(self, carried: Carried) -> None:
        self.carried = carried
        self._around = carried.t.lists_around
        self._before: dict[int, ListBox | Growing] = {}
        self._each: Appended = {}
        self._exact: set[int] = set()

    def may_grow(self, kind: Growth) -> bool:
        """Whether a list is one that this loop could keep in buffers."""
        box = self.carried.entry.heap.get(kind.id)
        return isinstance(box, ListBox) and box.source is None

    def grow(self, kind: Growth, back: Any = None) -> bool:
        """Keep a list that grows in the loop in buffers; `make_room` corrects their size."""
        box = self.carried.entry.heap.get(kind.id)
        form = visible(self.carried.t, kind.form)
        if not isinstance(box, ListBox) or box.source is not None or form is None:
            return False
        if isinstance(back, ListBox) and len(back.items) < len(box.items):
            return False
        self._before[kind.id] = box
        self._buffer(kind.id, form, const(kind.each, "i8"))
        return True

    def lacks_room(self, appended: Appended) -> bool:
        """Whether a list's buffers were made for other numbers of items than the body appends."""
        return bool(self._wanting(appended))

    def make_room(self, appended: Appended) -> None:
        """Make those lists' buffers again for what the body was seen to append."""
        spans = self.carried.spans()
        for id in self._wanting(appended):
            n = appended[id]
            box = self.carried.entry.heap[id]
            assert isinstance(box, Growing)
            self._before.setdefault(id, box)
            self._buffer(id, box.form, None if n is None else bound(self.carried.t, n, spans))
            self._exact.add(id)

    def tell_appended(self, appended: Appended) -> None:
        """Tell the loop around how many items all iterations append."""
        t, spans = self.carried.t, self.carried.spans()
        for id, n in appended.items():
            if isinstance(self.carried.entry.heap.get(id), Growing):
                each = None if n is None else bound(t, n, spans)
                note_appended(t, id, None if each is None else self._in_all(each))

    def _in_all(self, each: Operand) -> Operand | None:
        trips = self.carried.trips
        return None if trips is None else fold(self.carried.t, "mul", trips(), each, "i8")

    def _buffer(self, id: int, form: Form, each: Operand | None) -> None:
        """Make a list's buffers, with room for so many items (None: nobody knows) in an iteration."""
        carried, t, box = self.carried, self.carried.t, self._before[id]
        length = const(len(box.items), "i8") if isinstance(box, ListBox) else length_of(box)
        self._each[id] = each
        more = None if each is None else self._in_all(each)
        buffer = make(t, form, fold(t, "add", const(UNKNOWN_ROOM, "i8") if more is None else more, length, "i8"))
        if isinstance(box, ListBox):
            for k, item in enumerate(box.items):
                put(t, carried.entry, buffer, form, const(k, "i8"), item, length)
        else:
            move(t, box, buffer)
        carried.entry.heap[id] = Growing(buffer, Num(length, True), form)
        carried.state.heap[id] = Growing(buffer, carried.number("i8", True, "length"), form)

    def _wanting(self, appended: Appended) -> list[int]:
        found = []
        for id, n in appended.items():
            if id in self._around and id not in self._before:
                # The loop around makes room for all.
                continue
            if id in self._exact or not isinstance(self.carried.entry.heap.get(id), Growing):
                continue
            each = self._each.get(id, const(0, "i8"))
            if each is not n and not (each is not None and n is not None and same_operand(each, n)):
                found.append(id)
        return found
