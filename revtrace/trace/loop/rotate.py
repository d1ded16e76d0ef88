"""Recognise ``while condition: body`` in a loop that was recorded as ``while true`` with a way out.

The body of such a loop computes the condition first and leaves at once, changing
nothing, when it is false.  Recorded as a `While` with a condition of its own, the
backward sweep need not keep which way was taken: the trip count says it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from revtrace.program.nodes import Block, Const, If, Op, Operand, Stmt, Var, const, regions
from revtrace.program.rebuild import clone
from revtrace.program.types import BOOL
from revtrace.rules import RULES
from revtrace.trace.sameness import is_filler

__all__ = ["tested_first"]

_PURE = frozenset(RULES) | {"load", "dim", "check", "select", "cast"}


def tested_first(
    stmts: Sequence[Stmt], yields: Sequence[Operand], flag: Operand, params: Sequence[Var]
) -> tuple[Block, Block] | None:
    """Return the condition's block and the body's, or None if the loop is not of this form."""
    if not stmts:
        return None
    leave = stmts[-1]
    if not (isinstance(leave, Op) and leave.name == "ne" and leave.out is flag):
        return None
    found = _peel(stmts[:-1], (*yields, leave.args[0]), params)
    if found is None:
        return None
    condition, cond, body, results = found
    return Block(tuple(condition), (cond,)), Block(tuple(body), results[:-1])


Peeled = tuple[list[Stmt], Operand, list[Stmt], tuple[Operand, ...]]


def _peel(stmts: Sequence[Stmt], results: tuple[Operand, ...], params: Sequence[Var]) -> Peeled | None:
    """Take a test off the front of a body; ``results`` are what it yields, and the tag last."""
    if not stmts:
        return None
    *front, test = stmts
    if not isinstance(test, If) or not all(_pure(s) for s in front):
        return None
    where = {out: k for k, out in enumerate(test.outs)}

    def on_arm(arm: Block) -> tuple[Operand, ...]:
        return tuple(arm.results[where[r]] if isinstance(r, Var) and r in where else r for r in results)

    arms = on_arm(test.then), on_arm(test.orelse)
    leaves = [
        _leaves(values, params) and not arm.stmts for values, arm in zip(arms, (test.then, test.orelse), strict=True)
    ]
    if leaves.count(True) != 1:
        return None
    inner, values = (test.orelse, arms[1]) if leaves[0] else (test.then, arms[0])
    condition, renamed = _cloned(front)
    cond = renamed.get(test.cond, test.cond)  # type: ignore[arg-type]
    if leaves[0]:
        inverted = Var(BOOL)
        condition.append(Op("not", (cond,), inverted, (), test.loc))
        cond = inverted
    tag = values[-1]
    if isinstance(tag, Const):
        if tag.value != 0:
            return None
        return condition, cond, [*front, *inner.stmts], values
    more = _peel(inner.stmts, values, params)
    if more is None:
        return None
    both = Var(BOOL)
    condition.append(If(cond, Block(tuple(more[0]), (more[1],)), Block((), (const(False),)), (both,), test.loc))
    return condition, both, [*front, *more[2]], more[3]


def _leaves(values: tuple[Operand, ...], params: Sequence[Var]) -> bool:
    """Whether an arm leaves the loop with everything as it was."""
    *carried, tag = values
    if not isinstance(tag, Const) or tag.value == 0:
        return False
    return all(v is p or is_filler(v) for v, p in zip(carried, params, strict=True))


def _pure(stmt: Stmt) -> bool:
    if isinstance(stmt, Op):
        return stmt.name in _PURE
    return all(_pure(s) for block in regions(stmt) for s in block.stmts)


def _cloned(stmts: Sequence[Stmt]) -> tuple[list[Stmt], dict[Var, Operand]]:
    """Copy statements, with new results."""
    renamed: dict[Var, Operand] = {}
    return [clone(s, renamed) for s in stmts], renamed
