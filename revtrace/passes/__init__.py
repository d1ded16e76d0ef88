"""Passes: program in, program out.

`PASSES` lists them in order, as data; `differentiate` runs those that make a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revtrace.passes.dce import dce
from revtrace.passes.reverse import reverse
from revtrace.passes.tangent import tangent
from revtrace.program.nodes import Program

__all__ = ["CLEANUP", "dce", "differentiate", "reverse", "tangent"]

CLEANUP: tuple[tuple[str, Callable[[Program], Program]], ...] = (("dce", dce),)
"""What is run on every program, in order."""


def differentiate(program: Program, active_inputs: Sequence[int], active_outputs: Sequence[int]) -> Program:
    """Return the program that computes results and gradients, cleaned up.

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
    result, _ = reverse(program, active_inputs, active_outputs)
    for _, run in CLEANUP:
        result = run(result)
    return result
