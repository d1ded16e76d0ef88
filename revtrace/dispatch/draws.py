"""Runs of programs that draw random numbers: the caller's generators go in as tapes, and advance as by the plain call.

Where a run fails, its generators are as before.  Inside of a `Repeat`, runs after the first find the numbers that were
drawn before, so that a value, its pullbacks and the columns of a matrix are those of one call of the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.calls.draws import Seeded, Tape, of, put_back, state_of

if TYPE_CHECKING:
    from revtrace.dispatch.records import Executor
    from revtrace.trace.record import Traced

__all__ = ["Repeat", "drawing", "on_tape"]


class Repeat:
    """What was drawn in the runs that belong to one call of the function."""

    def __init__(self) -> None:
        self.tapes: dict[int, Tape] = {}

    @contextmanager
    def run(self) -> Iterator[None]:
        """Be the one of the runs in the context."""
        token = _repeat.set(self)
        try:
            yield
        finally:
            _repeat.reset(token)


_repeat: ContextVar[Repeat | None] = ContextVar("revtrace_repeat", default=None)


@contextmanager
def on_tape(traced: Traced, inputs: Sequence[Any], advances: bool = True) -> Iterator[list[Any]]:
    """Give the inputs of a program with tapes in place of generators; these are put back where the run fails.

    Parameters
    ----------
    traced : Traced
    inputs : sequence
        As the trampoline reads them.
    advances : bool
        Whether the generators advance where it does not fail.
    """
    given = list(inputs)
    repeat = _repeat.get() if advances else None
    known = {} if repeat is None else repeat.tapes
    tapes: dict[int, Tape] = {}
    for k, entry in enumerate(traced.inputs):
        if entry.kind == "generator":
            generator = given[k]
            tape = tapes.get(id(generator)) or known.get(id(generator))
            tape = tape or (of(generator) if isinstance(generator, Seeded) else Tape(generator))
            tapes[id(generator)], given[k] = tape, tape.number
    before = [(tape.generator, state_of(tape.generator)) for tape in tapes.values()]
    done = False
    try:
        yield given
        done = advances
        known.update(tapes)
    finally:
        for generator, state in () if done else before:
            put_back(generator, state)


def drawing(executor: Executor, traced: Traced, advances: bool = True) -> Executor:
    """Return an executor that takes the generators themselves, where a program draws from any."""
    if all(entry.kind != "generator" for entry in traced.inputs):
        return executor
    run, later = executor.run, executor.later

    def on_tapes(*inputs: Any) -> Any:
        with on_tape(traced, inputs, advances) as given:
            return run(*given)

    then: Callable[[], Executor] | None = None if later is None else lambda: drawing(later(), traced, advances)
    return replace(executor, run=on_tapes, enter=None, later=then)
