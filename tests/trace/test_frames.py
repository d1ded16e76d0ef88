"""Functions are decoded once, and keep their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import revtrace

TEXT = "def f(x):\n    return x * open('data')\n"


def test_equal_functions_of_two_files_are_refused_at_their_own_places(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        path = tmp_path / name
        path.write_text(TEXT)
        names: dict[str, Any] = {}
        exec(compile(TEXT, str(path), "exec"), names)
        with pytest.raises(revtrace.UnsupportedError, match=name):
            revtrace.grad(names["f"])(1.0)
