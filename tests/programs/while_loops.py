"""Programs with while loops whose trip counts depend on numbers."""

import math

from tests.programs.corpus import case, normal, uniform


@case(2.7, smooth=True, step=1e-4, jax=lambda jnp, a: jnp.sqrt(a))
def newton_square_root(a):
    x = a if a > 1 else 1.0
    while abs(x * x - a) > 1e-14 * a:
        x = 0.5 * (x + a / x)
    return 0.5 * (x + a / x)


@case(3.5, oracle="complex", smooth=True, value=33.11545195869231, gradient=33.11545195869231, figures=1e-12)
def exponential_series(x):
    """exp by its Taylor series, until a term no longer matters."""
    term = total = 1.0
    k = 0
    while abs(term) > 1e-17 * abs(total):
        k += 1
        term *= x / k
        total += term
    return total


@case(1.0, 0.7071, argnums=(0, 1), oracle="complex", smooth=True)
def arithmetic_geometric_mean(a, b):
    n = 0
    while abs(a - b) > 1e-15 and n < 40:
        a, b = (a + b) / 2, (a * b) ** 0.5
        n += 1
    return a


@case(0.6, 1e-3, argnums=0)
def kepler_equation(mean_anomaly, eccentricity):
    e = mean_anomaly
    delta = 1.0
    count = 0
    while abs(delta) > 1e-15:
        delta = (e - eccentricity * math.sin(e) - mean_anomaly) / (1 - eccentricity * math.cos(e))
        e -= delta
        count += 1
        if count > 50:
            raise RuntimeError("no convergence")
    return e


@case(27, 1.01, argnums=1, oracle="complex", smooth=True)
def collatz_weights(n, x):
    s = 0.0
    while n != 1:
        if n % 2 == 0:
            n //= 2
            s += x
        else:
            n = 3 * n + 1
            s *= x
    return s


@case(normal(6, seed=1), 2.0, argnums=(0, 1))
def while_true(x, limit):
    i = 0
    total = 0.0
    while True:
        if i == len(x):
            break
        total += x[i] ** 2
        i += 1
        if total > limit:
            return total - limit
    return -total


@case(1.4, 7.0, argnums=(0, 1), oracle="complex")
def while_else(rate, goal):
    amount = 1.0
    years = 0
    while years < 10:
        amount *= rate
        years += 1
        if amount.real > goal.real:
            extra = amount - goal
            break
    else:
        extra = 0.0
    return extra * years


@case(2.0, argnums=0, tags="executed-path", oracle="given", gradient=0.0)
def bisection(c):
    """The derivative is that of the executed path: the bracket does not depend on c continuously."""
    lo, hi = 0.0, 4.0
    while hi - lo > 1e-12:
        mid = 0.5 * (lo + hi)
        if mid * mid < c:
            lo = mid
        else:
            hi = mid
    return 0.5 * (lo + hi)


@case(0.9, oracle="complex", smooth=True)
def continued_fraction(x):
    """tan(x) by Lentz's method."""
    tiny = 1e-30
    f = c = tiny
    d = 0.0
    j = 0
    delta = 2.0
    while abs(delta - 1) > 1e-16 and j < 60:
        j += 1
        a = x if j == 1 else -x * x
        b = 2 * j - 1
        d = b + a * d
        if d == 0:
            d = tiny
        c = b + a / c
        if c == 0:
            c = tiny
        d = 1 / d
        delta = c * d
        f *= delta
    return f


@case(48, 180, 0.3, argnums=2, oracle="complex", smooth=True)
def greatest_divisor_power(a, b, x):
    while b:
        a, b = b, a % b
    return x**a + a * x


@case(uniform(0.2, 0.9, 4, seed=5), oracle="complex", smooth=True)
def nested_while(x):
    i = 0
    s = 0.0
    while i < len(x):
        j = i
        p = 1.0
        while j >= 0:
            p *= x[j]
            j -= 1
        s += p
        i += 1
    return s


@case(1.0, 3.0, argnums=(0, 1), step=1e-4)
def adaptive_steps(y, t_end):
    """Heun against Euler with a step that follows the error; y' = -2ty."""
    t, h = 0.0, 0.08
    while t < t_end:
        if t + h > t_end:
            h = t_end - t
        k1 = -2 * t * y
        k2 = -2 * (t + h) * (y + h * k1)
        err = abs(0.5 * h * (k2 - k1))
        if err > 1e-2:
            h *= 0.5
            continue
        t += h
        y += 0.5 * h * (k1 + k2)
        if err < 1e-4:
            h *= 1.5
    return y


@case(100.0, 0.9, argnums=(0, 1), oracle="complex")
def bounces(height, restitution):
    total = 0.0
    n = 0
    while height.real > 1.0:
        total += 2 * height
        height *= restitution**2
        n += 1
    return total + n


@case(2.7182, 20, argnums=0, oracle="given", gradient=math.floor(math.log2(2.7182) * 2**20) / 2**21, figures=1e-14)
def binary_logarithm(x, bits):
    """Repeated squaring; the result is a sum of constants, so only the scale has a derivative."""
    scale = x / 2
    shift = 0
    while x >= 2:
        x /= 2
        shift += 1
    frac = 0
    k = 0
    while k < bits:
        x *= x
        frac <<= 1
        if x >= 2:
            frac |= 1
            x /= 2
        k += 1
    return (shift + frac / (1 << bits)) * scale


@case(normal(5, seed=9), oracle="complex", smooth=True)
def countdown(x):
    n = len(x)
    y = 0.5
    while n := n - 1:
        y = y * x[n] + 1
    return y


@case(0.25, 0.5, argnums=(0, 1))
def escape_time(re, im):
    x = y = 0.0
    n = 0
    while x * x + y * y <= 4.0 and n < 25:
        x, y = x * x - y * y + re, 2 * x * y + im
        n += 1
    return x + y + n


@case(5.0, 0.1, argnums=(0, 1))
def both_conditions(x, step):
    n = 0
    while (x > 1 or n < 3) and not n > 40:
        x -= step * x
        n += 1
    return x * x
