"""The structure of arguments and results of users' rules, and values taken apart and put together by it.

A structure is a tuple: ``("array", ndim, dtype)``, ``("number", 0, dtype)`` for a Python number,
``("scalar", 0, dtype)`` for numpy's, ``("static", value)``, and ``(kind, parts, keys_or_class)`` for
``"tuple"``, ``"list"`` and ``"dict"``.  The functions here are both run and traced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["LEAVES", "Spec", "filled", "flat", "leaves", "rebuilt", "spec_of", "total_of", "weighed"]

Spec = tuple[Any, ...]

LEAVES = ("array", "number", "scalar")
"""The kinds of structure that are one number or array."""


def spec_of(value: Any) -> Spec:
    """Return the structure of a value."""
    if isinstance(value, np.ndarray):
        return ("array", value.ndim, _code(value.dtype))
    if isinstance(value, np.generic):
        return ("scalar", 0, _code(value.dtype))
    if isinstance(value, (bool, int, float, complex)):
        return ("number", 0, _code(np.asarray(value).dtype))
    if isinstance(value, tuple):
        cls = type(value) if type(value) is not tuple else None
        return ("tuple", tuple(spec_of(v) for v in value), cls)
    if isinstance(value, list):
        return ("list", tuple(spec_of(v) for v in value), None)
    if isinstance(value, dict):
        return ("dict", tuple(spec_of(v) for v in value.values()), tuple(value))
    return ("static", value)


def _code(dtype: Any) -> str:
    found = np.dtype(dtype)
    return "b1" if found.kind == "b" else found.str[1:]


def leaves(spec: Spec) -> list[Spec]:
    """List the numbers and arrays of a structure, in order."""
    if spec[0] in LEAVES:
        return [spec]
    if spec[0] == "static":
        return []
    return [leaf for part in spec[1] for leaf in leaves(part)]


def rebuilt(spec: Spec, values: Sequence[Any]) -> Any:
    """Return the value of a structure whose leaves are given, as arrays."""
    kind = spec[0]
    if kind == "static":
        return spec[1]
    if kind == "array":
        return values[0]
    if kind == "number":
        return None if values[0] is None else values[0].item()
    if kind == "scalar":
        return None if values[0] is None else values[0][()]
    parts = []
    at = 0
    for part in spec[1]:
        n = len(leaves(part))
        parts.append(rebuilt(part, values[at : at + n]))
        at += n
    if kind == "tuple":
        return tuple(parts) if spec[2] is None else spec[2](*parts)
    if kind == "list":
        return parts
    return dict(zip(spec[2], parts))  # noqa: B905 - strict= is not traced


def flat(spec: Spec, value: Any, name: str) -> list[Any]:
    """List the leaves of a value of a structure, as arrays."""
    kind = spec[0]
    if kind == "static":
        return []
    if kind in LEAVES:
        return [np.asarray(value)]
    values = [value[k] for k in spec[2]] if kind == "dict" else list(value)
    if len(values) != len(spec[1]):
        raise ValueError("a function with a rule returns another structure than before: " + name)
    found = []
    for part, v in zip(spec[1], values):  # noqa: B905 - lengths are compared above
        found += flat(part, v, name)
    return found


def weighed(weights: Any, value: Any) -> Any:
    """Return the sum of a value's numbers by weights of the same structure; None weighs nothing."""
    if weights is None:
        return 0.0
    if isinstance(weights, dict):
        return sum([weighed(weights[k], value[k]) for k in weights])
    if isinstance(weights, tuple):
        return sum([weighed(w, v) for w, v in zip(weights, value)])  # noqa: B905 - of one structure
    return np.sum(np.real(weights * value))


def total_of(f: Any, weights: Any) -> Any:
    """Return the function of the same arguments whose value is the weighed sum of another's."""

    def total(*xs: Any) -> Any:
        return weighed(weights, f(*xs))

    return total


def filled(f: Any, args: Sequence[Any], places: Sequence[int]) -> Any:
    """Return a function of the arguments at some places, the others being given."""

    def partly(*xs: Any) -> Any:
        given = list(args)
        for k, x in zip(places, xs):  # noqa: B905 - strict= is not traced
            given[k] = x
        return f(*given)

    return partly
