"""Where room is made on stacks.

A push itself tests nothing: room for all pushes of a loop is made before the outermost
loop whose trip count is known there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revtrace.codegen.plan import Plan, Room
from revtrace.codegen.poly import Poly, Step
from revtrace.program.nodes import Var

__all__ = ["Opened", "Rooms"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A region around a statement: an arm of a branch, a counted loop or another one."""

    kind: str
    position: int = -1
    last: Poly | None = None
    step: Step | None = None
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place where room can be made, and for how many pushes."""

    position: int
    counts: tuple[Poly, ...]


class Rooms:
    """Collects the pushes of a program."""

    def __init__(self) -> None:
        self._pushes: list[tuple[Var, list[_Spot]]] = []
        self._ends: dict[int, int] = {}

    def closed(self, position: int, last: int) -> None:
        """Say which statements a loop encloses."""
        self._ends[position] = last

    def push(
        self,
        stack: Var,
        position: int,
        opened: list[Opened],
        outside: Callable[[Poly, Opened], Poly | None],
        written: Callable[[Poly], Poly | None],
    ) -> None:
        """Enter a push.

        Parameters
        ----------
        stack, position
            What is pushed on, and where.
        opened : list of Opened
            The regions around it, outermost first.
        outside : callable
            Returns the largest value a polynomial takes in a loop, if it can be computed
            before that loop, else None.
        written : callable
            Returns a polynomial in terms of what generated code can compute, or None.
        """
        spots = [_Spot(position, (Poly.of(1),))]
        counts: tuple[Poly, ...] = ()
        conditional = False
        for region in reversed(opened):
            if region.kind == "if":
                conditional = True
                continue
            if region.kind != "for" or not region.bounded or region.last is None:
                break
            inner = [outside(c, region) for c in (*counts, region.last + 1)]
            if any(c is None for c in inner):
                break
            counts = tuple(c for c in inner if c is not None)
            readable = [written(c) for c in counts]
            if all(c is not None for c in readable):
                spots.append(_Spot(region.position, tuple(c for c in readable if c is not None)))
            if conditional:
                # Pushes are fewer than iterations: do not multiply what is not used.
                break
        self._pushes.append((stack, spots))

    def place(self, plan: Plan) -> None:
        """Choose a place for each push and write it into the plan."""
        by_stack: dict[Var, list[list[_Spot]]] = {}
        for stack, spots in self._pushes:
            by_stack.setdefault(stack, []).append(list(spots))
        for stack, each in by_stack.items():
            self._separate(each)
            found: dict[int, list[tuple[Poly, ...]]] = {}
            for spots in each:
                found.setdefault(spots[-1].position, []).append(spots[-1].counts)
            for position, counts in found.items():
                plan.room.setdefault(position, []).append(Room(stack, tuple(counts)))

    def _separate(self, each: list[list[_Spot]]) -> None:
        """Move places inward until none lies in a loop that another stands before: room made is used up by all."""
        moved = True
        while moved:
            moved = False
            places = [spots[-1].position for spots in each]
            for spots in each:
                p = spots[-1].position
                if len(spots) > 1 and any(p < q <= self._ends.get(p, p) for q in places):
                    spots.pop()
                    moved = True
                    break
