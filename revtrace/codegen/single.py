"""Which variables of a function numba may hold as values, with no place in memory.

numba gives a variable a place in memory unless it is assigned once and used in one block.  LLVM finds the values in
such places again, in a time that grows with places times blocks: past a few hundred of each that was half of what
it took.  A variable that is assigned once, in a block that every way to its uses leads through, needs no place
either.  Imports numba.
"""

from __future__ import annotations

from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks

__all__ = ["single"]


def single(blocks: dict[int, Any]) -> dict[str, bool]:
    """Return the variables assigned once, before each of their uses on every way there.

    Parameters
    ----------
    blocks : dict of int to numba.core.ir.Block
        Of one function, by the numbers in whose order they are lowered.

    Returns
    -------
    dict of str to bool
        By name; whether it is used in other blocks than that of its assignment, to be freed included.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    uses: dict[str, list[tuple[int, int]]] = {}
    for label, block in blocks.items():
        for position, stmt in enumerate(block.body):
            if isinstance(stmt, ir.Assign):
                places.setdefault(stmt.target.name, []).append((label, position))
            for name in _used(stmt):
                uses.setdefault(name, []).append((label, position))
    spans = _spans(blocks)
    found: dict[str, bool] = {}
    for name, made in places.items():
        home, position = made[0]
        if len(made) > 1 or home not in spans:
            continue
        first, last = spans[home]
        crosses = False
        for label, at in uses.get(name, ()):
            if label == home:
                if at <= position:
                    break
            elif label < home or label not in spans or not first < spans[label][0] <= last:
                break
            else:
                crosses = True
        else:
            found[name] = crosses
    return found


def _used(stmt: Any) -> list[str]:
    """Return the variables that a statement reads or frees."""
    if isinstance(stmt, ir.Del):
        return [stmt.value]
    read = stmt.value if isinstance(stmt, ir.Assign) else stmt
    if isinstance(read, ir.Var):
        return [read.name]
    return [v.name for v in read.list_vars()] if isinstance(read, ir.Inst) else []


def _spans(blocks: dict[int, Any]) -> dict[int, tuple[int, int]]:
    """Return a number for each block, and the largest of those that every way to leads through it."""
    graph = compute_cfg_from_blocks(blocks)
    below: dict[int, list[int]] = {}
    for block, over in graph.immediate_dominators().items():
        if block != over:
            below.setdefault(over, []).append(block)
    numbers: dict[int, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    todo = [(graph.entry_point(), False)]
    while todo:
        block, done = todo.pop()
        if done:
            spans[block] = numbers[block], len(numbers) - 1
            continue
        numbers[block] = len(numbers)
        todo.append((block, True))
        todo += [(each, False) for each in below.get(block, ())]
    return spans
