"""The derivatives that a table takes of its function, one after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from revtrace import derive
from revtrace.config import Settings
from revtrace.containers import map_leaves
from revtrace.errors import UnsupportedError
from revtrace.passes import prepared
from revtrace.passes.plan import Plan
from revtrace.program.deep import DEEPEST, deepest
from revtrace.program.nodes import Program
from revtrace.program.verify import verify
from revtrace.request import Request
from revtrace.trace.record import Leaf, Traced

__all__ = ["Step", "differentiated"]


@dataclass(frozen=True, slots=True)
class Step:
    """One derivative taken of a function.

    Attributes
    ----------
    kind : {"gradient", "value", "pullback", "pushforward"}
        ``"value"`` is the function itself, leaving its arguments alone.
    argnums, argnames
        By which arguments.
    single : bool
        Whether the answer is one gradient rather than a tuple.
    value : bool
        Whether the value comes with the gradient.
    has_aux : bool
        Whether the function returns ``(value, aux)``.
    strict : bool
        Whether an argument without floats is an error.
    chosen : tuple of int, optional
        Of a pullback or pushforward: by which floats, of those of the arguments asked for and then of the seeds and
        tangents that earlier steps take; the result of a pullback has one more entry for the latter.  None is by all
        of the arguments' and none of the seeds.  A pushforward then returns the tangent alone.
    """

    kind: str
    argnums: tuple[int, ...] = (0,)
    argnames: tuple[str, ...] = ()
    single: bool = True
    value: bool = False
    has_aux: bool = False
    strict: bool = True
    chosen: tuple[int, ...] | None = None


def differentiated(
    traced: Traced, steps: tuple[Step, ...], ask: Callable[[Step], Request], settings: Settings
) -> tuple[Traced, Plan | None]:
    """Return a traced function with derivatives taken, and what the last one keeps.

    Parameters
    ----------
    traced : Traced
    steps : tuple of Step
        Innermost first.
    ask : callable
        Returns the arguments that a step differentiates by.
    settings : Settings
        Whether each program is verified, and whether loops are computed from checkpoints.
    """
    levels, innermost = deepest(traced.program.body)
    if levels > DEEPEST:
        raise UnsupportedError(
            f"branches and loops that nest {levels} levels deep",
            f"an elif is a branch in the else of the one before it; programs have at most {DEEPEST} levels",
            "look numbers up in a list or a dict, with bisect or np.searchsorted",
            innermost,
        )

    def verified(program: Program) -> None:
        if settings.verify:
            verify(program)

    verified(traced.program)
    plan = None
    for step in steps:
        traced, latest = _taken(traced, step, ask, settings.checkpoint)
        plan = latest or plan
        verified(traced.program)
    if all(step.kind == "value" for step in steps):
        seen = () if steps else [k for k, entry in enumerate(traced.inputs) if entry.written]
        traced = replace(traced, program=prepared(traced.program, seen))
        verified(traced.program)
    return traced, plan


def _taken(traced: Traced, step: Step, ask: Callable[[Step], Request], checkpoint: bool) -> tuple[Traced, Plan | None]:
    """Return a traced function with one derivative taken, and what it keeps."""
    if step.kind == "value":
        return _untied(traced), None
    asked = ask(step)
    if step.chosen is not None:
        asked = derive.chosen(traced, asked, step.chosen)
    match step.kind:
        case "gradient":
            return derive.gradient(traced, asked, value=step.value, has_aux=step.has_aux, checkpoint=checkpoint)
        case "pullback":
            return derive.pullback(traced, asked, has_aux=step.has_aux, checkpoint=checkpoint)
    return derive.pushforward(traced, asked, has_aux=step.has_aux, value=step.chosen is None), None


def _untied(traced: Traced) -> Traced:
    """Return the function with arrays that it writes returned as the program's own."""
    written = {entry.source for entry in traced.inputs if entry.written}

    def leaf(x: Any) -> Any:
        return Leaf(x.index, x.python_type) if isinstance(x, Leaf) and x.source in written else x

    result = map_leaves(leaf, traced.result)
    return replace(traced, result=result, side_effects=None)
