"""What can be computed again on the way back, with the same result.

Facts about a program whose reversal is being planned; the choice is made elsewhere.
"""

from __future__ import annotations

from collections.abc import Set

from revtrace.passes.demand import Demand
from revtrace.passes.effects import Access, Buffers
from revtrace.passes.scopes import Scope, Scopes, free, is_array
from revtrace.passes.subscripts import Subscripts
from revtrace.passes.writes import Writes
from revtrace.program.nodes import Const, For, If, Op, Operand, Stmt, Var, While, regions, used
from revtrace.program.types import Scalar
from revtrace.rules.core import RULES

__all__ = ["Rerun", "inputs_of"]


class Rerun:
    """Questions about statements; ``extra`` values are made once, in either sweep."""

    def __init__(self, where: Scopes, memory: Buffers, demand: Demand, roots: frozenset[int], extra: Set[Var]) -> None:
        self.where = where
        self.memory = memory
        self.demand = demand
        self.roots = roots
        self.extra = extra
        self.subscripts = Subscripts(where)
        self.overwritten: set[Var] = set()
        """Classes of buffers some element of which was asked for and found to be written over."""
        self._live: dict[int, bool] = {}
        self._stores: dict[Var, list[Access]] = {}
        self._loads: dict[int, Access] = {}
        self._writes: dict[Var, Writes] = {}
        for cls, accesses in memory.accesses.items():
            self._writes[cls] = Writes(self.subscripts, [a for a in accesses if a.writes])
            for a in accesses:
                if a.op.name == "load":
                    self._loads[id(a.op)] = a
                if a.op.name == "store" and isinstance(a.op.args[1], Var):
                    self._stores.setdefault(a.op.args[1], []).append(a)

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
                if stmt.name in ("select", "cast", "accum", "linearised"):
                    return True
                rule = RULES.get(stmt.name)
                return rule is not None and (rule.cheap or _by_roots(stmt))
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

    def _find_live(self, op: Op) -> bool:
        return self.lasts(self._loads[id(op)])

    def lasts(self, access: Access) -> bool:
        """Whether an element is, when the reversal of a block begins, as an access in it left it."""
        root = self.root(access.path[-1][0])
        return self.where.inside(root, self.where.home[access.array]) and self.written_over(access) is None

    def written_over(self, access: Access) -> Access | None:
        """Return what may write over an element, after an access, before the reversal of its block."""
        here = access.path[-1][0]
        cls = self.memory.find(access.array)
        # A restored buffer is, when the reversal of a block begins, as it was at the block's end.
        span = here if cls in self.demand.restored else self.root(here)
        found = self._writes[cls].over(access, span)
        if found is not None:
            self.overwritten.add(cls)
        return found

    def overwriting(self, op: Op) -> Op | None:
        """Return what writes over an element that a load reads, before its reversal."""
        found = self.written_over(self._loads[id(op)])
        return None if found is None else found.op

    def stored(self, var: Var) -> Op | None:
        """Return the load of a value from where the program itself stored it for good."""
        for access in self._stores.get(var, ()):
            if access.path[-1][0] == self.where.home[var] and self.lasts(access):
                op = access.op
                settings = (("safe", True),) if op.attr("safe") else (("again", True),)
                return Op("load", (op.args[0], *op.args[2:]), var, settings, op.loc)
        return None

    def visible(self, array: Var, scope: int) -> bool:
        """Whether an array can be referred to in the reversal of a scope."""
        return self.where.inside(self.root(scope), self.where.home[array])

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
            work += inputs_of(stmt) if isinstance(stmt, Op | If) else _free_of(stmt)
        return False


def _by_roots(op: Op) -> bool:
    """Whether a power is computed by multiplying and square roots."""
    short = RULES[op.name].short
    if op.name != "pow" or short is None or not isinstance(op.args[1], Const) or not isinstance(op.out, Var):
        return False
    return short(op.out.type.dtype, None, op.args[1].value) is not None


def inputs_of(stmt: Stmt) -> list[Var]:
    """Return the values a statement and its blocks read from outside."""
    match stmt:
        case Op():
            return [x for x in stmt.args if isinstance(x, Var)]
        case If():
            found = dict.fromkeys(x for x in (stmt.cond,) if isinstance(x, Var))
            return list({**found, **free(stmt.then), **free(stmt.orelse)})
    return []


def _free_of(loop: For | While) -> list[Var]:
    """Return the values a loop and its blocks read from outside, the loop's own too."""
    found = dict.fromkeys(x for x in used(loop) if isinstance(x, Var))
    for block in regions(loop):
        found.update(free(block))
    return list(found)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
