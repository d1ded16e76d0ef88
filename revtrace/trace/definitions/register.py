"""How a definition is entered, and what it may call that has no plain form: `refuse`, `require`, `finish`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from revtrace.program.nodes import const
from revtrace.trace.callables.functions import on

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer
    from revtrace.trace.state import State

__all__ = ["DEFINED", "define", "finish", "read_only", "refuse", "require", "traced"]

F = TypeVar("F", bound=Callable[..., Any])

#: The definition of each numpy function that has one.
DEFINED: dict[Any, Callable[..., Any]] = {}


def traced(t: Tracer, st: State, definition: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Walk a definition as if its body were written on the line of the call."""
    from revtrace.trace.callables.calls import call
    from revtrace.trace.values import Static

    pinned = t.pinned
    t.pinned = pinned or t.b.loc
    try:
        return call(t, st, Static(definition), args, kwargs)
    finally:
        t.pinned = pinned


def define(*names: Any) -> Callable[[F], F]:
    """Enter a function as the definition of numpy functions; those that this numpy lacks are given as None."""

    def enter(definition: F) -> F:
        def handler(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
            return traced(t, st, definition, args, kwargs)

        for f in names:
            if f is not None:
                DEFINED[f] = definition
        on(*names)(handler)
        return definition

    return enter


def refuse(what: str, why: str = "it has no rule", instead: str = "write it with loops over the elements") -> None:
    """Refuse a form of a function; while tracing, this raises `UnsupportedError` on the user's line."""
    raise NotImplementedError(what)


def require(flag: Any, what: str) -> None:
    """Refuse numbers for which a definition does not hold, when they are met."""
    if not flag:
        raise NotImplementedError(what)


@on(refuse)
def _refuse(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    said = inspect.signature(refuse).bind(*(a.value for a in args), **{k: v.value for k, v in kwargs.items()})
    said.apply_defaults()
    raise t.unsupported(*said.args)


@on(require)
def _require(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    from revtrace.trace import comparisons
    from revtrace.trace.values import NONE, Static

    flag = comparisons.truth(t, st, args[0])
    if not isinstance(flag, Static):
        t.check(flag.operand, f"unsupported: {args[1].value}")
    elif not flag.value:
        raise t.unsupported(args[1].value, "it has no rule", "keep to arguments that have one (FUNCTIONS.md)")
    return NONE


def read_only(result: Any, base: Any) -> Any:
    """Return a copy that stands for a view of ``base`` which numpy lets nobody write through."""
    return result


@on(read_only)
def _read_only(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    from revtrace.trace.ndarray.arrays import settle

    result, base = (settle(t, a) for a in args)
    t.twin(base.root, result.root)
    return replace(result, writeable=const(False))


def finish(result: Any, out: Any, reduced: bool = False) -> Any:
    """Return a result, after writing it to ``out`` if that is given; a reduction's is not broadcast there."""
    if out is None:
        return result
    if reduced and np.shape(out) != np.shape(result):
        raise ValueError("output parameter for reduction operation has the wrong shape")
    out[...] = result
    return out
