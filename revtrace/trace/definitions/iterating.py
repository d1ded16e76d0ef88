"""Iterators of the library as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["accumulated", "pairs", "products", "until"]


def until(function: Callable[[], Any], sentinel: Any) -> Iterator[Any]:
    """Yield what a function returns until it returns something equal to ``sentinel``."""
    while True:
        value = function()
        if value == sentinel:
            return
        yield value


def pairs(items: Any) -> Iterator[Any]:
    """Yield ``itertools.combinations(items, 2)`` of an array or list."""
    for i in range(len(items)):
        for j in range(i + 1, len(items)):
            yield items[i], items[j]


def products(first: Any, second: Any) -> Iterator[Any]:
    """Yield ``itertools.product(first, second)`` of arrays or lists."""
    for a in first:
        for b in second:
            yield a, b


def accumulated(items: Any, function: Callable[[Any, Any], Any], total: Any = None) -> Iterator[Any]:
    """Yield ``itertools.accumulate(items, function, initial=total)`` of an array or list that is not empty."""
    if total is None:
        total, items = items[0], items[1:]
    yield total
    for x in items:
        total = function(total, x)
        yield total
