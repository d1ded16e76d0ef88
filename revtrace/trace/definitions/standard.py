"""Functions of the standard library that are written in C or compute with fractions: `heapq bisect statistics`."""

from __future__ import annotations

import bisect
import heapq
import math
import statistics
from collections.abc import Callable
from typing import Any

from revtrace.trace.callables.functions import on
from revtrace.trace.definitions.register import define

__all__: list[str] = []


# heapq: a list whose item k is not greater than items 2k+1 and 2k+2 -----------------------------


def _rise(heap: Any, top: int, place: int) -> None:
    """Let the item at a place change places with the ones above it while it is less, not above ``top``."""
    while place > top:
        above = (place - 1) >> 1
        if not heap[place] < heap[above]:
            break
        heap[place], heap[above] = heap[above], heap[place]
        place = above


def _sink(heap: Any, top: int) -> None:
    """Let the lesser of the two items below follow into the place of each, then the item rise from the bottom.

    Equal items stay in the order in which heapq leaves them.
    """
    n, place = len(heap), top
    below = 2 * place + 1
    while below < n:
        if below + 1 < n and not heap[below] < heap[below + 1]:
            below += 1
        heap[place], heap[below] = heap[below], heap[place]
        place = below
        below = 2 * place + 1
    _rise(heap, top, place)


def _first(a: Any, lo: Any, hi: Any, past: Callable[[Any], Any]) -> Any:
    """Return the first place from ``lo`` to ``hi`` whose item lies past the one that is sought, by halving."""
    if lo < 0:
        raise ValueError("lo must be non-negative")
    if hi is None:
        hi = len(a)
    while lo < hi:
        middle = (lo + hi) // 2
        if past(a[middle]):
            hi = middle
        else:
            lo = middle + 1
    return lo


@define(bisect.bisect_right)
def bisect_right(a: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """Return the place in a sorted list after the items that are not greater."""
    return _first(a, lo, hi, (lambda item: x < item) if key is None else (lambda item: x < key(item)))


@define(bisect.bisect_left)
def bisect_left(a: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """Return the place in a sorted list before the items that are not less."""
    return _first(a, lo, hi, (lambda item: not item < x) if key is None else (lambda item: not key(item) < x))


@define(bisect.insort_right)
def insort_right(a: Any, x: Any) -> None:
    """Put an item into a sorted list, after those that are equal."""
    a.append(x)
    k = len(a) - 1
    while k > 0 and x < a[k - 1]:
        a[k - 1], a[k] = x, a[k - 1]
        k -= 1


@define(bisect.insort_left)
def insort_left(a: Any, x: Any) -> None:
    """Put an item into a sorted list, before those that are equal."""
    a.append(x)
    k = len(a) - 1
    while k > 0 and not a[k - 1] < x:
        a[k - 1], a[k] = x, a[k - 1]
        k -= 1


@define(heapq.heappush)
def heappush(heap: Any, item: Any) -> None:
    """Put an item into a heap."""
    heap.append(item)
    _rise(heap, 0, len(heap) - 1)


@define(heapq.heappop)
def heappop(heap: Any) -> Any:
    """Take the least item out of a heap."""
    last = heap.pop()
    if not heap:
        return last
    least = heap[0]
    heap[0] = last
    _sink(heap, 0)
    return least


@define(heapq.heapify)
def heapify(x: Any) -> None:
    """Make a heap of a list."""
    for k in range(len(x) // 2 - 1, -1, -1):
        _sink(x, k)


@define(heapq.heapreplace)
def heapreplace(heap: Any, item: Any) -> Any:
    """Take the least item out of a heap, then put one into it."""
    least = heap[0]
    heap[0] = item
    _sink(heap, 0)
    return least


@define(heapq.heappushpop)
def heappushpop(heap: Any, item: Any) -> Any:
    """Put an item into a heap, then take the least out of it."""
    if len(heap) > 0 and heap[0] < item:
        least = heap[0]
        heap[0] = item
        _sink(heap, 0)
        return least
    return item


@define(heapq.nsmallest)
def nsmallest(n: Any, iterable: Any, key: Any = None) -> Any:
    """The least items, in order."""
    return sorted(iterable, key=key)[: max(n, 0)]


@define(heapq.nlargest)
def nlargest(n: Any, iterable: Any, key: Any = None) -> Any:
    """The greatest items, the greatest first."""
    return sorted(iterable, key=key, reverse=True)[: max(n, 0)]


# statistics: rounded more often than there, where sums are fractions ---------------------------------


def _numbers(data: Any, least: int, name: str) -> Any:
    values = list(data)
    if len(values) < least:
        raise statistics.StatisticsError(f"{name} requires at least {least} data point{'s' if least > 1 else ''}")
    return values


def _squares(values: Any, around: Any) -> Any:
    if around is None:
        mean = math.fsum(values) / len(values)
        rest = math.fsum([v - mean for v in values])
        return math.fsum([(v - mean) * (v - mean) for v in values]) - rest * rest / len(values)
    return math.fsum([(v - around) * (v - around) for v in values])


@define(statistics.mean)
def mean(data: Any) -> Any:
    """The sum over the number."""
    values = _numbers(data, 1, "mean")
    return math.fsum(values) / len(values)


@define(statistics.variance)
def variance(data: Any, xbar: Any = None) -> Any:
    """The mean square of the distances from the mean, of a sample."""
    values = _numbers(data, 2, "variance")
    return _squares(values, xbar) / (len(values) - 1)


@define(statistics.pvariance)
def pvariance(data: Any, mu: Any = None) -> Any:
    """The mean square of the distances from the mean."""
    values = _numbers(data, 1, "pvariance")
    return _squares(values, mu) / len(values)


@define(statistics.stdev)
def stdev(data: Any, xbar: Any = None) -> Any:
    """The root of the variance of a sample."""
    return math.sqrt(variance(data, xbar))


@define(statistics.pstdev)
def pstdev(data: Any, mu: Any = None) -> Any:
    """The root of the variance."""
    return math.sqrt(pvariance(data, mu))


@define(statistics.harmonic_mean)
def harmonic_mean(data: Any, weights: Any = None) -> Any:
    """The number over the sum of the reciprocals."""
    values = _numbers(data, 1, "harmonic mean")
    if weights is None:
        return len(values) / math.fsum([1 / v for v in values])
    return math.fsum(weights) / math.fsum([w / v for w, v in zip(weights, values, strict=True)])


@on(getattr(statistics, "_normal_dist_inv_cdf", None))
def _quantile_of_normal(t: Any, st: Any, args: Any, kwargs: Any, fr: Any) -> Any:
    """``NormalDist(mu, sigma).inv_cdf(p)``, after its tests."""
    from revtrace.trace import operators
    from revtrace.trace.numbers import as_num
    from revtrace.trace.values import Num

    p, mu, sigma = args
    score = Num(t.b.op("ndtri", t.b.cast(as_num(t, p).operand, "f8")), True)
    return operators.binary(t, st, "+", mu, operators.binary(t, st, "*", score, sigma))
