"""Additions to the element that the next iteration reads: handed on as a number.

The reversal of ``d[i, j] = f(d[i, j - 1], d[i - 1, j])`` adds to the adjoint of the left neighbour, which the next
iteration reads at once::

    for j in range(m - 1, 0, -1):          left = 0.0
        g = bar[i, j]                      for j in range(m - 1, 0, -1):
        bar[i - 1, j] += p * g                 g = bar[i, j] = bar[i, j] + left
        bar[i, j - 1] += q * g                 bar[i - 1, j] += p * g
                                               left = q * g
                                           bar[i, 0] += left

What goes through memory takes several times as long as the addition.  A compiler may not do the same where it cannot
tell the other elements that are written from this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.memory import zero
from revtrace.passes.scopes import Scopes, named, scopes
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.passes.tape import integer, runs
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import fresh, map_loops
from revtrace.program.types import BOOL, Array, Scalar, is_inexact

__all__ = ["relay"]


def relay(program: Program) -> Program:
    """Return the program with such additions handed on; only sums of adjoints are regrouped."""
    program = fresh(program)
    where = scopes(program)
    return Program(program.name, program.inputs, _Relay(where, buffers(program, where)).block(program.body))


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is to be added in the next iteration, and whether anything is."""

    value: Operand
    told: Operand


