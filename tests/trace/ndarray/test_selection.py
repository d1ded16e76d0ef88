"""Choosing by run-time numbers: rows, masks, places, order."""

from __future__ import annotations

import bisect
import math

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

X = np.array([0.7, 1.3, 2.1, 0.4])
M = np.arange(6.0).reshape(3, 2) + 0.5
ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
TABLE = [(0.0, 1.0), (1.0, 2.0), (2.5, 1.5)]


def row(x: float) -> float:
    r = ROWS[int(x)]
    a, b = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))[math.floor(x)]
    return r[0] + r[1] * x + sum(r) * x * x + a * x * b


def bisected(x: float) -> float:
    xs = [r[0] for r in TABLE]
    i = bisect.bisect_right(xs, x) - 1
    t = (x - xs[i]) / (xs[i + 1] - xs[i])
    return TABLE[i][1] * (1 - t) + TABLE[i + 1][1] * t


def masked_update(x: np.ndarray) -> float:
    y = x.copy()
    y[y > 1] = 0.5 * x[x > 1]
    y[x < 0.5] *= 2
    y[np.array([True, False, True, False])] += 1.0
    return (y * x).sum()


def single_truth(x: np.ndarray) -> float:
    yes, turned = x[..., 0] > 1, np.outer(x, x)
    out = np.copy(x)
    out[yes, 1] = x[yes, 2] * 3
    out[~yes, 0] = 7 * x[1]
    turned[True, 0] *= x
    turned[..., True] *= 2
    return np.sum(out * x) + np.sum(x[yes, 1:]) ** 2 + np.sum(turned[1:, ~yes]) + turned[1, yes, 0][-1]


def rows_by_mask(m: np.ndarray) -> float:
    keep = m[:, 0] > 1
    n = m.copy()
    n[keep] = m[keep] ** 2
    return n.sum() + m[keep].prod() + n[keep, 0].sum() if n.ndim == 1 else n.sum() + m[keep].prod()


def places(x: np.ndarray) -> float:
    found = np.where(x > 1)[0]
    i, j = np.nonzero(x.reshape(2, 2) > 0.5)
    return x[found].prod() + (x.reshape(2, 2)[i, j] ** 2).sum() + np.flatnonzero(x < 1).sum() * x[0]


def ordered(x: np.ndarray) -> float:
    y = x * 2
    y.sort()
    order = np.argsort(x)
    return (
        (np.sort(x) * np.arange(4)).sum()
        + (y * x).sum()
        + (x[order] * x).sum()
        + np.sort(x.reshape(2, 2), axis=0)[0, 1]
    )


def searched(x: float) -> float:
    knots = np.array([0.0, 1.0, 2.0, 3.0])
    i = np.searchsorted(knots, x) - 1
    k = np.digitize(np.array([x, 0.5]), [0.5, 1.0, 2.0])
    return knots[i] * x + (x - knots[i]) ** 2 + (k * x).sum() + knots.searchsorted(2.0, side="right") * x


def changed_row(x: float) -> float:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    rows[int(x)][0] = x
    return rows[0][0] + rows[1][0]


FUNCTIONS = {
    "row": (row, 1.6),
    "changed row": (changed_row, 1.6),
    "bisect": (bisected, 1.7),
    "mask": (masked_update, X),
    "one truth": (single_truth, X + 1.5),
    "mask of rows": (rows_by_mask, M),
    "masked sum": (lambda x: x[x > 1].sum() + np.sum(x[x < 1] ** 2) + np.count_nonzero(x > 1) * x[0], X),
    "nothing masked": (lambda x: x[x > 9].sum() + x[0], X),
    "places": (places, X),
    "order": (ordered, X),
    "searchsorted": (searched, 1.7),
    "quantiles": (lambda x: np.median(x) * 2 + np.quantile(x, 0.3) + np.percentile(x, [25, 90]).sum(), X),
    "median of three": (lambda x: np.median(x[:3]), X),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


def test_a_side_that_numbers_decide() -> None:
    def f(x: float) -> float:
        return np.searchsorted(np.array([0.0, 1.0, 2.0]), 1.0, side="left" if x > 0.5 else "right") * x

    with override(interpret=True, cache=False):
        gradient = revtrace.grad(f)
        assert [gradient(0.7), gradient(0.3)] == [1.0, 2.0]
