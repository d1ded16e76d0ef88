"""``collections.deque`` with a greatest length, on a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["BoundedDeque"]


class BoundedDeque:
    """Stands for a deque made while tracing: what does not fit falls out at the other end."""

    def __init__(self, iterable: Iterable[Any] = (), maxlen: int | None = None) -> None:
        self.maxlen = maxlen
        self.items: list[Any] = []
        self.extend(iterable)

    def append(self, value: Any) -> None:
        """Add at the right."""
        if self.maxlen is None or self.maxlen > 0:
            self.items.append(value)
            if self.maxlen is not None and len(self.items) > self.maxlen:
                self.items.pop(0)

    def appendleft(self, value: Any) -> None:
        """Add at the left."""
        if self.maxlen is None or self.maxlen > 0:
            self.items.insert(0, value)
            if self.maxlen is not None and len(self.items) > self.maxlen:
                self.items.pop()

    def extend(self, iterable: Iterable[Any]) -> None:
        """Add each at the right."""
        for value in iterable:
            self.append(value)

    def extendleft(self, iterable: Iterable[Any]) -> None:
        """Add each at the left."""
        for value in iterable:
            self.appendleft(value)

    def pop(self) -> Any:
        """Take the last."""
        return self.items.pop()

    def popleft(self) -> Any:
        """Take the first."""
        return self.items.pop(0)

    def clear(self) -> None:
        """Remove all."""
        self.items.clear()

    def copy(self) -> BoundedDeque:
        """Return another with the same items."""
        return BoundedDeque(self.items, self.maxlen)

    def rotate(self, n: int = 1) -> None:
        """Move each item n places to the right."""
        if self.items:
            k = len(self.items) - n % len(self.items)
            self.items = self.items[k:] + self.items[:k]

    def reverse(self) -> None:
        """Turn the order round."""
        self.items.reverse()

    def count(self, value: Any) -> int:
        """Return how many items equal a value."""
        return self.items.count(value)

    def index(self, value: Any) -> int:
        """Return where a value is."""
        return self.items.index(value)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __reversed__(self) -> Iterator[Any]:
        yield from self.items[::-1]

    def __contains__(self, value: Any) -> bool:
        return value in self.items

    def __getitem__(self, k: int) -> Any:
        return self.items[k]

    def __setitem__(self, k: int, value: Any) -> None:
        self.items[k] = value

    def __delitem__(self, k: int) -> None:
        del self.items[k]
