"""Arrays whose length changes from one iteration of a loop to the next."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import revtrace
from revtrace import testing

CASES = []


def case(*args):
    def register(f):
        CASES.append(pytest.param(f, args, id=f.__name__))
        return f

    return register


X = np.random.default_rng(0).standard_normal(8)


@case(X[:3], X[:6])
def clenshaw(x, c):
    c = c.reshape(c.shape + (1,))
    c0, c1 = c[-2], c[-1]
    for i in range(3, len(c) + 1):
        c0, c1 = c[-i] - c1, c0 + c1 * 2 * x
    return np.sum(c0 + c1 * x)


@case(100.0, 110.0, 0.3)
def american_put(s, k, sig):
    n = 12
    dt = 1 / n
    u = np.exp(sig * np.sqrt(dt))
    d = 1 / u
    p = (np.exp(0.03 * dt) - d) / (u - d)
    st = np.array([s * u**j * d ** (n - j) for j in range(n + 1)])
    v = np.maximum(k - st, 0)
    for i in range(n - 1, -1, -1):
        v = np.exp(-0.03 * dt) * (p * v[1:] + (1 - p) * v[:-1])
        st = np.array([s * u**j * d ** (i - j) for j in range(i + 1)])
        v = np.maximum(v, k - st)
    return v[0]


@case(X)
def casteljau(p):
    b = p.copy()
    t = 0.3
    while len(b) > 1:
        b = (1 - t) * b[:-1] + t * b[1:]
    return b[0]


@case(X, 4)
def diffs(x, n):
    for k in range(n):
        x = np.diff(x)
    return (x**2).sum()


@case(X[:2], 5)
def grow(x, n):
    y = x
    for k in range(n):
        y = np.append(y, y[-1] * y[-2] + x[0])
    return y.sum()


@case(X, 3)
def halves(x, n):
    s = 0.0
    while len(x) > 1:
        x = x[::2] * x[1::2]
        s += x[0]
    return s + x[0]


@case(X, 5)
def last_made(x, n):
    for i in range(1, n):
        y = x[:i] * 2
    return y.sum() + len(y)


@case(X.reshape(2, 4), 3)
def pool(x, n):
    for i in range(n):
        x = 0.5 * (x[:, 1:] + x[:, :-1])
    return (x**3).sum()


@case(X, 3)
def conv_chain(x, n):
    k = np.array([0.2, 0.5, 0.3])
    for i in range(n):
        x = np.convolve(x, k, "valid")
    return x.sum() * x[0]


@case(X[:3], 4)
def polynomial_power(x, n):
    a = x
    for _ in range(n):
        a = np.convolve(a, x)
    return (a * a).sum()


@case(np.abs(X[:4]) + 0.5)
def repeated_by_its_numbers(x):
    a = x
    for _ in range(int(x[1] * 3)):
        a = np.concatenate([a, x * a[0]])
    return (a * a).sum()


@pytest.mark.parametrize(("f", "args"), CASES)
def test_values_and_gradients(f, args):
    expected = f(*copy.deepcopy(args))
    value, gradient = revtrace.value_and_grad(f)(*args)
    assert value == pytest.approx(expected, rel=1e-13)
    assert np.shape(gradient) == np.shape(args[0])
    assert testing.check_grad(f, args, argnums=0, step=1e-4).worst < 1e-6
