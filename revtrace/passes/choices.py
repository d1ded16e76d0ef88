"""Choosing arrays where the arrays are known, rather than in a branch around.

The shadow of an array that a branch chooses must be chosen before the branch is reversed.  Where an arm hands
on what a branch in it chose (``if done: break`` before ``if t: a, b = b, a``), the arm hands out the inner condition,
and the choice is made once more after the outer branch, among arrays that are known there.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.scopes import is_array
from revtrace.program.nodes import Block, If, Operand, Program, Stmt, Var, const, defined, walk
from revtrace.program.rebuild import map_all
from revtrace.program.types import BOOL

__all__ = ["choices"]


def choices(program: Program) -> Program:
    """Return the program with no array from before two branches handed out of both at once; results are the same."""
    return Program(program.name, program.inputs, _block(program.body))


def _block(block: Block) -> Block:
    stmts: list[Stmt] = []
    for stmt in block.stmts:
        inner = map_all(stmt, _block)
        stmts += _flat(inner) if isinstance(inner, If) and any(map(is_array, inner.outs)) else [inner]
    return Block(tuple(stmts), block.results)


def _flat(stmt: If) -> list[Stmt]:
    """Return a branch that hands out numbers only where an arm chooses an array, and the choices after it."""
    arms = (stmt.then, stmt.orelse)
    made = [_choices(arm) for arm in arms]
    inside = {v for arm in arms for each in walk(arm) for v in defined(each)}

    def known(side: int, x: Operand) -> bool:
        """Tell whether what an arm hands on is, whichever way it goes, an array from before the branch."""
        inner = made[side].get(x)
        if inner is None:
            return x not in inside
        k = inner.outs.index(x)
        return all(known(side, arm.results[k]) for arm in (inner.then, inner.orelse))

    at = [
        k
        for k in range(len(stmt.outs))
        if any(arm.results[k] in own for arm, own in zip(arms, made, strict=True))
        and all(known(side, arm.results[k]) for side, arm in enumerate(arms))
    ]
    if not at:
        return [stmt]
    results = [[x for k, x in enumerate(arm.results) if k not in at] for arm in arms]
    outs = [out for k, out in enumerate(stmt.outs) if k not in at]
    conditions: dict[tuple[int, Operand], Var] = {}
    after: list[Stmt] = []

    def chosen(side: int, x: Operand) -> Operand:
        """Choose an array after the branch as its arm does."""
        inner = made[side].get(x) if isinstance(x, Var) else None
        if inner is None:
            return x
        k = inner.outs.index(x)
        if (side, inner.cond) not in conditions:
            out = conditions[side, inner.cond] = Var(BOOL, "chosen")
            outs.append(out)
            for other in (0, 1):
                results[other].append(inner.cond if other == side else const(False))
        ways = [Block((), (chosen(side, arm.results[k]),)) for arm in (inner.then, inner.orelse)]
        out = Var(x.type, getattr(x, "name", ""))
        after.append(If(conditions[side, inner.cond], ways[0], ways[1], (out,), inner.loc))
        return out

    for k in at:
        ways = [Block((), (chosen(side, arm.results[k]),)) for side, arm in enumerate(arms)]
        after.append(If(stmt.cond, ways[0], ways[1], (stmt.outs[k],), stmt.loc))
    then, orelse = (replace(arm, results=tuple(found)) for arm, found in zip(arms, results, strict=True))
    return [replace(stmt, then=then, orelse=orelse, outs=tuple(outs)), *after]


def _choices(block: Block) -> dict[Operand, If]:
    """Return the arrays that branches of a block choose, with the branches."""
    return {out: stmt for stmt in block.stmts if isinstance(stmt, If) for out in stmt.outs if is_array(out)}
