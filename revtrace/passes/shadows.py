"""Adjoint buffers, and what a block's reversal begins with.

An array's *shadow* holds the adjoints of its elements.  It is made where its reversal
begins, chosen by the branch that chose the array, and carried back through a loop
that makes arrays change places.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from revtrace.errors import UnsupportedError
from revtrace.passes import memory
from revtrace.passes.calls import Place
from revtrace.passes.demand import Demand, permutation
from revtrace.passes.fold import key
from revtrace.passes.forward import Forward
from revtrace.passes.plan import Plan
from revtrace.passes.residuals import site_of
from revtrace.passes.scopes import is_array, named
from revtrace.passes.shapes import shape
from revtrace.program.nodes import Block, For, If, Op, Operand, Stmt, Var, While, const, regions
from revtrace.program.rebuild import clone
from revtrace.program.types import INT, Array

__all__ = ["BranchArrayError", "Lookup", "Shadows", "bar_name"]


class BranchArrayError(UnsupportedError):
    """An array made under a condition that is known only when running is used after it."""


class Shadows(Forward):
    """A forward sweep, and shadows for the arrays that carry derivatives.

    Attributes
    ----------
    shadow : dict
        Adjoint buffers of arrays, and of stacks.
    rebuilt : dict
        What a call's reversal reads, by the call's number and the operand.
    exchanged : set of Var
        Loops, by count, whose reversal says which shadow is whose when it is done.
    """

    def __init__(
        self, demand: Demand, chosen: Plan, fused: set[Var], roots: frozenset[int], segments: frozenset[Var]
    ) -> None:
        super().__init__(demand.scopes, chosen, fused, roots, segments)
        self.demand = demand
        self.shadow: dict[Var, Var] = {}
        self.rebuilt: dict[tuple[object, Place], Var] = {}
        self.exchanged: set[Var] = set()

    def on(self, x: Operand) -> bool:
        """Whether a value, or a buffer's class, carries a derivative."""
        return self.demand.activity.is_active(x)

    def enter(self, block: Block) -> None:
        """Make a block's primal values and shadows available before its reversal."""
        scope = self.where.scope(block)
        for var in reversed(self.plan.kept.get(scope.index, ())):
            self.env[var] = self.pop(var)
        for var, out in self.plan.exports.get(scope.index, {}).items():
            self.env[var] = self.primal(out)
        for stmt in self.plan.recipes.get(scope.index, ()):
            copies: dict[Var, Operand] = {}
            self.b.append(_again(clone(stmt, Lookup(self, copies))))
            self.env.update(copies)
        fresh: set[Var] = set()
        for stmt in block.stmts:
            self.b.loc = stmt.loc.acting("adjoint")
            if isinstance(stmt, Op) and stmt.name in ("alloc", "copy") and stmt.out not in self.shadow:
                fresh.add(_var(stmt.out))
            match stmt:
                case Op(name="alloc", out=Var() as out) if self.on(out) and out not in self.shadow:
                    assert isinstance(out.type, Array)
                    shape = [self.primal(x) for x in stmt.args]
                    self.shadow[out] = memory.new(self.b, out.type.dtype, shape, zeros=True, hint=bar_name(out))
                case Op(name="copy", out=Var() as out) if self.on(out) and out not in self.shadow:
                    self.shadow[out] = self.shadow_like(out, _var(stmt.args[0]))
                case Op(name="call") if self.demand.works(stmt):
                    self.make_room(stmt)
                case If():
                    for k, out in enumerate(stmt.outs):
                        if is_array(out) and self.on(out):
                            self.choose(stmt, k)
                case For() | While():
                    self.turn(stmt, block, fresh)

    def make_room(self, op: Op) -> None:
        """Make the arrays that what a call's reversal reads is put in."""
        site = site_of(op, self.demand.sites)
        made: dict[Var, Var] = {}
        for place, (array, lengths) in site.kept.items():
            if array not in made:
                assert isinstance(array.type, Array)
                shape = [self.primal(n) for n in lengths]
                made[array] = memory.new(self.b, array.type.dtype, shape, zeros=False, hint=array.name)
            self.rebuilt[op.attr("site"), place] = made[array]

    def shadow_like(self, out: Var, source: Var) -> Var:
        """Return a new shadow for a copy of an array."""
        if source in self.shadow:
            return memory.zeros_like(self.b, self.shadow[source], bar_name(out))
        found = shape(self.where, source)
        if found is None:
            raise UnsupportedError(
                "revtrace does not know the shape of an array here on the way back",
                "a copy is made of an array that carries no derivative and was chosen by a branch or loop",
                "make the array before the loop or branch",
                self.b.loc,
            )
        if isinstance(found, Var):
            return memory.zeros_like(self.b, found, bar_name(out))
        assert isinstance(out.type, Array)
        return memory.new(self.b, out.type.dtype, [self.primal(x) for x in found], zeros=True, hint=bar_name(out))

    def choose(self, stmt: If, k: int) -> None:
        """Choose the shadow of an array as the branch chose the array."""
        out = stmt.outs[k]
        sides = (_var(stmt.then.results[k]), _var(stmt.orelse.results[k]))
        if any(side not in self.shadow for side in sides):
            raise BranchArrayError(
                "an array made inside a branch is used after it",
                "its adjoint would have to be made before the branch is known",
                "make the array before the branch and fill it inside",
                stmt.loc,
            )
        chosen = Var(out.type, bar_name(out))
        arms = [Block((), (self.shadow[side],)) for side in sides]
        self.b.append(If(self.primal(stmt.cond), arms[0], arms[1], (chosen,), stmt.loc.acting("adjoint")))
        self.shadow[out] = chosen

    def turn(self, stmt: For | While, block: Block, fresh: set[Var]) -> None:
        """Hand shadows through a loop of a block that permutes arrays, as many times as it ran.

        Shadows that were made just now are all zeros: any can be that of any array that the loop hands on, and
        its reversal says which is that of which array it was given.
        """
        order = {k: j for k, j in permutation(stmt).items() if self.on(stmt.params[k])}
        turned = {_var(stmt.inits[k]) for k, j in order.items() if k != j}
        if turned and stmt.count not in self.fused and turned <= fresh and self.alike(turned):
            at = block.stmts.index(stmt)
            rest = Block(block.stmts[at + 1 :], block.results)
            if not turned & {
                *_handed_by(block.stmts[:at]),
                *named(rest),
                *itertools.chain(*map(named, regions(stmt))),
            }:
                self.exchanged.add(stmt.count)
        if not turned or stmt.count in self.exchanged:
            for k in order:
                self.shadow[stmt.outs[k]] = self.shadow[_var(stmt.inits[k])]
            return
        keys = sorted(order)
        params = {k: Var(stmt.params[k].type, bar_name(stmt.params[k])) for k in keys}
        outs = tuple(Var(stmt.outs[k].type, bar_name(stmt.outs[k])) for k in keys)
        trips = self.b.op("mod", self.primal(stmt.count), const(_period(order)), type=INT)
        self.b.append(
            For(
                Var(INT),
                const(0),
                trips,
                1,
                tuple(params.values()),
                tuple(self.shadow[_var(stmt.inits[k])] for k in keys),
                Block((), tuple(params[order[k]] for k in keys)),
                outs,
                Var(INT),
                False,
                stmt.loc.acting("adjoint"),
            )
        )
        for k, out in zip(keys, outs, strict=True):
            self.shadow[stmt.outs[k]] = out

    def alike(self, arrays: set[Var]) -> bool:
        """Whether arrays that are made in one block have the same shape."""
        found = set()
        for array in arrays:
            made = self.where.definition.get(array)
            while isinstance(made, Op) and made.name == "copy":
                array = _var(made.args[0])
                made = self.where.definition.get(array)
            found.add(tuple(map(key, made.args)) if isinstance(made, Op) and made.name == "alloc" else array)
        return len(found) == 1


