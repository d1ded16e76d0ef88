"""Printing: colours on a terminal, plain text in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from revtrace.dumps.columns import Segment, painted, plain

__all__ = ["colours", "put", "width"]


def width() -> int | None:
    """Return how many characters a line of the terminal has; None in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def colours() -> bool:
    """Whether standard output is a terminal that may show colours, and rich is there to write them."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


def put(lines: Sequence[Sequence[Segment]]) -> None:
    """Print lines of segments."""
    if not colours():
        sys.stdout.write(plain(lines))
        return
    from rich.console import Console

    console = Console()
    # Too wide a line is for the terminal to wrap or clip: rich would fold it.
    longest = max((sum(len(s.text) for s in line) for line in lines), default=0)
    console.print(painted(lines), width=max(longest, console.width), crop=False, overflow="ignore", soft_wrap=True)
