"""Sums taken out of loops that could be vectorised but for them.

A sum whose order matters is a chain: it makes LLVM run the whole loop one iteration at a
time, elementary functions included.  Where a loop stores what it adds anyway, the sum
moves to a loop of its own, which reads it back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from revtrace.codegen.storage import buffers
from revtrace.codegen.vector import MATH
from revtrace.program.nodes import Block, For, If, Op, Program, Stmt, Var, While
from revtrace.program.types import INT, Array, Scalar

__all__ = ["split"]


def split(program: Program) -> Program:
    """Return the program with such sums in loops of their own."""
    if not any(isinstance(s, For) for s in program.body.stmts):
        return program
    held = buffers(program)
    return replace(program, body=_block(program.body, held))


def _block(block: Block, held: dict[Var, frozenset[int]]) -> Block:
    stmts: list[Stmt] = []
    for stmt in block.stmts:
        match stmt:
            case If():
                stmt = replace(stmt, then=_block(stmt.then, held), orelse=_block(stmt.orelse, held))
            case While():
                stmt = replace(stmt, cond=_block(stmt.cond, held), body=_block(stmt.body, held))
            case For():
                stmts += _loop(stmt, held)
                continue
        stmts.append(stmt)
    return replace(block, stmts=tuple(stmts))


def _loop(loop: For, held: dict[Var, frozenset[int]]) -> list[Stmt]:
    ops = [s for s in loop.body.stmts if isinstance(s, Op)]
    if len(ops) != len(loop.body.stmts):
        return [replace(loop, body=_block(loop.body, held))]
    if loop.exits or not any(op.name in MATH for op in ops):
        return [loop]
    uses = Counter(x for op in ops for x in op.args if isinstance(x, Var))
    uses.update(r for r in loop.body.results if isinstance(r, Var))
    made = {op.out: op for op in ops if op.out is not None}
    moved: dict[int, tuple[Op, Op]] = {}
    for k, (p, r) in enumerate(zip(loop.params, loop.body.results, strict=True)):
        total = made.get(r) if isinstance(r, Var) else None
        if total is None or total.name != "add" or p.type != Scalar("f8"):
            continue
        if not isinstance(r, Var) or uses[p] != 1 or uses[r] != 1 or p not in total.args:
            continue
        term = next(x for x in total.args if x is not p)
        kept = _kept(term, loop, ops, held) if isinstance(term, Var) else None
        if kept is not None:
            moved[k] = (total, kept)
    if not moved:
        return [loop]
    gone = {id(total) for total, _ in moved.values()}
    stay = [k for k in range(len(loop.params)) if k not in moved]
    first = replace(
        loop,
        params=tuple(loop.params[k] for k in stay),
        inits=tuple(loop.inits[k] for k in stay),
        outs=tuple(loop.outs[k] for k in stay),
        body=Block(tuple(s for s in loop.body.stmts if id(s) not in gone), tuple(loop.body.results[k] for k in stay)),
    )
    return [first, *(_sum(loop, k, total, kept) for k, (total, kept) in moved.items())]


def _kept(term: Var, loop: For, ops: list[Op], held: dict[Var, frozenset[int]]) -> Op | None:
    """Return the store that keeps a term for each iteration, if nothing else touches where it is kept."""
    for op in ops:
        if op.name == "store" and op.args[1] is term and _own_entry(op, loop):
            array = op.args[0]
            assert isinstance(array, Var)
            # What was in its place before may be read: the array took the place of that one.
            rest = (o for o in ops if o is not op and (o.name, o.args) != ("load", (array, *op.args[2:])))
            others = (x for o in rest for x in o.args if isinstance(x, Var) and isinstance(x.type, Array))
            if not any(held[x] & held[array] for x in others):
                return op
    return None


def _own_entry(store: Op, loop: For) -> bool:
    """Whether each iteration stores to another place, at indices known outside the loop but for its own."""
    inside = {s.out for s in loop.body.stmts if isinstance(s, Op)} | set(loop.params)
    index = store.args[2:]
    return index[-1] is loop.index and not any(x in inside or x is loop.index for x in index[:-1])


def _sum(loop: For, k: int, total: Op, kept: Op) -> For:
    index, p = Var(INT, loop.index.name), loop.params[k]
    array = kept.args[0]
    assert total.out is not None
    term = Var(total.out.type)
    where = (*kept.args[2:-1], index)
    body = (
        Op("load", (array, *where), term, kept.attrs, kept.loc),
        replace(total, args=tuple(x if x is p else term for x in total.args)),
    )
    return replace(
        loop,
        index=index,
        params=(p,),
        inits=(loop.inits[k],),
        outs=(loop.outs[k],),
        body=Block(body, (total.out,)),
        count=Var(INT),
    )
