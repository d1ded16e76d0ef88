"""How loops are recorded: rolled where they can be, with a test of their own, unrolled where they must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.errors import UnsupportedError
from revtrace.program import For, If, Op, Program, While
from revtrace.program.nodes import walk
from revtrace.program.verify import verify
from revtrace.replay import run
from revtrace.trace import trace
from tests.trace.agree import agrees

X = np.array([0.7, 1.3, -0.4, 0.2])


def traced(f: Callable[..., Any], *args: Any) -> Program:
    """Trace, verify, and compare the program's value with the function's."""
    found = trace(f, args)
    verify(found.program)
    inputs = [a.copy() if isinstance(a, np.ndarray) else a for a in args if not isinstance(a, str)]
    if len(found.inputs) == len(inputs):
        (value,) = run(found.program, inputs)
        np.testing.assert_allclose(value, f(*args), rtol=1e-13)
    return found.program


def count(program: Program, kind: type) -> int:
    return sum(isinstance(s, kind) for s in walk(program.body))


def test_length_of_an_array_makes_one_loop_whatever_its_size() -> None:
    def f(x):
        s = 0.0
        for i in range(len(x)):
            s += x[i] ** 2
        return s

    assert len(list(walk(traced(f, X).body))) == len(list(walk(traced(f, np.ones(1000)).body)))


def test_integer_start_becomes_a_float() -> None:
    def f(x):
        s = 0
        for v in x:
            s += v
        return s

    (loop,) = [s for s in walk(traced(f, X).body) if isinstance(s, For)]
    assert [p.type.dtype for p in loop.params] == ["f8"]


def test_carried_numbers_are_made_in_the_order_of_the_source() -> None:
    def f(x: float) -> float:
        h = b = e = a = g = c = f = d = x
        for _ in range(3):
            a, b, c, d, e, f, g, h = b * x, c + a, d * x, e + b, f * x, g + c, h * x, a + d
        return a + b + c + d + e + f + g + h

    (loop,) = (s for s in walk(trace(f, (1.5,)).program.body) if isinstance(s, For))
    made = sorted(loop.params, key=lambda p: p.id)
    # Not in that of a set of names, which differs from process to process.
    assert [p.name for p in made] == ["h", "b", "e", "a", "g", "c", "f", "d"]


def test_while_is_tested_first() -> None:
    def f(a, tol):
        n = 0
        while abs(a) > tol and n < 50:
            a = a * 0.5
            n += 1
        return a + n

    program = traced(f, 8.0, 1e-3)
    (loop,) = [s for s in walk(program.body) if isinstance(s, While)]
    assert not loop.exits
    assert loop.cond.stmts


def test_break_leaves_with_a_flag() -> None:
    def f(x):
        s = 0.0
        for v in x:
            if v < 0:
                break
            s += v
        return s

    (loop,) = [s for s in walk(traced(f, X).body) if isinstance(s, For)]
    assert loop.exits


def test_raise_in_a_loop_is_a_check_not_a_way_out() -> None:
    def f(x):
        s = 0.0
        for v in x:
            if v > 9:
                raise ValueError(f"too large: {v}")
            s += v
        return s

    program = traced(f, X)
    assert count(program, If) == 0
    assert any(isinstance(s, Op) and s.name == "check" for s in walk(program.body))


def test_tuple_of_functions_is_unrolled() -> None:
    def f(a):
        for g in (lambda t: t + 1, lambda t: t * t):
            a = g(a)
        return a

    assert count(traced(f, 2.0), For) == 0


def test_break_in_unrolled_loop_does_not_repeat_the_rest() -> None:
    def f(a):
        for scale, name in ((1.0, "x"), (2.0, "y"), (3.0, "z")):
            if a * scale > 4.0:
                break
            a += scale if name != "y" else -scale
        return a * a * a

    products = [s for s in walk(traced(f, 1.5).body) if isinstance(s, Op) and s.name == "mul"]
    assert len(products) <= 3 + 2


def test_swapped_arrays_are_parameters() -> None:
    def f(x, n):
        u, v = x.copy(), x * 2
        for _ in range(n):
            u, v = v, u
            u[0] += v[1]
        return u.sum() + 2 * v.sum()

    (loop,) = [
        s
        for s in walk(traced(f, X, 3).body)
        if isinstance(s, For) and s.params and s.params[0].type.__class__.__name__ == "Array"
    ]
    assert set(loop.body.results) == set(loop.params)


def test_new_array_each_time_gets_storage() -> None:
    def f(x, n):
        for _ in range(n):
            x = x * 1.5 + 1.0
        return x.sum()

    program = traced(f, X, 3)
    assert any(isinstance(s, Op) and s.name == "copyto" for s in walk(program.body))


def test_list_that_grows_in_a_loop_is_a_buffer() -> None:
    def f(x):
        kept = [1.0]
        for v in x:
            if v > 0:
                kept.append(v * v)
        return sum(kept) * len(kept)

    assert len(list(walk(traced(f, np.ones(500)).body))) < 60


def test_list_of_arrays_that_grows_is_a_buffer() -> None:
    def f(x):
        rows = []
        for i in range(len(x)):
            rows.append(x * i)
        return sum(r.sum() for r in rows)

    found = trace(f, (X,))
    assert not any(g.kind == "shape" for g in found.guards)
    assert len(list(walk(found.program.body))) < 60


def test_list_of_arrays_of_different_lengths_needs_a_known_length() -> None:
    def f(x):
        rows = []
        for i in range(len(x)):
            rows.append(x[:i])
        return sum(r.sum() for r in rows)

    found = trace(f, (X,))
    assert any(g.kind == "shape" for g in found.guards)


def test_depth_of_recursion_is_fixed_by_the_argument() -> None:
    def f(n, a):
        return a if n == 0 else f(n - 1, a * 1.5) + a

    found = trace(f, (5, 2.0))
    assert any(g.kind == "equal" and g.value == 5 for g in found.guards)


def test_variable_that_may_be_unassigned_is_checked() -> None:
    def f(x):
        for v in x:
            last = v
        return last

    program = traced(f, X)
    assert any(
        isinstance(s, Op) and s.name == "check" and s.attr("kind") == "UnboundLocalError" for s in walk(program.body)
    )


def test_value_or_none_is_told_apart_by_a_flag() -> None:
    def f(x):
        best = None
        for v in x:
            if best is None or v < best:
                best = v
        return best

    traced(f, X)


def test_structure_that_depends_on_numbers_is_refused_with_its_line() -> None:
    def f(a):
        parts = {}
        if a > 1.0:
            parts["big"] = a
        return len(parts) * a

    with pytest.raises(UnsupportedError, match="structure") as caught:
        trace(f, (2.0,))
    assert caught.value.loc.line > 0


def test_shared_body_expressions_are_not_taken_for_copies() -> None:
    def f(x, m, a):
        return (x[0] if a < 1.0 else m[0, 1]) + x[1]

    traced(f, X, np.array([[1.0, 2.0]]), 2.0)


def test_a_raise_after_a_loop_with_several_ways_out() -> None:
    def f(x, n):
        for _ in range(n):
            x = x * 0.5
            if x < 1.0:
                return x
            if x == 3.0:
                if x < 1.5:
                    return x + 1.0
                raise ValueError("same")
        raise ValueError("no convergence")

    traced(f, 10.0, 100)
    with pytest.raises(ValueError, match="no convergence"):
        revtrace.grad(f)(10.0, 2)


class Sum:
    def __init__(self) -> None:
        self.n = 1.0

    def __enter__(self) -> Sum:
        return self

    def __exit__(self, *_: object) -> None:
        self.n += 2.0


def last_cases_after_the_loop(x: np.ndarray) -> float:
    s, i = 0.0, 0
    while True:
        s += x[i] * x[i]
        i += 1
        # The cases that leave are tested after the loop, with the subject from its last turn.
        match i:
            case 1 | 2:
                s *= x[1]
            case 3:
                return s * 2
            case 9:
                return s * 7
            case _:
                return s * 4


def pattern_after_two_loops(x: np.ndarray) -> float:
    s = 0.0
    for k in range(4):
        for v in x:
            s += v
            match (s * v, k):
                case (a, _) if a < 1.0:
                    s += 0.1 * a
                case (a, 0) if a < 2.0:
                    return s * a
                case (a, b):
                    s += a * b
                    break
        s *= x[2]
    return s


def left_through_a_with(x: np.ndarray) -> float:
    total, s = Sum(), 0.0
    for k in range(3):
        for v in x:
            with total:
                s += v
                if s > 2.5:
                    break
                if s * k > 4.0:
                    return s * total.n
    return s * total.n + 1.0


@pytest.mark.parametrize("scale", [0.2, 1.0, 2.0])
def test_what_waits_on_the_stack_where_a_loop_is_left(scale: float) -> None:
    agrees(last_cases_after_the_loop, scale * np.array([0.9, 0.8, 0.7, 0.4]))
    agrees(pattern_after_two_loops, scale * np.array([0.9, 0.8, 0.7]))
    agrees(left_through_a_with, scale * np.array([0.9, 0.8, 0.7]))
