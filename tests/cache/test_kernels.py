"""Kernels through the disk: found again, never stale, never trusted blindly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import revtrace
from revtrace import config
from revtrace.cache import kernels

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(text: str, cache: Path, **env: str) -> tuple[list[str], list[str]]:
    """Run a script in a process of its own; return the lines it prints, and where kernels were found."""
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env={**os.environ, "REVTRACE_CACHE_DIR": str(cache), "REVTRACE_EXPLAIN_CACHE": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), re.findall(r"revtrace cache: \w+ \w+: (\w+)", done.stderr)


# A function made by exec has no file: nothing can depend on one.
SCRIPT = """
import numpy as np, revtrace
SCALE = {scale}
def helper(x): return {helper}
def f(x, n):
    out = 0.0
    for i in range(len(x)):
        out += helper(x[i]) * SCALE
    return out
print(revtrace.grad(f)(np.array([1.0, 2.0]), 3)[1])
"""


SQUARES = SCRIPT.format(scale=2.0, helper="x * x")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which a first process has built the kernel of `SQUARES`."""
    path = tmp_path_factory.mktemp("first") / "cache"
    assert run(SQUARES, path) == (["8.0"], ["built"])
    return path


@pytest.fixture
def built(first: Path, cache: Path) -> Path:
    """A copy of the directory that the first process left."""
    shutil.copytree(first, cache)
    return cache


def test_a_second_process_finds_what_the_first_built(built: Path) -> None:
    assert run(SQUARES, built) == (["8.0"], ["disk"])
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in built.iterdir())


@pytest.mark.parametrize(("scale", "helper", "answer"), [(2.0, "x * x * x", "24.0"), (3.0, "x * x", "12.0")])
def test_nothing_is_stale(built: Path, scale: float, helper: str, answer: str) -> None:
    assert run(SCRIPT.format(scale=scale, helper=helper), built) == ([answer], ["built"])


def test_the_cache_can_be_switched_off(built: Path) -> None:
    before = {path: path.stat() for path in built.iterdir()}
    assert run(SQUARES, built, REVTRACE_CACHE="0") == (["8.0"], ["built"])
    assert {path: path.stat() for path in built.iterdir()} == before


@pytest.mark.parametrize("damage", ["corrupt", "pickle"])
def test_a_file_that_does_not_load_is_built_again(built: Path, damage: str) -> None:
    (path,) = built.glob("*.kernel")
    if damage == "corrupt":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        kernels.store(config.Settings(cache_dir=str(built))).put(path.stem, b"sound bytes, but no kernel")
    assert run(SQUARES, built) == (["8.0"], ["built"])
    assert run(SQUARES, built) == (["8.0"], ["disk"])


def test_a_directory_others_may_write_is_not_used(built: Path) -> None:
    built.chmod(0o777)
    assert run(SQUARES, built) == (["8.0"], ["built"])


def test_functions_of_one_name_keep_apart(cache: Path) -> None:
    text = """
import revtrace
def make(k):
    def f(x):
        return {body}
    return f
print(*(revtrace.grad(make(k))(3.0) for k in {order}))
"""
    body = "x * x if k == 0 else x * x * x if k == 1 else 5.0 * x"
    assert run(text.format(body=body, order=(0, 1)), cache)[0] == ["6.0", "27.0"]
    # The second process compiles one, then loads two that were compiled under the same names.
    out, found = run(text.format(body=body, order=(2, 1, 0)), cache)
    assert out == ["5.0", "27.0", "6.0"] and found == ["built", "disk", "disk"]


def test_everything_a_kernel_can_call_works_from_disk(cache: Path) -> None:
    text = """
import math, numpy as np, revtrace
def f(x, y):
    z = np.zeros((3, 2))
    s = 0.0
    for i in range(3):
        z[i, 0] = math.tanh(x[i]) + math.lgamma(2.0 + x[i] * x[i])
        z[i, 1] = math.erf(x[i]) * y ** 3
        while s < z[i, 0]:
            s += abs(z[i, 1]) + 0.1
    return s + z[2, 1]
g = revtrace.value_and_grad(f, argnums=(0, 1))
value, (dx, dy) = g(np.array([0.1, 0.2, 0.3]), 1.5)
print(value, *dx, dy)
try:
    g(np.ones(2), 1.5)
except IndexError:
    print("IndexError")
"""
    first, second = run(text, cache), run(text, cache)
    assert first[0] == second[0] and first[0][-1] == "IndexError"
    assert set(second[1]) == {"disk"}


def test_many_processes_at_once(cache: Path) -> None:
    env = {**os.environ, "REVTRACE_CACHE_DIR": str(cache)}
    running = [
        subprocess.Popen([sys.executable, "-c", SQUARES], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["8.0"] * 3
    assert sorted(path.suffix for path in cache.iterdir()) == [".kernel", ".trace"]


def test_this_process_keeps_kernels(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with config.override(cache_dir=str(cache), explain_cache=True):
        for _ in range(2):
            assert revtrace.grad(lambda x: x * x * 17.0)(1.0) == 34.0
        assert re.findall(r"cache: \S+ \w+: (\w+)$", capsys.readouterr().err, re.MULTILINE) == ["built", "memory"]
        kernels.forget()
        assert revtrace.grad(lambda x: x * x * 17.0)(1.0) == 34.0
        assert re.findall(r"cache: \S+ \w+: (\w+)$", capsys.readouterr().err, re.MULTILINE) == ["disk"]
