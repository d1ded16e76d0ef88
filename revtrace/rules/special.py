"""Special functions: gamma and its kin, error functions, logistic ones, Bessel functions of order 0 and 1."""

from __future__ import annotations

import math
from typing import Any

from revtrace.rules import runtime
from revtrace.rules.core import Rule, add
from revtrace.rules.formula import apply, digamma, div, eq, exp, expit, log, polygamma, safe, sign, where
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
            forward=forward or real_function(runtime.NAMES[name], mp=_MPMATH.get(name, "")),
            source=source or f"{name}({{0}})",
            partials=lambda x, out: (lambda: derivative(x, out),),
            widens=widens,
            show=f"{name}({{0}})",
            cases=tuple((c,) for c in cases),
            edges=edges,
        )
    )


_MPMATH = {"digamma": "digamma", "erfinv": "erfinv", "ndtr": "ncdf"}


def _gamma_beyond(x: float) -> float:
    """Return gamma where ``math.gamma`` raises: at its poles, at minus infinity, on overflow."""
    if x == 0.0:
        return math.copysign(math.inf, x)
    return math.nan if x < 0.0 else math.inf


# gamma and its kin

_row(
    "gamma",
    lambda x, out: out * digamma(x),
    cases=(0.5, 4.0, -1.5, 20.3, 1e-9),
    source="math.gamma({0})",
    forward=real_function(math.gamma, _gamma_beyond, "gamma"),
    widens="",
)
_row(
    "lgamma",
    lambda x, out: digamma(x),
    cases=(0.5, 4.0, -1.5, 20.3, 1e-9, 1e10),
    source="math.lgamma({0})",
    forward=real_function(math.lgamma, lambda x: math.inf, "loggamma"),
    widens="",
)
_row(
    "digamma",
    lambda x, out: polygamma(1.0, x),
    cases=(0.5, 4.0, -1.7, 20.3, 1e-9, 1.46, 1.5, 1e10, -0.3, -1e-9, -100.3, 9.99),
)

add(
    Rule(
        name="polygamma",
        arity=2,
        forward=real_function(
            runtime.NAMES["polygamma"], lambda n, x: math.inf if n % 2 else -math.copysign(math.inf, x), "polygamma_"
        ),
        source="polygamma({0}, {1})",
        partials=lambda n, x, out: (None, lambda: polygamma(n + 1, x)),
        widens="f",
        show="polygamma({0}, {1})",
        cases=tuple((float(n), x) for n in (1, 2, 3, 6) for x in (0.5, 4.0, 20.3, 1e3, 1e-5, -0.3, -7.7)),
        edges=((1.0, 0.0), (1.0, -2.0), (2.0, math.inf), (1.0, math.nan), (0.0, 2.5), (-1.0, 2.0)),
    )
)


def _two(name: str, slope: Any, cases: Any, edges: Any = ()) -> None:
    """Enter a symmetric or named function of two variables with ``slope(x, y, out) -> (by x, by y)``."""
    add(
        Rule(
            name=name,
            arity=2,
            forward=real_function(runtime.NAMES[name]),
            source=f"{name}({{0}}, {{1}})",
            partials=slope,
            widens="f",
            show=f"{name}({{0}}, {{1}})",
            cases=cases,
            edges=edges,
        )
    )


_POSITIVE = ((0.5, 2.0), (3.0, 4.5), (12.0, 0.25), (60.0, 2.0), (30.0, 40.0))


def _beta_slope(a: Any, b: Any, out: Any) -> Any:
    return (lambda: out * (digamma(a) - digamma(a + b)), lambda: out * (digamma(b) - digamma(a + b)))


def _betaln_slope(a: Any, b: Any, out: Any) -> Any:
    return (lambda: digamma(a) - digamma(a + b), lambda: digamma(b) - digamma(a + b))


_two("beta", _beta_slope, _POSITIVE, ((300.0, 400.0),))
_two("betaln", _betaln_slope, (*_POSITIVE, (300.0, 400.0), (1e8, 1e9)), ((1e6, 0.5),))

# error functions and the normal distribution

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)

