"""Functions that remember their results: `functools.cache` and `functools.lru_cache`.

Results are remembered while tracing, by arguments that are known then; other calls are recorded each on its own,
which gives the same numbers.  What is remembered is used again where its operands are visible.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Var
from revtrace.trace.callables.functions import Args, Kwargs, on
from revtrace.trace.inside import substitute
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["Memoised", "call_memoised"]


class Memoised:
    """The class of a memoised function made while tracing; its attribute ``__wrapped__`` is the function."""


@on(functools.cache)
def _cache(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return st.new(ObjectBox(Memoised, (("__wrapped__", args[0]),)))


@on(functools.lru_cache)
def _lru_cache(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    size = args[0] if args else kwargs.get("maxsize")
    plain = size is None or (isinstance(size, Static) and (size.value is None or isinstance(size.value, int)))
    # As a decorator without parentheses it gets the function itself.
    return Static(functools.cache) if plain else _cache(t, st, args, kwargs, fr)


def call_memoised(t: Tracer, st: State, owner: Any, function: Any, args: Args, kwargs: Kwargs) -> Any:
    """Call a function, or return what it returned for the same arguments; ``owner`` tells it from others."""
    from revtrace.trace.callables.calls import call

    known = [_key(t, st, t.use(a)) for a in args]
    if kwargs or None in known:
        return call(t, st, function, args, kwargs)
    key = (owner, tuple(known))
    try:
        found = t.memo.get(key)
    except TypeError as error:
        raise PythonRaise(error) from None
    if found is None or not _usable(t, found):
        found = t.memo[key] = call(t, st, function, args, kwargs)
    return found


def _key(t: Tracer, st: State, value: Any) -> Any:
    """What stands for an argument among the remembered ones; None where that is known only when running."""
    value = containers.as_static(t, st, value)
    if isinstance(value, Static):
        return Static, value.value
    box = st.box(value) if isinstance(value, Ref) else None
    by_identity = isinstance(box, ObjectBox) and "__hash__" not in {k for c in box.cls.__mro__[:-1] for k in vars(c)}
    return (Ref, value.id) if by_identity else None


def _usable(t: Tracer, value: Any) -> bool:
    """Whether a result consists of numbers and arrays that can be used here."""
    if isinstance(value, Ref) or not isinstance(value, (Num, Static, Tup, View)):
        return False
    if isinstance(value, Tup):
        return all(_usable(t, v) for v in value.items)
    seen = True

    def note(x: Any) -> Any:
        nonlocal seen
        seen = seen and (not isinstance(x, Var) or t.b.visible(x))
        return x

    substitute(value, note)
    return seen
