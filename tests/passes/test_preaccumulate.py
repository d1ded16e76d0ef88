"""Loops that one real number enters: their slopes are computed as they run, where that is right and pays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override

X = np.array([0.7, 1.3, -0.4])


def series(h: float) -> float:
    s, acc, k = h, h, 0
    while abs(s) > 1e-14:
        k += 1
        s *= -h * h / (k * (k + 1))
        acc += s
    return acc


def newton(a: float) -> float:
    y = 1.0
    for _ in range(30):
        step = (y * y - a) / (2.0 * y)
        y -= step
        if abs(step) < 1e-15:
            break
    return y


def horner(h: float) -> float:
    y = 0.0
    for k in range(9):
        y = y * h + 0.3 * k
    return y


def escaping(h: float) -> float:
    zr = zi = 0.0
    n = 0
    while zr * zr + zi * zi < 4.0 and n < 40:
        zr, zi = zr * zr - zi * zi + h, 2.0 * zr * zi + 0.3
        n += 1
    return zr + 0.25 * zi


def escaping_complex(h: float) -> float:
    z = 0j
    n = 0
    while abs(z) < 2.0 and n < 40:
        z = z * z + complex(h, 0.3)
        n += 1
    return abs(z)


def branching(h: float) -> float:
    y, best = h, 0.0
    for k in range(12):
        if y > 1.0:
            y = y / (1.0 + k * h * h)
            continue
        y = max(y, 0.1) + h * h
        best = min(best, y * k)
        if k % 5 == 3:
            y = 0.5
    return y + best


def nested(h: float) -> float:
    total = 0.0
    for k in range(1, 5):
        term = 1.0
        for j in range(k):
            term = math.sin(term * h) + j
        total += term * term
    return total


def two_loops(h: float) -> float:
    s = 1.0
    for j in range(1, 4):
        s *= h / j
    acc = s
    for k in range(6):
        s *= -h * math.cos(h) / (k + 2.0)
        acc += s
    return acc


ENTERED = [series, newton, horner, escaping, escaping_complex, branching, nested, two_loops]


def over(f: Callable[[float], float]) -> Callable[[np.ndarray], float]:
    """Return a function in which each element enters the loop by itself, and results are looked at again."""

    def g(x: np.ndarray) -> float:
        total = 1.0
        for i in range(len(x)):
            y = f(x[i] * x[i] + 0.2)
            total = total * 0.5 + y * y
        return total

    return g


def after(f: Callable[[float], float]) -> Callable[[float, float], float]:
    """Return a function of two numbers, whose product enters the loop."""

    def g(a: float, b: float) -> float:
        return f(a * b) ** 2 * b

    return g


@pytest.mark.parametrize("interpret", [True, False], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("f", ENTERED)
def test_gradients_are_right_and_nothing_is_kept_per_iteration(f: Callable[[float], float], interpret: bool) -> None:
    with override(interpret=interpret, verify=True):
        g, h = revtrace.wrap(over(f)), revtrace.wrap(after(f))
        assert revtrace.check_grad(g, (X,)).worst < 1e-7
        assert revtrace.check_grad(h, (0.9, 0.6)).worst < 1e-7
        value, _ = revtrace.value_and_grad(h, argnums=(0, 1))(0.9, 0.6)
    assert value == after(f)(0.9, 0.6)
    assert h.dump(0.9, 0.6).kept == 0
    # What the outer loop carries, and a slope.
    assert g.dump(X).kept <= 40 * len(X)


@pytest.mark.parametrize("f", ENTERED)
def test_second_derivatives(f: Callable[[float], float]) -> None:
    with override(interpret=True, verify=True):
        h = after(f)
        hessian = revtrace.hessian(h, argnums=(0, 1))(0.9, 0.6)
        gradient = revtrace.grad(h, argnums=(0, 1))
        reversed_twice = [
            revtrace.grad(lambda a, b, k=k: revtrace.grad(h, argnums=(0, 1))(a, b)[k], argnums=(0, 1))(0.9, 0.6)
            for k in range(2)
        ]
    e = 1e-5
    for k, (da, db) in enumerate(((e, 0.0), (0.0, e))):
        up, down = gradient(0.9 + da, 0.6 + db), gradient(0.9 - da, 0.6 - db)
        want = [(u - d) / (2 * e) for u, d in zip(up, down, strict=True)]
        np.testing.assert_allclose([hessian[j][k] for j in range(2)], want, rtol=2e-6, atol=1e-8)
        np.testing.assert_allclose([reversed_twice[j][k] for j in range(2)], want, rtol=2e-6, atol=1e-8)


def bars(f: Callable[..., Any], *args: float) -> list[float]:
    """Return the gradient by two numbers, interpreted and compiled, which agree."""
    found = []
    for interpret in (True, False):
        with override(interpret=interpret, verify=True):
            found.append(revtrace.grad(f, argnums=(0, 1))(*args))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-14)
    return list(found[0])


def test_what_does_not_vary_yet_adds_nothing_where_its_slope_is_infinite() -> None:
    def f(a: float, b: float) -> float:
        y = np.float64(0.0)
        for _ in range(3):
            # At first the logarithm is -inf, and its slope inf: of a constant.
            y = np.exp(np.log(y)) * a + a
        return y * b

    with np.errstate(divide="ignore"):
        assert bars(f, 2.0, 1.0) == [17.0, 14.0]


def test_what_a_branch_or_a_choice_leaves_out_adds_nothing() -> None:
    def f(a: float, b: float) -> float:
        y = np.float64(a)
        for k in range(3):
            if k == 1:
                y = np.float64(0.0)
            y = np.exp(np.log(y)) * a + np.exp(np.log(max(np.float64(a) - 100.0, np.float64(0.0)))) + a
        return y * b

    with np.errstate(divide="ignore"):
        # y = a, then a * a + a at the end.
        assert bars(f, 2.0, 1.0) == [5.0, 6.0]


def test_a_loop_that_does_not_run_has_no_slope() -> None:
    def f(a: float, b: float, n: int) -> float:
        y = np.float64(0.0)
        for _ in range(n):
            y = y * a + a
        return np.exp(np.log(y)) + a * b

    with np.errstate(divide="ignore"):
        for interpret in (True, False):
            with override(interpret=interpret):
                assert revtrace.grad(f, argnums=(0, 1))(2.0, 3.0, 0) == (3.0, 2.0)


def test_a_result_that_is_left_out_adds_nothing() -> None:
    def f(a: float, b: float) -> float:
        y = np.float64(a)
        for _ in range(2):
            y = np.sqrt(np.float64(y)) * y / np.float64(a - 2.0)
        return b * a if a < 3.0 else y * b

    with np.errstate(all="ignore"):
        assert bars(f, 2.0, 3.0) == [3.0, 2.0]


def linear(p: tuple[float, float], n: int) -> float:
    y = 0.0
    for _ in range(n):
        y = y * p[0] + p[1] * y * y + 1.0
    return y


def test_a_loop_that_two_numbers_enter_keeps_what_it_needs() -> None:
    assert revtrace.wrap(linear).dump((0.1, 0.2), 5).kept > 0
    assert revtrace.check_grad(linear, ((0.1, 0.2), 5)).worst < 1e-8


def test_arrays_that_carry_derivatives_are_left_to_the_backward_sweep() -> None:
    def f(a: float, b: float) -> float:
        w = np.zeros(4)
        y = a
        for k in range(4):
            y = y * math.sin(a)
            w[k] = y
        return w[3] * w[1] * b

    assert revtrace.check_grad(f, (0.7, 1.2)).worst < 1e-8
    assert "linearised" not in str(revtrace.wrap(f).dump(0.7, 1.2))


def test_numbers_that_come_from_one_enter_as_one() -> None:
    def f(a: float, b: float) -> float:
        p = math.sin(a * b)
        q = math.exp(p) + max(p, 0.5)
        y = q
        for k in range(5):
            y = y * p / (k + q)
        return y + p * b

    assert revtrace.wrap(f).dump(0.7, 1.2).kept == 0
    assert revtrace.check_grad(f, (0.7, 1.2)).worst < 1e-8


def test_single_precision_stays_single() -> None:
    def f(a: np.float32, b: np.float32) -> np.float32:
        y = a
        for _ in range(4):
            y = y * a + np.float32(0.5)
        return y * b

    args = np.float32(0.9), np.float32(0.4)
    ga, gb = revtrace.grad(f, argnums=(0, 1))(*args)
    assert type(ga) is np.float32 and type(gb) is np.float32
    wa, wb = revtrace.grad(f, argnums=(0, 1))(*map(float, args))
    np.testing.assert_allclose([ga, gb], [wa, wb], rtol=1e-5)


def test_the_dump_says_so() -> None:
    seen = revtrace.wrap(after(series)).dump(0.9, 0.6)
    assert "as its loop runs" in seen.explain()
    assert any(answer.answer == "forward" for answer in seen.answers)
