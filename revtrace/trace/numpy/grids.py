"""Arrays by indexing: ``np.mgrid``, ``np.ogrid``, ``np.r_``, ``np.c_``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.objects.containers import as_known_int
from revtrace.trace.state import State
from revtrace.trace.values import Num, Slice, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["grid", "joined"]


def grid(t: Tracer, maker: Any, key: Any) -> Any:
    """``np.mgrid[...]`` and ``np.ogrid[...]`` between bounds that are known when tracing, as integers can be."""
    from revtrace.trace.external import external

    def known(x: Any) -> Any:
        x = t.use(x)
        if isinstance(x, Slice):
            return slice(*(known(part) for part in (x.start, x.stop, x.step)))
        if isinstance(x, Tup):
            return tuple(known(part) for part in x.items)
        if isinstance(x, Static):
            return x.value
        if not (isinstance(x, Num) and x.dtype[0] in "iu"):
            raise t.unsupported(
                "a grid between bounds that are known only when running",
                "how many places it has depends on them",
                "use np.linspace and np.meshgrid",
            )
        return as_known_int(t, x)

    return external(t, t.current, maker[known(key)], None, "const")


def joined(t: Tracer, st: State, joiner: Any, key: Any) -> Any:
    """``np.r_[...]`` and ``np.c_[...]``."""
    from revtrace.trace.definitions import windows
    from revtrace.trace.definitions.register import traced

    keys = list(key.items) if isinstance(key, Tup) else [key]
    if isinstance(key, Static) and isinstance(key.value, tuple):
        keys = [Static(k) for k in key.value]
    parts = []
    for k in map(t.use, keys):
        if isinstance(k, Slice):
            k = traced(t, st, windows.run, (k.start, k.stop, k.step), {})
        elif isinstance(k, Static) and isinstance(k.value, slice):
            k = traced(t, st, windows.run, tuple(map(Static, (k.value.start, k.value.stop, k.value.step))), {})
        parts.append(k)
    return traced(t, st, windows.lines if joiner is np.r_ else windows.columns, tuple(parts), {})
