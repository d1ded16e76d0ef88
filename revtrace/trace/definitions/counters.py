"""``collections.Counter``, on a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["TracedCounter"]


class TracedCounter:
    """Stands for a counter made while tracing: a dict in which what is missing counts as zero."""

    def __init__(self, iterable: Any = None, **counts: Any) -> None:
        self.counts: dict[Any, Any] = {}
        self.update(iterable, **counts)

    def update(self, iterable: Any = None, **counts: Any) -> None:
        """Add counts, of a mapping or of the items of an iterable."""
        self._change(1, iterable, counts)

    def subtract(self, iterable: Any = None, **counts: Any) -> None:
        """Take counts away."""
        self._change(-1, iterable, counts)

    def _change(self, sign: int, iterable: Any, counts: dict[str, Any]) -> None:
        if iterable is not None:
            if hasattr(iterable, "items"):
                for key, count in iterable.items():
                    self[key] = self[key] + sign * count
            else:
                for key in iterable:
                    self[key] = self[key] + sign
        for key, count in counts.items():
            self[key] = self[key] + sign * count

    def most_common(self, n: int | None = None) -> list[tuple[Any, Any]]:
        """List the entries, largest counts first."""
        ordered = sorted(self.counts.items(), key=lambda entry: entry[1], reverse=True)
        return ordered if n is None else ordered[:n]

    def elements(self) -> Iterator[Any]:
        """Give each key as often as it counts."""
        for key, count in self.counts.items():
            for _ in range(count):
                yield key

    def total(self) -> Any:
        """Return the sum of the counts."""
        return sum(self.counts.values())

    def copy(self) -> TracedCounter:
        """Return another with the same counts."""
        return TracedCounter(self.counts)

    def clear(self) -> None:
        """Remove all."""
        self.counts.clear()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a count, or the default."""
        return self.counts.get(key, default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return a count, entered first if it is missing."""
        return self.counts.setdefault(key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove a count and return it."""
        return self.counts.pop(key, *default)

    def keys(self) -> Any:
        """Return the keys."""
        return self.counts.keys()

    def values(self) -> Any:
        """Return the counts."""
        return self.counts.values()

    def items(self) -> Any:
        """Return keys and counts."""
        return self.counts.items()

    def __getitem__(self, key: Any) -> Any:
        return self.counts.get(key, 0)

    def __setitem__(self, key: Any, count: Any) -> None:
        self.counts[key] = count

    def __delitem__(self, key: Any) -> None:
        if key in self.counts:
            del self.counts[key]

    def __contains__(self, key: Any) -> bool:
        return key in self.counts

    def __iter__(self) -> Iterator[Any]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def __add__(self, other: TracedCounter) -> TracedCounter:
        return self._combined(lambda a, b: a + b, other)

    def __sub__(self, other: TracedCounter) -> TracedCounter:
        return self._combined(lambda a, b: a - b, other)

    def __or__(self, other: TracedCounter) -> TracedCounter:
        return self._combined(max, other)

    def __and__(self, other: TracedCounter) -> TracedCounter:
        return self._combined(min, other)

    def __iadd__(self, other: TracedCounter) -> TracedCounter:
        return self._become(self + other)

    def __isub__(self, other: TracedCounter) -> TracedCounter:
        return self._become(self - other)

    def __ior__(self, other: TracedCounter) -> TracedCounter:
        return self._become(self | other)

    def __iand__(self, other: TracedCounter) -> TracedCounter:
        return self._become(self & other)

    def __pos__(self) -> TracedCounter:
        return self + TracedCounter()

    def __neg__(self) -> TracedCounter:
        return TracedCounter() - self

    def _combined(self, of_two: Callable[[Any, Any], Any], other: TracedCounter) -> TracedCounter:
        made = TracedCounter()
        for counter in (self, other):
            for key in counter.counts:
                count = of_two(self[key], other[key])
                if count > 0:
                    made[key] = count
        return made

    def _become(self, other: TracedCounter) -> TracedCounter:
        self.counts = other.counts
        return self
