"""The forward sweep: the primal, with what the plan keeps put aside.

Also what the backward sweep asks of it: kept values back, and overwritten elements put
back where they were.

Kept flags take a bit each, but a byte where iterations do not depend on each other: eight of them to a byte are a
chain, which would keep such a loop from being vectorised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revtrace.passes import memory
from revtrace.passes.memory import zero
from revtrace.passes.plan import Plan
from revtrace.passes.scopes import TOP, Scope, Scopes, is_array
from revtrace.passes.subscripts import subscripts_of
from revtrace.passes.tape import Axis, Tapes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Loc, Op, Operand, Stmt, Var, While
from revtrace.program.rebuild import clone, map_all
from revtrace.program.types import Scalar, Stack

__all__ = ["Forward", "known"]


class Forward:
    """State while a forward sweep is written.

    Attributes
    ----------
    env : dict
        For a primal value, what stands for it in the backward sweep.
    segments : frozenset of Var
        Loops at the top, by their ``count``, whose iterations are run again when they are reversed, see
        `revtrace.passes.checkpoint`.
    places : dict
        For each loop that is reversed in place, by its ``count``: where among the
        statements of its block it was left out, and of which block.
    """

    def __init__(
        self, where: Scopes, chosen: Plan, fused: set[Var], roots: frozenset[int], segments: frozenset[Var]
    ) -> None:
        self.segments = segments
        self.where = where
        self.plan = chosen
        self.fused = fused
        self.roots = roots
        self.b = Builder()
        self.places: dict[Var, tuple[int, int]] = {}
        self.stacks: list[Op] = []
        self.tapes = Tapes(where)
        self.tape: dict[Var, tuple[Var, tuple[Axis, ...] | None]] = {}
        self.env: dict[Var, Operand] = {}
        self.inside: dict[int, list[Scope]] = {}
        """The blocks in a statement at the top, by its identity."""
        for scope in self.where.all:
            if scope.owner is not None:
                self.inside.setdefault(id(self.outermost(scope)), []).append(scope)

    def primal(self, x: Operand) -> Operand:
        """Return what stands for a primal value here."""
        if isinstance(x, Const):
            return x
        found = self.env.get(x)
        if found is None:
            assert self.where.home.get(x, TOP) in self.roots, f"{x!r} is not available"
            return x
        return found

    def forward(self, block: Block) -> None:
        """Write a block down, with pushes of what is kept."""
        scope = self.where.scope(block)
        kept = dict.fromkeys(self.plan.kept.get(scope.index, ()))
        owner = scope.owner
        if isinstance(owner, For | While):
            for p in (*owner.params, *((owner.index,) if isinstance(owner, For) else ())):
                if p in kept:
                    self.push(p)
        for stmt in block.stmts:
            self.b.loc = stmt.loc
            if scope.index == TOP:
                self.make_tapes(stmt)
            if isinstance(stmt, For | While) and stmt.count in self.fused:
                # Written where it is reversed; `schedule` then finds a place for both.
                self.places[stmt.count] = len(self.b.stmts), scope.index
                continue
            match stmt:
                case Op(name="keep"):
                    continue
                case Op(name="call" | "copyto") if stmt.attr("site") is not None:
                    self.b.append(_plain(stmt))
                    continue
                case Op():
                    if id(stmt) in self.plan.saved:
                        self.save(stmt)
                    self.b.append(stmt)
                    if stmt.out in kept:
                        assert stmt.out is not None
                        self.push(stmt.out)
                    continue
                case If():
                    self.b.append(self.fork(stmt))
                case For() if stmt.count in self.segments:
                    # The values that the backward sweep knows are those of the second run.
                    self.b.append(clone(_plain(stmt), {}))
                case For() | While():
                    self.b.append(replace(stmt, body=self.nest(stmt.body)))
            for var in stmt.outs:
                if var in kept:
                    self.push(var)
            if isinstance(stmt, For | While) and stmt.count in kept:
                self.push(stmt.count)

    def nest(self, block: Block, more: Sequence[Operand] = ()) -> Block:
        """Write a nested block; ``more`` is handed out of it besides."""
        with self.b.block() as stmts:
            self.forward(block)
        return Block(tuple(stmts), (*block.results, *more))

    def fork(self, stmt: If) -> If:
        """Write a branch, which also hands out what its reversal reads when it is at the top."""
        ours = [self.plan.exports.get(self.where.scope(block).index, {}) for block in (stmt.then, stmt.orelse)]
        then = self.nest(stmt.then, [*ours[0], *map(zero, ours[1])])
        orelse = self.nest(stmt.orelse, [*map(zero, ours[0]), *ours[1]])
        return If(stmt.cond, then, orelse, (*stmt.outs, *ours[0].values(), *ours[1].values()), stmt.loc)

    def make_tapes(self, stmt: Stmt) -> None:
        """Make what the blocks of a statement at the top keep their values in."""
        inside = self.inside.get(id(stmt), ())
        here, self.b.loc = self.b.loc, stmt.loc.acting("keep")
        for scope in inside:
            kept = (*self.plan.kept.get(scope.index, ()), *self.plan.saved_in.get(scope.index, ()))
            axes = self.tapes.axes(scope.index, self.root(scope)) if kept else None
            lengths = [self.tapes.length(self.b, axis) for axis in axes] if axes else []
            for var in kept:
                assert isinstance(var.type, Scalar)
                hint = f"{var.name}_kept" if var.name else "kept"
                if axes:
                    bits = {"bits": True} if self.tapes.packs(var, scope) else {}
                    self.tape[var] = memory.new(self.b, var.type.dtype, lengths, zeros=False, hint=hint, **bits), axes
                else:
                    stack = Var(Stack(var.type.dtype), hint)
                    self.stacks.append(Op("stack", (), stack, (), self.b.loc))
                    self.tape[var] = stack, None
        self.b.loc = here

    def root(self, scope: Scope) -> int:
        """Return the innermost block around a scope whose reversal follows in the same run."""
        return next(s.index for s in self.where.chain(scope.index) if s.index in self.roots)

    def outermost(self, scope: Scope) -> Stmt | None:
        """Return the statement at the top that a block is part of."""
        while scope.parent != TOP:
            scope = self.where.all[scope.parent]
        return scope.owner

    def save(self, op: Op) -> None:
        """Keep what an operation is about to write over."""
        old = self.plan.saved[id(op)]
        if is_array(old):
            self.b.append(Op("copy", (op.args[0],), old, (), op.loc.acting("keep")))
            return
        at = subscripts_of(op)
        assert at is not None
        self.b.append(Op("load", (op.args[0], *at), old, op.attrs, op.loc.acting("keep")))
        if old in self.tape:
            self.push(old)

    def put_back(self, op: Op) -> None:
        """Undo a write."""
        old = self.plan.saved[id(op)]
        self.b.loc = op.loc.acting("undo")
        if is_array(old):
            self.b.do("copyto", op.args[0], old, again=True)
            return
        value = self.pop(old) if old in self.tape else self.primal(old)
        at = [self.primal(x) for x in subscripts_of(op) or ()]
        self.b.do("store", op.args[0], value, *at, **known(op))

    def defined_at(self, var: Var) -> Loc:
        """Return the place of the statement that gives a value."""
        stmt = self.where.definition.get(var)
        return self.b.loc if stmt is None else stmt.loc

    def push(self, var: Var) -> None:
        """Keep a value in the forward sweep."""
        tape, axes = self.tape[var]
        here, self.b.loc = self.b.loc, self.defined_at(var).acting("keep")
        if axes is None:
            self.b.do("push", tape, var)
        else:
            at = [self.tapes.position(self.b, axis, lambda x: x) for axis in axes]
            self.b.do("store", tape, var, *at, safe=True)
        self.b.loc = here

    def pop(self, var: Var) -> Var:
        """Read a kept value in the backward sweep."""
        tape, axes = self.tape[var]
        self.b.loc = self.defined_at(var).acting("fetch")
        if axes is None:
            return self.b.op("pop", tape, type=var.type, hint=var.name)
        at = [self.tapes.position(self.b, axis, self.primal) for axis in axes]
        return self.b.op("load", tape, *at, type=var.type, hint=var.name, safe=True)


def _plain(stmt: Stmt) -> Stmt:
    """Return a statement without what is written down for its reversal only."""

    def block(inner: Block) -> Block:
        kept = (s for s in inner.stmts if not (isinstance(s, Op) and s.name == "keep"))
        return Block(tuple(map(_plain, kept)), inner.results)

    if isinstance(stmt, Op):
        return replace(stmt, attrs=tuple((k, v) for k, v in stmt.attrs if k != "site"))
    return map_all(stmt, block)


def known(op: Op) -> dict[str, object]:
    """Return the settings of an access made before, to the same array or one shaped the same."""
    return {"safe": True} if op.attr("safe") else {"again": True}