_row(
    "erf",
    lambda x, out: _TWO_OVER_ROOT_PI * exp(-(x * x)),
    cases=(0.5, -1.5, 3.0, 1e-9),
    source="math.erf({0})",
    forward=real_function(math.erf, None, "erf"),
    widens="",
)
_row(
    "erfc",
    lambda x, out: -_TWO_OVER_ROOT_PI * exp(-(x * x)),
    cases=(0.5, -1.5, 3.0, 1e-9),
    source="math.erfc({0})",
    forward=real_function(math.erfc, None, "erfc"),
    widens="",
)
_row(
    "erfcx",
    lambda x, out: 2 * (x * out) - _TWO_OVER_ROOT_PI,
    cases=(0.0, 0.3, 0.5, 1.0, 2.0, 8.0, 30.0, 1e4, -0.5, -3.3, -20.0),
)
_row("erfinv", lambda y, out: exp(out * out) / _TWO_OVER_ROOT_PI, cases=(0.1, -0.5, 0.6, -0.999, 1e-9, 1 - 1e-10))
_row("erfcinv", lambda y, out: -exp(out * out) / _TWO_OVER_ROOT_PI, cases=(0.1, 0.5, 1.7, 1.2, 1e-9, 1e-250))
_row(
    "ndtr",
    lambda x, out: (0.5 * math.sqrt(0.5) * _TWO_OVER_ROOT_PI) * exp(-0.5 * (x * x)),
    cases=(0.5, -1.5, 3.0, 1e-9),
)
_row(
    "ndtri",
    lambda p, out: math.sqrt(2 * math.pi) * exp(0.5 * (out * out)),
    cases=(0.1, 0.3, 0.8, 0.999, 1e-9),
    edges=((0.0,), (1.0,), (math.nan,), (-1.0,), (0.5,)),
)
_row(
    "log_ndtr",
    lambda x, out: div(math.sqrt(2 / math.pi), apply("erfcx", -math.sqrt(0.5) * x)),
    cases=(0.5, -1.5, 3.0, -30.0, -1e4),
)

# logistic functions

_row("expit", lambda x, out: out * (1 - out), cases=(0.5, -3.0, 10.0, -50.0))
_row(
    "logit",
    lambda p, out: div(1, p * (1 - p)),
    cases=(0.1, 0.5, 0.49, 0.64, 0.999, 1e-9),
    edges=((0.0,), (1.0,), (math.nan,), (-1.0,)),
)
_row("log_expit", lambda x, out: expit(-x), cases=(0.5, -3.0, 30.0, -50.0), widens="")
_row("softplus", lambda x, out: expit(x), cases=(0.5, -3.0, 30.0, -50.0), widens="")

# entropies; 0 log 0 is 0

_row("entr", lambda x, out: -log(x) - 1, cases=(0.1, 0.5, 3.0))


def _by_logarithm(x: Any, y: Any) -> Any:
    """Return ``x / y``, 0 where ``x`` is 0."""
    return where(eq(x, 0), 0, div(x, where(eq(x, 0), 1, y)))


_two(
    "xlogy",
    lambda x, y, out: (lambda: log(y), lambda: _by_logarithm(x, y)),
    ((0.5, 2.0), (-1.5, 0.3)),
    ((0.0, 0.0), (0.0, math.nan), (1.0, 0.0), (0.0, -1.0), (1.0, -1.0)),
)
_two(
    "xlog1py",
    lambda x, y, out: (lambda: apply("log1p", y), lambda: _by_logarithm(x, 1 + y)),
    ((0.5, 2.0), (-1.5, -0.3), (0.5, 1e-12)),
    ((0.0, -1.0), (0.0, math.nan), (1.0, -1.0), (0.0, -2.0), (1.0, -2.0)),
)

# Bessel functions


def _over(out: Any, x: Any) -> Any:
    """Return ``out / x`` for an odd function of slope 1/2 at zero."""
    return where(eq(x, 0), 0.5, div(out, safe(x)))


def _bessel(name: str) -> Any:
    return lambda x: apply(name, x)


_j0, _y0, _i0, _i0e, _i1, _i1e, _j1, _y1, _k0, _k1 = map(
    _bessel, ("j0", "y0", "i0", "i0e", "i1", "i1e", "j1", "y1", "k0", "k1")
)

_ALL = (0.3, -2.5, 7.9, 8.1, 30.7, 1000.5)
_RIGHT = (0.3, 1.9, 2.1, 7.9, 8.1, 30.7)

_row("j0", lambda x, out: -_j1(x), cases=_ALL)
_row("j1", lambda x, out: _j0(x) - _over(out, x), cases=_ALL)
_row("y0", lambda x, out: -_y1(x), cases=_RIGHT)
_row("y1", lambda x, out: _y0(x) - div(out, x), cases=_RIGHT)
_row("i0", lambda x, out: _i1(x), cases=(0.3, -2.5, 7.9, 8.1, 30.7, 700.0))
_row("i1", lambda x, out: _i0(x) - _over(out, x), cases=(0.3, -2.5, 7.9, 8.1, 30.7, 700.0))
_row("i0e", lambda x, out: _i1e(x) - sign(x) * out, cases=_ALL)
_row("i1e", lambda x, out: _i0e(x) - sign(x) * out - _over(out, x), cases=_ALL)
_row("k0", lambda x, out: -_k1(x), cases=_RIGHT)
_row("k1", lambda x, out: -_k0(x) - div(out, x), cases=_RIGHT)
