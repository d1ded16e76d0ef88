"""The writes of a buffer, by where they write.

Programs unrolled at length have thousands of accesses to one buffer at fixed places; those at
different ones need not be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from revtrace.passes.effects import Access
from revtrace.passes.subscripts import Subscripts, subscripts_of

__all__ = ["Writes"]

_MOST = 100_000
"""Pairs of accesses to one buffer beyond which no more are compared."""


class Writes:
    """Some writes to the buffers of one class.

    Parameters
    ----------
    subscripts : Subscripts
    writes : iterable of Access
    """

    def __init__(self, subscripts: Subscripts, writes: Iterable[Access]) -> None:
        self.subscripts = subscripts
        self.fixed: dict[tuple[int, ...], list[tuple[int, Access]]] = {}
        self.others: list[tuple[int, Access]] = []
        self.all = tuple(writes)
        self.left = _MOST
        for k, access in enumerate(self.all):
            place = self.place(access)
            (self.others if place is None else self.fixed.setdefault(place, [])).append((k, access))

    def place(self, access: Access) -> tuple[int, ...] | None:
        """Return the subscripts of an access when they are constants, none of them negative."""
        place = []
        for x in subscripts_of(access.op) or ():
            at = self.subscripts.offset(x)
            if at.base is not None or at.constant < 0:
                return None
            place.append(at.constant)
        return tuple(place) or None

    def near(self, access: Access) -> Iterator[Access]:
        """Yield the writes that may touch what an access touches, in program order."""
        place = self.place(access)
        if place is None:
            yield from self.all
            return
        for _, write in sorted((*self.others, *self.fixed.get(place, ())), key=lambda x: x[0]):
            yield write

    def over(self, access: Access, span: int) -> Access | None:
        """Return a write, within one run of a scope, that may touch what an access touched, after it.

        Of very many writes, one that was not looked at closely.
        """
        return self._first(access, span, lambda write: self.subscripts.overwrites(write, access, span))

    def under(self, access: Access, span: int) -> Access | None:
        """Return a write, within one run of a scope, of what a given one may write over after it."""
        return self._first(access, span, lambda write: self.subscripts.overwrites(access, write, span))

    def _first(self, access: Access, span: int, meets: Callable[[Access], bool]) -> Access | None:
        for write in self.near(access):
            if any(s == span for s, _ in write.path):
                self.left -= 1
                if self.left < 0 or meets(write):
                    return write
        return None
