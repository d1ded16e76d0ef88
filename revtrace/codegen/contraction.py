"""Sums of adjoints that are not to be rounded together with a product they add.

A sum whose order is free may add a product without rounding that first, by one instruction: a fused multiply-add.
It takes the time of a product.  Where a loop hands a sum on to its next iteration, and what is added does not wait
for it, short iterations follow each other at the pace of that addition, which alone is faster.  In a loop within
another these chains run side by side, and fewer instructions count for more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, regions

__all__ = ["handed_on"]

_FEW = 32
"""Operations of an iteration that take no longer than a product does."""


def handed_on(program: Program) -> frozenset[Var]:
    """Return the sums that short outermost loops hand on to their next iteration, and the sums on the way to them.

    Parameters
    ----------
    program : Program
    """
    return frozenset(v for loop in _outermost(program.body.stmts) for v in _sums(loop))


def _outermost(stmts: Sequence[Stmt]) -> Iterator[For | While]:
    for s in stmts:
        if isinstance(s, For | While):
            yield s
        else:
            for block in regions(s):
                yield from _outermost(block.stmts)


def _sums(loop: For | While) -> set[Var]:
    if sum(1 for _ in _straight(loop.body)) > _FEW:
        return set()
    made = {out: s for s in _straight(loop.body) for out in ((s.out,) if isinstance(s, Op) else s.outs)}
    sums = {p for p, r in zip(loop.params, loop.body.results, strict=False) if _is_sum(r, made)}
    for s in _straight(loop.body):
        if isinstance(s, If):
            arms = zip(s.outs, s.then.results, s.orelse.results, strict=True)
            sums.update(out for out, *results in arms if sums.intersection(results))
        elif s.name == "accum" and s.out is not None and sums.intersection(s.args):
            sums.add(s.out)
    return sums


def _is_sum(x: Operand, made: dict[Var | None, Op | If]) -> bool:
    s = made.get(x) if isinstance(x, Var) else None
    if isinstance(s, If):
        k = s.outs.index(x)
        return _is_sum(s.then.results[k], made) or _is_sum(s.orelse.results[k], made)
    return s is not None and s.name == "accum"


def _straight(block: Block) -> Iterator[Op | If]:
    """Yield the operations and branches of a block, those in an arm before their branch; loops are left out."""
    for s in block.stmts:
        if isinstance(s, If):
            for arm in (s.then, s.orelse):
                yield from _straight(arm)
        if isinstance(s, Op | If):
            yield s
