"""Elementary functions: exponentials, logarithms, roots, circular and hyperbolic functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from revtrace.rules import complex_kernels, runtime
from revtrace.rules.core import Rule, add
from revtrace.rules.formula import (
    cos,
    cosh,
    div,
    eq,
    expit,
    hypot,
    is_complex,
    isinf,
    safe,
    sin,
    sinh,
    sqrt,
    where,
)
from revtrace.rules.ieee import function, real_function

__all__: list[str] = []

_NAN, _INF = math.nan, math.inf
_LN2, _LN10 = math.log(2.0), math.log(10.0)
_EDGES = ((0.0,), (-0.0,), (_INF,), (-_INF,), (_NAN,), (1.0,), (-1.0,), (1e308,), (-1e308,), (5e-324,))
_COMPLEX = ((0.4 + 0.3j,), (-0.8 + 1.2j,), (0.1 - 2.5j,))


def _row(
    name: str,
    derivative: Any,
    *,
    cases: Any,
    source: str = "",
    complex_source: str | None = None,
    forward: Any = None,
    ufunc: str = "",
    complex_form: Any = None,
    mp: str = "",
    cheap: bool = False,
    widens: str = "",
) -> None:
    """Enter a function of one variable whose derivative is ``derivative(x, out)``."""
    add(
        Rule(
            name=name,
            arity=1,
            forward=forward or function(name, ufunc, mp, complex_form),
            source=source or f"math.{name}({{0}})",
            complex_source=complex_source,
            kinds="fc" if complex_source else "f",
            partials=lambda x, out: (lambda: derivative(x, out),),
            cheap=cheap,
            widens=widens,
            show=f"{name}({{0}})",
            cases=(*((c,) for c in cases), *(_COMPLEX if complex_source else ())),
            edges=_EDGES,
        )
    )


def _cosh_from(x: Any, out: Any) -> Any:
    """Return cosh from sinh: ``hypot`` neither overflows nor needs a second exponential."""
    return cosh(x) if is_complex(x) else hypot(1, out)


def _asinh_slope(x: Any, out: Any) -> Any:
    return div(1, sqrt(1 + x * x) if is_complex(x) else hypot(1, x))


def _acosh_slope(x: Any, out: Any) -> Any:
    if is_complex(x):
        return div(1, sqrt(x - 1) * sqrt(x + 1))
    return div(1, sqrt((x - 1) * (x + 1)))


# exponentials and logarithms

_row(
    "exp",
    lambda x, out: out,
    cases=(0.5, -3.0, 10.0),
    complex_source="complex_exp({0})",
    complex_form=complex_kernels.complex_exp,
)
_row(
    "expm1",
    lambda x, out: out + 1,
    cases=(0.5, -3.0, 1e-9),
    complex_source="complex_expm1({0})",
    complex_form=complex_kernels.complex_expm1,
    widens="c",
)
_row(
    "exp2",
    lambda x, out: out * _LN2,
    cases=(0.5, -3.0, 10.0),
    complex_source="complex_exp2({0})",
    complex_form=complex_kernels.complex_exp2,
    widens="c",
)
_row(
    "log",
    lambda x, out: div(1, x),
    cases=(0.5, 3.0, 1e-9),
    complex_source="complex_log({0})",
    complex_form=complex_kernels.complex_log,
    widens="c",
)
_row(
    "log2",
    lambda x, out: div(1 / _LN2, x),
    cases=(0.5, 3.0, 1e-9),
    complex_source="complex_log2({0})",
    complex_form=complex_kernels.complex_log2,
    widens="c",
)
_row(
    "log10",
    lambda x, out: div(1 / _LN10, x),
    cases=(0.5, 3.0, 1e-9),
    complex_source="complex_log10({0})",
    complex_form=complex_kernels.complex_log10,
    widens="c",
)
_row(
    "log1p",
    lambda x, out: div(1, 1 + x),
    cases=(0.5, -0.3, 1e-9),
    complex_source="complex_log1p({0})",
    complex_form=complex_kernels.complex_log1p,
    widens="c",
)

# roots: slope 0 at zero by convention

_row(
    "sqrt",
    lambda x, out: div(0.5, safe(out)),
    cases=(0.5, 3.0, 1e-9),
    complex_source="cmath.sqrt({0})",
    cheap=True,
)
_row("cbrt", lambda x, out: div(1, 3 * (safe(out) * safe(out))), cases=(0.5, -3.0, 1e-9), source="np.cbrt({0})")

# circular

_row("sin", lambda x, out: cos(x), cases=(0.5, -3.0, 1e-9, 100.0), complex_source="cmath.sin({0})")
_row("cos", lambda x, out: -sin(x), cases=(0.5, -3.0, 1e-9, 100.0), complex_source="cmath.cos({0})")
_row("tan", lambda x, out: 1 + out * out, cases=(0.5, -3.0, 1e-9), complex_source="cmath.tan({0})")
_row(
    "asin",
    lambda x, out: div(1, sqrt((1 - x) * (1 + x))),
    cases=(0.5, -0.9, 1e-9, 0.9999),
    complex_source="cmath.asin({0})",
    ufunc="arcsin",
)
_row(
    "acos",
    lambda x, out: div(-1, sqrt((1 - x) * (1 + x))),
    cases=(0.5, -0.9, 1e-9, 0.9999),
    complex_source="cmath.acos({0})",
    ufunc="arccos",
)
_row(
    "atan",
    lambda x, out: div(1, 1 + x * x),
    cases=(0.5, -3.0, 1e-9),
    complex_source="cmath.atan({0})",
    ufunc="arctan",
)

# hyperbolic

_row("sinh", _cosh_from, cases=(0.5, -3.0, 1e-9), complex_source="cmath.sinh({0})")
_row("cosh", lambda x, out: sinh(x), cases=(0.5, -3.0, 1e-9), complex_source="cmath.cosh({0})")
_row("tanh", lambda x, out: 1 - out * out, cases=(0.5, -3.0, 1e-9), complex_source="cmath.tanh({0})", widens="c")
_row("asinh", _asinh_slope, cases=(0.5, -3.0, 1e-9), complex_source="cmath.asinh({0})", ufunc="arcsinh")
_row(
    "acosh",
    _acosh_slope,
    cases=(1.5, 3.0, 1.0001),
    complex_source="cmath.acosh({0})",
    ufunc="arccosh",
    widens="c",
)
_row(
    "atanh",
    lambda x, out: div(1, (1 - x) * (1 + x)),
    cases=(0.5, -0.9, 1e-9),
    complex_source="cmath.atanh({0})",
    ufunc="arctanh",
)

# angles

_row(
    "deg2rad",
    lambda x, out: math.pi / 180,
    cases=(30.0, -200.0),
    source="math.radians({0})",
    forward=real_function(math.radians, None, "radians"),
    cheap=True,
)
_row(
    "rad2deg",
    lambda x, out: 180 / math.pi,
    cases=(0.5, -4.0),
    source="math.degrees({0})",
    forward=real_function(math.degrees, None, "degrees"),
    cheap=True,
)


def _sinc_slope(x: Any, out: Any) -> Any:
    """Slope of sinc: the quotient, and near zero, where that cancels, the series in ``(pi x)**2`` (DLMF 4.19.1)."""
    near = (x < 0.35) & (x > -0.35)
    t = (math.pi * math.pi) * (x * x)
    series: Any = 0.0
    for k in range(11, 0, -1):
        series = series * t + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
    return where(near, math.pi * math.pi * x * series, div(cos(math.pi * x) - out, where(near, 1, x)))


_row(
    "sinc",
    _sinc_slope,
    cases=(0.5, -3.2, 1e-9, 0.0, 0.3, 0.36),
    source="sinc({0})",
    forward=real_function(runtime.sinc),
    widens="f",
)

# of two variables

add(
    Rule(
        name="atan2",
        arity=2,
        forward=real_function(math.atan2, None, "atan2"),
        source="math.atan2({0}, {1})",
        partials=lambda y, x, out: (
            lambda: _over_square(x, y, x),
            lambda: -_over_square(y, y, x),
        ),
        show="atan2({0}, {1})",
        cases=((1.0, 2.0), (-1.0, 0.5), (3.0, -1e-8), (1e-200, 2e-200), (1e200, -1e200)),
        edges=((0.0, 0.0), (0.0, -0.0), (-0.0, -1.0), (_INF, -_INF), (_NAN, 1.0)),
    )
)


def _over_square(a: Any, y: Any, x: Any) -> Any:
    """Return ``a / (x**2 + y**2)`` without overflow of the square."""
    r = safe(hypot(x, y))
    return div(div(a, r), r)


def _share(x: Any, y: Any, rate: float) -> Any:
    """Return the weight of ``x`` in a log-sum; a half for equal infinities, whose difference has no value."""
    both = eq(x, y) & isinf(x)
    return where(both, 0.5, expit(rate * (x - where(both, 0, y))))


for _name, _form, _rate in (("logaddexp", runtime.logaddexp, 1.0), ("logaddexp2", runtime.logaddexp2, _LN2)):
    add(
        Rule(
            name=_name,
            arity=2,
            forward=real_function(_form, getattr(np, _name)),
            source=f"np.{_name}({{0}}, {{1}})",
            partials=lambda x, y, out, rate=_rate: (lambda: _share(x, y, rate), lambda: _share(y, x, rate)),
            show=f"{_name}({{0}}, {{1}})",
            cases=((1.0, 2.0), (-30.0, 0.5), (3.0, 3.0), (800.0, 799.0)),
            edges=((-_INF, -_INF), (_INF, _INF), (_INF, 0.0), (0.0, -_INF), (_NAN, 1.0)),
        )
    )

add(
    Rule(
        name="heaviside",
        arity=2,
        forward=real_function(runtime.heaviside),
        source="heaviside({0}, {1})",
        partials=lambda x, h, out: (None, lambda: where(eq(x, 0), 1, 0, like=out)),
        cheap=True,
        widens="f",
        show="heaviside({0}, {1})",
        cases=((1.0, 0.5), (-2.0, 0.5), (0.0, 0.5)),
        edges=((_NAN, 1.0), (-0.0, 0.5), (_INF, 0.5)),
    )
)
