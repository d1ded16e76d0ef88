"""Benchmarks of a user's own gradients for airspeed velocity (asv): classes made from a function and a call.

Times depend on the machine and on what else it does; the figures whose names begin with ``track_over`` are ratios of
times taken in turns, and bytes and statements are counted, so that these can be compared between machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from revtrace import config
from revtrace.api import value_and_grad, wrap
from revtrace.cotangents import copied
from revtrace.program.nodes import walk

__all__ = ["Benchmark", "benchmarks", "least_times"]

_SAMPLE = 0.001
"""Seconds that one sample should last: shorter than the turns that other processes get."""

_NEVER = 1 << 30
"""Milliseconds of compiling that no program takes."""


def least_times(*calls: Callable[[], Any], repeats: int = 100) -> list[float]:
    """Return the least seconds per call of each function, sampled in turns so that load hits all alike."""

    def sample(call: Callable[[], Any], number: int) -> float:
        begin = time.perf_counter()
        for _ in range(number):
            call()
        return (time.perf_counter() - begin) / number

    numbers = []
    for call in calls:
        call()
        numbers.append(max(1, round(_SAMPLE / max(1e-7, min(sample(call, 1) for _ in range(3))))))
    best = [float("inf")] * len(calls)
    for _ in range(repeats):
        for k, call in enumerate(calls):
            best[k] = min(best[k], sample(call, numbers[k]))
    return best


class Benchmark:
    """What asv runs; `benchmarks` makes subclasses that say which function.

    Attributes
    ----------
    function : callable
    make : callable
        Returns positional and keyword arguments of a call.
    argnums : int or tuple of int
    timeout : float
        Seconds.
    version : str
        asv keeps results of equal versions together.
    """

    function: Callable[..., Any]
    make: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]
    argnums: Any = 0
    timeout: float = 300.0
    version = "1"

    def setup(self) -> None:
        """Compile the function and its gradient, also where they would be interpreted first."""
        self.args, self.kwargs = self.make()
        with config.override(large=_NEVER):
            self.value = wrap(self.function)
            self.both = value_and_grad(self.function, argnums=self.argnums)
        self.call_value()
        self.call_both()

    def call_value(self) -> Any:
        """Call the compiled function."""
        return self.value(*self.args, **self.kwargs)

    def call_both(self) -> Any:
        """Compute value and gradient."""
        return self.both(*self.args, **self.kwargs)

    def time_value(self) -> None:
        """Time the compiled function."""
        self.call_value()

    def time_value_and_grad(self) -> None:
        """Time value and gradient."""
        self.call_both()

    def track_over_value(self) -> float:
        """Return value and gradient over the compiled function, timed in turns."""
        both, value = least_times(self.call_both, self.call_value)
        return both / value

    def track_kept(self) -> int | None:
        """Return the bytes kept for the backward sweep."""
        return self.both.stats.kept_bytes

    def track_statements(self) -> int:
        """Return the statements of the gradient's program: what compiling costs follows from it."""
        return sum(1 for _ in walk(self.both.program(*self.args, **self.kwargs).body))

    track_over_value.unit = "times"  # type: ignore[attr-defined]
    track_kept.unit = "bytes"  # type: ignore[attr-defined]
    track_statements.unit = "statements"  # type: ignore[attr-defined]


def benchmarks(
    f: Callable[..., Any],
    args: Sequence[Any] | Callable[[], Sequence[Any]],
    kwargs: Mapping[str, Any] | None = None,
    *,
    argnums: int | tuple[int, ...] = 0,
    name: str = "",
) -> type[Benchmark]:
    """Return a class of asv benchmarks of a function and its gradient.

    Assign it to a name in a module of your ``benchmarks`` directory.

    Parameters
    ----------
    f : callable
        A function of floats that returns a float.
    args : sequence, or callable that returns one
        Positional arguments of the call that is measured; copied before it.  Large ones are better made by a
        callable: asv imports the module to find out what there is.
    kwargs : mapping, optional
        Keyword arguments.
    argnums : int or tuple of int
        What to differentiate by.
    name : str
        Of the class; by default that of the function.

    Returns
    -------
    class
        With ``time_value``, ``time_value_and_grad``, ``track_over_value``, ``track_kept`` and ``track_statements``.

    Examples
    --------
    >>> def cube(x):
    ...     return x * x * x
    >>> Cube = benchmarks(cube, (2.0,))
    >>> Cube.__name__, sorted(n for n in dir(Cube) if n.startswith(("time_", "track_")))[:3]
    ('cube', ['time_value', 'time_value_and_grad', 'track_kept'])
    """

    def make() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(copied(tuple(args() if callable(args) else args))), dict(copied(dict(kwargs or {})))

    label = name or getattr(f, "__name__", type(f).__name__)
    members = {
        "function": staticmethod(f),
        "make": staticmethod(make),
        "argnums": argnums,
        "__doc__": f"Benchmarks of {label} and its gradient.",
    }
    return type(label, (Benchmark,), members)
