"""Modulus and signs, minimum and maximum.

Python's ``max`` and ``min`` return their first operand on a tie and the derivative follows the
operand returned; numpy's ``maximum``, ``minimum``, ``fmax`` and ``fmin`` give half to each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from revtrace.rules.core import Rule, add
from revtrace.rules.formula import conj, copysign, div, is_complex, isnan, make_complex, real, safe, sign, where
from revtrace.rules.ieee import quiet, real_function

__all__: list[str] = []

_NAN, _INF = math.nan, math.inf
_PAIRS = ((1.5, 2.5), (-0.75, 3.0), (2.0, -1.25), (1e-3, 40.0))
_INTS = ((7, 2), (-7, 2), (7, -3), (0, 5))


def _abs(x: Any) -> Any:
    if isinstance(x, complex):
        return math.hypot(x.real, x.imag)
    return quiet(abs)(x)


def _abs_adjoint(g: Any, z: Any, *, out: Any) -> tuple[Any, ...]:
    if is_complex(z):
        return (lambda: g * div(conj(z), _as_complex(safe(out))),)
    return (lambda: g * sign(z),)


def _abs_tangent(dz: Any, *, args: Any, out: Any) -> Any:
    if dz is None:
        return None
    z = args[0]
    if is_complex(z):
        return div(real(conj(z) * dz), safe(out))
    return dz * sign(z)


def _as_complex(x: Any) -> Any:
    return make_complex(x, 0)


add(
    Rule(
        name="abs",
        arity=1,
        forward=_abs,
        source="abs({0})",
        complex_source="abs({0})",
        kinds="iufc",
        result="real",
        partials=lambda x, out: (lambda: sign(x),),
        adjoint=_abs_adjoint,
        tangent=_abs_tangent,
        cheap=True,
        show="abs({0})",
        cases=((1.5,), (-2.5,), (0.0,), (3 - 4j,), (0j,), (-3,)),
        edges=((-0.0,), (-_INF,), (_NAN,), (complex(_INF, _NAN),)),
    )
)

_TIES = ((1.0, 1.0), (0.0, -0.0), (-0.0, 0.0), (_NAN, 1.0), (1.0, _NAN), (_INF, -_INF))

add(
    Rule(
        name="max",
        arity=2,
        forward=lambda a, b: max(a, b),
        source="max({0}, {1})",
        kinds="biuf",
        partials=lambda a, b, out: (
            lambda: where(b > a, 0, 1, like=out),
            lambda: where(b > a, 1, 0, like=out),
        ),
        cheap=True,
        show="max({0}, {1})",
        cases=(*_PAIRS, *_INTS),
        edges=_TIES,
    )
)

add(
    Rule(
        name="min",
        arity=2,
        forward=lambda a, b: min(a, b),
        source="min({0}, {1})",
        kinds="biuf",
        partials=lambda a, b, out: (
            lambda: where(b < a, 0, 1, like=out),
            lambda: where(b < a, 1, 0, like=out),
        ),
        cheap=True,
        show="min({0}, {1})",
        cases=(*_PAIRS, *_INTS),
        edges=_TIES,
    )
)


def _larger(a: Any, b: Any, out: Any) -> Any:
    return where(a > b, 1, where(a < b, 0, 0.5, like=out), like=out)


def _larger_number(a: Any, b: Any, out: Any) -> Any:
    return where((a > b) | isnan(b), 1, where((a < b) | isnan(a), 0, 0.5, like=out), like=out)


def _smaller_number(a: Any, b: Any, out: Any) -> Any:
    return where((a < b) | isnan(b), 1, where((a > b) | isnan(a), 0, 0.5, like=out), like=out)


for _name, _choose, _weight in (
    ("maximum", np.maximum, lambda a, b, out: (lambda: _larger(a, b, out), lambda: _larger(b, a, out))),
    ("minimum", np.minimum, lambda a, b, out: (lambda: _larger(b, a, out), lambda: _larger(a, b, out))),
    ("fmax", np.fmax, lambda a, b, out: (lambda: _larger_number(a, b, out), lambda: _larger_number(b, a, out))),
    ("fmin", np.fmin, lambda a, b, out: (lambda: _smaller_number(a, b, out), lambda: _smaller_number(b, a, out))),
):
    add(
        Rule(
            name=_name,
            arity=2,
            forward=lambda a, b, f=_choose: f(a, b).item() if not isinstance(a, np.generic) else f(a, b),
            source=f"np.{_name}({{0}}, {{1}})",
            kinds="iuf",
            partials=_weight,
            cheap=True,
            show=f"{_name}({{0}}, {{1}})",
            cases=(*_PAIRS, *_INTS),
            edges=_TIES,
        )
    )


def _sign(x: Any) -> Any:
    if isinstance(x, float) and math.isnan(x):
        return x
    one = type(x)(1)
    return one if x > 0 else -one if x < 0 else type(x)(0)


add(
    Rule(
        name="sign",
        arity=1,
        forward=_sign,
        source="np.sign({0})",
        kinds="iuf",
        why_zero="piecewise constant",
        cheap=True,
        show="sign({0})",
        cases=((2.5,), (-0.5,), (-3,), (0,)),
        edges=((0.0,), (_INF,), (_NAN,)),
    )
)

add(
    Rule(
        name="copysign",
        arity=2,
        forward=real_function(math.copysign),
        source="math.copysign({0}, {1})",
        partials=lambda x, y, out: (lambda: sign(x) * copysign(1, y), None),
        cheap=True,
        show="copysign({0}, {1})",
        cases=((1.5, -2.0), (-1.5, -2.0), (-1.5, 3.0)),
        edges=((1.0, -0.0), (_NAN, 1.0), (_INF, -1.0)),
    )
)
