"""Results of SciPy's functions: tuples with names, and with attributes that are no items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Bunch"]


class Bunch:
    """Stands for one made while tracing; ``_items`` are those of the tuple, all values are attributes."""

    _items: tuple[Any, ...]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __getitem__(self, k: Any) -> Any:
        return self._items[k]

    def __len__(self) -> int:
        return len(self._items)
