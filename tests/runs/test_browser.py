"""The text browser, driven by a script."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.runs.browser import Browser
from tests.dumps.functions import CALLS, grown, line_of, recurrent


def session(function: Any, args: tuple[Any, ...], *commands: str) -> str:
    out = io.StringIO()
    browser = Browser(revtrace.wrap(function).record(*args), io.StringIO("\n".join(commands) + "\n"), out)
    browser.cmdloop()
    return out.getvalue()


def test_forward_and_back_through_the_source() -> None:
    line = line_of(grown, "s = s * x")
    text = session(grown, (2.0,), f"until {line}", "vars", "print s + x", "b", "w")
    assert f">{line:>5}             s = s * x" in text
    assert "-> s = 22" in text and "  s  22" in text and "24.0" in text
    assert text.count(f"line {line_of(grown, 'if s > 3')} in grown") == 2


def test_adjoints_on_the_way_back() -> None:
    text = session(grown, (2.0,), "end", f"before {line_of(grown, 's = s * x')}", "adjoints", "turn", "results")
    assert "backward" in text and "  s  8" in text
    assert "  variables: x = 2, s = 11" in text and "  adjoints: s = 8, x = 264" in text
    assert "(176.0, 464.0)" in text


def test_lines() -> None:
    lines = [line_of(recurrent, "for t"), line_of(recurrent, "math.tanh")]
    text = session(recurrent, CALLS[0][1], "line", "n", "n", "up", "goto -1", "line")
    found = [int(part.split()[0]) for part in text.split(", line ")[1:]]
    assert found[:4] == [lines[0], lines[1], lines[0], lines[1]]
    assert "no further line" in text


@pytest.mark.parametrize(
    "command, answer",
    [
        ("fly", "no command 'fly'"),
        ("goto 10000", "the run has steps"),
        ("goto x", "goto:"),
        ("until x", "number of a source line"),
        ("until 100000", "is not reached"),
        ("print nothing", "is not defined; there is x"),
        ("adjoints", "nothing yet"),
        ("bad", "no NaN"),
        ("help", "until"),
        ("help until", "go on to the next operation of a source line"),
        ("summary", "backward sweep begins"),
        ("values", "x"),
        ("", "93 steps"),
        ("step 10000", "step 93 of 93"),
    ],
)
def test_answers(command: str, answer: str) -> None:
    assert answer in session(grown, (2.0,), command, "quit", "print 'not reached'")
    assert "not reached'" not in session(grown, (2.0,), command, "q", "print 1 + 1")


def test_bad_and_failures() -> None:
    text = session(lambda x: (x * 1e300 * 1e300) * 0.0, (2.0,), "bad", "end")
    assert "-> inf" in text

    def outside(x: Any) -> Any:
        return x[len(x) + 1 - 1]

    text = session(outside, (np.ones(3),), "end", "results")
    assert text.count("is out of range") >= 2 and "^" in text
    assert Path(__file__).name in text
