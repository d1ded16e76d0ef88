"""Whether constants that a specialisation was made with are still the same."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from operator import is_
from typing import Any
from uuid import UUID

import numpy as np

__all__ = ["contents", "frozen", "is_data", "same", "same_data", "same_defaults"]


def same(x: Any, value: Any) -> bool:
    """Whether two constants have the same type and value; NaN is itself, -0.0 is not 0.0."""
    if x is value:
        return True
    if type(x) is not type(value):
        return False
    if isinstance(value, (tuple, list, frozenset)):
        if isinstance(value, frozenset):
            return bool(x == value)
        return len(x) == len(value) and all(map(same, x, value))
    if isinstance(value, dict):
        return tuple(x) == tuple(value) and all(map(same, x.values(), value.values()))
    if isinstance(value, (float, np.floating)):
        if math.isnan(x) or math.isnan(value):
            return math.isnan(x) and math.isnan(value)
        return bool(x == value and math.copysign(1.0, x) == math.copysign(1.0, value))
    if isinstance(value, (complex, np.complexfloating)):
        return same(float(x.real), float(value.real)) and same(float(x.imag), float(value.imag))
    return bool(x == value)


def same_defaults(x: Any, value: Any) -> bool:
    """Whether two functions' defaults are the same, object by object or constant by constant."""
    if type(x) is not type(value) or len(x) != len(value):
        return False
    old, new = (value.items(), x.items()) if isinstance(value, dict) else (enumerate(value), enumerate(x))
    for (known, b), (key, a) in zip(old, new, strict=True):
        constant = isinstance(b, (bool, int, float, complex, str, bytes, type(None)))
        if key != known or (a is not b and not (constant and same(a, b))):
            return False
    return True


def contents(x: Any) -> Any:
    """Return what an object of a library holds, as tuples of plain constants; None where that cannot be told.

    Decimals, fractions and others that never change are their own contents.
    """
    if type(x) in _NEVER_CHANGE:
        return x
    match x:
        case deque():
            parts: tuple[Any, ...] = (x.maxlen, *x)
        case array():
            parts = (x.typecode, *x)
        case dict():
            parts = (x.default_factory if isinstance(x, defaultdict) else None, *x, *x.values())
        case list() | tuple():
            parts = tuple(x)
        case _:
            return None
    if getattr(x, "__dict__", None):
        return None
    held = tuple(entry if type(entry) in _PLAIN or callable(entry) else contents(entry) for entry in parts)
    lost = any(new is None and old is not None for new, old in zip(held, parts, strict=True))
    return None if lost else (type(x), *held)


_NEVER_CHANGE = frozenset({Decimal, Fraction, UUID, *(np.dtype(c).type for c in "?bBhHiIqQefdgFDG")})
_PLAIN = (float, int, bool, complex, str, type(None))
_FEW = 8


def is_data(x: Any) -> bool:
    """Whether something is a table: a longer tuple or list of nothing but plain constants, tuples and lists."""
    return type(x) in (tuple, list) and len(x) >= _FEW and _is_plain(x)


def _is_plain(x: Any) -> bool:
    return type(x) in _PLAIN or (type(x) in (tuple, list) and all(map(_is_plain, x)))


def frozen(x: Any) -> Any:
    """Return a table as it is now: its lists are copied, what cannot change is kept."""
    if type(x) not in (tuple, list):
        return x
    items = list(map(frozen, x))
    if type(x) is list:
        return items
    return x if all(map(is_, items, x)) else tuple(items)


def same_data(x: Any, table: Any) -> bool:
    """Whether something is equal to what `frozen` returned, in types as well.

    As a rule it holds the very objects it held, which is quick to see.
    """
    if type(x) is not type(table) or len(x) != len(table):
        return False
    if all(map(is_, x, table)):
        return True
    if all(type(row) is list for row in table):
        lengths = list(map(len, table))
        if all(type(row) is list for row in x) and list(map(len, x)) == lengths:
            if all(map(is_, chain.from_iterable(x), chain.from_iterable(table))):
                return True
    return same(x, table)
