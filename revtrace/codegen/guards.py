"""Bounds as expressions of the generated source."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from revtrace.codegen.expressions import Code
from revtrace.codegen.plan import Guard, Plan
from revtrace.codegen.poly import Atom, Dim, Monomial, Multiple, Poly, Trips, size
from revtrace.errors import InternalError
from revtrace.program.nodes import Operand, Var

__all__ = ["conditions", "poly_code"]

Read = Callable[[Operand], Code]


def _atom(plan: Plan, atom: Atom, read: Read) -> str:
    match atom:
        case Var():
            return read(atom).within(14)
        case Dim():
            return f"dim{atom.axis}({read(atom.array).text})"
        case Trips():
            loop = plan.loops[atom.loop]
            return f"trips({read(loop.start).text}, {read(loop.stop).text}, {loop.step})"
    raise InternalError(f"a guard speaks of {atom}")


def _sum(plan: Plan, terms: Iterable[tuple[Monomial, Multiple]], read: Read) -> Code:
    parts = []
    for monomial, factor in terms:
        factors = [_atom(plan, a, read) for a in monomial]
        if factor != 1 or not factors:
            factors.insert(0, str(factor))
        parts.append(" * ".join(factors))
    return Code(" + ".join(parts) or "0", 12)


def poly_code(plan: Plan, poly: Poly, read: Read) -> Code:
    """Return a polynomial's expression."""
    text = ""
    for monomial, factor in sorted(poly.terms.items(), key=lambda t: t[1] < 0):
        part = _sum(plan, [(monomial, size(factor))], read).text
        text += (f" {'-' if factor < 0 else '+'} " if text else "-" if factor < 0 else "") + part
    return Code(text or "0", 12)


def _holds(plan: Plan, poly: Poly, read: Read, *, negated: bool = False) -> str:
    """Return the test whether a polynomial is >= 0, with positive terms on the left and the others on the right."""
    left = [(m, c) for m, c in poly.terms.items() if c > 0]
    right = [(m, -c) for m, c in poly.terms.items() if c < 0]
    return f"{_sum(plan, left, read).text} {'<' if negated else '>='} {_sum(plan, right, read).text}"


def conditions(plan: Plan, guards: Iterable[Guard], read: Read) -> str:
    """Return an expression that is true when one of the guards fails, or nothing."""
    out = []
    for guard in guards:
        needs = [f"({_holds(plan, p, read, negated=True)})" for p in guard.needs]
        text = " | ".join(needs)
        if guard.when:
            if len(needs) > 1:
                text = f"({text})"
            text = " & ".join([*(f"({_holds(plan, p, read)})" for p in guard.when), text])
        out.append(text)
    if len(out) == 1:
        return out[0][1:-1] if out[0].count("(") == 1 and out[0].startswith("(") else out[0]
    return " | ".join(f"({t})" for t in out)
