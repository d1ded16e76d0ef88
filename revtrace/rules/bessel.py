"""Bessel functions of order 0 and 1, as plain functions that numba can compile.

Chebyshev expansions on two ranges each, in the manner of C. W. Clenshaw, Chebyshev Series for
Mathematical Functions (1962), with coefficients computed anew; beyond 8 the
oscillating ones have modulus and phase from DLMF 10.17.3.  None raises on a Python float.
"""

from __future__ import annotations

import math

from revtrace.rules.coefficients import (
    I0_LARGE,
    I0_SMALL,
    I1_LARGE,
    I1_SMALL,
    J0_SMALL,
    J1_SMALL,
    K0_LARGE,
    K0_SMALL,
    K1_LARGE,
    K1_SMALL,
    P0,
    P1,
    Q0,
    Q1,
    Y0_SMALL,
    Y1_SMALL,
)
from revtrace.rules.kernels import chebyshev

__all__: list[str] = []


def j0(x: float) -> float:
    """Bessel function of the first kind, order 0."""
    x = abs(x)
    if x <= 8.0:
        return chebyshev(J0_SMALL, x * x / 32.0 - 1.0)
    if x == math.inf:
        return 0.0
    t = 128.0 / (x * x) - 1.0
    p = chebyshev(P0, t)
    q = chebyshev(Q0, t) / x
    # cos and sin of x - pi/4 without rounding the difference
    c = math.cos(x) + math.sin(x)
    s = math.sin(x) - math.cos(x)
    return (p * c - q * s) / math.sqrt(math.pi * x)


def y0(x: float) -> float:
    """Bessel function of the second kind, order 0; NaN for negative arguments."""
    if x == 0.0:
        return -math.inf
    if not x > 0.0:
        return math.nan
    if x <= 8.0:
        return 2.0 / math.pi * math.log(x) * j0(x) + chebyshev(Y0_SMALL, x * x / 32.0 - 1.0)
    if x == math.inf:
        return 0.0
    t = 128.0 / (x * x) - 1.0
    p = chebyshev(P0, t)
    q = chebyshev(Q0, t) / x
    c = math.cos(x) + math.sin(x)
    s = math.sin(x) - math.cos(x)
    return (p * s + q * c) / math.sqrt(math.pi * x)


def j1(x: float) -> float:
    """Bessel function of the first kind, order 1."""
    a = abs(x)
    if a <= 8.0:
        return x * chebyshev(J1_SMALL, x * x / 32.0 - 1.0)
    if a == math.inf:
        return 0.0
    t = 128.0 / (a * a) - 1.0
    p = chebyshev(P1, t)
    q = chebyshev(Q1, t) / a
    # cos and sin of x - 3 pi/4
    c = math.sin(a) - math.cos(a)
    s = -math.sin(a) - math.cos(a)
    y = (p * c - q * s) / math.sqrt(math.pi * a)
    return -y if x < 0.0 else y


def y1(x: float) -> float:
    """Bessel function of the second kind, order 1; NaN for negative arguments."""
    if x == 0.0:
        return -math.inf
    if not x > 0.0:
        return math.nan
    if x <= 8.0:
        if x < 1e-308:
            return -math.inf
        return 2.0 / math.pi * (math.log(x) * j1(x) - 1.0 / x) + x * chebyshev(Y1_SMALL, x * x / 32.0 - 1.0)
    if x == math.inf:
        return 0.0
    t = 128.0 / (x * x) - 1.0
    p = chebyshev(P1, t)
    q = chebyshev(Q1, t) / x
    c = math.sin(x) - math.cos(x)
    s = -math.sin(x) - math.cos(x)
    return (p * s + q * c) / math.sqrt(math.pi * x)


def i0e(x: float) -> float:
    """Modified Bessel function of the first kind, order 0, times ``exp(-abs(x))``."""
    x = abs(x)
    if x <= 8.0:
        return chebyshev(I0_SMALL, x / 4.0 - 1.0)
    return chebyshev(I0_LARGE, 16.0 / x - 1.0) / math.sqrt(x)


def i1e(x: float) -> float:
    """Modified Bessel function of the first kind, order 1, times ``exp(-abs(x))``."""
    a = abs(x)
    if a <= 8.0:
        return x / (1.0 + a) * chebyshev(I1_SMALL, a / 4.0 - 1.0)
    y = chebyshev(I1_LARGE, 16.0 / a - 1.0) / math.sqrt(a)
    return -y if x < 0.0 else y


def i0(x: float) -> float:
    """Modified Bessel function of the first kind, order 0."""
    a = abs(x)
    if a > 713.9:
        return math.inf
    half = math.exp(0.5 * a)
    return half * i0e(x) * half


def i1(x: float) -> float:
    """Modified Bessel function of the first kind, order 1."""
    a = abs(x)
    if a > 713.9:
        return math.copysign(math.inf, x)
    half = math.exp(0.5 * a)
    return half * i1e(x) * half


def k0(x: float) -> float:
    """Modified Bessel function of the second kind, order 0."""
    if x == 0.0:
        return math.inf
    if not x > 0.0:
        return math.nan
    if x <= 2.0:
        return chebyshev(K0_SMALL, x * x / 2.0 - 1.0) - math.log(0.5 * x) * i0(x)
    if x == math.inf:
        return 0.0
    return math.exp(-x) * chebyshev(K0_LARGE, 4.0 / x - 1.0) / math.sqrt(x)


def k1(x: float) -> float:
    """Modified Bessel function of the second kind, order 1."""
    if x == 0.0:
        return math.inf
    if not x > 0.0:
        return math.nan
    if x <= 2.0:
        if x < 1e-308:
            return math.inf
        return 1.0 / x + (math.log(0.5 * x) * i1(x) + x * chebyshev(K1_SMALL, x * x / 2.0 - 1.0))
    if x == math.inf:
        return 0.0
    return math.exp(-x) * chebyshev(K1_LARGE, 4.0 / x - 1.0) / math.sqrt(x)