class _Relay:
    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory
        self.subscripts = Subscripts(where)

    def block(self, block: Block) -> Block:
        """Rewrite the loops of a block."""
        return map_loops(block, self.loop)

    def loop(self, loop: For) -> list[Stmt]:
        """Return what takes the place of a loop."""
        inside = replace(loop, body=self.block(loop.body))
        if loop.exits or abs(loop.step) != 1:
            return [inside]
        for stmt in loop.body.stmts:
            if isinstance(stmt, Op) and stmt.name == "load":
                adds = self.additions(loop, stmt)
                if adds:
                    return self.relayed(inside, stmt, adds)
        return [inside]

    # what is asked of a loop ------------------------------------------------------------------

    def additions(self, loop: For, load: Op) -> list[Op]:
        """Return the additions to what a load of the next iteration reads, if they can wait for it."""
        array, place = load.args[0], load.args[1:]
        body = self.where.scope(loop.body).index
        assert isinstance(array, Var) and isinstance(array.type, Array)
        if not is_inexact(array.type.dtype) or self.where.inside(self.where.home[array], body):
            return []
        moving = [k for k, x in enumerate(place) if self.subscripts.offset(x).base is loop.index]
        lanes = [x for k, x in enumerate(place) if k not in moving]
        if len(moving) != 1 or not all(self.stays(x, body) for x in lanes):
            return []
        if not self.subscripts.counts_from_front(load):
            return []
        cls = self.memory.find(array)
        found = [t.op for t in touched(loop) if isinstance(t.array.type, Array) and self.memory.find(t.array) is cls]
        ops = list({id(op): op for op in found}.values())
        # In the loop's own block and its branches, not in loops inside.
        own = {id(s) for s in _own(loop.body)}
        adds = [op for op in ops if op.name == "addto" and id(op) in own and self.next(loop, op, load, moving[0])]
        if not adds or not any(op not in (load, *adds) for op in ops) and all(a in loop.body.stmts for a in adds):
            # Alone with its array: a compiler sees it.
            return []
        if not all(op in adds or self.may_be_there(op, load, adds, array) for op in ops if op is not load):
            return []
        before = [s for s in loop.body.stmts[: loop.body.stmts.index(load)] if self._touches(s, ops)]
        if before or not self.depends(loop.body, load, adds):
            return []
        return adds

    def _touches(self, stmt: Stmt, ops: Sequence[Op]) -> bool:
        return any(t.op is op for t in touched(stmt) for op in ops)

    def stays(self, x: Operand, body: int) -> bool:
        """Whether an index is the same in all iterations."""
        base = self.subscripts.offset(x).base
        return base is None or not self.where.inside(self.where.home[base], body)

    def next(self, loop: For, op: Op, load: Op, moving: int) -> bool:
        """Whether an operation is on the element that a load reads in the next iteration."""
        there, place = subscripts_of(op), load.args[1:]
        # Arrays that change places have several names, and none of them says which array it is.
        if there is None or op.args[0] is not load.args[0] or not self.subscripts.counts_from_front(op):
            return False
        for k, (x, y) in enumerate(zip(there, place, strict=True)):
            a, b = self.subscripts.offset(x), self.subscripts.offset(y)
            if a.base is not b.base or a.constant != b.constant + (loop.step if k == moving else 0):
                return False
        return True

    def may_be_there(self, op: Op, load: Op, adds: Sequence[Op], array: Var) -> bool:
        """Whether another operation on the array does not see if an addition waits until the next iteration."""
        if op.name == "dim" or op.name == "addto" and op.args[0] is array:
            return True
        there = subscripts_of(op)
        if there is None or op.args[0] is not array or not self.subscripts.counts_from_front(op):
            return False

        def elsewhere(x: Operand, y: Operand) -> bool:
            a, b = self.subscripts.offset(x), self.subscripts.offset(y)
            return a.base is b.base and a.constant != b.constant or self.subscripts.unequal(x, y)

        return all(any(map(elsewhere, there, subscripts_of(add) or ())) for add in adds)

    def depends(self, block: Block, load: Op, adds: Sequence[Op]) -> bool:
        """Whether what is added is computed from what is read: else iterations need not wait for one another."""
        from_it: set[Operand] = {load.out} if load.out is not None else set()

        def visit(block: Block) -> bool:
            for s in block.stmts:
                if isinstance(s, Op):
                    if from_it.intersection(s.args):
                        if any(s is a for a in adds):
                            return True
                        if s.out is not None:
                            from_it.add(s.out)
                elif isinstance(s, If):
                    if visit(s.then) or visit(s.orelse):
                        return True
                    for out, a, b in zip(s.outs, s.then.results, s.orelse.results, strict=True):
                        if a in from_it or b in from_it:
                            from_it.add(out)
                elif from_it & named(Block((s,))):
                    from_it.update(s.outs)
            return False

        return visit(block)

    # what is made -----------------------------------------------------------------------------

    def relayed(self, loop: For, load: Op, adds: Sequence[Op]) -> list[Stmt]:
        """Return the loop, which hands on what is to be added, and the last addition after it."""
        array = load.args[0]
        assert isinstance(array.type, Array) and load.out is not None
        kind = Scalar(array.type.dtype)
        gone = {id(a) for a in adds}
        carried, told = Var(kind, "handed"), Var(BOOL, "any")
        b = Builder(loop.loc)
        with b.block() as stmts:
            pending = self.collect(b, loop.body.stmts, gone, load, carried)
        assert pending is not None
        n = len(loop.params)
        more: list[tuple[Var, Operand, Operand, Var]] = [(carried, zero(carried), pending.value, Var(kind, "handed"))]
        if isinstance(pending.told, Var):
            more.append((told, const(False), pending.told, Var(BOOL, "any")))
        results = (*loop.body.results[:n], *(r for _, _, r, _ in more), *loop.body.results[n:])
        made = replace(
            loop,
            params=(*loop.params, *(p for p, _, _, _ in more)),
            inits=(*loop.inits, *(x for _, x, _, _ in more)),
            outs=(*loop.outs, *(out for _, _, _, out in more)),
            body=Block(tuple(stmts), results),
        )
        after = Builder(loop.loc)
        cond = more[1][3] if len(more) > 1 else runs(after, loop)
        with after.block() as last:
            at: list[Operand] = []
            for x in adds[0].args[2:]:
                to = self.subscripts.offset(x)
                base, constant = to.base, to.constant
                if base is None:
                    at.append(const(constant))
                elif base is loop.index:
                    # The last iteration's index is a step before where the loop stops.
                    at.append(integer(after, "add", loop.stop, const(constant - loop.step)))
                else:
                    at.append(integer(after, "add", base, const(constant)))
            attrs = adds[0].attrs if all(a.attrs == adds[0].attrs for a in adds) else ()
            after.append(Op("addto", (array, more[0][3], *at), None, attrs, adds[0].loc))
        after.append(If(cond, Block(tuple(last)), Block(()), (), loop.loc))
        return [made, *after.stmts]

    def collect(self, b: Builder, stmts: Sequence[Stmt], gone: set[int], load: Op, carried: Var) -> _Pending | None:
        """Write statements without the additions; return what they would have added."""
        kind = carried.type
        pending: _Pending | None = None
        for s in stmts:
            now: _Pending | None = None
            if s is load:
                assert load.out is not None
                b.loc = load.loc
                old = Var(kind, load.out.name)
                b.append(replace(load, out=old))
                b.append(Op("accum", (old, carried), load.out, (), load.loc))
                b.append(Op("store", (load.args[0], load.out, *load.args[1:]), None, load.attrs, load.loc))
            elif id(s) in gone:
                assert isinstance(s, Op)
                now = _Pending(s.args[1], const(True))
            elif isinstance(s, If):
                arms = []
                for arm in (s.then, s.orelse):
                    with b.block() as inner:
                        arms.append((self.collect(b, arm.stmts, gone, load, carried), inner, arm.results))
                sides = [found for found, _, _ in arms]
                if any(sides):
                    nothing = _Pending(zero(carried), const(False))
                    ways = [side or nothing for side in sides]
                    blocks = [
                        Block(tuple(inner), (*results, way.value, way.told))
                        for way, (_, inner, results) in zip(ways, arms, strict=True)
                    ]
                    value, told = Var(kind, "handed"), Var(BOOL, "any")
                    b.append(replace(s, then=blocks[0], orelse=blocks[1], outs=(*s.outs, value, told)))
                    now = _Pending(value, told)
                else:
                    b.append(s)
            else:
                b.append(s)
            if now is not None:
                pending = now if pending is None else _both(b, pending, now)
        return pending


def _both(b: Builder, first: _Pending, second: _Pending) -> _Pending:
    value = b.op("accum", first.value, second.value)
    if const(True) in (first.told, second.told):
        return _Pending(value, const(True))
    return _Pending(value, b.op("or", first.told, second.told, type=BOOL))


def _own(block: Block) -> list[Stmt]:
    """Return the statements of a block and of the branches in it."""
    found: list[Stmt] = []
    for s in block.stmts:
        found.append(s)
        if isinstance(s, If):
            found += _own(s.then) + _own(s.orelse)
    return found
