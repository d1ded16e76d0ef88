"""Iterators and generators taken item by item, by several takers, in loops, and without end."""

from __future__ import annotations

import collections
import copy
import itertools
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.5, 1.5, -0.7, 2.0])


def next_in_a_loop(x: np.ndarray) -> Any:
    it, total = iter(x), 0.0
    for i in range(3):
        total += next(it) * i
    return total


class Halves:
    """Its own iterator."""

    def __init__(self, x: Any, n: int) -> None:
        self.x, self.n = x, n

    def __iter__(self) -> Halves:
        self.left = self.n
        self.now = self.x
        return self

    def __next__(self) -> Any:
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        self.now = self.now * self.now / 2
        return self.now


def own_iterators(x: np.ndarray) -> Any:
    total = sum(Halves(x[0], 4)) + max(Halves(x[1], 2))
    for v in Halves(x[2], 3):
        total += v * x[3]
    it = iter(Halves(x[3], 3))
    a = next(it)
    b, c, _ = it
    pairs = sum(v * w for v, w in zip(Halves(x[0], 2), Halves(x[1], 5), strict=False))
    return total + a * it.x + b * c + pairs


def chained_nodes(x: np.ndarray) -> Any:
    class Node:
        def __init__(self, value: Any, after: Any) -> None:
            self.value, self.after = value, after

    head = None
    for v in x:
        head = Node(v, head)
    total, k = 0.0, 1
    while head:
        total += head.value**k
        head, k = head.after, k + 1
    return total


def counter_in_a_loop(x: np.ndarray) -> Any:
    count, signs, total = itertools.count(), itertools.cycle([1.0, -2.0]), 0.0
    for v in x:
        total += next(count) * next(signs) * v
    return total


def until_the_default(x: np.ndarray) -> Any:
    it, total = iter(x), 0.0
    while True:
        v = next(it, None)
        if v is None:
            break
        total += v * v
    return total


def until_it_stops(x: np.ndarray) -> Any:
    it, total = iter(x), 0.0
    while True:
        try:
            total += next(it) ** 2
        except StopIteration:
            break
    return total


def pairs_from_one_iterator(x: np.ndarray) -> Any:
    it = iter(x)
    return sum(a * b for a, b in zip(it, it, strict=False))


def batches(x: np.ndarray) -> Any:
    it, total = iter(x), 0.0
    while True:
        batch = list(itertools.islice(it, 2))
        if not batch:
            break
        total += batch[0] * batch[-1]
    return total


def used_up_once(x: np.ndarray) -> Any:
    it = iter(x)
    return sum(it) * x[0] + sum(it) + next(it, 5.0)


def map_used_up_once(x: np.ndarray) -> Any:
    squares = map(lambda v: v * v, x)
    return sum(squares) + sum(squares)


def left_and_taken_up_again(x: np.ndarray) -> Any:
    it, total = iter(x), 0.0
    for v in it:
        if v < 0:
            break
        total += v
    for v in it:
        total += 3 * v
    return total


def ranges_begin_anew(x: np.ndarray) -> Any:
    r, total = range(len(x)), 0.0
    for i in r:
        for j in r:
            total += x[i] * x[j] * (i + j)
    return total + sum([x[i] for i in r])


def _powers(a: float) -> Iterator[float]:
    p = 1.0
    while True:
        yield p
        p *= a


def without_end_counted(x: float) -> float:
    total = 0.0
    for k, p in enumerate(_powers(x)):
        if k >= 5:
            break
        total += p
    return total


def without_end_sliced(x: float) -> float:
    return sum(itertools.islice(_powers(x), 5)) + sum(itertools.takewhile(lambda p: p < 20, _powers(x)))


def without_end_until_small(x: float) -> float:
    total = 0.0
    for p in _powers(x):
        total += p
        if p < 1e-13:
            break
    return total


def sent_to(x: np.ndarray) -> float:
    def running() -> Any:
        total = 0.0
        while True:
            v = yield total
            total += v * v

    r = running()
    next(r)
    for v in x:
        last = r.send(float(v))
    return last


def returned_by_a_generator(x: np.ndarray) -> Any:
    def inner() -> Any:
        yield x[0]
        return x[1]

    def outer() -> Any:
        r = yield from inner()
        yield r * 3

    g = outer()
    return sum(outer()) + next(g) * next(g)


def changed_by_the_loop(x: np.ndarray) -> Any:
    seen = [1.0]

    def g() -> Iterator[Any]:
        for i in range(3):
            yield seen[-1] * x[i]

    total = 0.0
    for v in g():
        seen.append(v + 1.0)
        total += v
    return total


def seen_by_the_loop(x: np.ndarray) -> Any:
    level = [0.0]

    def g() -> Iterator[Any]:
        for v in x:
            level[0] += v
            yield v

    total = 0.0
    for v in g():
        total += level[0] * v
    return total


def written_by_the_loop(x: np.ndarray) -> Any:
    y = x.copy()

    def g() -> Iterator[Any]:
        for i in range(3):
            yield y[i] * 2

    total, k = 0.0, 0
    for v in g():
        k += 1
        y[k] += v
        total += v
    return total + y.sum()


