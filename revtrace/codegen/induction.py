"""How a loop changes the integers it carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from revtrace.codegen.poly import Poly
from revtrace.program.nodes import Const, For, If, Op, Operand, Stmt, Var, While
from revtrace.program.types import INT

__all__ = ["Change", "changes"]

Invariant = Callable[[Operand], Poly | None]

_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Change:
    """What one iteration adds: exactly, or at least and at most; None where that is not known."""

    least: int | None = None
    most: int | None = None
    exact: Poly | None = None


_UNKNOWN = Change()


def changes(stmt: For | While, defs: Mapping[Var, Stmt], invariant: Invariant) -> dict[Var, Change]:
    """Return what an iteration adds to each integer a loop carries.

    Parameters
    ----------
    stmt : For or While
        The loop.
    defs : mapping
        What defines each value of its body.
    invariant : callable
        The polynomial of an operand that the loop does not change, else None.
    """
    out: dict[Var, Change] = {}
    for p, r in zip(stmt.params, stmt.body.results, strict=False):
        if p.type == INT:
            out[p] = _change(r, p, defs, invariant, _DEPTH)
    return out


def _change(x: Operand, p: Var, defs: Mapping[Var, Stmt], invariant: Invariant, depth: int) -> Change:
    if x is p:
        return Change(0, 0, Poly())
    if isinstance(x, Const) or depth == 0:
        return _UNKNOWN
    stmt = defs.get(x)
    match stmt:
        case Op(name="add", args=(a, b)):
            found = _plus(_change(a, p, defs, invariant, depth - 1), invariant(b), 1)
            return found if found != _UNKNOWN else _plus(_change(b, p, defs, invariant, depth - 1), invariant(a), 1)
        case Op(name="sub", args=(a, b)):
            return _plus(_change(a, p, defs, invariant, depth - 1), invariant(b), -1)
        case Op(name="select", args=(_, a, b)):
            return _either(*(_change(y, p, defs, invariant, depth - 1) for y in (a, b)))
        case If():
            k = stmt.outs.index(x)
            arms = (stmt.then.results[k], stmt.orelse.results[k])
            return _either(*(_change(y, p, defs, invariant, depth - 1) for y in arms))
        case For() | While() if x in stmt.outs:
            k = stmt.outs.index(x)
            before = _change(stmt.inits[k], p, defs, invariant, depth - 1)
            each = _change(stmt.body.results[k], stmt.params[k], defs, invariant, depth - 1)
            return Change(
                before.least if each.least is not None and each.least >= 0 else None,
                before.most if each.most is not None and each.most <= 0 else None,
                before.exact if each.exact == Poly() else None,
            )
    return _UNKNOWN


def _plus(change: Change, more: Poly | None, sign: int) -> Change:
    if more is None or change == _UNKNOWN:
        return _UNKNOWN
    more = more * sign
    number = more.constant
    return Change(
        None if change.least is None or number is None else change.least + number,
        None if change.most is None or number is None else change.most + number,
        None if change.exact is None else change.exact + more,
    )


def _either(a: Change, b: Change) -> Change:
    return Change(
        None if a.least is None or b.least is None else min(a.least, b.least),
        None if a.most is None or b.most is None else max(a.most, b.most),
        a.exact if a.exact is not None and a.exact == b.exact else None,
    )