class Lookup(dict[Var, Operand]):
    """New definitions first, then what stands for primal values here."""

    def __init__(self, sweep: Forward, own: dict[Var, Operand]) -> None:
        super().__init__()
        self.sweep = sweep
        self.own = own

    def get(self, key: Var, default: object = None) -> Operand:
        """Return what stands for a value."""
        found = self.own.get(key)
        return found if found is not None else self.sweep.primal(key)

    def __setitem__(self, key: Var, value: Operand) -> None:
        self.own[key] = value


def _handed_by(stmts: Sequence[Stmt]) -> set[Operand]:
    """Return what statements give to loops, and hand out of branches and loops."""
    found: set[Operand] = set()
    for stmt in stmts:
        found.update(stmt.inits if isinstance(stmt, For | While) else ())
        for b in regions(stmt):
            found |= {*b.results, *_handed_by(b.stmts)}
    return found


def bar_name(var: Var) -> str:
    """Return the name of a value's adjoint."""
    return f"{var.name}_bar" if var.name else "bar"


def _var(x: Operand | None) -> Var:
    assert isinstance(x, Var)
    return x


def _again(stmt: Stmt) -> Stmt:
    """Mark a statement as one run again, and its loads as made before with the same index."""
    loc = stmt.loc.acting("again")
    match stmt:
        case Op():
            known = stmt.name == "load" and not stmt.attr("safe")
            return replace(stmt, attrs=(("again", True),) if known else stmt.attrs, loc=loc)
        case If():
            arms = [Block(tuple(map(_again, x.stmts)), x.results) for x in (stmt.then, stmt.orelse)]
            return replace(stmt, then=arms[0], orelse=arms[1], loc=loc)
    return replace(stmt, loc=loc)


def _period(order: dict[int, int]) -> int:
    """Return after how many turns a permutation is back at its start."""
    period = 1
    for k, image in order.items():
        length, j = 1, image
        while j != k:
            j, length = order[j], length + 1
        period = math.lcm(period, length)
    return period
