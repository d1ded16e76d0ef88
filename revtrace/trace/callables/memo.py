"""Functions that remember their results: `functools.cache` and `functools.lru_cache`.

Results are remembered while tracing, by arguments that are known then; other calls are recorded each on its own,
which gives the same numbers.  What is remembered is used again where its operands are visible.  A call that changes
something is followed only where all that were made before it are known.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Var
from revtrace.trace.callables.functions import Args, Kwargs, on, refused
from revtrace.trace.inside import substitute
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["UNKNOWN", "Memoised", "call_memoised", "size_of"]

#: The size of what a function of the caller's remembers: there may be results from before.
UNKNOWN = -1


#: The attribute of a memoised function that says how many results it remembers.
_SIZE = ".size"


class Memoised:
    """The class of a memoised function made while tracing; its attribute ``__wrapped__`` is the function."""

    def cache_clear(self) -> None:
        """Forget what is remembered."""

    def cache_info(self) -> None:
        """Tell how often what was remembered was used."""


@on(Memoised.cache_clear, Memoised.cache_info)
@refused
def _looked_into(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise t.unsupported(
        "looking into what a function remembers, or clearing it",
        "which calls are answered from memory is no part of the program",
        "leave it out, or remember results in a dict",
    )


@on(functools.cache)
def _cache(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _remembering(st, args[0], None)


@on(functools.lru_cache)
def _lru_cache(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    size = args[0] if args else kwargs.get("maxsize", Static(128))
    if isinstance(size, Static) and (size.value is None or isinstance(size.value, int)):
        return st.new(
            ObjectBox(
                functools.partial,
                (("func", Static(Remembering)), ("args", Tup((size,))), ("keywords", st.new(DictBox(())))),
            )
        )
    # As a decorator without parentheses it gets the function itself.
    return _remembering(st, size, 128)


class Remembering:
    """Stands for what `functools.lru_cache` returns when it is given a size."""


@on(Remembering)
def _decorate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _remembering(st, args[1], args[0].value)


def _remembering(st: State, function: Any, size: int | None) -> Ref:
    return st.new(ObjectBox(Memoised, (("__wrapped__", function), (_SIZE, Static(size)))))


def size_of(box: ObjectBox) -> Any:
    """Return how many results a memoised function remembers; None for all."""
    size = box.get(_SIZE)
    return size.value if isinstance(size, Static) else UNKNOWN


def call_memoised(t: Tracer, st: State, owner: Any, function: Any, size: Any, args: Args, kwargs: Kwargs) -> Any:
    """Call a function, or return what it returned for the same arguments; ``owner`` tells it from others.

    ``size`` is how many results it remembers, all if None; `UNKNOWN` where there may be some from before.
    """
    from revtrace.trace.callables.calls import call
    from revtrace.trace.steps.suspended import Shared

    known = [_key(t, st, t.use(a)) for a in (*args, *kwargs.values())]
    key = (owner, tuple(known), tuple(kwargs))
    found = None
    if None not in known:
        try:
            found = t.memo.get(key)
        except TypeError as error:
            raise PythonRaise(error) from None
    if found is not None and _usable(t, st, found):
        return found
    watch = Shared(t, st)
    found = call(t, st, function, args, kwargs)
    if watch.ran(st):
        t.remembered.add(owner)
    if None not in known:
        t.memo[key] = found
    entries = sum(k[0] == owner for k in t.memo)
    # What an instance made here was asked has not been remembered before.
    new = size == UNKNOWN and any(_made_here(st, x) for x in known)
    whole = size is None or new or 0 <= entries <= size
    if not whole or None in known or t.b.nested or t.rolling:
        t.guessed.add(owner)
    if owner in t.remembered and owner in t.guessed:
        raise t.unsupported(
            "a call of a function that remembers its results and changes something",
            "whether it is called again, or has been called with these arguments, is known only when running",
            "count the calls in another way, or leave functools.cache out",
        )
    return found


def _made_here(st: State, known: Any) -> bool:
    box = st.heap.get(known[1]) if known is not None and known[0] is Ref else None
    return isinstance(box, ObjectBox) and box.source is None


def _key(t: Tracer, st: State, value: Any) -> Any:
    """What stands for an argument among the remembered ones; None where that is known only when running."""
    value = containers.as_static(t, st, value)
    if isinstance(value, Static):
        return Static, value.value
    box = st.box(value) if isinstance(value, Ref) else None
    by_identity = isinstance(box, ObjectBox) and "__hash__" not in {k for c in box.cls.__mro__[:-1] for k in vars(c)}
    return (Ref, value.id) if by_identity else None


def _usable(t: Tracer, st: State, value: Any) -> bool:
    """Whether a result consists of numbers and arrays that can be used here."""
    if isinstance(value, Ref):
        return value.id in st.heap
    if not isinstance(value, (Num, Static, Tup, View)):
        return False
    if isinstance(value, Tup):
        return all(_usable(t, st, v) for v in value.items)
    seen = True

    def note(x: Any) -> Any:
        nonlocal seen
        seen = seen and (not isinstance(x, Var) or t.b.visible(x))
        return x

    substitute(value, note)
    return seen
