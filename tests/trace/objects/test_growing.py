"""Lists whose length is known only when running: numbers, tuples, arrays; stacks; room for what is appended."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import revtrace
from revtrace import testing
from revtrace.config import override

CASES = []


def case(*args):
    def register(f):
        CASES.append(pytest.param(f, args, id=f.__name__))
        return f

    return register


X = np.array([0.9, -0.4, 0.7, 1.3, -1.1, 0.5])


@case(X)
def adaptive(x):
    def f(t):
        return math.exp(-t * t) * x[0] + x[1] * t

    stack = [(0.0, 1.0)]
    total = 0.0
    while stack:
        a, b = stack.pop()
        m = (a + b) / 2
        s1 = (b - a) / 6 * (f(a) + 4 * f(m) + f(b))
        le = (m - a) / 6 * (f(a) + 4 * f((a + m) / 2) + f(m))
        r = (b - m) / 6 * (f(m) + 4 * f((m + b) / 2) + f(b))
        if abs(le + r - s1) < 1e-7:
            total += le + r
        else:
            stack.append((a, m))
            stack.append((m, b))
    return total


@case(X)
def after_the_loop(x):
    rows, total = [1.0], 0.0
    for i in range(1, len(x) - 1):
        rows.append(2 * x[i] + rows[i - 1])
    rows.append(x[0])
    if x[1] < 0:
        rows.append(x[1] * x[2])
    rows.append(3.0)
    for i, v in enumerate(rows):
        total += v * v * i
    return total


@case(X, 40)
def traj(x, n):
    xs = [x]
    for k in range(n):
        x = x + 0.01 * np.sin(x)
        xs.append(x)
    a = np.array(xs)
    return (a**2).sum() + xs[-1][0] * len(xs)


@case(X, 40)
def traj2(x, n):
    xs = []
    y = x.copy()
    for k in range(n):
        y += 0.01 * np.sin(y)
        xs.append(y.copy())
    s = 0.0
    for a in xs:
        s += a[1] * a[2]
    return s + xs[3][0]


@case(X, 40)
def alias_bug(x, n):
    xs = []
    y = x.copy()
    for k in range(5):
        y += 0.01 * np.sin(y)
        xs.append(y)
    s = 0.0
    for a in xs:
        s += a[1] * a[2]
    return s + xs[3][0]


@case(X, 7)
def points(x, n):
    pts = []
    for k in range(n):
        pts.append((x[0] * k, x[1] * k * k))
    s = 0.0
    for (a, b), (c, d) in zip(pts[:-1], pts[1:]):
        s += math.hypot(a - c, b - d)
    p = np.array(pts)
    return s + p[:, 0].sum() * p[2, 1]


@case(X, 7)
def nested(x, n):
    out = []
    for i in range(n):
        for j in range(3):
            out.append(x[0] * i + x[1] * j)
    return sum(out) * out[4] + max(out)


@case(X, 7)
def nested2(x, n):
    out = []
    for i in range(n):
        for j in range(i):
            if (i + j) % 2:
                out.append(x[0] * i + x[1] * j)
    return sum(out) * out[4] + max(out)


@case(X, 7)
def rows(x, n):
    out = []
    for i in range(n):
        out.append([x[0] * i, x[1], 1.0])
    m = np.array(out)
    return (m * m).sum() + out[2][0]


@case(X)
def dfs(x):
    children = [[1, 2], [3], [4, 5], [], [], []]
    stack = [0]
    s = 0.0
    d = 1.0
    while stack:
        n = stack.pop()
        s += x[n] * d
        d *= 0.9
        for c in children[n]:
            stack.append(c)
    return s


@case(X, 30)
def mutate_after(x, n):
    xs = []
    for k in range(n):
        y = x * k
        xs.append(y)
        y[0] = 5.0
    return sum(a[0] * a[1] for a in xs)


@case(X, 30)
def mutate_next(x, n):
    xs = []
    y = x * 1.0
    for k in range(6):
        y[0] = k
        y = y * 1.1
        xs.append(y)
    return sum(a[0] * a[1] for a in xs)


@case(X, 30)
def mutate_later(x, n):
    xs = []
    y = x * 1.0
    for k in range(6):
        y = y * 1.1
        xs.append(y)
    y[1] = 3.0
    xs[2][1] = 4.0
    return sum(a[0] * a[1] for a in xs)


@case(X, 0.001)
def whilelist(x, tol):
    errs = []
    y = x[0]
    while abs(y * y - 2) > tol:
        errs.append((y, y * y - 2))
        y = 0.5 * (y + 2 / y)
    return sum(e for _, e in errs) + errs[0][0] * len(errs)


@case(X, 12)
def rk(x, n):
    ts = [0.0]
    ys = [x[:2].copy()]
    h = 0.1
    for i in range(n):
        y = ys[-1]
        t = ts[-1]
        k1 = np.array([y[1], -y[0] * x[2]])
        y2 = y + h * k1
        k2 = np.array([y2[1], -y2[0] * x[2]])
        ys.append(y + h / 2 * (k1 + k2))
        ts.append(t + h)
    ys = np.array(ys)
    ts = np.asarray(ts)
    return np.sum(ys[:, 0] * ts)


@case(X, 9)
def two_loops(x, n):
    out = []
    for i in range(n):
        out.append(x[0] * i)
    for i in range(2 * n):
        out.append(x[1] * i)
        if i % 2:
            out.append(x[2])
    while len(out) < 50:
        out.append(x[3])
    return sum(out) + out[30] * out[-1]


@case(X, 9)
def known_loops(x, n):
    out = []
    for i in range(3):
        out.append(x[0] * i)
    for i in range(5):
        for j in range(i, 5):
            out.append(x[1] * j)
    return sum(out) + out[5] * out[-1]


@case(X, 9)
def downs(x, n):
    out = []
    for i in range(n, 0, -1):
        row = []
        for j in range(i):
            row.append(x[0] * j + x[1] * i)
        out.append(sum(row) / len(row))
    return sum(out) + out[5] * out[-1]


@case(X, 6)
def appended_in_arms(x, n):
    items = [v + x[0] for v in x]
    for _ in range(2):
        items.sort()
        if x[1] < 0.5:
            items.append(math.tanh(x[2]))
    for i in range(n):
        if x[0] > x[i]:
            for j in range(int(x[i] * 3)):
                items.append(x[1] * j)
        if i > 2:
            items.append(x[i])
    return sum(items) * items[0]


@case(np.array([1.2, 0.7]), 3)
@case(np.array([1.2, 0.7]), 9)
def triangle(x, n):
    table = [[x[0]]]
    for k in range(1, n):
        row = [table[-1][0] * x[1]]
        for j in range(1, k + 1):
            row.append(row[j - 1] + table[-1][j - 1])
        table.append(row)
        if abs(row[-1]) > 40.0:
            break
    return table[-1][-1] * len(table) + table[1][0]


@pytest.mark.parametrize(("f", "args"), CASES)
def test_values_and_gradients(f, args):
    expected = f(*copy.deepcopy(args))
    with override(verify=True):
        value, gradient = revtrace.value_and_grad(f)(*args)
    assert value == pytest.approx(expected, rel=1e-13)
    assert gradient.shape == args[0].shape
    assert testing.check_grad(f, args, argnums=0).worst < 1e-7


def test_a_stack_that_runs_empty_raises_as_python_does():
    def f(x):
        s = [x]
        while x < 10.0:
            x = x + s.pop()
        return x

    with pytest.raises(IndexError):
        revtrace.grad(f)(1.0)
