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
from dataclasses import replace

from revtrace.passes.effects import buffers, touched
from revtrace.passes.fold import key
from revtrace.passes.loopbody import Arrays, Body, innermost
from revtrace.passes.scopes import defined, scopes
from revtrace.passes.simplify import simplify
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, While, const
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
        found = _first(Arrays(program, where, buffers(program, where)))
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


def _first(arrays: Arrays) -> tuple[Block, Block] | None:
    """Return a block with a loop to treat, and what becomes of it."""
    for scope in arrays.where.all:
        for at, stmt in enumerate(scope.block.stmts):
            if isinstance(stmt, For | While):
                found = _Loop(arrays, scope.block, at, stmt).treated()
                if found is not None:
                    return scope.block, found
    return None


class _Loop(Body):
    """A loop that may be treated."""

    def treated(self) -> Block | None:
        """Return the block with the loop treated, or None."""
        for k, s in enumerate(self.stmts):
            if isinstance(s, Op) and s.name == "copyto":
                a, b = s.args
                assert isinstance(a, Var) and isinstance(b, Var)
                if a is b or not (self.arrays.alone(a) and self.arrays.alone(b)):
                    continue
                found = self.there_and_back(k, a, b) or self.copied_first(k, b, a) or self.copied_last(k, a, b)
            elif isinstance(s, For):
                found = self.computed_apart(k, s)
            else:
                found = None
            if found is not None:
                return found
        return None

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
        ops = innermost(nest)
        if not ops or ops[-1].name != "store":
            return None
        u, taken = ops[-1].args[0], [op for op in ops if op.name == "load"]
        for new in dict.fromkeys(op.args[0] for op in taken if op.args[0] is not u):
            if (
                isinstance(new, Var)
                and self.arrays.alone(new)
                and set(self.touches[new]) == {min(self.touches[new]), last}
            ):
                break
        else:
            return None
        start = min(self.touches[new])
        if not isinstance(u, Var) or not self.arrays.alone(u) or start == last or not self.private(new, start):
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
        if any(t.writes and t.array is not u for op in ops for t in touched(op)):
            # What else it writes, the first nest may read at other places, before it is due.
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
            at = self.arrays.subscripts.offset(x)
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
