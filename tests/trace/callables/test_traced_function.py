"""Attributes of functions made while tracing, and of those that wrap others."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses

X = np.array([0.4, 1.5, -0.7, 2.0, 0.9])


def outside(a: Any) -> Any:
    """Documented outside."""
    return a[1] * 2


outside.tag = 5.0  # type: ignore[attr-defined]


class Counting:
    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self.f, self.n = f, 0

    def __call__(self, *args: Any) -> Any:
        self.n += 1
        return self.f(*args)


def names(x: Any) -> Any:
    def first(a: Any) -> Any:
        """Documented."""
        return a[0]

    plain = lambda a: a[1]  # noqa: E731
    found = len(first.__name__) + len(first.__doc__ or "") * 10 + len(first.__qualname__) * 100  # type: ignore[attr-defined]
    found += len(plain.__name__) * 1000 + (plain.__doc__ is None) + len(first.__module__)
    return first(x) * found + plain(x) * first.__code__.co_argcount


def what_the_record_holds_is_absent(x: Any) -> Any:
    def g(a: Any) -> Any:
        return a[0]

    try:
        return g.code * x[0]  # type: ignore[attr-defined]
    except AttributeError as e:
        return x[1] * len(str(e)) + hasattr(g, "defaults") * x[2] + hasattr(g, "captured") * x[3] + g(x)


def set_on_a_function(x: Any) -> Any:
    r = 0.0
    for i in range(3):

        def g(v: Any, i: int = i) -> Any:
            return v * i

        g.k = x[i]  # type: ignore[attr-defined]
        g.__name__ = "n" * i
        g.__dict__.update(a=2.0)
        r += g(2.0) * g.k * len(g.__name__) * g.a  # type: ignore[attr-defined]
    return r


def wrapping(x: Any) -> Any:
    def deco(f: Any) -> Any:
        @functools.wraps(f)
        def w(*args: Any) -> Any:
            return f(*args)

        return w

    @deco
    def first(a: Any) -> Any:
        """Documented."""
        return a[0]

    first.k = 2.0
    other = functools.wraps(outside)(lambda a: a[2])
    r = first(x) * first.__wrapped__(x) * len(first.__name__) * first.__dict__["k"]
    return r * len(first.__doc__) + other(x) * other.tag * len(other.__doc__)


def wrapping_instances(x: Any) -> Any:
    d = Counting(outside)

    @Counting
    def inside(a: Any) -> Any:
        return a[3]

    r = d(x) * len(d.__name__) * d.tag + d(x) * d.n  # type: ignore[attr-defined]
    return r + inside(x) * len(inside.__name__) * d.__wrapped__(x)  # type: ignore[attr-defined]


@pytest.mark.parametrize("f", [names, what_the_record_holds_is_absent, set_on_a_function, wrapping, wrapping_instances])
def test_attributes_are_those_of_the_function(f: Any) -> None:
    agrees(f, X)


def test_what_a_function_does_is_not_set() -> None:
    def f(x: Any) -> Any:
        def g(v: Any, b: float = 2.0) -> Any:
            return v * b

        g.__defaults__ = (3.0,)
        return g(x[0])

    refuses(f, X, match="setting the attribute __defaults__")
