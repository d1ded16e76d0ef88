"""Programs that raise on bad input; sampled here where they do not.

`test_bad_input` calls them where they do.
"""

import math

import numpy as np

from tests.programs.corpus import case, normal, uniform


class ConvergenceError(RuntimeError):
    """An exception class of the user's own."""

    def __init__(self, message, residual):
        super().__init__(message)
        self.residual = residual


@case(0.5, 2.0, argnums=(0, 1), smooth=True)
def checked_ranges(p, n):
    if not 0 < p < 1:
        raise ValueError(f"p must be between 0 and 1, got {p}")
    if n <= 0:
        msg = "n must be positive, not " + repr(n)
        raise ValueError(msg)
    return n * math.log(p) + math.log1p(-p)


@case(normal(4), 0.5, argnums=(0, 1), smooth=True)
def checked_elements(x, limit):
    s = 0.0
    for i, v in enumerate(x):
        if abs(v) > 100 * limit:
            raise OverflowError(f"element {i} is {v}, above {limit}")
        s += v * v / limit
    return s


@case(3.0, 1.0, argnums=(0, 1), smooth=True)
def checked_division(a, b):
    return a / b + (a + 1) / (b + 2)


@case(normal(5, seed=1), 3, argnums=0, smooth=True)
def checked_index(x, k):
    return x[k] * x[-k] + x[k - 1] ** 2


@case(2.0, argnums=0, smooth=True)
def checked_domain(x):
    return math.sqrt(x) + math.log(x) + math.acosh(x) + math.pow(x, 0.5)


@case(uniform(0.1, 0.9, 3, seed=2), smooth=True)
def checked_assert(p):
    total = 0.0
    for v in p:
        assert v >= 0, f"negative probability {v}"
        total += v
    assert total > 0, "all zero"
    return -math.log(total) * p[0]


@case(0.3, 200, argnums=0, smooth=True, step=1e-4)
def checked_convergence(x, limit):
    y = 1.0
    for _ in range(limit):
        new = math.cos(x * y)
        if abs(new - y) < 1e-15:
            return new
        y = new
    raise ConvergenceError(f"after {limit} steps", y)


def _validate(a):
    a = np.asarray(a)
    if a.ndim != 2:
        raise ValueError(f"expected a matrix, got {a.ndim} axes")
    if a.shape[0] != a.shape[1]:
        raise ValueError("expected a square matrix, got shape %s" % (a.shape,))
    return a


@case(normal(3, 3, seed=3), smooth=True)
def checked_shape(a):
    a = _validate(a)
    trace = 0.0
    for i in range(len(a)):
        trace += a[i, i] ** 2
    return trace


@case(1.5, "linear", argnums=0, smooth=True)
def checked_option(x, kind):
    if kind == "linear":
        return 2 * x
    elif kind == "cubic":
        return x**3
    raise NotImplementedError(f"kind={kind!r}")


@case(5.0, smooth=True)
def raised_in_helper(x):
    def inner(v):
        if v > 10:
            raise LookupError("too far")
        return v * v

    return inner(x) + inner(x / 2)


@case(-1.5, argnums=0, smooth=True)
def caught_domain(x):
    try:
        y = math.sqrt(x)
    except ValueError:
        y = -x * x
    finally:
        x = 2 * x
    return x + y


@case(normal(4, seed=3), smooth=True)
def caught_in_a_loop(x):
    total = 0.0
    for v in x:
        try:
            total += math.log(v)
        except ValueError:
            total += v * v
    return total


@case(np.array([[1.0, 2.0], [2.0, 1.5]]), smooth=True)
def caught_factorisation(a):
    jitter = 0.0
    while True:
        try:
            c = np.linalg.cholesky(a + jitter * np.eye(2))
            break
        except np.linalg.LinAlgError:
            jitter = 3.0 if jitter == 0.0 else 2 * jitter
    return np.sum(c)


def _inside(x, limit):
    if x > limit:
        raise ConvergenceError("too large", x - limit)
    return x * limit


@case(3.0, 2.0, argnums=(0, 1), smooth=True)
def caught_outside_of_a_helper(x, limit):
    try:
        return _inside(x, limit)
    except ConvergenceError as error:
        return error.residual * x
