"""Complex arithmetic and logarithms where numba's own are less accurate or raise, as functions it can compile."""

from __future__ import annotations

import cmath
import math

__all__: list[str] = []


def complex_div(a: complex, b: complex) -> complex:
    """Quotient by Smith's method (1962), as CPython and numpy have it; division by zero gives NaN."""
    c, d = b.real, b.imag
    if abs(c) >= abs(d):
        if c == 0.0:
            return complex(math.nan, math.nan)
        r = d / c
        s = c + d * r
        return complex((a.real + a.imag * r) / s, (a.imag - a.real * r) / s)
    if abs(d) >= abs(c):
        r = c / d
        s = c * r + d
        return complex((a.real * r + a.imag) / s, (a.imag * r - a.real) / s)
    return complex(math.nan, math.nan)


def complex_powi(z: complex, n: int) -> complex:
    """Integer power of a complex number by repeated squaring; through logarithms beyond 100 as CPython does."""
    if n == 2:
        return z * z
    if n > 100 or n < -100:
        return complex_power_general(z, complex(n, 0.0))
    if z == 0 and n < 0:
        return complex(math.nan, math.nan)
    m = abs(n)
    out = complex(1.0, 0.0)
    p = z
    while m > 0:
        if m % 2 == 1:
            out = out * p
        m //= 2
        if m > 0:
            p = p * p
    if n < 0:
        return complex_div(complex(1.0, 0.0), out)
    return out


def complex_power(z: complex, w: complex) -> complex:
    """Complex power; small integer exponents by repeated squaring."""
    if w == 0:
        return complex(1.0, 0.0)
    if z == 0:
        if w.imag != 0.0 or w.real < 0.0:
            return complex(math.nan, math.nan)
        return complex(0.0, 0.0)
    if w.imag == 0.0 and abs(w.real) <= 100.0 and w.real == math.floor(w.real):
        return complex_powi(z, int(w.real))
    return complex_power_general(z, w)


def complex_power_general(z: complex, w: complex) -> complex:
    """Return ``exp(w log z)`` in polar form; zero base gives zero or NaN."""
    if z == 0:
        return complex(0.0, 0.0) if w.real > 0.0 else complex(math.nan, math.nan)
    r = math.hypot(z.real, z.imag)
    angle = math.atan2(z.imag, z.real)
    length = r**w.real
    phase = angle * w.real
    if w.imag != 0.0:
        length *= math.exp(-angle * w.imag)
        phase += w.imag * math.log(r)
    return complex(length * math.cos(phase), length * math.sin(phase))


def complex_log(z: complex) -> complex:
    """Logarithm; the real part keeps its accuracy near modulus 1."""
    r = math.hypot(z.real, z.imag)
    angle = math.atan2(z.imag, z.real)
    if r == 0.0:
        return complex(-math.inf, angle)
    if 0.5 <= r <= 2.0:
        a = max(abs(z.real), abs(z.imag))
        b = min(abs(z.real), abs(z.imag))
        return complex(0.5 * math.log1p((a - 1.0) * (a + 1.0) + b * b), angle)
    if r < 1e-290:
        return complex(math.log(math.hypot(z.real * 2.0**54, z.imag * 2.0**54)) - 54.0 * math.log(2.0), angle)
    if r == math.inf and not (math.isinf(z.real) or math.isinf(z.imag)):
        return complex(math.log(math.hypot(z.real / 4.0, z.imag / 4.0)) + 2.0 * math.log(2.0), angle)
    return complex(math.log(r), angle)


def complex_log2(z: complex) -> complex:
    """Logarithm to base 2."""
    w = complex_log(z)
    return complex(w.real / math.log(2.0), w.imag / math.log(2.0))


def complex_log10(z: complex) -> complex:
    """Logarithm to base 10."""
    w = complex_log(z)
    return complex(w.real / math.log(10.0), w.imag / math.log(10.0))


def complex_log1p(z: complex) -> complex:
    """Logarithm of ``1 + z``, accurate near zero."""
    x, y = z.real, z.imag
    if abs(x) < 0.5 and abs(y) < 0.5:
        return complex(0.5 * math.log1p(x * (2.0 + x) + y * y), math.atan2(y, 1.0 + x))
    return complex_log(complex(1.0 + x, y))


def complex_exp(z: complex) -> complex:
    """Exponential; a real argument gives a real result even on overflow."""
    if z.imag == 0.0:
        return complex(math.exp(z.real), z.imag)
    return cmath.exp(z)


def complex_expm1(z: complex) -> complex:
    """``exp(z) - 1``, accurate near zero: ``expm1(x) cos(y) - 2 sin(y/2)**2 + i exp(x) sin(y)``."""
    if z.imag == 0.0:
        return complex(math.expm1(z.real), z.imag)
    s = math.sin(0.5 * z.imag)
    return complex(
        math.expm1(z.real) * math.cos(z.imag) - 2.0 * s * s,
        math.exp(z.real) * math.sin(z.imag),
    )


def complex_exp2(z: complex) -> complex:
    """Power of two."""
    if z.imag == 0.0:
        return complex(math.exp2(z.real), z.imag)
    r = math.exp2(z.real)
    return complex(r * math.cos(z.imag * math.log(2.0)), r * math.sin(z.imag * math.log(2.0)))
