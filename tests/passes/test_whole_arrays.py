"""What becomes of whole-array statements: loops merged, arrays between them gone, and when that must not be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import passes
from revtrace.program import Block, For, If, Op, Program
from revtrace.program.nodes import regions, walk
from revtrace.program.verify import verify


def made(function: Callable[..., Any], *args: Any) -> Program:
    """Return a function's program after the passes that every program goes through."""
    found: dict[str, Program] = {}
    with revtrace.config.override(cache=False, interpret=True), passes.watched(found.__setitem__):
        revtrace.value_and_grad(function)(*args)
    verify(found["prepare.dce"])
    return found["prepare.dce"]


def arrays(program: Program) -> list[int]:
    """Return the numbers of axes of the arrays made."""
    return [len(s.args) for s in walk(program.body) if isinstance(s, Op) and s.name == "alloc"]


def nests(program: Program) -> int:
    return sum(isinstance(s, For) for s in program.body.stmts)


def depth(block: Block) -> int:
    inner = [(isinstance(s, For)) + depth(b) for s in block.stmts for b in regions(s)]
    return max(inner, default=0)


X = np.arange(12.0).reshape(3, 4)


def test_a_chain_of_statements_is_one_nest() -> None:
    def f(x):
        a = np.sin(x)
        b = np.exp(a)
        return np.sum(b * 2)

    program = made(f, X)
    assert arrays(program) == []
    assert (nests(program), depth(program.body)) == (1, 2)


def test_an_array_of_differences_of_all_pairs_is_never_made() -> None:
    def f(x):
        d = x[:, None, :] - x[None, :, :]
        return np.sum(np.exp(-np.sum(d * d, axis=2)))

    program = made(f, X)
    assert arrays(program) == []
    assert (nests(program), depth(program.body)) == (1, 3)


def test_rows_normalised_keep_one_row_each() -> None:
    def f(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return np.sum((e / np.sum(e, axis=1, keepdims=True)) ** 2)

    program = made(f, X)
    assert arrays(program) == [1]
    assert nests(program) == 1


def test_what_is_read_before_it_is_written_stays_apart() -> None:
    def f(x):
        u = x.copy()
        u[1:-1] = u[:-2] + u[2:]
        return np.sum(u**2)

    program = made(f, np.arange(6.0))
    assert arrays(program) == [1]
    assert revtrace.grad(f)(np.arange(6.0)) == pytest.approx(_differences(f))


def _differences(f: Callable[..., Any]) -> list[float]:
    x = np.arange(6.0)
    return [(f(x + 1e-6 * e) - f(x - 1e-6 * e)) / 2e-6 for e in np.eye(6)]


def test_what_is_written_over_is_computed_before() -> None:
    def f(x):
        u = x.copy()
        a = u * 2
        u[:] = 0.0
        return np.sum(a * u + a)

    program = made(f, np.arange(6.0))
    assert arrays(program) == [1]
    assert revtrace.grad(f)(np.arange(6.0)) == pytest.approx([2.0] * 6)


def test_costly_values_read_by_several_loops_are_computed_once() -> None:
    def f(x):
        u = np.exp(x)
        return np.sum((u[1:] - u[:-1]) ** 2)

    program = made(f, np.arange(6.0))
    assert sum(isinstance(s, Op) and s.name == "exp" for s in walk(program.body)) == 1


def test_checks_of_lengths_come_before_loops() -> None:
    def f(x, y):
        a = np.sin(x)
        return np.sum(a + y)

    program = made(f, np.arange(3.0), np.arange(3.0))
    kinds = [type(s) if not isinstance(s, Op) else s.name for s in program.body.stmts]
    assert kinds.index("check") < kinds.index(For)
    assert If not in kinds
    assert nests(program) == 1


def test_lengths_that_differ_raise_as_in_numpy() -> None:
    def f(x, y):
        a = np.sin(x)
        return np.sum(a + y)

    with pytest.raises(ValueError, match="broadcast"):
        revtrace.grad(f)(np.arange(3.0), np.arange(4.0))


def test_the_largest_is_found_before_its_place() -> None:
    found: dict[str, Program] = {}
    with revtrace.config.override(cache=False, interpret=True), passes.watched(found.__setitem__):
        gradient = revtrace.grad(lambda x: np.max(x) ** 2)(np.array([1.0, 3.0, 3.0, 2.0]))
    assert list(gradient) == [0.0, 6.0, 0.0, 0.0]
    first, second = [s for s in found["clean.prune"].body.stmts if isinstance(s, For)][:2]
    assert [s.name for s in first.body.stmts if isinstance(s, Op)] == ["load", "maximum"]
    assert second.exits
