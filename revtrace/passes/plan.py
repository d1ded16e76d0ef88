"""Where each primal value that the backward sweep reads comes from.

Per block that is reversed apart from its own run (loop bodies and what is in them),
the values read are the sinks of a graph whose edges are operations cheap enough to
run again; the cheapest cut (see `revtrace.passes.mincut`) is kept, the rest is
computed again from it, when the reversal of the block begins:

live
    Defined at the top, a loop's index, or a load from memory nothing overwrites.
recompute
    Computed again from what is available.
walk
    The value a loop's body hands to its next iteration: on the way back that is
    the entry value of the iteration reversed before, which is carried.
undo
    An integer counter, counted down again.
restore
    A load from a buffer whose old elements are pushed before they are written over,
    and put back on the way.
keep
    Pushed in the forward sweep; out of branches at the top, handed out as a result.
forward
    Not read at all: a loop's derivative, computed as it runs (see `revtrace.passes.preaccumulate`).
checkpoint
    Of a loop whose segments are run again: stored where each begins (see `revtrace.passes.checkpoint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from html import escape

from revtrace.passes.blockcut import Graph, Solution, weight
from revtrace.passes.demand import Demand
from revtrace.passes.effects import Buffers
from revtrace.passes.rerun import Rerun, inputs_of
from revtrace.passes.scopes import Scope, Scopes, is_array
from revtrace.passes.subscripts import subscripts_of
from revtrace.passes.why import because
from revtrace.program.nodes import NOWHERE, Const, For, Loc, Op, Operand, Program, Stmt, Var, While
from revtrace.program.types import Scalar

__all__ = ["Answer", "Plan", "plan"]


_EFFORT = 30_000
"""Values looked at for one block beyond which no further number is tried to be carried backward."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the plan: a value read on the way back and where it comes from.

    Attributes
    ----------
    name : str
        The value's name in dumps; may be empty.
    loc : Loc
        What computes it.
    answer : {"live", "recompute", "walk", "undo", "restore", "keep", "forward", "checkpoint"}
    bytes : int
        Kept per run of the block that computes it.
    loops : int
        How many loops are around it.
    type : str
        Its type.
    why : str
        Why this is the answer, in words.
    reader : Loc
        A statement whose reversal reads the value; `NOWHERE` where it is read to have other values again.
    """

    name: str
    loc: Loc
    answer: str
    bytes: int
    loops: int
    type: str = ""
    why: str = ""
    reader: Loc = NOWHERE


@dataclass(slots=True)
class Plan:
    """What the forward sweep keeps and what the backward sweep runs again.

    Attributes
    ----------
    kept : dict
        Per scope, the values pushed when they are defined and popped on the way back.
    exports : dict
        Per arm of a branch, values handed out of the branch, and as what.
    recipes : dict
        Per scope, the statements run again when its reversal begins, in order.
    walks : dict
        Per loop body's scope, positions of carried values that are carried backward too.
    saved : dict
        For each operation (by identity) that writes over a restored buffer, what stands
        for the element or buffer as it was.
    saved_in : dict
        Those of them that are pushed, per scope.
    restored : frozenset
        Classes of buffers that are put back.
    overwritten : frozenset
        Classes of buffers of which more could be read again if they were put back.
    cost : int
        Estimated bytes kept in all.
    answers : list of Answer
        The visible record.
    program : Program or None
        What was reversed, its statements numbered, see `revtrace.loc.Loc`.
    """

    kept: dict[int, tuple[Var, ...]] = field(default_factory=dict)
    exports: dict[int, dict[Var, Var]] = field(default_factory=dict)
    recipes: dict[int, tuple[Stmt, ...]] = field(default_factory=dict)
    walks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    saved: dict[int, Var] = field(default_factory=dict)
    saved_in: dict[int, list[Var]] = field(default_factory=dict)
    restored: frozenset[Var] = frozenset()
    overwritten: frozenset[Var] = frozenset()
    cost: int = 0
    answers: list[Answer] = field(default_factory=list)
    program: Program | None = None

    def _repr_html_(self) -> str:
        rows = [("line", "value", "answer", "bytes", "why")]
        rows += [
            (str(a.loc.line or ""), a.name or f"({a.type})", a.answer, str(a.bytes or ""), a.why) for a in self.answers
        ]
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table>{body}</table>"


def plan(where: Scopes, memory: Buffers, demand: Demand, roots: frozenset[int], extra: Set[Var]) -> Plan:
    """Decide for every value the backward sweep reads.

    ``roots`` are the blocks whose reversal follows within the same run: the top, and
    bodies of loops that are reversed in place.  ``extra`` are values that only the
    backward sweep reads (see `revtrace.passes.expose`): made once, in either sweep.
    """
    planner = _Planner(where, memory, demand, roots, extra)
    for scope in where.all:
        if scope.role != "cond":
            for stmt in scope.block.stmts:
                planner.need(demand.reads(stmt), stmt.loc)
                if isinstance(stmt, Op) and demand.restores(stmt):
                    planner.save(stmt, scope)
    # What is run again in an inner block may read values of outer ones, so inner blocks come first.
    for scope in reversed(where.all):
        if scope.index not in roots and scope.role != "cond":
            planner.decide(scope)
    planner.plan.overwritten = frozenset(planner.overwritten)
    return planner.plan


class _Planner(Rerun):
    def __init__(self, where: Scopes, memory: Buffers, demand: Demand, roots: frozenset[int], extra: Set[Var]) -> None:
        super().__init__(where, memory, demand, roots, extra)
        self.plan = Plan(restored=demand.restored)
        self.needed: dict[int, dict[Var, None]] = {}
        self.readers: dict[Var, Loc] = {}

    def need(self, values: Iterable[Operand], reader: Loc = NOWHERE) -> None:
        """Record values that must be available in the reversal of the blocks that define them, and what reads them."""
        for x in values:
            if isinstance(x, Var) and not is_array(x):
                self.readers.setdefault(x, reader)
                self.needed.setdefault(self.where.home[x], {}).setdefault(x)

    def save(self, op: Op, scope: Scope) -> None:
        """Keep what an operation is about to write over."""
        array = _var(op.args[0])
        whole = op.name in ("fill", "copyto")
        old = Var(array.type if whole else Scalar(array.type.dtype), f"{array.name}_old")
        self.plan.saved[id(op)] = old
        if scope.index in self.roots:
            return
        assert not whole
        self.need(subscripts_of(op) or ())
        if self.branch_at_top(scope):
            self.export(scope, (old,))
        else:
            self.plan.saved_in.setdefault(scope.index, []).append(old)
            self.plan.cost += weight(old) * self.trips(scope)
            why = f"elements of {array.name or 'an array'} are put back as they were before this line wrote them"
            self.plan.answers.append(
                Answer(old.name, op.loc, "restore", weight(old), scope.loops, str(old.type), why, op.loc)
            )

    def trips(self, scope: Scope) -> int:
        """Guess how often a block runs."""
        total = 1
        for s in self.where.chain(scope.index):
            if isinstance(s.owner, For) and isinstance(s.owner.start, Const) and isinstance(s.owner.stop, Const):
                bounds = int(s.owner.start.value.real), int(s.owner.stop.value.real)
                total *= max(1, len(range(*bounds, s.owner.step)))
            elif isinstance(s.owner, For | While) and s.role == "body":
                total *= 100
        return total

    # one block ------------------------------------------------------------------------

    def decide(self, scope: Scope) -> None:
        """Plan one block from what is needed of it."""
        sinks = dict(self.needed.get(scope.index, {}))
        if isinstance(scope.owner, For):
            sinks.pop(scope.owner.index, None)
        if not sinks:
            return
        chosen = Graph(self, scope, sinks, ()).solve()
        effort = 0
        for k in self.walkable(scope):
            if not chosen.cost or effort > _EFFORT:
                break
            if not self.promising(scope, k, chosen):
                continue
            effort += len(chosen.reached)
            trial = Graph(self, scope, sinks, (*chosen.walks, k)).solve()
            if trial.cost < chosen.cost:
                chosen = trial
        self.settle(scope, chosen)

    def promising(self, scope: Scope, k: int, chosen: Solution) -> bool:
        """Whether carrying a number backward could help: it, or what is counted down from it, is asked for."""
        loop = scope.owner
        assert isinstance(loop, For | While)
        p, y = loop.params[k], _var(loop.body.results[k])
        return (y if self.counter(p, y) is None else p) in chosen.reached

    def walkable(self, scope: Scope) -> list[int]:
        """Return the positions of carried numbers that could be carried backward, counters first."""
        loop = scope.owner
        if not isinstance(loop, For | While):
            return []
        plain: list[int] = []
        counters: list[int] = []
        for k, p in enumerate(loop.params):
            y = loop.body.results[k]
            if not isinstance(y, Var) or is_array(p) or self.where.home[y] != scope.index or y in loop.params:
                continue
            (plain if self.counter(p, y) is None else counters).append(k)
        return counters + plain

    def settle(self, scope: Scope, chosen: Solution) -> None:
        """Enter a block's decisions and what they ask of the blocks around it."""
        for stmt in chosen.recipe:
            self.need(x for x in inputs_of(stmt) if isinstance(x, Var) and self.where.home[x] != scope.index)
        self.plan.recipes[scope.index] = chosen.recipe
        if chosen.walks:
            assert isinstance(scope.owner, For | While)
            self.plan.walks[scope.index] = chosen.walks
            self.need(scope.owner.outs[k] for k in chosen.walks)
        if self.branch_at_top(scope):
            self.export(scope, chosen.kept)
        else:
            self.plan.kept[scope.index] = chosen.kept
            self.plan.cost += chosen.cost * self.trips(scope)
        for var in chosen.kept:
            self.record(var, "keep", scope)
        for k in chosen.walks:
            assert isinstance(scope.owner, For | While)
            self.record(_var(scope.owner.body.results[k]), "walk", scope)
        for var in sorted(chosen.computed, key=lambda v: v.id):
            made = self.where.definition.get(var)
            loaded = isinstance(made, Op) and made.name == "load"
            self.record(var, "undo" if var in chosen.undone else "live" if loaded else "recompute", scope)

    def record(self, var: Var, answer: str, scope: Scope) -> None:
        stmt = self.where.definition.get(var)
        size = weight(var) if answer == "keep" and not self.branch_at_top(scope) else 0
        loc = stmt.loc if stmt is not None else Loc()
        why = because(self, scope, var, answer)
        reader = self.readers.get(var, NOWHERE)
        self.plan.answers.append(Answer(var.name, loc, answer, size, scope.loops, str(var.type), why, reader))

    def export(self, scope: Scope, kept: tuple[Var, ...]) -> None:
        """Hand values out of a branch, as values of the block around it."""
        names = self.plan.exports.setdefault(scope.index, {})
        for var in kept:
            out = Var(var.type, var.name)
            names[var] = out
            self.where.home[out] = scope.parent
            self.where.definition[out] = scope.owner
            self.need([out])

    # what can be run again ------------------------------------------------------------


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
