"""Lengths in loops: bounds that hold in all iterations, and whether two lengths are likely to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from revtrace.program.nodes import Const, For, If, Op, Operand, Var, const
from revtrace.trace.loop.hoist import hoist
from revtrace.trace.numbers import fold

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer
    from revtrace.trace.values import View

__all__ = ["bound", "broadcast_once", "difference", "likely_differ", "not_negative"]

ONE = const(1, "i8")
Span = tuple[Operand, Operand]
"""The least and the greatest value of a loop's index."""


def not_negative(t: Tracer, x: Operand) -> bool:
    """Whether an integer is one that is never negative, by what computes it."""
    if isinstance(x, Const):
        return int(x.value) >= 0  # type: ignore[arg-type]
    stmt = t.b.defs.get(x)
    if not isinstance(stmt, Op):
        return False
    if stmt.name == "max":
        return any(not_negative(t, a) for a in stmt.args)
    return stmt.name == "dim" or (stmt.name == "add" and all(not_negative(t, a) for a in stmt.args))


def bound(t: Tracer, x: Operand, spans: Mapping[Var, Span], up: bool = True) -> Operand | None:
    """Append an integer that ``x`` is never above (``up``) or below, from loops' indices; None if there is none.

    Interval arithmetic: each operation is bounded by the bounds of its operands.
    """
    if isinstance(x, Var) and x in spans:
        return spans[x][up]
    known = hoist(t, x)
    if known is not None:
        return known
    stmt = t.b.defs.get(x) if isinstance(x, Var) else None
    if not isinstance(stmt, Op):
        return None
    args = stmt.args
    match stmt.name:
        case "add" | "max" | "min":
            ends = [bound(t, a, spans, up) for a in args]
        case "sub":
            ends = [bound(t, args[0], spans, up), bound(t, args[1], spans, not up)]
        case "neg":
            ends = [bound(t, args[0], spans, not up)]
        case "select":
            # Either way.
            ends = [bound(t, a, spans, up) for a in args[1:]]
            if ends[0] is None or ends[1] is None:
                return None
            return t.b.op("max" if up else "min", ends[0], ends[1])
        case "floordiv" | "mul" if isinstance(args[1], Const):
            rising = args[1].value > 0  # type: ignore[operator]
            ends = [bound(t, args[0], spans, up == rising), args[1]]
        case "mul" if isinstance(args[0], Const):
            rising = args[0].value > 0  # type: ignore[operator]
            ends = [args[0], bound(t, args[1], spans, up == rising)]
        case "mul":
            return _product(t, args, spans, up)
        case _:
            return None
    if None in ends:
        return None
    found = [e for e in ends if e is not None]
    if stmt.name in ("add", "sub", "mul", "floordiv"):
        return fold(t, stmt.name, found[0], found[1], "i8")
    return t.b.op(stmt.name, *found)


def _product(t: Tracer, args: tuple[Operand, ...], spans: Mapping[Var, Span], up: bool) -> Operand | None:
    ends = [bound(t, a, spans, side) for a in args for side in (False, True)]
    if None in ends:
        return None
    a, b, c, d = (e for e in ends if e is not None)
    products = [fold(t, "mul", x, y, "i8") for x in (a, b) for y in (c, d)]
    best = products[0]
    for p in products[1:]:
        best = t.b.op("max" if up else "min", best, p)
    return best


