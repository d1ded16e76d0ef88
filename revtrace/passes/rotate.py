"""Putting the exit test of a ``while`` loop where the loop tests.

A loop that runs for ever and leaves from one branch, at a test near its top,

    while true: test; if going: body  else: leave

becomes ``while test: body`` followed by what the leaving branch did.  The trip count
becomes known without a flag, and a counter is no longer cleared on the way out.
"""

from __future__ import annotations

from collections.abc import Sequence

from revtrace.passes.fold import folded
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import clone, fresh, map_blocks, substitute
from revtrace.program.types import BOOL, INT, Array, Scalar
from revtrace.rules.core import RULES

__all__ = ["rotate"]

_LONGEST = 24
"""Operations before the test that are worth repeating."""


def rotate(program: Program) -> Program:
    """Return the program with such loops rotated."""
    program = fresh(program)
    return Program(program.name, program.inputs, _block(program.body))


def _block(block: Block) -> Block:
    stmts: list[Stmt] = []
    values: dict[Var, Operand] = {}
    for stmt in block.stmts:
        stmt = map_blocks(substitute(stmt, values) if values else stmt, _block)
        turned = _rotated(stmt, values) if isinstance(stmt, While) else None
        stmts += [stmt] if turned is None else turned
    return Block(tuple(stmts), tuple(values.get(x, x) if isinstance(x, Var) else x for x in block.results))


def _rotated(loop: While, values: dict[Var, Operand]) -> list[Stmt] | None:
    """Return what replaces a loop, or None; what its outs became is entered in ``values``."""
    found = _split(loop)
    if found is None:
        return None
    pre, fork, stay, leave, negate = found
    n = len(loop.params)
    if any(isinstance(p.type, Array) and leave[k] is not p for k, p in enumerate(loop.params)):
        return None
    # The test: a copy of what comes before the branch, on params.
    copies: dict[Var, Operand] = {}
    test: list[Stmt] = [clone(s, copies) for s in pre]
    going = copies.get(fork.cond, fork.cond) if isinstance(fork.cond, Var) else fork.cond
    if negate:
        b = Builder(fork.loc)
        going = b.op("not", going, type=BOOL)
        test += b.stmts
    arm, away = (fork.orelse, fork.then) if negate else (fork.then, fork.orelse)
    outs = tuple(Var(v.type, v.name) for v in loop.outs)
    count = Var(INT, loop.count.name)
    body = Block((*pre, *arm.stmts), tuple(stay[:n]))
    made = While(loop.params, loop.inits, Block(tuple(test), (going,)), body, outs, count, False, loop.loc)
    # After the loop: what the leaving branch did, once.
    last: dict[Var, Operand] = dict(zip(loop.params, outs, strict=True))
    after: list[Stmt] = [clone(s, last) for s in (*pre, *away.stmts)]
    b = Builder(loop.loc)
    values[loop.count] = b.op("add", count, const(1), type=INT)
    for k, v in enumerate(loop.outs):
        x = leave[k]
        values[v] = last.get(x, x) if isinstance(x, Var) else x
    return [made, *after, *b.stmts]


def _split(
    loop: While,
) -> tuple[Sequence[Op], If, Sequence[Operand], Sequence[Operand], bool] | None:
    """Take a body apart: what comes before the branch, the branch, and what either arm hands on."""
    if (
        not loop.exits
        or loop.cond.stmts
        or not isinstance(loop.cond.results[0], Const)
        or not loop.cond.results[0].value
    ):
        return None
    stmts = loop.body.stmts
    at = next((k for k, s in enumerate(stmts) if not _pure(s)), None)
    if at is None or at > _LONGEST or not isinstance(stmts[at], If):
        return None
    fork = stmts[at]
    assert isinstance(fork, If)
    rest = stmts[at + 1 :]
    if not all(isinstance(s, Op) and _pure(s) and s.name != "load" for s in rest):
        return None
    pre = [s for s in stmts[:at] if isinstance(s, Op)]
    post = [s for s in rest if isinstance(s, Op)]
    ends = []
    for arm in (fork.then, fork.orelse):
        values: dict[Var, Operand] = dict(zip(fork.outs, arm.results, strict=True))
        for op in post:
            assert op.out is not None
            args = tuple(values.get(x, x) if isinstance(x, Var) else x for x in op.args)
            known = folded(Op(op.name, args, op.out, op.attrs))
            if known is None:
                return None
            values[op.out] = known
        ends.append([values.get(x, x) if isinstance(x, Var) else x for x in loop.body.results])
    exits = [e[-1] for e in ends]
    if not all(isinstance(x, Const) for x in exits):
        return None
    flags = [bool(x.value) for x in exits if isinstance(x, Const)]
    if flags == [False, True]:
        return pre, fork, ends[0], ends[1], False
    if flags == [True, False]:
        return pre, fork, ends[1], ends[0], True
    return None


def _pure(stmt: Stmt) -> bool:
    if not isinstance(stmt, Op):
        return False
    if stmt.name in ("load", "dim", "select", "cast"):
        return True
    return stmt.name in RULES and stmt.out is not None and isinstance(stmt.out.type, Scalar)
