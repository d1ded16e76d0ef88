"""Loops that count down only because they mirror one, made to count up.

Where the order of iterations does not matter but for the rounding of adjoint sums,
counting up is what processors and compilers like best.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.distinct import Distinct
from revtrace.passes.effects import Buffers, Touch, buffers, touched
from revtrace.passes.scopes import scopes
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, const, regions, used
from revtrace.program.rebuild import fresh, map_loops

__all__ = ["ascend"]


def ascend(program: Program) -> Program:
    """Return the program with loops of independent iterations counting up."""
    program = fresh(program)
    where = scopes(program)
    memory = buffers(program, where)
    turner = _Turner(Subscripts(where), memory, Distinct(where, memory))
    return Program(program.name, program.inputs, turner.block(program.body))


class _Turner:
    def __init__(self, subscripts: Subscripts, memory: Buffers, distinct: Distinct) -> None:
        self.subscripts = subscripts
        self.memory = memory
        self.distinct = distinct

    def block(self, block: Block) -> Block:
        return map_loops(block, self.turned)

    def turned(self, loop: For) -> list[Stmt]:
        b = Builder(loop.loc)
        start, stop, step = loop.start, loop.stop, loop.step
        if loop.step == -1 and not loop.exits and self.sums(loop) and self.independent(loop):
            start, stop, step = integer(b, "add", loop.stop, const(1)), integer(b, "add", loop.start, const(1)), 1
        body = self.block(loop.body)
        return [*b.stmts, replace(loop, start=start, stop=stop, step=step, body=body)]

    def sums(self, loop: For) -> bool:
        """Whether everything carried is a sum of adjoints and read by nothing but that sum."""
        return all(
            _summed(loop.body, loop.body.results[k], p) and _readers(loop.body, p) == 1
            for k, p in enumerate(loop.params)
        )

    def independent(self, loop: For) -> bool:
        """Whether iterations touch no element that another writes, additions aside."""
        classes: dict[Var, list[Touch]] = {}
        for stmt in loop.body.stmts:
            for t in touched(stmt):
                if t.op.name in ("push", "pop"):
                    return False
                classes.setdefault(self.memory.find(t.array), []).append(t)
        for found in classes.values():
            writes = [t for t in found if t.writes]
            for w in writes:
                for t in found:
                    if t.op is w.op and w.op.name == "addto" or t.op.name == w.op.name == "addto":
                        continue
                    if not self.distinct.apart(w.array, t.array) and not self.own(loop, w.op, t.op):
                        return False
        return True

    def own(self, loop: For, a: Op, b: Op) -> bool:
        """Whether two accesses are, on one axis, both at the loop's index plus the same constant."""
        p, q = subscripts_of(a), subscripts_of(b)
        if p is None or q is None or len(p) != len(q):
            return False
        front = self.subscripts.counts_from_front(a) and self.subscripts.counts_from_front(b)
        for x, y in zip(p, q, strict=True):
            at, other = self.subscripts.offset(x), self.subscripts.offset(y)
            if at.base is loop.index and at == other and front:
                return True
        return False


def _summed(block: Block, y: Operand, p: Var) -> bool:
    """Whether a result is ``p`` plus terms, through nested loops too, no partial sum being read by others."""
    if y is p:
        return True
    if not isinstance(y, Var) or _readers(block, y) != 1:
        return False
    made = next((s for s in block.stmts if y in _outs(s)), None)
    match made:
        case Op(name="accum"):
            return sum(_summed(block, x, p) for x in made.args) == 1
        case For():
            k = made.outs.index(y) if y in made.outs else -1
            if k < 0 or not _summed(block, made.inits[k], p):
                return False
            inner = made.params[k]
            return _summed(made.body, made.body.results[k], inner) and _readers(made.body, inner) == 1
    return False


def _readers(block: Block, p: Var) -> int:
    """Return how often a value is read in a block and those within."""
    total = sum(x is p for x in block.results)
    for stmt in block.stmts:
        total += sum(x is p for x in used(stmt))
        total += sum(_readers(b, p) for b in regions(stmt))
    return total


def _outs(stmt: Stmt) -> tuple[Var, ...]:
    if isinstance(stmt, Op):
        return () if stmt.out is None else (stmt.out,)
    return stmt.outs
