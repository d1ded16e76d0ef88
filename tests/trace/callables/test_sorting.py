"""Sorting of run-time numbers, and iterators without end."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import revtrace
from revtrace import testing
from revtrace.config import override
from revtrace.passes import watched
from revtrace.program.nodes import For, walk
from revtrace.replay import run
from tests.trace.agree import agrees

X = np.array([0.7, -1.2, 2.5, 0.1, -0.4, 1.9])


def weighted(x):
    return sum((k + 1) * v for k, v in enumerate(sorted(x)))


def falling(x):
    return sum((k + 1) * v * v for k, v in enumerate(sorted(x, reverse=True)))


def by_size(x):
    y = sorted(x.tolist(), key=abs)
    return y[0] + 2 * y[3]


def pairs(x):
    p = [(v, k) for k, v in enumerate(x)]
    p.sort(key=lambda q: -q[0])
    return p[0][0] * p[1][0] + p[0][1] * p[2][0]


def kept(x):
    s = []
    for v in x:
        if v > -0.5:
            s.append(v * v)
    s.sort()
    return s[0] + 3 * s[-1]


def three(x):
    a = list(x[:3])
    a.sort()
    return a[1]


def endless(x):
    s = 0.0
    for k, v in zip(itertools.count(), x, strict=False):
        s += k * v
    for k, v in zip(itertools.count(1, 2), x, strict=False):
        s += k * v * v
    for k, v in zip(itertools.cycle([1.0, 2.0]), x, strict=False):
        s += k * v
    for k, v in zip(itertools.repeat(3.0), x, strict=False):
        s += k * v
    return s


def by_two_keys(x):
    order = sorted(range(6), key=lambda k: (k % 2, -x[k]))
    points = sorted(zip(x, x[::-1], "abcdef", strict=True), reverse=True)
    boxed = sorted(([v * v, [v]] for v in x), key=lambda p: (p[0], p[1][0]))
    ties = sorted([(k // 2, v, "ba"[k % 2]) for k, v in enumerate(np.round(x))])
    total = sum(k * x[j] for k, j in enumerate(order)) + sum(k * p[0] * p[1] for k, p in enumerate(points))
    return total + sum(k * p[1][0] for k, p in enumerate(boxed)) + x[0] * sum(k * ord(p[2]) for k, p in enumerate(ties))


@pytest.mark.parametrize(
    "f", [weighted, falling, by_size, pairs, kept, three, endless, by_two_keys], ids=lambda f: f.__name__
)
def test_values_and_gradients(f):
    value, gradient = revtrace.value_and_grad(f)(X)
    assert value == pytest.approx(f(X), rel=1e-14)
    assert testing.check_grad(f, (X,)).worst < 1e-8
    assert gradient.shape == X.shape


def test_equal_ones_stay_in_order():
    def last(x):
        p = sorted([(v, k) for k, v in enumerate(x)], key=lambda q: q[0], reverse=True)
        return p[0][0] * 10 + p[0][1] * x[0]

    x = np.array([2.0, 2.0, 1.0, 0.0, 2.0, 1.0])
    assert revtrace.value_and_grad(last)(x)[0] == last(x)


def test_what_has_no_order_is_refused():
    with pytest.raises(revtrace.UnsupportedError, match="NaN"):
        revtrace.grad(weighted)(np.array([1.0, np.nan, 2.0, 3.0, 4.0, 5.0]))


def kepler(anomaly: float, e: float) -> float:
    angle = anomaly
    for turn in itertools.count(3, 2):
        step = (angle - e * math.sin(angle) - anomaly) / (1 - e * math.cos(angle))
        angle -= step
        if abs(step) < 1e-13:
            return angle * turn


def numbered(x: float) -> float:
    found = []
    for k, (c, w) in enumerate(zip(itertools.repeat(x), itertools.count(0.5, 0.25))):
        found.append(c * w)
        if found[-1] > 3.0:
            break
    return sum(found) * k


def endless(x: float) -> float:
    for _ in itertools.count():
        x = x * 0.5


def test_for_loops_without_end_are_left_from_inside() -> None:
    agrees(kepler, 1.1, 0.3)
    agrees(numbered, 1.1)
    program = revtrace.grad(kepler).dump(1.1, 0.3).program
    assert any(isinstance(s, For) for s in walk(program.body))
    with pytest.raises(revtrace.UnsupportedError, match="loop without an end"):
        revtrace.grad(endless)(1.0)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 16, 17, 33, 64, 100])
def test_order_of_a_line_of_any_length(n):
    """Equal ones stay in order, NaNs come last."""
    rng = np.random.default_rng(n)
    lines = (
        rng.standard_normal(n),
        np.where(rng.random(n) < 0.3, np.nan, np.round(2 * rng.standard_normal(n))),
        rng.integers(0, 4, n),
        rng.random(n) < 0.5,
        np.arange(n)[::-1].astype(np.float32),
    )
    with override(cache=False, interpret=True):
        order = revtrace.wrap(lambda x: np.argsort(x, kind="stable"))
        for line in lines:
            assert np.array_equal(order(line), np.argsort(line, kind="stable"))


def test_sorting_takes_steps_in_proportion_to_n_log_n():
    def f(x):
        return np.sum(np.sort(x) * np.arange(len(x)))

    seen = {}
    steps = []
    for n in (40, 320):
        x = np.random.default_rng(0).standard_normal(n)
        with override(cache=False, interpret=True), watched(seen.__setitem__):
            revtrace.value_and_grad(f)(x)
        events = []
        value, *_ = run(seen["prepare.dce"], (x,), observer=events.append)
        assert value == pytest.approx(f(x))
        steps.append(len(events))
    assert steps[1] < 16 * steps[0]


def long_ranges(x: float) -> float:
    for k in range(10**15):
        x = x * math.cos(x)
        if x < 0.1:
            return x * k
    return x


def test_loops_without_end_make_no_room_for_all_iterations() -> None:
    for function, args in ((kepler, (1.1, 0.3)), (long_ranges, (0.9,))):
        with override(cache=False):
            value, gradient = revtrace.value_and_grad(function)(*args)
        assert value == pytest.approx(function(*args), rel=1e-14)
        with override(cache=False, interpret=True):
            assert gradient == pytest.approx(revtrace.grad(function)(*args), rel=1e-12)
