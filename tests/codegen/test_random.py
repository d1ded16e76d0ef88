"""Random programs: both builds, run as plain Python and compiled, do what the interpreter does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.codegen.index_programs import Drawn, index_programs
from tests.codegen.run import agree
from tests.strategies import Case, programs


@given(programs(loose=True))
def test_plain(case: Case) -> None:
    agree(case.program, *case.inputs)


@given(programs(depth=5))
def test_plain_deep(case: Case) -> None:
    agree(case.program, *case.inputs)


@pytest.mark.slow
@settings(max_examples=40)
@given(programs(loose=True, special=True))
def test_compiled(case: Case) -> None:
    agree(case.program, *case.inputs, compiled=True)


@given(index_programs())
def test_indices(drawn: Drawn) -> None:
    program, inputs = drawn
    agree(program, *inputs)
