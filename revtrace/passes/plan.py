"""Where each primal value that the backward sweep reads comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from revtrace.passes.demand import Demand
from revtrace.passes.scopes import TOP, Scopes
from revtrace.program.nodes import Program, Stmt, Var

__all__ = ["Plan", "plan"]


@dataclass(slots=True)
class Plan:
    """What the forward sweep keeps.

    Attributes
    ----------
    kept : dict
        Per scope, the values pushed when they are defined and popped on the way back.
    slices : dict
        Per scope, the statements run again on the way back, in order.
    """

    kept: dict[int, tuple[Var, ...]] = field(default_factory=dict)
    slices: dict[int, tuple[Stmt, ...]] = field(default_factory=dict)


def plan(program: Program, scopes: Scopes, demand: Demand) -> Plan:
    """Keep whatever is read and not defined at the top."""
    needed: dict[int, dict[Var, None]] = {}
    for scope in scopes.all:
        if scope.role == "cond":
            continue
        for stmt in scope.block.stmts:
            for var in demand.reads(stmt):
                home = scopes.home[var]
                owner = scopes.all[home].owner
                if home == TOP or var is getattr(owner, "index", None):
                    continue
                needed.setdefault(home, {}).setdefault(var)
    return Plan({home: tuple(vars_) for home, vars_ in needed.items()})
