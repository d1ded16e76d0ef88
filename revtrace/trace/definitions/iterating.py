"""Iterators of the library as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["until"]


def until(function: Callable[[], Any], sentinel: Any) -> Iterator[Any]:
    """Yield what a function returns until it returns something equal to ``sentinel``."""
    while True:
        value = function()
        if value == sentinel:
            return
        yield value
