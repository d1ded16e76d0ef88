"""Two arrays that a loop exchanges, instead of copying one to the other in every iteration.

Solvers with whole arrays step from one state to the next in one of these ways:

- ``old = u.copy(); u[1:-1] = f(old)``
- ``new = u.copy(); new[1:-1] = f(u); u = new``
- ``u[1:-1] = f(u)``, where all of the right-hand side is computed first, into an array of its own
- ``u = f(u)``

With a second array that holds the same elsewhere, each iteration writes what it sets into the one that is
not current; then the two change places.  What is not written in any iteration is the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.fold import key
from revtrace.passes.scopes import Scopes, defined, is_array, scopes
from revtrace.passes.simplify import simplify
from revtrace.passes.subscripts import Subscripts
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, While, const, regions, used
from revtrace.program.rebuild import clone, fresh, map_all, substitute, substitute_block
from revtrace.program.types import INT

__all__ = ["exchange"]

_MOST = 16
"""Loops treated: each is a walk of the whole program."""


def exchange(program: Program) -> Program:
    """Return the program with such loops; results are the same, bit for bit."""
    changed = False
    for _ in range(_MOST):
        program = fresh(program)
        where = scopes(program)
        finder = _Finder(program, where, buffers(program, where))
        found = finder.first()
        if found is None:
            break
        old, new = found
        program = Program(program.name, program.inputs, _replaced(program.body, old, new))
        changed = True
    # Indices were moved.
    return simplify(program) if changed else program


def _replaced(block: Block, old: Block, new: Block) -> Block:
    if block is old:
        return new
    return Block(tuple(map_all(s, lambda b: _replaced(b, old, new)) for s in block.stmts), block.results)


@dataclass(frozen=True, slots=True)
class _Writer:
    """A nest that stores one element of an array in each innermost iteration, which it may read before."""

    loops: tuple[For, ...]
    store: Op
    reads: bool


class _Finder:
    def __init__(self, program: Program, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory
        self.subscripts = Subscripts(where)
        self.names: dict[Var, int] = {}
        for v in where.home:
            if is_array(v):
                cls = memory.find(v)
                self.names[cls] = self.names.get(cls, 0) + 1
        self.inputs = set(program.inputs)

    def first(self) -> tuple[Block, Block] | None:
        """Return a block with a loop to treat, and what becomes of it."""
        for scope in self.where.all:
            for at, stmt in enumerate(scope.block.stmts):
                if isinstance(stmt, For | While):
                    found = _Loop(self, scope.block, at, stmt).treated()
                    if found is not None:
                        return scope.block, found
        return None

    def alone(self, array: Operand) -> bool:
        """Whether an array was made by the program and is known by one name."""
        return isinstance(array, Var) and array not in self.inputs and self.names.get(self.memory.find(array)) == 1

    def shape(self, array: Operand) -> tuple[object, ...] | None:
        """Return what names an array's lengths."""
        made = self.where.definition.get(array) if isinstance(array, Var) else None
        if isinstance(made, Op) and made.name == "alloc":
            return tuple(self.length(n) for n in made.args)
        if isinstance(made, Op) and made.name == "copy":
            return self.shape(made.args[0])
        if array in self.inputs:
            return tuple(("dim", array, axis) for axis in range(array.type.ndim))  # type: ignore[union-attr]
        return None

    def length(self, n: Operand) -> object:
        made = self.where.definition.get(n) if isinstance(n, Var) else None
        if isinstance(made, Op) and made.name == "dim":
            shape, axis = self.shape(made.args[0]), made.attr("axis")
            if shape is not None and isinstance(axis, int):
                return shape[axis]
        if isinstance(made, Op) and made.name == "max" and const(0) in made.args:
            # A length that was limited to be no less than zero.
            return self.length(made.args[made.args[0] == const(0)])
        return key(n)


