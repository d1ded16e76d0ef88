"""Cut the graph of instructions into basic blocks."""

from __future__ import annotations

from collections.abc import Sequence

from revtrace.decode.records import Decoded
from revtrace.structure.fold import Graph
from revtrace.structure.records import BasicBlock

__all__ = ["cut"]


def cut(decoded: Decoded, graph: Graph, depths: Sequence[int | None]) -> tuple[BasicBlock, ...]:
    """Return the basic blocks of a function, block 0 its entry.

    A FOR_ITER is alone in its block, and all instructions of a block have the same handler.
    """
    instrs = decoded.instrs
    before: dict[int, list[int]] = {index: [] for index in graph.successors}
    for index, ways in graph.successors.items():
        for to in ways:
            before[to].append(index)
    leaders = {graph.first, *graph.handlers.values()}
    for index in graph.successors:
        above = before[index]
        if (
            len(above) != 1
            or len(graph.successors[above[0]]) != 1
            or instrs[index].name == "FOR_ITER"
            or graph.handlers.get(above[0]) != graph.handlers.get(index)
        ):
            leaders.add(index)
    # An entry that is jumped to needs an empty block before it.
    padded = bool(before[graph.first])
    starts = [graph.first, *sorted(leaders - {graph.first})]
    number = {start: at + padded for at, start in enumerate(starts)}
    runs = []
    for start in starts:
        run = [start]
        while len(graph.successors[run[-1]]) == 1 and graph.successors[run[-1]][0] not in leaders:
            run.append(graph.successors[run[-1]][0])
        runs.append(run)
    successors = [tuple(number[to] for to in graph.successors[run[-1]]) for run in runs]
    if padded:
        successors.insert(0, (1,))
    predecessors: list[set[int]] = [set() for _ in successors]
    for block, ways in enumerate(successors):
        for to in ways:
            predecessors[to].add(block)
    blocks = [BasicBlock(0, (), (1,), (), None, 0)] if padded else []
    for run in runs:
        at = len(blocks)
        handler = graph.handlers.get(run[0])
        blocks.append(
            BasicBlock(
                index=at,
                instrs=tuple(instrs[index] for index in run),
                successors=successors[at],
                predecessors=tuple(sorted(predecessors[at])),
                handler=None if handler is None else number[handler],
                depth=depths[run[0]],
            )
        )
    return tuple(blocks)
