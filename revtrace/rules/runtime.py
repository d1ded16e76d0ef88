"""Functions that generated code calls where numba has no expression for a primitive.

Plain Python that numba compiles; the code generator compiles one with `link` when a
source names it.  The interpreter calls the same functions uncompiled, so they guard
what raises on Python floats.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from revtrace.rules import bessel, complex_kernels, kernels, scipy_calls

__all__ = ["NAMES", "link"]


def powi(x: float, n: int) -> float:
    """Integer power; products where they are within 2 ulp of C's pow."""
    if n == 2:
        return x * x
    if n == 3:
        return x * x * x
    if n == 1:
        return x
    if n == 4:
        y = x * x
        return y * y
    if x == 0.0 and n < 0:
        return math.copysign(math.inf, x) if n % 2 != 0 else math.inf
    if n == -1:
        return 1.0 / x
    if n == -2:
        y = 1.0 / x
        return y * y
    return math.pow(x, float(n))


def remainder(x: float, y: float) -> float:
    """IEEE remainder ``x - n y`` with ``n`` the integer nearest to ``x / y``, ties to even; exact."""
    if math.isnan(x) or math.isnan(y):
        return x + y
    if math.isinf(x) or y == 0.0:
        return math.nan
    if math.isinf(y):
        return x
    a, b = abs(x), abs(y)
    m = a % b
    c = b - m
    # m < c, m > c and m == c say on which side of the half the remainder lies; c is
    # inexact only where m < b / 2.
    if m < c:
        r = m
    elif m > c:
        r = -c
    else:
        r = m - 2.0 * ((0.5 * (a - m)) % b)
    return math.copysign(1.0, x) * r


def heaviside(x: float, h: float) -> float:
    """0 below zero, 1 above, ``h`` at it."""
    if x < 0.0:
        return 0.0
    if x > 0.0:
        return 1.0
    return h if x == 0.0 else x


def sinc(x: float) -> float:
    """``sin(pi x) / (pi x)``, 1 at zero."""
    y = math.pi * x
    if y == 0.0:
        return 1.0
    return math.sin(y) / y if not math.isinf(y) else math.nan


def logaddexp(x: float, y: float) -> float:
    """``log(exp(x) + exp(y))``."""
    if x == y:
        return x + math.log(2.0)
    d = x - y
    if d > 0.0:
        return x + math.log1p(math.exp(-d))
    if d <= 0.0:
        return y + math.log1p(math.exp(d))
    return d


def logaddexp2(x: float, y: float) -> float:
    """``log2(2**x + 2**y)``."""
    if x == y:
        return x + 1.0
    d = x - y
    if d > 0.0:
        return x + math.log1p(math.exp2(-d)) / math.log(2.0)
    if d <= 0.0:
        return y + math.log1p(math.exp2(d)) / math.log(2.0)
    return d


