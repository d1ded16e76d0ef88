"""asv on this repository: a slow-down is reported, an unchanged commit is not."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARK = r"trace\.Trace\.track_over_plain_loop\('rnn'\)"

SLOWED = """

def _slowed(run):
    def again(program):
        for _ in range(30):
            run(program)
        return run(program)

    return again


dce = _slowed(dce)
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=me", "-c", "user.email=me@here", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path, file: str, more: str) -> str:
    """Append to a file, commit, and return the commit."""
    path = folder / file
    path.write_text(path.read_text() + more)
    git(folder, "commit", "-qam", f"change {file}")
    return git(folder, "rev-parse", "HEAD")


@pytest.mark.slow
def test_a_slowed_pass_is_reported_and_an_unchanged_commit_is_not(tmp_path: Path) -> None:
    for module in ("asv", "virtualenv"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(ROOT), str(clone))
    git(clone, "checkout", "-q", "-B", "main")
    conf = clone / "asv_bench" / "asv.conf.json"
    settings = json.loads(conf.read_text())
    release = ".".join(map(str, sys.version_info[:2]))
    settings["pythons"] = [release]
    needed = ("hatchling", "numba", "numpy", "bytecode", "platformdirs")
    settings["matrix"]["req"] = {k: settings["matrix"]["req"][k][-1:] for k in needed}
    settings.pop("exclude")
    conf.write_text(json.dumps(settings))
    git(clone, "commit", "-qam", "one environment")
    first = git(clone, "rev-parse", "HEAD")
    unchanged = committed(clone, "README.md", "\nNothing.\n")
    slowed = committed(clone, "revtrace/passes/dce.py", SLOWED)
    # asv looks for interpreters and virtualenv on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path, "HOME": str(tmp_path)}

    def asv(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "asv", *arguments]
        return subprocess.run(
            command, cwd=clone / "asv_bench", env=environment, capture_output=True, text=True, timeout=1500
        )

    assert asv("machine", "--yes").returncode == 0
    calm = asv("continuous", first, unchanged, "--factor", "1.5", "--bench", BENCHMARK)
    assert "NOT SIGNIFICANTLY CHANGED" in calm.stdout and calm.returncode == 0, calm.stdout + calm.stderr
    worse = asv("continuous", unchanged, slowed, "--factor", "1.5", "--bench", BENCHMARK)
    assert "PERFORMANCE DECREASED" in worse.stdout and worse.returncode == 1, worse.stdout + worse.stderr
    assert asv("publish").returncode == 0
    assert (clone / "asv_bench" / "html" / "index.html").exists()
