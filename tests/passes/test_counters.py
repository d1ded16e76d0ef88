"""Counters in closed form, against counting; nothing is left for the loop to carry."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from revtrace.passes import prepared
from revtrace.program.nodes import For, walk
from revtrace.program.types import INT


def condensed(x):
    n = x.shape[0]
    d = np.zeros(n * n)
    k = 0
    for i in range(n):
        for j in range(i + 1, n):
            d[k] = (x[i] - x[j]) ** 2
            k += 1
    s = 0.0
    for m in range(k):
        s += d[m] * (m + 1)
    return s + k


def downward(x):
    s = 0.0
    k = 0
    for i in range(x.shape[0] - 1, -1, -1):
        k -= 3
        for j in range(i, 0, -1):
            s += k * x[i] * x[j]
            k += 2
    return s + k


def steps(x):
    s = 0.0
    k = 0
    for i in range(1, 3 * x.shape[0], 3):
        for j in range(i, 2 * i):
            s += k * x[j % x.shape[0]]
            k += 1
        k += i
    return s + k


def flattened(x):
    s = 0.0
    k = 0
    for i in range(x.shape[0]):
        for j in range(2 - x.shape[0], 3):
            k += 1
            s += k * x[i] * j
    return s + k


def left_early(x):
    s = 0.0
    k = 0
    for i in range(x.shape[0]):
        k += i + 1
        if x[i] > 2.5:
            break
        s += k * x[i]
    return s * k


@pytest.mark.parametrize("f", [condensed, downward, steps, flattened, left_early])
@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_counters_count(f, size: int) -> None:
    x = np.arange(size) + 0.5
    with revtrace.config.override(interpret=True, cache=False):
        handle = revtrace.wrap(f)
        assert handle(x) == f(x)
        program = prepared(handle.program(x))
    loops = [s for s in walk(program.body) if isinstance(s, For)]
    assert loops and not any(p.type == INT for s in loops for p in s.params)


def squares(x):
    s = 0.0
    k = 0
    for i in range(x.shape[0]):
        s += x[k % x.shape[0]]
        k += i * i
    return s


def chosen(x):
    s = 0.0
    k = 0
    for i in range(x.shape[0]):
        s += k * x[i]
        k += 1 if x[i] > 1.0 else 2
    return s


@pytest.mark.parametrize("f", [squares, chosen])
def test_other_counters_are_carried(f) -> None:
    x = np.arange(5) + 0.5
    with revtrace.config.override(interpret=True, cache=False):
        handle = revtrace.wrap(f)
        assert handle(x) == f(x)
        program = prepared(handle.program(x))
    assert any(p.type == INT for s in walk(program.body) if isinstance(s, For) for p in s.params)
