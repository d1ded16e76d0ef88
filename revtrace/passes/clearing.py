"""Whether an adjoint buffer's elements must be cleared after use.

Reversing a store takes the element's adjoint and clears it, because what was in the
element before has an adjoint of its own.  Where nothing active was written before,
no one looks again.
"""

from __future__ import annotations

from revtrace.passes.activity import Activity
from revtrace.passes.effects import Access, Buffers
from revtrace.passes.scopes import TOP, Scopes, is_array
from revtrace.passes.subscripts import Subscripts
from revtrace.passes.writes import Writes
from revtrace.program.nodes import Op, Program

__all__ = ["needless"]


def needless(program: Program, where: Scopes, memory: Buffers, on: Activity, roots: frozenset[int]) -> set[int]:
    """Return the writes, by identity, whose reversal need not clear the adjoint."""
    subscripts = Subscripts(where)
    entry = {memory.find(v) for v in program.inputs if is_array(v)}
    copied = {memory.find(v) for v, d in where.definition.items() if isinstance(d, Op) and d.name == "copy"}
    found: set[int] = set()
    for cls, accesses in memory.accesses.items():
        if not on.is_active(cls) or cls in entry or cls in copied:
            continue
        writes = [a for a in accesses if a.writes and a.op.name in ("store", "fill", "copyto", "addto", "call")]
        if any(in_place(a, roots) for a in accesses):
            # The next iteration runs after this one's reversal and expects zeros.
            continue
        active = Writes(subscripts, [a for a in writes if any(map(on.is_active, a.op.args[1:]))])
        found.update(id(a.op) for a in writes if active.under(a, TOP) is None)
    return found


def in_place(access: Access, roots: frozenset[int]) -> bool:
    """Whether an access is in a loop that is reversed in place."""
    return any(s != TOP and s in roots for s, _ in access.path)
