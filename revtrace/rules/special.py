"""Special functions."""

from __future__ import annotations

import math
from typing import Any

from revtrace.rules import runtime
from revtrace.rules.core import Rule, add
from revtrace.rules.ieee import real_function

__all__: list[str] = []

_EDGES = ((0.0,), (-0.0,), (math.inf,), (-math.inf,), (math.nan,), (1.0,), (-1.0,), (800.0,), (-800.0,))


def _row(
    name: str,
    derivative: Any,
    *,
    cases: Any,
    source: str = "",
    forward: Any = None,
    edges: Any = _EDGES,
    widens: str = "f",
) -> None:
    """Enter a function of one variable whose derivative is ``derivative(x, out)``."""
    add(
        Rule(
            name=name,
            arity=1,
            forward=forward or real_function(runtime.NAMES[name]),
            source=source or f"{name}({{0}})",
            partials=lambda x, out: (lambda: derivative(x, out),),
            widens=widens,
            show=f"{name}({{0}})",
            cases=tuple((c,) for c in cases),
            edges=edges,
        )
    )


_row("expit", lambda x, out: out * (1 - out), cases=(0.5, -3.0, 10.0, -50.0))
