"""Tests of when programs are interpreted and when they are compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.cache import kernels
from revtrace.dispatch import executors
from revtrace.program.nodes import walk


def chain(length: int) -> Callable[[float, float], float]:
    lines = ["def chain(x, y):"]
    lines += [f"    x, y = math.sin(x * 0.{k % 7}) + 0.5 * y, x * 0.5" for k in range(length)]
    namespace: dict[str, Any] = {"math": math}
    exec("\n".join([*lines, "    return x * y"]), namespace)
    found: Callable[[float, float], float] = namespace["chain"]
    return found


def writing(u: np.ndarray, n: int) -> float:
    for _ in range(n):
        for i in range(1, len(u) - 1):
            u[i] += 0.25 * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    return u[1]


def slopes(f: Callable[[float, float], float], x: float, y: float) -> tuple[float, float]:
    """Return central differences."""
    h = 1e-6
    return (f(x + h, y) - f(x - h, y)) / (2 * h), (f(x, y + h) - f(x, y - h)) / (2 * h)


def test_a_large_program_is_not_compiled_for_a_few_calls() -> None:
    f = chain(300)
    with revtrace.config.override(large=500, cache=False):
        g = revtrace.wrap(f).value_and_grad
        for x in (0.3, 0.4, 0.5):
            value, slope = revtrace.value_and_grad(f, argnums=(0, 1))(x, 0.7)
            assert value == pytest.approx(f(x, 0.7), rel=1e-12)
            assert slope == pytest.approx(slopes(f, x, 0.7), rel=1e-5, abs=1e-7)
        g(0.3, 0.7)
    assert g.stats.specialisations == 1
    assert g.stats.calls == 1
    assert "def chain" in g.source(0.3, 0.7)


def test_it_is_compiled_once_the_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_compiling", lambda program: 0.0)
    f = chain(20)
    with revtrace.config.override(large=-1, cache=False):
        g = revtrace.value_and_grad(f, argnums=(0, 1))
        first = g(0.3, 0.7)
        compiled = g.stats.compile_seconds
        assert first == g(0.3, 0.7)
    assert first[0] == pytest.approx(f(0.3, 0.7), rel=1e-13)
    assert compiled > 0.0
    assert g.stats.compile_seconds == compiled
    assert g.stats.specialisations == 1
    assert g.stats.calls == 2


def test_giving_up_in_a_loop_leaves_arrays_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    u = np.array([0.0, 1.0, 4.0, 9.0, 16.0])
    expected = u.copy()
    result = writing(expected, 400)
    # Enough to begin, not to end.
    monkeypatch.setattr(executors, "_compiling", lambda program: 1.5)
    with revtrace.config.override(large=1, cache=False):
        f = revtrace.wrap(writing)
        ours = u.copy()
        assert f(ours, 400) == pytest.approx(result, rel=1e-13)
        slope = f.grad(u.copy(), 40)
    np.testing.assert_allclose(ours, expected, rtol=1e-13)
    # Linear in u: what each unit vector gives.
    np.testing.assert_allclose(slope, [writing(e, 40) for e in np.eye(5)], rtol=1e-12, atol=1e-15)


def test_what_the_function_raises_comes_out_of_the_interpreter() -> None:
    def f(x: float, n: int) -> float:
        return math.sqrt(x) / n

    with revtrace.config.override(large=0, cache=False):
        g = revtrace.grad(f)
        assert g(4.0, 2) == 0.125
        with pytest.raises(ZeroDivisionError):
            g(4.0, 0)


def test_a_kernel_on_disk_is_used_at_once(tmp_path: Any) -> None:
    f = chain(20)
    with revtrace.config.override(large=10_000, cache=True, cache_dir=str(tmp_path)):
        expected = revtrace.grad(f)(0.3, 0.7)
    kernels.forget()
    with revtrace.config.override(large=10, cache=True, cache_dir=str(tmp_path)):
        again = revtrace.grad(f)
        assert again(0.3, 0.7) == expected
    assert again.stats.disk_hits == 1


def test_specialisations_by_the_dozen_are_interpreted() -> None:
    def f(values: list[float]) -> float:
        total = 0.0
        for k, v in enumerate(values):
            total += v * v / (k + 1)
        return total

    with revtrace.config.override(cache=False):
        g = revtrace.grad(f)
        for n in range(1, 14):
            assert g([0.5] * n) == pytest.approx([1.0 / (k + 1) for k in range(n)], rel=1e-15)
    made = g.table(1).specialisations
    assert len(made) == 13
    compiled = [s.executor is not None and s.executor.enter is not None for s in made]
    # The newest comes first.
    assert compiled == [False] * 5 + [True] * 8


def test_loops_over_arrays_take_longer_to_compile_than_as_many_numbers() -> None:
    def rows(x: np.ndarray) -> float:
        y = x
        for k in (1.0, 2.0, 3.0, 4.0, 5.0):
            y = np.sin(y * k)[::-1] + x * np.mean(y)
        return np.sum(y)

    arrays = revtrace.grad(rows).program(np.ones(3))
    numbers = revtrace.grad(chain(30), argnums=(0, 1)).program(0.3, 0.7)
    sizes = [sum(1 for _ in walk(p.body)) for p in (arrays, numbers)]
    assert sizes[0] < sizes[1], sizes
    assert executors._compiling(arrays) > executors._compiling(numbers)
