"""Minimum vertex cuts: the cheapest set of values from which all others follow.

Pure graph code; knows nothing of programs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["cut"]

Node = TypeVar("Node", bound=Hashable)
_FAR = 1 << 60


def cut(
    nodes: Mapping[Node, int], edges: Iterable[tuple[Node, Node]], sources: Iterable[Node], sinks: Iterable[Node]
) -> list[Node]:
    """Return the cheapest nodes whose removal separates sinks from sources.

    Parameters
    ----------
    nodes : mapping
        Weight of each node, a positive integer.
    edges : iterable of (node, node)
        ``(a, b)``: ``b`` is computed from ``a``, among others.
    sources, sinks : iterable of nodes
        A node may be both; it is in every cut then.

    Returns
    -------
    list
        In the order of ``nodes``.  Of several cheapest cuts the one nearest the sinks.
    """
    order = {node: k for k, node in enumerate(nodes)}
    graph = _Flow(2 * len(order) + 2)
    source, sink = 2 * len(order), 2 * len(order) + 1
    for node, weight in nodes.items():
        graph.link(2 * order[node], 2 * order[node] + 1, weight)
    for a, b in dict.fromkeys(edges):
        graph.link(2 * order[a] + 1, 2 * order[b], _FAR)
    for node in dict.fromkeys(sources):
        graph.link(source, 2 * order[node], _FAR)
    for node in dict.fromkeys(sinks):
        graph.link(2 * order[node] + 1, sink, _FAR)
    graph.saturate(source, sink)
    near = graph.reaching(sink)
    return [node for node, k in order.items() if 2 * k + 1 in near and 2 * k not in near]


class _Flow:
    """Maximum flow by shortest augmenting paths in levels."""

    def __init__(self, size: int) -> None:
        self.heads: list[list[int]] = [[] for _ in range(size)]
        self.to: list[int] = []
        self.room: list[int] = []

    def link(self, a: int, b: int, room: int) -> None:
        self.heads[a].append(len(self.to))
        self.to.append(b)
        self.room.append(room)
        self.heads[b].append(len(self.to))
        self.to.append(a)
        self.room.append(0)

    def levels(self, source: int, sink: int) -> list[int]:
        level = [-1] * len(self.heads)
        level[source] = 0
        queue = deque([source])
        while queue:
            a = queue.popleft()
            for e in self.heads[a]:
                b = self.to[e]
                if self.room[e] and level[b] < 0:
                    level[b] = level[a] + 1
                    queue.append(b)
        return level if level[sink] >= 0 else []

    def saturate(self, source: int, sink: int) -> None:
        while level := self.levels(source, sink):
            tried = [0] * len(self.heads)
            while path := self.path(source, sink, level, tried):
                least = min(self.room[e] for e in path)
                for e in path:
                    self.room[e] -= least
                    self.room[e ^ 1] += least

    def path(self, source: int, sink: int, level: Sequence[int], tried: list[int]) -> list[int]:
        """Find one path along rising levels, remembering the edges that lead nowhere."""
        path: list[int] = []
        a = source
        while a != sink:
            if tried[a] == len(self.heads[a]):
                if not path:
                    return []
                a = self.to[path.pop() ^ 1]
                tried[a] += 1
                continue
            e = self.heads[a][tried[a]]
            if self.room[e] and level[self.to[e]] == level[a] + 1:
                path.append(e)
                a = self.to[e]
            else:
                tried[a] += 1
        return path

    def reaching(self, sink: int) -> set[int]:
        """Return the nodes from which the sink can still be reached."""
        found = {sink}
        queue = deque([sink])
        while queue:
            b = queue.popleft()
            for e in self.heads[b]:
                a = self.to[e]
                # Edge e leaves b; its twin e ^ 1 goes from a to b.
                if self.room[e ^ 1] and a not in found:
                    found.add(a)
                    queue.append(a)
        return found
