"""Python's collector of cycles, run rarely while programs are traced, derived and compiled.

That work allocates millions of small objects, of which most stay until it is done: walking them again and again for
cycles takes a sixth of the time.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rarely"]

_ALLOCATIONS = 500_000
"""How many objects may be new before they are looked through: some 50 MB."""

_lock = threading.Lock()
_inside = 0
_before = gc.get_threshold()


@contextmanager
def rarely() -> Iterator[None]:
    """Let the collector run rarely inside the block; in all threads, which share it."""
    global _inside, _before  # noqa: PLW0603 - the collector is the process's
    with _lock:
        if not _inside:
            _before = gc.get_threshold()
            if 0 < _before[0] < _ALLOCATIONS:
                gc.set_threshold(_ALLOCATIONS, *_before[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.set_threshold(*_before)
