"""Functions whose dumps are looked at, and a page in a real browser."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.dumps import Dump


def recurrent(a: Any, b: Any, x: Any) -> Any:
    h = 0.0
    for t in range(len(x)):
        h = math.tanh(a * h + b * x[t])
    return h


def smooth(u: Any, steps: Any) -> Any:
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            u[i] += 0.25 * u[i - 1] * (u[i - 1] - 2.0 * u[i] + u[i + 1])
    return u[1]


def grown(x: Any) -> Any:
    s = 1.0
    while s < 100.0:
        if s > 3:
            s = s * x
        else:
            s = s * s + x
    return s


def squares(x: Any) -> Any:
    out = 0.0
    for v in x:
        out += v * v
    return out


def doubled(x: Any) -> Any:
    return 2.0 * np.sin(x)


CALLS: list[tuple[Any, tuple[Any, ...]]] = [
    (recurrent, (0.5, 0.25, np.ones(3))),
    (smooth, (np.linspace(1.0, 2.0, 5), 2)),
    (grown, (2.0,)),
    (squares, (np.arange(4.0),)),
    (doubled, (np.arange(3.0),)),
]


def line_of(function: Any, text: str) -> int:
    """Return the number of the first line of a function that holds a text."""
    code = function.__code__
    lines = Path(code.co_filename).read_text().splitlines()
    return next(k + 1 for k in range(code.co_firstlineno - 1, len(lines)) if text in lines[k])


def dumped(function: Any, args: tuple[Any, ...]) -> Dump:
    found = revtrace.wrap(function).dump(*args)
    assert isinstance(found, Dump)
    return found


def browser() -> str:
    """Return a headless browser, or skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip("no browser is installed")


def opened(page: Path, folder: Path, *options: str) -> str:
    """Return the document after the browser has run its scripts."""
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", *options]
    done = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
