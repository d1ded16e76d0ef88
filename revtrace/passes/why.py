"""Why a value of the plan is where it is, in words; for dumps and explanations, decides nothing."""

from __future__ import annotations

from revtrace.passes.rerun import Rerun, inputs_of
from revtrace.passes.scopes import Scope, is_array
from revtrace.program.nodes import For, If, Op, Var, While

__all__ = ["because"]


def because(facts: Rerun, scope: Scope, var: Var, answer: str) -> str:
    """Return why a value got its answer, as a clause without a full stop."""
    match answer:
        case "keep":
            return _kept(facts, scope, var)
        case "walk":
            return "the iteration reversed before this one hands it on"
        case "undo":
            return "a counter: counted down again"
        case "live":
            return "nothing writes over it before the backward sweep reads it"
    made = facts.where.definition.get(var)
    return "computed again from values at hand" if isinstance(made, Op) else "its branch is run again"


def _kept(facts: Rerun, scope: Scope, var: Var) -> str:
    made = facts.where.definition.get(var)
    owner = scope.owner
    if facts.branch_at_top(scope) and not isinstance(owner, For | While):
        return "handed out of the branch in a register"
    if made is owner or isinstance(owner, For | While) and var in owner.params:
        return "carried from one iteration to the next, which writes over it"
    match made:
        case Op(name="load"):
            return _overwritten(facts, made)
        case Op():
            if not facts.runs_again(made):
                return f"computing {made.name} again would cost more time"
            return _instead(facts, scope, made)
        case If():
            return "its branch cannot be run again cheaply"
        case For() | While():
            return "a loop computes it"
    return "nothing gives it again"


def _instead(facts: Rerun, scope: Scope, op: Op) -> str:
    """Return why an operation that could be run again is not: what it would be run from is not at hand."""
    seen: set[Var] = set()
    work = inputs_of(op)
    while work:
        x = work.pop(0)
        if x in seen or is_array(x) or facts.where.home[x] != scope.index:
            continue
        seen.add(x)
        made = facts.where.definition.get(x)
        if made is not scope.owner and isinstance(made, Op) and facts.runs_again(made):
            work += inputs_of(made)
        else:
            return f"kept instead of what it is computed from, which would take as many bytes: {_kept(facts, scope, x)}"
    return "kept instead of what it is computed from"


def _overwritten(facts: Rerun, op: Op) -> str:
    array = op.args[0]
    assert isinstance(array, Var)
    name = array.name or "the array"
    write = facts.overwriting(op)
    if write is None:
        return f"{name} is made anew in each run of the block"
    return f"{name} is written over at line {write.loc.line} before the backward sweep"
