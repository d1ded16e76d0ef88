"""Counting what is kept."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import config


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    with config.override(interpret=True, verify=True):
        yield


def norm2(x: Any) -> Any:
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


def recurrence(x: Any, a: Any) -> Any:
    h = 0.0
    for t in range(len(x)):
        h = math.tanh(a * h + x[t])
    return h


def growing(x: Any, y: Any) -> Any:
    s = x * y
    while s < 1e5:
        s = s * s + math.sin(s)
    return s


def test_nothing_is_kept_of_a_sum_of_squares() -> None:
    g = revtrace.grad(norm2)
    g(np.ones(5))
    assert g.stats.kept_bytes == 0


def test_eight_bytes_an_iteration_are_kept_of_a_recurrence() -> None:
    g = revtrace.grad(recurrence, argnums=(0, 1))
    x = np.ones(50)
    g(x, 0.5)
    assert g.stats.kept_bytes == 400


def test_a_stack_is_counted_by_running_its_loop() -> None:
    g = revtrace.grad(growing, argnums=(0, 1))
    g(1.5, 1.0)
    s, count = 1.5, 0
    while s < 1e5:
        s, count = s * s + math.sin(s), count + 1
    assert g.stats.kept_bytes == 8 * count


def test_it_is_unknown_once_the_arrays_are_gone() -> None:
    g = revtrace.grad(lambda x, a: recurrence(x, a), argnums=(0, 1))
    g(np.ones(50), 0.5)
    gc.collect()
    assert g.stats.kept_bytes is None


def test_the_function_itself_keeps_nothing() -> None:
    f = revtrace.wrap(recurrence)
    f(np.ones(3), 0.5)
    assert f.stats.kept_bytes == 0


def test_counting_equals_what_the_interpreter_keeps() -> None:
    def nested(x: Any, y: Any) -> Any:
        out = 0.0
        for i in range(len(x)):
            s = x[i] * y
            while abs(s) > 1e-2:
                s = 0.5 * s * math.cos(s)
            out += s * s
        return out

    g = revtrace.grad(nested, argnums=(0, 1))
    x = np.linspace(-1.0, 3.0, 7)
    program = g.program(x, 1.5)
    held = most = 0
    sizes: dict[Any, int] = {}

    def observe(event: Any) -> None:
        nonlocal held, most
        name = getattr(event.stmt, "name", "")
        if name == "push":
            held += 8
        elif name == "pop":
            held -= 8
        elif name == "alloc" and event.stmt.out.name.endswith("_kept"):
            sizes[event.stmt.out] = event.out.nbytes
        most = max(most, held + sum(sizes.values()))

    revtrace.replay.run(program, [x.copy(), 1.5], observer=observe)
    g(x, 1.5)
    assert g.stats.kept_bytes == most
