"""The plan of one block: which of its values are kept, and what is computed from them.

A graph of the block's values, an edge for every operation that may be run again, cut
where it costs the fewest bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from revtrace.passes.mincut import cut
from revtrace.passes.rerun import Rerun, inputs_of
from revtrace.passes.scopes import Scope, is_array
from revtrace.program.nodes import For, If, Op, Operand, Stmt, Var, While
from revtrace.program.types import Scalar

__all__ = ["Graph", "Solution", "weight"]

_LIGHT = frozenset("add sub mul neg abs select cast accum lt le gt ge eq ne and or not xor min max load dim".split())
"""Operations that cost about as much as handing their result on."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A block's cut: what is kept, what is run, at what cost; all values that were considered."""

    kept: tuple[Var, ...]
    computed: set[Var]
    undone: set[Var]
    recipe: tuple[Stmt, ...]
    walks: tuple[int, ...]
    cost: int
    reached: frozenset[Var]


class Graph:
    """The values of one block and how they follow from one another."""

    def __init__(self, facts: Rerun, scope: Scope, sinks: dict[Var, None], walks: tuple[int, ...]) -> None:
        self.facts = facts
        self.scope = scope
        self.walks = walks
        self.loads: dict[Var, Op | None] = {}
        # Out of a branch at the top values are handed on in registers: what costs is computed once.
        self.free = facts.branch_at_top(scope)
        self.sinks = dict(sinks)
        self.given: set[Var] = set()
        self.undo: dict[Var, Op] = {}
        loop = scope.owner
        if isinstance(loop, For):
            self.given.add(loop.index)
        if isinstance(loop, For | While):
            for k in walks:
                y = _var(loop.body.results[k])
                self.given.add(y)
                # The next iteration back needs the entry value of this one.
                self.sinks.setdefault(loop.params[k])
                counter = facts.counter(loop.params[k], y)
                if counter is not None:
                    self.undo[loop.params[k]] = counter

    def maker(self, var: Var) -> Stmt | None:
        """Return the statement that would be run to have a value again."""
        if var in self.undo:
            return self.undo[var]
        stmt = self.facts.where.definition.get(var)
        if var not in self.loads and not (isinstance(stmt, Op) and stmt.name == "load"):
            self.loads[var] = self.facts.stored(var)
        if self.loads.get(var) is not None:
            return self.loads[var]
        if stmt is None or stmt is self.scope.owner:
            return None
        if isinstance(stmt, For | While):
            return None
        if isinstance(stmt, If) and var not in stmt.outs:
            return None
        if self.free and isinstance(stmt, Op) and stmt.name not in _LIGHT:
            return None
        return stmt if self.facts.runs_again(stmt) else None

    def parents(self, stmt: Stmt) -> list[Var]:
        """Return the block's own values that a statement reads."""
        home = self.facts.where.home
        return [x for x in inputs_of(stmt) if home[x] == self.scope.index and not is_array(x)]

    def solve(self) -> Solution:
        """Cut the graph."""
        nodes: dict[Var, int] = {}
        edges: list[tuple[Var, Var]] = []
        sources: list[Var] = []
        work = list(self.sinks)
        while work:
            var = work.pop()
            if var in nodes or var in self.given:
                continue
            nodes[var] = weight(var)
            stmt = self.maker(var)
            if stmt is None:
                sources.append(var)
                continue
            for x in self.parents(stmt):
                if x not in self.given:
                    edges.append((x, var))
                    work.append(x)
        sinks = [v for v in self.sinks if v not in self.given]
        kept = cut(nodes, edges, sources, sinks)
        recipe, computed = self.recipe(set(kept))
        ordered = sorted(kept, key=lambda v: v.id)
        cost = sum(nodes[v] for v in kept)
        undone = set(self.undo) & computed
        return Solution(tuple(ordered), computed, undone, recipe, self.walks, cost, frozenset(nodes))

    def recipe(self, kept: set[Var]) -> tuple[tuple[Stmt, ...], set[Var]]:
        """Return the statements to run, in an order that works."""
        order: dict[int, Stmt] = {}
        computed: set[Var] = set()

        work = [(v, False) for v in reversed(self.sinks)]
        while work:
            var, ready = work.pop()
            stmt = None if var in kept or var in self.given else self.maker(var)
            if stmt is None:
                assert var in kept or var in self.given, f"{var!r} is neither kept nor computed"
            elif ready:
                order.setdefault(id(stmt), stmt)
            elif var not in computed:
                computed.add(var)
                work.append((var, True))
                work += [(x, False) for x in self.parents(stmt)]
        return tuple(order.values()), computed


def weight(var: Var) -> int:
    """Return the bytes one value takes when kept."""
    assert isinstance(var.type, Scalar)
    return int(var.type.dtype[1:])


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
