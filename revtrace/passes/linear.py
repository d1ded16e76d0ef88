"""Integers as sums of integer multiples of values: ``{x: 2, y: -1, None: 3}`` is ``2 * x - y + 3``."""

from __future__ import annotations

from collections.abc import Callable

from revtrace.program.nodes import Const, Op, Operand, Stmt, Var

__all__ = ["Form", "form_of", "minus", "plus", "scaled"]

Form = dict[Var | None, int]

_MOST = 8
"""Multiples in a sum; longer ones are of no use."""


def form_of(x: Operand, made: Callable[[Var], Stmt | None] = lambda _: None, depth: int = 12) -> Form:
    """Return an integer as a sum; ``made`` gives what defines a value that is to be looked into."""
    if isinstance(x, Const):
        return _tidy({None: int(x.value.real)})
    op = made(x) if depth else None
    if not isinstance(op, Op):
        return {x: 1}
    sides = [form_of(y, made, depth - 1) for y in op.args] if op.name in ("add", "sub", "mul", "neg") else []
    match op.name:
        case "add":
            found = plus(*sides)
        case "sub":
            found = minus(*sides)
        case "neg":
            found = scaled(sides[0], -1)
        case "mul" if any(side.keys() <= {None} for side in sides):
            a, b = sides if sides[1].keys() <= {None} else sides[::-1]
            found = scaled(a, b.get(None, 0))
        case _:
            return {x: 1}
    return found if len(found) <= _MOST else {x: 1}


def plus(a: Form, b: Form) -> Form:
    """Return the sum of two."""
    return _tidy({x: a.get(x, 0) + b.get(x, 0) for x in {**a, **b}})


def minus(a: Form, b: Form) -> Form:
    """Return the difference of two."""
    return plus(a, scaled(b, -1))


def scaled(a: Form, factor: int) -> Form:
    """Return a multiple."""
    return _tidy({x: c * factor for x, c in a.items()})


def _tidy(a: Form) -> Form:
    return {x: c for x, c in a.items() if c}
