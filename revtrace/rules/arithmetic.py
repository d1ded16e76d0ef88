"""Arithmetic: the operators, powers, remainders, ``hypot``."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from revtrace.rules.core import Rule, add
from revtrace.rules.formula import (
    div,
    eq,
    fabs,
    floordiv,
    is_complex,
    literal,
    log,
    pow,
    powi,
    rint,
    safe,
    sqrt,
    where,
)
from revtrace.rules.ieee import divide, power, quiet, real_function, whole_power

__all__: list[str] = []

_NAN, _INF = math.nan, math.inf
_PAIRS = ((1.5, 2.5), (-0.75, 3.0), (2.0, -1.25), (1e-3, 40.0))
_EDGES = ((_INF, 1.0), (1.0, _NAN), (0.0, -0.0), (-_INF, _INF), (1.0, 0.0), (0.0, 0.0))
_COMPLEX = ((1.5 + 0.5j, -0.5 + 2j), (-1 - 1j, 0.25 + 0.1j))
_INTS = ((7, 2), (-7, 2), (7, -3), (0, 5))

for _name, _symbol, _function, _partials in (
    ("add", "+", operator.add, (1, 1)),
    ("sub", "-", operator.sub, (1, -1)),
):
    add(
        Rule(
            name=_name,
            arity=2,
            forward=quiet(_function),
            source=f"({{0}} {_symbol} {{1}})",
            complex_source=f"({{0}} {_symbol} {{1}})",
            kinds="biufc",
            partials=lambda x, y, out, both=_partials: both,
            cheap=True,
            show=f"{{0}} {_symbol} {{1}}",
            cases=(*_PAIRS, *_COMPLEX, *_INTS),
            edges=_EDGES,
        )
    )

add(
    Rule(
        name="accum",
        arity=2,
        forward=quiet(operator.add),
        source="({0} + {1})",
        complex_source="({0} + {1})",
        kinds="iufc",
        partials=lambda x, y, out: (1, 1),
        cheap=True,
        show="{0} + {1}",
        cases=(*_PAIRS, *_COMPLEX),
        edges=_EDGES,
    )
)

add(
    Rule(
        name="mul",
        arity=2,
        forward=quiet(operator.mul),
        source="({0} * {1})",
        complex_source="({0} * {1})",
        kinds="biufc",
        partials=lambda x, y, out: (y, x),
        cheap=True,
        show="{0} * {1}",
        cases=(*_PAIRS, *_COMPLEX, *_INTS),
        edges=_EDGES,
    )
)


def _div_adjoint(g: Any, x: Any, y: Any, *, out: Any) -> tuple[Any, ...]:
    # One division serves both operands once equal expressions are merged.
    return lambda: div(g, y), lambda: -(div(g, y) * out)


add(
    Rule(
        name="div",
        arity=2,
        forward=divide,
        source="({0} / {1})",
        complex_source="complex_div({0}, {1})",
        kinds="fc",
        partials=lambda x, y, out: (lambda: div(1, y), lambda: -div(out, y)),
        adjoint=_div_adjoint,
        cheap=True,
        widens="c",
        show="{0} / {1}",
        cases=(*_PAIRS, *_COMPLEX),
        edges=_EDGES,
    )
)

add(
    Rule(
        name="neg",
        arity=1,
        forward=quiet(operator.neg),
        source="(-{0})",
        complex_source="(-{0})",
        kinds="iufc",
        partials=lambda x, out: (-1,),
        cheap=True,
        show="-{0}",
        cases=((1.5,), (-2.0,), (1 + 2j,), (3,)),
        edges=((0.0,), (_INF,), (_NAN,)),
    )
)

add(
    Rule(
        name="square",
        arity=1,
        forward=quiet(lambda x: x * x),
        source="({0} * {0})",
        complex_source="({0} * {0})",
        kinds="iufc",
        partials=lambda x, out: (lambda: 2 * x,),
        cheap=True,
        show="{0}**2",
        cases=((1.5,), (-2.0,), (1 + 2j,)),
        edges=((_INF,), (_NAN,), (0.0,)),
    )
)

add(
    Rule(
        name="reciprocal",
        arity=1,
        forward=lambda x: divide(1, x),
        source="(1.0 / {0})",
        complex_source="complex_div(1.0 + 0.0j, {0})",
        kinds="fc",
        partials=lambda x, out: (lambda: -(out * out),),
        cheap=True,
        widens="fc",
        show="1 / {0}",
        cases=((1.5,), (-2.0,), (1 + 2j,)),
        edges=((0.0,), (-0.0,), (_INF,), (_NAN,)),
    )
)


def _pow_by_base(x: Any, y: Any, out: Any) -> Any:
    n = literal(y)
    if n is None or is_complex(x) and n.imag != 0:
        if is_complex(x):
            return y * pow(x, y - 1)
        # 0**y for 0 <= y < 1 has slope 0 by convention; the base is replaced there, so
        # that derivatives of this formula are finite too.
        flat = eq(x, 0) & (y >= 0) & (y < 1)
        return where(flat, 0, y * pow(where(flat, 1, x), y - 1))
    n = n.real
    if n == 0:
        return None
    if n == 1:
        return 1
    if n == 2:
        return 2 * x
    if n == 0.5:
        return div(0.5, safe(out))
    if n == 1.5:
        return 1.5 * sqrt(x)
    if n == -1:
        return -(out * out)
    if n == -0.5:
        return -0.5 * (out * out * out)
    if 0 < n < 1:
        return n * pow(safe(x), n - 1)
    if n < 0 and n != int(n) and not is_complex(x):
        # Never of 0 by 0 or of infinity by itself; a negative base has no such power.
        return n * div(out, fabs(x))
    return n * pow(x, n - 1)


def _pow_by_exponent(x: Any, y: Any, out: Any) -> Any:
    if is_complex(x):
        return where(eq(x, 0), 0, out * log(where(eq(x, 0), 1, x)))
    outside = x <= 0
    return where(outside, 0, out * log(where(outside, 1, x)))


# Minus infinity counts as infinity, and a zero's sign not at all.
_BASE = "sel({0} == -inf, inf, {0} + 0.0)"

# By square roots, a few times as fast; the last bit or two may differ.
_HALVES = {
    1.5: f"({_BASE} * math.sqrt({_BASE}))",
    2.5: f"({_BASE} * {_BASE} * math.sqrt({_BASE}))",
    -0.5: f"(1.0 / math.sqrt({_BASE}))",
    -1.5: f"(1.0 / {_BASE} / math.sqrt({_BASE}))",
}

add(
    Rule(
        name="pow",
        arity=2,
        forward=power,
        source="({0} ** {1})",
        complex_source="complex_power({0}, {1})",
        short=lambda dtype, x, y: _HALVES.get(y) if dtype == "f8" else None,
        kinds="iufc",
        partials=lambda x, y, out: (
            lambda: _pow_by_base(x, y, out),
            lambda: _pow_by_exponent(x, y, out),
        ),
        widens="c",
        show="{0} ** {1}",
        cases=(
            *((1.5, p) for p in (2.0, 0.5, -1.0, 1.5, -0.5, 0.3, 3.0, 1.0, 0.0, -2.0, 2.7)),
            (0.25, 3.7),
            (3e-5, 2.5),
            (7.0, -4.25),
            (1.5 + 0.5j, 0.5 - 1j),
            (-1.5 + 0.5j, 2 + 0j),
            *((-1.5 + 0.5j, p + 0j) for p in (0.5, 1.5, -0.5, -1.5, -2.0, 0.3)),
            (2, 5),
            (-3, 3),
        ),
        edges=(
            (0.0, 0.5),
            (0.0, 0.0),
            (0.0, -1.0),
            (-0.0, -3.0),
            (-8.0, 1 / 3),
            (-2.0, 3.0),
            (_INF, -1.0),
            (_NAN, 0.0),
            (1.0, _NAN),
            (2.0, _INF),
            (1e300, 2.0),
            (2, -1),
            (3, 70),
        ),
    )
)


def _powi_by_base(x: Any, n: Any, out: Any) -> Any:
    known = literal(n)
    if known is None:
        return where(eq(n, 0), 0, n * powi(x, n - 1))
    if known == 0:
        return None
    if known == 1:
        return 1
    if known == 2:
        return 2 * x
    if known == 3:
        return 3 * (x * x)
    if known == -1:
        return -(out * out)
    return known * powi(x, known - 1)


# Written out, a small power costs nothing to compile and vectorises.
_SHORT = {
    1: "{0}",
    2: "({0} * {0})",
    3: "({0} * {0} * {0})",
}

add(
    Rule(
        name="powi",
        arity=2,
        forward=whole_power,
        source="powi({0}, {1})",
        complex_source="complex_powi({0}, {1})",
        short=lambda dtype, x, n: _SHORT.get(n),
        kinds="fc",
        partials=lambda x, n, out: (lambda: _powi_by_base(x, n, out), None),
        cheap=True,
        widens="fc",
        show="{0} ** {1}",
        cases=(
            *((-1.5, n) for n in (-3, -2, -1, 0, 1, 2, 3, 4, 5, 11)),
            (0.0, 2),
            (0.0, 1),
            *((0.5 - 1.5j, n) for n in (-2, -1, 0, 1, 2, 3, 7)),
        ),
        edges=((0.0, 0), (0.0, -1), (-0.0, -1), (0.0, -2), (_INF, -1), (_NAN, 0), (1e200, 2), (1.5 + 1j, 120)),
    )
)


def _floordiv(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b else 0
    if b == 0:
        return divide(a, b)
    with np.errstate(all="ignore"):
        return a // b


def _mod(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return a % b if b else 0
    if b == 0:
        return _NAN
    with np.errstate(all="ignore"):
        return a % b


_QUOTIENTS = ((7.5, 2.0), (-7.5, 2.0), (7.25, -2.5), (-0.3, 0.7), (1e6, 0.3))

add(
    Rule(
        name="floordiv",
        arity=2,
        forward=_floordiv,
        source="({0} // {1})",
        kinds="iuf",
        why_zero="piecewise constant",
        cheap=True,
        show="{0} // {1}",
        cases=(*_QUOTIENTS, *_INTS),
        edges=_EDGES,
    )
)

add(
    Rule(
        name="mod",
        arity=2,
        forward=_mod,
        source="({0} % {1})",
        kinds="iuf",
        partials=lambda x, y, out: (1, lambda: -floordiv(x, y)),
        cheap=True,
        show="{0} % {1}",
        cases=(*_QUOTIENTS, *_INTS),
        edges=_EDGES,
    )
)


def _quotient(x: Any, y: Any, out: Any) -> Any:
    # The integer that was subtracted, from the exact remainder: trunc(x / y) can be off by one.
    return lambda: rint(div(out - x, y))


add(
    Rule(
        name="fmod",
        arity=2,
        forward=real_function(math.fmod, np.fmod, "fmod_"),
        source="np.fmod({0}, {1})",
        partials=lambda x, y, out: (1, _quotient(x, y, out)),
        cheap=True,
        show="fmod({0}, {1})",
        cases=_QUOTIENTS,
        edges=(*_EDGES, (_INF, 2.0), (3.0, _INF)),
    )
)

add(
    Rule(
        name="remainder",
        arity=2,
        forward=real_function(math.remainder),
        source="remainder({0}, {1})",
        partials=lambda x, y, out: (1, _quotient(x, y, out)),
        cheap=True,
        widens="f",
        show="remainder({0}, {1})",
        cases=(*_QUOTIENTS, (5.0, 2.2), (6.5, 2.0)),
        edges=(*_EDGES, (_INF, 2.0), (3.0, _INF), (3.0, 2.0), (5.0, 2.0), (-3.0, 2.0), (1e300, 0.7), (5e-324, 1e308)),
    )
)


add(
    Rule(
        name="hypot",
        arity=2,
        forward=real_function(math.hypot, np.hypot, "hypot"),
        source="math.hypot({0}, {1})",
        partials=lambda x, y, out: (lambda: div(x, safe(out)), lambda: div(y, safe(out))),
        cheap=True,
        show="hypot({0}, {1})",
        cases=(*_PAIRS, (1e200, 1e200), (1e-200, 1e-200)),
        edges=(*_EDGES, (_INF, _NAN)),
    )
)
