"""Loops over the same range made one, and the arrays between them made smaller.

Statements of whole arrays become loops one after the other, each reading what the last one wrote.
Two loops of a block are merged when one reads what the other writes, each element no later than it is
written, and nothing between them stands in the way.  An array that only the merged loop uses, each
iteration its own part, is then made in the iteration, with one axis less; without any, it is a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from revtrace.passes.effects import Buffers, Touch, buffers, touched
from revtrace.passes.fold import key
from revtrace.passes.scopes import defined, free, is_array, scopes
from revtrace.passes.subscripts import Offset, Subscripts, subscripts_of
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, While, regions, used, walk
from revtrace.program.rebuild import fresh, map_all, map_blocks, substitute
from revtrace.program.types import Array, Stack
from revtrace.rules.core import RULES

__all__ = ["merge"]

_MOST = 400
"""Statements, those inside them included, of one block's merged loop."""


def merge(program: Program) -> Program:
    """Return the program with loops merged; results are the same, bit for bit."""
    program = fresh(program)
    where = scopes(program)
    merger = _Merger(buffers(program, where), Subscripts(where))
    return Program(program.name, program.inputs, merger.block(program.body))


@dataclass(slots=True)
class _Facts:
    """What a statement uses, makes and touches, its blocks included."""

    stmt: Stmt
    uses: set[Operand]
    makes: set[Operand]
    size: int
    touches: dict[Var, list[Touch]]
    reads: set[Var] = field(default_factory=set)
    writes: set[Var] = field(default_factory=set)
    merges: bool = False
    """Whether it is a loop that may be merged with another."""

    def after(self, other: _Facts | _Together) -> bool:
        """Whether it must stay after another statement, or after one of several."""
        return not (
            self.uses.isdisjoint(other.makes)
            and self.reads.isdisjoint(other.writes)
            and self.writes.isdisjoint(other.reads)
            and self.writes.isdisjoint(other.writes)
        )


@dataclass(slots=True)
class _Together:
    """What several statements make and touch."""

    makes: set[Operand] = field(default_factory=set)
    reads: set[Var] = field(default_factory=set)
    writes: set[Var] = field(default_factory=set)

    def add(self, one: _Facts) -> None:
        self.makes |= one.makes
        self.reads |= one.reads
        self.writes |= one.writes


def _late(facts: list[_Facts], first: int, second: int) -> list[int] | None:
    """Return which statements between two loops must stay after the first one; None where one keeps the second back."""
    late: list[int] = []
    held = _Together()
    held.add(facts[first])
    for j in range(first + 1, second):
        between = facts[j]
        if between.after(held):
            if facts[second].after(between) or _is_check(between.stmt):
                return None
            late.append(j)
            held.add(between)
    return late


