"""Traces that derivatives of a function share, and when they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.dispatch import making

SCALE = 2.0


@pytest.fixture(autouse=True)
def _interpreted() -> Iterator[None]:
    with override(interpret=True, cache=False):
        yield


@pytest.fixture
def traced() -> Iterator[mock.Mock]:
    with mock.patch.object(making, "trace", wraps=making.trace) as counted:
        yield counted


@pytest.fixture
def scaled() -> Any:
    def scaled(x: Any, n: Any = 3) -> Any:
        s = 0.0
        for v in x:
            s += SCALE * v**2 * (n % 7)
        return s

    return scaled


def test_derivatives_come_from_one_trace(scaled: Any, traced: mock.Mock) -> None:
    x = np.array([1.0, 2.0])
    out, pullback = revtrace.vjp(scaled, x, 3)
    assert out == 30.0
    np.testing.assert_array_equal(pullback(1.0)[0], [12.0, 24.0])
    np.testing.assert_array_equal(revtrace.grad(scaled)(x[::-1], 3), [24.0, 12.0])
    assert revtrace.hvp(scaled, (x, 3), (np.ones(2), None))[0] == 12.0
    assert traced.call_count == 1


def test_what_a_trace_relies_on_is_tested(scaled: Any, traced: mock.Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([1.0, 2.0])
    _, pullback = revtrace.vjp(scaled, x, 3)
    monkeypatch.setitem(globals(), "SCALE", 10)
    np.testing.assert_array_equal(pullback(1.0)[0], [60.0, 120.0])
    assert traced.call_count == 2
    # Other types, and an integer that programs do not hold.
    np.testing.assert_array_equal(revtrace.grad(scaled)([1.0, 2.0], 3), [60.0, 120.0])
    np.testing.assert_array_equal(revtrace.grad(scaled)(x, 2**70), 20.0 * x * (2**70 % 7))
    np.testing.assert_array_equal(revtrace.grad(scaled)(x.astype(np.float32)), np.float32([60.0, 120.0]))
    assert traced.call_count == 5


def test_code_and_defaults_are_those_of_the_call(traced: mock.Mock) -> None:
    def f(x: Any, y: Any = 2.0) -> Any:
        return x * y

    def g(x: Any, y: Any = 2.0) -> Any:
        return x - y

    assert revtrace.vjp(f, 3.0)[0] == 6.0
    f.__defaults__ = (5.0,)
    assert revtrace.grad(f)(3.0) == 5.0
    f.__code__ = g.__code__
    assert revtrace.value_and_grad(f)(3.0) == (-2.0, 1.0)


def test_traces_for_some_numbers_are_not_shared(traced: mock.Mock) -> None:
    def halved(x: Any) -> Any:
        parts = [x]
        while parts[-1] > 1.0:
            parts.append(parts[-1] / 2)
        return tuple(parts)[-1] * len(parts)

    for x in (5.0, 40.0, 0.5):
        assert revtrace.vjp(halved, x)[0] == halved(x)
        count = 1 + max(0, int(np.ceil(np.log2(x))))
        assert revtrace.vjp(halved, x)[1](1.0) == (count / 2 ** (count - 1),)


def test_a_new_rule_is_used() -> None:
    def inner(x: Any) -> Any:
        return x * x

    def outer(x: Any) -> Any:
        return inner(x) + 1.0

    assert revtrace.vjp(outer, 3.0)[0] == 10.0
    try:
        revtrace.rule(inner, adjoint=lambda ct, out, x: 100.0 * ct)
        assert revtrace.grad(outer)(3.0) == 100.0
    finally:
        revtrace.rule.remove(inner)
    assert revtrace.value_and_grad(outer)(3.0) == (10.0, 6.0)
