"""Finding a place for loops that are reversed in place.

Such a loop computes what it did in the forward sweep and its part of the backward
sweep at once.  It stands where it is reversed; what reads its results must come
after it, what its adjoints are computed from before it.  When both can be had, the
statements are put in such an order; else the loop is named, to be reversed in the
ordinary way.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Set

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.scopes import defined, free, scopes
from revtrace.program.nodes import Block, For, Op, Program, Stmt, Var, While, regions, used
from revtrace.program.rebuild import fresh, map_blocks
from revtrace.program.types import Stack

__all__ = ["schedule"]


def schedule(program: Program, first: Mapping[Var, int], primal: Set[Var]) -> tuple[Program, set[Var]]:
    """Reorder the blocks that hold loops reversed in place.

    Parameters
    ----------
    program : Program
        Both sweeps.
    first : mapping
        For each such loop, by its ``count``, where among its block's statements its
        forward part belongs (before the statement of that number).
    primal : set of Var
        The primal's values; accesses to its buffers belong to the forward part.

    Returns
    -------
    Program, set of Var
        The program in order; or as it was, and loops that have no place.
    """
    if not first:
        return program, set()
    program = fresh(program)
    memory = buffers(program, scopes(program))
    stuck: set[Var] = set()

    def visit(block: Block) -> Block:
        stmts = [map_blocks(s, visit) for s in block.stmts]
        here = {k: first[s.count] for k, s in enumerate(block.stmts) if isinstance(s, For | While) and s.count in first}
        if here:
            order = _Order(stmts, here, memory, primal)
            found = order.sort()
            if found is None:
                for k in order.blocked():
                    loop = stmts[k]
                    assert isinstance(loop, For | While)
                    stuck.add(loop.count)
            else:
                stmts = [stmts[k] for k in found]
        return Block(tuple(stmts), block.results)

    body = visit(program.body)
    if stuck:
        return program, stuck
    return Program(program.name, program.inputs, body), set()


def _place(k: int, when: float) -> int:
    return k if when == k else -k


class _Order:
    """What must come before what, among the statements of one block."""

    def __init__(self, stmts: list[Stmt], first: Mapping[int, int], memory: Buffers, primal: Set[Var]) -> None:
        self.stmts = stmts
        self.first = first
        self.before: list[set[int]] = [set() for _ in stmts]
        self.values()
        self.memory(memory, primal)
        self.checks()

    def values(self) -> None:
        """Definitions come before uses."""
        made: dict[Var, int] = {}
        for k, stmt in enumerate(self.stmts):
            for v in defined(stmt):
                made[v] = k
        for k, stmt in enumerate(self.stmts):
            reads = {x for x in used(stmt) if isinstance(x, Var)}
            for block in regions(stmt):
                reads.update(free(block))
            self.before[k].update(made[v] for v in reads if v in made and made[v] != k)

    def memory(self, memory: Buffers, primal: Set[Var]) -> None:
        """Accesses to one buffer keep their order, unless both only read or both only add."""
        touches: dict[Var, dict[tuple[int, float], set[str]]] = {}
        for k, stmt in enumerate(self.stmts):
            for t in touched(stmt):
                assert isinstance(t.array, Var)
                cls = t.array if isinstance(t.array.type, Stack) else memory.find(t.array)
                # The forward part of a loop in place belongs where the loop was.
                when = self.first[k] - 0.5 if k in self.first and t.array in primal else float(k)
                kind = (
                    "add"
                    if t.op.name == "addto" or t.op.attr("adds") and t.array is t.op.args[0]
                    else "write"
                    if t.writes
                    else "read"
                )
                touches.setdefault(cls, {}).setdefault((k, when), set()).add(kind)
        for places in touches.values():
            # Of loops in place that belong before the same statement, the one reversed last came first.
            ordered = sorted(places.items(), key=lambda item: (item[0][1], _place(*item[0])))
            # What follows from the order of neighbours is left out: all pairs grow as the square of the accesses.
            before: list[int] = []
            run: list[int] = []
            common: set[str] = set()
            for (k, _), kinds in ordered:
                if kinds != common or len(kinds) > 1 or "write" in kinds:
                    before, run, common = run, [], kinds
                run.append(k)
                self.before[k].update(j for j in before if j != k)

    def checks(self) -> None:
        """What is known to be safe may be so because of a check before it."""
        barrier = -1
        for k, stmt in enumerate(self.stmts):
            if barrier >= 0:
                self.before[k].add(barrier)
            if isinstance(stmt, Op) and stmt.name == "check" and not stmt.attr("soft"):
                barrier = k

    def sort(self) -> list[int] | None:
        """Return an order near the given one, or None when there is none."""
        left = [len(b) for b in self.before]
        after: list[list[int]] = [[] for _ in self.stmts]
        for k, earlier in enumerate(self.before):
            for j in earlier:
                after[j].append(k)
        ready = [k for k, n in enumerate(left) if n == 0]
        heapq.heapify(ready)
        order: list[int] = []
        while ready:
            k = heapq.heappop(ready)
            order.append(k)
            for j in after[k]:
                left[j] -= 1
                if left[j] == 0:
                    heapq.heappush(ready, j)
        return order if len(order) == len(self.stmts) else None

    def blocked(self) -> list[int]:
        """Return loops reversed in place that wait for themselves, even were those named before them elsewhere."""
        named: list[int] = []
        for k in sorted(self.first, reverse=True):
            seen: set[int] = set(named)
            work = list(self.before[k])
            while work:
                j = work.pop()
                if j == k:
                    named.append(k)
                    break
                if j not in seen:
                    seen.add(j)
                    work.extend(self.before[j])
        assert named, "statements wait for each other without a loop in place"
        return named
