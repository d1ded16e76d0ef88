"""Loops whose turns go on in a handler only: tried again until nothing is raised."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.5, -0.35, 0.8, 0.15, 1.2, -0.7])


def counted(x: Any) -> Any:
    y = 0.0
    for k in range(40):
        try:
            y = math.sqrt(x[1] + 0.02 * k)
            break
        except ValueError:
            continue
    else:
        y = 1.0
    return y * x[0]


def returned(x: Any) -> Any:
    v = x[1]
    while True:
        try:
            return math.sqrt(v) * x[0]
        except ValueError:
            v = v + 0.02 * x[2]


def suppressed(x: Any) -> Any:
    v, y = x[1], 0.0
    for _ in range(40):
        with contextlib.suppress(ValueError):
            y = math.log(v)
            break
        v += 0.1
    return y * x[0]


def with_finally(x: Any) -> Any:
    v, total = x[1], 0.0
    while True:
        try:
            y = math.sqrt(v)
            break
        except ValueError:
            v += 0.1
        finally:
            total += v
    return y * x[0] + total


def inside_another(x: Any) -> Any:
    total = 0.0
    for i in range(6):
        if x[i] > 1:
            continue
        a = x[i] * 1.5
        while True:
            try:
                total += math.sqrt(a)
                break
            except ValueError:
                a += 0.3
            if a > 3:
                break
    return total


def around_loops(x: Any) -> Any:
    k = 0
    for i in range(40):
        a = x[1] + 0.02 * i
        try:
            for _ in range(2):
                a = math.sqrt(a)
            return a * x[0] + k
        except ValueError:
            k += 1
    return -1.0


def raised_by_hand(x: Any) -> Any:
    total = math.sqrt(x[0])
    y = -2 * x[2]
    for i in range(4):
        step = 1.0
        while True:
            try:
                new = math.log(y + step * 2.7 + i)
                if new > 2.0:
                    raise ValueError
                break
            except ValueError:
                step *= 1.3
                if step > 20:
                    return total
        y = y + 0.1 * new
        total += new
    return total + step


def handlers_in_handlers(x: Any) -> Any:
    total = 0.0
    for i in range(6):
        v = x[i]
        while True:
            try:
                try:
                    y = math.sqrt(v)
                except ValueError:
                    y = math.log(v + 0.5)
                break
            except ValueError:
                v += 0.15
        total += y * (i + 1)
    return total


def arrays_exchanged(x: Any) -> Any:
    a, b = x.copy(), x[::-1].copy()
    while True:
        try:
            s = math.sqrt(a[0] - 0.9)
            break
        except ValueError:
            a, b = b, a
            a[0] += 0.5
            b[1] *= 2
    return s + a.sum() + 2 * b.sum()


FUNCTIONS = (
    counted, returned, suppressed, with_finally, inside_another, around_loops, raised_by_hand, handlers_in_handlers,
    arrays_exchanged,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_retries(function: Callable[..., Any]) -> None:
    agrees(function, X)


def regularised(a: Any) -> Any:
    shift = 1e-3
    while True:
        try:
            return np.linalg.cholesky(a + shift * np.eye(2))[1, 1] * shift
        except np.linalg.LinAlgError:
            shift *= 3


def test_the_program_is_a_loop() -> None:
    with override(interpret=True, cache=False):
        f = revtrace.wrap(returned)
        # As many turns as nobody could write out.
        x = np.array([2.0, -20.0, 1.0])
        assert f.grad(x)[0] == pytest.approx(returned(x) / 2.0)
    agrees(regularised, np.array([[1.0, 1.5], [1.5, 2.0]]))
