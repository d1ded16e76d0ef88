"""Programs that call: helpers, keywords, stars, closures, lambdas, recursion, functions as arguments."""

import functools
import math
import operator

import numpy as np
from numba import njit

from tests.programs import library
from tests.programs.corpus import case, normal, uniform
from tests.programs.library import horner as evaluate


def _square(v):
    return v * v


def _affine(x, slope=2.0, *, offset=0.0):
    return slope * x + offset


def _distance(p, q, metric=None):
    metric = metric or _square
    total = 0.0
    for a, b in zip(p, q):
        total += metric(a - b)
    return total


@case(normal(4), normal(4, seed=1), argnums=(0, 1), oracle="complex", smooth=True)
def nested_helpers(p, q):
    return _distance(p, q) + _distance(q, p, metric=_affine)


@case(0.7, oracle="complex", smooth=True)
def keywords_and_defaults(x):
    a = _affine(x)
    b = _affine(x, 3)
    c = _affine(slope=x, x=2.0)
    d = _affine(x, offset=a * b)
    return a + b * c - d


def _mean(*values, weights=None):
    if weights is None:
        return sum(values) / len(values)
    total = 0.0
    for v, w in zip(values, weights):
        total += v * w
    return total / sum(weights)


@case(0.5, 1.5, 2.5, argnums=(0, 1, 2), oracle="complex", smooth=True)
def star_arguments(a, b, c):
    args = (a, b, c)
    m = _mean(*args)
    n = _mean(*args, a * b, weights=[1, 2, 3, 4.0])
    return m * n + _mean(c)


def _damped(t, *, amplitude=1.0, rate=0.5, phase=0.0, **unused):
    assert not unused, f"unknown options: {sorted(unused)}"
    return amplitude * math.exp(-rate * t) * math.cos(t + phase)


@case(0.9, 2.0, 0.3, argnums=(0, 1, 2), smooth=True)
def double_star(t, amplitude, rate):
    options = {"amplitude": amplitude, "rate": rate}
    y = _damped(t, **options)
    options["phase"] = 0.25
    return y + _damped(t * 2, **options) + _damped(t, **{**options, "phase": amplitude})


def _forward_all(*args, **kwargs):
    return _affine(*args, **kwargs)


@case(0.4, oracle="complex", smooth=True)
def passes_everything_on(x):
    return _forward_all(x, 4.0, offset=x * x) * _forward_all(x)


@case(0.3, 1.2, argnums=(0, 1), smooth=True)
def closure_captures(x, k):
    scale = k * k

    def inner(t):
        return scale * math.sin(t) + k

    def outer(t):
        return inner(t) * inner(2 * t)

    return outer(x) - inner(k)


@case(normal(5, seed=2), oracle="complex", smooth=True)
def nonlocal_accumulator(xs):
    total = 0.0
    count = 0

    def add(v):
        nonlocal total, count
        total += v * v
        count += 1

    for v in xs:
        add(v)
    add(xs[0])
    return total / count


def make_polynomial(*coefficients):
    def poly(x):
        y = 0
        for c in coefficients:
            y = y * x + c
        return y

    return poly


_cubic = make_polynomial(2.0, -1.0, 0.5, 3.0)
case(0.8, name="closure_over_constants", oracle="complex", smooth=True)(_cubic)


@case(0.8, 0.1, argnums=(0, 1), oracle="complex", smooth=True)
def closure_made_inside(x, c):
    f = make_polynomial(1.0, c, -2.0)
    return f(x) * f(c)


@case(0.6, oracle="complex", smooth=True)
def lambdas(x):
    cube = lambda v: v * v * v  # noqa: E731
    compose = lambda f, g: lambda v: f(g(v))  # noqa: E731
    return compose(cube, lambda v, a=2: a * v + 1)(x) + (lambda: x)()


def simpson(f, a, b, n=10):
    h = (b - a) / n
    s = f(a) + f(b)
    for i in range(1, n):
        s += (4 if i % 2 else 2) * f(a + i * h)
    return s * h / 3


@case(0.2, 1.1, 0.7, argnums=(0, 1, 2), smooth=True)
def integrates_a_closure(a, b, k):
    return simpson(lambda t: math.exp(-k * t * t), a, b) + simpson(math.sin, a, b, n=4)


case(math.cos, 0.0, 1.3, name="function_as_argument", argnums=(1, 2), smooth=True)(simpson)


def newton(f, df, x, tol=1e-14, maxiter=50):
    for _ in range(maxiter):
        step = f(x) / df(x)
        x -= step
        if abs(step) < tol:
            return x
    raise RuntimeError(f"no convergence after {maxiter} iterations, value is {x}")


@case(2.0, 1.0, argnums=(0, 1), smooth=True, rtol=1e-6, jax=lambda jnp, c, x0: jnp.cbrt(c) + 0 * x0)
def root_by_newton(c, x0):
    return newton(lambda x: x**3 - c, lambda x: 3 * x**2, x0)


@case(7, 0.9, argnums=1, oracle="complex", smooth=True)
def recursive_fibonacci(n, w):
    """Each addition weighted."""
    if n < 2:
        return float(n)
    return recursive_fibonacci(n - 1, w) + w * recursive_fibonacci(n - 2, w)


