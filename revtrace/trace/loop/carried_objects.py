"""Objects that a loop's names stand for, another one in each iteration.

A *stand-in* is a record that has the values which the object has at the start of an iteration, whichever object it
is.  Names that stand for one object have one stand-in.  What else the object may be, then or after the loop, is noted
(`revtrace.trace.aliases`): an object from before the loop in the first iteration, another stand-in where the body
leaves two names with one object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from revtrace.trace.aliases import Stale
from revtrace.trace.loop.leaving import objects_by_way
from revtrace.trace.sameness import same_shape
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import State
from revtrace.trace.values import Ref

if TYPE_CHECKING:
    from revtrace.trace.loop.carry import Carried
    from revtrace.trace.loop.fitting import Fitting

__all__ = ["StandIns"]


class StandIns:
    """The stand-ins of one loop."""

    def __init__(self, carried: Carried) -> None:
        self.carried = carried
        self.ids: set[int] = set()
        self._fitting: Fitting | None = None
        self._made: dict[tuple[int, int], Ref] = {}
        self._fresh: dict[int, Ref] = {}
        self._left: list[tuple[int, int]] = []
        """Pairs that may be one where the body is left."""

    @property
    def fitting(self) -> Fitting:
        """What the state at the end of the body was last held against."""
        assert self._fitting is not None
        return self._fitting

    @fitting.setter
    def fitting(self, fitting: Fitting) -> None:
        self._fitting = fitting
        self._made, self._fresh = {}, {}

    def general(self, h: Ref, b: Ref, back: State, values: Callable[[Any, Any], Any]) -> Ref | None:
        """Return a stand-in for an object at the start of the body and one at its end; None where there can be none."""
        state = self.carried.state
        if self.fitting.stands_for.get(h.id) == b.id and h.id not in self.fitting.failed:
            return h
        if (h.id, b.id) in self._made:
            return self._made[h.id, b.id]
        x, y = state.heap.get(h.id), back.heap.get(b.id)
        if x is None or y is None or not (isinstance(y, Stale) or same_shape(x, y)):
            return None
        ref = self._made[h.id, b.id] = self._fresh[b.id] = self._new(x)
        self.carried.t.aliased_objects.like(ref.id, h.id, self._need())
        state.heap[ref.id] = values(x, y)
        return ref

    def fresh(self, b: Ref, back: State, values: Callable[[Any], Any]) -> Ref:
        """Return a stand-in for an object that is made in the body and named after it."""
        if b.id in self._fresh:
            return self._fresh[b.id]
        box = back.heap[b.id]
        ref = self._fresh[b.id] = self._new(box)
        self.carried.state.heap[ref.id] = values(box)
        return ref

    def settle(self, tag: Any) -> bool:
        """Note what the stand-ins may be in the next iteration; False if that changes what the body does."""
        t = self.carried.t
        ways = {k: objects_by_way(t, b, tag) for k, b in self.fitting.stands_for.items()}
        self._left = []
        settled = True
        for way in sorted({way for found in ways.values() for way in found}):
            alike = self._alike({k: found.get(way, {self.fitting.stands_for[k]}) for k, found in ways.items()})
            if way:
                self._left += alike
                continue
            for a, b in alike:
                if t.aliased_objects.note(a, b, self._need()) and {a, b} & t.aliased_objects.told:
                    settled = False
        return settled

    def leave(self) -> None:
        """Note what the stand-ins may be after the loop, where its body is left."""
        for a, b in self._left:
            self.carried.t.aliased_objects.note(a, b, self._need())

    def _alike(self, stands_for: Mapping[int, set[int]]) -> list[tuple[int, int]]:
        """Pairs of stand-ins, and of stand-ins and objects from before the loop, that may be one."""
        aliases, entry = self.carried.t.aliased_objects, self.carried.entry
        maybe = {k: ids.union(*(aliases.of(i) for i in ids)) for k, ids in stands_for.items()}
        found = []
        for k, ids in maybe.items():
            found += [(k, other) for other, exact in stands_for.items() if other != k and exact & ids]
            found += [(k, i) for i in ids if i not in self.ids and (i in entry.heap or i in entry.originals)]
        return found

    def _new(self, box: Any) -> Ref:
        ref = self.carried.state.new(box)
        self.ids.add(ref.id)
        return ref

    def _need(self) -> NeedStatic:
        need = NeedStatic((), "which object a variable of a loop stands for must be known")
        need.loops.append(self.carried.key)
        return need
