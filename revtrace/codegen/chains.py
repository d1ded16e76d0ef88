"""Sums whose order matters, in loops that could be vectorised but for them.

Such a sum is a chain: it makes LLVM run the whole loop one iteration at a time, divisions, roots and elementary
functions included.  Where these cost more than the sum, a few iterations are run first, keeping the terms, which are
then added up in their order: the sum is the same to the last bit.  `revtrace.codegen.split` does so where the loop
keeps the terms anyway.
"""

from __future__ import annotations

from collections import Counter

from revtrace.codegen.vector import MATH
from revtrace.program.nodes import Const, For, Op, Var
from revtrace.program.types import F64

__all__ = ["chains"]

_DEAR = MATH | {"div", "sqrt", "reciprocal", "pow"}

_FEW = 16
"""Iterations that are not worth it."""


def chains(loop: For) -> dict[Var, Var]:
    """Return the term that an iteration adds to each such sum, by the sum that it hands on.

    Parameters
    ----------
    loop : For
    """
    ops = [s for s in loop.body.stmts if isinstance(s, Op)]
    if loop.exits or loop.step != 1 or len(ops) != len(loop.body.stmts) or not any(op.name in _DEAR for op in ops):
        return {}
    if isinstance(loop.start, Const) and isinstance(loop.stop, Const) and _length(loop.start, loop.stop) <= _FEW:
        return {}
    uses = Counter(x for op in ops for x in op.args)
    uses.update(loop.body.results)
    made = {op.out: op for op in ops}
    found: dict[Var, Var] = {}
    for p, r in zip(loop.params, loop.body.results, strict=True):
        if not isinstance(r, Var):
            continue
        total = made.get(r)
        if total is None or total.name != "add" or p.type != F64 or p not in total.args:
            continue
        term = next((x for x in total.args if x is not p), p)
        if uses[p] == uses[r] == 1 and isinstance(term, Var):
            found[r] = term
    return found


def _length(start: Const, stop: Const) -> float:
    return float(stop.value.real - start.value.real)
