"""Which local variables may still be read when a block is entered.

Variables that nobody reads again are dropped where paths meet, so that loops carry
only what they must.
"""

from __future__ import annotations

from collections.abc import Mapping

from revtrace.structure import Flow

__all__ = ["live_in"]

_READS = {
    "LOAD_LOCAL",
    "LOAD_LOCAL_AND_CLEAR",
    "LOAD_CLOSURE",
    "LOAD_CELL",
    "STORE_CELL",
    "DELETE_CELL",
    "DELETE_LOCAL",
}


def live_in(flow: Flow) -> Mapping[int, frozenset[str]]:
    """Return, for every block, the locals that may be read from its start on."""
    # A cell is one slot whether it is read or written through.
    reads: list[set[str]] = []
    writes: list[set[str]] = []
    for block in flow.blocks:
        r: set[str] = set()
        w: set[str] = set()
        for instr in block.instrs:
            if instr.name in _READS and instr.arg not in w:
                r.add(instr.arg)
            if instr.name == "STORE_LOCAL":
                w.add(instr.arg)
        reads.append(r)
        writes.append(w)
    live: list[set[str]] = [set(r) for r in reads]
    changed = True
    while changed:
        changed = False
        for k in range(len(flow.blocks) - 1, -1, -1):
            block = flow.blocks[k]
            after: set[str] = set()
            for s in block.successors:
                after |= live[s]
            if block.handler is not None:
                # Anything may be read by a handler entered from the middle of the block.
                after |= live[block.handler]
                new = reads[k] | after
            else:
                new = reads[k] | (after - writes[k])
            if new != live[k]:
                live[k] = new
                changed = True
    return {k: frozenset(v) for k, v in enumerate(live)}
