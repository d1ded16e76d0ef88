"""Where a kept value is stored: an array indexed by the loops around it, or a stack.

An array is used when the loops' bounds are known at the top of the program before
they run; it has one axis per loop.  A triangular nest takes its bounding box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revtrace.passes.scopes import TOP, Scope, Scopes
from revtrace.passes.subscripts import Subscripts
from revtrace.program.build import Builder
from revtrace.program.nodes import Const, For, If, Op, Operand, Var, While, const
from revtrace.program.types import BOOL, INT

__all__ = ["Axis", "Tapes", "integer", "iterations", "runs"]

_LONGEST = 1 << 16
"""Iterations of a loop that may be left early for which a tape is made as long as the loop."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One loop of a tape: a length, and the index as ``(i - start) * sign``.

    ``bound + extra`` is the length where ``start`` is None: the loop's own index is the
    position then.
    """

    loop: For
    bound: Operand
    extra: int
    start: Operand | None


class Tapes:
    """Decides per scope; ``root`` is the scope whose run holds both sweeps."""

    def __init__(self, where: Scopes) -> None:
        self.where = where
        self.subscripts = Subscripts(where)

    def packs(self, var: Var, scope: Scope) -> bool:
        """Whether a value kept of a scope is a flag that takes a bit only."""
        loop = next(s.owner for s in self.where.chain(scope.index) if isinstance(s.owner, For | While))
        if var.type != BOOL or not isinstance(loop, For) or loop.step < 0:
            return False
        if loop is not scope.owner or not all(isinstance(s, Op) for s in scope.block.stmts):
            return True
        return any(not self.summed(p, r) for p, r in zip(loop.params, scope.block.results, strict=False))

    def summed(self, param: Var, result: Operand) -> bool:
        """Whether all that is done to a carried value is adding to it."""
        made = self.where.definition.get(result) if isinstance(result, Var) else None
        return param is result or (isinstance(made, Op) and made.name in ("add", "accum") and param in made.args)

    def axes(self, scope: int, root: int = TOP) -> tuple[Axis, ...] | None:
        """Return the axes of a tape for values of a scope; None where a stack is needed."""
        found: list[Axis] = []
        loops_below = False
        for s in self.where.chain(scope):
            if s.index == root:
                break
            if found and found[-1].loop.exits:
                # Left early in every run of a loop around it, most of a box would stay empty.
                return None
            if isinstance(s.owner, If):
                # An untaken branch would leave a whole nest of the array unused.
                if loops_below:
                    return None
                continue
            loops_below = True
            axis = self.axis(s.owner) if isinstance(s.owner, For) else None
            if axis is None:
                return None
            found.append(axis)
        return tuple(reversed(found))

    def axis(self, loop: For) -> Axis | None:
        """Return one loop's axis."""
        if loop.exits and not (
            isinstance(loop.start, Const)
            and isinstance(loop.stop, Const)
            and len(range(int(loop.start.value.real), int(loop.stop.value.real), loop.step)) <= _LONGEST
        ):
            return None
        start_low = self.subscripts.least(loop.start)
        if loop.step > 0:
            bound = self.highest(loop.stop)
            if bound is not None and start_low is not None and start_low >= 0:
                return Axis(loop, bound[0], bound[1], None)
            if bound is not None and loop.step == 1 and self.at_top(loop.start):
                return Axis(loop, bound[0], bound[1], loop.start)
            return None
        stop_low = self.subscripts.least(loop.stop)
        bound = self.highest(loop.start)
        if bound is not None and stop_low is not None and stop_low >= -1:
            return Axis(loop, bound[0], bound[1] + 1, None)
        return None

    def at_top(self, x: Operand) -> bool:
        """Whether an operand is known at the top of the program."""
        return isinstance(x, Const) or self.where.home.get(x, TOP) == TOP

    def highest(self, x: Operand, depth: int = 6) -> tuple[Operand, int] | None:
        """Return ``(y, c)``, known at the top, with ``x <= y + c``."""
        if self.at_top(x):
            return x, 0
        at = self.subscripts.offset(x)
        if at.base is None:
            return const(at.constant), 0
        if self.at_top(at.base):
            return at.base, at.constant
        made = self.where.definition.get(at.base)
        if isinstance(made, Op) and made.name == "min" and depth:
            found = [self.highest(y, depth - 1) for y in made.args]
            return next(((y, c + at.constant) for y, c in filter(None, found)), None)
        loop = self.subscripts.loop_of(at.base)
        if loop is None or depth == 0:
            return None
        far = self.highest(loop.stop if loop.step > 0 else loop.start, depth - 1)
        if far is None:
            return None
        return far[0], far[1] + at.constant - (1 if loop.step > 0 else 0)

    @staticmethod
    def length(b: Builder, axis: Axis) -> Operand:
        """Append the length of an axis."""
        n = integer(b, "add", axis.bound, const(axis.extra))
        if axis.start is not None:
            n = integer(b, "sub", n, axis.start)
        return integer(b, "max", n, const(0))

    @staticmethod
    def position(b: Builder, axis: Axis, value: Callable[[Operand], Operand]) -> Operand:
        """Append the position on an axis; ``value`` gives what stands for an operand."""
        i = value(axis.loop.index)
        return i if axis.start is None else integer(b, "sub", i, value(axis.start))


def iterations(b: Builder, start: Operand, stop: Operand, step: int) -> Operand:
    """Append the number of iterations of a range; of an empty one, zero or less."""
    width = integer(b, "sub", stop, start)
    width = integer(b, "add", width, const(step - (1 if step > 0 else -1)))
    return integer(b, "floordiv", width, const(step))


def runs(b: Builder, loop: For) -> Operand:
    """Append whether a counted loop has an iteration."""
    return b.compare("lt" if loop.step > 0 else "gt", loop.start, loop.stop)


def integer(b: Builder, name: str, x: Operand, y: Operand) -> Operand:
    """Append integer arithmetic, or do it."""
    if isinstance(x, Const) and isinstance(y, Const):
        p, q = int(x.value.real), int(y.value.real)
        table: dict[str, Callable[[], int]] = {
            "add": lambda: p + q,
            "sub": lambda: p - q,
            "mul": lambda: p * q,
            "floordiv": lambda: p // q,
            "max": lambda: max(p, q),
        }
        return const(table[name]())
    if isinstance(y, Const) and y.value == (1 if name in ("mul", "floordiv") else 0) and name != "max":
        return x
    if isinstance(x, Const) and x.value == 0 and name == "add":
        return y
    if name == "max" and isinstance(x, Var) and _natural(b, x):
        return x
    return b.op(name, x, y, type=INT)


def _natural(b: Builder, x: Var) -> bool:
    """Whether a value is a length."""
    made = b.defs.get(x)
    return getattr(made, "name", "") == "dim"
