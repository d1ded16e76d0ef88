"""yield from, global variables that are assigned, and one truth value as an index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from revtrace.trace.loop import carried_lists
from tests.trace.agree import agrees

MODE = "a"
COUNT = 0.0


def set_mode(mode: str) -> None:
    global MODE
    MODE = mode


class Mode:
    def __init__(self, mode: str) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.old = MODE
        set_mode(self.mode)

    def __exit__(self, *_: object) -> None:
        set_mode(self.old)


def under_a_mode(x: float) -> float:
    with Mode("b"):
        y = x * x if MODE == "b" else x
    return y * (3 if MODE == "a" else 5)


def counting(x: float) -> float:
    global COUNT
    COUNT = 0.0
    for k in range(3):
        COUNT = COUNT + x * k
    if x > 1:
        COUNT *= x
    return COUNT


def parts(x: float) -> Iterator[float]:
    yield x
    yield from (x * k for k in range(3))
    yield from [x, x * x]


def flagged(x: float) -> float:
    a = np.array(np.asarray(x) * 1.0)
    a[a > 1] = 5 * x
    a[a < 100] += x
    return a[()] * x + a[a > 0].sum()


def test_global_set_and_put_back() -> None:
    agrees(under_a_mode, 2.0)
    assert MODE == "a"


def test_global_assigned_in_a_loop_and_a_branch() -> None:
    agrees(counting, 2.0)


def test_yield_from() -> None:
    agrees(lambda x: sum(parts(x)) + list(parts(x))[-1], 2.0)


def test_one_truth_value_as_index() -> None:
    agrees(flagged, 2.0)


def steps(x: float) -> Iterator[float]:
    while x < 3.0:
        x = 0.8 * x + np.sin(x)
        yield x


def left_early(x: float) -> float:
    total = 0.0
    for k, step in enumerate(steps(x)):
        if k > 5:
            break
        total += step / (k + 1)
    return total + sum(s * t for s, t in zip(steps(2.0 * x), (1.0, 0.5), strict=False))


def test_loops_that_leave_a_generator_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # The steps converge to 2.6, so that no number of items is enough.
    monkeypatch.setattr(carried_lists, "UNKNOWN_ROOM", 64)
    agrees(left_early, 0.3)
