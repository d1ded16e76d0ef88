"""Run the checks that CI runs: ``python -m tools.check [lint] [types] [tests] [jax] [hosts] [bench]``, all if none."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

CHECKS: dict[str, tuple[tuple[str, str], ...]] = {
    "lint": (("ruff check", "."), ("ruff format --check", ".")),
    "types": (("mypy --strict revtrace tests/test_typed_use.py", "."),),
    "tests": (('pytest -q -m "not slow"', "."),),
    "jax": (("pytest -q -k jax tests/programs/test_programs.py", "."),),
    "hosts": (('pytest -q -m "not slow" tests/interop', "."),),
    "bench": (("asv check --python=same", "asv_bench"),),
}
"""The commands of each check, as modules run by this Python, and the directory they run in."""


def run(name: str) -> bool:
    """Run one check; return whether it passed."""
    passed = True
    for command, directory in CHECKS[name]:
        print(f"$ {command}", flush=True)
        line = [sys.executable, "-m", *shlex.split(command)]
        passed &= subprocess.run(line, cwd=ROOT / directory, check=False).returncode == 0
    return passed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checks", nargs="*", metavar="check", help=", ".join(CHECKS))
    chosen = parser.parse_args().checks or list(CHECKS)
    unknown = [name for name in chosen if name not in CHECKS]
    if unknown:
        parser.error(f"no such check: {', '.join(unknown)}")
    failed = [name for name in chosen if not run(name)]
    print(f"failed: {', '.join(failed)}" if failed else f"passed: {', '.join(chosen)}")
    sys.exit(bool(failed))
