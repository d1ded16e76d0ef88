"""Long functions as functions that call one another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import revtrace
from revtrace.codegen import parts
from revtrace.codegen.parts import divided

LETTERS = "abcde"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make parts of a few lines."""
    _shorten(monkeypatch)


def _shorten(patch: pytest.MonkeyPatch) -> None:
    for name, size in (("_LONG", 4), ("_PART", 4), ("_LEAST", 2), ("_LOOP", 0)):
        patch.setattr(parts, name, size)


def run(text: str, *args: Any) -> Any:
    """Run the divided form of a function in plain Python."""
    rest, found = divided(text)
    namespace: dict[str, Any] = {"math": math}

    def called(part: parts.Part) -> Any:
        exec(part.text, inner := {"math": math})

        def call(*args: Any) -> tuple[Any, ...]:
            results = inner["part"](*args)
            return (0, *results) if isinstance(results, tuple) else (0,) if results is None else (0, results)

        return call

    namespace.update({part.name: called(part) for part in found})
    exec(rest, namespace)
    return namespace["f"](*args)


@st.composite
def suites(draw: st.DrawFn, depth: int = 0, loop: bool = False) -> list[str]:
    """Return lines of a suite."""
    lines: list[str] = []
    kinds = [
        "set",
        "set",
        "add",
        *(["if", "else", "for"] if depth < 3 else []),
        *(["break", "continue"] if loop else []),
    ]
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=7)):
        x, y, z = (draw(st.sampled_from(LETTERS)) for _ in range(3))
        if kind == "set":
            lines.append(f"{x} = {y} - 2 * {z}")
        elif kind == "add":
            lines.append(f"{x} += {y}")
        elif kind in ("break", "continue"):
            lines += [f"if {x} > {y}:", f"    {kind}"]
        elif kind == "for":
            lines += [f"for i{depth} in range(3):", *indented(draw(suites(depth + 1, True))), f"    {x} += i{depth}"]
        else:
            lines += [f"if {x} > {y}:", *indented(draw(suites(depth + 1, loop)))]
            if kind == "else":
                lines += [f"elif {x} > {z}:", *indented(draw(suites(depth + 1, loop)))]
                lines += ["else:", *indented(draw(suites(depth + 1, loop)))]
    return lines


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


@given(suites(), st.tuples(*[st.integers(-5, 5)] * 5))
def test_divided_functions_return_what_the_whole_does(lines: list[str], args: tuple[int, ...]) -> None:
    results = ", ".join(LETTERS)
    text = "\n".join([f"def f({results}):", *indented(lines), f"    return {results}", ""])
    exec(text, namespace := {})
    with pytest.MonkeyPatch.context() as patch:
        _shorten(patch)
        assert run(text, *args) == namespace["f"](*args)


def blocks(count: int) -> str:
    """Return a function that does the same over and over, to other variables."""
    lines = ["def f(x0):"]
    for k in range(count):
        lines.append(f"    s{k} = 0.0")
        for j in range(5):
            lines += [f"    for i{k}_{j} in range({j + 2}):", f"        t{k}_{j} = math.sin(x{k} + i{k}_{j})"]
            lines += [f"        s{k} = s{k} + t{k}_{j} * {j}.5", f"        x{k} = x{k} * 0.5"] * 4
        lines.append(f"    x{k + 1} = x{k} + s{k}")
    return "\n".join([*lines, f"    return x{count}", ""])


def test_short_functions_stay_whole() -> None:
    text = blocks(3)
    assert divided(text) == (text, ())


@pytest.mark.parametrize("count", [20, 60])
def test_what_is_done_over_and_over_is_one_part(count: int) -> None:
    rest, found = divided(blocks(count))
    assert len({part.text for part in found}) < 5
    assert max(part.text.count("for ") for part in found) * parts._LOOP < 2 * parts._PART
    # Calls of parts are what is left, four lines each.
    assert rest.count("\n") < 5 * len(found) + parts._LEAST
    exec(blocks(count), namespace := {"math": math})
    assert run(blocks(count), 0.3) == namespace["f"](0.3)


def test_a_long_branch_or_loop_is_divided_inside(short: None) -> None:
    body = [f"{LETTERS[k % 5]} = {LETTERS[(k + 1) % 5]} + {LETTERS[(k * k) % 5]} * 0.5" for k in range(400)]
    results = ", ".join(LETTERS)
    lines = ["for i in range(3):", *indented(["if a > b:", *indented(body), "elif c > 0:", *indented(body)])]
    text = "\n".join([f"def f({results}):", *indented(lines), f"    return {results}", ""])
    rest, found = divided(text)
    assert max(part.text.count("\n") for part in found) < 2 * parts._PART + 2
    assert len(found) > 100 and rest.count("\n") < 4 * len(found) + 10
    exec(text, namespace := {})
    assert run(text, 1, 2, 3, 4, 5) == namespace["f"](1, 2, 3, 4, 5)


def test_what_lives_as_long_as_the_call_is_made_by_the_function_itself(short: None) -> None:
    lines = ["r = scratch(float64, 8)", "k = newstack()", *["a = a + r", "k = k + a"] * 8, "keep(k)"]
    rest, found = divided("\n".join(["def f(a):", *indented(lines), "    return a", ""]))
    assert found
    assert "scratch" in rest and "newstack" in rest and "keep" in rest
    assert not any(word in part.text for part in found for word in ("scratch", "newstack", "keep"))


def steps(x: np.ndarray, n: int) -> float:
    y = np.zeros(4)
    total = 0.0
    stack: float = 1.0
    for i in range(n):
        for j in range(4):
            y[j] = y[j] * 0.5 + math.sin(x[j] + i)
        z = np.cumsum(y) * stack
        while stack < 3.0 + x[0]:
            stack = stack * 1.5
        if z[3] > 2.0:
            total += z[1] * y[2]
        else:
            total += z[2]
        total += x[i + 1] ** 2 / (total + 4.0)
        stack = stack - 1.75
    return total


def test_compiled_parts_agree_with_the_interpreter_and_raise_what_python_raises(short: None) -> None:
    x = np.array([0.3, 0.7, 1.1, 0.2])
    with revtrace.config.override(interpret=True, cache=False):
        want = revtrace.value_and_grad(steps)(x, 3)
    with revtrace.config.override(cache=False):
        g = revtrace.value_and_grad(steps)
        value, gradient = g(x, 3)
        assert value == pytest.approx(want[0], rel=1e-14)
        np.testing.assert_allclose(gradient, want[1], rtol=1e-13)
        with pytest.raises(IndexError):
            g(x, 4)
        assert g(x, 3)[0] == value


def test_memory_is_freed_where_a_part_raises(short: None) -> None:
    from tests.codegen.test_kernel import test_memory_is_freed_on_return_bail_and_deopt as freed

    freed(True)
