"""Programs of numbers alone: operators, assignment forms, conditional expressions."""

import math

import numpy as np

from tests.programs.corpus import case

GRAVITY = 9.80665
R_GAS, T_ZERO = 8.314462618, 273.15


@case(1.3, oracle="complex", smooth=True, jax=lambda jnp, x: 2 * x**4 - 3 * x**3 + 0.5 * x - 7)
def horner(x):
    p = 2
    p = p * x - 3
    p = p * x
    p = p * x + 0.5
    return p * x - 7


@case(
    1.5,
    0.5,
    argnums=(0, 1),
    oracle="differences",
    smooth=True,
    value=2.0166666,
    figures=2e-5,
    jax=lambda jnp, a, b: (jnp.sin(a / b) + a / b - jnp.exp(b)) * (a / b - jnp.exp(b)),
)
def running_example(x1, x2):
    v1 = x1 / x2
    v2 = math.sin(v1)
    v3 = math.exp(x2)
    v4 = v1 - v3
    v5 = v2 + v4
    return v5 * v4


@case(0.7, 1.9, argnums=(0, 1), oracle="complex", smooth=True)
def rosenbrock(x, y, a=1, b=100):
    return (a - x) ** 2 + b * (y - x**2) ** 2


@case(1.2, oracle="complex", smooth=True, value=1.2**5, jax=lambda jnp, x: x**5)
def fifth_power(x):
    x2 = x * x
    x4 = x2 * x2
    x5 = x4 * x
    del x2, x4
    return x5


@case(0.31, 1.7, argnums=(0, 1), oracle="complex", smooth=True)
def swaps(a, b):
    a, b = b, a
    a, b, c = a + b, a * b, a - 2 * b
    (a, c), b = (c, a), b / 3
    x = y = a * c
    return x * y - b


@case(2.0, 0.4, argnums=(0, 1))
def augmented_everything(x, y):
    acc = 1
    acc += x
    acc *= y
    acc -= 0.25
    acc /= 1 + x * x
    acc **= 2
    n = 17
    n //= 3
    n %= 4
    n <<= 3
    n |= 3
    n ^= 9
    n &= 0xFE
    n >>= 1
    return acc * n


@case(-0.4, kwargs={"hi": 2.5}, argnums=0)
def clamp_and_scale(x, lo=-1.0, hi=1.0):
    inside = lo < x <= hi
    y = x if inside else (lo if x <= lo else hi)
    assert lo < hi, f"empty interval [{lo}, {hi}]"
    return 3 * y + (1.0 if inside else 0.0) * y**2


@case(0.8, 0.0, argnums=0)
def default_by_or(x, scale):
    # 0 means "not given", as in many command-line programs
    s = scale or 2.0
    t = x and x + 1
    return s * t


@case(1.1, jax=lambda jnp, t: jnp.sin(t) * jnp.exp(-0.3 * t) + jnp.exp(-0.3 * t) ** 2)
def walrus(t):
    if (damp := math.exp(-0.3 * t)) > 0.5:
        return math.sin(t) * damp + damp**2
    return damp


@case(1.0, -5.0, 6.25, argnums=(0, 1, 2), step=1e-4)
def largest_root(a, b, c):
    """Larger root of a quadratic, avoiding cancellation."""
    if a == 0:
        raise ZeroDivisionError("not a quadratic")
    disc = b * b - 4 * a * (c - 2)
    if disc < 0:
        raise ValueError(f"no real root: discriminant {disc:.3g} < 0")
    q = -0.5 * (b + math.copysign(math.sqrt(disc), b))
    r1, r2 = q / a, (c - 2) / q
    return max(r1, r2)


@case(301.4, 0.62, argnums=(0, 1), smooth=True)
def dew_point(kelvin, rh):
    t = kelvin - T_ZERO
    b, c = 17.625, 243.04
    gamma = math.log(rh) + b * t / (c + t)
    return c * gamma / (b - gamma) + T_ZERO


@case(1013.25, 288.15, 1500.0, argnums=(0, 1, 2), smooth=True)
def barometric(p0, t0, height):
    lapse = 0.0065
    exponent = GRAVITY * 0.0289644 / (R_GAS * lapse)
    return p0 * (1 - lapse * height / t0) ** exponent


@case(7.3, 2.1, argnums=(0, 1), step=1e-4)
def remainders(x, y):
    q, r = divmod(x, y)
    return r * y + q + x % y - (x // y) * y + (-x) % y


@case(0.37, jax=lambda jnp, x: x * 3.0 + x**2)
def rounding_is_flat(x):
    return x * round(3.2) + round(x) + math.floor(x) + math.ceil(x) - 1 + x**2 + int(x) + round(x * 0, 2)


@case(2.5, argnums=0, smooth=True)
def powers(x):
    return x**3 + x**-2 + x**0.5 + 2**x + pow(x, 1.7) + x**0 + 1.5 ** (x * 2) + x**x


@case(0.6, True, argnums=0)
def flags_are_numbers(x, flag):
    total = 0
    total += flag
    total += (x > 0.5) + (x > 0.7)
    weight = float(flag) + int(x > 0)
    return weight * x + total * x * x


@case(np.float64(0.9), np.float64(1.4), argnums=(0, 1), smooth=True)
def numpy_scalars(a, b):
    c = np.sqrt(a * b) + np.exp(-a)
    return c / (1 + b**2)


@case(3.0, 4.0, argnums=(0, 1), smooth=True, value=5.0, gradient=(0.6, 0.8), figures=1e-14)
def hypotenuse(x, y):
    return (x * x + y * y) ** 0.5


@case(40.0, 3, argnums=0)
def minutes_and_seconds(angle, places):
    sign = -1 if angle < 0 else 1
    angle = abs(angle) + 0.51
    degrees = int(angle)
    rest = (angle - degrees) * 60
    minutes = int(rest)
    seconds = (rest - minutes) * 60
    scale = 10**places
    return sign * (degrees + minutes / 60 + seconds / 3600) + (scale / 1000 - 1) * angle


@case(0.3, 0.2, 0.9, argnums=(0, 1, 2), smooth=True)
def log_sum_exp_three(a, b, c):
    m = max(a, b, c)
    lo = min(a, min(b, c))
    return m + math.log(math.exp(a - m) + math.exp(b - m) + math.exp(c - m)) - 0.1 * lo


@case(1.7)
def unary_operators(x):
    n = 6
    y = -x + +x - (-(-x))
    return y * ~n + (not n) * x + (not (x > 3)) * x


@case(0.45, 12, argnums=0, oracle="complex", smooth=True)
def integer_arithmetic(x, n):
    half, odd = n // 2, n % 2
    mask = (n << 2 | 1) & ~2
    k = -7 // 2 + -7 % 3 + abs(-n) + pow(2, 3) + pow(3, 4, 5) + min(n, 5) + max(half, odd)
    return x**half / (mask + k)


@case(21.0, 65.0, argnums=(0, 1))
def wind_chill(temp_c, wind_kmh):
    """Environment Canada's wind chill index, and temperature itself where it is not defined."""
    if temp_c > 10 or wind_kmh < 4.8:
        return temp_c
    v = wind_kmh**0.16
    return 13.12 + 0.6215 * temp_c - 11.37 * v + 0.3965 * temp_c * v
