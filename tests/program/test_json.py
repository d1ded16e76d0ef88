"""The JSON form keeps everything and refuses what it does not know."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from revtrace.loc import Loc
from revtrace.program import Block, Op, Program, Var
from revtrace.program.json import SCHEMA, VERSION, from_json, to_json
from revtrace.program.nodes import const
from revtrace.program.parse import parse
from revtrace.program.show import show
from revtrace.program.types import F64
from revtrace.program.verify import verify
from revtrace.replay import run
from tests.program.test_parse import EVERYTHING
from tests.strategies import Case, programs, same


def through(program: Program) -> Program:
    """Write a program as strict JSON text and read it back."""
    return from_json(json.loads(json.dumps(to_json(program), allow_nan=False)))


def test_everything() -> None:
    assert show(through(parse(EVERYTHING))) == EVERYTHING


def test_settings_and_whole_places() -> None:
    loc = Loc("/a/b.py", 3, 4, 9, "f")
    attrs = (("a", (1, (float("inf"), "x"))), ("b", None), ("c", 1 - 2j), ("d", -0.0), ("e", True))
    op = Op("check", (const(True),), None, attrs, loc)
    (again,) = through(Program("f", (), Block((op,)))).body.stmts
    assert isinstance(again, Op)
    assert again == op
    assert repr(again) == repr(op)


def test_schema() -> None:
    data = to_json(parse("f(x: f8) {\n y: f8 = sin x\n return y, inf\n}"))
    assert data == {
        "schema": SCHEMA,
        "version": VERSION,
        "name": "f",
        "inputs": [{"id": 0, "name": "x", "type": "f8"}],
        "body": {
            "stmts": [{"op": "sin", "args": [0], "out": {"id": 1, "name": "y", "type": "f8"}}],
            "results": [1, {"const": {"float": "inf"}, "type": "f8"}],
        },
    }


def test_hints_are_kept_as_they_are() -> None:
    x = Var(F64, "not a name")
    assert through(Program("<lambda>", (x, Var(F64)), Block((), (x,)))).inputs[0].name == "not a name"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "other"},
        {"version": VERSION + 1},
        {"inputs": None},
        {"inputs": [{"id": 0, "name": "x", "type": "f8<"}]},
        {"body": {"stmts": [], "results": [7]}},
        {"body": {"stmts": [{"op": "sin"}], "results": []}},
        {"body": None},
    ],
)
def test_refused(change: dict[str, Any]) -> None:
    data = to_json(parse("f(x: f8) {\n return x\n}")) | change
    with pytest.raises(ValueError, match=r"expected 'revtrace.program'|damaged|is no type"):
        from_json(data)


@settings(max_examples=100, deadline=None)
@given(programs(special=True))
def test_random_programs(case: Case) -> None:
    again = through(case.program)
    verify(again)
    assert show(again) == show(case.program)
    assert to_json(again) == to_json(case.program)
    assert same(run(case.program, case.copies()), run(again, case.copies()))
