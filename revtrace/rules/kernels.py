"""Gamma and error functions that numba lacks, as plain functions it can compile.

Sources: DLMF (dlmf.nist.gov), Abramowitz and Stegun (A&S), and as said at each function.  None
raises on a Python float.
"""

from __future__ import annotations

import math

from revtrace.rules.coefficients import DIGAMMA, ERFCX, ROOT, ROOT_LOW

__all__: list[str] = []


def chebyshev(coefficients: tuple[float, ...], t: float) -> float:
    """Sum a Chebyshev series, highest order first, by Clenshaw's recurrence (DLMF 3.11.15).

    In Reinsch's form, which carries differences and stays accurate to the ends of the interval.
    """
    b = 0.0
    d = 0.0
    previous = 0.0
    if t < 0.0:
        u = 2.0 * (1.0 + t)
        for x in coefficients:
            previous = b
            d = x + u * b - d
            b = d - b
        return d - 0.5 * u * previous
    u = 2.0 * (t - 1.0)
    for x in coefficients:
        previous = b
        d = x + u * b + d
        b = d + b
    return d - 0.5 * u * previous


def digamma(x: float) -> float:
    """Logarithmic derivative of gamma.

    Asymptotic series from 10 on (DLMF 5.11.2), recurrence below (5.5.2), reflection (5.5.4); a
    Taylor series about the positive zero, where the others cancel.
    """
    if math.isnan(x) or x == -math.inf:
        return math.nan
    if x == math.inf:
        return x
    if x == 0.0:
        return -math.copysign(math.inf, x)
    out = 0.0
    if x < 0.0:
        fraction = x - math.floor(x)
        if fraction == 0.0:
            return math.nan
        if fraction > 0.5:
            fraction -= 1.0
        if x > -0.5:
            # the difference would round x away
            fraction = x
        if fraction != 0.5:
            out = -math.pi / math.tan(math.pi * fraction)
        x = 1.0 - x
    d = x - ROOT
    if -0.25 < d < 0.25:
        d -= ROOT_LOW
        total = 0.0
        for c in DIGAMMA[::-1]:
            total = total * d + c
        return out + total * d
    while x < 10.0:
        out -= 1.0 / x
        x += 1.0
    r = 1.0 / x
    s = r * r
    series = s * (
        1.0 / 12.0
        - s
        * (
            1.0 / 120.0
            - s * (1.0 / 252.0 - s * (1.0 / 240.0 - s * (1.0 / 132.0 - s * (691.0 / 32760.0 - s * (1.0 / 12.0)))))
        )
    )
    return out + (math.log(x) - 0.5 * r - series)


def hurwitz(s: float, a: float) -> float:
    """Hurwitz zeta function for positive ``a`` by Euler and Maclaurin's sum (DLMF 25.11.5, 2.10.1)."""
    if a == math.inf:
        return 0.0
    if a < 1e-150:
        # the first term alone, and Python's power raises where IEEE overflows
        return math.inf if s > 2.0 or a < 1e-154 else 1.0 / (a * a)
    total = 0.0
    while a < 10.0 + s:
        term = math.pow(a, -s)
        total += term
        a += 1.0
        if term < total * 1e-19:
            return total
    power = math.pow(a, -s)
    total += a * power / (s - 1.0) + 0.5 * power
    # Bernoulli numbers B2, B4 ... over (2k)!
    term = s * power / a
    square = a * a
    k = 1.0
    for c in (
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30240.0,
        -1.0 / 1209600.0,
        1.0 / 47900160.0,
        -691.0 / 1307674368000.0,
        1.0 / 74724249600.0,
        -3617.0 / 10670622842880000.0,
        43867.0 / 5109094217170944000.0,
        -174611.0 / 802857662698291200000.0,
    ):
        total += c * term
        term *= (s + 2.0 * k - 1.0) * (s + 2.0 * k) / square
        k += 1.0
    return total


def polygamma(n: float, x: float) -> float:
    """Derivative of order ``n`` of digamma, from the Hurwitz zeta function (DLMF 25.11.12).

    For negative ``x`` the sum of the zeta function is split at the sign change of its terms, which
    gives three zeta functions of positive arguments.
    """
    if n == 0.0:
        return digamma(x)
    if n < 0.0 or n != math.floor(n) or math.isnan(x) or x == -math.inf:
        return math.nan
    factor = math.gamma(n + 1.0) if n < 170.0 else math.inf
    odd = n % 2.0 == 1.0
    if not odd:
        factor = -factor
    s = n + 1.0
    if x > 0.0:
        return factor * hurwitz(s, x)
    fraction = -x - math.floor(-x)
    if fraction == 0.0:
        return math.inf if odd else math.nan
    left = hurwitz(s, fraction) - hurwitz(s, 1.0 - x)
    right = hurwitz(s, 1.0 - fraction)
    return factor * (right + left if odd else right - left)


