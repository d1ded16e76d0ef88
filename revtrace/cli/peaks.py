"""The memory that a call adds to a process at its peak, as Linux counts it: whoever allocates, Python or C."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["MALLOC", "peak"]

MALLOC = {"PYTHONMALLOC": "malloc"}
"""Environment in which Python's objects are counted too: Python keeps memory that it has had once."""

_PROCESS = Path("/proc/self")


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text())
    return int(found[1]) if found else 0


@contextmanager
def _nothing_held(call: Callable[[], Any]) -> Iterator[None]:
    """Let kernels hold no memory between calls, inside the block; those that were compiled have loaded the module."""
    pool = sys.modules.get("revtrace.codegen.pool")
    if pool is None:
        yield
        return
    with pool.empty():
        # Uses, and then frees, what is held.
        call()
        yield


def peak(call: Callable[[], Any], times: int = 3) -> int | None:
    """Return how many kilobytes a call adds at its peak, the least of some calls; None where it cannot be known.

    Parameters
    ----------
    call : callable
    times : int
        How often to call.

    Examples
    --------
    >>> found = peak(lambda: b"x" * 100_000_000)
    >>> found is None or 90_000 < found < 110_000
    True
    """
    if not sys.platform.startswith("linux"):
        return None
    found = []
    with _nothing_held(call):
        for _ in range(times):
            gc.collect()
            try:
                ctypes.CDLL(None).malloc_trim(0)
                # Sets the highest count back to what there is now.
                (_PROCESS / "clear_refs").write_text("5")
            except (OSError, AttributeError):
                return None
            before = _kilobytes("VmRSS")
            call()
            found.append(_kilobytes("VmHWM") - before)
    return max(0, min(found))
