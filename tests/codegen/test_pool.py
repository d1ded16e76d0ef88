"""Large blocks held for the next call: right from many threads, no more than is allowed, and none while emptied."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import revtrace
from revtrace.codegen import pool
from revtrace.config import override


def states(x, n):
    u = x.copy()
    for _ in range(n):
        u = u + 0.1 * np.sin(np.roll(u, 1)) * u
    return np.sum(u**2)


@pytest.fixture(scope="module")
def gradient():
    with override(cache=False):
        made = revtrace.grad(states)
        made(np.ones(3), 2)
    return made


def held() -> list[int]:
    return [n for n in pool._words[: pool._SLOTS] if n]


def test_blocks_are_held_and_used_again(gradient):
    x = np.linspace(0, 1, pool.LARGE // 4)
    with pool.empty():
        first = gradient(x, 3)
        assert not held()
        assert pool._words[pool._BYTES] == 0
    gradient(x, 3)
    once, total = held(), pool._words[pool._BYTES]
    assert once
    assert 0 < total <= pool.HELD
    np.testing.assert_array_equal(gradient(x, 3), first)
    assert sorted(held()) == sorted(once)
    assert pool._words[pool._BYTES] == total


def test_no_more_is_held_than_is_allowed(gradient):
    for size in (1 << 18, 3 << 17, 1 << 19, 3 << 18, 1 << 20, 3 << 19, 1 << 21):
        x = np.linspace(0, 1, size)
        gradient(x, 2)
        assert 0 <= pool._words[pool._BYTES] <= pool.HELD


def test_threads(gradient):
    sizes = [pool.LARGE // 8 + 1000 * k for k in range(6)]
    wanted = {n: gradient(np.linspace(0, 1, n), 4) for n in sizes}
    wrong: list[int] = []

    def work(k: int) -> None:
        for j in range(20):
            n = sizes[(j + k) % len(sizes)]
            if not np.array_equal(gradient(np.linspace(0, 1, n), 4), wanted[n]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_too_large_for_memory(gradient):
    def much(x):
        return np.sum(np.ones((1 << 40,)) * x)

    with override(cache=False), pytest.raises(MemoryError):
        revtrace.grad(much)(1.0)
