"""How a function that SciPy computes is entered: its value is ``scipy.special``'s own, its derivative a formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from revtrace.rules.core import Rule, add
from revtrace.rules.formula import no_derivative
from revtrace.rules.ieee import real_function
from revtrace.rules.scipy_calls import ARITY, NAMES

__all__ = ["last", "one", "row", "series"]


def row(name: str, partials: Any, cases: Sequence[tuple[float, ...]], edges: Sequence[tuple[float, ...]] = ()) -> None:
    """Enter a function by its ``partials(*args, out)``."""
    arity = ARITY.get(name, 1)
    operands = ", ".join(f"{{{k}}}" for k in range(arity))
    call = f"special_{name}"
    add(
        Rule(
            name=name,
            arity=arity,
            forward=real_function(NAMES[call]),
            source=f"{call}({operands})",
            partials=partials,
            widens="f",
            show=f"{name}({operands})",
            cases=tuple(cases),
            edges=tuple(edges),
        )
    )


def one(name: str, slope: Any, *cases: float, edges: Sequence[float] = (math.nan,)) -> None:
    """Enter a function of one variable by its ``slope(x, out)``."""
    row(name, lambda x, out: (lambda: slope(x, out),), [(x,) for x in cases], [(x,) for x in edges])


def last(name: str, slope: Any, cases: Sequence[tuple[float, ...]], edges: Sequence[tuple[float, ...]] = ()) -> None:
    """Enter a function of parameters and one variable, the last, by its ``slope(*args, out)``."""
    parameters = (no_derivative,) * (ARITY[name] - 1)
    row(name, lambda *args, out: (*parameters, lambda: slope(*args, out)), cases, edges)


def series(coefficients: Sequence[float], x: Any) -> Any:
    """Return a polynomial by Horner's scheme, the lowest power first."""
    total: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total
