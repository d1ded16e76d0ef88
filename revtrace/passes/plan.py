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
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from revtrace.passes.demand import Demand
from revtrace.passes.effects import Buffers
from revtrace.passes.mincut import cut
from revtrace.passes.scopes import TOP, Scope, Scopes, free, is_array, used
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.program.nodes import Const, For, If, Loc, Op, Operand, Stmt, Var, While, regions
from revtrace.program.types import Scalar, Stack
from revtrace.rules.core import RULES

__all__ = ["Answer", "Plan", "plan", "restorable"]


_LIGHT = frozenset("add sub mul neg abs select cast accum lt le gt ge eq ne and or not xor min max load dim".split())
"""Operations that cost about as much as handing their result on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the plan: a value read on the way back and where it comes from."""

    name: str
    loc: Loc
    answer: str
    bytes: int
    loops: int


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
    cost : int
        Estimated bytes kept in all.
    answers : list of Answer
        The visible record.
    """

    kept: dict[int, tuple[Var, ...]] = field(default_factory=dict)
    exports: dict[int, dict[Var, Var]] = field(default_factory=dict)
    recipes: dict[int, tuple[Stmt, ...]] = field(default_factory=dict)
    walks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    saved: dict[int, Var] = field(default_factory=dict)
    saved_in: dict[int, list[Var]] = field(default_factory=dict)
    restored: frozenset[Var] = frozenset()
    cost: int = 0
    answers: list[Answer] = field(default_factory=list)


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
                planner.need(demand.reads(stmt))
                if isinstance(stmt, Op) and demand.restores(stmt):
                    planner.save(stmt, scope)
    # What is run again in an inner block may read values of outer ones, so inner blocks come first.
    for scope in reversed(where.all):
        if scope.index not in roots and scope.role != "cond":
            planner.decide(scope)
    return planner.plan


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
        around = {next(s.index for s in where.chain(a.path[-1][0]) if s.index in roots) for a in writes}
        if len(around) != 1:
            continue
        (root,) = around
        if any(not where.inside(root, where.home[a.array]) for a in accesses):
            continue
        if any(a.op.name in ("fill", "copyto") and a.path[-1][0] != root for a in writes):
            continue
        if root != TOP and (cls in outside or not all(any(s == root for s, _ in a.path) for a in accesses)):
            continue
        found.append(cls)
    return found


class _Planner:
    def __init__(self, where: Scopes, memory: Buffers, demand: Demand, roots: frozenset[int], extra: Set[Var]) -> None:
        self.roots = roots
        self.extra = extra
        self.where = where
        self.memory = memory
        self.demand = demand
        self.subscripts = Subscripts(where)
        self.plan = Plan(restored=demand.restored)
        self.needed: dict[int, dict[Var, None]] = {}
        self._live: dict[int, bool] = {}

    def need(self, values: Iterable[Operand]) -> None:
        """Record values that must be available in the reversal of the blocks that define them."""
        for x in values:
            if isinstance(x, Var) and not is_array(x):
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
            self.plan.answers.append(Answer(old.name, op.loc, "restore", weight(old), scope.loops))

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
        chosen = _Graph(self, scope, sinks, ()).solve()
        for k in self.walkable(scope):
            if not chosen.cost:
                break
            trial = _Graph(self, scope, sinks, (*chosen.walks, k)).solve()
            if trial.cost < chosen.cost:
                chosen = trial
        self.settle(scope, chosen)

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

    def counter(self, p: Var, y: Var) -> Op | None:
        """Return the operation that takes ``y`` back to ``p``, for an integer ``y = p + e``."""
        op = self.where.definition.get(y)
        if not isinstance(p.type, Scalar) or p.type.dtype[0] not in "iu" or not isinstance(op, Op):
            return None
        if op.name == "add" and p in op.args and op.args[0] is not op.args[1]:
            step = op.args[1] if op.args[0] is p else op.args[0]
            back = "sub"
        elif op.name == "sub" and op.args[0] is p and op.args[1] is not p:
            step, back = op.args[1], "add"
        else:
            return None
        if isinstance(step, Var) and self.depends(step, p):
            return None
        return Op(back, (y, step), p, (), op.loc)

    def depends(self, x: Var, on: Var) -> bool:
        """Whether a value is computed from another, in one block."""
        home = self.where.home[on]
        seen: set[Var] = set()
        work = [x]
        while work:
            x = work.pop()
            if x is on:
                return True
            stmt = self.where.definition.get(x)
            if x in seen or self.where.home[x] != home or stmt is None or stmt is self.where.all[home].owner:
                continue
            seen.add(x)
            work += inputs_of(stmt) if isinstance(stmt, Op | If) else free_of(stmt)
        return False

    def settle(self, scope: Scope, chosen: _Solution) -> None:
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
        for var in chosen.computed:
            self.record(var, "undo" if var in chosen.undone else "recompute", scope)

    def record(self, var: Var, answer: str, scope: Scope) -> None:
        stmt = self.where.definition.get(var)
        size = weight(var) if answer == "keep" and not self.branch_at_top(scope) else 0
        loc = stmt.loc if stmt is not None else Loc()
        self.plan.answers.append(Answer(var.name, loc, answer, size, scope.loops))

    def root(self, scope: int) -> int:
        """Return the innermost block around a scope whose reversal follows in the same run."""
        return next(s.index for s in self.where.chain(scope) if s.index in self.roots)

    def branch_at_top(self, scope: Scope) -> bool:
        """Whether a block is an arm of a branch that runs at most once before it is reversed."""
        for s in self.where.chain(scope.index):
            if s.index in self.roots:
                return True
            if s.role not in ("then", "orelse"):
                return False
        return True

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

    def runs_again(self, stmt: Stmt | None) -> bool:
        """Whether a statement can be run in the reversal as cheaply and with the same result."""
        match stmt:
            case Op():
                if stmt.out in self.extra:
                    return True
                if stmt.name == "load":
                    return self.live(stmt)
                if stmt.name == "dim":
                    assert stmt.out is not None
                    return self.visible(_var(stmt.args[0]), self.where.home[stmt.out])
                if stmt.out is None or not isinstance(stmt.out.type, Scalar):
                    return False
                if stmt.name in ("select", "cast", "accum"):
                    return True
                rule = RULES.get(stmt.name)
                return rule is not None and rule.cheap
            case If():
                if any(is_array(v) for v in stmt.outs):
                    return False
                inner = (*stmt.then.stmts, *stmt.orelse.stmts)
                return all(isinstance(s, Op | If) and self.runs_again(s) for s in inner)
        return False

    def live(self, op: Op) -> bool:
        """Whether a load reads the same again after the forward sweep."""
        found = self._live.get(id(op))
        if found is None:
            found = self._live[id(op)] = self._find_live(op)
        return found

    def visible(self, array: Var, scope: int) -> bool:
        """Whether an array can be referred to in the reversal of a scope."""
        return self.where.inside(self.root(scope), self.where.home[array])

    def _find_live(self, op: Op) -> bool:
        array = _var(op.args[0])
        accesses = self.memory.accesses[self.memory.find(array)]
        load = next(a for a in accesses if a.op is op)
        root = self.root(load.path[-1][0])
        if not self.where.inside(root, self.where.home[array]):
            return False
        # A restored buffer is, when the reversal of a block begins, as it was at the block's end.
        span = load.path[-1][0] if self.memory.find(array) in self.demand.restored else root
        inside = [a for a in accesses if any(s == span for s, _ in a.path)]
        return not any(a.writes and self.subscripts.overwrites(a, load, span) for a in inside)


@dataclass(frozen=True, slots=True)
class _Solution:
    """A block's cut: what is kept, what is run, at what cost."""

    kept: tuple[Var, ...]
    computed: set[Var]
    undone: set[Var]
    recipe: tuple[Stmt, ...]
    walks: tuple[int, ...]
    cost: int


