"""Why a call needs a new specialisation: what differs from those there are, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.containers import describe
from revtrace.program.types import Array, Type
from revtrace.trace.constants import same_data
from revtrace.trace.record import SHORT, Guard, Input, fetch, lengths_fixed, rendered

if TYPE_CHECKING:
    from revtrace.dispatch.specialisation import Specialisation

__all__ = ["again"]


def again(known: Sequence[Specialisation], function: FunctionType, arguments: Mapping[str, Any]) -> str:
    """Return why no specialisation of some serves a call, judged by the newest one.

    Parameters
    ----------
    known : sequence of Specialisation
        Newest first.
    function : function
    arguments : dict
        The call's arguments by parameter.
    """
    kinds = ", ".join(f"{name} is {_described(value)}" for name, value in arguments.items())
    if not known:
        return f"The first call: {kinds}." if kinds else "The first call."
    difference = _difference(known[0], arguments)
    others = f", nor are the {len(known) - 1} before it" if len(known) > 1 else ""
    return f"{difference}: the last specialisation is not for it{others}."


def _difference(one: Specialisation, arguments: Mapping[str, Any]) -> str:
    for entry, var in zip(one.traced.inputs, one.traced.program.inputs, strict=True):
        found = _input(entry, var.type, arguments)
        if found:
            return found
    for guard in one.traced.guards:
        found = _guard(guard, arguments)
        if found:
            return found
    return "Some fact that it relies on does not hold"


def _input(entry: Input, kind: Type, arguments: Mapping[str, Any]) -> str:
    try:
        value = fetch(entry.source, arguments)
    except (LookupError, AttributeError, TypeError):
        return f"{rendered(entry.source)} is not there"
    name = rendered(entry.source)
    if isinstance(kind, Array):
        wanted = _array(np.dtype(kind.dtype), kind.ndim)
        if not isinstance(value, np.ndarray):
            return f"{name} is {_described(value)}, it was {wanted}"
        if value.ndim != kind.ndim or f"{value.dtype.kind}{value.dtype.itemsize}" != kind.dtype:
            return f"{name} is {_described(value)}, it was {wanted}"
        return ""
    if type(value) is not entry.python_type:
        return f"{name} is {_described(value)}, it was a {entry.python_type.__name__}"
    return ""


def _guard(guard: Guard, arguments: Mapping[str, Any]) -> str:
    try:
        value = fetch(guard.source, arguments)
    except (LookupError, AttributeError, TypeError, ValueError):
        return "" if guard.kind == "absent" else f"{rendered(guard.source)} is not there"
    name = rendered(guard.source)
    match guard.kind:
        case "is" if value is not guard.value:
            return f"{name} is another object"
        case "equal" if type(value) is not type(guard.value) or value != guard.value:
            return f"{name} is {value!r}, it was {guard.value!r}"
        case "data" if not same_data(value, guard.value):
            return f"{name} holds other numbers"
        case "type" if type(value) is not guard.value:
            return f"{name} is {_described(value)}, it was a {getattr(guard.value, '__name__', guard.value)}"
        case "dtype" if getattr(value, "dtype", None) != guard.value:
            return f"{name} is {_described(value)}, it was of {guard.value}"
        case "len" if len(value) != guard.value:
            return f"{name} has {len(value)} items, it had {guard.value}"
        case "keys" if tuple(value) != guard.value:
            return f"{name} has other keys"
        case "shape" if value.shape != guard.value:
            return f"{name} has shape {value.shape}, it had {guard.value}"
        case "lengths" if lengths_fixed(value.shape) != guard.value:
            return f"{name} has shape {value.shape}, other axes of which are short than before"
        case "short" if tuple(n <= SHORT for n in value.shape) != guard.value:
            return f"other axes of {name} are short than before: shape {value.shape}"
        case "order" if value.flags.c_contiguous is not guard.value:
            return f"{name} lies otherwise in memory than before"
        case "code" if getattr(value, "__code__", None) is not guard.value[0]:
            return f"{name} has been defined anew"
        case "members" if value != guard.value:
            return f"{name} has other members"
        case "lacks" if not guard.value.isdisjoint(value):
            return f"{name} has {', '.join(sorted(guard.value & value.keys()))}, it had not"
        case "absent":
            return f"{name} is there, it was not"
        case "same" if any(fetch(other, arguments) is not value for other in guard.value):
            return f"{name} and {rendered(guard.value[0])} are no longer one object"
        case "apart" if len({id(fetch(s, arguments)) for s in (guard.source, *guard.value)}) <= len(guard.value):
            return f"{name} is one object with {' or '.join(map(rendered, guard.value))}"
    return ""


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _array(value.dtype, value.ndim)
    return str(describe(value))


def _array(dtype: Any, ndim: int) -> str:
    return f"an array of {dtype} with {ndim} {'axis' if ndim == 1 else 'axes'}"
