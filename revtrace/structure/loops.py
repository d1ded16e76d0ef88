"""Dominators, natural loops and an order of blocks that keeps each loop together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from revtrace.structure.records import LoopInfo

__all__ = ["IrreducibleError", "find_loops", "order_blocks"]

Successors = Mapping[int, Sequence[int]]


class IrreducibleError(Exception):
    """A loop that is entered at two places; ``block`` is one of them."""

    def __init__(self, block: int) -> None:
        self.block = block
        super().__init__(f"block {block} is an entry of a loop with several")


def order_blocks(successors: Successors, entry: int, loops: Mapping[int, LoopInfo] | None = None) -> list[int]:
    """Return the blocks reached from ``entry`` in reverse post-order.

    Every edge but a loop's back edges leads forward; what a jump skips comes before where it
    lands.  Given the loops, the blocks of each are consecutive: all that its exits lead to comes
    after it.
    """
    post: list[int] = []
    seen = {entry}
    work = [(entry, _visits(successors, entry, loops))]
    while work:
        block, left = work[-1]
        while left and left[-1] in seen:
            left.pop()
        if left:
            to = left.pop()
            seen.add(to)
            work.append((to, _visits(successors, to, loops)))
        else:
            post.append(block)
            work.pop()
    return post[::-1]


def _visits(successors: Successors, block: int, loops: Mapping[int, LoopInfo] | None) -> list[int]:
    """Return the blocks to visit from ``block``, in the reverse of the order to visit them."""
    ways = list(successors[block])
    if loops and block in loops:
        # What is visited first ends up last, behind the whole loop.
        ways += [to for _, to in loops[block].exits]
    return ways


def find_loops(successors: Successors, entry: int) -> dict[int, LoopInfo]:
    """Return the loops reached from ``entry`` by header, an outer one before those in it.

    Raises
    ------
    IrreducibleError
        If a loop has more than one entry.
    """
    order = order_blocks(successors, entry)
    position = {block: at for at, block in enumerate(order)}
    predecessors: dict[int, list[int]] = {block: [] for block in order}
    for block in order:
        for to in dict.fromkeys(successors[block]):
            predecessors[to].append(block)
    dominator = _dominators(order, position, predecessors)
    latches: dict[int, list[int]] = {}
    for block in order:
        for to in dict.fromkeys(successors[block]):
            if position[to] <= position[block]:
                if not _dominates(to, block, dominator, position):
                    raise IrreducibleError(to)
                latches.setdefault(to, []).append(block)
    headers = sorted(latches, key=position.__getitem__)
    bodies = {header: _body(header, latches[header], predecessors) for header in headers}
    found = {}
    for header in headers:
        around = [other for other in headers if other != header and header in bodies[other]]
        exits = tuple(
            (block, to)
            for block in sorted(bodies[header], key=position.__getitem__)
            for to in dict.fromkeys(successors[block])
            if to not in bodies[header]
        )
        parent = max(around, key=position.__getitem__, default=None)
        found[header] = LoopInfo(header, bodies[header], tuple(latches[header]), parent, exits)
    return found


def _dominators(
    order: Sequence[int], position: Mapping[int, int], predecessors: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """Return the immediate dominator of each block (Cooper, Harvey and Kennedy's iteration)."""
    dominator = {order[0]: order[0]}
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
            best: int | None = None
            for other in predecessors[block]:
                if other in dominator:
                    best = other if best is None else _meet(best, other, dominator, position)
            assert best is not None
            if dominator.get(block) != best:
                dominator[block] = best
                changed = True
    return dominator


def _meet(a: int, b: int, dominator: Mapping[int, int], position: Mapping[int, int]) -> int:
    while a != b:
        while position[a] > position[b]:
            a = dominator[a]
        while position[b] > position[a]:
            b = dominator[b]
    return a


def _dominates(a: int, b: int, dominator: Mapping[int, int], position: Mapping[int, int]) -> bool:
    while position[b] > position[a]:
        b = dominator[b]
    return a == b


def _body(header: int, latches: Sequence[int], predecessors: Mapping[int, Sequence[int]]) -> frozenset[int]:
    body = {header}
    work = list(latches)
    while work:
        block = work.pop()
        if block not in body:
            body.add(block)
            work += predecessors[block]
    return frozenset(body)
