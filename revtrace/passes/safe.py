"""Accesses that cannot fail: indices of loops over an array's own length.

A light proof, enough that such loads can be moved and dropped.  What it says is
checked by the interpreter at every access.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.fold import key
from revtrace.passes.scopes import Scopes, scopes
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import fresh, map_blocks
from revtrace.program.types import INT, Array

__all__ = ["Lengths", "safe"]


def safe(program: Program) -> Program:
    """Return the program with accesses marked ``safe`` whose indices are seen to be in range."""
    program = fresh(program)
    where = scopes(program)
    lengths = Lengths(where)

    def block(old: Block) -> Block:
        return Block(tuple(map(mark, old.stmts)), old.results)

    def mark(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Op):
            found = subscripts_of(stmt)
            if found is None or stmt.attr("safe") or not lengths.hold(stmt.args[0], found):
                return stmt
            return replace(stmt, attrs=(("safe", True),))
        return map_blocks(stmt, block)

    return Program(program.name, program.inputs, block(program.body))


class Lengths:
    """Questions about indices and lengths of one program."""

    def __init__(self, where: Scopes) -> None:
        self.where = where
        self.subscripts = Subscripts(where)

    def hold(self, array: Operand, index: tuple[Operand, ...]) -> bool:
        """Whether each index is seen to be at least 0 and less than the length of its axis."""
        return all(self.natural(x) and self.below(x, array, axis) for axis, x in enumerate(index))

    def natural(self, x: Operand) -> bool:
        """Whether an index is seen not to be negative."""
        return self.axis_round(x) is not None or self.subscripts.natural(x)

    def below(self, x: Operand, array: Operand, axis: int, depth: int = 8) -> bool:
        """Whether ``x < length``, for every array that ``array`` may be."""
        made = self.where.definition.get(array) if isinstance(array, Var) else None
        if not isinstance(array, Var) or not isinstance(array.type, Array) or depth == 0:
            return False
        if isinstance(made, For | While):
            k = made.params.index(array) if array in made.params else made.outs.index(array)
            # Arrays that change places: any of those with this many axes may be here.
            return array.type == made.params[k].type and all(
                self.below(x, init, axis, depth - 1)
                for p, init in zip(made.params, made.inits, strict=True)
                if p.type == array.type
            )
        if isinstance(made, If):
            k = made.outs.index(array)
            return all(self.below(x, arm.results[k], axis, depth - 1) for arm in (made.then, made.orelse))
        if isinstance(made, Op) and made.name == "copy":
            return self.equal_or_below(x, array, axis) or self.below(x, made.args[0], axis, depth - 1)
        if isinstance(made, Op) and made.name == "alloc":
            return self.equal_or_below(x, array, axis) or self.less(x, made.args[axis])
        return self.equal_or_below(x, array, axis)

    def equal_or_below(self, x: Operand, array: Var, axis: int) -> bool:
        """Whether ``x < dim(array, axis)`` by a bound that is that length."""
        bound = self.most(x)
        if bound is None:
            return False
        made = self.where.definition.get(bound[0]) if isinstance(bound[0], Var) else None
        return (
            isinstance(made, Op)
            and made.name == "dim"
            and made.args[0] is array
            and made.attr("axis") == axis
            and bound[1] < 0
        )

    def less(self, x: Operand, n: Operand) -> bool:
        """Whether ``x < n``, a length that is not negative."""
        bound = self.most(x)
        if bound is None:
            return False
        size = self.subscripts.offset(n)
        if size.base is not None:
            longer = self.where.definition.get(size.base)
            if isinstance(longer, Op) and longer.name == "max" and size.constant == 0 and const(0) in longer.args:
                # The larger of two: it is enough to be below one.
                return any(self.less(x, part) for part in longer.args if isinstance(part, Var))
        return bound[0] is size.base and bound[1] < size.constant

    def most(self, x: Operand, depth: int = 8) -> tuple[Var | None, int] | None:
        """Return ``(y, c)`` with ``x <= y + c``; no ``y`` for a number."""
        at = self.subscripts.offset(x)
        if at.base is None:
            return None, at.constant
        loop = self.subscripts.loop_of(at.base)
        axis = self.axis_round(at.base)
        if axis is not None:
            size = self.subscripts.offset(axis)
            return size.base, size.constant + at.constant - 1
        if loop is None or depth == 0:
            return at.base, at.constant
        end = loop.stop if loop.step > 0 else loop.start
        bound = self.most(end, depth - 1)
        return None if bound is None else (bound[0], bound[1] + at.constant - (1 if loop.step > 0 else 0))

    def axis_round(self, x: Operand) -> Operand | None:
        """Return ``n`` for an index ``(i + constant) % n`` in a loop over ``range(n)``, which runs for positive n."""
        made = self.where.definition.get(x) if isinstance(x, Var) else None
        if not isinstance(made, Op) or made.name != "mod" or made.args[0].type != INT:
            return None
        loop = self.subscripts.loop_of(self.subscripts.offset(made.args[0]).base)
        if loop is None or loop.step != 1 or loop.start != const(0) or key(loop.stop) != key(made.args[1]):
            return None
        return made.args[1]
