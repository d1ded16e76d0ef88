"""The collector of cycles is as it was after any work, and as it was told if it is off."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import revtrace
from revtrace.program.collector import rarely


@pytest.fixture(autouse=True)
def threshold():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 5)
    yield
    gc.set_threshold(*before)


def test_runs_rarely_inside_only():
    with pytest.raises(KeyError), rarely(), rarely():
        assert gc.get_threshold()[0] > 100_000
        raise KeyError
    assert gc.get_threshold() == (700, 10, 5)


def test_threads_may_leave_in_any_order():
    first, second = rarely(), rarely()
    inside, leave = threading.Event(), threading.Event()

    def other():
        with second:
            inside.set()
            leave.wait(10)

    first.__enter__()
    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > 100_000
    leave.set()
    thread.join()
    assert gc.get_threshold() == (700, 10, 5)


def test_off_stays_off():
    gc.set_threshold(0, 10, 5)
    with rarely():
        assert gc.get_threshold() == (0, 10, 5)


def test_first_calls_use_it():
    seen = []

    def watching(x):
        return x * x

    def like(x):
        seen.append(gc.get_threshold()[0])
        return x

    revtrace.rule(watching, adjoint=lambda ct, out, x: ct * 2 * x, like=like)
    try:
        revtrace.grad(lambda x: watching(x))(np.float64(2.0))
    finally:
        revtrace.rule.remove(watching)
    assert seen and min(seen) > 100_000
    assert gc.get_threshold() == (700, 10, 5)
