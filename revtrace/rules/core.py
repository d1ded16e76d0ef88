"""The record that declares a primitive, and the table of all of them.

One `Rule` says everything about one scalar primitive; the interpreter, the code
generator, the reverse and tangent passes, the plan and the dumps all read it.
Formulas are ordinary functions of numbers written with operators and the
functions of `revtrace.rules.formula`: given numbers they compute, given program
values they append operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["RULES", "Rule", "add"]

Formula = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One primitive.

    Attributes
    ----------
    name : str
        The operation's name in programs, such as ``"sin"``.
    arity : int
        Number of operands.
    forward : callable
        ``forward(*args)`` on Python numbers, IEEE semantics (never raises; NaN or
        inf where the function has no value).  Also right for complex numbers when
        ``complex_source`` is given.
    source : str
        The same as a numba expression, ``"math.sin({0})"``.
    complex_source : str or None
        The numba expression for complex operands; None refuses them.
    result : str
        ``"same"`` (dtype of the first operand), ``"bool"``, ``"real"`` (real part's dtype), ``"int"``.
    partials : callable or None
        ``partials(*args, out)`` gives one derivative of the result per operand: a
        formula, a plain number, or None where the derivative is zero.  None
        altogether for a primitive without derivative, see `why_zero`.
    adjoint, tangent : callable or None
        Only where `partials` does not say it all (functions of complex numbers that are
        not holomorphic): ``adjoint(g, *args, out)`` gives one cotangent per operand,
        ``tangent(*dots, args, out)`` the result's tangent.
    why_zero : str
        Why there is no derivative ("piecewise constant", "integer").
    cheap : bool
        Whether the backward sweep may compute it again rather than keep it.
    show : str
        Form in dumps.
    cases : sequence of tuples
        Sample operands inside the domain, for the law tests.
    """

    name: str
    arity: int
    forward: Formula
    source: str
    complex_source: str | None = None
    result: str = "same"
    partials: Formula | None = None
    adjoint: Formula | None = None
    tangent: Formula | None = None
    why_zero: str = ""
    cheap: bool = False
    show: str = ""
    cases: Sequence[tuple[Any, ...]] = ()


_table: dict[str, Rule] = {}

RULES: Mapping[str, Rule] = _table
"""Every scalar primitive by name; read-only after import."""


def add(rule: Rule) -> None:
    """Enter a rule; a name is entered once."""
    if rule.name in _table:
        raise ValueError(f"rule {rule.name!r} is declared twice")
    _table[rule.name] = rule
