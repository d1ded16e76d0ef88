"""Whether constants that a specialisation was made with are still the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["same", "same_defaults"]


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
