"""The arguments of a call as trees, apart from the numbers and arrays that a host hands over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.containers import build, fields_of
from revtrace.cotangents import copied, floats_in
from revtrace.trace.record import Made

__all__ = ["Fixed", "Hole", "apart", "kept", "leaves_of", "together"]


@dataclass(frozen=True, slots=True)
class Hole:
    """Where the leaf of a number is in a tree."""

    index: int


_COMPARED = (str, bytes, int, float, tuple, list, dict, type(None))
"""Constants that are compared by value; containers among them are empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """A constant in a tree."""

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fixed):
            return False
        a, b = self.value, other.value
        return a is b or (type(a) is type(b) and isinstance(a, _COMPARED) and a == b)

    def __hash__(self) -> int:
        return hash(type(self.value))


def apart(value: Any, is_leaf: Callable[[Any], bool], leaves: list[Any]) -> Any:
    """Return a nested value as a tree of `Made`, `Hole` and `Fixed`, its leaves appended to a list."""
    if is_leaf(value):
        leaves.append(value)
        return Hole(len(leaves) - 1)
    before = len(leaves)
    entries = fields_of(value)
    if not entries:
        return Fixed(value)
    tree = Made(type(value), tuple((key, apart(entry, is_leaf, leaves)) for key, entry in entries))
    return Fixed(value) if len(leaves) == before and not isinstance(value, (tuple, list, dict)) else tree


def together(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the nested value of a tree with these leaves."""
    if type(tree) is Hole:
        return leaves[tree.index]
    return build(tree, lambda x: leaves[x.index] if type(x) is Hole else x.value)


def kept(value: Any) -> Any:
    """Return containers with copies of the arrays in them; other objects are as they are."""
    if type(value) is np.ndarray:
        return value.copy(order="K")
    if type(value) in (tuple, list):
        return type(value)(kept(entry) for entry in value)
    if type(value) is dict:
        return {key: kept(entry) for key, entry in value.items()}
    return copied(value) if any(isinstance(x, np.ndarray) for x in floats_in(value)) else value


def leaves_of(tree: Any) -> list[Any]:
    """Return the leaves of a tree in order: `Hole` and `Fixed`."""
    if isinstance(tree, Made):
        return [leaf for _, entry in tree.fields for leaf in leaves_of(entry)]
    return [tree]
