"""Passes: program in, program out.

`PREPARE` and `CLEANUP` list them in order, as data; `differentiate` runs those that make a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from revtrace.passes.around import around
from revtrace.passes.ascend import ascend
from revtrace.passes.counters import counters
from revtrace.passes.dce import dce
from revtrace.passes.early import early
from revtrace.passes.elements import elements
from revtrace.passes.exchange import exchange
from revtrace.passes.firsttouch import firsttouch
from revtrace.passes.gather import gather
from revtrace.passes.hoist import hoist
from revtrace.passes.inline import inline
from revtrace.passes.lengths import lengths
from revtrace.passes.merge import merge
from revtrace.passes.refill import refill
from revtrace.passes.relay import relay
from revtrace.passes.reverse import reverse
from revtrace.passes.rotate import rotate
from revtrace.passes.safe import safe
from revtrace.passes.selection import selection
from revtrace.passes.simplify import simplify
from revtrace.passes.sums import sums
from revtrace.passes.tangent import tangent
from revtrace.passes.unroll import unroll
from revtrace.program.nodes import Program

__all__ = [
    "CLEANUP",
    "PREPARE",
    "around",
    "ascend",
    "cleaned",
    "counters",
    "dce",
    "differentiate",
    "early",
    "elements",
    "exchange",
    "firsttouch",
    "gather",
    "hoist",
    "inline",
    "lengths",
    "merge",
    "prepared",
    "refill",
    "relay",
    "reverse",
    "rotate",
    "safe",
    "selection",
    "simplify",
    "sums",
    "tangent",
    "unroll",
    "watched",
]

Pass = Callable[[Program], Program]

PREPARE: tuple[tuple[str, Pass], ...] = (
    ("rotate", rotate),
    ("simplify", simplify),
    # What is known to be in bounds and of one length is what `inline` and `merge` need to be told.
    ("safe", safe),
    ("early", early),
    ("lengths", lengths),
    # Whole-array statements: first the arrays that need not be, then the loops that are left.
    ("inline", inline),
    ("merge", merge),
    ("unroll", unroll),
    ("hoist", hoist),
    ("counters", counters),
    # Merged and unrolled loops compute things twice, and have lengths and indices that are now decided.
    ("settle", lengths),
    ("again", simplify),
    ("mark", safe),
    ("exchange", exchange),
    ("around", around),
    ("dce", dce),
)
"""What is run on every program before it is differentiated or compiled, in order."""

CLEANUP: tuple[tuple[str, Pass], ...] = (
    ("simplify", simplify),
    ("lengths", lengths),
    ("hoist", hoist),
    ("dce", dce),
    # Shadows: what is added to one element, which need no zeros, which stencils gather. Each leaves less for the next.
    ("elements", elements),
    ("sums", sums),
    ("firsttouch", firsttouch),
    ("refill", refill),
    ("gather", gather),
    ("relay", relay),
    ("ascend", ascend),
    ("again", simplify),
    ("prune", dce),
)
"""What is run on every program made by `reverse` or `tangent`, in order."""


_watcher: ContextVar[Callable[[str, Program], None] | None] = ContextVar("revtrace_watcher", default=None)


@contextmanager
def watched(seen: Callable[[str, Program], None]) -> Iterator[None]:
    """Call ``seen(name, program)`` with each list's program and after each of its passes, inside the block.

    Names are ``"prepare"`` for what `prepared` is given and ``"prepare.simplify"`` ... after a pass of it,
    ``"clean"`` and ``"clean.simplify"`` ... for `cleaned`.
    """
    token = _watcher.set(seen)
    try:
        yield
    finally:
        _watcher.reset(token)


def _through(name: str, passes: tuple[tuple[str, Pass], ...], program: Program) -> Program:
    seen = _watcher.get()
    if seen is None:
        for _, run in passes:
            program = run(program)
        return program
    seen(name, program)
    for each, run in passes:
        program = run(program)
        seen(f"{name}.{each}", program)
    return program


def prepared(program: Program, written: Sequence[int] = ()) -> Program:
    """Run the passes of `PREPARE`.

    What is stored to inputs is kept for those at the positions ``written`` only, and for those that are results.
    """
    results = program.body.results
    wide = (*results, *(program.inputs[k] for k in written))
    found = _through("prepare", PREPARE, replace(program, body=replace(program.body, results=wide)))
    return replace(found, body=replace(found.body, results=found.body.results[: len(results)]))


def cleaned(program: Program) -> Program:
    """Run the passes of `CLEANUP`."""
    return _through("clean", CLEANUP, program)


def differentiate(program: Program, active_inputs: Sequence[int], active_outputs: Sequence[int]) -> Program:
    """Return the program that computes results and gradients, prepared and cleaned up.

    Parameters
    ----------
    program : Program
        What to differentiate.
    active_inputs : sequence of int
        Positions of the inputs whose gradients are wanted.
    active_outputs : sequence of int
        Positions of the floating results that take a cotangent.

    Returns
    -------
    Program
        Takes the inputs, then one cotangent per active output; returns the results,
        then one gradient per active input.
    """
    result, _ = reverse(prepared(program), active_inputs, active_outputs)
    return cleaned(result)
