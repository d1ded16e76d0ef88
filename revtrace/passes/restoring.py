"""Which buffers can be put back, on the way back, as they were."""

from __future__ import annotations

from collections.abc import Iterable

from revtrace.passes.effects import Buffers
from revtrace.passes.scopes import TOP, Scopes, is_array
from revtrace.program.nodes import Operand, Var
from revtrace.program.types import Stack

__all__ = ["restorable"]


def restorable(where: Scopes, memory: Buffers, roots: frozenset[int], results: Iterable[Operand]) -> list[Var]:
    """Return the classes of buffers that could be put back as they were on the way back.

    All writes must be reversed with the same root, and the buffer be visible there;
    inside a loop that is reversed in place nothing outside may see it.
    """
    outside = {memory.find(x) for x in results if is_array(x)}
    found = []
    for cls, accesses in memory.accesses.items():
        writes = [a for a in accesses if a.writes]
        if not writes or any(isinstance(a.array.type, Stack) for a in accesses):
            continue
        if any(a.op.name == "call" for a in writes):
            continue
        around = {next(s.index for s in where.chain(a.path[-1][0]) if s.index in roots) for a in writes}
        if len(around) != 1:
            continue
        (root,) = around
        if any(not where.inside(root, where.home[a.array]) for a in accesses):
            continue
        if any(a.op.name in ("fill", "copyto") and a.path[-1][0] != root and a.op.attr("site") is None for a in writes):
            continue
        if root != TOP and (cls in outside or not all(any(s == root for s, _ in a.path) for a in accesses)):
            continue
        found.append(cls)
    return found
