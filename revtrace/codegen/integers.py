"""What each operation on integers, arrays and conditions tells about bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from revtrace.codegen.facts import Fact, Limit
from revtrace.codegen.poly import Dim, Poly, size
from revtrace.program.nodes import Op, Var
from revtrace.program.types import INT, Scalar

if TYPE_CHECKING:
    from revtrace.codegen.bounds import Walker

__all__ = ["HANDLERS", "integer"]

_NARROW = frozenset(("b1", "i1", "i2", "i4", "u1", "u2", "u4"))
_TERMS = 16


def _alloc(walker: Walker, op: Op, position: int) -> None:
    assert op.out is not None
    shape = []
    limits: frozenset[Limit] = frozenset()
    sure = True
    for x in op.args:
        n = walker.poly(x)
        needed = walker.exact(n)
        if needed is None:
            n, needed = walker.plain(x), frozenset()
        if not walker.holds(n):
            sure = False
            fact = walker.fact(n, n)
            if fact is not None:
                walker.facts.add(fact)
        shape.append(n)
        limits |= needed
    if sure and not (walker.careful and limits):
        walker.require(limits)
        walker.plan.sure.add(position)
    walker.shapes[op.out] = tuple(shape)
    walker.shape_limits[op.out] = limits


def _copy(walker: Walker, op: Op, position: int) -> None:
    assert op.out is not None and isinstance(op.args[0], Var)
    walker.like(op.out, op.args[0])


def _copyto(walker: Walker, op: Op, position: int) -> None:
    a, b = op.args
    assert isinstance(a, Var) and isinstance(b, Var)
    limits = walker.shape_limits[a] | walker.shape_limits[b]
    if walker.shapes[a] == walker.shapes[b] and not (walker.careful and limits):
        walker.require(limits)
        walker.plan.sure.add(position)


def _push(walker: Walker, op: Op, position: int) -> None:
    stack = op.args[0]
    assert isinstance(stack, Var)
    walker.rooms.push(stack, position, walker.opened, walker.largest, walker.testable)


def _check(walker: Walker, op: Op, position: int) -> None:
    if not op.attr("soft", False):
        walker.learn(walker.sides(op.args[0])[0])
        if not walker.opened and isinstance(op.args[0], Var) and op.args[0] in walker.lengths:
            array, axis, n = walker.lengths[op.args[0]]
            shape = walker.shapes[array]
            walker.shapes[array] = (*shape[:axis], Poly.of(n), *shape[axis + 1 :])


def _compare(walker: Walker, op: Op, position: int) -> None:
    x, y = op.args
    if x.type != INT or op.out is None:
        return
    a, b = walker.poly(x), walker.poly(y)

    def fact(p: Poly) -> Fact | None:
        return walker.fact(p, a, b)

    sides: dict[str, tuple[list[Fact | None], list[Fact | None]]] = {
        "lt": ([fact(b - a - 1)], [fact(a - b)]),
        "le": ([fact(b - a)], [fact(a - b - 1)]),
        "gt": ([fact(a - b - 1)], [fact(b - a)]),
        "ge": ([fact(a - b)], [fact(b - a - 1)]),
        "eq": ([fact(a - b), fact(b - a)], []),
        "ne": ([], [fact(a - b), fact(b - a)]),
    }
    if op.name == "eq" and b.constant is not None and len(a.terms) == 1:
        ((monomial, factor),) = a.terms.items()
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Dim):
            walker.lengths[op.out] = monomial[0].array, monomial[0].axis, b.constant
    true, false = sides[op.name]
    if op.name in ("eq", "ne") and b.constant == 0 and walker.facts.prove(a) == frozenset():
        (false if op.name == "eq" else true).append(fact(a - 1))
    walker.conditions[op.out] = (
        tuple(f for f in true if f is not None),
        tuple(f for f in false if f is not None),
    )


def _logic(walker: Walker, op: Op, position: int) -> None:
    assert op.out is not None
    sides = [walker.sides(x) for x in op.args]
    if op.name == "not":
        walker.conditions[op.out] = sides[0][::-1]
    elif op.name == "and":
        walker.conditions[op.out] = (sides[0][0] + sides[1][0], ())
    else:
        walker.conditions[op.out] = ((), sides[0][1] + sides[1][1])


def _select(walker: Walker, op: Op, position: int) -> None:
    if op.out is not None and op.out.type == INT:
        when_true, when_false = walker.sides(op.args[0])
        walker.join(op.out, ((walker.poly(op.args[1]), when_true), (walker.poly(op.args[2]), when_false)))


def _extreme(walker: Walker, op: Op, position: int) -> None:
    if op.out is None or op.out.type != INT:
        return
    a, b = walker.poly(op.args[0]), walker.poly(op.args[1])
    first = a - b if op.name == "max" else b - a
    ordered = [walker.fact(p, a, b) for p in (first, -first)]
    arms = [(p, () if f is None else (f,)) for p, f in zip((a, b), ordered, strict=True)]
    walker.join(op.out, arms)
    out = walker.poly(op.out)
    sign = 1 if op.name == "max" else -1
    walker.learn(walker.fact((out - p) * sign, a, b) for p in (a, b))


def _division(walker: Walker, op: Op, position: int) -> None:
    if op.out is None or op.out.type != INT:
        return
    x, m = (walker.poly(a) for a in op.args)
    if x.constant is not None and m.constant:
        number = x.constant // m.constant if op.name == "floordiv" else x.constant % m.constant
        walker.known(op.out, Poly.of(number))
        return
    if op.name == "floordiv" and m.constant == 2 and (half := x.half) is not None:
        exact = walker.exact(x)
        if exact is not None and not (walker.careful and exact):
            walker.require(exact)
            walker.known(op.out, half)
            return
    divisor = walker.facts.prove(m - 1)
    out = walker.opaque(op.out, tame=walker.is_tame(x) if op.name == "floordiv" else walker.is_tame(m))
    if divisor is None:
        return
    if op.name == "mod":
        facts = [walker.fact(out, m), walker.fact(m - 1 - out, m)]
    elif m.constant is not None:
        facts = [walker.fact(x - out * m, x), walker.fact(out * m + (m - 1) - x, x)]
    else:
        facts = []
    walker.learn(Fact(f.poly, f.limits | divisor) for f in facts if f is not None)
    if op.name == "mod" and not divisor and walker.exact(m) == frozenset():
        walker.facts.positive.add(op.out)


def _cast(walker: Walker, op: Op, position: int) -> None:
    source = op.args[0].type
    if op.out is not None and op.out.type == INT and isinstance(source, Scalar) and source.dtype in _NARROW:
        walker.opaque(op.out, tame=True)
        if source.dtype[0] in "bu":
            walker.facts.positive.add(op.out)


def _access(walker: Walker, op: Op, position: int) -> None:
    walker.access(op, position)


def integer(walker: Walker, op: Op) -> Poly | None:
    """Return the polynomial of an operation on integers, or None."""
    match op.name:
        case "add" | "accum":
            found = walker.poly(op.args[0]) + walker.poly(op.args[1])
        case "sub":
            found = walker.poly(op.args[0]) - walker.poly(op.args[1])
        case "mul":
            found = walker.poly(op.args[0]) * walker.poly(op.args[1])
        case "neg":
            found = -walker.poly(op.args[0])
        case "dim":
            array, axis = op.args[0], op.attr("axis")
            assert isinstance(array, Var) and isinstance(axis, int)
            if walker.careful and walker.shape_limits[array]:
                return None
            walker.require(walker.shape_limits[array])
            found = walker.shapes[array][axis]
        case _:
            return None
    simple = len(found.terms) <= _TERMS and all(len(m) <= 3 for m in found.terms)
    return found if simple and all(size(c) < 1 << 62 for c in found.terms.values()) else None


HANDLERS: dict[str, Callable[[Walker, Op, int], None]] = {
    "load": _access,
    "store": _access,
    "addto": _access,
    "alloc": _alloc,
    "copy": _copy,
    "copyto": _copyto,
    "push": _push,
    "check": _check,
    "and": _logic,
    "or": _logic,
    "not": _logic,
    "select": _select,
    "min": _extreme,
    "max": _extreme,
    "floordiv": _division,
    "mod": _division,
    "cast": _cast,
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne"), _compare),
}