def erfcx(x: float) -> float:
    """Scaled complementary error function ``exp(x**2) erfc(x)``.

    Chebyshev expansion of ``(1 + 2 x) erfcx(x)`` in ``(x - 3.75) / (x + 3.75)`` (Shepherd and Laframboise, Mathematics
    of Computation 36, 1981); reflection for negative arguments (DLMF 7.4.3).
    """
    if math.isnan(x):
        return x
    a = abs(x)
    if a == math.inf:
        return 0.0 if x > 0.0 else math.inf
    if a < 0.5:
        return math.exp(x * x) * math.erfc(x)
    y = chebyshev(ERFCX, (a - 3.75) / (a + 3.75)) / (1.0 + 2.0 * a)
    if x > 0.0:
        return y
    if x < -26.7:
        return math.inf
    # the rounding error of the square, by splitting, matters once multiplied by the exponential
    high = math.floor(a * 1048576.0) / 1048576.0
    low = a - high
    return 2.0 * (math.exp(high * high) * math.exp(low * (a + high))) - y


def erfcinv(z: float) -> float:
    """Inverse of erfc: from the side on which the operand is exact."""
    if not 0.0 <= z <= 2.0:
        return math.nan
    if z == 0.0:
        return math.inf
    if z == 2.0:
        return -math.inf
    if 0.5 <= z <= 1.5:
        return erfinv(1.0 - z)
    return erfcinv_tail(z) if z < 1.0 else -erfcinv_tail(2.0 - z)


def erfinv(y: float) -> float:
    """Inverse of erf: Taylor start (DLMF 7.17.2), then Halley's iteration; from a half on through `erfcinv`."""
    if not -1.0 <= y <= 1.0:
        return math.nan
    if y > 0.5:
        return erfcinv_tail(1.0 - y)
    if y < -0.5:
        return -erfcinv_tail(1.0 + y)
    if y == 0.0:
        return y
    u = 0.5 * math.sqrt(math.pi) * y
    v = u * u
    x = u * (1.0 + v * (1.0 / 3.0 + v * (7.0 / 30.0 + v * (127.0 / 630.0 + v * (4369.0 / 22680.0)))))
    for _ in range(2):
        step = (math.erf(x) - y) * (0.5 * math.sqrt(math.pi)) * math.exp(x * x)
        x -= step / (1.0 + x * step)
    return x


def erfcinv_tail(p: float) -> float:
    """Inverse of erfc for ``0 <= p <= 1/2``: a rational start (A&S 26.2.23), then Halley's iteration on the log."""
    if p == 0.0:
        return math.inf
    t = math.sqrt(-2.0 * math.log(0.5 * p))
    x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    x *= math.sqrt(0.5)
    for _ in range(3):
        scaled = erfcx(x)
        error = math.log(scaled) - math.log(p) - x * x
        slope = -2.0 / math.sqrt(math.pi) / scaled
        step = error / slope
        x -= step / (1.0 - 0.5 * step * (-2.0 * x - slope))
    return x


