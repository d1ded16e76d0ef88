"""Where ``math`` and ``cmath`` do not raise, as formulas of the operands and the result.

Each is false exactly where Python raises.
"""

from __future__ import annotations

import math
from typing import Any

from revtrace.rules.formula import eq, fabs, isfinite, isinf, isnan, ne, not_

__all__: list[str] = []

_INF = math.inf


def not_negative(x: Any, *, out: Any) -> Any:
    """Square root."""
    return not_(x < 0)


def positive(x: Any, *, out: Any) -> Any:
    """Logarithms."""
    return not_(x <= 0)


def above_minus_one(x: Any, *, out: Any) -> Any:
    """``log1p``."""
    return not_(x <= -1)


def within_one(x: Any, *, out: Any) -> Any:
    """Arc sine and arc cosine."""
    return not_(fabs(x) > 1)


def inside_one(x: Any, *, out: Any) -> Any:
    """``atanh``."""
    return not_(fabs(x) >= 1)


def from_one(x: Any, *, out: Any) -> Any:
    """``acosh``."""
    return not_(x < 1)


def not_infinite(x: Any, *, out: Any) -> Any:
    """Sine, cosine and tangent."""
    return ne(fabs(x), _INF)


def no_overflow(x: Any, *, out: Any) -> Any:
    """Exponentials."""
    return ne(out, _INF) | eq(x, _INF)


def no_overflow_even(x: Any, *, out: Any) -> Any:
    """``cosh`` and ``lgamma``, whose infinity is positive at both ends."""
    return ne(out, _INF) | isinf(x)


def no_overflow_odd(x: Any, *, out: Any) -> Any:
    """``sinh``."""
    return ne(fabs(out), _INF) | isinf(x)


def no_overflow_scaled(x: Any, n: Any, *, out: Any) -> Any:
    """``ldexp``."""
    return ne(fabs(out), _INF) | isinf(x)


def gamma(x: Any, *, out: Any) -> Any:
    """Poles, minus infinity, overflow."""
    return isfinite(out) | isnan(x) | eq(x, _INF)


def divisible(x: Any, y: Any, *, out: Any) -> Any:
    """``fmod`` and ``remainder``."""
    return not_(isnan(out)) | isnan(x) | isnan(y)


def power(x: Any, y: Any, *, out: Any) -> Any:
    """``math.pow``: what comes of finite operands is finite."""
    return isfinite(out) | not_(isfinite(x)) | not_(isfinite(y))


def complex_finite(x: Any, *, out: Any) -> Any:
    """Functions of ``cmath``: what comes of a finite number is finite."""
    return isfinite(out) | not_(isfinite(x))
