"""Loops computed from checkpoints: the same results from less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override

A = np.random.default_rng(0).normal(size=(3, 3))
U = np.linspace(0.1, 1.0, 5) ** 2


def recurrent(u: np.ndarray, n: int) -> float:
    h = s = 0.1
    for t in range(n):
        h = np.tanh(u[0] * h + u[1] * t / n)
        s += h * h
    return s


def backward(u: np.ndarray, n: int) -> float:
    x = u[0]
    for t in range(n - 1, -1, -2):
        x = np.sin(x * u[1] + 0.1 * t)
    return x


def in_place(u: np.ndarray, n: int) -> float:
    for t in range(n):
        for i in range(1, len(u) - 1):
            u[i] += 0.1 * (u[i - 1] ** 2 - 2 * u[i] + u[i + 1]) * np.sin(0.1 * t)
    return np.sum(u**2)


def swapped(u: np.ndarray, n: int) -> float:
    v, w = u.copy(), u.copy()
    for _ in range(n):
        for i in range(1, len(u) - 1):
            w[i] = v[i] + 0.1 * (v[i - 1] ** 2 - 2 * v[i] + v[i + 1])
        v, w = w, v
    return np.sum(v**2) + w[1]


def swapped_twice(u: np.ndarray, n: int) -> float:
    v, w = u.copy(), u.copy()
    for _ in range(n):
        for i in range(1, len(u) - 1):
            w[i] = v[i] + 0.1 * (v[i - 1] ** 2 - 2 * v[i] + v[i + 1])
        v, w = w, v
    for _ in range(n):
        for i in range(1, len(u) - 1):
            w[i] = np.sin(v[i]) * v[i - 1]
        v, w = w, v
    for _ in range(n):
        v[1] = np.sin(v[1] * v[2])
        w[2] = np.cos(w[1] * v[1])
    return np.sum(v**2) + w[1]


def made_anew(u: np.ndarray, n: int) -> float:
    x = np.ones(3)
    for _ in range(n):
        x = np.tanh(np.outer(u[:3], u[1:4]) @ x)
        x = x / np.sqrt(x @ x)
    return x @ u[:3]


def branches(u: np.ndarray, n: int) -> float:
    x, k, best = u[0], 0, -1.0
    for t in range(n):
        if x > 0.5:
            x = x * x - 0.7 * x + 0.3 * np.sin(u[1] * t)
            k += 1
        else:
            x = np.exp(x) * 0.9 + u[1] / (1 + k)
            for _ in range(t % 3):
                x = x * 0.9 + 0.01 * np.cos(x)
        if x > best:
            best = x
    return best * 2 + x


def waits(u: np.ndarray, n: int) -> float:
    t, y, v, a, b = 0.0, u[0], u[1], u.copy(), u.copy()
    while t < n * 0.02:
        dt = 0.05 / (1 + y * y)
        y, v, t = y + dt * v, v - dt * np.sin(y), t + dt
        for i in range(len(u)):
            b[i] = a[i] * 0.99 + 0.01 * np.sin(y * a[i - 1])
        a, b = b, a
    return y * v + a.sum()


def leaves(u: np.ndarray, n: int) -> float:
    s, x = 0.0, u[0]
    for i in range(10**6):
        x = x + 0.01 * np.cos(x * u[1])
        s += x * x
        if s > n * 0.05:
            break
    else:
        s = 0.0
    return s * x + i


def history(u: np.ndarray, n: int) -> float:
    kept = np.zeros((n + 1, 2))
    kept[0] = u[:2]
    for t in range(n):
        for j in range(2):
            kept[t + 1, j] = np.sin(kept[t, j]) * 1.5 + kept[t, 1 - j] ** 2 * 0.1
    return kept[n].sum() + kept.mean()


def one_after_another(u: np.ndarray, n: int) -> float:
    a = np.zeros(3)
    a[0], a[1] = u[0], u[1]
    for t in range(n):
        a[t % 3] = np.sin(a[(t + 1) % 3] * a[(t + 2) % 3]) + 0.5 * a[t % 3]
    b = a * 2
    for _ in range(n):
        b = np.tanh(b) + 0.1 * a
    return b.sum() + a[1]


def draws(u: np.ndarray, n: int) -> float:
    rng = np.random.default_rng(n)
    s = u[0]
    for _ in range(n):
        s = np.tanh(s * u[1] + rng.normal(u[2]))
    return s


FUNCTIONS = [
    recurrent,
    backward,
    in_place,
    swapped,
    swapped_twice,
    made_anew,
    branches,
    waits,
    leaves,
    history,
    one_after_another,
    draws,
]


def both(derive: Callable[[], Callable[..., Any]], *args: Any, interpret: bool = True) -> tuple[Any, Any]:
    """Return what a derivative gives without checkpoints and with them."""
    found = []
    for checkpoint in (False, True):
        with override(interpret=interpret, cache=False, verify=True, checkpoint=checkpoint):
            found.append(derive()(*args))
    return found[0], found[1]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 40])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_value_and_gradient(function: Callable[..., float], n: int) -> None:
    plain, ours = both(lambda: revtrace.value_and_grad(function), U, n)
    assert repr(ours[0]) == repr(plain[0])
    np.testing.assert_allclose(ours[1], plain[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("function", [swapped, waits])
def test_compiled(function: Callable[..., float]) -> None:
    plain, ours = both(lambda: revtrace.value_and_grad(function), U, 30, interpret=False)
    assert repr(ours[0]) == repr(plain[0])
    np.testing.assert_allclose(ours[1], plain[1], rtol=1e-12)


def test_second_derivatives() -> None:
    plain, ours = both(lambda: revtrace.hessian(swapped), U, 9)
    np.testing.assert_allclose(ours, plain, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("function", [recurrent, in_place, swapped_twice, made_anew, waits])
def test_memory_grows_with_the_root(function: Callable[..., float]) -> None:
    with override(checkpoint=True):
        sizes = [revtrace.wrap(function).dump(U, n).kept for n in (100, 1600)]
    plain = revtrace.wrap(function).dump(U, 1600).kept
    assert plain is not None and sizes[0] is not None and sizes[1] is not None
    assert 0 < sizes[1] < 5 * sizes[0]
    assert sizes[1] < plain / 4


def results(u: np.ndarray, n: int) -> tuple[float, np.ndarray]:
    for t in range(n):
        for i in range(1, len(u)):
            u[i] = np.sin(u[i - 1]) + 0.5 * u[i] ** 2 / (t + 1)
    return u[1] * u[2], u


def test_results_are_those_of_the_last_iteration() -> None:
    plain, ours = both(lambda: revtrace.value_and_grad(results, has_aux=True), U, 12)
    np.testing.assert_array_equal(ours[0][1], plain[0][1])
    np.testing.assert_allclose(ours[1], plain[1], rtol=1e-12)


def test_a_handle_keeps_the_setting() -> None:
    handle = revtrace.wrap(recurrent, checkpoint=True)
    assert handle(U, 5) == pytest.approx(recurrent(U, 5))
    kept = handle.dump(U, 1000).kept
    assert kept is not None and kept < 1000
    np.testing.assert_allclose(revtrace.grad(handle)(U, 5), revtrace.grad(recurrent)(U, 5), rtol=1e-12)


def test_what_is_kept_is_told() -> None:
    told = revtrace.wrap(recurrent, checkpoint=True).dump(U, 100).explain()
    assert "segment" in told


def written_after(u: np.ndarray, n: int) -> float:
    x = 0.1
    for t in range(n):
        x = np.sin(x * u[t % 3]) + u[1]
    u[:] = u * x
    return u.sum() * x


def test_arrays_that_are_written_after_the_loop() -> None:
    plain, ours = both(lambda: revtrace.value_and_grad(written_after), U, 12)
    np.testing.assert_allclose(ours[1], plain[1], rtol=1e-12)