def ndtr(x: float) -> float:
    """Normal distribution function (DLMF 7.2.2)."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def ndtri(p: float) -> float:
    """Quantile of the normal distribution."""
    return -math.sqrt(2.0) * erfcinv(2.0 * p)


def log_ndtr(x: float) -> float:
    """Logarithm of the normal distribution function, without underflow."""
    if x == -math.inf:
        return x
    if x < -1.0:
        return math.log(0.5 * erfcx(-x * math.sqrt(0.5))) - 0.5 * x * x
    return math.log1p(-0.5 * math.erfc(x * math.sqrt(0.5)))


def stirling(z: float) -> float:
    """``lgamma(z) - ((z - 1/2) log z - z + log(2 pi) / 2)`` for ``z`` from 10 on (DLMF 5.11.1)."""
    r = 1.0 / z
    s = r * r
    return r * (
        1.0 / 12.0
        - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s * (1.0 / 1188.0 - s * (691.0 / 360360.0)))))
    )


def at_pole(x: float) -> bool:
    """Whether the gamma function has a pole."""
    return x <= 0.0 and x == math.floor(x) if x > -math.inf else x == -math.inf


def beta_at_pole(a: float, b: float) -> float:
    """Beta function where the gamma function of ``a`` has a pole: finite if that of ``a + b`` has one too.

    Reflection (DLMF 5.12.1, 5.5.3) turns the ratio of both into one of positive arguments.
    """
    top = 1.0 - a - b
    if a > -math.inf and abs(b) < math.inf and b == math.floor(b) and top > 0.0:
        size = math.inf if b <= 0.0 else math.exp(betaln(top, b))
        return size if b % 2.0 == 0.0 else -size
    return math.inf


def betaln(a: float, b: float) -> float:
    """Logarithm of the beta function (DLMF 5.12.1); Stirling's terms cancelled by hand for large operands."""
    if b > a:
        a, b = b, a
    if at_pole(b) or at_pole(a):
        # The logarithm of what `beta_at_pole` gives.
        if not (b > -math.inf and 0.0 < a < math.inf and a == math.floor(a) and 1.0 - a - b > 0.0):
            return math.inf
        b = 1.0 - a - b
        if b > a:
            a, b = b, a
    if a == math.inf and abs(b) < math.inf:
        return -math.inf if b > 0.0 else math.inf
    if not a >= 10.0 or b <= 0.0 or a == math.inf:
        if at_pole(a + b):
            return -math.inf
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    ratio = b / a
    if b < 10.0:
        shift = stirling(a) - stirling(a + b)
        return math.lgamma(b) - (a - 0.5) * math.log1p(ratio) - b * math.log(a + b) + b + shift
    shift = stirling(a) + stirling(b) - stirling(a + b)
    return (
        0.5 * math.log(2.0 * math.pi / b) - (a - 0.5) * math.log1p(ratio) + b * math.log(ratio / (1.0 + ratio)) + shift
    )


def beta(a: float, b: float) -> float:
    """Beta function."""
    # in double precision also for single operands, whose gamma overflows early
    a, b = 1.0 * a, 1.0 * b
    if at_pole(a):
        return beta_at_pole(a, b)
    if at_pole(b):
        return beta_at_pole(b, a)
    if at_pole(a + b):
        return 0.0
    if abs(a) < 80.0 and abs(b) < 80.0:
        return math.gamma(a) / math.gamma(a + b) * math.gamma(b)
    # Between its poles left of zero the gamma function changes its sign at each.
    turns = (math.floor(a) if a < 0.0 else 0.0) + (math.floor(b) if b < 0.0 else 0.0)
    turns += math.floor(a + b) if a + b < 0.0 else 0.0
    size = math.exp(betaln(a, b))
    return size if turns % 2.0 == 0.0 else -size


def lambertw0(x: float) -> float:
    """Lambert's W from -1 upwards, by Halley's iteration (Corless et al. 1996); NaN below ``-1/e``."""
    p = 2.0 * (math.e * x + 1.0)
    if x in (0.0, math.inf):
        return x
    if not p >= 0.0:
        return math.nan if p < -1e-15 or math.isnan(x) else -1.0
    w = math.sqrt(p) - 1.0 if x < 1.0 else math.log(x)
    if x > 3.0:
        w -= math.log(w)
    return halley(x, w)


def lambertwm1(x: float) -> float:
    """Lambert's W from -1 downwards, by Halley's iteration; NaN where it is no real number."""
    p = 2.0 * (math.e * x + 1.0)
    if not (p >= 0.0 and x < 0.0):
        return -1.0 if -1e-15 <= p < 0.0 else -math.inf if x == 0.0 else math.nan
    if x < -0.25:
        w = -1.0 - math.sqrt(p)
    else:
        w = math.log(-x)
        w -= math.log(-w)
    return halley(x, w)


def halley(x: float, w: float) -> float:
    """Improve ``w`` until ``w exp(w)`` is ``x``."""
    for _ in range(40):
        e = math.exp(w)
        f = w * e - x
        if w == -1.0 or f == 0.0:
            break
        step = f / (e * (w + 1.0) - 0.5 * (w + 2.0) * f / (w + 1.0))
        w -= step
        if abs(step) <= 1e-16 * (1.0 + abs(w)):
            break
    return w
