"""Rounding and the parts of a float."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from revtrace.rules import runtime
from revtrace.rules.core import Rule, add
from revtrace.rules.formula import div, eq, where
from revtrace.rules.ieee import quiet, real_function

__all__: list[str] = []

_NAN, _INF = math.nan, math.inf
_CASES = ((1.5,), (2.5,), (-0.3,), (-1.7,), (3.0,))
_EDGES = ((0.5,), (-0.5,), (-0.0,), (_INF,), (-_INF,), (_NAN,), (1e300,))


def _rounding(ufunc: Any) -> Any:
    def call(x: Any) -> Any:
        if isinstance(x, int):
            return x
        if isinstance(x, float | np.floating):
            out = ufunc(x)
            return out if isinstance(x, np.generic) else float(out)
        return type(x)(_EXACT[ufunc.__name__](x))

    return call


# Other number types (Fraction, mpf) have Python's own protocols.
_EXACT: dict[str, Any] = {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "rint": round}

for _name in ("floor", "ceil", "trunc", "rint"):
    add(
        Rule(
            name=_name,
            arity=1,
            forward=_rounding(getattr(np, _name)),
            source=f"np.{_name}({{0}})",
            kinds="f",
            why_zero="piecewise constant",
            cheap=True,
            show=f"{_name}({{0}})",
            cases=_CASES,
            edges=_EDGES,
        )
    )

add(
    Rule(
        name="round_digits",
        arity=2,
        forward=real_function(runtime.round_digits),
        source="round_digits({0}, {1})",
        why_zero="piecewise constant",
        widens="f",
        show="round({0}, {1})",
        cases=((2.675, 2.0), (0.125, 2.0), (-1234.5, -2.0), (1e15 + 0.3, 1.0), (math.pi, 7.0)),
        edges=((_NAN, 2.0), (-_INF, 1.0), (1e300, 3.0), (-0.0, 1.0), (2.5, 0.0), (150.0, -2.0), (250.0, -2.0)),
    )
)

add(
    Rule(
        name="nextafter",
        arity=2,
        forward=real_function(math.nextafter),
        source="np.nextafter({0}, {1})",
        partials=lambda x, y, out: (1, None),
        cheap=True,
        show="nextafter({0}, {1})",
        cases=((1.0, 2.0), (-1.0, 5.0)),
        edges=((0.0, 1.0), (_NAN, 1.0), (_INF, 0.0)),
    )
)

add(
    Rule(
        name="ulp",
        arity=1,
        forward=real_function(math.ulp),
        source="ulp({0})",
        why_zero="piecewise constant",
        cheap=True,
        widens="f",
        show="ulp({0})",
        cases=((1.0,), (-3.7,), (1e-300,)),
        edges=((0.0,), (_INF,), (_NAN,), (1.7976931348623157e308,)),
    )
)

add(
    Rule(
        name="ldexp",
        arity=2,
        forward=real_function(runtime.ldexp, lambda x, n: math.copysign(_INF, x)),
        source="ldexp({0}, {1})",
        partials=lambda x, n, out: (lambda: _scale(x, n), None),
        cheap=True,
        show="ldexp({0}, {1})",
        cases=((1.5, 3.0), (-0.7, -4.0)),
        edges=((1.0, 5000.0), (1.0, -1074.0), (_INF, 2.0), (_NAN, 1.0), (5e-324, 2000.0)),
    )
)


def _scale(x: Any, n: Any) -> Any:
    from revtrace.rules.formula import apply

    return apply("ldexp", 1.0, n)


add(
    Rule(
        name="mantissa",
        arity=1,
        forward=real_function(lambda x: math.frexp(x)[0]),
        source="math.frexp({0})[0]",
        partials=lambda x, out: (lambda: where(eq(x, 0), 1, div(out, x)),),
        cheap=True,
        show="mantissa({0})",
        cases=((10.0,), (-0.3,)),
        edges=((0.0,), (_INF,), (_NAN,), (5e-324,)),
    )
)

add(
    Rule(
        name="exponent",
        arity=1,
        forward=real_function(runtime.exponent),
        source="exponent({0})",
        why_zero="piecewise constant",
        cheap=True,
        widens="f",
        show="exponent({0})",
        cases=((10.0,), (-0.3,)),
        edges=((0.0,), (5e-324,)),
    )
)

add(
    Rule(
        name="sum_error",
        arity=2,
        forward=quiet(runtime.sum_error),
        source="sum_error({0}, {1})",
        why_zero="zero but for rounding",
        cheap=True,
        show="rounding error of {0} + {1}",
        cases=((1.0, 1e-20), (0.1, 0.2), (1e16, 3.0), (-0.3, 1e5)),
        edges=((0.0, -0.0), (_INF, 1.0), (_INF, -_INF), (_NAN, 1.0), (1e308, 1e308)),
    )
)
