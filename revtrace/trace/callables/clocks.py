"""Clocks: what ``time`` returns is a number of the run, which has no derivative."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from revtrace.trace.callables.functions import on
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def _clock(name: str, dtype: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        (made,) = call_row(t, "clock", (), [(dtype, ())], (("name", name),), ("now",))
        return Num(arrays.load_at(t, made, ()), True)

    return handler


for _name in ("time", "perf_counter", "monotonic", "process_time", "thread_time"):
    on(getattr(time, _name))(_clock(_name, "f8"))
    on(getattr(time, f"{_name}_ns"))(_clock(f"{_name}_ns", "i8"))


@on(time.sleep)
def _sleep(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return NONE
