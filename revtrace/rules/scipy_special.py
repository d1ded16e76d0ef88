"""Functions that SciPy computes: rows whose values are ``scipy.special``'s own, with derivatives in closed form.

The formulas are those of the NIST Digital Library of Mathematical Functions (DLMF), whose
sections are named where they are not definitions.  Parameters by which there is no closed form (the shape of
a distribution) are refused where they vary.  Bessel functions, polynomials and elliptic integrals are in
`revtrace.rules.scipy_orders`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from revtrace.rules.core import Rule, add
from revtrace.rules.formula import (
    apply,
    cos,
    digamma,
    div,
    eq,
    exp,
    fabs,
    log,
    no_derivative,
    pow,
    safe,
    sign,
    sin,
    sqrt,
    where,
)
from revtrace.rules.ieee import real_function
from revtrace.rules.scipy_calls import lambertw_lower, lambertw_upper
from revtrace.rules.scipy_rows import last, one, row, series

__all__: list[str] = []

_ROOT_PI = math.sqrt(math.pi)


def _lambert(name: str, function: Any, cases: Sequence[float]) -> None:
    add(
        Rule(
            name=name,
            arity=1,
            forward=real_function(function),
            source=f"{name}({{0}})",
            partials=lambda x, out: (lambda: where(eq(x, 0), 1, div(out, safe(x * (1 + out)))),),
            widens="f",
            show=f"{name}({{0}})",
            cases=tuple((x,) for x in cases),
            edges=((math.nan,), (-1.0,), (0.0,)),
        )
    )


_lambert("lambertw0", lambertw_upper, (0.3, -0.3, 5.0, 1e4, 1e-9))
_lambert("lambertwm1", lambertw_lower, (-0.3, -0.1, -1e-9))


# exponentials, integrals of them, logarithms -----------------------------------------------

one("exp10", lambda x, out: math.log(10.0) * out, 0.3, -2.5)
one("dawsn", lambda x, out: 1 - 2 * (x * out), 0.3, -2.5, 0.0, edges=(math.nan, math.inf))
one("erfi", lambda x, out: (2 / _ROOT_PI) * exp(x * x), 0.3, -1.5)
one("expi", lambda x, out: div(exp(x), safe(x)), 0.5, -1.7, 3.0)
one("exp1", lambda x, out: -div(exp(-x), safe(x)), 0.5, 3.0)
one("cosm1", lambda x, out: -sin(x), 0.3, -2.0, 1e-5)
one("sindg", lambda x, out: (math.pi / 180) * apply("cosdg", x), 20.0, -130.0)
one("cosdg", lambda x, out: -(math.pi / 180) * apply("sindg", x), 20.0, -130.0)
one("tandg", lambda x, out: (math.pi / 180) * (1 + out * out), 20.0, -130.0)
one("cotdg", lambda x, out: -(math.pi / 180) * (1 + out * out), 20.0, -130.0)
one("spence", lambda x, out: where(eq(x, 1), -1, div(log(x), safe(1 - x))), 0.3, 2.5, 1.0)
one("wrightomega", lambda x, out: div(out, 1 + out), 0.3, -2.5, 30.0)

_EXPREL = [n / math.factorial(n + 1) for n in range(1, 14)]


def _exprel_slope(x: Any, out: Any) -> Any:
    """Slope of ``(exp(x) - 1) / x``; its series near zero, where the formula cancels."""
    small = fabs(x) < 0.5
    return where(small, series(_EXPREL, where(small, x, 0.0)), div(exp(x) - out, safe(x)))


one("exprel", _exprel_slope, 0.7, -3.0, 1e-9, 0.2, 0.0)
# DLMF 8.19.13
row(
    "expn",
    lambda n, x, out: (
        None,
        lambda: where(n > 0.5, -apply("expn", where(n > 0.5, n - 1, 0.0), x), -div(exp(-x) * (1 + x), x * x)),
    ),
    ((1.0, 0.5), (3.0, 2.0), (0.0, 1.5)),
)

# gamma and its kin ---------------------------------------------------------------------------


def _rgamma_slope(x: Any, out: Any) -> Any:
    pole = eq(out, 0) & (x <= 0)
    return where(pole, cos(math.pi * x) * apply("gamma", 1 - where(pole, x, 0.0)), -digamma(where(pole, 1.0, x)) * out)


one("rgamma", _rgamma_slope, 0.7, 4.0, -1.5, 0.0, -2.0)
row(
    "binom",
    lambda n, k, out: (
        lambda: out * (digamma(n + 1) - digamma(n - k + 1)),
        lambda: out * (digamma(n - k + 1) - digamma(k + 1)),
    ),
    ((5.5, 2.3), (10.0, 3.0)),
)
row(
    "poch",
    lambda z, m, out: (lambda: out * (digamma(z + m) - digamma(z)), lambda: out * digamma(z + m)),
    ((2.5, 1.3), (0.7, 3.0)),
)


def _gamma_density(a: Any, x: Any) -> Any:
    return exp((a - 1) * log(x) - x - apply("lgamma", a))


last("gammainc", lambda a, x, out: _gamma_density(a, x), ((0.5, 0.7), (3.0, 2.0), (20.0, 18.0)))
last("gammaincc", lambda a, x, out: -_gamma_density(a, x), ((0.5, 0.7), (3.0, 2.0), (20.0, 18.0)))
last("gammaincinv", lambda a, y, out: div(1, _gamma_density(a, out)), ((0.5, 0.7), (3.0, 0.2)))
last("gammainccinv", lambda a, y, out: -div(1, _gamma_density(a, out)), ((0.5, 0.7), (3.0, 0.2)))
last("chdtri", lambda v, p, out: -div(2, _gamma_density(0.5 * v, 0.5 * out)), ((1.0, 0.7), (5.0, 0.2)))
last("pdtr", lambda k, m, out: -_gamma_density(apply("floor", k) + 1, m), ((2.0, 1.3), (3.7, 5.0)))
last("pdtrc", lambda k, m, out: _gamma_density(apply("floor", k) + 1, m), ((2.0, 1.3), (3.7, 5.0)))
last("chdtr", lambda v, x, out: 0.5 * _gamma_density(0.5 * v, 0.5 * x), ((1.0, 0.7), (5.0, 6.0)))
last("chdtrc", lambda v, x, out: -0.5 * _gamma_density(0.5 * v, 0.5 * x), ((1.0, 0.7), (5.0, 6.0)))


def _gamma_rate(sign_: float) -> Any:
    def slopes(a: Any, b: Any, x: Any, out: Any) -> Any:
        return (
            lambda: sign_ * (x * _gamma_density(b, a * x)),
            no_derivative,
            lambda: sign_ * (a * _gamma_density(b, a * x)),
        )

    return slopes


row("gdtr", _gamma_rate(1.0), ((2.0, 3.0, 0.7), (0.5, 0.5, 2.0)))
row("gdtrc", _gamma_rate(-1.0), ((2.0, 3.0, 0.7), (0.5, 0.5, 2.0)))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return exp((a - 1) * log(x) + (b - 1) * apply("log1p", -x) - apply("betaln", a, b))


last("betainc", lambda a, b, x, out: _beta_density(a, b, x), ((0.5, 2.0, 0.3), (3.0, 4.5, 0.6)))
last("betaincc", lambda a, b, x, out: -_beta_density(a, b, x), ((0.5, 2.0, 0.3), (3.0, 4.5, 0.6)))
last("betaincinv", lambda a, b, y, out: div(1, _beta_density(a, b, out)), ((0.5, 2.0, 0.3), (3.0, 4.5, 0.6)))
last("betainccinv", lambda a, b, y, out: -div(1, _beta_density(a, b, out)), ((0.5, 2.0, 0.3), (3.0, 4.5, 0.6)))


def _fisher_slope(m: Any, n: Any, p: Any, out: Any) -> Any:
    both = n + m * out
    return div(both * both, m * n * _beta_density(0.5 * n, 0.5 * m, div(n, both)))


last("fdtri", _fisher_slope, ((3.0, 5.0, 0.3), (2.0, 7.0, 0.8)))


def _student_density(df: Any, t: Any) -> Any:
    half = 0.5 * (df + 1)
    scale = apply("lgamma", half) - apply("lgamma", 0.5 * df) - 0.5 * log(math.pi * df)
    return exp(scale - half * apply("log1p", div(t * t, df)))


last("stdtr", lambda df, t, out: _student_density(df, t), ((3.0, 0.7), (1.5, -2.0)))
last("stdtrit", lambda df, p, out: div(1, _student_density(df, out)), ((3.0, 0.7), (1.5, 0.2)))
# Owen (1956): by the height and by the slope
row(
    "owens_t",
    lambda h, a, out: (
        lambda: -div(exp(-0.5 * (h * h)) * apply("erf", a * h * (1 / math.sqrt(2))), 2 * math.sqrt(2 * math.pi)),
        lambda: div(exp(-0.5 * (h * h) * (1 + a * a)), 2 * math.pi * (1 + a * a)),
    ),
    ((0.7, 0.3), (-1.2, 2.0), (0.5, -0.8)),
)
one(
    "ndtri_exp",
    lambda y, out: math.sqrt(2 * math.pi) * exp(y + 0.5 * (out * out)),
    -0.5,
    -3.0,
    -40.0,
)

# entropies, losses, transforms of data ----------------------------------------------------------

row(
    "rel_entr",
    lambda x, y, out: (lambda: log(div(x, y)) + 1, lambda: -div(x, y)),
    ((0.3, 0.7), (2.0, 0.5)),
    ((0.0, 0.5), (0.0, 0.0), (1.0, 0.0), (-1.0, 1.0)),
)
row(
    "kl_div",
    lambda x, y, out: (lambda: log(div(x, y)), lambda: 1 - div(x, y)),
    ((0.3, 0.7), (2.0, 0.5)),
    ((0.0, 0.5), (0.0, 0.0), (1.0, 0.0), (-1.0, 1.0)),
)
row(
    "huber",
    lambda d, r, out: (
        lambda: where(fabs(r) <= d, 0.0, fabs(r) - d),
        lambda: where(fabs(r) <= d, r, d * sign(r)),
    ),
    ((1.0, 0.3), (0.5, -2.0)),
    ((-1.0, 0.5), (0.0, 0.5)),
)


def _pseudo_huber(d: Any, r: Any, out: Any) -> Any:
    root = sqrt(1 + div(r * r, d * d))
    return lambda: div(2 * out, d) - div(r * r, d * root), lambda: div(r, root)


row("pseudo_huber", _pseudo_huber, ((1.0, 0.3), (0.5, -2.0)))


def _tilt(u: Any) -> Any:
    """``exprel``'s slope as a function of its argument alone."""
    return _exprel_slope(u, apply("exprel", u))


