"""Indices that count round an axis: ``(i + 1) % n`` without a division.

In a loop over ``range(n)`` the neighbour's index leaves the axis in one iteration only, so a comparison
finds the remainder; a division of integers costs more than the rest of such a loop.  Such a remainder is
marked ``near``: its first operand lies between -1 and the second.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.fold import key
from revtrace.passes.scopes import scopes
from revtrace.passes.subscripts import Subscripts
from revtrace.program.nodes import Block, Op, Program, Stmt, const
from revtrace.program.rebuild import fresh, map_all
from revtrace.program.types import INT

__all__ = ["around"]


def around(program: Program) -> Program:
    """Return the program with remainders of neighbours' indices marked."""
    program = fresh(program)
    subscripts = Subscripts(scopes(program))

    def block(old: Block) -> Block:
        return Block(tuple(map(change, old.stmts)), old.results)

    def change(stmt: Stmt) -> Stmt:
        if not isinstance(stmt, Op) or stmt.name != "mod" or stmt.args[0].type != INT:
            return map_all(stmt, block)
        x, n = stmt.args
        at = subscripts.offset(x)
        loop = subscripts.loop_of(at.base)
        if loop is None or loop.step != 1 or loop.start != const(0) or key(loop.stop) != key(n):
            return stmt
        return replace(stmt, attrs=(("near", True),)) if abs(at.constant) <= 1 else stmt

    return Program(program.name, program.inputs, block(program.body))
