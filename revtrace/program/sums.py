"""Sums that are to be as accurate as NumPy's: added up in blocks, the blocks' sums with their rounding errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Var, While, walk

__all__ = ["BLOCK", "blocked"]

BLOCK = 128
"""Terms added up before the sum so far is touched, as in NumPy."""


def blocked(loop: For) -> dict[int, Operand]:
    """Return the term that each sum marked ``blocks`` adds in an iteration, by the parameter's position."""
    marked = {s.out: s for s in loop.body.stmts if isinstance(s, Op) and s.name == "accum" and s.attr("blocks")}
    if not marked or loop.exits or loop.step != 1 or _short(loop):
        return {}
    uses = Counter(x for x in _reads(loop.body) if isinstance(x, Var))
    found = {}
    for k, (p, r) in enumerate(zip(loop.params, loop.body.results, strict=True)):
        op = marked.get(r) if isinstance(r, Var) else None
        # Nothing else may read the sum so far.
        if op is not None and p in op.args and uses[p] == 1 == uses[r]:  # type: ignore[index]
            found[k] = op.args[1] if op.args[0] is p else op.args[0]
    return found


def _short(loop: For) -> bool:
    ends = (loop.start, loop.stop)
    return all(isinstance(x, Const) for x in ends) and _int(loop.stop) - _int(loop.start) <= BLOCK


def _int(x: Operand) -> int:
    return int(x.value.real) if isinstance(x, Const) else 0


def _reads(block: Block) -> Iterator[Operand]:
    """Yield every operand read in a block and in those nested in it."""
    yield from block.results
    for stmt in walk(block):
        match stmt:
            case Op():
                yield from stmt.args
            case If():
                yield stmt.cond
                yield from (*stmt.then.results, *stmt.orelse.results)
            case For():
                yield from (stmt.start, stmt.stop, *stmt.inits, *stmt.body.results)
            case While():
                yield from (*stmt.inits, *stmt.cond.results, *stmt.body.results)