class _Merger:
    def __init__(self, memory: Buffers, subscripts: Subscripts) -> None:
        self.memory = memory
        self.subscripts = subscripts
        self.became: dict[Var, Var] = {}
        self.sizes: dict[Var, int] = {}
        for v in subscripts.where.home:
            if is_array(v):
                cls = memory.find(v)
                self.sizes[cls] = self.sizes.get(cls, 0) + 1

    def block(self, block: Block) -> Block:
        stmts = self.shrunk(self.merged(block), block.results)
        return Block(tuple(map_blocks(s, self.block) for s in stmts), block.results)

    # merging ------------------------------------------------------------------------------

    def merged(self, block: Block) -> list[Stmt]:
        """Return a block's statements with loops of its own merged."""
        if sum(isinstance(s, For) for s in block.stmts) < 2:
            return list(block.stmts)
        facts = [self.facts(s) for s in block.stmts]
        at = 0
        while at < len(facts):
            found = self.with_earlier(facts, at, block.results) if facts[at].merges else None
            if found is None:
                at += 1
            else:
                facts, at = found
        return [f.stmt for f in facts]

    def facts(self, stmt: Stmt) -> _Facts:
        found = _Facts(stmt, {*used(stmt), *(v for b in regions(stmt) for v in free(b))}, set(defined(stmt)), 1, {})
        inner = [s for b in regions(stmt) for s in walk(b)]
        found.size += len(inner)
        for t in touched(stmt):
            assert isinstance(t.array, Var)
            cls = t.array if isinstance(t.array.type, Stack) else self.memory.find(t.array)
            found.touches.setdefault(cls, []).append(t)
            (found.writes if t.writes else found.reads).add(cls)
        found.merges = (
            isinstance(stmt, For)
            and stmt.step == 1
            and not stmt.exits
            and not any(map(is_array, stmt.params))
            and not any(isinstance(s, Op) and (s.name == "check" or not _certain(s)) for s in inner)
        )
        return found

    def with_earlier(
        self, facts: list[_Facts], at: int, results: tuple[Operand, ...]
    ) -> tuple[list[_Facts], int] | None:
        """Merge a loop with one before it; return the statements then, and where the loop is."""
        b = facts[at]
        for k in range(at - 1, -1, -1):
            a = facts[k]
            if not a.merges or a.writes.isdisjoint(b.reads) or a.size + b.size > _MOST or not self.fit(a, b):
                continue
            if _only_one_is_simple(a.stmt, b.stmt) and not self.shrinks(facts, a, b, results):
                continue
            late = _late(facts, k, at)
            assert isinstance(a.stmt, For)
            if late is None or a.stmt.count in results or any(a.stmt.count in f.uses for f in facts[k + 1 :]):
                continue
            stay = set(late)
            early = [facts[j] for j in range(k + 1, at) if j not in stay]
            both = self.facts(self.joined(a.stmt, b.stmt))
            made = [*facts[:k], *early, both, *(facts[j] for j in late), *facts[at + 1 :]]
            return made, k + len(early)
        return None

    def fit(self, a: _Facts, b: _Facts) -> bool:
        """Whether the iterations of two loops, one after the other, may take turns."""
        first, second = a.stmt, b.stmt
        assert isinstance(first, For) and isinstance(second, For)
        if not _same_range(first, second) or b.uses & a.makes:
            return False
        if _innermost(first) and _innermost(second) and _sequential(first) != _sequential(second):
            # One could be vectorised, the other not.
            return False
        shared = (a.writes & (b.reads | b.writes)) | (a.reads & b.writes)
        return all(
            self.in_turn(x, first.index, y, second.index)
            for cls in shared
            for x in a.touches[cls]
            for y in b.touches[cls]
            if x.writes or y.writes
        )

    def shrinks(self, facts: list[_Facts], a: _Facts, b: _Facts, results: tuple[Operand, ...]) -> bool:
        """Whether an array between two loops could be one of the merged loop's own."""
        made = {f.stmt.out for f in facts if isinstance(f.stmt, Op) and f.stmt.name == "alloc"}
        for x in made & a.uses & b.uses:
            users = [f for f in facts if x in f.uses]
            if x not in results and all(f.merges and _same_range(f.stmt, b.stmt) for f in users):
                return True
        return False

    def in_turn(self, x: Touch, i: Var, y: Touch, j: Var) -> bool:
        """Whether an access in an iteration is to an element that the other loop came by no later than that."""
        here, there = subscripts_of(x.op), subscripts_of(y.op)
        if here is None or there is None:
            return False
        for p, q in zip(map(self.offset, here), map(self.offset, there), strict=True):
            if p.base is i and q.base is j and q.constant <= p.constant:
                return True
        return False

    def offset(self, x: Operand) -> Offset:
        """Write a subscript as a value plus a constant; indices of merged loops are the same value."""
        found = self.subscripts.offset(x)
        base = found.base
        while base is not None and base in self.became:
            base = self.became[base]
        return replace(found, base=base)

    def joined(self, a: Stmt, b: Stmt) -> For:
        assert isinstance(a, For) and isinstance(b, For)
        self.became[a.index] = b.index
        stmts = (*(substitute(s, {a.index: b.index}) for s in a.body.stmts), *b.body.stmts)
        results = tuple(b.index if x is a.index else x for x in a.body.results)
        return replace(
            b,
            params=(*a.params, *b.params),
            inits=(*a.inits, *b.inits),
            body=Block(stmts, (*results, *b.body.results)),
            outs=(*a.outs, *b.outs),
        )

    # arrays between them -----------------------------------------------------------------

    def shrunk(self, stmts: list[Stmt], results: tuple[Operand, ...]) -> list[Stmt]:
        """Return statements with arrays that one loop uses piece by piece made in its iterations."""
        users: dict[Operand, list[int]] = {}
        for k, s in enumerate(stmts):
            for v in {*used(s), *(v for b in regions(s) for v in free(b))}:
                if is_array(v):
                    users.setdefault(v, []).append(k)
        found: list[Stmt | None] = list(stmts)
        for k, alloc in enumerate(stmts):
            a = alloc.out if isinstance(alloc, Op) and alloc.name == "alloc" else None
            if a is None or a in results or self.sizes.get(self.memory.find(a)) != 1 or len(users.get(a, ())) != 1:
                continue
            assert isinstance(alloc, Op)
            at = users[a][0]
            loop = found[at]
            if isinstance(loop, For) and a not in loop.inits and all(map(self.subscripts.natural, alloc.args)):
                made = self.in_iterations(loop, alloc, a)
                if made is not None:
                    found[at], found[k] = made, None
        return [s for s in found if s is not None]

    def in_iterations(self, loop: For, alloc: Op, a: Var) -> For | None:
        """Return the loop with an array made in each iteration, one axis less."""
        ops = [s for s in walk(loop.body) if a in used(s)]
        axes = set(range(len(alloc.args)))
        for op in ops:
            at = subscripts_of(op) if isinstance(op, Op) and op.args[0] is a else None
            if at is None or not op.attr("safe"):  # type: ignore[union-attr]
                return None
            axes = {k for k in axes if self.offset(at[k]) == Offset(loop.index, 0)}
        if not axes:
            return None
        axis = min(axes)
        if len(alloc.args) == 1:
            return _as_number(loop, a)
        assert isinstance(a.type, Array)
        part = Var(Array(a.type.dtype, a.type.ndim - 1), a.name)
        self.sizes[part] = 1
        swaps: dict[int, Op | None] = {id(op): _with_less(op, part, axis) for op in ops}
        body = _swapped(loop.body, swaps)
        made = replace(alloc, args=_without(alloc.args, axis), out=part)
        return replace(loop, body=Block((made, *body.stmts), body.results))


