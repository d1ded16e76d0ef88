"""Instances as keys, of classes that say which are equal."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses

X = np.array([0.4, 1.5, -0.7, 2.0, 0.9])


class Place:
    def __init__(self, i: int, j: int, tag: int = 0) -> None:
        self.i, self.j, self.tag = i, j, tag

    def __hash__(self) -> int:
        return hash((self.i, self.j))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.i == other.i and self.j == other.j

    def around(self) -> list[Place]:
        return [Place(self.i + 1, self.j), Place(self.i, self.j + 1)]


@dataclasses.dataclass(frozen=True)
class Cell:
    i: int
    j: int = 0


@dataclasses.dataclass(unsafe_hash=True)
class Mutable:
    i: int


@dataclasses.dataclass
class Unhashable:
    i: int


@dataclasses.dataclass(frozen=True)
class Amount:
    v: Any


def entered_and_found(x: Any) -> Any:
    d = {}
    for i in range(2):
        for j in range(2):
            d[Place(i, j)] = x[2 * i + j]
    r = d[Place(0, 1)] * d[Place(1, 1)] + len({Place(0, 0), Place(0, 0), Place(1, 0)}) * x[0]
    r += (Place(0, 0) in d) * x[1] + (Place(5, 5) in d)
    d[Place(0, 0, tag=7)] = x[4]
    return r + sum(k.tag + k.i * v for k, v in d.items()) + d.get(Place(9, 9), 1.5) + d.pop(Place(1, 0))


def walked_through(x: Any) -> Any:
    found: dict[Place, Any] = collections.defaultdict(float)
    seen, todo = set(), [Place(0, 0)]
    while todo:
        p = todo.pop()
        if p in seen or p.i + p.j > 3:
            continue
        seen.add(p)
        for n in p.around():
            found[n] += x[p.i] * x[p.j]
            todo.append(n)
    return found[Place(1, 1)] * found[Place(2, 1)] + len(seen)


def of_dataclasses(x: Any) -> Any:
    d = {Cell(i, i % 2): v for i, v in enumerate(x)}
    counts = collections.Counter(Cell(i % 3) for i in range(7))
    pairs = {(Cell(1), "a"): x[0], ("b", (Cell(2), 1)): x[1]}
    r = d[Cell(2)] * d[Cell(1, 1)] + counts[Cell(0)] * x[3] + pairs[Cell(1), "a"] * pairs["b", (Cell(2), 1)]
    return r + (hash(Cell(1)) == hash(Cell(1))) + len(set(d) | {Cell(0, 0)})


def entered_on_one_way(x: Any) -> Any:
    d = {}
    if x[0] > 0:
        d[Cell(1)], q = x[1], Cell(2, 2)
    else:
        d[Cell(1)], q = x[2], Cell(2, 3)
    d[q] = x[3]
    for v in x:
        if v > 0.5:
            d[Cell(1)] = d.get(Cell(1), 0.0) + v
        else:
            d[Cell(0)] = d.get(Cell(0), 1.0) * v
    return d[Cell(1)] * 2 + d.get(Cell(2, 2), 0.5) + sum(k.j + v * (k.i + 1) for k, v in d.items())


def unhashable(x: Any) -> Any:
    try:
        return {Unhashable(1): x[0]}[Unhashable(1)]
    except TypeError as e:
        return x[1] * len(str(e))


@pytest.mark.parametrize("f", [entered_and_found, walked_through, of_dataclasses, entered_on_one_way, unhashable])
def test_equal_instances_are_one_key(f: Any) -> None:
    agrees(f, X)
    agrees(f, -X * 3)


def test_a_key_that_changes_is_refused() -> None:
    def f(x: Any) -> Any:
        m = Mutable(1)
        d = {m: x[0]}
        m.i = 2
        return x[1] * (Mutable(1) in d) + x[2] * (m in d)

    refuses(f, X, match="a Mutable that is a key changes")


def test_a_hash_of_a_run_time_number_is_refused() -> None:
    refuses(lambda x: {Amount(x[0]): x[1]}[Amount(x[0])], X, match="run-time")
