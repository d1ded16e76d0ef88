"""Rows: every statement of the program stands in one cell, beside the line it comes from."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from revtrace.dumps.listing import listing
from revtrace.program.nodes import Op, walk
from tests.dumps.functions import CALLS, dumped, grown, line_of, recurrent


def _operation(text: str) -> str:
    """Return the name of the operation on a line of a cell; empty for regions."""
    if text.endswith("{") or text.startswith(("}", "carry ", "yield ", "test ", "return ")):
        return ""
    return re.sub(r"^\w+: \S+ = ", "", text).split()[0]


@pytest.mark.parametrize("function, args", CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_every_operation_stands_once(function: Any, args: tuple[Any, ...]) -> None:
    seen = dumped(function, args)
    lines = [line.text for row in seen.rows for line in (*row.forward, *row.backward)]
    words = Counter(word for text in lines if (word := _operation(text)))
    for name, count in Counter(s.name for s in walk(seen.program.body) if isinstance(s, Op)).items():
        assert words[name] == count, name


def test_rows_stand_at_their_lines() -> None:
    line = line_of(recurrent, "math.tanh")
    rows = [row for row in dumped(recurrent, CALLS[0][1]).rows if row.loc.line == line]
    forward = [piece.text for row in rows for piece in row.forward]
    backward = [piece.text for row in rows for piece in row.backward]
    assert any("tanh" in text for text in forward)
    assert any("accum" in text for text in backward) and not any("tanh" in text for text in backward)


def test_what_is_kept_is_answered_at_its_loop() -> None:
    (row,) = (row for row in dumped(recurrent, CALLS[0][1]).rows if any(a.bytes for a in row.answers))
    assert row.part == "open" and row.loc.line == line_of(recurrent, "for t in")
    assert [a.answer for a in row.answers] == ["keep"]


def test_regions_open_and_close_in_both_columns() -> None:
    for column in ("forward", "backward"):
        rows = dumped(grown, (2.0,)).rows
        order = rows if column == "forward" else rows[::-1]
        depth = 0
        for line in (line for row in order for line in getattr(row, column)):
            depth += line.text.endswith("{") - line.text.startswith("}")
            assert depth >= 0
        assert depth == 0


def test_a_program_without_a_backward_sweep() -> None:
    program = dumped(recurrent, CALLS[0][1]).primal
    assert program is not None
    rows = listing(program)
    assert not any(row.backward for row in rows)
    assert rows[-1].forward[0].text.startswith("return")
