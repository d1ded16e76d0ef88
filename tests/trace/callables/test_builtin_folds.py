"""``max``, ``min`` and sums of numbers of several types give what Python gives."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.3, 0.4])


def least(a, x):
    return min(0.5, np.sum(x.astype(np.float32)), a) * 2.0


def largest(a, x):
    return max(np.float32(x[0]), a) + x[1]


@pytest.mark.parametrize(("f", "a"), [(least, -0.57), (least, 0.1), (largest, 0.7)])
@pytest.mark.parametrize("interpret", [True, False])
def test_a_float_among_singles_is_not_rounded(f, a, interpret: bool) -> None:  # type: ignore[no-untyped-def]
    with override(interpret=interpret, cache=False):
        value, slope = revtrace.value_and_grad(f)(a, X)
    assert value == f(a, X)
    assert slope == (2.0 if f is least else 1.0)


def kept_while_changing(x, a):
    for _ in filter(lambda t: t > a, x):
        a += 1.5
    return a * x[0]


def dropped_while_changing(x, a):
    for _ in itertools.filterfalse(lambda t: t <= a, x):
        a += 1.5
    return a * x[0]


def taken_while_changing(x, a):
    for _ in itertools.takewhile(lambda t: t != a, x):
        a += 1.0
    return a * x[0]


def kept(x, a):
    total = 0.0
    for t in filter(lambda t: t > a, x):
        total += t * a
    return total


def test_a_filter_is_not_asked_before_the_loop_changes_what_it_reads() -> None:
    x = np.array([-0.61, 0.43, 0.12, 1.57])
    for f in (kept_while_changing, dropped_while_changing, taken_while_changing, kept):
        agrees(f, x, -0.57)


@dataclasses.dataclass
class Total:
    value: Any

    def __add__(self, x: Any) -> Total:
        return Total(self.value * 0.5 + x)


def test_what_is_folded_into_may_be_anything() -> None:
    def f(x):
        pair = functools.reduce(lambda s, v: (s[0] + v, s[1] * v), x, (0, 1.0))
        table = functools.reduce(lambda s, v: {"a": s["a"] + v * s["n"], "n": s["n"] + 1}, x, {"a": 0.0, "n": 0})
        kept = functools.reduce(lambda s, v: [*s, v] if v > 0.1 else s, x, [])
        total = functools.reduce(lambda s, v: s + v, x, Total(1.0)).value + sum(x, Total(0.0)).value
        return pair[0] * pair[1] + table["a"] + sum(kept) * len(kept) + total

    agrees(f, np.array([0.3, 1.4, -0.5, 0.8]))