class _Loop:
    """A loop that may be treated, the block that it is in, and who touches what in its body."""

    def __init__(self, finder: _Finder, block: Block, at: int, loop: For | While) -> None:
        self.finder = finder
        self.block = block
        self.at = at
        self.loop = loop
        self.stmts = tuple(map(self.as_copy, loop.body.stmts))
        self.touches: dict[Var, dict[int, bool]] = {}
        """By array, the statements of the body that touch it, and whether they write it."""
        for k, s in enumerate(self.stmts):
            for t in touched(s):
                if is_array(t.array):
                    here = self.touches.setdefault(t.array, {})  # type: ignore[arg-type]
                    here[k] = here.get(k, False) or t.writes

    def treated(self) -> Block | None:
        """Return the block with the loop treated, or None."""
        for k, s in enumerate(self.stmts):
            if isinstance(s, Op) and s.name == "copyto":
                a, b = s.args
                assert isinstance(a, Var) and isinstance(b, Var)
                if a is b or not (self.finder.alone(a) and self.finder.alone(b)):
                    continue
                found = self.there_and_back(k, a, b) or self.copied_first(k, b, a) or self.copied_last(k, a, b)
            elif isinstance(s, For):
                found = self.computed_apart(k, s)
            else:
                found = None
            if found is not None:
                return found
        return None

    def as_copy(self, stmt: Stmt) -> Stmt:
        """Return a nest that copies one array to another, all of it, as one operation."""
        ops = _innermost(stmt) if isinstance(stmt, For) else None
        if ops is None or [op.name for op in ops] != ["load", "store"] or ops[1].args[1] is not ops[0].out:
            return stmt
        source, target = ops[0].args[0], ops[1].args[0]
        if not (self.finder.alone(source) and self.finder.alone(target)) or source is target:
            return stmt
        assert isinstance(source, Var) and isinstance(target, Var)
        whole = self.fills(stmt, target) and ops[0].args[1:] == ops[1].args[2:] and self.same_shape(source, target)
        return Op("copyto", (target, source), None, (), stmt.loc) if whole else stmt

    # the ways ------------------------------------------------------------------------------

    def there_and_back(self, first: int, new: Var, u: Var) -> Block | None:
        """``new = u; new[...] = f(u); u = new``: as if u were written, and new kept what it was."""
        last = next((k for k in sorted(self.touches[new]) if k > first and self.copies(k, u, new)), None)
        if last is None or not self.private(new, first) or max(self.touches[new]) != last:
            return None
        names = {new: u, u: new}
        between = (substitute(s, names) for s in self.stmts[first + 1 : last])
        stmts = (*self.stmts[: first + 1], *between, *self.stmts[last + 1 :])
        return self.with_loop((), replace(self.loop, body=Block(stmts, self.loop.body.results)), {})

    def copied_first(self, first: int, u: Var, old: Var) -> Block | None:
        """``old = u; u[...] = f(old)``."""
        if not self.private(old, first) or any(w for k, w in self.touches[old].items() if k != first):
            return None
        writers = self.writers(u)
        if not writers or writers[0] < first or not self.contained(u) or not self.same_shape(u, old):
            return None
        current, other = Var(u.type, u.name), Var(old.type, old.name)
        before: list[Stmt] = [Op("copyto", (old, u), None, (), self.loop.loc)]
        stmts = []
        for k, s in enumerate(self.stmts):
            if k in writers:
                # What it reads of the array, if anything, is the element that it is about to set.
                s = _loads_from(s, u, current)
                written = self.writer(k, u)
                assert written is not None
                s = self.shifted(s, {x.index: x.index for x in written.loops}, written.store, before)
            if k != first:
                stmts.append(substitute(s, {u: current if k < writers[0] else other, old: current}))
        return self.swapped(before, u, old, current, other, stmts)

    def copied_last(self, last: int, u: Var, new: Var) -> Block | None:
        """``new = f(u); u = new``, all of new."""
        if max(self.touches[new]) != last or max(self.touches[u]) != last or not self.contained(u):
            return None
        start = min(self.touches[new])
        if not self.private(new, start) or not self.fills(self.stmts[start], new) or not self.same_shape(u, new):
            return None
        current, other = Var(u.type, u.name), Var(new.type, new.name)
        stmts = [substitute(s, {u: current, new: other}) for k, s in enumerate(self.stmts) if k != last]
        return self.swapped((), u, new, current, other, stmts)

    def computed_apart(self, last: int, nest: For) -> Block | None:
        """``new = f(u); u[...] = g(new, u[...])``."""
        ops = _innermost(nest)
        if not ops or ops[-1].name != "store":
            return None
        u, taken = ops[-1].args[0], [op for op in ops if op.name == "load"]
        for new in dict.fromkeys(op.args[0] for op in taken if op.args[0] is not u):
            if (
                isinstance(new, Var)
                and self.finder.alone(new)
                and set(self.touches[new]) == {min(self.touches[new]), last}
            ):
                break
        else:
            return None
        start = min(self.touches[new])
        if not isinstance(u, Var) or not self.finder.alone(u) or start == last or not self.private(new, start):
            return None
        made, set_, writers = self.writer(start, new), self.writer(last, u), self.writers(u)
        if made is None or set_ is None or not writers or writers[0] != last or not self.contained(u):
            return None
        if not self.fills(self.stmts[start], new) or [key(x.stop) for x in set_.loops] != [
            key(x.stop) for x in made.loops
        ]:
            return None
        if any(x.start != const(0) for x in set_.loops):
            return None
        index = tuple(x.index for x in set_.loops)
        late = {v for s in self.stmts[start:last] for v in defined(s)}
        if any(x in late for op in ops for x in op.args):
            return None
        for op in taken:
            written = any(w for k, w in self.touches[op.args[0]].items() if start <= k)  # type: ignore[index]
            if op.args[0] is new and op.args[1:] != index or op.args[0] not in (new, u) and written:
                return None
        second = Var(u.type, u.name)
        current, other = Var(u.type, u.name), Var(u.type, u.name)
        before: list[Stmt] = [Op("copy", (u,), second, (), self.loop.loc)]
        stmts = []
        for k, s in enumerate(self.stmts):
            if k == start:
                same: dict[Var, Operand] = {x: y.index for x, y in zip(index, made.loops, strict=True)}
                s = _exchanged(s, made.store, self.moved(ops, new, u, current, other, made.store, dict(same)))
                s = self.shifted(s, same, set_.store, before)
            if k != last:
                stmts.append(substitute(s, {u: current if k < last else other}))
        return self.swapped(before, u, second, current, other, stmts)

    def moved(
        self, ops: Sequence[Op], new: Var, u: Var, current: Var, other: Var, made: Op, values: dict[Var, Operand]
    ) -> list[Stmt]:
        """Return the operations of one nest for where another computes the number that they start from."""
        stmts: list[Stmt] = []
        for op in ops:
            if op.name == "load" and op.args[0] is new:
                assert op.out is not None
                values[op.out] = made.args[1]
                continue
            array = {"load": current, "store": other}.get(op.name)
            if array is not None and op.args[0] is u:
                op = replace(op, args=(array, *op.args[1:]))
            stmts.append(clone(op, values))
        return stmts

    def shifted(self, nest: Stmt, same: Mapping[Var, Operand], store: Op, before: list[Stmt]) -> Stmt:
        """Return a nest whose loops run over the places that a store sets, rather than from zero.

        ``same`` says which loop of the nest each index in the store's subscripts stands for; what ends loops is
        computed before.
        """
        amounts: dict[Operand, int] = {}
        for x in store.args[2:] if store.attr("safe") else ():
            at = self.finder.subscripts.offset(x)
            if at.base is not None and at.constant:
                amounts[same[at.base]] = at.constant

        def moved(stmt: Stmt) -> Stmt:
            if not isinstance(stmt, For):
                return stmt
            stmt = map_all(stmt, lambda b: Block(tuple(map(moved, b.stmts)), b.results))
            assert isinstance(stmt, For)
            by = amounts.pop(stmt.index, 0)
            if not by:
                return stmt
            index = Var(INT, stmt.index.name)
            ends = [_plus(x, by, before) for x in (stmt.start, stmt.stop)]
            stmts: list[Stmt] = [Op("sub", (index, const(by)), stmt.index, (), stmt.loc), *stmt.body.stmts]
            return replace(stmt, index=index, start=ends[0], stop=ends[1], body=Block(tuple(stmts), stmt.body.results))

        return moved(nest)

    # what they ask ----------------------------------------------------------------------------

    def copies(self, k: int, target: Var, source: Var) -> bool:
        """Whether a statement copies one array to another."""
        s = self.stmts[k]
        return isinstance(s, Op) and s.name == "copyto" and s.args == (target, source)

    def same_shape(self, a: Var, b: Var) -> bool:
        shape = self.finder.shape(a)
        return shape is not None and shape == self.finder.shape(b)

    def private(self, array: Var, first: int) -> bool:
        """Whether an array made before the loop is used in its body only, and a statement is the first to touch it."""
        if array not in self.touches or min(self.touches[array]) != first:
            return False
        home = self.finder.where.home[array]
        if self.finder.where.inside(home, self.finder.where.scope(self.loop.body).index):
            return False
        return self.uses(self.finder.where.all[home].block, array) == self.uses(self.loop.body, array)

    def uses(self, block: Block, array: Var) -> int:
        """Count the statements in a block that name an array, lengths apart."""
        found = sum(x is array for x in block.results)
        for s in block.stmts:
            found += sum(x is array for x in used(s)) * (not isinstance(s, Op) or s.name != "dim")
            found += sum(self.uses(b, array) for b in regions(s))
        return found

    def contained(self, array: Var) -> bool:
        """Whether what an array holds is of account in the loop's block only."""
        where = self.finder.where
        home = where.home[array]
        if where.all[home].block is self.block:
            return True
        if self.uses(where.all[home].block, array) != self.uses(self.block, array):
            return False
        for s in self.block.stmts[: self.at]:
            if any(t.array is array for t in touched(s)):
                return self.fills(s, array)
        return False

    def fills(self, stmt: Stmt, array: Var) -> bool:
        """Whether a statement sets all elements of an array before it reads any."""
        if isinstance(stmt, Op):
            return stmt.name in ("copyto", "fill") and stmt.args[0] is array and array not in stmt.args[1:]
        shape = self.finder.shape(array)
        index: list[Var] = []
        while isinstance(stmt, For):
            axis = len(index)
            if stmt.exits or stmt.step != 1 or stmt.start != const(0) or shape is None or axis >= len(shape):
                return False
            if self.finder.length(stmt.stop) != shape[axis]:
                return False
            index.append(stmt.index)
            stmt = next(s for s in stmt.body.stmts if any(t.array is array for t in touched(s)))
        return isinstance(stmt, Op) and stmt.name == "store" and stmt.args[0] is array and stmt.args[2:] == tuple(index)

    def writer(self, at: int, array: Var) -> _Writer | None:
        """Return how a statement of the body writes an array, if it does so in a fixed region, each element once.

        It may read an element before it sets it, and no other.
        """
        stmt = self.stmts[at]
        inside = self.finder.where.scope(self.loop.body).index
        loops: list[For] = []
        reads: list[Stmt] = []
        while isinstance(stmt, For):
            if stmt.exits or stmt.step != 1:
                return None
            for x in (stmt.start, stmt.stop):
                if isinstance(x, Var) and self.finder.where.inside(self.finder.where.home[x], inside):
                    return None
            loops.append(stmt)
            *reads, stmt = [s for s in stmt.body.stmts if any(t.array is array for t in touched(s))]
            if reads and isinstance(stmt, For):
                return None
        if not isinstance(stmt, Op) or stmt.name != "store" or stmt.args[0] is not array:
            return None
        place = stmt.args[2:]
        if any(not isinstance(s, Op) or s.name != "load" or s.args[1:] != place for s in reads):
            return None
        bases = [self.finder.subscripts.offset(x).base for x in place]
        indices = [b for b in bases if b is not None]
        if len(set(indices)) != len(indices) or set(indices) != {x.index for x in loops}:
            return None
        return _Writer(tuple(loops), stmt, bool(reads))

    def writers(self, u: Var) -> list[int]:
        """Return the statements of the body that write an array; none unless all set fixed regions and none reads it.

        Nor may it be read between the first and the last, when part of it is still what it was two iterations ago.
        """
        found = sorted(k for k, writes in self.touches.get(u, {}).items() if writes)
        how = [self.writer(k, u) for k in found]
        if not how or None in how or len(how) > 1 and any(w is not None and w.reads for w in how):
            return []
        if isinstance(self.loop, While) and any(t.array is u for s in self.loop.cond.stmts for t in touched(s)):
            return []
        between = range(found[0], found[-1] + 1)
        return [] if any(k in between and not writes for k, writes in self.touches[u].items()) else found

    # what is made -----------------------------------------------------------------------------

    def swapped(
        self, before: Sequence[Stmt], u: Var, second: Var, current: Var, other: Var, stmts: Sequence[Stmt]
    ) -> Block:
        """Return the block with a loop that exchanges two arrays."""
        loop = self.loop
        n = len(loop.params)
        results = (*loop.body.results[:n], other, current, *loop.body.results[n:])
        last, spare = Var(u.type, u.name), Var(second.type, second.name)
        made = replace(
            loop,
            params=(*loop.params, current, other),
            inits=(*loop.inits, u, second),
            body=Block(tuple(stmts), results),
            outs=(*loop.outs, last, spare),
        )
        if isinstance(made, While):
            made = replace(made, cond=substitute_block(made.cond, {u: current}))
        return self.with_loop(before, made, {u: last})

    def with_loop(self, before: Sequence[Stmt], loop: For | While, names: Mapping[Var, Operand]) -> Block:
        """Return the block with another loop, and other names after it."""
        stmts = self.block.stmts
        after = (substitute(s, names) for s in stmts[self.at + 1 :])
        results = tuple(names.get(x, x) if isinstance(x, Var) else x for x in self.block.results)
        return Block((*stmts[: self.at], *before, loop, *after), results)