@case(12, 0.9, argnums=1, oracle="complex", smooth=True)
def iterative_fibonacci(n, w):
    a, b = 0.0, 1.0
    for _ in range(n):
        a, b = b, b + w * a
    return a


def _is_even(n, x):
    return x if n == 0 else _is_odd(n - 1, x * 1.1)


def _is_odd(n, x):
    return 0.0 if n == 0 else _is_even(n - 1, x + 1)


@case(6, 0.5, argnums=1, oracle="complex", smooth=True)
def mutual_recursion(n, x):
    return _is_even(n, x) * _is_even(2, x)


def _power(x, n):
    if n == 0:
        return 1.0
    half = _power(x, n // 2)
    return half * half * x if n % 2 else half * half


@case(1.1, oracle="complex", smooth=True, value=1.1**13, figures=1e-13)
def recursive_power(x):
    return _power(x, 13)


def _tree_sum(x, lo, hi):
    if hi - lo == 1:
        return x[lo] * x[lo]
    mid = (lo + hi) // 2
    return _tree_sum(x, lo, mid) + 0.5 * _tree_sum(x, mid, hi)


@case(normal(6, seed=3), oracle="complex", smooth=True, tags="recursion")
def recursion_over_slices(x):
    return _tree_sum(x, 0, 6)


@case(0.7, oracle="complex", smooth=True)
def other_modules(x):
    return evaluate([1.0, 2.0, 3.0], x) + library.SCALE * library.horner((x, 1), x=2.0) + library.inner.cubed(x)


@njit
def _jitted_helper(a, b):
    return a * b + 1.0


@case(normal(5, seed=4), smooth=True)
@njit
def jitted(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += _jitted_helper(x[i], x[i - 1])
    return float(s)


@case(0.5, smooth=True, oracle="complex")
def calls_jitted(x):
    return _jitted_helper(x, 2.0) * _jitted_helper(x, x)


@case(0.5, 0.3, argnums=(0, 1), smooth=True)
def functional_tools(x, y):
    scaled = functools.partial(_affine, slope=y, offset=1.0)
    s = sum(map(_square, [x, y, 2.0]))
    p = functools.reduce(operator.mul, (x, y, 3.0), 1.0)
    biggest = max([x, y, x * y], key=lambda v: -v)
    kept = list(filter(lambda k: k % 2, range(5)))
    return scaled(x) * s + p + biggest + operator.add(x, y) + len(kept)


def logged(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)

    return wrapper


@logged
def _decorated(x, n=2):
    return x**n


@case(1.4, smooth=True)
def through_decorator(x):
    return _decorated(x) + _decorated(x, n=3)


@case(
    normal(4, seed=5),
    smooth=True,
    jax=lambda jnp, x: jnp.sum(jnp.stack([jnp.sin(x[0]), jnp.exp(x[1]), x[2] ** 2, -x[3]])),
)
def table_of_functions(x):
    table = (math.sin, math.exp, _square, lambda v: -v)
    return sum(f(v) for f, v in zip(table, x))


def _first_above(x, level):
    for v in x:
        if v > level:
            return v
    return level


@case(normal(5, seed=6), 0.5, argnums=(0, 1))
def helper_returns_early(x, level):
    a = _first_above(x, level)
    b = _first_above(x[::-1], 10.0 * level)
    return a * b


def _positional_only(a, b, /, c=1.0):
    return a * b + c


@case(0.9, oracle="complex", smooth=True)
def positional_only(x):
    return _positional_only(x, 2.0) + _positional_only(x, x, c=x)


def _fill(out, value, upto=None):
    n = len(out) if upto is None else upto
    for i in range(n):
        out[i] = value * (i + 1)
    return out


@case(0.8, smooth=True)
def helper_fills_array(x):
    a = _fill(np.zeros(4), x)
    _fill(a, x * x, upto=2)
    return a[0] * a[3] + a[1]


def rk4(f, y, t, h):
    k1 = f(t, y)
    k2 = f(t + h / 2, [v + h / 2 * k for v, k in zip(y, k1)])
    k3 = f(t + h / 2, [v + h / 2 * k for v, k in zip(y, k2)])
    k4 = f(t + h, [v + h * k for v, k in zip(y, k3)])
    return [v + h / 6 * (a + 2 * b + 2 * c + d) for v, a, b, c, d in zip(y, k1, k2, k3, k4)]


@case([0.5, 0.0], 1.3, argnums=(0, 1), smooth=True)
def list_valued_right_hand_side(y, mu):
    """Van der Pol by RK4 on lists, the right-hand side a closure."""

    def rhs(t, state):
        x, v = state
        return [v, mu * (1 - x * x) * v - x + 0.1 * math.cos(t)]

    t = 0.0
    for _ in range(8):
        y = rk4(rhs, y, t, 0.1)
        t += 0.1
    return y[0] * y[1]


@case(uniform(0.5, 1.5, 3, seed=7), smooth=True)
def results_unpacked(x):
    def stats(v):
        m = (v[0] + v[1] + v[2]) / 3
        return m, v[0] * v[1], (v[2], m * m)

    mean, prod, (last, _) = stats(x)
    low, *_ = stats([mean, prod, last])
    return low * mean + prod * last
