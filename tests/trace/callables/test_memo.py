"""Functions that remember their results: what calling them changes is changed as often as in plain Python."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses

X = np.array([0.4, 1.5, -0.7, 2.0, 0.9])


def counted(x: Any) -> Any:
    calls = [0]

    @functools.lru_cache(None)
    def f(n: int, k: int = 1) -> Any:
        calls[0] += 1
        return x[n] * k

    @functools.lru_cache
    def g(n: int) -> Any:
        calls[0] += 10
        return x[n] if n < 2 else g(n - 1) + g(n - 2)

    r = f(1) + f(1) + f(n=1) + f(n=1) + f(2, k=3) + f(2, k=3) + g(6)
    return r + calls[0] * x[0]


def one_list(x: Any) -> Any:
    calls = [0]

    @functools.cache
    def f(n: int) -> list[Any]:
        calls[0] += 1
        return [x[n], 1.0]

    f(1).append(x[2])
    return sum(f(1)) * calls[0]


class Asked:
    def __init__(self) -> None:
        self.n = 0

    @functools.cache  # noqa: B019
    def times(self, v: int) -> int:
        self.n += 1
        return v * 2


def methods(x: Any) -> Any:
    a, b = Asked(), Asked()
    return x[0] * (a.times(1) + a.times(1) + b.times(2)) + a.n * x[1] + b.n * x[2]


@pytest.mark.parametrize("f", [counted, one_list, methods])
def test_calls_that_change_something(f: Any) -> None:
    agrees(f, X)


def by_numbers(x: Any) -> Any:
    calls = [0]

    @functools.cache
    def f(v: Any) -> Any:
        calls[0] += 1
        return v * v

    return f(x[0]) + f(x[0]) + calls[0]


def by_few(x: Any) -> Any:
    calls = [0]

    @functools.lru_cache(maxsize=2)
    def f(n: int) -> Any:
        calls[0] += 1
        return x[n]

    return (f(0) + f(1) + f(2) + f(0)) * calls[0]


def in_a_loop(x: Any) -> Any:
    calls = [0]

    @functools.cache
    def f(n: int) -> Any:
        calls[0] += 1
        return x[n]

    r = 0.0
    for v in x:
        if v > 1:
            r += v * f(1)
    return r * calls[0]


@pytest.mark.parametrize("f", [by_numbers, by_few, in_a_loop])
def test_calls_of_which_it_is_unknown_whether_they_run(f: Any) -> None:
    refuses(f, X, match="remembers its results and changes something")


def test_the_memory_is_not_looked_into() -> None:
    def f(x: Any) -> Any:
        g = functools.cache(lambda n: x[n])
        return g(0) * g.cache_info().misses

    refuses(f, X, match="looking into what a function remembers")
