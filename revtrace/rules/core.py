"""The record that declares a primitive, and the table of all of them.

One `Rule` says everything about one scalar primitive; the interpreter, the code
generator, the reverse and tangent passes, the plan and the dumps all read it.
Formulas are ordinary functions of numbers written with operators and the
functions of `revtrace.rules.formula`: given numbers they compute, given program
values they append operations.  They divide with ``div`` and raise to powers with
``pow`` from there, never with ``/`` and ``**``, which raise on Python numbers.
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
        The same as a numba expression, ``"math.sin({0})"``.  An operand may occur twice in
        it.  Names other than ``math``, ``cmath`` and ``np`` are functions of
        `revtrace.rules.runtime`.
    complex_source : str or None
        The numba expression for complex operands; None refuses them.
    short : callable or None
        ``short(dtype, *known)`` gives a shorter source (for real and complex operands) of a result of that
        dtype where operands are known numbers, None standing for those that are not; or None for the usual one.
    kinds : str
        Kind letters of the dtypes its operands may have, of ``"biufc"``.
    result : str
        ``"same"`` (the operands' dtype), ``"bool"``, ``"real"`` (its real part's), ``"int"``, or
        ``"complex"`` (made of two of them).
    partials : callable or None
        ``partials(*args, out)`` gives one derivative of the result per operand: a
        formula, a plain number, None where the derivative is zero, or a function of no
        arguments that returns one of these, called only where that operand is
        active.  None altogether for a primitive without derivative, see `why_zero`.
        Read it through `revtrace.rules.formula.partial`.
    adjoint, tangent : callable or None
        Where `partials` does not say it all (functions of complex numbers that are
        not holomorphic), or not as cheaply: ``adjoint(g, *args, out)`` gives one cotangent per
        operand, with the same freedom as `partials`; ``tangent(*dots, args, out)`` the result's
        tangent, where a dot is None for an operand that does not vary.  Read them
        through `revtrace.rules.formula.pullback` and ``pushforward``.
    why_zero : str
        Why there is no derivative ("piecewise constant", "integer").
    cheap : bool
        Whether the backward sweep may compute it again rather than keep it.
    widens : str
        Kind letters for which the source gives double precision on single-precision
        operands, so that the code generator rounds the result: ``""``, ``"f"``, ``"c"`` or ``"fc"``.
    show : str
        Form in dumps.
    cases : sequence of tuples
        Sample operands inside the domain, for the law tests.
    edges : sequence of tuples
        Sample operands at the border of the domain, where only values are compared.
    """

    name: str
    arity: int
    forward: Formula
    source: str
    complex_source: str | None = None
    short: Callable[..., str | None] | None = None
    kinds: str = "f"
    result: str = "same"
    partials: Formula | None = None
    adjoint: Formula | None = None
    tangent: Formula | None = None
    why_zero: str = ""
    cheap: bool = False
    widens: str = ""
    show: str = ""
    cases: Sequence[tuple[Any, ...]] = ()
    edges: Sequence[tuple[Any, ...]] = ()


_table: dict[str, Rule] = {}

RULES: Mapping[str, Rule] = _table
"""Every scalar primitive by name; read-only after import."""


def add(rule: Rule) -> None:
    """Enter a rule; a name is entered once."""
    if rule.name in _table:
        raise ValueError(f"rule {rule.name!r} is declared twice")
    _table[rule.name] = rule
