"""Benchmarks made from a function: what they measure, and that asv runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.testing import benchmarks
from revtrace.tracking import least_times


def recurrent(a: Any, x: Any, power: Any = 1) -> Any:
    h = 0.0
    for v in x:
        h = np.tanh(a * h + v) ** power
    return h


def test_what_they_measure() -> None:
    x = np.ones(50)
    made = benchmarks(recurrent, lambda: (0.5, x), {"power": 2}, argnums=(0, 1), name="Recurrent")
    assert made.__name__ == "Recurrent"
    with revtrace.config.override(interpret=True, cache=False):
        suite = made()
        suite.setup()
        value, (da, dx) = suite.call_both()
        assert value == pytest.approx(recurrent(0.5, x, 2)) and dx.shape == x.shape and da != 0.0
        assert suite.args[1] is not x
        assert suite.track_kept() % 400 == 0 and suite.track_kept() > 0
        assert suite.track_statements() > 10
        suite.time_value()
        suite.time_value_and_grad()
    units = {name: getattr(made, name).unit for name in ("track_over_value", "track_kept", "track_statements")}
    assert units == {"track_over_value": "times", "track_kept": "bytes", "track_statements": "statements"}


def test_what_takes_long_to_compile_is_compiled() -> None:
    with revtrace.config.override(large=0, cache=False):
        suite = benchmarks(lambda x: x * x, (2.0,))()
        suite.setup()
    assert suite.both.stats.compile_seconds > 0.0


def test_ratios_follow_the_work() -> None:
    few, many = least_times(lambda: sum(range(100)), lambda: sum(range(50_000)), repeats=3)
    assert 0.0 < few < many


PROJECT = """
import numpy as np
from revtrace.testing import benchmarks

def squares(x):
    s = 0.0
    for v in x:
        s += v * v
    return s

Squares = benchmarks(squares, lambda: (np.ones(100),))
"""


@pytest.mark.slow
def test_asv_runs_them(tmp_path: Path) -> None:
    pytest.importorskip("asv")
    if shutil.which("git") is None:
        pytest.skip("asv needs git")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("")
    (tmp_path / "benchmarks" / "gradients.py").write_text(PROJECT)
    conf = {"version": 1, "project": "mine", "repo": ".", "branches": ["main"], "benchmark_dir": "benchmarks"}
    conf["environment_type"] = "virtualenv"
    (tmp_path / "asv.conf.json").write_text(json.dumps(conf))
    for command in ("init -q -b main", "add .", "-c user.name=me -c user.email=me@here commit -qm first"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    run = [sys.executable, "-m", "asv"]
    root = str(Path(revtrace.__file__).parents[1])
    environment = {
        "PYTHONPATH": root,
        "ASV_PYTHONPATH": root,
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "REVTRACE_CACHE_DIR": str(tmp_path),
    }
    for command in (["machine", "--yes"], ["run", "--quick", "--python=same", "--show-stderr"]):
        done = subprocess.run(
            [*run, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("time_value", "time_value_and_grad", "track_over_value", "track_kept", "track_statements"):
        line = next(x for x in done.stdout.splitlines() if f"gradients.squares.{name} " in x)
        assert "failed" not in line and "n/a" not in line, line
