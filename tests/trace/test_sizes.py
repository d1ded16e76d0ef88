"""Tests of what is too large to be written out: refused by name, before time or memory runs out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import revtrace
from revtrace.trace.objects import indexing


def permanent(a: np.ndarray, n: int) -> float:
    return sum(math.prod(a[i, p[i]] for i in range(n)) for p in itertools.permutations(range(n)))


def grid(x: float, n: int) -> float:
    seen = {}
    for i in range(n):
        for j in range(n):
            seen[i, j] = x * (i + j)
    return seen[n - 1, 0] * seen[0, n - 1]


def test_permutations_by_the_million() -> None:
    a = np.arange(1.0, 101.0).reshape(10, 10)
    with pytest.raises(revtrace.UnsupportedError, match=r"itertools.permutations of more than \d+ tuples"):
        revtrace.grad(lambda a: permanent(a, 10))(a)
    with revtrace.config.override(interpret=True):
        slope = revtrace.grad(lambda a: permanent(a, 3))(a[:3, :3].copy())
    assert slope[0, 0] == a[1, 1] * a[2, 2] + a[1, 2] * a[2, 1]


def test_dicts_of_very_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_MOST_ENTRIES", 50)
    with revtrace.config.override(interpret=True):
        assert revtrace.grad(grid)(1.5, 7) == 2 * 1.5 * 36
        with pytest.raises(revtrace.UnsupportedError, match="a dict of more than 50 entries"):
            revtrace.grad(grid)(1.5, 8)
