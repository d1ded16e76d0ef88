"""Additions to one element in each iteration of a loop, made a number that the loop hands on.

It is added to the element once, after the loop.  Nothing else in the loop may read or set that element: others of
its buffer are told from it by the ranges of the loops that count their subscripts.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.memory import zero
from revtrace.passes.scopes import Scopes, free, is_float, scopes
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.passes.tape import runs
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Program, Stmt, Var
from revtrace.program.rebuild import fresh, map_loops

__all__ = ["sums"]


def sums(program: Program) -> Program:
    """Return the program with such additions made sums of their loops."""
    program = fresh(program)
    where = scopes(program)
    return Program(program.name, program.inputs, _Sums(where, buffers(program, where)).block(program.body))


class _Sums:
    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.memory = memory
        self.subscripts = Subscripts(where)

    def block(self, block: Block) -> Block:
        return map_loops(block, self.loop)

    def loop(self, loop: For) -> list[Stmt]:
        outer = free(loop.body, (loop.index, *loop.params))
        # An array that the loop hands on may be another in each iteration: it is not from outside.
        found = [
            s
            for s in loop.body.stmts
            if isinstance(s, Op)
            and s.name == "addto"
            and is_float(s.args[1])
            and all(isinstance(x, Const) or x in outer for x in (s.args[0], *s.args[2:]))
            and self.alone(s, loop)
        ]
        inner = self.block(loop.body)
        if not found or loop.exits:
            return [replace(loop, body=inner)]
        b = Builder(loop.loc)
        params, outs, results, additions = [], [], [], []
        for s in found:
            p, out = Var(s.args[1].type, "bar"), Var(s.args[1].type, "bar")
            params.append(p)
            outs.append(out)
            results.append(b.op("accum", p, s.args[1]))
            additions.append(Op("addto", (s.args[0], out, *s.args[2:]), None, s.attrs, s.loc))
        gone = {id(s) for s in found}
        stmts = (*(s for s in inner.stmts if id(s) not in gone), *b.stmts)
        made = replace(
            loop,
            params=(*loop.params, *params),
            inits=(*loop.inits, *map(zero, params)),
            outs=(*loop.outs, *outs),
            body=Block(stmts, (*inner.results, *results)),
        )
        # Where it does not run there may be no such element.
        after = Builder(loop.loc)
        after.append(If(runs(after, loop), Block(tuple(additions)), Block(()), (), loop.loc))
        return [made, *after.stmts]

    def alone(self, op: Op, loop: For) -> bool:
        """Whether nothing in a loop reads or sets the element that an operation adds to."""
        place = self.memory.find(op.args[0])
        return all(
            t.op.name == "addto" or self.elsewhere(op, t.op)
            for t in touched(loop)
            if t.op is not op and self.memory.find(t.array) is place
        )

    def elsewhere(self, op: Op, other: Op) -> bool:
        """Whether two accesses of one array touch different elements, whatever iterations they are in."""
        p, q = subscripts_of(op), subscripts_of(other)
        if p is None or q is None or op.args[0] is not other.args[0]:
            return False
        front = self.subscripts.counts_from_front(op) and self.subscripts.counts_from_front(other)
        return front and any(map(self.subscripts.unequal, p, q))
