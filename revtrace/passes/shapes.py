"""What an array's lengths are: as operands where they can be told without the array, as names to compare arrays by."""

from __future__ import annotations

from revtrace.passes.fold import key
from revtrace.passes.scopes import TOP, Scopes
from revtrace.program.nodes import For, Op, Operand, Var, While, const
from revtrace.program.types import Array

__all__ = ["Lengths", "shape"]


def shape(where: Scopes, array: Operand) -> tuple[Operand, ...] | Var | None:
    """Return an array's lengths, or an array at the top that is shaped the same, or None."""
    while isinstance(array, Var):
        if where.home.get(array, TOP) == TOP:
            return array
        made = where.definition.get(array)
        if not isinstance(made, Op):
            return None
        if made.name == "alloc":
            return made.args
        if made.name != "copy":
            return None
        array = made.args[0]
    return None


class Lengths:
    """Names for lengths: those with the same name are the same.

    With ``limited`` one that was limited to be no less than zero goes by the name of what was limited: they are the
    same where arrays of both are made, though making one of the two may raise instead.
    """

    def __init__(self, where: Scopes, limited: bool = False) -> None:
        self.where, self.limited = where, limited

    def of(self, array: Operand) -> tuple[object, ...] | None:
        """Return what names an array's lengths; None where nothing does."""
        if not isinstance(array, Var) or not isinstance(array.type, Array):
            return None
        made = self.where.definition.get(array)
        match made:
            case Op(name="alloc"):
                return tuple(map(self.name, made.args))
            case Op(name="copy"):
                return self.of(made.args[0])
            case For() | While():
                return self._carried(made, (made.params if array in made.params else made.outs).index(array))
            case None:
                return tuple(("dim", array, axis) for axis in range(array.type.ndim))
        return None

    def _carried(self, loop: For | While, k: int) -> tuple[object, ...] | None:
        """Return what names the lengths of all the arrays that a loop may hand on in one place."""
        places: list[int] = []
        while k not in places:
            places.append(k)
            handed = loop.body.results[k]
            if handed not in loop.params:
                return None
            k = loop.params.index(handed)
        found = {self.of(loop.inits[k]) for k in places}
        return found.pop() if len(found) == 1 else None

    def name(self, n: Operand) -> object:
        """Return what names a length."""
        made = self.where.definition.get(n) if isinstance(n, Var) else None
        if isinstance(made, Op) and made.name == "dim":
            shape, axis = self.of(made.args[0]), made.attr("axis")
            if shape is not None and isinstance(axis, int):
                return shape[axis]
        if self.limited and isinstance(made, Op) and made.name == "max" and const(0) in made.args:
            return self.name(made.args[made.args[0] == const(0)])
        return key(n)
