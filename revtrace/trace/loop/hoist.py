"""Computing a length again where it is visible: before the branch or loop that computed it.

An array made in a branch and used after it needs storage made before the branch,
and for that its shape.  Shapes are cheap integer arithmetic on what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from revtrace.program.nodes import Const, Op, Operand, Var

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["hoist", "hoisted"]

_CHEAP = frozenset(
    "add sub mul floordiv mod min max abs neg select cast lt le gt ge eq ne and or not trunc ceil floor div".split()
)


def hoist(t: Tracer, x: Operand) -> Operand | None:
    """Return an integer as a value visible here, computing it again if need be; None if that cannot be."""
    if isinstance(x, Const) or t.b.visible(x):
        return x
    if not _can(t, x):
        return None
    return _again(t, x, {})


def hoisted(t: Tracer, xs: Sequence[Operand]) -> tuple[Operand, ...] | None:
    """Return several integers as values visible here, or None."""
    found = tuple(hoist(t, x) for x in xs)
    return None if any(x is None for x in found) else found  # type: ignore[return-value]


def _can(t: Tracer, x: Operand) -> bool:
    if not isinstance(x, Var) or t.b.visible(x):
        return True
    stmt = t.b.defs.get(x)
    return isinstance(stmt, Op) and stmt.name in _CHEAP | {"dim"} and all(_can(t, a) for a in stmt.args)


def _again(t: Tracer, x: Operand, made: dict[Var, Operand]) -> Operand:
    if not isinstance(x, Var) or t.b.visible(x):
        return x
    if x not in made:
        stmt = t.b.defs[x]
        assert isinstance(stmt, Op)
        args = [_again(t, a, made) for a in stmt.args]
        made[x] = t.b.op(stmt.name, *args, type=x.type, hint=x.name, **dict(stmt.attrs))
    return made[x]
