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
        s = y * s * s + math.sin(s)
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


def doubtful(x: Any) -> Any:
    s = 0.0
    for i in range(len(x)):
        if s > 0.0:
            s = s * 0.5 - x[i]
        else:
            s = s + x[i]
    return s


def settling(x: Any) -> Any:
    s = 0.0
    count = 0
    while abs(s) < 1e9 and count < 100:
        s = s + x[count % 3]
        if s > 0.0:
            s = s * 0.5
        count += 1
    return s


def table(x: Any) -> Any:
    s = 0.0
    for i in range(9):
        for j in range(2, 13):
            if s > 0.0:
                s = s * 0.5 - x[j]
            else:
                s = s + x[i]
    return s


def larger_ones(x: Any, y: Any) -> Any:
    z = np.empty(len(x))
    for i in range(len(x)):
        z[i] = max(x[i], y[i])
    for i in range(len(x)):
        x[i] = 0.0
    s = 0.0
    for i in range(len(x)):
        s = s * 0.5 + z[i]
    return s


@pytest.mark.parametrize(
    ("f", "size", "bytes_"), [(doubtful, 100, 13), (settling, 3, 13), (table, 13, (9 * 13 + 7) // 8)]
)
def test_a_flag_of_a_branch_takes_a_bit(f: Any, size: int, bytes_: int) -> None:
    x = np.random.default_rng(5).standard_normal(size)
    g = revtrace.grad(f)
    wanted = g(x)
    assert g.stats.kept_bytes == bytes_
    with config.override(interpret=False, cache=False):
        g = revtrace.grad(f)
        np.testing.assert_array_equal(g(x), wanted)
        assert g.stats.kept_bytes == bytes_


def test_a_flag_takes_a_byte_where_bits_would_chain_iterations() -> None:
    g = revtrace.grad(larger_ones, argnums=(0, 1))
    x, y = np.arange(100.0), np.full(100, 40.5)
    g(x, y)
    assert g.stats.kept_bytes == 100
