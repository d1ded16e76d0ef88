"""Objects that may be one: what becomes of one when the other is changed.

Where two ways meet on which a name stands for different objects, and in loops that bind it anew, the tracer goes on
with a record of its own, which has the values of whichever object it is.  While neither is changed nobody can tell
the two apart.  When one is, the other gets *stale*: to read it after that, it must be known which object was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revtrace.trace.signals import NeedStatic

__all__ = ["Aliases", "Stale"]


@dataclass(frozen=True, slots=True)
class Stale:
    """The record of an object that another one was changed which it may be; ``need`` is raised to read it."""

    need: NeedStatic


@dataclass(slots=True)
class Aliases:
    """Which objects of one trace may be one, by their places in the heap."""

    _of: dict[int, dict[int, NeedStatic]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    """Objects that were changed or compared by identity: for these it matters which they are."""

    def of(self, id: int) -> Mapping[int, NeedStatic]:
        """Return the objects that one may be, with what must be known to tell."""
        return self._of.get(id, {})

    def note(self, a: int, b: int, need: NeedStatic) -> bool:
        """Note that two objects may be one; whether that is new."""
        if a == b or b in self._of.get(a, ()):
            return False
        self._of.setdefault(a, {})[b] = need
        self._of.setdefault(b, {})[a] = need
        return True

    def like(self, one: int, other: int, need: NeedStatic, but: frozenset[int] | set[int] = frozenset()) -> None:
        """Note that an object may be another one, and so whatever that may be, apart from some."""
        for id in {other, *self.of(other)} - but:
            self.note(one, id, need)

    def change(self, heap: dict[int, Any], originals: Mapping[int, Any], id: int) -> None:
        """Make those stale that an object may be which is changed; objects of the caller's cannot be."""
        self.told.add(id)
        for other, need in self.of(id).items():
            if other in originals:
                raise need.again()
            if other in heap:
                heap[other] = Stale(need)

    def tell(self, a: int, b: int) -> bool:
        """Return whether two references are to one object."""
        self.told |= {a, b}
        need = self.of(a).get(b)
        if need is not None:
            raise need.again()
        return a == b

    def told_apart(self, id: int) -> None:
        """Have known which object one is: it is a key."""
        self.told.add(id)
        for need in self.of(id).values():
            raise need.again()
