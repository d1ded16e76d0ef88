"""Tests of long and deep branches: how they are written, and that no limit of Python's stops them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import revtrace
from revtrace.program.deep import depth


def made(text: str, name: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"math": math}
    exec(text, namespace)
    found: Callable[..., Any] = namespace[name]
    return found


def arms(count: int) -> Callable[[float, float], float]:
    """Return a function of one branch with many arms."""
    lines = ["def arms(x, y):"]
    lines += [f"    {'el' if k else ''}if x < {k}.0: y = y * {k}.5 + x * x" for k in range(count)]
    return made("\n".join([*lines, "    else: y = x", "    return y"]), "arms")


def nest(levels: int) -> Callable[[float], float]:
    """Return a function of branches in branches, each followed by something to do."""
    lines = ["def nest(x):", "    y = x"]
    for k in range(levels):
        lines.append("    " + " " * k + f"if x > {k}.0:")
        lines.append("    " + " " * (k + 1) + f"y = y * 1.0625 + {k}.0")
    lines += ["    " + " " * (k + 1) + f"y = y + 0.25 * x * y / {k + 2}.0" for k in reversed(range(levels))]
    return made("\n".join([*lines, "    return y"]), "nest")


def test_arms_are_written_side_by_side() -> None:
    f = revtrace.grad(arms(12), argnums=(0, 1))
    text = f.source(3.5, 0.7)
    assert text.count("elif x < ") == 11
    assert max(len(line) - len(line.lstrip()) for line in text.splitlines() if "x < " in line) <= 4


@pytest.mark.parametrize("x", [-1.0, 0.5, 5.5, 10.5, 20.0])
def test_each_arm_gives_its_value_and_slopes(x: float) -> None:
    f = arms(12)
    value, slopes = revtrace.value_and_grad(f, argnums=(0, 1))(x, 0.7)
    assert value == f(x, 0.7)
    arm = next((k for k in range(12) if x < k), None)
    assert slopes == ((1.0, 0.0) if arm is None else (2 * x, arm + 0.5))


@pytest.mark.parametrize("x", [3.5, 170.5, 800.0])
def test_many_arms(x: float) -> None:
    f = arms(180)
    with revtrace.config.override(large=100, cache=False):
        value, slopes = revtrace.value_and_grad(f, argnums=(0, 1))(x, 0.7)
    assert value == f(x, 0.7)
    arm = next((k for k in range(180) if x < k), None)
    assert slopes == ((1.0, 0.0) if arm is None else (2 * x, arm + 0.5))


def returning(count: int) -> Callable[[float, float], float]:
    """Return a function of many branches one after the other, from each of which there is a way out."""
    lines = ["def returning(x, y):"]
    for k in range(count):
        lines += [f"    if x < {k}.0:", "        if y < x:", f"            return x * {k}.5 + y", "        y = y + 1.0"]
    return made("\n".join([*lines, "    return x * x * y"]), "returning")


@pytest.mark.parametrize(("made_of", "count"), [(arms, 500), (returning, 110)], ids=["arms", "returning"])
def test_more_arms_than_programs_have_levels(made_of: Callable[..., Any], count: int) -> None:
    f = made_of(count)
    program = revtrace.wrap(f).program(3.5, 0.7)
    assert depth(program.body) < 200
    with revtrace.config.override(interpret=True, cache=False):
        derived = revtrace.value_and_grad(f, argnums=(0, 1))
        for x in (3.5, count - 0.5, count + 3.0):
            value, slopes = derived(x, 0.7)
            assert value == f(x, 0.7)
            h = 1e-6
            by_x, by_y = (f(x + h, 0.7) - f(x - h, 0.7)) / (2 * h), (f(x, 0.7 + h) - f(x, 0.7 - h)) / (2 * h)
            assert slopes == pytest.approx((by_x, by_y), rel=1e-5, abs=1e-6)


def test_what_python_cannot_nest_is_interpreted() -> None:
    # CPython takes a hundred levels of source; the compiler's own of blocks are no matter for branches.
    f = nest(97)
    program = revtrace.wrap(f).program(50.5)
    assert depth(program.body) > 97
    with revtrace.config.override(cache=False):
        value, slope = revtrace.value_and_grad(f)(50.5)
    h = 1e-5
    assert value == pytest.approx(f(50.5), rel=1e-13)
    assert slope == pytest.approx((f(50.5 + h) - f(50.5 - h)) / (2 * h), rel=1e-6)


def test_results_that_trade_places_in_an_arm() -> None:
    def f(x: float, y: float) -> float:
        if x > 3.0:
            x, y = x * y, y
        elif x > 2.0:
            x, y = y, x
        elif x > 1.0:
            y = x * 2.0
            if y > 3.0:
                x = y
        else:
            x = y * y
        return x - 2.0 * y

    for x in (3.5, 2.5, 1.75, 1.25, 0.5):
        value, (by_x, by_y) = revtrace.value_and_grad(f, argnums=(0, 1))(x, 0.75)
        h = 1e-6
        assert value == f(x, 0.75)
        assert by_x == pytest.approx((f(x + h, 0.75) - f(x - h, 0.75)) / (2 * h), abs=1e-7)
        assert by_y == pytest.approx((f(x, 0.75 + h) - f(x, 0.75 - h)) / (2 * h), abs=1e-7)
