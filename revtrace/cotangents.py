"""Seeds and tangents: checking what the user gives and laying it out for a kernel.

Floats of a result, or of arguments, are numbered in order; a cotangent or tangent has the
same containers, and a number or an array of the same shape and dtype at each float.  What it
holds at other leaves (integers, strings, None) is not looked at.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from revtrace.containers import build, describe, is_float, tree_of
from revtrace.errors import TypeMismatchError
from revtrace.loc import Loc
from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.record import Arg

__all__ = ["copied", "flatten", "floats_in", "zero_tangent", "zeros"]


def _entries(value: Any) -> list[tuple[str, Any, Any]] | None:
    """Return (spelling, key, entry) for the entries of a container, or None for a leaf."""
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", None)
        return [(f".{names[k]}" if names else f"[{k}]", k, entry) for k, entry in enumerate(value)]
    if isinstance(value, dict):
        return [(f"[{key!r}]", key, entry) for key, entry in value.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        return [(f".{name}", name, getattr(value, name)) for name in names if hasattr(value, name)]
    return None


def floats_in(value: Any) -> list[Any]:
    """Return the floats and float arrays in a nested value, in order."""
    entries = _entries(value)
    if entries is None:
        return [value] if is_float(value) else []
    return [x for _, _, entry in entries for x in floats_in(entry)]


def flatten(given: Any, like: Any, what: str, here: Loc) -> tuple[Any, ...]:
    """Return one number or array per float of ``like``, taken from ``given``.

    Parameters
    ----------
    given : object
        A cotangent or tangent.
    like : object
        The value that it belongs to.
    what : str
        How messages call it.
    here : Loc
        Where the function is.

    Raises
    ------
    TypeMismatchError
        Another structure, shape or dtype.
    """
    return tuple(_matched(given, like, what, here))


def _matched(given: Any, like: Any, what: str, here: Loc) -> Iterator[Any]:
    entries = _entries(like)
    if entries is None:
        if is_float(like):
            yield _leaf(given, like, what, here)
        return
    if given is None and not floats_in(like):
        return
    found = _entries(given)
    kinds = (tuple, list, dict)
    outer = next((kind for kind in kinds if isinstance(like, kind)), type(like))
    if found is None or not isinstance(given, outer):
        raise TypeMismatchError(
            f"{what} is {describe(given)}", f"it belongs to {describe(like)}", f"pass {_sketch(like)}", here
        )
    keys, known = [key for _, key, _ in found], [key for _, key, _ in entries]
    if set(keys) != set(known) or len(keys) != len(known):
        instead = f"pass {_sketch(like)}"
        if isinstance(like, (tuple, list)):
            raise TypeMismatchError(f"{what} has {len(keys)} entries, it must have {len(known)}", "", instead, here)
        raise TypeMismatchError(f"{what} has the keys {keys}, it must have {known}", "", instead, here)
    values = {key: entry for _, key, entry in found}
    for spelled, key, entry in entries:
        yield from _matched(values[key], entry, f"{what}{spelled}", here)


def _leaf(given: Any, like: Any, what: str, here: Loc) -> Any:
    complex_like = np.iscomplexobj(like)
    if isinstance(like, np.ndarray):
        if not isinstance(given, np.ndarray):
            if like.ndim or not np.isscalar(given):
                raise TypeMismatchError(
                    f"{what} is {describe(given)}", f"it belongs to {describe(like)}", _array(like, what), here
                )
            given = np.asarray(given, like.dtype)
        if given.shape != like.shape:
            raise TypeMismatchError(
                f"{what} has shape {given.shape}, it must have {like.shape}", "", _array(like, what), here
            )
        if given.dtype != like.dtype:
            raise TypeMismatchError(
                f"{what} has dtype {given.dtype}, it must have {like.dtype}",
                "derivatives have the dtype of what they belong to",
                f"pass {what}.astype(np.{like.dtype})",
                here,
            )
        return np.array(given, order="C", dtype=like.dtype.newbyteorder("="))
    number = given[()] if isinstance(given, np.ndarray) and given.ndim == 0 else given
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, float, complex, np.number)):
        raise TypeMismatchError(f"{what} is {describe(given)}", "it belongs to a number", "pass a float", here)
    if isinstance(number, (complex, np.complexfloating)) and not complex_like:
        raise TypeMismatchError(f"{what} is complex", f"it belongs to {describe(like)}", "pass its real part", here)
    return type(like)(number)


def _array(like: np.ndarray, what: str) -> str:
    return f"pass an array of {like.dtype} with shape {like.shape}"


def _sketch(like: Any) -> str:
    """Return the structure in a few characters, such as ``(array, {'a': float})``."""
    entries = _entries(like)
    if entries is None:
        return "array" if isinstance(like, np.ndarray) else "None" if like is None else type(like).__name__
    parts = [_sketch(entry) for _, _, entry in entries]
    if isinstance(like, dict):
        return "{" + ", ".join(f"{key!r}: {part}" for (_, key, _), part in zip(entries, parts, strict=True)) + "}"
    if isinstance(like, list):
        return f"[{', '.join(parts)}]"
    if type(like) is tuple:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return f"{type(like).__name__}({', '.join(parts)})"


def zeros(value: Any) -> Any:
    """Return zero of a float's type and shape."""
    return np.zeros(value.shape, value.dtype) if isinstance(value, np.ndarray) else type(value)(0.0)


def zero_tangent(value: Any) -> Any:
    """Return the zero tangent of a nested value: None where there is no float."""
    return build(tree_of(Arg("x"), value), lambda slot: zeros(slot.value) if is_float(slot.value) else None)


def _copied_array(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Copy an array; one with gaps gets gaps, since what a function does may depend on how its arguments lie."""
    if a.flags.forc:
        return a.copy(order="K")
    made = np.empty((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)[..., ::2]
    made[...] = a
    return made


def copied(value: Any) -> Any:
    """Return nested containers with their arrays copied, other leaves as they are."""
    if type(value) is np.ndarray:
        return _copied_array(value)
    if isinstance(value, tuple):
        return tuple.__new__(type(value), [copied(entry) for entry in value])
    if type(value) is list:
        return [copied(entry) for entry in value]
    if type(value) is dict:
        return {key: copied(entry) for key, entry in value.items()}
    builtin = builtin_of(type(value))
    if builtin is not None:
        made = copy.copy(value)
        builtin.__init__(made, copied(builtin(value)))
        return made
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        new = object.__new__(type(value))
        slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
        for name in dict.fromkeys([*getattr(value, "__dict__", ()), *slots]):
            if hasattr(value, name) and name not in ("__dict__", "__weakref__"):
                object.__setattr__(new, name, copied(getattr(value, name)))
        return new
    return value