def expit(x: float) -> float:
    """``1 / (1 + exp(-x))`` without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def log_expit(x: float) -> float:
    """``log(expit(x))``."""
    if x < 0.0:
        return x - math.log1p(math.exp(x))
    return -math.log1p(math.exp(-x))


def softplus(x: float) -> float:
    """``log(1 + exp(x))`` without overflow."""
    if x > 0.0:
        return x + math.log1p(math.exp(-x))
    return math.log1p(math.exp(x))


def logit(p: float) -> float:
    """``log(p / (1 - p))``; its own accuracy near one half."""
    if p == 0.0:
        return -math.inf
    if p == 1.0:
        return math.inf
    if not 0.0 < p < 1.0:
        return math.nan
    if 0.3 <= p <= 0.65:
        d = p - 0.5
        return math.log1p(2.0 * d / (0.5 - d))
    return math.log(p / (1.0 - p))


def entr(x: float) -> float:
    """``-x log(x)``, 0 at zero, minus infinity below."""
    if x > 0.0:
        return -x * math.log(x)
    if x < 0.0:
        return -math.inf
    return x + 0.0


def xlogy(x: float, y: float) -> float:
    """``x log(y)``, 0 where ``x`` is 0 and ``y`` is not NaN."""
    if x == 0.0 and not math.isnan(y):
        return 0.0
    if y == 0.0:
        return x * -math.inf
    return x * math.log(y) if not y < 0.0 else math.nan


def xlog1py(x: float, y: float) -> float:
    """``x log1p(y)``, 0 where ``x`` is 0 and ``y`` is not NaN."""
    if x == 0.0 and not math.isnan(y):
        return 0.0
    if y == -1.0:
        return x * -math.inf
    return x * math.log1p(y) if not y < -1.0 else math.nan


def shift_left(x: int, n: int) -> int:
    """Shift left; 0 when all bits leave, as in numpy."""
    return x << n if 0 <= n < 64 else 0


def shift_right(x: int, n: int) -> int:
    """Shift right; the sign when all bits leave, as in numpy."""
    if 0 <= n < 64:
        return x >> n
    return -1 if x < 0 else 0


def product_fits(x: int, y: int) -> bool:
    """Whether the product of two integers has 64 bits; False also just below that.

    Small factors, which nearly all are, are seen by their upper halves, others by their product in floats: the
    integers' own may have wrapped, which LLVM takes for impossible.
    """
    if ((x ^ (x >> 63)) | (y ^ (y >> 63))) >> 31 == 0:
        return True
    return abs(float(x) * float(y)) < 9.2e18


def ulp(x: float) -> float:
    """Value of the least significant bit."""
    if math.isnan(x) or math.isinf(x):
        return abs(x)
    y = abs(x)
    up = math.nextafter(y, math.inf)
    return up - y if not math.isinf(up) else y - math.nextafter(y, 0.0)


def ldexp(x: float, n: float) -> float:
    """``x * 2**n`` for an integral ``n``; infinity on overflow."""
    n = min(n, 2200.0)
    n = max(n, -2200.0)
    return math.ldexp(x, int(n))


def exponent(x: float) -> float:
    """Binary exponent as ``math.frexp`` gives it."""
    return float(math.frexp(x)[1])


def round_digits(x: float, digits: float) -> float:
    """Round to decimal digits as Python does: the exact value to nearest, ties to even.

    The product with the power of ten is taken exactly (Dekker 1971), so that the
    choice between two candidates is right; dividing an integer below 2**53 by a power of ten up to 1e22 is
    correctly rounded.
    """
    if not math.isfinite(x) or digits > 22.0 or abs(x) >= 4503599627370496.0 and digits >= 0.0:
        return x
    if digits < -22.0:
        return math.copysign(0.0, x)
    scale = 1.0
    for _ in range(int(abs(digits))):
        scale *= 10.0
    a = abs(x)
    if digits >= 0.0:
        p = a * scale
        if p >= 9007199254740992.0:
            return x
        # error of the product by splitting both factors in halves of 26 bits
        t = 134217729.0 * a
        ah = t - (t - a)
        al = a - ah
        t = 134217729.0 * scale
        bh = t - (t - scale)
        bl = scale - bh
        e = ((ah * bh - p) + ah * bl + al * bh) + al * bl
        low = float(math.floor(p))
        d = (p - low) - 0.5
        if d == 0.0:
            d = e
        if p >= 4503599627370496.0:
            # the product was rounded to an integer, ties to even
            d = -0.5
        if d > 0.0 or (d == 0.0 and low % 2.0 == 1.0):
            low += 1.0
        return math.copysign(low / scale, x)
    m = a % scale
    q = (a - m) / scale
    twice = 2.0 * m
    if twice > scale or (twice == scale and q % 2.0 == 1.0):
        return math.copysign(a + (scale - m), x)
    return math.copysign(a - m, x)


def sum_error(x: float, y: float) -> float:
    """Return what rounding took from ``x + y``; exact (Moller 1965, Knuth), NaN where the sum is not finite."""
    s = x + y
    t = s - x
    return (x - (s - t)) + (y - t)


def with_error(total: float, low: float) -> float:
    """Add the rounding errors of a sum to it, where they mean something."""
    return total + low if math.isfinite(low) else total


NAMES: dict[str, Callable[..., Any]] = {
    name: f
    for module in (vars(), vars(complex_kernels), vars(kernels), vars(bessel))
    for name, f in dict(module).items()
    if isinstance(f, types.FunctionType) and not name.startswith("_") and name != "link"
}
"""The functions a source may name."""
NAMES.update(scipy_calls.NAMES)


def link(name: str, compile: Callable[[Any], Any], done: dict[str, Any] | None = None) -> Any:
    """Compile a function of `NAMES` and those it calls, SciPy's excepted.

    Parameters
    ----------
    name : str
        The function.
    compile : callable
        What compiles one function, such as ``numba.njit(error_model="numpy")``.
    done : dict, optional
        Compiled functions by name; used and added to.
    """
    done = {} if done is None else done
    if name not in done:
        function = NAMES[name]
        namespace = dict(function.__globals__)
        for used in function.__code__.co_names:
            if used in NAMES and used != name:
                namespace[used] = link(used, compile, done)
        copy = types.FunctionType(function.__code__, namespace, name, function.__defaults__)
        copy.__module__ = function.__module__
        copy.__qualname__ = name
        done[name] = compile(copy)
    return done[name]
