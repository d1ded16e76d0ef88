"""Adjoints of numbers that one way leaves out: zero there, whatever they are multiplied with.

In ``np.where(x > 0, np.log(x), 0)`` the logarithm has no share in the result at zero, though its slope is infinite
there, and zero times infinity is not zero.  A branch or a choice says when an adjoint is zero; products hand that on,
and the end of their chain applies it, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from revtrace.passes.scopes import Scopes
from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Op, Operand, Var, const
from revtrace.program.types import BOOL, Scalar

__all__ = ["LeftOut"]


@dataclass(frozen=True, slots=True)
class _Unless:
    """An adjoint is zero unless a condition holds.

    Attributes
    ----------
    cond : Operand
    loose : bool
        Whether what was computed may be something else without it: zero times a slope that is not finite.
    """

    cond: Operand
    loose: bool = False


class LeftOut:
    """What is known of the adjoints of one backward sweep.

    Parameters
    ----------
    b : Builder
        Where the sweep is written.
    where : Scopes
        The primal.
    """

    def __init__(self, b: Builder, where: Scopes) -> None:
        self.b = b
        self.where = where
        self.known: dict[Operand, _Unless] = {}

    def strict(self, g: Operand) -> Operand:
        """Return an adjoint that is zero where it is known to be."""
        found = self.known.get(g)
        if found is None or not found.loose:
            return g
        assert isinstance(g.type, Scalar)
        made = self.b.op("select", found.cond, g, const(0, g.type.dtype), type=g.type)
        self.known[made] = replace(found, loose=False)
        return made

    def element(self, made: Var) -> None:
        """Note that an adjoint, of an array's element, may be zero because nothing has read what it is of."""
        assert isinstance(made.type, Scalar)
        self.known[made] = _Unless(self.b.op("ne", made, const(0, made.type.dtype), type=BOOL))

    def settle(self, adj: dict[Var, Operand], since: Mapping[Var, Operand]) -> None:
        """Make the adjoints that changed strict, before the region ends in which their conditions are known."""
        for v, g in adj.items():
            if since.get(v) is not g:
                adj[v] = self.strict(g)

    def total(self, a: Operand, b: Operand) -> Operand:
        """Append the sum of two shares of an adjoint: zero unless one of them is not."""
        ways = [self.cond(g) for g in (a, b)]
        made = self.b.op("accum", self.strict(a), self.strict(b))
        if all(isinstance(way, Var) for way in ways):
            self.known[made] = _Unless(self.b.op("or", *ways, type=BOOL))
        return made

    def product(self, made: Operand, g: Operand, scaled: bool) -> None:
        """Note that an adjoint was made of another, ``scaled`` by values of the primal or not."""
        found = self.known.get(g)
        if found is not None and made is not g:
            self.known[made] = replace(found, loose=found.loose or scaled)

    def choice(self, made: Operand, op: Op | None, lookup: Callable[[Var], Operand]) -> None:
        """Note what the operation that an adjoint is made by says: a choice, or times a choice of the primal."""
        if op is None:
            return
        cond: Operand | None = None
        if op.name == "mul":
            for x in op.args:
                if isinstance(x, Var) and self.may_choose_zero(x):
                    assert isinstance(x.type, Scalar)
                    cond = self.b.op("ne", lookup(x), const(0, x.type.dtype), type=BOOL)
        elif op.name == "select" and any(map(_is_zero, op.args[1:])):
            cond = lookup(op.args[0]) if isinstance(op.args[0], Var) else op.args[0]
            if _is_zero(op.args[1]):
                cond = self.b.op("not", cond, type=BOOL)
        if cond is None:
            return
        old = self.known.get(made)
        both = cond if old is None else self.b.op("and", old.cond, cond, type=BOOL)
        self.known[made] = _Unless(both, old is not None and old.loose)

    def may_choose_zero(self, x: Operand) -> bool:
        """Whether a value of the primal is a choice, zero on one way."""
        op = self.where.definition.get(x) if isinstance(x, Var) else None
        sides = op.args[1:] if isinstance(op, Op) and op.name == "select" else ()
        return any(_is_zero(side) or self.may_choose_zero(side) for side in sides)

    def cond(self, g: Operand | None) -> Operand:
        """Return the condition without which an adjoint is zero; False for none."""
        found = None if g is None else self.known.get(g)
        return const(g is not None) if found is None else found.cond

    def joined(self, out: Var, cond: Operand, ways: tuple[Operand, Operand], told: Var | None) -> None:
        """Note what is known of an adjoint after a branch, from the `cond` of either arm's; ``told`` is their join."""
        if told is None and ways[0] == ways[1]:
            return
        if told is None:
            told = cond if ways[0] == const(True) else self.b.op("not", cond, type=BOOL)  # type: ignore[assignment]
        assert told is not None
        self.known[out] = _Unless(told)


def _is_zero(x: Operand) -> bool:
    return isinstance(x, Const) and x.value == 0
