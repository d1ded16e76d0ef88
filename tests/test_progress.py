"""Progress is shown on a terminal only."""

from __future__ import annotations

import io
import sys

import pytest

from revtrace.progress import counter, tracked


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def work() -> int:
    with counter("counting") as progress:
        progress(7)
    return sum(tracked(range(5), "adding", 5))


def test_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert work() == 10
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    assert work() == 10
    assert "counting" in screen.getvalue() and "adding" in screen.getvalue()
