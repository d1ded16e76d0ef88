"""Functions whose structure depends on run-time numbers: one specialisation per way taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from revtrace.trace import trace
from tests.trace.agree import agrees


def axis_and_angle(q):
    norm = math.sqrt(q[1] ** 2 + q[2] ** 2)
    if norm < 1e-8:
        return [0.0, 1.0], q[0]
    return q[1:] / norm, 2.0 * math.atan2(norm, q[0])


def of_two_kinds(q):
    axis, angle = axis_and_angle(q)
    return axis[0] * 3.0 + axis[1] * angle


def letter(x):
    return x * x if "abc"[int(10 * x) % 3] == "a" else -x


def table(x):
    names = {0: "low", 1: "high"}
    return x * {"low": 2.0, "high": 5.0}[names[int(x)]]


def history(x):
    y, steps = x, []
    while abs(y * y - 2.0) > 1e-9:
        y = 0.5 * (y + 2.0 / y)
        steps.append((y, x * y))
    return sum(a * b for a, b in steps)


def quadrature(a, b):
    def simpson(lo, hi):
        return (math.sin(a * lo) + 4.0 * math.sin(a * 0.5 * (lo + hi)) + math.sin(a * hi)) * (hi - lo) / 6.0

    todo, total = [(0.0, b, 0)], 0.0
    while todo:
        lo, hi, depth = todo.pop()
        mid = 0.5 * (lo + hi)
        whole, halves = simpson(lo, hi), simpson(lo, mid) + simpson(mid, hi)
        if abs(whole - halves) < 1e-3 or depth > 5:
            total += halves
        else:
            todo += [(lo, mid, depth + 1), (mid, hi, depth + 1)]
    return total


def inside_an_arm(x, y):
    if x > 0.0:
        found = (y, y) if y > 1.0 else [y]
        return len(found) * y
    return x * y


@pytest.mark.parametrize(
    ("function", "cases"),
    [
        (of_two_kinds, [(np.array([0.3, 0.4, 0.5]),), (np.array([0.2, 0.9, 0.1]),)]),
        (letter, [(0.52,), (0.63,), (0.74,)]),
        (table, [(0.5,), (1.5,)]),
        (history, [(1.3,), (1.41,), (9.0,)]),
        (quadrature, [(1.0, 2.0), (5.0, 3.0)]),
        (inside_an_arm, [(1.0, 0.5), (1.0, 2.0), (-1.0, 2.0)]),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_each_way_gets_a_specialisation(function: Callable[..., Any], cases: Iterable[tuple[Any, ...]]) -> None:
    for case in cases:
        agrees(function, *case)


def test_ways_are_kept_and_checked_when_compiled() -> None:
    f = revtrace.wrap(of_two_kinds)
    general, special = np.array([0.3, 0.4, 0.5]), np.array([0.7, 0.0, 0.0])
    for _ in range(2):
        assert revtrace.grad(of_two_kinds)(general) == pytest.approx(f.grad(general))
        assert f.grad(special).tolist() == [1.0, 0.0, 0.0]
    assert f.grad.stats.specialisations == 2
    assert f(special) == of_two_kinds(special)


def test_what_the_function_raises_is_raised() -> None:
    def f(x):
        if x < 0.0:
            raise ValueError("negative")
        return sum([x] if x < 1.0 else (x, x))

    gradient = revtrace.grad(f)
    assert (gradient(0.5), gradient(2.0)) == (1.0, 2.0)
    with pytest.raises(ValueError, match="negative"):
        gradient(-1.0)


def test_other_derivatives_follow() -> None:
    assert revtrace.hessian(letter)(0.63) == 2.0
    assert revtrace.jvp(letter, (0.74,), (2.0,)) == (letter(0.74), -2.0)
    with override(interpret=True):
        _, pullback = revtrace.vjp(of_two_kinds, np.array([0.7, 0.0, 0.0]))
        assert pullback(2.0)[0].tolist() == [2.0, 0.0, 0.0]


def test_nothing_is_pinned_without_need_or_without_arguments_to_run_on() -> None:
    def plain(x):
        return x * x if x > 0.0 else -x

    assert not trace(plain, (1.0,)).pinned
    with pytest.raises(UnsupportedError, match="structure"):
        trace(letter, (0.5,))


def test_a_float_as_a_key_is_refused() -> None:
    def f(x):
        return x * {0.5: 1.0, 1.5: 2.0}[x]

    with pytest.raises(UnsupportedError, match="key"):
        revtrace.grad(f)(0.5)


def test_recursion_whose_depth_depends_on_floats() -> None:
    def integral(a, b, w):
        def simpson(lo, hi):
            return (math.sin(w * lo) + 4.0 * math.sin(w * 0.5 * (lo + hi)) + math.sin(w * hi)) * (hi - lo) / 6.0

        def adaptive(lo, hi):
            mid = 0.5 * (lo + hi)
            halves = simpson(lo, mid) + simpson(mid, hi)
            if abs(simpson(lo, hi) - halves) < 1e-3:
                return halves
            return adaptive(lo, mid) + adaptive(mid, hi)

        return adaptive(a, b)

    agrees(integral, 0.1, 2.0, 3.0)
    agrees(integral, 0.1, 2.0, 8.0)


def test_an_array_without_axes_and_a_number_are_one_variable() -> None:
    def f(x):
        root, done, guess = np.full(np.shape(x), np.nan), np.zeros(np.shape(x), bool), x
        for _ in range(40):
            better = 0.5 * (guess + x / guess)
            now = ~done & (np.abs(better - guess) < 1e-9)
            root, done = np.where(now, better, root), done | now
            if done.all():
                break
            guess = better
        return np.sum(root)

    agrees(f, 2.0)
    agrees(f, np.array([2.0, 3.0]))


def merged(a, b):
    out, a, b = [], list(a), list(b)
    while a and b:
        out.append(a.pop(0) if a[0] < b[0] else b.pop(0))
    return sum(v * k for k, v in enumerate(out + a + b))


def kept_by_a_filter(x):
    kept = list(filter(lambda v: v > 0.5, x))
    return sum(v * v for v in kept) / len(kept)


def quicksort(x):
    def ordered(items):
        if len(items) <= 1:
            return items
        first, rest = items[0], items[1:]
        return ordered([v for v in rest if v < first]) + [first] + ordered([v for v in rest if v >= first])

    low, high = ordered(list(x))[:2]
    return low * 3.0 - high


def growing_then_cut(x):
    values = []
    for k in range(5):
        if math.sin(x * k) > 0.0:
            values.append(x * k)
    values.pop(0)
    return sum(values[1:]) + len(values) * x


def pairs_as_often_as_a_float_says(x):
    return sum(a * b for a, b in [(k, x * k) for k in range(int(x))]) * math.factorial(int(x))


def area_of_hull(xy):
    def turn(o, a, b):
        return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])

    def half(points):
        chain = []
        for p in points:
            while len(chain) >= 2 and turn(chain[-2], chain[-1], p) <= 0.0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    points = sorted((xy[k], xy[k + 1]) for k in range(0, len(xy), 2))
    hull = half(points) + half(points[::-1])
    return 0.5 * sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(hull, hull[1:] + hull[:1], strict=True))


@pytest.mark.parametrize(
    ("function", "case"),
    [
        (merged, (np.array([1.0, 3.0, 5.0]), np.array([2.0, 2.5]))),
        (kept_by_a_filter, (np.array([0.1, 0.7, 0.9]),)),
        (quicksort, (np.array([0.9, 0.1, 0.5, 0.3]),)),
        (growing_then_cut, (0.7,)),
        (pairs_as_often_as_a_float_says, (3.5,)),
        (area_of_hull, (np.array([0.0, 0.1, 1.0, 0.2, 0.9, 1.1, 0.1, 0.9, 0.5, 0.4, 0.6, 0.7]),)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_lists_whose_lengths_depend_on_floats(function: Callable[..., Any], case: tuple[Any, ...]) -> None:
    agrees(function, *case)


def test_a_list_of_a_length_found_by_running_is_returned() -> None:
    def f(x):
        found = []
        while x < 10.0:
            found.append(x)
            x = x * 1.7
        return found

    value, pullback = revtrace.vjp(f, 2.0)
    assert value == f(2.0)
    assert pullback([1.0] * 4) == (pytest.approx(1.0 + 1.7 + 1.7**2 + 1.7**3),)


BOUNDS = [30.0, 45.0, 60.0]
LIMITS = [[10.0, 100.0], [10.0, 300.0], [40.0, 500.0]]
FACTORS = [[1.0, 2.0, 3.0], [1.5, 2.5, 4.0], [5.0, 6.0, 7.0]]


def found_in_tables(x, angle):
    for k, bound in enumerate(BOUNDS):
        if angle <= bound:
            limits, factors = LIMITS[k], FACTORS[k]
            break
        elif k == len(BOUNDS) - 1:
            limits, factors = LIMITS[-1], FACTORS[-1]
    for j in range(len(limits)):
        if x <= limits[j]:
            return factors[j] * x * x
    return factors[-1] * x


def test_lists_chosen_in_a_loop() -> None:
    for case in ((50.0, 20.0), (200.0, 40.0), (9.0, 70.0)):
        agrees(found_in_tables, *case)


def test_arrays_of_lengths_that_only_their_branch_knows() -> None:
    def f(x):
        if x[0] > 0.0:
            y = np.zeros(int(np.sum(x > 0.0)) + 1)
            y[:-1] = 2.0 * x[0]
        else:
            y = np.ones(int(np.sum(x > 0.0)) + 2) * x[1]
        return np.sum(y**2)

    agrees(f, np.array([1.0, 2.0, 3.0]))
    agrees(f, np.array([-1.0, 2.0, 3.0]))


def test_a_long_program_for_one_way_is_not_compiled() -> None:
    def f(x):
        steps = []
        for k in range(300):
            if x * k > 30.0 * len(steps):
                steps.append(("high", x * k))
            else:
                steps.append(math.sin(x * k))
        return sum(s[1] if isinstance(s, tuple) else s for s in steps)

    gradient = revtrace.wrap(f).grad
    assert gradient(0.5) == pytest.approx((f(0.5 + 1e-6) - f(0.5 - 1e-6)) / 2e-6, rel=1e-6)
    assert gradient.stats.compile_seconds == 0.0


def test_lengths_found_by_running_in_a_convolution() -> None:
    agrees(lambda x, y: np.sum(np.convolve(x[x > 0.5], y, "valid") ** 2), np.array([1.0, 2.0, 0.1]), np.array([0.5]))
    agrees(lambda x, y: np.convolve(x, y)[0] ** 2, 2.0, 3.0)


def test_an_array_filled_but_for_its_end() -> None:
    def f(x, n):
        y = np.zeros(n)
        y[:-1] = 2.0 * x[0]
        return np.sum(y**2)

    agrees(f, np.array([1.0, 2.0, 3.0]), 4)


def test_many_integers_of_a_list_decide_the_structure() -> None:
    def distinct(x: np.ndarray, places: list[int]) -> Any:
        seen: set[int] = set()
        total = 0.0
        for i in places:
            if i not in seen:
                seen.add(i)
                total += x[i] ** 2
        return total * len(seen)

    agrees(distinct, np.arange(1.0, 5.0), [0, 1, 3] * 20)
