"""Progress of long work: a bar on a terminal where rich is installed, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["counter", "tracked"]

T = TypeVar("T")


def _bar(*columns: Any) -> Any:
    """Return rich's progress display, None where there is no terminal or no rich."""
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return None
    return Progress(*columns, console=Console(stderr=True), transient=True)


def tracked(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield items, with a bar meanwhile.

    Parameters
    ----------
    items : iterable
    label : str
        What is being done.
    total : int, optional
        How many items there are, if they cannot say.
    """
    bar = _bar()
    if bar is None:
        yield from items
        return
    with bar:
        yield from bar.track(items, total=total, description=label)


@contextmanager
def counter(label: str) -> Iterator[Callable[[int], None]]:
    """Give a function that takes the number of steps done, of work without a known end."""
    bar = _bar("{task.description}", "{task.completed} steps")
    if bar is None:
        yield lambda done: None
        return
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done: bar.update(task, completed=done)
