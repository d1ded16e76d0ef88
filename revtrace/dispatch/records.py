"""How a program is run, and what was done so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from revtrace.loc import Loc

__all__ = ["Executor", "Need", "Stats"]


@dataclass(slots=True)
class Stats:
    """What a handle has done so far.

    Attributes
    ----------
    calls : int
        Calls that ran a compiled program; approximate where threads call at once.
    specialisations : int
        Programs made, one per combination of argument types and of the facts relied on.
    trace_seconds, compile_seconds : float
        Time spent tracing and deriving, and generating and compiling.
    disk_hits : int
        Kernels loaded from the disk cache.
    deopts : int
        Calls that had to run again in the careful kernel.
    bails : int
        Calls handed to the plain function, which raised its exception.
    kept_bytes : int or None
        Bytes kept for the backward sweep in the call that the last specialisation was made for; None when
        that call's arrays are gone.  Found when asked for, by running what decides the sizes.
    """

    calls: int = 0
    specialisations: int = 0
    trace_seconds: float = 0.0
    compile_seconds: float = 0.0
    disk_hits: int = 0
    deopts: int = 0
    bails: int = 0
    kept_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a program for a call must find out beyond what programs usually do.

    Attributes
    ----------
    sized : bool
        The very lengths of its axes.
    failed : set of Loc
        The places where it must find out what is tested.
    """

    sized: bool = False
    failed: frozenset[Loc] = frozenset()

    def __or__(self, other: Need) -> Need:
        return Need(self.sized or other.sized, self.failed | other.failed)


@dataclass(frozen=True, slots=True)
class Executor:
    """How to run a program.

    Attributes
    ----------
    run : callable
        Takes the inputs, returns the results in their form.
    bail, deopt : tuple of exception classes
        What `run` raises when the plain function must be asked, and when only the careful
        kernel can go on.
    checks_types : bool
        Whether `run` itself refuses arrays of another type, with TypeError.
    source : str
        Text of the kernel.
    boxed : frozenset of int
        Positions of the results that come as numpy scalars.
    form : int or nested tuple of int or None
        What ``run`` returns: positions of the results, in order, a number alone or in tuples; None for one
        tuple of all.
    enter : callable or None
        Makes a ``run`` for a function and its code that refuses calls, with TypeError, once the function has other
        code; returns it with an array whose first element counts its calls.
    key : str
        Under which its machine code is on disk; empty where it is not.
    later : callable or None
        Makes what takes over once ``run`` raises `OutOfTime`.
    """

    run: Callable[..., Any]
    bail: tuple[type[Exception], ...]
    deopt: tuple[type[Exception], ...] = ()
    checks_types: bool = True
    source: str = ""
    boxed: frozenset[int] = frozenset()
    form: Any = None
    enter: Callable[[FunctionType, CodeType], tuple[Callable[..., Any], Any]] | None = None
    key: str = ""
    later: Callable[[], Executor] | None = None

    def __call__(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run on inputs and return the results as a tuple."""
        out = self.run(*inputs)
        return tuple(out) if self.form is None else tuple(_flat(self.form, out))


def _flat(form: Any, value: Any) -> Iterator[Any]:
    if isinstance(form, int):
        yield value
    else:
        for inner, part in zip(form, value, strict=True):
            yield from _flat(inner, part)
