"""The command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from revtrace import __version__, config
from revtrace.cache.store import Store
from revtrace.cli import main

SOURCE = """
import numpy as np

START = np.array([1.0, 2.0])

def norm2(x, power=2):
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** power
    return out

def wrong(x):
    return x if x > 1.0 else eval("x")
"""


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> Iterator[None]:
    with config.override(interpret=True, cache_dir=str(tmp_path / "cache")):
        yield


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "user.py"
    path.write_text(SOURCE)
    return str(path)


def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-n", "20"]) == 0
    out = capsys.readouterr().out
    assert "value equals the plain function's:   True" in out
    assert "gradient equals 2 x:                 True" in out
    for row in ("plain Python", "compiled", "gradient", "value and gradient"):
        assert f"\n{row} " in out


@pytest.mark.parametrize(
    "form, word", [("program", "norm2_grad("), ("source", "def norm2(x, power)"), ("plan", "line  value  answer")]
)
def test_show(file: str, form: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"{file}:norm2", "--args", "START", "--form", form]) == 0
    assert word in capsys.readouterr().out


def test_show_the_function_itself(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", f"{file}:norm2", "--args", "(np.ones(3), 3)", "--of", "value"]) == 0
    out = capsys.readouterr().out
    assert "norm2(" in out and "_bar" not in out


def test_check(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:norm2", "--args", "START", "--argnums", "0"]) == 0
    assert "2 elements agree" in capsys.readouterr().out
    assert main(["check", "math:sin", "--args", "0.5"]) == 0


def test_what_is_refused_exits_with_one(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:wrong", "--args", "0.5"]) == 1
    assert capsys.readouterr().err.startswith("UnsupportedError: File")


@pytest.mark.parametrize("name", ["norm2", "nowhere.py:norm2", "math:nothing"])
def test_unknown_functions(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", name])
    assert caught.value.code == 2 and capsys.readouterr().err.startswith("revtrace: ")


def test_info_lists_versions_and_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert out.split()[:2] == ["revtrace", __version__]
    for row in config.table():
        assert row.env in out


def test_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "cache", 1 << 20)
    store.put("0" * 64, b"code")
    assert main(["cache"]) == 0
    assert "1 kernels" in capsys.readouterr().out
    assert main(["cache", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cache")
    assert main(["cache", "clear"]) == 0
    assert "removed 1 files" in capsys.readouterr().out
    store.directory.chmod(0o777)
    assert main(["cache", "clear"]) == 1


def test_it_runs_as_a_module() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "revtrace", "--version"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"revtrace {__version__}")
