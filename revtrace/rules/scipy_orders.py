"""Functions with an order, a degree or a modulus that SciPy computes, and those that come in pairs.

As in `revtrace.rules.scipy_special`, values are ``scipy.special``'s own; formulas are those of the DLMF. Orders
and degrees have no derivative in closed form: gradients by them are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from revtrace.rules.formula import (
    apply,
    cos,
    div,
    eq,
    fabs,
    safe,
    sign,
    sin,
    sinh,
    sqrt,
    where,
)
from revtrace.rules.scipy_calls import PAIRS
from revtrace.rules.scipy_rows import last, one, row, series

__all__: list[str] = []


# Bessel functions: DLMF 10.6.1, 10.29.1 ------------------------------------------------------------


def _mean(name: str, v: Any, x: Any, sign_: int) -> Any:
    below, above = apply(name, v - 1, x), apply(name, v + 1, x)
    return 0.5 * (below + above) if sign_ > 0 else 0.5 * (below - above)


_ORDERS = ((0.0, 1.3), (2.0, 4.5), (1.5, 0.7), (0.3, 10.0))
last("jv", lambda v, x, out: _mean("jv", v, x, -1), (*_ORDERS, (3.0, -2.0)))
last("yv", lambda v, x, out: _mean("yv", v, x, -1), _ORDERS)
last("iv", lambda v, x, out: _mean("iv", v, x, 1), _ORDERS)
last("kv", lambda v, x, out: -_mean("kv", v, x, 1), _ORDERS)
last("ive", lambda v, x, out: _mean("ive", v, x, 1) - sign(x) * out, _ORDERS)
last("kve", lambda v, x, out: out - _mean("kve", v, x, 1), _ORDERS)

# Orders of whole numbers: what is behind the point is dropped.
last("kn", lambda n, x, out: -_mean("kv", apply("trunc", n), x, 1), ((0.0, 1.3), (2.0, 4.5)))
last("yn", lambda n, x, out: _mean("yv", apply("trunc", n), x, -1), ((0.0, 1.3), (2.0, 4.5)))
last("jve", lambda v, x, out: _mean("jve", v, x, -1), _ORDERS)
last("yve", lambda v, x, out: _mean("yve", v, x, -1), _ORDERS)
one("k0e", lambda x, out: out - apply("k1e", x), 0.7, 4.0)
one("k1e", lambda x, out: out - apply("k0e", x) - div(out, x), 0.7, 4.0)
# Struve functions: DLMF 11.4.27, 11.4.29
last("struve", lambda v, x, out: apply("struve", v - 1, x) - div(v * out, x), ((1.0, 1.3), (2.5, 4.5), (0.0, 0.7)))
last("modstruve", lambda v, x, out: apply("modstruve", v - 1, x) - div(v * out, x), ((1.0, 1.3), (2.5, 4.5)))

# hypergeometric functions: DLMF 15.5.1, 13.3.15; Legendre polynomials: DLMF 14.10.5 ------------------

last("hyp0f1", lambda v, x, out: div(apply("hyp0f1", v + 1, x), v), ((1.5, 0.7), (0.5, -2.0)))
last("hyp1f1", lambda a, b, x, out: div(a, b) * apply("hyp1f1", a + 1, b + 1, x), ((1.5, 2.5, 0.7), (0.5, 3.0, -2.0)))
last(
    "hyp2f1",
    lambda a, b, c, x, out: div(a * b, c) * apply("hyp2f1", a + 1, b + 1, c + 1, x),
    ((1.5, 0.5, 2.5, 0.3), (0.5, 2.0, 3.0, -0.7)),
)


def _legendre_slope(n: Any, x: Any, out: Any) -> Any:
    end = eq(fabs(x), 1)
    inner = div(n * (x * out - apply("eval_legendre", n - 1, x)), safe(x * x - 1))
    return where(end, 0.5 * (n * (n + 1)) * (x * out), inner)


last("eval_legendre", _legendre_slope, ((3.0, 0.4), (2.0, -0.7), (4.0, 1.0), (3.0, -1.0)))

# other orthogonal polynomials: DLMF 18.9.15 to 18.9.25

_DEGREES = ((3.0, 0.4), (2.0, -0.7), (0.0, 0.3), (2.5, 0.6))


def _lower(name: str, n: Any, *rest: Any) -> Any:
    """The polynomial of a degree less by one; zero for that of degree zero."""
    return where(eq(n, 0), 0.0, apply(name, where(eq(n, 0), 1.0, n) - 1, *rest))


def _chebyshev_slope(n: Any, x: Any, out: Any) -> Any:
    end = eq(fabs(x), 1)
    inner = div((n + 1) * apply("eval_chebyt", n + 1, x) - x * out, safe(x * x - 1))
    return where(end, (n * (n + 2)) * (x * out) * (1 / 3), inner)


last("eval_chebyt", lambda n, x, out: n * _lower("eval_chebyu", n, x), (*_DEGREES, (3.0, 1.0)))
last("eval_chebyu", _chebyshev_slope, (*_DEGREES, (3.0, 1.0), (2.0, -1.0)))
last("eval_laguerre", lambda n, x, out: -_lower("eval_genlaguerre", n, 1.0, x), ((3.0, 0.4), (2.0, 1.7), (0.0, 0.3)))
last(
    "eval_genlaguerre",
    lambda n, a, x, out: -_lower("eval_genlaguerre", n, a + 1, x),
    ((3.0, 0.5, 0.4), (2.0, 1.0, 1.7), (0.0, 0.5, 0.3)),
)
last(
    "eval_gegenbauer",
    lambda n, a, x, out: 2 * (a * _lower("eval_gegenbauer", n, a + 1, x)),
    ((3.0, 0.7, 0.4), (2.0, 1.5, -0.7), (0.0, 0.5, 0.3)),
)
last(
    "eval_jacobi",
    lambda n, a, b, x, out: 0.5 * ((n + a + b + 1) * _lower("eval_jacobi", n, a + 1, b + 1, x)),
    ((3.0, 0.5, 0.3, 0.4), (2.0, 1.5, 0.2, -0.7), (0.0, 0.5, 0.5, 0.3)),
)

# elliptic integrals: DLMF 19.4 ------------------------------------------------------------------------

_ODD = [(math.comb(2 * n, n) / 4.0**n) ** 2 * math.pi / 2 for n in range(1, 16)]
_K_SLOPE = [(n + 1) * c for n, c in enumerate(_ODD)]
_E_SLOPE = [-(n + 1) * c / (2 * n + 1) for n, c in enumerate(_ODD)]


def _elliptic(coefficients: Sequence[float], m: Any, formula: Any) -> Any:
    """A formula that cancels near zero, where the power series takes its place."""
    small = fabs(m) < 0.05
    return where(small, series(coefficients, where(small, m, 0.0)), formula(where(small, 0.5, m)))


def _k_slope(m: Any, out: Any) -> Any:
    return _elliptic(
        _K_SLOPE,
        m,
        lambda m: div(apply("ellipe", m) - (1 - m) * apply("ellipk", m), 2 * (m * (1 - m))),
    )


def _e_slope(m: Any, out: Any) -> Any:
    return _elliptic(_E_SLOPE, m, lambda m: div(apply("ellipe", m) - apply("ellipk", m), 2 * m))


one("ellipk", _k_slope, 0.3, -2.5, 0.9, 1e-6, 0.0)
one("ellipe", _e_slope, 0.3, -2.5, 0.9, 1e-6, 0.0)
one("ellipkm1", lambda p, out: -div(apply("ellipe", 1 - p) - p * out, 2 * ((1 - p) * p)), 0.3, 0.01)


def _first_kind(phi: Any, m: Any, out: Any) -> Any:
    root = sqrt(1 - m * (sin(phi) * sin(phi)))
    turn = sin(2 * phi)
    inner = div(apply("ellipeinc", phi, m) - (1 - m) * out, 2 * safe(m * (1 - m))) - div(turn, 4 * ((1 - m) * root))
    return lambda: div(1, root), lambda: where(eq(m, 0), 0.125 * (2 * phi - turn), inner)


def _second_kind(phi: Any, m: Any, out: Any) -> Any:
    root = sqrt(1 - m * (sin(phi) * sin(phi)))
    inner = div(out - apply("ellipkinc", phi, m), 2 * safe(m))
    return lambda: root, lambda: where(eq(m, 0), -0.125 * (2 * phi - sin(2 * phi)), inner)


row("ellipkinc", _first_kind, ((0.7, 0.3), (1.2, -2.0), (0.5, 0.0)))
row("ellipeinc", _second_kind, ((0.7, 0.3), (1.2, -2.0), (0.5, 0.0)))

# two results at once ------------------------------------------------------------------------------------

_HALF_PI = math.pi / 2
_PAIR_SLOPES = {
    "fresnel_s": lambda x: sin(_HALF_PI * (x * x)),
    "fresnel_c": lambda x: cos(_HALF_PI * (x * x)),
    "sine_integral": lambda x: apply("sinc", x * (1 / math.pi)),
    "cosine_integral": lambda x: div(cos(x), safe(x)),
    "sinh_integral": lambda x: where(eq(x, 0), 1, div(sinh(x), safe(x))),
    "cosh_integral": lambda x: div(apply("cosh", x), safe(x)),
}
for _names in PAIRS.values():
    for _name in _names:
        one(_name, lambda x, out, f=_PAIR_SLOPES[_name]: f(x), 0.4, 1.7, 3.0)
