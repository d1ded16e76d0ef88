"""Objects that two ways or a loop make one of: writing to one is seen through the other exactly where they are one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

U = np.linspace(0.15, 1.07, 6) ** 2 + 0.013


class Pair:
    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


def two_names_on_both_ways(u: np.ndarray) -> float:
    if u[0] > 0:
        p = Pair(u[0], 1.0)
        q = p
    else:
        p = Pair(u[1], 2.0)
        q = p
    p.a = 10 * u[2]
    return float(q.a * u[3] + p.b)


def two_names_on_one_way(u: np.ndarray) -> float:
    if u[0] > 0:
        p = [u[0], 1.0]
        q = p
    else:
        p, q = [u[1], 2.0], [u[2], u[3]]
    p[0] = 10 * u[2]
    return float(q[0] * u[3] + p[1] + (3.0 if p is q else 2.0) * u[1])


def inside_another(u: np.ndarray) -> float:
    d: dict[str, Any] = {}
    if u[0] > 0:
        p = [u[0], 1.0]
        d["x"], d["y"] = [p, p], p
    else:
        p = [u[1], 2.0]
        d["x"], d["y"] = [p, [1.0, 2.0]], p
    p[0] = 10 * u[2]
    return float(d["x"][0][0] * u[3] + d["x"][1][0] + d["y"][0])


def names_itself(u: np.ndarray) -> float:
    if u[1] > 0.1:
        b = Pair(u[1], None)
    else:
        b = Pair(u[2], None)
    b.b = b
    c = b if u[0] > 0 else Pair(u[0], b)
    b.b.a = b.a * 2
    return float(c.a * u[3])


def on_one_way_only(u: np.ndarray) -> float:
    q = None
    if u[0] > 0:
        q = Pair(u[0] * u[1], [u[2] * 2])
    return float(q.a * 3 + q.b[0]) if q is not None else 0.0


def older_ones(u: np.ndarray) -> float:
    a, b = [u[0], u[1]], [u[1], u[2]]
    c = a if u[3] > 0.1 else b
    read = c[0] * u[4]
    a[0] = u[5]
    return float(read + c[0] * u[1] + b[0] * u[2])


def written_by_the_joint_name(u: np.ndarray) -> float:
    s = 0.0
    a, b = [u[0], u[1]], [u[1], u[2]]
    for k in range(6):
        c = a if u[k] > 0.3 else b
        s += c[0] * u[k]
        c[1] += u[k] * s
    return float(s + a[1] * b[1])


def one_after_the_loop(u: np.ndarray) -> float:
    x = [u[0], u[1], u[2]]
    y = x
    for _ in range(10):
        y = [0.5 * x[1], 0.1 + x[2], x[0]]
        x = y
    y[0] = 5.0
    return float(sum(v * v for v in x) + y[1])


def both_written_in_the_loop(u: np.ndarray) -> float:
    x = [u[0], u[1], u[2]]
    y = x
    for _ in range(10):
        y[0] = y[0] * 0.5 + x[1]
        y = [0.5 * x[1], 0.1 + x[2], x[0]]
        x = y
    return float(sum(v * v for v in x) + y[1])


def first_one_has_another_name(u: np.ndarray) -> float:
    x = [u[0], u[1], u[2]]
    z = x
    for _ in range(4):
        x[1] = x[1] * 0.5
        x = [0.5 * x[1], 0.1 + x[2], x[0]]
    return float(sum(v * v for v in x) + z[1])


def attribute_of_the_first_one(u: np.ndarray) -> float:
    p = Pair(u[0], u[1])
    q = p
    for _ in range(4):
        p.a = p.a * 0.5 + u[2]
        p = Pair(p.b, p.a)
    p.a = 3.0
    return float(p.a * p.b + q.a * q.b)


def held_by_a_list(u: np.ndarray) -> float:
    a = [u[0], u[1]]
    keep = [a, a]
    for k in range(4):
        a[0] += u[k]
        a = [a[1], a[0] * 0.5]
        keep[1] = a
    a[0] = 2.0
    return float(keep[0][0] * 3 + keep[1][0] * u[1] + keep[1][1])


def swapped_with_a_third_name(u: np.ndarray) -> float:
    x, y = [u[0], u[1]], [u[2], u[3]]
    z = x
    for _ in range(5):
        x, y = y, x
        x[0] += 0.3 * y[1]
    return float(z[0] * x[0] + y[1] * 2 * u[5])


def best_is_one_that_changes(u: np.ndarray) -> float:
    x = [u[0], u[1]]
    best, most = x, x[0]
    for k in range(6):
        x[0] = x[0] * 0.7 + u[k] * u[k]
        x[1] += x[0]
        if x[0] > most:
            most, best = x[0], x
        else:
            best = [1.0, 2.0]
    return float(best[0] * best[1] + x[1])


def none_before_the_loop(u: np.ndarray) -> float:
    p, q = Pair(u[0], u[1]), Pair(0.0, 0.0)
    last = None
    for k in range(4):
        n = Pair(p.b, p.a * u[1])
        last, p = p, n
        if k == 2:
            last = q = p
    last.a = 3.0
    return float(p.a * p.b + last.a * last.b + q.a)


@pytest.mark.parametrize(
    "function",
    [
        none_before_the_loop,
        two_names_on_both_ways,
        two_names_on_one_way,
        inside_another,
        names_itself,
        on_one_way_only,
        older_ones,
        written_by_the_joint_name,
        one_after_the_loop,
        both_written_in_the_loop,
        first_one_has_another_name,
        attribute_of_the_first_one,
        held_by_a_list,
        swapped_with_a_third_name,
        best_is_one_that_changes,
    ],
)
def test_what_is_written_to_one_object_is_read_through_all_of_its_names(function: Callable[..., float]) -> None:
    agrees(function, U)


# loops whose lists are bound anew, left before or after that ------------------------------------------


def relaxed(u: np.ndarray) -> float:
    x = [v for v in u]
    for _ in range(90):
        y = x[:]
        for i in range(1, len(x) - 1):
            y[i] = 0.45 * (x[i - 1] + x[i + 1]) + 0.05 * u[i]
        if max(abs(p - q) for p, q in zip(x, y, strict=True)) < 1e-4:
            break
        x = y
    return float(sum(v * v for v in x))


def trading(u: np.ndarray) -> float:
    x, y = list(u), list(u)
    for _ in range(90):
        d = 0.0
        for i in range(1, len(x) - 1):
            y[i] = 0.45 * (x[i - 1] + x[i + 1]) + 0.05 * u[i]
            d = max(d, abs(x[i] - y[i]))
        if d < 1e-4:
            break
        x, y = y, x
    return float(sum(v * v for v in x) + y[1])


def grid(u: np.ndarray) -> float:
    n = len(u)
    g = [[0.1 * i] * n for i in range(n)]
    for i in range(n):
        g[0][i] = u[i]
    for _ in range(90):
        h = [row[:] for row in g]
        d = 0.0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                h[i][j] = 0.25 * (g[i - 1][j] + g[i + 1][j] + g[i][j - 1] + g[i][j + 1])
                d = max(d, abs(h[i][j] - g[i][j]))
        if d < 1e-3:
            break
        g = h
    return float(sum(sum(r) for r in g))


def records(u: np.ndarray) -> float:
    p = {"a": u[0], "b": u[1]}
    best, least = p, 1e9
    for _ in range(90):
        p = {"a": p["b"] * 0.9, "b": p["a"] * (0.5 + u[1])}
        f = (p["a"] - 0.3) ** 2
        if f < least:
            best, least = p, f
        if p["a"] < 1e-3:
            break
    return float(p["a"] * p["b"] + best["a"] * best["b"])


def best_array(u: np.ndarray) -> float:
    x, best, least = u.copy(), u.copy(), 1e9
    for _ in range(60):
        x = x - 0.1 * (x - np.sin(u)) * 2
        f = ((x - np.sin(u)) ** 2).sum()
        if f < least:
            least, best = f, x
    return float(best.sum() + least)


@pytest.mark.parametrize("function", [relaxed, trading, grid, records, best_array])
def test_loops_that_bind_lists_anew_are_loops_in_the_program(function: Callable[..., float]) -> None:
    agrees(function, U, rtol=1e-6)
    with override(interpret=True, cache=False):
        lines = str(revtrace.grad(function).dump(U).text).splitlines()
    assert len(lines) < 300
