"""Checks of lengths made before the loops of their block.

Whole arrays are checked to have fitting shapes between the loops that work on them.  A failed
check only means that the plain function is run instead, so it may as well fail before any
of them: then lengths found equal are one value for all loops, and these can be merged.
"""

from __future__ import annotations

from revtrace.passes.scopes import defined
from revtrace.program.nodes import Block, Const, Op, Operand, Program, Stmt, Var, While, regions, walk
from revtrace.program.rebuild import map_blocks
from revtrace.program.types import Scalar
from revtrace.rules.core import RULES

__all__ = ["early"]


def early(program: Program) -> Program:
    """Return the program with checks of numbers known before a block's first region made there."""
    return Program(program.name, program.inputs, _block(program.body))


def _block(block: Block) -> Block:
    stmts = tuple(map_blocks(s, _block) for s in block.stmts)
    first = next((k for k, s in enumerate(stmts) if not isinstance(s, Op)), len(stmts))
    late: set[Operand] = {v for s in stmts[first:] for v in defined(s)}
    makers = {s.out: s for s in stmts[first:] if isinstance(s, Op) and s.out is not None}
    moved: dict[int, Stmt] = {}
    for stmt in stmts[first:]:
        if isinstance(stmt, Op) and stmt.name == "check" and not stmt.attr("soft"):
            chain: dict[int, Stmt] = {}
            if _chain(stmt, late, makers, chain):
                moved.update(chain)
                moved[id(stmt)] = stmt
        elif any(_leaves(b) for b in regions(stmt)):
            break
    rest = (s for s in stmts[first:] if id(s) not in moved)
    return Block((*stmts[:first], *moved.values(), *rest), block.results)


def _chain(stmt: Op, late: set[Operand], makers: dict[Var, Op], chain: dict[int, Stmt]) -> bool:
    """Collect the operations an operation's operands are made by after the first region; whether all can move."""
    for x in stmt.args:
        if x not in late:
            continue
        made = makers.get(x) if isinstance(x, Var) else None
        if made is None or not _moves(made) or not _chain(made, late, makers, chain):
            return False
        chain[id(made)] = made
    return True


def _moves(op: Op) -> bool:
    """Whether an operation computes a number from numbers and lengths, and never fails."""
    if op.name in ("floordiv", "mod"):
        return isinstance(op.args[1], Const) and op.args[1].value != 0
    if op.name in ("select", "cast", "dim"):
        return True
    return op.out is not None and isinstance(op.out.type, Scalar) and op.name in RULES


def _leaves(block: Block) -> bool:
    """Whether a block holds a loop that may never end: what follows it is left where it is."""
    return any(isinstance(s, While) for s in walk(block))