def _certain(op: Op) -> bool:
    """Whether an operation never stops the program, if it accesses memory."""
    return subscripts_of(op) is None or bool(op.attr("safe"))


def _is_check(stmt: Stmt) -> bool:
    inner = (s for b in regions(stmt) for s in walk(b))
    return any(isinstance(s, Op) and s.name == "check" and not s.attr("soft") for s in (stmt, *inner))


def _same_range(a: Stmt, b: Stmt) -> bool:
    assert isinstance(a, For) and isinstance(b, For)
    return key(a.start) == key(b.start) and key(a.stop) == key(b.stop)


def _only_one_is_simple(a: Stmt, b: Stmt) -> bool:
    """Whether one of two loops has none inside, and calls functions, many at a time unless merged with the other."""
    assert isinstance(a, For) and isinstance(b, For)
    if _innermost(a) == _innermost(b):
        return False
    simple = a if _innermost(a) else b
    return any(isinstance(s, Op) and s.name in RULES and not RULES[s.name].cheap for s in simple.body.stmts)


def _innermost(loop: For) -> bool:
    return not any(isinstance(s, For | While) for s in walk(loop.body))


def _sequential(loop: For) -> bool:
    """Whether an iteration needs the one before, for more than to add to a sum."""
    sums = {s.out for s in loop.body.stmts if isinstance(s, Op) and s.name == "accum"}
    return not all(x in sums for x in loop.body.results)


def _uses(stmt: Stmt, a: Var) -> bool:
    return a in used(stmt) or any(a in free(b) for b in regions(stmt))


def _as_number(loop: For, a: Var) -> For | None:
    """Return a loop with an array that holds one element per iteration made a number, where one store sets it."""
    stores = [k for k, s in enumerate(loop.body.stmts) if isinstance(s, Op) and s.name == "store" and s.args[0] is a]
    if len(stores) != 1:
        return None
    at = stores[0]
    value = loop.body.stmts[at]
    assert isinstance(value, Op)
    if any(_uses(s, a) for s in loop.body.stmts[:at]):
        return None
    loads = [s for k in loop.body.stmts[at + 1 :] for s in _within(k) if a in used(s)]
    if any(not isinstance(s, Op) or s.name != "load" for s in loads):
        return None
    body = _swapped(loop.body, {id(s): None for s in (value, *loads)})
    became = {s.out: value.args[1] for s in loads if isinstance(s, Op) and s.out is not None}
    made = substitute(replace(loop, body=body), became)
    assert isinstance(made, For)
    return made


def _within(stmt: Stmt) -> Iterator[Stmt]:
    yield stmt
    for b in regions(stmt):
        yield from walk(b)


def _with_less(op: Stmt, part: Var, axis: int) -> Op:
    assert isinstance(op, Op)
    head = 1 if op.name == "load" else 2
    return replace(op, args=(part, *op.args[1:head], *_without(op.args[head:], axis)))


def _without(xs: tuple[Operand, ...], k: int) -> tuple[Operand, ...]:
    return (*xs[:k], *xs[k + 1 :])


def _swapped(block: Block, swaps: dict[int, Op | None]) -> Block:
    """Return a block with operations in it replaced or left out."""

    def change(old: Block) -> Block:
        made = [swaps[id(s)] if id(s) in swaps else map_all(s, change) for s in old.stmts]
        return Block(tuple(s for s in made if s is not None), old.results)

    return change(block)
