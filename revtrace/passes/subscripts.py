"""Whether a later store may touch the element an earlier access touched.

Subscripts are compared as *value + constant*.  Two questions are answered, both
conservatively: can a subscript be negative (and so count from the end), and in
which order do two accesses in common loops reach one element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.passes.effects import Access
from revtrace.passes.scopes import Scopes
from revtrace.program.nodes import Const, For, If, Op, Operand, Var

__all__ = ["Offset", "Subscripts", "subscripts_of"]


@dataclass(frozen=True, slots=True)
class Offset:
    """``base + constant``; a plain number has no base."""

    base: Var | None
    constant: int


def subscripts_of(op: Op) -> tuple[Operand, ...] | None:
    """Return an access's index operands; None for one of a whole buffer."""
    if op.name == "load":
        return op.args[1:]
    if op.name in ("store", "addto"):
        return op.args[2:]
    return None


class Subscripts:
    """Questions about the subscripts of one program."""

    def __init__(self, where: Scopes) -> None:
        self.where = where
        self._offsets: dict[Var, Offset] = {}

    def offset(self, x: Operand) -> Offset:
        """Write an integer as a value plus a constant."""
        if not isinstance(x, Var):
            return Offset(None, int(x.value.real))
        found = self._offsets.get(x)
        if found is None:
            found = self._offsets[x] = self._find_offset(x)
        return found

    def _find_offset(self, x: Operand) -> Offset:
        total = 0
        while isinstance(x, Var):
            op = self.where.definition.get(x)
            if not isinstance(op, Op) or op.name not in ("add", "sub"):
                return Offset(x, total)
            a, c = op.args
            if isinstance(c, Const):
                total += int(c.value.real) * (1 if op.name == "add" else -1)
                x = a
            elif isinstance(a, Const) and op.name == "add":
                total += int(a.value.real)
                x = c
            else:
                return Offset(x, total)
        return Offset(None, total + int(x.value.real))

    def loop_of(self, base: Var | None) -> For | None:
        """Return the counted loop whose index a value is."""
        stmt = self.where.definition.get(base) if base is not None else None
        return stmt if isinstance(stmt, For) and stmt.index is base else None

    def least(self, x: Operand, depth: int = 6) -> int | None:
        """Return a constant lower bound of an integer, if one is seen."""
        at = self.offset(x)
        if at.base is None:
            return at.constant
        loop = self.loop_of(at.base)
        if loop is None or depth == 0:
            definition = self.where.definition.get(at.base)
            if isinstance(definition, Op) and definition.name == "dim":
                return at.constant
            if isinstance(definition, Op) and definition.name == "max" and depth > 0:
                bounds = [b for y in definition.args if (b := self.least(y, depth - 1)) is not None]
                return max(bounds) + at.constant if bounds else None
            return None
        if loop.step > 0:
            bound = self.least(loop.start, depth - 1)
            return None if bound is None else bound + at.constant
        bound = self.least(loop.stop, depth - 1)
        # Counting down by 1 ends right above the stop; by more, no lower than that.
        return None if bound is None else bound + 1 + at.constant

    def natural(self, x: Operand) -> bool:
        """Whether an integer is seen not to be negative."""
        least = self.least(x)
        return least is not None and least >= 0

    def counts_from_front(self, op: Op) -> bool:
        """Whether no subscript of an access is negative."""
        if op.attr("safe"):
            return True
        found = subscripts_of(op)
        return found is not None and all(map(self.natural, found))

    def range(self, x: Operand, index: Var, depth: int = 6) -> tuple[int | None, int | None]:
        """Return bounds ``(a, b)`` with ``index + a <= x <= index + b``, None where none is seen."""
        at = self.offset(x)
        if at.base is index:
            return at.constant, at.constant
        loop = self.loop_of(at.base)
        if loop is None or depth == 0:
            return None, None
        first = self.range(loop.start, index, depth - 1)
        last = self.range(loop.stop, index, depth - 1)
        if loop.step > 0:
            low = first[0]
            high = None if last[1] is None else last[1] - 1
        else:
            low = None if last[0] is None else last[0] + 1
            high = first[1]
        c = at.constant
        return None if low is None else low + c, None if high is None else high + c

    def unequal(self, x: Operand, y: Operand) -> bool:
        """Whether two subscripts that exist together differ, whatever iterations of their loops are on."""
        return self._beyond(x, y) or self._beyond(y, x)

    def _beyond(self, x: Operand, y: Operand) -> bool:
        at = self.offset(y)
        low, high = (self.least(x), None) if at.base is None else self.range(x, at.base)
        return (low is not None and low > at.constant) or (high is not None and high < at.constant)

    def overwrites(self, store: Access, load: Access, root: int) -> bool:
        """Whether a store may touch what a load has read, after it, within one run of a scope.

        Both accesses are inside the scope ``root``; loops around it do not count.
        """
        front = self.counts_from_front(store.op) and self.counts_from_front(load.op)
        written, read = subscripts_of(store.op), subscripts_of(load.op)
        pairs = list(zip(written, read, strict=True)) if front and written is not None and read is not None else []
        if any(self.different(x, y) for x, y in pairs):
            return False
        common, together = self.common(store, load, root)
        for loop in common:
            later = self.later(loop, pairs)
            if later is not None:
                return later
        return together and self.follows(store, load) and not self.apart(pairs)

    def different(self, written: Operand, read: Operand) -> bool:
        """Whether two subscripts are different constants."""
        w, r = self.offset(written), self.offset(read)
        return w.base is r.base is None and w.constant != r.constant

    def common(self, store: Access, load: Access, root: int) -> tuple[list[For | None], bool]:
        """Return the loops around both inside a scope, and whether some run reaches both after these."""
        loops: list[For | None] = []
        for (a, i), (b, j) in zip(store.path, load.path, strict=False):
            if a != b:
                return loops, False
            if a != root and self.where.inside(a, root):
                scope = self.where.all[a]
                if scope.role in ("body", "cond"):
                    loops.append(scope.owner if isinstance(scope.owner, For) else None)
            if i != j:
                break
        return loops, True

    def later(self, loop: For | None, pairs: Sequence[tuple[Operand, Operand]]) -> bool | None:
        """Decide on one common loop: True or False, or None when both must be in the same iteration."""
        if loop is None:
            return True
        up = loop.step > 0
        same = False
        for written, read in pairs:
            low_w, high_w = self.range(written, loop.index)
            low_r, high_r = self.range(read, loop.index)
            # A store in this or a later iteration has an index on the far side of the load's.
            if up and low_w is not None and high_r is not None:
                if low_w > high_r:
                    return False
                same = same or low_w == high_r
            if not up and high_w is not None and low_r is not None:
                if high_w < low_r:
                    return False
                same = same or high_w == low_r
            if (
                self.fixed(written, read, loop)
                and (self.offset(read).constant - self.offset(written).constant) % loop.step
            ):
                return False
        return None if same else True

    def fixed(self, written: Operand, read: Operand, loop: For) -> bool:
        """Whether both are the loop's index plus a constant."""
        return self.offset(written).base is loop.index and self.offset(read).base is loop.index

    def apart(self, pairs: Sequence[tuple[Operand, Operand]]) -> bool:
        """Whether two accesses in one iteration of their common loops touch different elements."""
        for written, read in pairs:
            w, r = self.offset(written), self.offset(read)
            if w.base is r.base and w.constant != r.constant:
                return True
        return False

    def follows(self, store: Access, load: Access) -> bool:
        """Whether a store comes after a load in one run of the innermost block around both."""
        for (a, i), (b, j) in zip(store.path, load.path, strict=False):
            if a != b:
                # Different blocks of one region: the arms of an if never both run.
                owner = self.where.all[a].owner
                return not isinstance(owner, If)
            if i != j:
                return i > j
        return False