def called_until(x: np.ndarray) -> Any:
    it = iter([1.0, 2.0, 0.0, 5.0])
    return sum(v * x[0] for v in iter(lambda: next(it), 0.0))


def two_of_one(x: np.ndarray) -> Any:
    a, b = itertools.tee(x)
    next(b)
    return sum(p * q for p, q in zip(a, b, strict=False))


def moving_average(x: np.ndarray) -> Any:
    window: collections.deque[Any] = collections.deque(maxlen=2)
    total = 0.0
    for v in x:
        window.append(v * v)
        total += sum(window) / len(window)
    return total


def namespace(x: float) -> float:
    n = types.SimpleNamespace(a=x, b=x * 2)
    n.c = n.a * n.b
    return n.c


def shallow_and_deep(x: np.ndarray) -> Any:
    inner = [x[1]]
    given = [x[0], inner, inner]
    deep, shallow = copy.deepcopy(given), copy.copy(given)
    deep[1][0] *= 3
    shallow[1][0] *= 2
    return given[1][0] + deep[2][0] * shallow[0]


def after_the_first(x: np.ndarray) -> Any:
    numbered = enumerate(x, 1)
    values = iter(x)
    before = next(values)
    k, first = next(numbered)
    total = k * first
    for v in values:
        total += (v - before) ** 2
        before = v
    for k, v in numbered:
        total += k * v * v
    return total


class Squares:
    def __init__(self, values: Any) -> None:
        self.values, self.at = values, 0

    def __iter__(self) -> Squares:
        return self

    def __next__(self) -> Any:
        if self.at >= len(self.values):
            raise StopIteration
        self.at += 1
        return self.values[self.at - 1] ** 2


def instances_with_next(x: np.ndarray) -> Any:
    squares = Squares(x)
    total = next(squares) * 3.0
    for v in squares:
        total += math.sin(v)
    return total + next(squares, x[0]) + sum(Squares(x))


@pytest.mark.parametrize(
    "f",
    [
        after_the_first, instances_with_next,
        next_in_a_loop, counter_in_a_loop, until_the_default, until_it_stops, pairs_from_one_iterator, batches,
        used_up_once, map_used_up_once, left_and_taken_up_again, ranges_begin_anew, sent_to, returned_by_a_generator,
        changed_by_the_loop, seen_by_the_loop, written_by_the_loop, called_until, two_of_one, moving_average,
        shallow_and_deep, own_iterators, chained_nodes,
    ],
)  # fmt: skip
def test_of_an_array(f: Callable[..., Any]) -> None:
    agrees(f, X)


def test_what_was_taken_before_a_loop_leaves_it_a_loop() -> None:
    x = np.linspace(0.0, 1.0, 5000)
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(after_the_first)(x)
    assert value == pytest.approx(after_the_first(x), rel=1e-12)
    assert gradient.shape == x.shape


def from_itertools(x: np.ndarray) -> Any:
    total = 0.0
    for a, b in itertools.combinations(x, 2):
        total += abs(a - b)
    for a, b in itertools.product(x, x[::2]):
        total += a * b**2
    for a, b in itertools.product(x, repeat=2):
        total -= a * b
    for a, b in itertools.pairwise(x):
        total += math.sin(a * b)
    total += sum(a * a for a in itertools.accumulate(x))
    for a in itertools.accumulate(x, max, initial=0.5):
        total += a
    return total + sum(itertools.accumulate(list(x), lambda p, q: 0.5 * p + q))


def test_itertools_of_long_arrays() -> None:
    agrees(from_itertools, X)
    x = np.linspace(-1.0, 2.0, 100)
    with override(interpret=True, cache=False):
        assert revtrace.wrap(from_itertools)(x) == pytest.approx(from_itertools(x), rel=1e-12)
        assert revtrace.grad(from_itertools)(x).shape == x.shape


@pytest.mark.parametrize("f", [without_end_counted, without_end_sliced, namespace])
def test_of_a_number(f: Callable[..., Any]) -> None:
    agrees(f, 2.0)


def test_a_series_of_terms_without_end() -> None:
    agrees(without_end_until_small, 0.3)


def test_a_generator_run_early_that_the_loop_changes_is_taken_one_by_one() -> None:
    def f(x: np.ndarray) -> Any:
        seen = [1.0]

        def g() -> Iterator[Any]:
            for i in range(3):
                yield seen[-1] * x[i]

        total = 0.0
        for _, v in enumerate(g()):
            seen.append(v + 1.0)
            total += v
        return total

    agrees(f, X)


def pairs_of_nothing(x: Any) -> Any:
    total = x[0, 0]
    for k in range(3):
        for a, b in x[0, 3:]:
            total += a * b * k
    return total


def rows_so_far(x: Any) -> Any:
    rows: list[Any] = []
    total = 0.0
    for row in x:
        for a, b, c in np.array(rows):
            total += a * b * c
        rows.append(row * row)
    return total


@pytest.mark.parametrize("function", [pairs_of_nothing, rows_so_far])
def test_a_body_that_never_runs_need_not_fit(function: Any) -> None:
    agrees(function, np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.2, 0.1]]))
