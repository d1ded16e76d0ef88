"""Tests of loops over long tables of constants: recorded once, not once for each entry."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import revtrace
from revtrace.program.nodes import For, walk
from revtrace.trace.constants import frozen, same_data
from tests.oracles import complex_step

SERIES = [(0.5 / (k + 1), 0.3 * k, 0.1 + 0.05 * k) for k in range(40)]
ROWS = [[0.5 / (k + 1), 0.3 * k] for k in range(40)]
POWERS = tuple(range(-4, 20))
WEIGHTS = [0.25 * (-1) ** k / (k + 1) for k in range(24)]
KINDS = [("sin" if k % 2 else "cos", 0.1 * k) for k in range(20)]
MIXED = [1, 0.5] * 12
FLAGS = [(k % 3 == 0, 0.1 * k) for k in range(30)]


class Term(NamedTuple):
    weight: float
    power: int


TERMS = [Term(1.0 / (k + 1), k) for k in range(20)]


def sine(x):
    return np.sin(x) if isinstance(x, complex) else math.sin(x)


def tuples(x):
    s = 0.0 * x
    for a, b, c in SERIES:
        s += a * sine(b + c * x)
    return s


def lists(x):
    s = 0.0 * x
    for row in ROWS:
        s += row[0] * sine(row[1] * x)
    return s


def together(x):
    s = 0.0 * x
    for n, w in zip(POWERS, WEIGHTS, strict=True):
        s += w * x**n
    return s


def numbered(x):
    s = 0.0 * x
    for k, w in enumerate(WEIGHTS):
        s += w * x**k
    return s


def named(x):
    s = 0.0 * x
    for term in TERMS:
        s += term.weight * x**term.power
    return s


def indexed(x):
    s = 0.0 * x
    for k in range(len(SERIES)):
        s += SERIES[k][0] * sine(SERIES[k][1] + SERIES[k][2] * x)
    return s


def local(x):
    powers = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3]
    s = 0.0 * x
    for n in powers:
        s = s * 0.5 + x**n / n
    return s


def flagged(x):
    s = 0.0 * x
    for flag, w in FLAGS:
        if flag:
            s += w * x * x
        elif w > 1.0:
            s -= w * x
    return s


def after(x):
    for a, b, c in SERIES:
        if c > 1.0:
            break
    return a * x + b * x * x + c


ROLLED = [tuples, lists, together, numbered, named, indexed, local, flagged, after]


def strings(x):
    s = 0.0 * x
    for kind, w in KINDS:
        s += w * (sine(w * x) if kind == "sin" else x)
    return s


def mixed(x):
    s = 0.0 * x
    for w in MIXED:
        s += x * w if isinstance(w, int) else x * x * w
    return s


def growing(x):
    kept = []
    for w in WEIGHTS:
        kept.append((w * x, str(len(kept))))
    return kept[3][0] * kept[-1][0]


def sizes(x):
    s = 0.0 * x
    for n in POWERS:
        s += sum([x] * max(n, 0))
    return s


WRITTEN_OUT = [strings, mixed, growing, sizes]


def loops(f: Callable[..., Any], x: float) -> int:
    program = revtrace.wrap(f).program(x)
    return sum(isinstance(s, For) for s in walk(program.body))


@pytest.mark.parametrize("f", ROLLED)
def test_it_is_recorded_once(f: Callable[..., Any]) -> None:
    program = revtrace.wrap(f).program(0.7)
    assert loops(f, 0.7) == 1
    assert sum(1 for _ in walk(program.body)) < 60


@pytest.mark.parametrize("x", [0.7, -1.3])
@pytest.mark.parametrize("f", [*ROLLED, *WRITTEN_OUT])
def test_values_and_slopes(f: Callable[..., Any], x: float) -> None:
    with revtrace.config.override(interpret=True):
        value, slope = revtrace.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    assert slope == pytest.approx(complex_step(f_complex(f, x)), rel=1e-12)


def f_complex(f: Callable[..., Any], x: float) -> Callable[[complex], Any]:
    return lambda step: f(x + step)


@pytest.mark.parametrize("f", [together, named])
def test_compiled(f: Callable[..., Any]) -> None:
    value, slope = revtrace.value_and_grad(f)(0.7)
    assert value == pytest.approx(f(0.7), rel=1e-14)
    assert slope == pytest.approx(complex_step(f_complex(f, 0.7)), rel=1e-12)


def test_powers_at_zero() -> None:
    # x**0 and x**1 are there.
    value, slope = revtrace.value_and_grad(numbered)(0.0)
    assert (value, slope) == (WEIGHTS[0], WEIGHTS[1])


def test_a_changed_table_is_seen() -> None:
    f = revtrace.grad(lists)
    before = f(0.7)
    old = ROWS[20][0]
    ROWS[20][0] = 5.0
    try:
        changed = f(0.7)
        assert changed == pytest.approx(complex_step(f_complex(lists, 0.7)), rel=1e-12)
    finally:
        ROWS[20][0] = old
    assert changed != before
    assert f(0.7) == before


def test_a_table_that_is_written() -> None:
    def f(x: float) -> float:
        table = [0.5 * k for k in range(20)]
        s = 0.0
        for k, w in enumerate(table):
            if k + 1 < 20:
                table[k + 1] = w + x
            s += table[k] * x
        return s

    x = 0.7
    h = 1e-6
    with revtrace.config.override(interpret=True):
        value, slope = revtrace.value_and_grad(f)(x)
    assert value == pytest.approx(f(x), rel=1e-14)
    assert slope == pytest.approx((f(x + h) - f(x - h)) / (2 * h), rel=1e-8)


@pytest.mark.parametrize("other", [5.0, 1, -0.0, math.nan])
def test_a_table_is_compared_with_types_and_signs(other: Any) -> None:
    table = [0.0, *(0.5 * k for k in range(12))]
    same = list(table)
    assert same_data(same, frozen(table))
    assert same_data([0.0, *(0.5 * k for k in range(12))], frozen(table))
    same[0 if other == 0 else 3] = other
    assert not same_data(same, frozen(table))


def test_rows_are_compared() -> None:
    rows = [[0.5 * k, (k, "a")] for k in range(10)]
    kept = frozen(rows)
    assert same_data(rows, kept)
    assert same_data([list(row) for row in rows], kept)
    rows[4][0] = 7.0
    assert not same_data(rows, kept)
    rows[4][0] = 2.0
    assert same_data(rows, kept)
    rows[4].append(1.0)
    assert not same_data(rows, kept)
    assert not same_data(tuple(rows), kept)


def test_a_table_is_guarded_as_a_whole() -> None:
    f = revtrace.grad(lists)
    f(0.7)
    found = f.table(1).specialisations[0]
    assert [g.kind for g in found.traced.guards].count("data") == 1
    assert len(found.traced.guards) < 10


def test_a_list_met_twice_in_a_table() -> None:
    row = [0.5, 1.5]
    table = [row, row, *([0.1 * k, 0.2] for k in range(10))]

    def f(x: float) -> float:
        table[0][0] = x
        return table[1][0] * x + table[5][0]

    with revtrace.config.override(interpret=True):
        assert revtrace.grad(f)(3.0) == 6.0
    assert row == [0.5, 1.5]
