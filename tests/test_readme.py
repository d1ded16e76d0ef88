"""What README.md says is true: examples, tables, files, commands."""

from __future__ import annotations

import cmath
import doctest
import io
import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import cli, errors
from revtrace.config import override
from tools import readme

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ROOT = readme.README.parent


@pytest.fixture
def examples_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the first example where the command line finds it."""
    source = doctest.DocTestParser().get_examples(readme.blocks("pycon")[0])
    (tmp_path / "norm2.py").write_text("".join(example.source for example in source[:2]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVTRACE_CACHE_DIR", str(tmp_path / "cache"))


def test_examples() -> None:
    text = "".join(readme.blocks("pycon"))
    parsed = doctest.DocTestParser().get_doctest(text, {}, "README.md", str(readme.README), 0)
    outcome = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(parsed)
    assert outcome.attempted > 20
    assert outcome.failed == 0


def test_every_block_is_of_a_tested_kind() -> None:
    kinds = re.findall(r"^```(\w+)$", readme.README.read_text(), re.MULTILINE)
    # Those in python are of hosts: tests.interop.test_readme runs them.
    assert set(kinds) == {"console", "json", "pycon", "python", "sh"}
    for text in readme.blocks("json"):
        assert json.loads(text)


def test_two_commands_for_a_fresh_machine() -> None:
    commands = readme.commands()
    assert all(command.startswith("python3 -m venv ") and "\n" not in command for command in commands.values())
    assert "revtrace demo" in commands["demo"]
    assert "pytest" in commands["tests"]


COMMANDS = [
    tuple(line.removeprefix("$ ") for line in block.splitlines())
    for block in [*readme.blocks("console"), "$ revtrace demo"]
]


@pytest.mark.usefixtures("examples_file")
@pytest.mark.parametrize("commands", COMMANDS, ids=lambda commands: commands[0])
def test_command_lines(
    commands: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "revtrace"
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out.strip()


def _code(cell: str) -> str:
    assert cell.startswith("`") and cell.endswith("`"), cell
    return cell.strip("`")


def _numbers(cell: str) -> tuple[Any, ...]:
    return eval(f"({_code(cell)},)", {"np": np})


@pytest.mark.parametrize("row", readme.rows("Derivatives by convention"), ids="".join)
def test_convention(row: list[str]) -> None:
    function, at, derivative = row
    arguments, expected = _numbers(at), _numbers(derivative)
    names = ("x", "y")[: len(arguments)]
    f = eval(f"lambda {', '.join(names)}: {_code(function)}", {"math": math, "cmath": cmath, "np": np})
    for interpret in (True, False):
        with override(interpret=interpret, cache=False):
            found = revtrace.grad(f, argnums=tuple(range(len(arguments))))(*arguments)
        assert found == pytest.approx(expected, rel=1e-15)


def test_errors() -> None:
    table = {_code(name): _code(base) for name, base, _ in readme.rows("Reading an error")}
    assert set(table) == set(errors.__all__) - {"RevtraceError"}
    for name, base in table.items():
        assert getattr(errors, name).__mro__[2].__name__ == base


def test_settings_are_those_of_the_table() -> None:
    assert readme.part("settings") == readme.settings(), "run python -m tools.readme"


def test_named_files_exist() -> None:
    paths = re.findall(r"`((?:revtrace|tests|tools|asv_bench|\.ci)/[\w./]*)`", readme.README.read_text())
    assert len(paths) > 12
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing


def test_public_names_are_named() -> None:
    text = readme.README.read_text()
    missing = [name for name in revtrace.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not missing


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{revtrace.__version__}"' in project
    assert f"## {revtrace.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    for release in re.findall(r"Python :: (3\.\d+)", project):
        assert release in readme.README.read_text()
