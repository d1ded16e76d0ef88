"""Lists of equally long lists: whoever names one of them names the same elements, as in Python."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses


def product(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    out = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                out[i][j] += a[i][k] * b[k][j]
    return out


def integers_become_floats(x: np.ndarray[Any, Any], n: int) -> float:
    d = [[0] * (len(x) + 1) for _ in range(n)]
    for i in range(1, n):
        for j in range(1, len(x) + 1):
            d[i][j] = d[i - 1][j - 1] * x[j - 1] + x[j - 1] + d[i - 1][j]
    return d[n - 1][len(x)]


def one_row_twice(x: float, n: int) -> float:
    m = [[0.0] * n] * 2
    for j in range(n):
        m[0][j] += x * (j + 1)
    return m[1][0] + m[1][2] * m[0][1]


def a_name_for_a_row(x: float, n: int) -> float:
    m = [[0.0] * n for _ in range(n)]
    r = m[1]
    for i in range(n):
        for j in range(n):
            m[i][j] += x * (j + i + 1)
        r[i] *= 1.5
    return sum(r) + m[1][2]


def chosen_then_written(x: float) -> float:
    m = [[x, 2.0], [3.0, 4.0]]
    r = m[int(x) - 3]
    m[0][0] = x * x * 5
    return r[0] * x


def orthonormal_rows(a: np.ndarray[Any, Any], n: int) -> float:
    total = 0.0
    for _ in range(n):
        found: list[Any] = []
        for j in range(len(a)):
            rest = a[j]
            for i in range(j):
                rest = rest - np.dot(a[j], found[i]) * found[i]
            found.append(rest / np.sqrt(np.sum(rest**2)))
        total += found[-1][0] + found[1][1] ** 2
    return total


def rows_trade_places(a: list[list[float]]) -> float:
    m = [row[:] for row in a]
    sign = 1.0
    for k in range(len(m)):
        p = k
        for i in range(k + 1, len(m)):
            if abs(m[i][k]) > abs(m[p][k]):
                p = i
        if p != k:
            m[k], m[p] = m[p], m[k]
            sign = -sign
        for i in range(k + 1, len(m)):
            f = m[i][k] / m[k][k]
            for j in range(k, len(m)):
                m[i][j] -= f * m[k][j]
    for i in range(len(m)):
        sign *= m[i][i]
    return sign


def a_place_by_a_name(x: float, n: int) -> float:
    m = [[x * i + j for j in range(3)] for i in range(n)]
    for k in range(n - 1):
        t = m[k]
        m[k] = m[k + 1]
        m[k + 1] = t
        t[0] += 10 * x
    return m[0][0] + m[1][0] * 2 + m[2][0] * 3


def a_row_is_replaced(x: float, n: int) -> float:
    m = [[x * i + j for j in range(3)] for i in range(n)]
    for k in range(n):
        m[k] = [v * m[0][0] + 1.0 for v in m[k]]
    return m[0][0] + m[1][0] * 2 + m[2][0] * 3


def rows_grow(x: float, n: int) -> float:
    near: list[list[float]] = [[] for _ in range(n)]
    for i in range(n):
        for j in range(i):
            near[i].append(x * j)
            near[j].append(x + i)
    return sum(sum(a) * (i + 1) for i, a in enumerate(near))


def walked_and_written(x: float, n: int) -> float:
    m = [[x * i + j for j in range(3)] for i in range(n)]
    for row in m:
        for j in range(len(row)):
            row[j] *= x
    for i, row in enumerate(m):
        row[0] += i
    return sum(sum(row) for row in m) + m[2][0]


def the_callers_list(a: list[list[float]]) -> float:
    for i in range(len(a)):
        for j in range(i):
            a[i][j], a[j][i] = a[j][i], a[i][j] * 2
    return a[0][1] * a[2][0] + a[1][2]


def three_deep(x: float, n: int) -> float:
    t = [[[0.0] * 2 for _ in range(n)] for _ in range(n)]
    for i in range(n):
        for j in range(n):
            for k in range(2):
                t[i][j][k] = x ** (k + 1) + j + (t[i - 1][j][1 - k] if i > 0 else 0.0)
    return sum(t[n - 1][j][0] * t[n - 1][j][1] for j in range(n))


def deep_copied(a: list[list[float]]) -> float:
    b = copy.deepcopy(a)
    for i in range(len(a)):
        for j in range(len(a)):
            b[i][j] = b[i][j] ** 2 + a[j][i]
    return sum(map(sum, b))


def as_an_array(x: float, n: int) -> float:
    m = [[x * i + j for j in range(3)] for i in range(n)]
    for k in range(n - 1):
        m[k], m[k + 1] = m[k + 1], m[k]
    return float((np.array(m) * np.arange(3.0)).sum(axis=1)[1])


def a_list_of_the_last_round(x: np.ndarray[Any, Any], c: float) -> float:
    for k in range(10):
        labels = [math.sin(v * c) for v in x]
        c = c * 0.9 + 0.1 * labels[k % 2]
        if c < 0.3:
            break
    return labels[0] + 2 * labels[-1] * c


def items_deleted(x: np.ndarray[Any, Any], n: int) -> float:
    items = list(x)
    del items[1], items[-1]
    return items[0] * items[n] ** 2


A = [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0], [0.5, 0.1, 0.2]]
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "product": (product, A, A),
    "integers become floats": (integers_become_floats, np.array([1.0, 2.0, 0.5]), 4),
    "one row twice": (one_row_twice, 1.3, 3),
    "a name for a row": (a_name_for_a_row, 1.3, 3),
    "chosen, then written": (chosen_then_written, 3.2),
    "orthonormal rows": (orthonormal_rows, np.array(A) + np.eye(len(A)), 2),
    "rows trade places": (rows_trade_places, A),
    "a place by a name": (a_place_by_a_name, 1.3, 3),
    "a row is replaced": (a_row_is_replaced, 1.3, 3),
    "rows grow": (rows_grow, 1.3, 4),
    "walked and written": (walked_and_written, 1.3, 4),
    "the caller's list": (the_callers_list, A),
    "three deep": (three_deep, 1.3, 3),
    "deep copied": (deep_copied, A),
    "as an array": (as_an_array, 1.3, 4),
    "items deleted": (items_deleted, np.array([0.3, 0.8, 1.1, 2.0]), 1),
    "a list of the last round": (a_list_of_the_last_round, np.array([0.3, 0.8]), 1.1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


def triangle(x: float, n: int) -> float:
    rows: list[list[float]] = []
    for i in range(n):
        row = [x] * (i + 1)
        for j in range(1, i):
            row[j] = 0.5 * (rows[i - 1][j - 1] + rows[i - 1][j])
        rows.append(row)
    return sum(a * a for a in rows[-1])


def romberg(x: float, n: int) -> float:
    rows: list[list[float]] = []
    for i in range(n):
        h = 1.0 / 2**i
        row = [h * (0.5 + 0.5 * math.exp(-x) + sum(math.exp(-x * (k * h) ** 2) for k in range(1, 2**i)))]
        for j in range(1, i + 1):
            row.append(row[j - 1] + (row[j - 1] - rows[i - 1][j - 1]) / (4**j - 1))
        rows.append(row)
    return rows[-1][-1]


@pytest.mark.parametrize("f", [triangle, romberg])
def test_rows_that_get_longer(f: Callable[..., Any]) -> None:
    agrees(f, 0.7, 5)


def nearest_means(x: np.ndarray) -> float:
    means = [x[0], x[1]]
    for _ in range(3):
        groups: list[list[Any]] = [[] for _ in means]
        for row in x:
            groups[int(np.argmin([np.sum((row - m) ** 2) for m in means]))].append(row)
        means = [np.mean(g, axis=0) if g else m for g, m in zip(groups, means, strict=True)]
    return float(sum(min(np.sum((row - m) ** 2) for m in means) for row in x))


def test_a_list_chosen_by_numbers_grows() -> None:
    agrees(nearest_means, np.array([[0.1, 0.4], [2.0, 1.1], [0.3, 0.2], [1.7, 1.3], [2.2, 0.9]]))


def largest_of_some(x: np.ndarray, least: float) -> float:
    kept = [v for v in x if v > least]
    return float(max(kept, default=2 * x[1]) + 3 * min((v * v for v in x if v > least), default=x[0]))


def test_largest_of_numbers_of_which_there_may_be_none() -> None:
    agrees(largest_of_some, np.array([0.3, 0.9, 0.6]), 0.5)
    agrees(largest_of_some, np.array([0.3, 0.9, 0.6]), 5.0)


def one_deleted(x: float, n: int) -> float:
    items = [x, x * x, 3 * x, math.sin(x)]
    del items[int(x) % n]
    return items[0] + 2 * items[1] + 5 * items[2]


def test_an_item_deleted_by_a_number_of_the_run() -> None:
    agrees(one_deleted, 2.3, 4)
    agrees(one_deleted, 3.3, 4)


def eliminated(x: Any) -> Any:
    """Gauss-Jordan with rows found by numbers: they trade places and are replaced."""
    a = x.tolist()
    n = len(a)
    scale = 1.0
    for c in range(n):
        p = max(range(c, n), key=lambda r: abs(a[r][c]))
        if p != c:
            a[c], a[p] = a[p], a[c]
        scale *= a[c][c]
        chosen = max(range(n), key=lambda r: abs(a[r][c]))
        row = a[chosen]
        a[chosen] = [v * 1.5 for v in row]
        for r in range(c + 1, n):
            f = a[r][c] / a[c][c]
            a[r] = [u - f * v for u, v in zip(a[r], a[c])]
    return scale + a[0][1] * a[1][2]


def replaced_under_a_name(x: Any) -> Any:
    a = x.tolist()
    j = max(range(3), key=lambda k: abs(a[k][0]))
    made = [v * 2.0 for v in a[j]]
    a[j] = made
    made[1] = 5.0 * x[0, 0]
    return a[0][0] * a[1][1] - a[j][1] * a[1][0] + a[2][2]


def read_by_an_old_name(x: Any) -> Any:
    a = x.tolist()
    first = a[0]
    j = max(range(3), key=lambda k: abs(a[k][0]))
    a[j] = [v * 2.0 for v in a[j]]
    return a[0][0] * first[0]


def test_rows_replaced_where_a_number_says() -> None:
    x = np.array([[1.2, 0.7, 0.5], [0.3, 2.0, 0.1], [0.4, 0.6, 0.8]])
    for m in (x, x[::-1].copy()):
        agrees(eliminated, m)
        agrees(replaced_under_a_name, m)
    refuses(read_by_an_old_name, x, match="a list in a list is replaced")


def test_a_row_that_a_comprehension_copies_is_lengthened() -> None:
    def f(x):
        row = [x[0]] * 3
        table = [list(row) for _ in range(2)]
        table[0][0] = x[2]
        table[1].insert(1, x[3])
        return sum(table[0]) + sum(table[1]) * len(table[1])

    agrees(f, np.array([0.4, 1.5, -0.7, 2.0]))
