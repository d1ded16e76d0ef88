"""The form of generated gradients: loops that are there, and loops that are not."""

from __future__ import annotations

from revtrace.passes import cleaned, differentiate, prepared, reverse
from revtrace.program import Block, For, Op, Program, While
from revtrace.program.nodes import walk
from revtrace.program.parse import parse
from tests.passes.test_plan import MAXIMUM, SUM_OF_SQUARES


def loops(program: Program) -> int:
    return sum(isinstance(s, For | While) for s in walk(program.body))


def ops(program: Program, name: str) -> int:
    return sum(isinstance(s, Op) and s.name == name for s in walk(program.body))


PLAIN = SUM_OF_SQUARES.replace("  r: f8 = sqrt s1\n  return r", "  return s1")


def test_value_and_gradient_of_a_sum_are_one_loop_that_stores() -> None:
    made = differentiate(parse(PLAIN), (0,), (0,))
    assert loops(made) == 1
    assert ops(made, "addto") == 0
    assert not any(isinstance(s, Op) and s.name == "alloc" and s.attr("zeros") for s in walk(made.body))


def test_the_gradient_alone_sums_nothing() -> None:
    made = differentiate(parse(PLAIN), (0,), (0,))
    alone = cleaned(Program(made.name, made.inputs, Block(made.body.stmts, made.body.results[1:])))
    (loop,) = [s for s in walk(alone.body) if isinstance(s, For)]
    assert loop.params == ()


def test_two_loops_where_the_adjoint_is_known_only_after_the_sum() -> None:
    assert loops(differentiate(parse(SUM_OF_SQUARES), (0,), (0,))) == 2


def test_a_maximum_is_not_gone_through_backward() -> None:
    made = differentiate(parse(MAXIMUM), (0,), (0,))
    # One finds the value, one its place.
    found, sought = [s for s in walk(made.body) if isinstance(s, For)]
    assert not found.exits
    assert sought.exits
    assert not any(isinstance(s, Op) and s.name in ("store", "addto") for r in (found, sought) for s in walk(r.body))


def test_a_value_that_reaches_no_result_has_no_adjoint() -> None:
    text = PLAIN.replace("return s1", "y: f8 = mul 2.0, 3.0\n  return y")
    made = differentiate(parse(text), (0,), (0,))
    assert loops(made) == 0  # Its loads are in range, so that nothing in it can fail.
    assert ops(made, "mul") == 0


def test_every_reverse_program_of_a_program_without_inputs_returns_its_results_only() -> None:
    made, _ = reverse(prepared(parse(PLAIN)), (), (0,))
    assert len(made.body.results) == 1
