"""Every statement of a gradient says which statement of the function it comes from, and why values are kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.passes.origins import numbered
from revtrace.passes.plan import Plan
from revtrace.program.nodes import Op, Program, Stmt, walk


def rnn(a: Any, x: Any) -> Any:
    h = 0.0
    for t in range(len(x)):
        h = math.tanh(a * h + x[t])
    return h


def swept(u: Any) -> Any:
    for i in range(1, len(u)):
        u[i] = u[i] * math.sin(u[i - 1] * u[i])
    return u[1]


ROLES = {"", "keep", "fetch", "again", "undo", "adjoint"}


def made(f: Callable[..., Any], *args: Any) -> tuple[Program, Plan]:
    numbers = tuple(range(len(args)))
    traced, plan = revtrace.value_and_grad(f, argnums=numbers).table(len(args)).maker.traced(args, {})
    assert plan is not None
    return traced.program, plan


def places(program: Program, role: str) -> list[Stmt]:
    return [s for s in walk(program.body) if s.loc.role == role]


def test_numbers_count_statements() -> None:
    program = made(rnn, 0.5, np.ones(3))[1].program
    assert program is not None
    again = numbered(program)
    assert [s.loc.origin for s in walk(again.body)] == list(range(1, 1 + sum(1 for _ in walk(again.body))))


@pytest.mark.parametrize("f, args", [(rnn, (0.5, np.ones(3))), (swept, (np.ones(4),))])
def test_a_gradient_refers_to_what_was_reversed(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    program, plan = made(f, *args)
    assert plan.program is not None
    lines: dict[int, int] = {}
    for stmt in walk(plan.program.body):
        lines.setdefault(stmt.loc.origin, stmt.loc.line)
    for stmt in walk(program.body):
        assert stmt.loc.role in ROLES
        if stmt.loc.origin:
            assert lines[stmt.loc.origin] == stmt.loc.line


def test_what_is_kept_is_fetched() -> None:
    program, plan = made(rnn, 0.5, np.ones(3))
    (kept,) = (a for a in plan.answers if a.answer == "keep")
    assert (kept.name, kept.type, kept.bytes) == ("h", "f8", 8)
    assert "from one iteration to the next" in kept.why
    assert kept.reader.line == kept.loc.line + 1
    origin = kept.loc.origin
    assert (
        {s.loc.origin for s in places(program, "keep")} == {s.loc.origin for s in places(program, "fetch")} == {origin}
    )


def test_adjoints_come_from_what_they_are_the_adjoints_of() -> None:
    program, plan = made(rnn, 0.5, np.ones(3))
    assert plan.program is not None
    tanh = next(s.loc.origin for s in walk(plan.program.body) if isinstance(s, Op) and s.name == "tanh")
    (first,) = (s for s in places(program, "adjoint") if s.loc.origin == tanh)
    assert isinstance(first, Op) and first.name == "mul"
    assert any(s.loc.origin == tanh for s in places(program, "again"))


def test_a_value_that_is_written_over_says_where() -> None:
    _, plan = made(swept, np.ones(4))
    first = swept.__code__.co_firstlineno
    kept = [a.why for a in plan.answers if a.answer in ("keep", "restore")]
    assert kept == [
        f"u is written over at line {first + 2} before the backward sweep",
        "computing sin again would cost more time",
    ]
