"""Adjoints that a loop adds the same term to in each iteration, handed on with the term added.

In ``carried = (carried + term) * factor`` an iteration waits for an addition and a product.  Handed on as
``carried = carried * factor + term``, the same numbers take one fused multiply-add.  The adjoint of a value that a
loop adds up and goes on from is of this form.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, Op, Operand, Program, Stmt, Var, While, free, regions, used
from revtrace.program.rebuild import map_blocks, substitute

__all__ = ["advance"]


def advance(program: Program) -> Program:
    """Return the program with such adjoints handed on with what is added to them.

    Parameters
    ----------
    program : Program
    """
    reads: Counter[Operand] = Counter()
    _count(program.body, reads)
    return replace(program, body=_block(program.body, reads))


def _count(block: Block, reads: Counter[Operand]) -> None:
    reads.update(block.results)
    for s in block.stmts:
        reads.update(used(s))
        for inner in regions(s):
            _count(inner, reads)


def _block(block: Block, reads: Counter[Operand]) -> Block:
    stmts: list[Stmt] = []
    for s in block.stmts:
        s = map_blocks(s, lambda inner: _block(inner, reads))
        stmts += _loop(s, reads) if isinstance(s, For | While) else [s]
    return replace(block, stmts=tuple(stmts))


def _loop(loop: For | While, reads: Counter[Operand]) -> list[Stmt]:
    before = Builder(loop.loc)
    made = {s.out: s for s in loop.body.stmts if isinstance(s, Op)}
    for k, p in enumerate(loop.params):
        r = loop.body.results[k]
        product = made.get(r) if isinstance(r, Var) else None
        # The loop's own result is without the term: it must not be wanted.
        if product is None or product.name != "mul" or reads[loop.outs[k]] or not reads[p] == reads[r] == 1:
            continue
        total = next((s for s in made.values() if s.name == "accum" and p in s.args), None)
        if total is not None and total.out is not None and not total.attrs:
            term = next((x for x in total.args if x is not p), p)
            if isinstance(term, Const) or term in free(loop.body, loop.params):
                loop = _advanced(loop, k, total.out, before.op("accum", loop.inits[k], term), term)
    return [*before.stmts, loop]


def _advanced(loop: For | While, k: int, total: Var, init: Var, term: Operand) -> For | While:
    """Return the loop with what it adds to a parameter added before it is handed on."""
    p = loop.params[k]
    b = Builder(loop.loc)
    step = b.op("accum", loop.body.results[k], term)
    stmts = [substitute(s, {total: p}) for s in loop.body.stmts if not (isinstance(s, Op) and s.out is total)]
    results = [p if x is total else x for x in loop.body.results]
    results[k] = step
    inits = (*loop.inits[:k], init, *loop.inits[k + 1 :])
    body = replace(loop.body, stmts=(*stmts, *b.stmts), results=tuple(results))
    return replace(loop, inits=inits, body=body)
