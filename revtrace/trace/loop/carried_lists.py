"""Lists that grow in a loop: buffers made before it, with room for what its iterations append."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const, Op, Operand, Var, const
from revtrace.trace.loop.lengths import bound
from revtrace.trace.numbers import fold
from revtrace.trace.objects import lists
from revtrace.trace.objects.growing import length_of, move, note_appended
from revtrace.trace.objects.growing_items import common, make, visible
from revtrace.trace.sameness import alike, same_operand
from revtrace.trace.signals import Growth, NeedStatic
from revtrace.trace.state import Box, Form, Growing, ListBox, Lists, State
from revtrace.trace.values import Ref

if TYPE_CHECKING:
    from revtrace.trace.loop.carry import Carried
    from revtrace.trace.machine import Tracer

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
        self._items: dict[int, dict[int, Box]] = {}
        """The lists in a list as they were before they became a part of its buffers."""

    def may_grow(self, kind: Growth) -> bool:
        """Whether a list is one that this loop could keep in buffers."""
        box = self.carried.entry.heap.get(kind.id)
        return isinstance(box, ListBox) and (box.source is None or isinstance(kind.form, Lists))

    def grow(self, kind: Growth, back: Any = None) -> bool:
        """Keep a list that grows in the loop in buffers; `make_room` corrects their size."""
        box = self.carried.entry.heap.get(kind.id)
        form = visible(self.carried.t, kind.form)
        if not isinstance(box, ListBox) or not self.may_grow(kind) or form is None:
            return False
        if isinstance(back, ListBox) and len(back.items) < len(box.items):
            return False
        self._before[kind.id] = box
        stays = kind.each == 0
        if isinstance(back, Growing):
            stays = same_operand(length_of(back), const(len(box.items), "i8"))
        self._buffer(kind.id, form, const(0 if stays else kind.each, "i8"), stays)
        return True

    def change_form(self, id: int, x: Growing, y: Growing) -> None:
        """Let a list's items trade places, or give it numbers of another type, as the body does."""
        state, entry, t = self.carried.state, self.carried.entry, self.carried.t
        if (x.order is None) != (y.order is None) and alike(x.form, y.form) and x.within == y.within:
            state.heap[id] = replace(x, order=lists.ordered(t, entry, Ref(id)).order)
            return
        kind, before = lists.kind_of(common(x.form, y.form)), entry.heap[id]
        if kind is None or x.within or y.within or not isinstance(before, Growing):
            raise NeedStatic((), "a list gets items of another form in each iteration", t.b.loc)
        (old,), (leaf,) = lists.leaves(x.buffer), lists.leaves(before.buffer)
        if old.root is not leaf.root:
            raise NeedStatic((), "a list gets numbers of another type in each iteration", t.b.loc)
        for k in lists.retype(t, entry, leaf.root, kind):
            now, box = entry.heap[k], state.heap[k]
            assert isinstance(now, Growing) and isinstance(box, Growing)
            state.heap[k] = replace(box, form=now.form)
        after = entry.heap[id]
        assert isinstance(after, Growing)
        lists.rebase(state, before.buffer, after.buffer)

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

    def lengths_after(self, inits: Mapping[Var, Operand], yields: Mapping[Var, Operand]) -> dict[Var, Operand]:
        """Return the lengths that lists have after all iterations, where each appends as many items."""
        found: dict[Var, Operand] = {}
        for id in self._before:
            box = self.carried.state.heap[id]
            start = length_of(box) if isinstance(box, Growing) else None
            if not isinstance(start, Var) or start not in yields:
                continue
            each = _added(self.carried.t, start, yields[start])
            total = None if each is None else self._in_all(const(each, "i8"))
            if total is not None:
                found[start] = fold(self.carried.t, "add", inits[start], total, "i8")
        return found

    def _in_all(self, each: Operand) -> Operand | None:
        trips = self.carried.trips
        return None if trips is None else fold(self.carried.t, "mul", trips(), each, "i8")

    def _buffer(self, id: int, form: Form, each: Operand | None, stays: bool = False) -> None:
        """Make a list's buffers, with room for so many items (None: nobody knows) in an iteration."""
        carried, t, box = self.carried, self.carried.t, self._before[id]
        entry = carried.entry
        entry.heap |= self._items.setdefault(id, _items_in(entry, box))
        length = const(len(box.items), "i8") if isinstance(box, ListBox) else length_of(box)
        self._each[id] = each
        more = None if each is None else self._in_all(each)
        room = fold(t, "add", const(UNKNOWN_ROOM, "i8") if more is None else more, length, "i8")
        if isinstance(box, ListBox):
            made = replace(lists.fill(t, entry, box, form, room), made=(carried.key,))
            carried.state.heap |= {k: entry.heap[k] for k in self._items[id]}
            if box.source is not None:
                t.callers_lists |= {leaf.root for leaf in lists.leaves(made.buffer)}
        else:
            made = replace(box, buffer=make(t, form, room), order=None)
            move(t, box, made.buffer)
            if box.order is not None:
                made = lists.as_ordered(t, made, box)
            for st in (entry, carried.state):
                lists.rebase(st, box.buffer, made.buffer)
        entry.heap[id] = made
        carried.state.heap[id] = made if stays else replace(made, length=carried.number("i8", True, "length"))

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


def _added(t: Tracer, start: Operand, end: Operand) -> int | None:
    """By how much a length is greater than another one that it was counted on from; None where that is not known."""
    total = 0
    while end is not start:
        stmt = t.b.defs.get(end) if isinstance(end, Var) else None
        if not isinstance(stmt, Op) or stmt.name != "add" or not isinstance(stmt.args[1], Const):
            return None
        total += int(stmt.args[1].value)  # type: ignore[arg-type]
        end = stmt.args[0]
    return total


def _items_in(st: State, box: Box) -> dict[int, Box]:
    """The lists in a list, by their places in the heap."""
    found: dict[int, Box] = {}
    for x in box.items if isinstance(box, ListBox) else ():
        if isinstance(x, Ref) and isinstance(st.box(x), (ListBox, Growing)):
            found |= {x.id: st.box(x), **_items_in(st, st.box(x))}
    return found
