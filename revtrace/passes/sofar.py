"""Tangents with respect to one number, exact where a value does not depend on it yet.

A value that a loop starts from, a constant of a choice: its tangent is zero because nothing varies, and zero is what
it contributes, though the slope that it is multiplied with be infinite.  An adjoint would never come there.  So a
condition is carried along with such a tangent: whether the value depends on the number on the way that was taken.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from revtrace.passes.activity import Activity
from revtrace.passes.pullback import argument, linearised, refused, rule_of
from revtrace.passes.tangent import Tangents
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Var, While, const
from revtrace.program.types import BOOL, Scalar
from revtrace.rules import formula
from revtrace.rules.formula import Expr, operand

__all__ = ["Slopes"]

_YES, _NO = const(True), const(False)


class Slopes(Tangents):
    """Writes statements' tangents with respect to one number.

    Attributes
    ----------
    root : Var
    sofar : dict
        For a value whose dependence on the number hangs on the way taken, whether it depends on it.
    """

    def __init__(self, on: Activity, b: Builder, root: Var) -> None:
        super().__init__(on)
        assert isinstance(root.type, Scalar)
        self.b = b
        self.root = root
        self.dot[root] = const(1.0, root.type.dtype)
        self.sofar: dict[Var, Operand] = {}

    def depends(self, x: Operand) -> Operand:
        """Return whether a number depends on the root."""
        if not isinstance(x, Var) or not self.varies(x):
            return _NO
        return self.sofar.get(x, _YES)

    def note(self, out: Var, depends: Operand) -> None:
        """Note whether a value depends on the root."""
        if depends != _YES:
            self.sofar[out] = depends
        else:
            self.sofar.pop(out, None)

    # regions --------------------------------------------------------------------------

    def branch(self, stmt: If) -> None:
        """Write a branch, which also hands out what depends on the root in the arm taken."""
        active = [v for v in stmt.outs if self.varies(v)]
        arms: list[Block] = []
        ways: list[list[Operand]] = []
        for arm in (stmt.then, stmt.orelse):
            with self.b.block() as stmts:
                self.block(arm)
                results = self.both(arm.results, stmt.outs)
                ways.append([self.depends(x) for x, v in zip(arm.results, stmt.outs, strict=True) if self.varies(v)])
            arms.append(Block(tuple(stmts), tuple(results)))
        open_ = [k for k in range(len(active)) if ways[0][k] != _YES or ways[1][k] != _YES]
        told = tuple(Var(BOOL, "varies") for _ in open_)
        then, orelse = (
            replace(arm, results=(*arm.results, *(way[k] for k in open_))) for arm, way in zip(arms, ways, strict=True)
        )
        self.b.append(If(stmt.cond, then, orelse, (*self.doubled(stmt.outs), *told), stmt.loc))
        for v in active:
            self.sofar.pop(v, None)
        self.sofar.update(zip((active[k] for k in open_), told, strict=True))

    def loop(self, stmt: For | While) -> None:
        """Write a loop, which carries what depends on the root so far."""
        active = [k for k, p in enumerate(stmt.params) if self.varies(p)]
        entry = {k: self.depends(stmt.inits[k]) for k in active}
        open_ = [k for k in active if entry[k] != _YES]
        while True:
            told = {k: Var(BOOL, "varies") for k in open_}
            for k in active:
                self.note(stmt.params[k], told.get(k, _YES))
            params = self.doubled(stmt.params)
            with self.b.block() as stmts:
                self.block(stmt.body)
                results = self.both(stmt.body.results, stmt.params)
            after = {k: self.depends(stmt.body.results[k]) for k in active}
            more = [k for k in active if k not in told and after[k] != _YES]
            if not more:
                break
            open_ = sorted((*open_, *more))
        count = len(stmt.params)
        at = count + len(active)
        body = Block(tuple(stmts), (*results[:at], *(after[k] for k in open_), *results[at:]))
        inits = (*self.both(stmt.inits, stmt.params), *(entry[k] for k in open_))
        ends = {k: Var(BOOL, "varies") for k in open_}
        # What nothing reads after the loop has a tangent in it all the same.
        outs = (*stmt.outs, *(self.twin(stmt.outs[k]) for k in active), *ends.values())
        self.b.append(replace(stmt, params=(*params, *told.values()), inits=inits, body=body, outs=outs))
        for k in active:
            self.note(stmt.outs[k], ends.get(k, _YES))

    # operations -----------------------------------------------------------------------

    def along(self, op: Op, out: Var) -> None:
        """Write the tangent of an operation's result, and whether it varies."""
        match op.name:
            case "linearised":
                x, way = op.args[0], op.args[3] if len(op.args) == 4 else _YES
                self.times(out, linearised(Expr(self.b, self.number(x)), [argument(self.b, y) for y in op.args]))
                self.note(out, self.both_hold(self.depends(x), way))
            case "select":
                super().along(op, out)
                self.note(out, self.chosen(op.args[0], *map(self.depends, op.args[1:])))
            case "cast":
                super().along(op, out)
                self.note(out, self.depends(op.args[0]))
            case _:
                super().along(op, out)

    def times(self, out: Var, found: Any) -> None:
        """Enter a formula's value as a tangent."""
        assert isinstance(out.type, Scalar)
        self.dot[out] = operand(self.b, found, out.type.dtype)

    def scalar(self, op: Op, out: Var) -> None:
        """Write the tangent of an operation that a rule describes."""
        b = self.b
        ways = [self.depends(x) for x in op.args]
        late = [way for x, way in zip(op.args, ways, strict=True) if self.varies(x) and way != _YES]
        rule = rule_of(op)
        if rule.tangent is not None or rule.partials is None:
            super().scalar(op, out)
            if out not in self.dot:
                self.note(out, _NO)
            elif late and len(late) == sum(map(self.varies, op.args)):
                found = late[0]
                for way in late[1:]:
                    found = self.either(found, way)
                self.times(out, formula.where(Expr(b, found), Expr(b, self.number(out)), 0.0))
                self.note(out, found)
            return
        args = [argument(b, x) for x in op.args]
        total: Any = None
        varies: Operand = _NO
        for k, x in enumerate(op.args):
            if not self.varies(x):
                continue
            try:
                slope = formula.partial(rule, k, args, Expr(b, out))
            except formula.NoDerivativeError as error:
                raise refused(op, error) from None
            if slope is None:
                continue
            varies = self.either(varies, self.both_hold(ways[k], self.left_in(op, slope)))
            if ways[k] != _YES and not _is_finite(slope):
                slope = formula.where(Expr(b, ways[k]), slope, 0.0, like=Expr(b, out))
            term = Expr(b, self.number(x)) * slope
            total = term if total is None else total + term
        if total is not None:
            self.times(out, total)
        self.note(out, varies)

    def left_in(self, op: Op, slope: Any) -> Operand:
        """Return whether an operand is chosen, by an operation whose slopes are choices, as those of a maximum."""
        x = slope.operand if isinstance(slope, Expr) and slope.operand not in (*op.args, op.out) else None
        made = self.b.defs.get(x) if isinstance(x, Var) else None
        if not isinstance(made, Op) or made.name != "select":
            return _YES
        sides = [_NO if isinstance(y, Const) and y.value == 0 else _YES for y in made.args[1:]]
        return self.chosen(made.args[0], *sides)

    # conditions -----------------------------------------------------------------------

    def chosen(self, cond: Operand, a: Operand, b: Operand) -> Operand:
        """Append the choice of one of two truths."""
        if a == b:
            return a
        return self.b.op("select", cond, a, b, type=BOOL)

    def either(self, a: Operand, b: Operand) -> Operand:
        """Append whether one of two holds."""
        if _YES in (a, b):
            return _YES
        return b if a in (_NO, b) else a if b == _NO else self.b.op("or", a, b, type=BOOL)

    def both_hold(self, a: Operand, b: Operand) -> Operand:
        """Append whether two hold."""
        if _NO in (a, b):
            return _NO
        return b if a in (_YES, b) else a if b == _YES else self.b.op("and", a, b, type=BOOL)


def _is_finite(slope: Any) -> bool:
    value = formula.literal(slope)
    return value is not None and not isinstance(value, Expr) and math.isfinite(abs(value))
