"""Recognising the reversal of a stencil, and two arrays that a loop exchanges around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from revtrace.passes.distinct import Distinct
from revtrace.passes.effects import touched
from revtrace.passes.scopes import is_array
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.program.nodes import Const, For, Op, Operand, Stmt, Var
from revtrace.program.types import Scalar, Stack
from revtrace.rules.core import RULES

__all__ = ["Addition", "Piece", "Recogniser", "Stencil", "pieces", "reach"]

_MOST = 250
"""Terms of sums to be written, of all pieces, beyond which the code would grow too much."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One ``u[index + offsets] += value``."""

    op: Op
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stencil:
    """A nest of loops that qualifies."""

    loops: tuple[For, ...]
    body: tuple[Op, ...]
    additions: tuple[Addition, ...]
    clears: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Elements along one axis that the same additions reach.

    Attributes
    ----------
    end : int or None
        One element, counted from the low end of the range (0) or from its high end (1); or those in between.
    start, stop : int
        Where that element is relative to that end; or where those in between begin relative to the low end, and
        end relative to the high one.
    additions : tuple of Addition
    inside : bool
        Whether the range itself includes them.
    """

    end: int | None
    start: int
    stop: int
    additions: tuple[Addition, ...]
    inside: bool


def reach(additions: Sequence[Addition], axis: int, whole: bool) -> range:
    """Return the offsets of additions along an axis; with ``whole``, those of the range itself too."""
    offsets = [a.offsets[axis] for a in additions] + [0] * whole
    return range(min(offsets), max(offsets) + 1)


def pieces(additions: Sequence[Addition], axis: int, whole: bool = False) -> Iterator[Piece]:
    """Yield the elements that additions reach along an axis, in order, for a range at least as long as their reach.

    With ``whole``, the elements of the range itself too.  Near the low end are elements with neighbours on the
    high side only, and the other way round.
    """
    span = reach(additions, axis, whole)
    for c in span[:-1]:
        yield Piece(0, c, c, tuple(a for a in additions if a.offsets[axis] <= c), c >= 0)
    yield Piece(None, span[-1], span[0], tuple(additions), span[0] <= 0 <= span[-1])
    for c in span[:-1]:
        yield Piece(1, c, c, tuple(a for a in additions if a.offsets[axis] > c), c < 0)


def _terms(additions: Sequence[Addition], axes: int, axis: int = 0) -> int:
    """Return the number of terms in the sums of all pieces."""
    if axis == axes or not additions:
        return len(additions)
    return sum(_terms(piece.additions, axes, axis + 1) for piece in pieces(additions, axis))


class Recogniser:
    """Questions about the loops of one program."""

    def __init__(self, subscripts: Subscripts, distinct: Distinct) -> None:
        self.subscripts = subscripts
        self.distinct = distinct

    def stencil(self, loop: For) -> Stencil | None:
        """Return what a nest does, if it is a stencil's reversal."""
        loops: list[For] = []
        body: list[Op] = []
        while True:
            if loop.exits or abs(loop.step) != 1:
                return None
            loops.append(loop)
            inner = [s for s in loop.body.stmts if isinstance(s, For)]
            own = [s for s in loop.body.stmts if isinstance(s, Op)]
            if len(inner) + len(own) != len(loop.body.stmts) or len(inner) > 1:
                return None
            if not inner:
                body += own
                break
            if not all(_pure(s) for s in own) or loop.body.stmts[-1] is not inner[0]:
                return None
            body += own
            loop = inner[0]
            made = {loop.index for loop in loops} | {p for loop in loops for p in loop.params} | {op.out for op in body}
            if made & {loop.start, loop.stop}:
                return None
        return self.classified(tuple(loops), tuple(body))

    def classified(self, loops: tuple[For, ...], body: tuple[Op, ...]) -> Stencil | None:
        """Return what the innermost body does, if each statement fits."""
        centre = tuple(loop.index for loop in loops)
        carried = {p for loop in loops for p in loop.params}
        tainted: set[object] = set(carried)
        additions: list[Addition] = []
        clears: list[Op] = []
        loads: list[Op] = []
        for op in body:
            match op.name:
                case "addto":
                    offsets = self.offsets(op.args[2:], centre)
                    if offsets is None or op.args[1] in tainted:
                        return None
                    additions.append(Addition(op, offsets))
                case "store":
                    if op.args[2:] != centre or not isinstance(op.args[1], Const):
                        return None
                    clears.append(op)
                case "load":
                    if any(x in tainted for x in op.args):
                        tainted.add(op.out)
                    if any(self.same(op.args[0], c.args[0]) for c in clears):
                        return None
                    loads.append(op)
                case _ if _pure(op):
                    if any(x in tainted for x in op.args):
                        tainted.add(op.out)
                case _:
                    return None
        targets = {a.op.args[0] for a in additions}
        if not any(len({a.offsets for a in additions if a.op.args[0] is u}) > 1 for u in targets):
            return None
        if _terms(additions, len(loops)) > _MOST:
            return None
        for u in targets:
            others = [op.args[0] for op in (*loads, *clears)] + [x for x in targets if x is not u]
            if any(self.same(u, x) for x in others):
                return None
        for c in clears:
            # What is cleared is read at its own place only, so that clearing can wait.
            if any(self.same(op.args[0], c.args[0]) and op.args[1:] != centre for op in loads):
                return None
            if any(x is not c and self.same(x.args[0], c.args[0]) for x in clears):
                return None
        return Stencil(loops, body, tuple(additions), tuple(clears))

    def same(self, a: Operand, b: Operand) -> bool:
        """Whether two arrays may share elements."""
        return not self.distinct.apart(a, b)

    def offsets(self, index: Sequence[Operand], centre: tuple[Var, ...]) -> tuple[int, ...] | None:
        """Return an index relative to the loops' own."""
        if len(index) != len(centre):
            return None
        found = [self.subscripts.offset(x) for x in index]
        if any(at.base is not i for at, i in zip(found, centre, strict=True)):
            return None
        return tuple(at.constant for at in found)

    def relay(self, loop: For, before: Sequence[Stmt]) -> tuple[int, Stencil] | None:
        """Return a stencil whose two arrays the loop exchanges, and that finds ``u`` clear each time.

        What is cleared in ``v`` in one iteration is ``u`` in the next, which then can be
        stored to instead of added to, and clearing be left out.
        """
        if loop.exits:
            return None
        for at, stmt in enumerate(loop.body.stmts):
            s = self.stencil(stmt) if isinstance(stmt, For) else None
            if s is None or len({a.op.args[0] for a in s.additions}) != 1 or len(s.clears) != 1:
                continue
            u, v = _var(s.additions[0].op.args[0]), _var(s.clears[0].args[0])
            if u not in loop.params or v not in loop.params:
                continue
            p, q = loop.params.index(u), loop.params.index(v)
            if loop.body.results[p] is not v or loop.body.results[q] is not u:
                continue
            others = [x for x in loop.body.stmts if x is not stmt]
            if self.steady(loop, s) and self.elsewhere(others, s, (u, v)) and self.clean(loop.inits[p], before):
                return at, s
        return None

    def steady(self, loop: For, s: Stencil) -> bool:
        """Whether the stencil's range is the same in every iteration, and what is collected lies in it."""
        where = self.subscripts.where
        body = where.scope(loop.body).index
        ends = [x for inner in s.loops for x in (inner.start, inner.stop)]
        if any(isinstance(x, Var) and where.inside(where.home[x], body) for x in ends):
            return False
        axes = range(len(s.loops))
        return all(
            min(a.offsets[k] for a in s.additions) <= 0 <= max(a.offsets[k] for a in s.additions)
            and self.subscripts.natural(s.loops[k].index)
            for k in axes
        )

    def elsewhere(self, stmts: Sequence[Stmt], s: Stencil, arrays: tuple[Var, Var]) -> bool:
        """Whether statements touch two arrays outside the stencil's range only."""
        for stmt in stmts:
            for t in touched(stmt):
                if isinstance(t.array.type, Stack) or not any(self.same(t.array, x) for x in arrays):
                    continue
                index = subscripts_of(t.op)
                if index is None or not any(self.beyond(x, inner) for x, inner in zip(index, s.loops, strict=True)):
                    return False
        return True

    def beyond(self, x: Operand, loop: For) -> bool:
        """Whether an index lies outside a loop's range."""
        at = self.subscripts.offset(x)
        low, high = (loop.start, loop.stop) if loop.step == 1 else (loop.stop, loop.start)
        shift = 0 if loop.step == 1 else 1
        first, end = self.subscripts.offset(low), self.subscripts.offset(high)
        if at.base is end.base and at.constant >= end.constant + shift:
            return True
        return at.base is None and first.base is None and 0 <= at.constant < first.constant + shift

    def clean(self, array: Operand, before: Sequence[Stmt]) -> bool:
        """Whether a buffer made among some statements as zeros is still zeros after them."""
        memory = self.distinct.memory
        cls = memory.find(array)
        alone = self.subscripts.where.definition.get(_var(array))
        if isinstance(alone, Op):
            zeros = alone.name == "alloc" and alone.attr("zeros") and any(s is alone for s in before)
            found = (t.array for s in before for t in touched(s) if is_array(t.array))
            return bool(zeros) and all(self.distinct.apart(x, array) for x in found)
        makers = 0
        for stmt in before:
            if isinstance(stmt, Op) and stmt.out is not None and is_array(stmt.out) and memory.find(stmt.out) is cls:
                if stmt.name != "alloc" or not stmt.attr("zeros"):
                    return False
                makers += 1
            for t in touched(stmt):
                if is_array(t.array) and memory.find(t.array) is cls and not self.distinct.apart(t.array, array):
                    return False
        made = [
            v for v, d in self.subscripts.where.definition.items() if is_array(v) and (d is None or isinstance(d, Op))
        ]
        return makers > 0 and makers == sum(memory.find(v) is cls for v in made)


def _pure(op: Op) -> bool:
    if op.name in ("select", "cast", "dim"):
        return True
    return op.name in RULES and op.out is not None and isinstance(op.out.type, Scalar)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
