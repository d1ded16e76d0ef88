"""Functions of the standard library that remember results, keep heaps, or compute with fractions."""

from __future__ import annotations

import bisect
import functools
import heapq
import math
import os
import statistics
import threading
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.trace.definitions import standard
from tests.trace.agree import agrees, refuses


def sorted_in(x: list[float]) -> float:
    kept: list[float] = []
    few = [1.5, 4.0]
    for v in x:
        bisect.insort(kept, v)
    bisect.insort_left(few, x[1])
    bisect.insort_right(few, x[5])
    return sum(k * v for k, v in enumerate(kept)) * few[1] * few[2]


TABLE = [(k * 1.0, math.sin(k) + k) for k in range(60)]
"""Rows, sought by a tuple or by their first entry."""


def sought(x: float) -> float:
    i = bisect.bisect(TABLE, (x, 0))
    (a, p), (b, q) = TABLE[i - 1], TABLE[i]
    j = bisect.bisect_left(TABLE, x / 2, lo=3, hi=50, key=lambda row: row[0])
    return p + (x - a) * (q - p) / (b - a) + x * TABLE[j][1] ** 2


def sought_below_zero(x: float) -> float:
    return bisect.bisect_left([1.0, 2.0], x, -1) * x


def bits(x: float, n: int) -> float:
    return x ** n.bit_length() + (n + 1).bit_count() * x


X = [5.0, 3.0, 8.0, 1.0, 9.0, 2.0, 4.5]


@functools.lru_cache(maxsize=None)
def binomial(n: int, k: int) -> int:
    return 1 if k in (0, n) else binomial(n - 1, k - 1) + binomial(n - 1, k)


def bernstein(x: float, n: int) -> float:
    return sum(binomial(n, k) * x**k * (1 - x) ** (n - k) * k for k in range(n + 1))


def legendre(x: float, n: int) -> float:
    @functools.lru_cache(maxsize=None)
    def p(m: int) -> float:
        if m < 2:
            return x if m else 1.0
        return ((2 * m - 1) * x * p(m - 1) - (m - 1) * p(m - 2)) / m

    return p(n)


def without_parentheses(x: float) -> float:
    @functools.lru_cache
    def f(n: int, m: int) -> float:
        return x if n < 1 or m < 1 else f(n - 1, m) + f(n, m - 1) * x * 0.1

    return f(6, 7)


class Chebyshev:
    def __init__(self, x: float) -> None:
        self.x = x

    @functools.lru_cache(maxsize=128)  # noqa: B019
    def t(self, n: int) -> float:
        return 1.0 if n == 0 else self.x if n == 1 else 2 * self.x * self.t(n - 1) - self.t(n - 2)


def of_an_instance(x: float, n: int) -> float:
    return Chebyshev(x).t(n) + Chebyshev(x * x).t(n - 1)


def remembered_in_a_branch(x: float, y: np.ndarray[Any, Any]) -> float:
    @functools.cache
    def power(k: int) -> float:
        return x**k

    total = 0.0
    for v in y:
        for k in range(3):
            total += power(k) * v if v > 0.2 else power(k + 1)
    return total + power(1)


def known_only_when_running(x: float) -> float:
    @functools.cache
    def f(v: float) -> float:
        return v * v

    return f(x) + f(x + 1.0) * f(x)


def merged(x: list[float]) -> float:
    heap: list[float] = []
    for v in x:
        heapq.heappush(heap, v)
    cost = 0.0
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        cost += a * b
        heapq.heappush(heap, a + b)
    return cost


EDGES = {"a": [("b", 0), ("c", 1)], "b": [("c", 2), ("d", 3)], "c": [("d", 4)], "d": []}


def shortest(w: list[float]) -> float:
    far = {n: math.inf for n in EDGES}
    far["a"] = 0.0
    queue = [(0.0, "a")]
    while queue:
        d, u = heapq.heappop(queue)
        if d > far[u]:
            continue
        for v, k in EDGES[u]:
            if d + w[k] < far[v]:
                far[v] = d + w[k]
                heapq.heappush(queue, (far[v], v))
    return far["d"]


LOCK, AGAIN = threading.Lock(), threading.RLock()


def under_locks(x: float) -> float:
    with LOCK, AGAIN:
        y = x * x
    LOCK.acquire()
    y = y * x
    LOCK.release()
    return y


FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "lru_cache": (bernstein, 0.3, 20),
    "lru_cache inside": (legendre, 0.3, 25),
    "lru_cache without parentheses": (without_parentheses, 1.3),
    "lru_cache of a method": (of_an_instance, 0.7, 18),
    "remembered in a branch": (remembered_in_a_branch, 0.7, np.array([0.1, 0.5])),
    "known only when running": (known_only_when_running, 0.7),
    "merged": (merged, X[:4]),
    "locks": (under_locks, 1.3),
    "sorted in": (sorted_in, X),
    "sought": (sought, 17.3),
    "bits": (bits, 0.7, 11),
    "shortest": (shortest, [1.0, 4.0, 2.0, 5.0, 1.0]),
    "nsmallest": (lambda x: sum(a * b for a, b in zip(heapq.nsmallest(2, x), heapq.nlargest(2, x), strict=True)), X),
    "statistics": (
        lambda x: statistics.mean(x) + statistics.stdev(x) * statistics.pvariance(x) + statistics.harmonic_mean(x),
        X,
    ),
}


def test_bounds_of_a_search_below_zero() -> None:
    with pytest.raises(ValueError, match="lo must be non-negative"):
        revtrace.grad(sought_below_zero)(1.2)


def test_normal_distribution() -> None:
    def bounds(p: float, s: float) -> float:
        spread = statistics.NormalDist(0.3, s)
        return spread.inv_cdf(p) * spread.cdf(p) + statistics.NormalDist().inv_cdf(0.975) * spread.pdf(p)

    agrees(bounds, 0.3, 1.2, approx=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


@pytest.mark.parametrize("seed", range(20))
def test_heaps_lie_as_those_of_heapq(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours = [float(v) for v in rng.integers(0, 6, 9)]
    theirs = list(ours)
    standard.heapify(ours)
    heapq.heapify(theirs)
    assert ours == theirs
    for v in rng.integers(0, 6, 12):
        pairs = ((standard.heappush, heapq.heappush), (standard.heapreplace, heapq.heapreplace))
        more = ((standard.heappushpop, heapq.heappushpop),)
        for mine, library in pairs + more:
            assert mine(ours, float(v)) == library(theirs, float(v))
            assert ours == theirs
        assert standard.heappop(ours) == heapq.heappop(theirs)
        assert ours == theirs


@pytest.mark.parametrize("name", ["mean", "variance", "pvariance", "stdev", "pstdev", "harmonic_mean"])
def test_statistics(name: str) -> None:
    ours, theirs = getattr(standard, name), getattr(statistics, name)
    for data in (X, [1e9 + 0.1, 1e9 + 0.2, 1e9 - 0.7], [1, 2, 4]):
        assert ours(data) == pytest.approx(float(theirs(data)), rel=1e-14)
    with pytest.raises(statistics.StatisticsError):
        ours([])


def test_what_the_machine_tells_is_no_constant() -> None:
    refuses(lambda x: x if os.path.exists("w.txt") else 2.0 * x, 1.0, match=r"<lambda>(.|\n)*calling os.stat")
    refuses(lambda x: x * len(os.getcwd()), 1.0, match="calling os.getcwd")
    agrees(lambda x: x * len(os.path.join("a", os.path.splitext("b.txt")[0])), 1.3)
