"""Counters in closed form: integers that a counted loop changes by the same amount each time.

``p += c`` in a loop becomes ``p = init + c * iteration``, and a trip count becomes
arithmetic on the loop's bounds: neither has to be carried, kept or undone.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.scopes import Scopes, scopes
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import fresh, map_blocks, substitute
from revtrace.program.types import INT

__all__ = ["counters"]


def counters(program: Program) -> Program:
    """Return the program with linear integer counters and trip counts of counted loops computed."""
    program = fresh(program)
    walker = _Walker(scopes(program))
    return Program(program.name, program.inputs, walker.block(program.body))


class _Walker:
    def __init__(self, where: Scopes) -> None:
        self.where = where

    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        swaps: dict[Var, Operand] = {}
        for stmt in block.stmts:
            if swaps:
                stmt = substitute(stmt, swaps)
            stmts += self.count(stmt, swaps) if isinstance(stmt, For) else [map_blocks(stmt, self.block)]
        return Block(tuple(stmts), tuple(swaps.get(x, x) if isinstance(x, Var) else x for x in block.results))

    def count(self, loop: For, swaps: dict[Var, Operand]) -> list[Stmt]:
        """Rewrite a counted loop; what its outs became is entered in ``swaps``."""
        linear = {k: c for k in range(len(loop.params)) if (c := self.amount(loop, k)) is not None}
        outside = Builder(loop.loc)
        trips: Operand = loop.count
        if not loop.exits:
            trips = trip_count(outside, loop)
            swaps[loop.count] = trips
        inside = Builder(loop.loc)
        own: dict[Var, Operand] = {}
        if linear:
            at = iteration(inside, loop)
            for k, (sign, step) in linear.items():
                own[loop.params[k]] = integer(inside, sign, loop.inits[k], integer(inside, "mul", at, step))
        inner = [substitute(s, own) if own else s for s in loop.body.stmts]
        results = [own.get(x, x) if isinstance(x, Var) else x for x in loop.body.results]
        body = self.block(Block((*inside.stmts, *inner), tuple(results)))
        keep = [k for k in range(len(loop.params)) if k not in linear]
        kept = Block(body.stmts, (*(body.results[k] for k in keep), *body.results[len(loop.params) :]))
        made = replace(
            loop,
            params=tuple(loop.params[k] for k in keep),
            inits=tuple(loop.inits[k] for k in keep),
            body=kept,
            outs=tuple(loop.outs[k] for k in keep),
        )
        after = Builder(loop.loc)
        for k, (sign, step) in linear.items():
            swaps[loop.outs[k]] = integer(after, sign, loop.inits[k], integer(after, "mul", trips, step))
        return [*outside.stmts, made, *after.stmts]

    def amount(self, loop: For, k: int) -> tuple[str, Operand] | None:
        """Return how a param changes, if by the same integer every time."""
        p, y = loop.params[k], loop.body.results[k]
        if p.type != INT or not isinstance(y, Var):
            return None
        # The statement as it is now: what it reads may have been replaced already.
        op = next((s for s in loop.body.stmts if isinstance(s, Op) and s.out is y), None)
        if op is None or op.name not in ("add", "sub"):
            return None
        a, c = op.args
        if op.name == "add" and c is p:
            a, c = c, a
        if a is not p or c is p:
            return None
        if isinstance(c, Var) and c in self.where.home and self.where.inside(self.where.home[c], self.where.home[p]):
            return None
        return op.name, c


def trip_count(b: Builder, loop: For) -> Operand:
    """Append the number of iterations of a loop without exits."""
    step = loop.step
    width = integer(b, "sub", loop.stop, loop.start) if step > 0 else integer(b, "sub", loop.start, loop.stop)
    if abs(step) != 1:
        width = integer(b, "add", width, const(abs(step) - 1))
        width = integer(b, "floordiv", width, const(abs(step)))
    return integer(b, "max", width, const(0))


def iteration(b: Builder, loop: For) -> Operand:
    """Append the number of iterations before this one."""
    done = integer(b, "sub", loop.index, loop.start) if loop.step > 0 else integer(b, "sub", loop.start, loop.index)
    return done if abs(loop.step) == 1 else integer(b, "floordiv", done, const(abs(loop.step)))
