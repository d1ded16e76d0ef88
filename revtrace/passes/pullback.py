"""The adjoint of one scalar operation, as operations.

Owns how a rule's formulas become program text.  The reverse pass writes this text
down, the plan pass asks it which primal values it reads: both see the same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from revtrace.errors import UnsupportedError
from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Op, Operand, Var, const
from revtrace.program.types import BOOL, Scalar
from revtrace.rules import formula
from revtrace.rules.core import RULES, Rule
from revtrace.rules.formula import Expr, operand

__all__ = ["Pullback", "argument", "linearised", "pruned", "pullback", "refused", "rule_of"]


@dataclass(frozen=True, slots=True)
class Pullback:
    """Cotangents of an operation's operands.

    Attributes
    ----------
    seed : Var
        The cotangent of the result.
    ops : tuple of Op
        What computes the terms, from the seed and values of the primal.
    terms : tuple of (Var, Operand)
        An active operand, and what is added to its cotangent.
    needs : tuple of Var
        The values of the primal that ``ops`` and ``terms`` read.
    """

    seed: Var
    ops: tuple[Op, ...]
    terms: tuple[tuple[Var, Operand], ...]
    needs: tuple[Var, ...]


def rule_of(op: Op) -> Rule:
    """Return an operation's rule, or refuse."""
    rule = RULES.get(op.name)
    if rule is None or (rule.partials is None and rule.adjoint is None and not rule.why_zero):
        raise UnsupportedError(
            f"revtrace has no derivative of {op.name!r}",
            "no rule says how its result changes with its operands",
            "add a rule with revtrace.rule, or compute it by other operations",
            op.loc,
        )
    return rule


def refused(op: Op, error: formula.NoDerivativeError) -> UnsupportedError:
    """Return the error for a derivative that has no closed form."""
    return UnsupportedError(
        f"the derivative of {op.name} by its argument {error.args[0] + 1}",
        "it has no closed form",
        "differentiate by the other arguments only (argnums), or pass this one as a number that does not vary",
        op.loc,
    )


def argument(b: Builder, x: Operand) -> Any:
    """Return an operand as what formulas take: numbers stay numbers."""
    return x.value if isinstance(x, Const) else Expr(b, x)


def pullback(op: Op, is_active: Callable[[Operand], bool]) -> Pullback:
    """Write the adjoint of an operation with a floating result."""
    assert op.out is not None
    b = Builder(op.loc)
    seed = Var(op.out.type, f"{op.out.name}_bar" if op.out.name else "bar")
    g = Expr(b, seed)
    args = [argument(b, x) for x in op.args]
    terms: list[tuple[Var, Operand]] = []
    for k, x in enumerate(op.args):
        if not isinstance(x, Var) or not is_active(x):
            continue
        ct = _cotangent(op, b, g, args, k)
        if ct is None:
            continue
        assert isinstance(x.type, Scalar)
        value = operand(b, ct, x.type.dtype)
        if not isinstance(value, Const) or value.value != 0:
            terms.append((x, value))
    return pruned(seed, [s for s in b.stmts if isinstance(s, Op)], terms)


def _cotangent(op: Op, b: Builder, g: Expr, args: Sequence[Any], k: int) -> Any:
    """Return what operand ``k`` receives; None for nothing."""
    assert op.out is not None
    match op.name:
        case "accum":
            return g
        case "linearised":
            return linearised(g, args) if k == 0 else None
        case "select":
            zero = const(0, g.dtype)
            sides = (g.operand, zero) if k == 1 else (zero, g.operand)
            return Expr(b, b.op("select", op.args[0], *sides, type=op.out.type))
        case "cast":
            return _cast_back(b, g, op.args[0])
    if op.name == "mul" and op.args[0] is op.args[1]:
        # Both operands' shares at once, the first time.
        return (g + g) * args[0] if k == 0 else None
    if op.name == "mul" and _is_not_finite(op.args[1 - k]):
        # Bounds that are no bounds, arrays of NaN (``x * np.nan``) that are then filled: nothing asks for the products.
        absent = b.op("eq", g.operand, const(0, g.dtype), type=BOOL)
        product = g * args[1 - k]
        return Expr(b, b.op("select", absent, const(0, g.dtype), product.operand, type=op.out.type))
    try:
        return formula.pullback(rule_of(op), k, g, args, Expr(b, op.out))
    except formula.NoDerivativeError as error:
        raise refused(op, error) from None


