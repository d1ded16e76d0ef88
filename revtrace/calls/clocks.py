"""Clocks read while a program runs: the row ``clock``."""

from __future__ import annotations

import time

from revtrace.calls.core import Row, enter

__all__: list[str] = []


def _run(*, name: str) -> float:
    now: float = getattr(time, name)()
    return now


enter(Row("clock", _run, why_zero="the time is a constant of a run"))