class _Graph:
    """The values of one block and how they follow from one another."""

    def __init__(self, planner: _Planner, scope: Scope, sinks: dict[Var, None], walks: tuple[int, ...]) -> None:
        self.planner = planner
        self.scope = scope
        self.walks = walks
        # Out of a branch at the top values are handed on in registers: what costs is computed once.
        self.free = planner.branch_at_top(scope)
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
                counter = planner.counter(loop.params[k], y)
                if counter is not None:
                    self.undo[loop.params[k]] = counter

    def maker(self, var: Var) -> Stmt | None:
        """Return the statement that would be run to have a value again."""
        if var in self.undo:
            return self.undo[var]
        stmt = self.planner.where.definition.get(var)
        if stmt is None or stmt is self.scope.owner:
            return None
        if isinstance(stmt, For | While):
            return None
        if isinstance(stmt, If) and var not in stmt.outs:
            return None
        if self.free and isinstance(stmt, Op) and stmt.name not in _LIGHT:
            return None
        return stmt if self.planner.runs_again(stmt) else None

    def parents(self, stmt: Stmt) -> list[Var]:
        """Return the block's own values that a statement reads."""
        home = self.planner.where.home
        return [x for x in inputs_of(stmt) if home[x] == self.scope.index and not is_array(x)]

    def solve(self) -> _Solution:
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
        return _Solution(tuple(ordered), computed, set(self.undo) & computed, recipe, self.walks, cost)

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


def inputs_of(stmt: Stmt) -> list[Var]:
    """Return the values a statement and its blocks read from outside."""
    match stmt:
        case Op():
            return [x for x in stmt.args if isinstance(x, Var)]
        case If():
            found = dict.fromkeys(x for x in (stmt.cond,) if isinstance(x, Var))
            return list({**found, **free(stmt.then), **free(stmt.orelse)})
    return []


def free_of(loop: For | While) -> list[Var]:
    """Return the values a loop and its blocks read from outside, the loop's own too."""
    found = dict.fromkeys(x for x in used(loop) if isinstance(x, Var))
    for block in regions(loop):
        found.update(free(block))
    return list(found)


def weight(var: Var) -> int:
    """Return the bytes one value takes when kept."""
    assert isinstance(var.type, Scalar)
    return int(var.type.dtype[1:])


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
