"""What serves a call, found without compiling or running it: the traced gradient, its plan and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace import derive
from revtrace.callee import by_parameter, whole_call
from revtrace.calls.draws import Tape, of
from revtrace.dispatch.signature import EXTRA
from revtrace.dispatch.steps import Step
from revtrace.loc import Loc
from revtrace.passes.plan import Plan
from revtrace.program.types import Array
from revtrace.replay import run
from revtrace.replay.partial import Partial
from revtrace.trace import trace
from revtrace.trace.record import Arg, Item, Traced, fetch

if TYPE_CHECKING:
    from revtrace.handle import Handle

__all__ = ["Call", "call_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """A program and the call it was made for.

    Attributes
    ----------
    traced : Traced
    plan : Plan or None
        None where nothing runs backward.
    arguments : dict
        The plain function's arguments by parameter.
    here : Loc
        Where the function is.
    seeds : tuple of int
        Which results of the function take a seed.
    tapes : list of Tape
        Of copies of the caller's random generators.
    tidied : bool
        Whether it is the program that is compiled; else its statements are as they were traced.
    """

    traced: Traced
    plan: Plan | None
    arguments: Mapping[str, Any]
    here: Loc
    seeds: tuple[int, ...] = ()
    tapes: list[Tape] = field(default_factory=list, compare=False)
    tidied: bool = True

    def inputs(self) -> list[Any]:
        """Return what the program is given: copies of the caller's arrays, ones for seeds."""
        given: list[Any] = []
        for entry, var in zip(self.traced.inputs, self.traced.program.inputs, strict=True):
            if isinstance(entry.source, Item) and entry.source.base == Arg(EXTRA):
                continue
            value = fetch(entry.source, self.arguments)
            if entry.kind == "generator":
                self.tapes.append(of(value))
                value = self.tapes[-1].number
            if isinstance(var.type, Array):
                value = np.array(value, dtype=np.dtype(var.type.dtype), order="C", copy=True)
            given.append(value)
        if not self.seeds or self.plan is None or self.plan.program is None:
            return given
        # How long the seeds are is known after a run of the function alone.
        copies = [x.copy() if isinstance(x, np.ndarray) else x for x in given]
        results = run(self.plan.program, copies)
        return given + [np.ones_like(results[k])[()] for k in self.seeds]


def call_of(
    handle: Handle, args: tuple[Any, ...], kwargs: dict[str, Any], *, tidy: bool = True, backward: bool = True
) -> Call:
    """Return what serves a call of a handle; of a wrapped function, the program that runs it forward and backward.

    Parameters
    ----------
    handle : Handle
    args, kwargs
        The call; not modified.
    tidy : bool
        False leaves the statements as they were traced; for wrapped functions only.
    backward : bool
        Whether that of a wrapped function has a backward sweep.
    """
    full, named = handle.full(args, kwargs)
    table = handle.table(len(args))
    arguments = table.bind(full, named)
    if handle.steps or not backward:
        traced, plan = table.maker.traced(full, named)
        return Call(traced, plan, arguments, table.here)
    positional, keywords = whole_call(table.function, arguments)
    traced = by_parameter(trace(table.function, positional, keywords, Partial), table.function, arguments)
    every = Step("pullback", tuple(range(len(args))), tuple(kwargs), single=False, strict=False)
    asked = table.maker.request(every, len(full), arguments)
    checkpoint = tidy and table.settings.checkpoint
    traced, plan, seeds = derive.sweeps(traced, asked, tidy=tidy, checkpoint=checkpoint)
    return Call(traced, plan, arguments, table.here, seeds, tidied=tidy)
