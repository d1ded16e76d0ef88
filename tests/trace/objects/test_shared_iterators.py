"""Iterators that several pieces of code take from, and functions that change something for each item."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees

X = np.array([0.4, 1.5, -0.7, 2.0])


def any_leaves_the_rest(x: Any) -> Any:
    it = iter(x)
    found = any(v > 1 for v in it)
    return sum(it, 0.0) * 3 + found


def all_leaves_the_rest(x: Any) -> Any:
    it = map(lambda v: v * 2, x)
    found = all(v < 2 for v in it)
    return sum(it, 0.0) * 3 + found


def in_leaves_the_rest(x: Any) -> Any:
    it = iter(x)
    return (x[1] in it) * x[0] + sum(it, 0.0) * 3


def generator_used_again(x: Any) -> Any:
    g = (v * v for v in x)
    r = 0.0
    for v in g:
        r += v
        if v > 1:
            break
    return sum(g, 0.0) * 3 + r


def taken_through_others(x: Any) -> Any:
    r = 0.0
    for make in (
        lambda i: (w * 2 for w in i),
        lambda i: map(abs, i),
        lambda i: itertools.chain([0.1], i),
        lambda i: (v for _, v in enumerate(w for w in i)),
        lambda i: itertools.accumulate(i),
        lambda i: filter(lambda v: v > 0, i),
        lambda i: itertools.islice(i, 3),
        lambda i: (a for a, _ in itertools.pairwise(i)),
        lambda i: (a for a, _ in itertools.zip_longest(i, [1.0])),
    ):
        it = iter(x)
        for v in make(it):
            if v > 1:
                break
            r += v
        r += sum(it, 0.0) * 3
    return r


def first_taken_through_others(x: Any) -> Any:
    it = iter(x)
    g = (v for v in enumerate(w for w in it))
    r = next(g)[1]
    ahead = itertools.chain([1.0], it)
    r += next(ahead) + next(ahead)
    return r + sum(it) * 3


def counted_by_any(x: Any) -> Any:
    asked = [0]

    def large(v: Any) -> Any:
        asked[0] += 1
        return v > 1

    found = any(large(v) for v in x)
    first = asked[0]
    return x[0] * first + x[1] * (all(map(large, x)) + asked[0]) + found


def changed_by_folds(x: Any) -> Any:
    total = [0.0]

    def noted(v: Any) -> Any:
        total[0] += v
        return v

    s = sum(map(noted, x))
    m = max(x, key=noted) + min((v * 2 for v in x), key=noted)
    return s * m + total[0] * 7


def changed_by_a_generator(x: Any) -> Any:
    total = [0.0]

    def given() -> Iterator[Any]:
        for v in x:
            total[0] += v
            yield v

    r = 0.0
    for v in given():
        r += v * total[0]
        if v > 1.8:
            break
    for a, b in zip(given(), x, strict=False):
        r += a * b * total[0]
    return r


def changed_by_iterators(x: Any) -> Any:
    total = [0.0]

    def noted(v: Any) -> Any:
        total[0] += v
        return v > 0

    def added(a: Any, b: Any) -> Any:
        total[0] += a
        return a + b

    r = 0.0
    for v in filter(noted, x):
        r += v * total[0]
    for v in itertools.filterfalse(noted, x):
        r += v * total[0]
    for v in itertools.takewhile(noted, x):
        r += v * total[0]
    for v in itertools.dropwhile(noted, x):
        r += v * total[0]
    for v in itertools.accumulate(x, added):
        r += v * total[0]
    for v in itertools.starmap(added, zip(x, x, strict=True)):
        r += v * total[0]
    return r + functools.reduce(added, x) * total[0]


def elements_of_a_table(rows: list[list[float]], ix: Any) -> Any:
    a = [r[:] for r in rows]
    for _ in range(2):
        p, q = max(((i, j) for i in range(2) for j in range(i + 1, 3)), key=lambda ij: abs(a[ij[0]][ij[1]]))
        a[p][q] *= 0.3
    return a[0][0] + a[0][1] + sum(map(lambda i: a[i][i], ix))


@pytest.mark.parametrize(
    "f",
    [
        any_leaves_the_rest,
        all_leaves_the_rest,
        in_leaves_the_rest,
        generator_used_again,
        taken_through_others,
        first_taken_through_others,
        counted_by_any,
        changed_by_folds,
        changed_by_a_generator,
        changed_by_iterators,
    ],
)
def test_items_are_computed_when_they_are_asked_for(f: Any) -> None:
    agrees(f, X)
    agrees(f, list(X))
    agrees(f, X[::-1].copy())


def test_a_list_becomes_a_table_in_what_a_fold_calls() -> None:
    agrees(elements_of_a_table, [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2]], np.array([0, 1, 1]))
