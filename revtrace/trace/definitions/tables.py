"""What is asked of lists of lists that lie in one buffer."""

from __future__ import annotations

from typing import Any

__all__ = ["held_once"]


def held_once(order: Any, place: int, length: int) -> bool:
    """Whether one item only lies at a place."""
    found = 0
    for k in range(length):
        if order[k] == place:
            found += 1
    return found == 1
