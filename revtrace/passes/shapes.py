"""What an array's lengths are, where they can be told without the array."""

from __future__ import annotations

from revtrace.passes.scopes import TOP, Scopes
from revtrace.program.nodes import Op, Operand, Var

__all__ = ["shape"]


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