def _innermost(nest: Stmt) -> list[Op] | None:
    """Return the operations of a nest of loops, in order; None unless all of it is one chain of loops."""
    ops: list[Op] = []
    while isinstance(nest, For):
        if nest.params:
            return None
        *own, last = nest.body.stmts or (None,)
        if last is None or not all(isinstance(s, Op) for s in own):
            return None
        ops += own  # type: ignore[arg-type]
        nest = last
    return [*ops, nest] if isinstance(nest, Op) else None


def _exchanged(stmt: Stmt, old: Op, new: Sequence[Stmt]) -> Stmt:
    """Return a nest with an operation replaced."""

    def block(b: Block) -> Block:
        stmts: list[Stmt] = []
        for s in b.stmts:
            stmts += new if s is old else (map_all(s, block),)
        return Block(tuple(stmts), b.results)

    return map_all(stmt, block)


def _loads_from(stmt: Stmt, array: Var, other: Var) -> Stmt:
    """Return a nest that reads another array instead of one."""
    if isinstance(stmt, Op):
        return replace(stmt, args=(other, *stmt.args[1:])) if stmt.name == "load" and stmt.args[0] is array else stmt
    return map_all(stmt, lambda b: Block(tuple(_loads_from(s, array, other) for s in b.stmts), b.results))


def _plus(x: Operand, by: int, before: list[Stmt]) -> Operand:
    """Return an integer plus a constant; what computes it is appended."""
    if not isinstance(x, Var):
        return const(int(x.value.real) + by)
    out = Var(INT, "")
    before.append(Op("add", (x, const(by)), out))
    return out
