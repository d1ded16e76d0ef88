"""Loops whose variables get their form in the first iterations: what is left of them is rolled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from revtrace.program import For, Op, While
from revtrace.program.nodes import walk
from revtrace.trace import trace
from tests.trace.agree import agrees

A = np.array([0.3, 1.2, 0.7])


def from_list(a: np.ndarray) -> float:
    x = [0.1, 0.2, 0.4]
    for _ in range(300):
        x = np.array(x)
        x = x - 0.1 * (x - a)
        if np.std(x - a) < 1e-3:
            break
    return float(x[0] * x[1])


def from_zero(a: np.ndarray) -> float:
    w = 0
    for _ in range(300):
        w = w - 0.1 * (w - a)
    return np.sum(w**2)


def from_integers(a: np.ndarray) -> float:
    x, d, n = (0, 0, 0), 1.0, 0
    while d > 1e-4 and n < 300:
        new = np.asarray(x) - 0.1 * (np.asarray(x) - a)
        d = np.max(np.abs(new - np.asarray(x)))
        x = new
        n += 1
    return np.sum(x**2) + n


def returns_inside(a: np.ndarray) -> float:
    x = [0.0, 0.0, 0.0]
    while True:
        new = np.array(x) - 0.1 * (np.array(x) - a)
        if np.linalg.norm(new - np.array(x)) < 1e-3:
            return new @ a
        x = new


def inner(a: np.ndarray) -> float:
    total = 0
    for i in range(40):
        x = 0
        for _ in range(30):
            x = x - 0.1 * (x - a * i)
        total = total + x
    return np.sum(total)


def ordered(a: np.ndarray) -> float:
    x = [a[0], 0.5 * a[1], a[2]]
    for _ in range(300):
        x = np.array(x)
        # As many as there are items, as the array must be on the way back.
        values = np.array([v**3 - 2 * v for v in x])
        x = 0.9 * x[np.argsort(values)]
        if np.std([2 * v for v in x]) < 0.1:
            break
    return x[0] + 2 * x[1]


@pytest.mark.parametrize("f", [ordered, from_list, from_zero, from_integers, returns_inside, inner])
def test_rest_is_rolled(f: Callable[[np.ndarray], float]) -> None:
    agrees(f, A)
    statements = list(walk(trace(f, (A,)).program.body))
    assert any(isinstance(s, (For, While)) for s in statements)
    assert sum(isinstance(s, Op) for s in statements) < 500


def test_form_that_only_the_code_after_the_loop_reads() -> None:
    def clenshaw(x: np.ndarray) -> float:
        before, now = 0.0, 0.3
        for c in [0.5, -0.2, 0.7, 0.1, 0.4]:
            last = before
            before = now
            now = x * before - last + c
        return np.sum(now - last)

    agrees(clenshaw, A)


def test_form_that_changes_for_ever_is_unrolled() -> None:
    def f(a: np.ndarray) -> float:
        x = [0.1, 0.2, 0.4]
        for k in range(5):
            y = [u - 0.1 * (u - v) for u, v in zip(x, a, strict=True)]
            x = y if k % 2 else np.array(y)
        return x[0] + 2 * x[1]

    agrees(f, A)
