"""Turning a program into one that also runs it backward.

The result is the forward sweep, with what the plan keeps, followed by the backward
sweep: each block's statements mirrored, last first.  Adjoints of numbers are
values; adjoints of arrays are *shadows*, buffers of the same shape, one per array,
handed through regions the way the arrays themselves are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.passes.activity import activity
from revtrace.passes.backward import Sweeps
from revtrace.passes.checkpoint import segmented
from revtrace.passes.choices import choices
from revtrace.passes.clearing import needless
from revtrace.passes.demand import Demand
from revtrace.passes.effects import Buffers, buffers
from revtrace.passes.expose import expose
from revtrace.passes.fuse import schedule
from revtrace.passes.independent import candidates
from revtrace.passes.origins import numbered
from revtrace.passes.plan import Plan, plan
from revtrace.passes.preaccumulate import answers, plain, preaccumulate
from revtrace.passes.residuals import Sites, residuals
from revtrace.passes.restoring import restorable
from revtrace.passes.scopes import TOP, Scopes, scopes
from revtrace.passes.selection import selection
from revtrace.passes.unread import unread
from revtrace.program.nodes import For, Program, Var, While, walk
from revtrace.program.rebuild import fresh

__all__ = ["reverse"]

_MOST_PLANNED = 6_000
"""Statements planned in all to see which arrays had better be restored: each attempt plans the whole program again."""


def reverse(
    program: Program,
    active_inputs: Sequence[int],
    active_outputs: Sequence[int],
    *,
    apart: bool = False,
    checkpoint: bool = False,
) -> tuple[Program, Plan]:
    """Return the program that computes results and gradients, and the plan it follows.

    Parameters
    ----------
    program : Program
        What to differentiate.
    active_inputs : sequence of int
        Positions of the inputs whose gradients are wanted; floats or arrays of floats.
    active_outputs : sequence of int
        Positions of the results that take a cotangent.
    apart : bool
        Whether to keep the sweeps apart, for stepping through: no loop is reversed as it runs, and the adjoint of
        each number, once it is complete, is the result of a ``cast`` of its own, in the role ``"bar"``.
    checkpoint : bool
        Whether to run the loops at the top again, a segment at a time, rather than to keep something for each
        iteration, see `revtrace.passes.checkpoint`.

    Returns
    -------
    Program
        Takes the inputs, then one cotangent per active output; returns the results,
        then one gradient per active input.
    Plan
        Where the primal values came from.
    """
    program = choices(selection(program))
    inputs = [program.inputs[k] for k in active_inputs]
    outputs = [program.body.results[k] for k in active_outputs]
    if not apart:
        program = preaccumulate(program, inputs, outputs)
    program = numbered(program)
    where = scopes(program)
    classes = buffers(program, where)
    program, sites = residuals(program, where, classes, activity(program, classes, inputs, outputs).is_active)
    program = fresh(program)
    found = _reversed(program, inputs, active_outputs, sites, frozenset(), apart)
    if checkpoint and found.plan.cost:
        cut, segments, stored = segmented(program, found.source, found.where, found.classes, found.plan, found.fused)
        if segments:
            found = _reversed(fresh(cut), inputs, active_outputs, sites, segments, apart)
            found.plan.answers[:0] = stored
    found.plan.answers[:0] = answers(where)
    found.plan.program = found.source
    return found.made, found.plan


@dataclass(frozen=True, slots=True)
class _Reversed:
    """A program with its backward sweep, and the facts that led to it.

    Attributes
    ----------
    made : Program
    plan : Plan
    source : Program
        What was reversed: the primal with the seed-free parts of its adjoint formulas.
    where : Scopes
    classes : Buffers
    fused : set of Var
        Loops reversed in place, by their ``count``.
    """

    made: Program
    plan: Plan
    source: Program
    where: Scopes
    classes: Buffers
    fused: set[Var]


def _reversed(
    program: Program,
    inputs: Sequence[Var],
    active_outputs: Sequence[int],
    sites: Sites,
    segments: frozenset[Var],
    apart: bool,
) -> _Reversed:
    """Plan a program and write both its sweeps; loops in ``segments`` are run again when they are reversed."""
    outputs = [program.body.results[k] for k in active_outputs]
    where = scopes(program)
    classes = buffers(program, where)
    program, texts, extra = expose(program, activity(program, classes, inputs, outputs))
    where = scopes(program)
    classes = buffers(program, where)
    on = activity(program, classes, inputs, outputs)
    refused = set(segments)
    while True:
        demand = Demand(program, where, on, texts, sites=sites)
        fused = set() if apart else candidates(where, classes, demand, refused)
        held = fused | segments
        bodies = (s.body for s in walk(program.body) if isinstance(s, For | While) and s.count in held)
        roots = frozenset({TOP, *(where.scope(body).index for body in bodies)})

        def planned(restored: frozenset[Var], roots: frozenset[int] = roots) -> tuple[Demand, Plan]:
            # Planning enters values that branches hand out, so each attempt has its own record of values.
            fresh_where = scopes(program)
            demand = Demand(program, fresh_where, on, texts, restored, sites)
            return demand, plan(fresh_where, classes, demand, roots, extra)

        demand, chosen = planned(frozenset())
        attempts = _MOST_PLANNED // (1 + sum(1 for _ in walk(program.body)))
        for cls in restorable(where, classes, roots, program.body.results):
            if chosen.cost == 0 or attempts <= 0:
                break
            if cls not in chosen.overwritten:
                continue
            attempts -= 1
            other = planned(chosen.restored | {cls})
            if other[1].cost < chosen.cost:
                demand, chosen = other
        cleared = needless(program, where, classes, on, roots)
        sweeps = Sweeps(demand, chosen, fused, roots, cleared, unread(program, where, classes, on), apart, segments)
        made = sweeps.program(program, inputs, outputs)
        stuck = sweeps.stuck
        if not stuck:
            made, stuck = schedule(made, sweeps.first, set(where.home))
        if not stuck:
            return _Reversed(plain(made), chosen, program, demand.scopes, classes, fused)
        refused |= stuck