row(
    "boxcox",
    lambda x, m, out: (lambda: pow(x, m - 1), lambda: log(x) * log(x) * _tilt(m * log(x))),
    ((2.5, 0.3), (0.4, -1.5), (3.0, 0.0), (2.0, 1e-9)),
)
row(
    "boxcox1p",
    lambda x, m, out: (
        lambda: pow(1 + x, m - 1),
        lambda: apply("log1p", x) * apply("log1p", x) * _tilt(m * apply("log1p", x)),
    ),
    ((1.5, 0.3), (-0.4, -1.5), (3.0, 0.0)),
)

_BEND = [(-1.0) ** (n + 1) * (n + 1) / (n + 2) for n in range(30)]


def _bend(u: Any) -> Any:
    """``(u / (1 + u) - log(1 + u)) / u**2``; its series near zero."""
    small = fabs(u) < 0.25
    near = series(_BEND, where(small, u, 0.0))
    return where(small, near, div(div(u, 1 + u) - apply("log1p", u), safe(u * u)))


row(
    "inv_boxcox",
    lambda y, m, out: (lambda: pow(out, 1 - m), lambda: out * (y * y * _bend(m * y))),
    ((1.5, 0.3), (0.4, -0.9), (1.2, 1e-9), (1.5, 1.7)),
)
row(
    "inv_boxcox1p",
    lambda y, m, out: (lambda: pow(1 + out, 1 - m), lambda: (1 + out) * (y * y * _bend(m * y))),
    ((1.5, 0.3), (0.4, -0.9), (1.2, 1e-9)),
)
