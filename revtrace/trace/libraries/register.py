"""How a plain function is entered as the stand-in of a library's, by the name it is found under."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["STAND_INS", "find", "stands_for"]

F = TypeVar("F", bound=Callable[..., Any])

#: By a function's own name: the modules it may be found in, and what is traced in its place.
STAND_INS: dict[str, list[tuple[str, Callable[..., Any]]]] = {}


def stands_for(*names: str) -> Callable[[F], F]:
    """Enter a function as the stand-in of those with the given full names."""

    def enter(function: F) -> F:
        for full in names:
            module, _, name = full.rpartition(".")
            STAND_INS.setdefault(name, []).append((module, function))
        return function

    return enter


def find(function: Any) -> Callable[..., Any] | None:
    """Return the plain function to trace in place of a library's, or None."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        return None
    for module, stand_in in STAND_INS.get(name, ()):
        if getattr(sys.modules.get(module), name, None) is function:
            return stand_in
    return None
