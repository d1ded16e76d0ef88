"""Why a call needs a new specialisation: what differs from those there are, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.containers import describe
from revtrace.dispatch.records import Need
from revtrace.loc import NOWHERE
from revtrace.program.types import Array, Type
from revtrace.trace.constants import contents, same, same_data, same_defaults
from revtrace.trace.record import SHORT, Arg, Cell, Fixed, Global, Guard, Input, Source, fetch, lengths_fixed, rendered

if TYPE_CHECKING:
    from revtrace.dispatch.specialisation import Specialisation

__all__ = ["again"]

_MOST = 60
"""Characters of a value's text."""


def again(
    known: Sequence[Specialisation],
    function: FunctionType,
    arguments: Mapping[str, Any],
    need: Need,
    dropped: str = "",
) -> str:
    """Return why no specialisation of some serves a call, judged by the newest one.

    Parameters
    ----------
    known : sequence of Specialisation
        Newest first.
    function : function
    arguments : dict
        The call's arguments by parameter.
    need : Need
        What the newest one was found not to know.
    dropped : str
        Why all that there were have been dropped, if they have.
    """
    kinds = ", ".join(f"{name} is {_described(value)}" for name, value in arguments.items())
    if not known and dropped:
        return f"{dropped}: what was made before has been dropped."
    if not known:
        return f"The first call: {kinds}." if kinds else "The first call."
    difference = _needed(need) or _difference(known[0], arguments)
    before = len(known) - 1
    others = "" if not before else ", nor is the one before it" if before == 1 else f", nor are the {before} before it"
    return f"{difference}: the last specialisation is not for it{others}."


def _difference(one: Specialisation, arguments: Mapping[str, Any]) -> str:
    for entry, var in zip(one.traced.inputs, one.traced.program.inputs, strict=True):
        found = _input(entry, var.type, arguments)
        if found:
            return found
    for guard in one.traced.guards:
        found = _guard(guard, arguments)
        if found:
            return f"{found}{_relied_on(guard)}"
    if one.traced.pinned:
        return "The numbers of this call take another way through the function"
    return "Some fact that it relies on does not hold"


def _needed(need: Need) -> str:
    """Return in words what a program must find out; nothing where that is no more than usual."""
    if need.failed:
        places = sorted({f"line {loc.line} of {loc.short}" for loc in need.failed})
        return f"What is tested in {', '.join(places)} decides which way is taken"
    return "An axis of length one stands for a longer one" if need.sized else ""


def _named(source: Source) -> str:
    """Return what a path leads to, as a user would call it."""
    match source:
        case Global(namespace, name):
            return f"global {name}" if name in namespace else f"built-in {name}"
        case Cell(Fixed(function), _):
            return f"closure variable {rendered(source)} of {function.__qualname__}"
    return rendered(source)


def _relied_on(guard: Guard) -> str:
    """Return where the function relies on a fact; of its arguments' types and structure that goes without saying."""
    if guard.loc == NOWHERE or (isinstance(guard.source, Arg) and guard.kind not in ("equal", "is", "data")):
        return ""
    return f" (read in line {guard.loc.line} of {guard.loc.short})"


def _input(entry: Input, kind: Type, arguments: Mapping[str, Any]) -> str:
    name = _named(entry.source)
    try:
        value = fetch(entry.source, arguments)
    except (LookupError, AttributeError, TypeError, ValueError):
        return f"{name} is not there"
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
    name = _named(guard.source)
    try:
        value = fetch(guard.source, arguments)
    except (LookupError, AttributeError, TypeError, ValueError):
        return "" if guard.kind == "absent" else f"{name} is not there"
    match guard.kind:
        case "is" if value is not guard.value:
            return f"{name} is another object" if callable(value) else f"{name} is {_described(value)}, another object"
        case "equal" if not same(value, guard.value):
            return f"{name} is {_short(value)}, it was {_short(guard.value)}"
        case "data" if not same_data(value, guard.value):
            return f"{name} holds other numbers"
        case "contents" if not same(contents(value), guard.value):
            return f"{name} holds something else"
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
        case "code":
            return _code(name, value, *guard.value)
        case "members" if value != guard.value:
            return f"{name} has other members"
        case "lacks" if not guard.value.isdisjoint(value):
            owner = name.removesuffix(".__dict__")
            return f"{owner} has {', '.join(sorted(guard.value & value.keys()))} of its own, it had not"
        case "holds":
            changed = [attr for attr, known in guard.value if vars(value).get(attr, guard) is not known]
            return f"{', '.join(f'{name}.{attr}' for attr in changed)} is another object" if changed else ""
        case "absent":
            return f"{name} is there, it was not"
        case "same" if any(fetch(other, arguments) is not value for other in guard.value):
            return f"{name} and {_named(guard.value[0])} are no longer one object"
        case "apart" if len({id(fetch(s, arguments)) for s in (guard.source, *guard.value)}) <= len(guard.value):
            return f"{name} is one object with {' or '.join(map(_named, guard.value))}"
    return ""


def _code(name: str, value: Any, code: CodeType, defaults: Any, keywords: Any) -> str:
    """Return what has changed of a plain function; nothing where nothing has."""
    now = getattr(value, "__code__", None)
    if now is None:
        return f"{name} is {_described(value)}, it was a function"
    if now is not code:
        return f"{name} has been defined anew in line {now.co_firstlineno} of {os.path.basename(now.co_filename)}"
    for what, x, y in (
        ("defaults", value.__defaults__, defaults),
        ("keyword defaults", value.__kwdefaults__, keywords),
    ):
        if x is not y and not same_defaults(x, y):
            return f"{name} has other {what}: {_short(x)}, they were {_short(y)}"
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _array(value.dtype, value.ndim)
    return str(describe(value))


def _array(dtype: Any, ndim: int) -> str:
    return f"an array of {dtype} with {ndim} {'axis' if ndim == 1 else 'axes'}"
