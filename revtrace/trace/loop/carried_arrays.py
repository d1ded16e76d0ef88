"""Storage of arrays that a loop's body makes anew: allocated before the loop, copied into at the body's end.

Copying is what assignment means as long as no second name shares the array and writes
through it, which is checked.  What the first iterations write to an array that was there
before the loop is written back to it (`revtrace.trace.loop.carried_entry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.calls.core import parts
from revtrace.program.nodes import Operand, Var, const
from revtrace.program.types import INT
from revtrace.trace.loop.carried_entry import seen, write_back
from revtrace.trace.loop.carried_lists import UNKNOWN_ROOM
from revtrace.trace.loop.hoist import hoisted
from revtrace.trace.loop.leaving import standing_for
from revtrace.trace.loop.lengths import bound, difference, likely_differ
from revtrace.trace.ndarray import arrays
from revtrace.trace.numbers import fold
from revtrace.trace.sameness import same, view_operands, with_operands
from revtrace.trace.signals import NeedStatic
from revtrace.trace.values import View

if TYPE_CHECKING:
    from revtrace.trace.loop.carry import Carried
    from revtrace.trace.machine import Tracer

__all__ = ["Storage"]


class Storage:
    """The storage that one loop's carried arrays have, and the copies into it."""

    def __init__(self, carried: Carried) -> None:
        self.carried = carried
        self.t = carried.t
        self.copies: list[tuple[Var, View]] = []
        self.entries: dict[Operand, View] = {}
        """The arrays that storage stands for in the first iteration."""
        self._made: set[Var] = set()
        self._resized: set[Var] = set()
        self._growth: dict[Var, tuple[int | None, ...]] = {}
        """By how much an iteration may lengthen each axis, as room was made for; None: to a length that was bounded."""
        self._promoted: set[Var] = set()
        """Storage of floats that holds integers in the first iteration."""

    def holds(self, h: View) -> bool:
        """Whether an assumed array has storage of its own."""
        return h.root in self._resized or (h.root in self._made and h.whole)

    def fits(self, h: View, b: View, found: dict[Var, Operand]) -> bool:
        """Whether an array can be copied into storage; notes the copy and the lengths it gets."""
        assert isinstance(h.root, Var)
        resized = h.root in self._resized
        if not resized and b.root is h.root and b.whole:
            return True
        if b.dtype != h.dtype or b.ndim != h.ndim:
            return False
        if resized:
            for m, n in zip(h.shape, b.shape, strict=True):
                if m in self.carried.mine:
                    assert isinstance(m, Var)
                    found[m] = n
            self._check_growth(h, b)
        if not resized or not same(h, b):
            self.copies.append((h.root, b))
        return True

    def copy(self, names: Sequence[Operand], names_after: Sequence[Operand], tag: Any) -> bool:
        """Append the copies into storage at the end of the body.

        Parameters
        ----------
        names, names_after : sequence of Operand
            The buffers that variables stand for which the next iteration reads, and those that the code after the
            loop reads.
        tag
            By which way the body is left.

        Returns
        -------
        bool
            False where the body must be walked again, counting iterations.
        """
        if not self.copies:
            return True
        t = self.t
        written: set[Operand] = set()
        made: set[Operand] = set()
        for x in t.statements_here():
            if x.name == "alloc":
                # Until the end of the body all names of an array that was made in it stand for one buffer.
                made.add(x.out)
            elif x.name in ("store", "fill", "copyto"):
                written |= arrays.roots(t, x.args[0])
            elif x.name == "call":
                written = written.union(*(arrays.roots(t, out) for out in parts(x)[0]))
        if written & self._promoted:
            raise NeedStatic((), "an array of integers is written to in a loop that makes it one of floats", t.b.loc)
        targets = {s for s, _ in self.copies}
        pending = []
        for storage, b in self.copies:
            mine = arrays.roots(t, b.root)
            shared = [r for r in _others(names, b.root) if not _distinct_then(t, r, b.root, tag)]
            touched = {storage, *mine}.union(*(arrays.roots(t, r) for r in shared))
            listed = mine & set(t.aliases)
            if listed and storage in written:
                # The next iteration writes to an array that has a second name by now.
                raise t.aliases[listed.pop()].at(t.b.loc)
            self._also_aliased(storage, listed)
            if shared and (touched - made) & written:
                raise NeedStatic((), "two names share an array that the loop writes to", t.b.loc)
            shared = [r for r in _others(names_after, b.root) if not arrays.distinct(t, r, b.root)]
            if shared:
                # After the loop what is written by one name is to be seen by the others.
                need = NeedStatic((), "two names share an array after the loop")
                need.loops.append(self.carried.key)
                t.alias(storage, storage, need)
                for r in {s for s, c in self.copies if c is not b and c.root in shared}.union(shared):
                    t.alias(r, r, need)
            # What is copied may be overwritten by another of these copies.
            pending.append((storage, arrays.materialise(t, b) if mine & targets else b))
        if not write_back(self, written):
            return False
        for storage, b in pending:
            if storage in self._resized:
                arrays.resize_into(t, storage, b)
            else:
                arrays.copy_into(t, storage, b)
        return True

    def store(self, h: View, b: View, hint: str) -> View:
        """Give a name that is bound to new arrays storage of its own, holding the entry value."""
        promotes = h.dtype[0] in "iu" and b.dtype[0] == "f"
        if h.dtype != b.dtype and not promotes:
            what = f"an array variable changes its dtype in a loop (from {h.dtype} to {b.dtype})"
            raise NeedStatic((), what, self.t.b.loc)
        if promotes:
            # As numbers do: the first iteration computes with the integers as floats.
            h = arrays.materialise(self.t, h, b.dtype)
        changing = [likely_differ(self.t, m, n) for m, n in zip(h.shape, b.shape, strict=True)]
        out = self._resizable(h, b, changing, hint) if any(changing) else arrays.copy_of(self.t, h, hint)
        assert isinstance(out.root, Var)
        self._made.add(out.root)
        if promotes:
            self._promoted.add(out.root)
        self.entries[out.root] = h
        if seen(self, h.root):
            self.t.stand_ins.add(out.root)
        self._also_aliased(out.root, arrays.roots(self.t, h.root))
        return out

    def fresh(self, b: View, hint: str) -> View:
        """Make storage for an array that is made in the body and read after it."""
        t = self.t
        if isinstance(b.root, Var) and t.b.visible(b.root):
            return with_operands(b, b.root, [self._seen_after(x) for x in view_operands(b)])
        shape = hoisted(t, b.shape)
        resized = shape is None
        if resized:
            spans = self.carried.spans()
            bounds = [bound(t, n, spans) for n in b.shape]
            shape = None if None in bounds else tuple(n for n in bounds if n is not None)
        if shape is None:
            raise NeedStatic(
                tuple(n for n in b.shape if isinstance(n, Var)),
                "the shape of an array made in a loop is needed after it",
                t.b.loc,
            )
        out = arrays.whole(t, t.b.alloc(b.dtype, *shape, zeros=True, hint=hint), shape)
        out = replace(out, writeable=self._seen_after(b.writeable))
        assert isinstance(out.root, Var)
        self._made.add(out.root)
        if not resized:
            return out
        self._resized.add(out.root)
        return arrays.part(out, [self.carried.param(INT, "length") for _ in shape])

    def _seen_after(self, x: Operand) -> Operand:
        """An operand as the code after the loop sees it: a parameter where it is made in the body."""
        return self.carried.param(x.type, "") if isinstance(x, Var) and not self.t.b.visible(x) else x

    def _resizable(self, h: View, b: View, changing: list[bool], hint: str) -> View:
        """Storage for arrays whose lengths change from one iteration to the next, holding the entry value."""
        t, trips = self.t, self.carried.trips
        spans = self.carried.spans()
        shape, sizes, growth = [], [], []
        for m, n, changes in zip(h.shape, b.shape, changing, strict=True):
            most = [m]
            by = difference(t, n, m)
            growth.append(by)
            if changes and by is None:
                top = bound(t, n, spans)
                if top is None:
                    raise NeedStatic((n,), "an array gets another length in each iteration", t.b.loc)
                most.append(top)
            elif changes and by is not None and by > 0:
                if trips is None:
                    most.append(const(UNKNOWN_ROOM, "i8"))
                else:
                    most.append(fold(t, "add", m, fold(t, "mul", trips(), const(by, "i8"), "i8"), "i8"))
            shape.append(most[0] if len(most) == 1 else t.b.op("max", *most))
            sizes.append(self.carried.param(INT, "length") if changes else m)
        out = arrays.new_array(t, h.dtype, shape, hint=hint)
        assert isinstance(out.root, Var)
        self._resized.add(out.root)
        self._growth[out.root] = tuple(growth)
        arrays.resize_into(t, out.root, h)
        return arrays.part(out, sizes)

    def _check_growth(self, h: View, b: View) -> None:
        """Refuse to roll a loop whose array outgrows its storage, which was made for what the first iteration does.

        The length on entry and what is added to it can be one value then (``a = x``, ``a = np.convolve(a, x)``).
        """
        t = self.t
        assert isinstance(h.root, Var)
        for m, n, by in zip(h.shape, b.shape, self._growth.get(h.root, (None,) * h.ndim), strict=True):
            if m not in self.carried.mine:
                continue
            later = difference(t, n, m)
            if later is None and by is None and m not in t.origins((n,)):
                continue
            if later is None or later > max(by or 0, 0):
                raise NeedStatic((n,), "an array gets another length in each iteration", t.b.loc)

    def _also_aliased(self, storage: Operand, standing_for: set[Operand]) -> None:
        """Storage of an array that has a second name must not be written to either."""
        for root in standing_for & set(self.t.aliases):
            self.t.alias(storage, root, self.t.aliases[root])


def _others(names: Sequence[Operand], root: Operand) -> list[Operand]:
    """Return what names stand for but one that stands for a certain buffer; nothing where none does."""
    if root not in names:
        return []
    k = names.index(root)
    return [*names[:k], *names[k + 1 :]]


def _distinct_then(t: Tracer, a: Operand, b: Operand, tag: Any) -> bool:
    """Whether two references can never name one buffer at the end of a body that is not left."""
    if arrays.distinct(t, a, b):
        return True
    x, y = (standing_for(t, each, tag).going for each in (a, b))
    return arrays.distinct(t, x, y)