def linearised(g: Any, args: Sequence[Any]) -> Any:
    """Return a derivative times the slope that a loop has found, see `revtrace.passes.preaccumulate`."""
    _, _, slope, *varies = args
    return formula.where(varies[0], g * slope, 0.0) if varies else g * slope


def _is_not_finite(x: Operand) -> bool:
    return isinstance(x, Const) and isinstance(x.value, float) and not math.isfinite(x.value)


def _cast_back(b: Builder, g: Expr, source: Operand) -> Any:
    """Transpose a conversion between floating dtypes; a real part's cotangent is real."""
    assert isinstance(source.type, Scalar)
    dtype = source.type.dtype
    if g.dtype[0] == "c" and dtype[0] == "f":
        real = b.op("real", g.operand, type=Scalar({"c16": "f8", "c8": "f4"}[g.dtype]))
        return Expr(b, b.cast(real, dtype))
    return Expr(b, b.cast(g.operand, dtype))


def pruned(seed: Var, ops: list[Op], terms: list[tuple[Var, Operand]]) -> Pullback:
    """Drop what the terms do not need and list what is read of the primal."""
    ops, terms = _merged([part for op in ops for part in _scaled(_chosen(op, ops), ops)], terms)
    wanted = {t for _, t in terms if isinstance(t, Var)}
    kept: list[Op] = []
    for op in reversed(ops):
        if op.out in wanted:
            kept.append(op)
            wanted.update(x for x in op.args if isinstance(x, Var))
    made = {op.out for op in kept}
    kept.reverse()
    needs: dict[Var, None] = {}
    for x in [x for op in kept for x in op.args] + [t for _, t in terms]:
        if isinstance(x, Var) and x is not seed and x not in made:
            needs.setdefault(x)
    return Pullback(seed, tuple(kept), tuple(terms), tuple(needs))


def _chosen(op: Op, ops: list[Op]) -> Op:
    """Write ``g * select(c, 1, 0)`` as a choice between ``g`` and zero: shorter, and no 0 * inf."""
    if op.name != "mul" or op.out is None:
        return op
    for g, factor in (op.args, op.args[::-1]):
        made = next((o for o in ops if o.out is factor), None)
        if made is not None and made.name == "select" and g.type == op.out.type:
            sides = [x.value if isinstance(x, Const) else None for x in made.args[1:]]
            if all(x in (0, 1) for x in sides):
                zero = const(0, op.out.type.dtype)
                return Op("select", (made.args[0], *(g if x else zero for x in sides)), op.out, (), op.loc)
    return op


def _scaled(op: Op, ops: list[Op]) -> list[Op]:
    """Write ``g * (c * x)`` as ``(c * g) * x``: operands' shares often have ``c * g`` in common."""
    if op.name != "mul" or op.out is None or not isinstance(op.args[0], Var):
        return [op]
    g, factor = op.args
    made = next((o for o in ops if o.out is factor), None)
    if made is None or made.name != "mul" or made.out is None or made.out.type != op.out.type or g.type != op.out.type:
        return [op]
    c, x = made.args
    if not isinstance(c, Const):
        c, x = x, c
    if not isinstance(c, Const) or isinstance(x, Const):
        return [op]
    scaled = Var(op.out.type)
    return [Op("mul", (c, g), scaled, (), op.loc), Op("mul", (scaled, x), op.out, (), op.loc)]


def _merged(ops: list[Op], terms: list[tuple[Var, Operand]]) -> tuple[list[Op], list[tuple[Var, Operand]]]:
    """Compute equal expressions once: operands' formulas are written one by one."""
    same: dict[Var, Operand] = {}
    first: dict[object, Var] = {}
    kept: list[Op] = []
    for op in ops:
        assert op.out is not None
        args = tuple(same.get(x, x) if isinstance(x, Var) else x for x in op.args)
        key = (op.name, tuple(_key(x) for x in args), op.out.type, op.attrs)
        if key in first:
            same[op.out] = first[key]
        else:
            first[key] = op.out
            kept.append(Op(op.name, args, op.out, op.attrs, op.loc))
    return kept, [(x, same.get(t, t) if isinstance(t, Var) else t) for x, t in terms]


def _key(x: Operand) -> object:
    # Zeros of either sign are different numbers but compare equal.
    return x if isinstance(x, Var) else (repr(x.value), x.type)
