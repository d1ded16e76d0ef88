"""Programs that go through every function of a real number with a derivative."""

import math

import numpy as np

from tests.programs.corpus import case, uniform


@case(0.7, smooth=True)
def exponentials_and_logarithms(x):
    a = math.exp(x) + math.exp2(x) + math.expm1(x) if hasattr(math, "exp2") else 0
    b = math.log(x) + math.log2(x) + math.log10(x) + math.log1p(x) + math.log(x + 1, 3)
    return a * b


@case(0.4, 1.3, argnums=(0, 1), smooth=True)
def trigonometry(x, y):
    direct = math.sin(x) * math.cos(y) + math.tan(x)
    inverse = math.asin(x) + math.acos(x / 2) + math.atan(y) + math.atan2(x, y)
    return direct * inverse + math.degrees(x) / 90 + math.radians(y)


@case(0.45, 1.8, argnums=(0, 1), smooth=True)
def hyperbolics(x, y):
    return (math.sinh(x) + math.cosh(y) + math.tanh(x)) * (math.asinh(y) + math.acosh(y) + math.atanh(x))


@case(2.3, 0.6, argnums=(0, 1), smooth=True)
def special_functions(x, y):
    return math.gamma(x) * math.erf(y) + math.lgamma(x + 1) * math.erfc(y) - math.gamma(-y)


@case(3.0, -4.0, argnums=(0, 1), smooth=True)
def roots_and_lengths(x, y):
    h = math.hypot(x, y) + math.hypot(x, y, x * y) + math.dist((x, 1.0), (y, 2.0))
    return h * math.sqrt(x) + math.cbrt(x * y) if hasattr(math, "cbrt") else h


@case(2.7, -1.9, argnums=(0, 1), step=1e-4)
def sign_and_remainder(x, y):
    s = math.copysign(x, y) * math.fabs(y) + abs(x * y)
    r = math.fmod(x, y) * x + math.remainder(x, y) * y + math.fmod(y, 0.7)
    frac, whole = math.modf(x)
    return s + r + frac * whole + math.ldexp(y, 3)


@case(1.6, step=1e-4)
def steps_are_flat(x):
    flat = math.floor(x) + math.ceil(x) + math.trunc(x) + round(x) + int(x)
    return flat * x + round(x, 1) + float(math.floor(2 * x))


@case(1.2, 3, argnums=0, smooth=True)
def powers_of_math(x, n):
    return math.pow(x, 2.5) + math.pow(2.0, x) + math.pow(x, n) + math.prod([x, 2.0, x]) + math.fsum([x, 1.0, x * x])


@case(0.8, float("nan"), argnums=0)
def classification(x, missing):
    y = 0.0
    if math.isnan(missing):
        y += x
    if math.isinf(x) or not math.isfinite(x):
        y = -1.0
    if math.isclose(x, 0.8, rel_tol=1e-2):
        y *= x
    return y * x if y > 0 else math.nan


@case(0.6, 1.7, argnums=(0, 1), smooth=True, ulp=8.0)
def numpy_exponentials(x, y):
    a = np.exp(x) + np.exp2(y) + np.expm1(x) + np.log(y) + np.log2(y) + np.log10(y) + np.log1p(x)
    return a + np.logaddexp(x, y) * np.sqrt(y) + np.cbrt(y) + np.square(x) + np.reciprocal(y)


@case(0.35, 1.2, argnums=(0, 1), smooth=True, ulp=8.0)
def numpy_trigonometry(x, y):
    a = np.sin(x) * np.cos(y) + np.tan(x) + np.arcsin(x) + np.arccos(x) + np.arctan(y) + np.arctan2(y, x)
    b = np.sinh(x) + np.cosh(x) + np.tanh(y) + np.arcsinh(y) + np.arccosh(y) + np.arctanh(x)
    return a * b + np.deg2rad(y) + np.rad2deg(x) + np.radians(x) + np.degrees(y) / 100 + np.hypot(x, y)


@case(-1.4, 2.3, argnums=(0, 1), step=1e-4)
def numpy_pieces(x, y):
    a = np.maximum(x, y) * np.minimum(x, y) + np.fmax(x, 0.0) + np.fmin(y, x)
    b = np.abs(x) + np.absolute(y) + np.fabs(x * y) + np.sign(x) * y + np.copysign(y, x)
    c = np.floor(y) + np.ceil(y) + np.trunc(x) + np.rint(y) + np.fmod(y, x) + np.mod(y, x) + np.remainder(x, y)
    d = np.power(y, 1.5) + np.negative(x) + np.add(x, y) * np.subtract(x, y) / np.multiply(x, y) + np.divide(x, y)
    return a * b + c * y + d + np.clip(x, -1.0, 1.0) * y + np.heaviside(y, 0.5) * x


@case(0.5, 2.0, argnums=(0, 1))
def numpy_choices(x, y):
    s = np.where(x < y, x * y, x)
    s = s + np.float64(x) * (np.isnan(x) + np.isfinite(y)) + np.sinc(x)
    return float(s) + np.real(x) + np.nan_to_num(y)


@case(
    uniform(0.2, 0.9, 4, seed=1),
    smooth=True,
    ulp=8.0,
    jax=lambda jnp, x: jnp.sum(jnp.log1p(jnp.exp(x)) * jnp.arctanh(x)),
)
def functions_of_elements(x):
    s = 0.0
    for v in x:
        s += np.log1p(np.exp(v)) * np.arctanh(v)
    return s


@case(-0.75, 0.4, argnums=(0, 1))
def builtins_on_numbers(x, y):
    big = max(x, y, 0.1) * min(x, y)
    both = sum((x, y, x * y)) + sum([x, y], 1.0)
    q, r = divmod(y, 0.3)
    return abs(x) * big + both + q * r + pow(y, 2) + pow(abs(x), y) + float(y) + complex(x, y).real + bool(x) * y


@case(0.0, 0.0, argnums=(0, 1), oracle="given", gradient=(0.0, 0.0))
def kinks_at_zero(x, y):
    """The table of conventions at points without a derivative: each term contributes zero."""
    return abs(x) + math.sqrt(x) + math.hypot(x, y) + x**2 + math.fabs(y) + math.atan2(y * 0, 1.0)


@case(1.5, 1.5, argnums=(0, 1), oracle="given", gradient=(1.0, 1.0), figures=1e-14)
def ties_follow_the_value(x, y):
    # Python's max and min return their first argument on a tie.
    return max(x, y) + min(y, x)


def sinc(x):
    """Series where the quotient would lose digits, as libraries write it."""
    if abs(x) < 1e-2:
        x2 = x * x
        return 1 - x2 / 6 * (1 - x2 / 20 * (1 - x2 / 42))
    return math.sin(x) / x


@case(np.array([1e-4, 0.5, -2.0, 0.0]), smooth=True)
def removable_singularity(xs):
    total = 0.0
    for x in xs:
        total += sinc(x) ** 2
    return total


def _normal_cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@case(0.3, 0.7, argnums=(0, 1), smooth=True)
def owens_bound(h, a):
    return _normal_cdf(h) * (1 - _normal_cdf(a * h)) + math.atan(a) / (2 * math.pi) * math.exp(
        -0.5 * h * h * (1 + a * a)
    )


@case(2.5, 1.25, argnums=(0, 1), smooth=True, ulp=8.0)
def beta_and_friends(a, b):
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(log_beta) * math.gamma(a) + log_beta**2
