"""Commands that look inside: their forms and files, and what they say of mistakes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from revtrace import config
from revtrace.cli import main
from revtrace.dumps import Dump

SOURCE = """
import numpy as np

def rnn(a, x):
    h = 0.0
    for t in range(len(x)):
        h = np.tanh(a * h + x[t])
    return h

def fails(x):
    return x[0] / x[len(x)]
"""
ARGS = ["--args", "(0.5, np.ones(4))"]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "user.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    with config.override(interpret=True, cache_dir=str(tmp_path / "cache")):
        yield


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "option, word",
    [
        ("--form=table", "backward ops"),
        ("--program", "rnn_grad(a: f8"),
        ("--plan", "h      keep"),
        ("--explain", "h is kept"),
        ("--python", "def rnn_grad("),
        ("--json", '"schema":"revtrace.dump"'),
        ("--html", "<!DOCTYPE html>"),
        ("--after=simplify", "  rnn("),
        ("--after=list", "clean.gather      unchanged"),
        ("--after=gather", "clean.gather changed nothing."),
        ("--after=derive", "+ rnn_grad("),
        ("--of=grad", "rnn_grad"),
        ("--argnums=1", "x_bar"),
    ],
)
def test_show(option: str, word: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = said(capsys, "show", "user.py:rnn", *ARGS, option)
    assert word in text and "\x1b" not in text
    assert "wrote out" in said(capsys, "show", "user.py:rnn", *ARGS, option, "-o", "out")
    assert (tmp_path / "out").read_text() == text


def test_the_table_fits_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    for columns in (80, 110, 150):
        monkeypatch.setattr("revtrace.cli.look.width", lambda columns=columns: columns)
        lines = said(capsys, "show", "user.py:rnn", *ARGS).splitlines()
        assert max(map(len, lines[:-1])) <= columns
        assert any("h = np.tanh(a * h" in line for line in lines), "\n".join(lines)


def test_dumps_are_written_read_and_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "show", "user.py:rnn", *ARGS, "--json", "-o", "a.json")
    said(capsys, "show", "user.py:rnn", "--args", "(0.5, np.ones(8))", "--json", "-o", "b.json")
    assert Dump.load(tmp_path / "a.json").kept == 32
    assert said(capsys, "diff", "a.json", "a.json") == "no difference\n"
    assert said(capsys, "diff", "a.json", "b.json") == "kept in the call: 32 bytes -> 64 bytes\n"
    (tmp_path / "c.json").write_text(json.dumps({"schema": "other"}))
    for wrong in ("c.json", "d.json"):
        with pytest.raises(SystemExit):
            main(["diff", "a.json", wrong])
        assert wrong in capsys.readouterr().err


def test_record(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = said(capsys, "record", "user.py:rnn", *ARGS, "-o", "run.html")
    assert "h = np.tanh(a * h + x[t])" in text and "32 bytes kept at once" in text
    assert "Bytes of kept values over" in (tmp_path / "run.html").read_text()


def test_debug(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("until 7\nvars\nturn\nq\n"))
    text = said(capsys, "debug", "user.py:rnn", *ARGS)
    assert ">    7         h = np.tanh(a * h + x[t])" in text and "backward" in text


def test_what_the_function_raises_is_shown_in_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "user.py:fails", "--args", "np.ones(3)"]) == 1
    said_ = capsys.readouterr().err.splitlines()
    assert said_[0].endswith('user.py", line 11 in fails')
    assert said_[1:3] == ["    return x[0] / x[len(x)]", "                  ^^^^^^^^^"]
    assert said_[3].startswith("IndexError: ")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["show", "user.py:rnn", "--args", "1 +"], "cannot be evaluated: SyntaxError"),
        (["show", "user.py:rnn", *ARGS, "--kwargs", "3"], "is to be a dict"),
        (["show", "user.py:rnn", *ARGS, "--after", "nothing"], "clean.gather"),
        (["show", "no.such.module:f"], "no module no.such.module"),
        (["show", "user.py:rnm", *ARGS], "did you mean rnn?"),
        (["show", "user.py:np", *ARGS], "no function: module"),
        (["show", "user.py:rnn"], "rnn(a, x): missing a required argument: 'a'"),
        (["show", "user.py:rnn", *ARGS, "--argnums", "x"], "--argnums 'x'"),
        (["show", "user.py:rnn", *ARGS, "-o", "no/such/file"], "cannot be written"),
    ],
)
def test_wrong_command_lines(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("revtrace: ") and said in error and "Traceback" not in error


def test_a_module_that_raises_is_shown_in_its_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("scale = 1.0\n")
    (tmp_path / "broken.py").write_text("from beside import scale\n\nunit = scale / 0.0\n")
    assert main(["show", "broken.py:f"]) == 1
    assert "unit = scale / 0.0" in capsys.readouterr().err