def _linear(t: Tracer, x: Operand) -> dict[Var | None, int]:
    """An integer as a sum of multiples of values; the constant under None.

    A length that is clipped to what there is counts as not clipped: this serves to choose a form,
    not to prove anything.
    """
    if isinstance(x, Const):
        return {None: int(x.value)}  # type: ignore[arg-type]
    stmt = t.b.defs.get(x)
    if isinstance(stmt, Op):
        args = stmt.args
        if stmt.name in ("add", "sub"):
            sign = 1 if stmt.name == "add" else -1
            total = dict(_linear(t, args[0]))
            for v, c in _linear(t, args[1]).items():
                total[v] = total.get(v, 0) + sign * c
            return {v: c for v, c in total.items() if c}
        if stmt.name == "mul" and isinstance(args[1], Const):
            by = int(args[1].value)  # type: ignore[arg-type]
            return {v: c * by for v, c in _linear(t, args[0]).items() if c * by}
        if stmt.name == "max" and isinstance(args[1], Const):
            return _linear(t, args[0])
        if stmt.name == "min" and isinstance(args[0], Const):
            return _linear(t, args[0])
        if stmt.name == "dim":
            known = t.b.defs.get(args[0]) if isinstance(args[0], Var) else None
            if isinstance(known, Op) and known.name == "alloc":
                return _linear(t, known.args[int(str(stmt.attr("axis")))])
    if isinstance(stmt, For) and x in stmt.outs:
        return _counted(t, stmt, x)
    return {x: 1}


def _counted(t: Tracer, loop: For, x: Var) -> dict[Var | None, int]:
    """What a loop that is not left early counts up by the same step in each iteration: a list's length."""
    k = loop.outs.index(x)
    last = next((s for s in reversed(loop.body.stmts) if isinstance(s, Op) and s.out is loop.body.results[k]), None)
    if loop.exits or loop.step != 1 or last is None or last.name != "add":
        return {x: 1}
    param, by = last.args
    if param is not loop.params[k] or not isinstance(by, Const):
        return {x: 1}
    total = dict(_linear(t, loop.inits[k]))
    for end, sign in ((loop.stop, 1), (loop.start, -1)):
        for v, c in _linear(t, end).items():
            total[v] = total.get(v, 0) + sign * int(by.value) * c  # type: ignore[arg-type]
    return {v: c for v, c in total.items() if c}


def _arms(t: Tracer, x: Operand) -> list[Operand]:
    """The values of which an integer is one, by the conditions met."""
    stmt = t.b.defs.get(x) if isinstance(x, Var) else None
    if isinstance(stmt, Op) and stmt.name == "select":
        return [y for arm in stmt.args[1:] for y in _arms(t, arm)]
    if isinstance(stmt, If):
        k = stmt.outs.index(x)
        return [y for arm in (stmt.then, stmt.orelse) for y in _arms(t, arm.results[k])]
    return [x]


def _differences(t: Tracer, a: Operand, b: Operand) -> list[int | None]:
    right = _linear(t, b)
    found: list[int | None] = []
    for arm in _arms(t, a):
        left = _linear(t, arm)
        total = {v: left.get(v, 0) - right.get(v, 0) for v in {*left, *right}}
        rest = {v: c for v, c in total.items() if c}
        found.append(rest.get(None, 0) if set(rest) <= {None} else None)
    return found


def difference(t: Tracer, a: Operand, b: Operand) -> int | None:
    """Return by how much ``a`` may be greater than ``b``, where that is known when tracing; clipping left aside."""
    found = _differences(t, a, b)
    return None if None in found else max(d for d in found if d is not None)


def likely_differ(t: Tracer, a: Operand, b: Operand) -> bool:
    """Whether a loop's array of length ``a`` on entry, of length ``b`` at the body's end, changes its length."""
    found = _differences(t, b, a)
    if None not in found:
        return any(found)
    # Computed from what changes in the loop, or from the length on entry, but not as that length.
    return hoist(t, b) is None or bool(t.origins((a,)) & t.origins((b,)))


def broadcast_once(t: Tracer, h: View, b: View) -> bool:
    """Whether an array of length one on entry is broadcast in the first iteration and keeps that length.

    The first iteration then computes with other shapes than those that follow.
    """
    pairs = [(m, n) for m, n in zip(h.shape, b.shape, strict=True) if m == ONE != n]
    return any(hoist(t, n) is not None for _, n in pairs)
