"""What was decided about a program before its source is written.

Statements are named by their position in a walk of the program: outer first, in order, a
``While``'s condition before its body, an ``If``'s first arm before its second.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from revtrace.codegen.poly import Dim, Poly, Trips
from revtrace.program.nodes import For, Operand, Var

__all__ = ["CHECK", "END", "IN", "WRAP", "Guard", "Plan", "Room"]

IN = "in"
"""The index is known to lie in the axis."""
END = "end"
"""The index is known to be negative and to lie in the axis when counted from its end."""
WRAP = "wrap"
"""The index is known to lie in the axis once a negative one is counted from its end."""
CHECK = "check"
"""Nothing is known; the access tests."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition tested once for many accesses: where each of `when` is >= 0, so must be each of `needs`."""

    needs: tuple[Poly, ...]
    when: tuple[Poly, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """Entries to make room for on a stack: a sum of products."""

    stack: Var
    counts: tuple[tuple[Poly, ...], ...]


@dataclass(slots=True)
class Plan:
    """Decisions by position of a statement.

    Attributes
    ----------
    access : dict
        How each axis of a load, store or addto is indexed.
    guards, room : dict
        What to test, and room to make, before a statement.
    limits : dict
        Values to test, once computed, for a magnitude of at most so many bits.
    sure : set of int
        Allocations and copies that need no test.
    vector : set of int
        Loops that LLVM will vectorise.
    ragged : set of int
        Those of them whose length differs from one run to the next.
    chains : dict
        The sums in order that keep a loop from being vectorised, see `revtrace.codegen.chains`.
    loops : dict
        The loops that `Trips` in a guard speak of.
    """

    access: dict[int, tuple[str, ...]] = field(default_factory=dict)
    guards: dict[int, list[Guard]] = field(default_factory=dict)
    room: dict[int, list[Room]] = field(default_factory=dict)
    limits: dict[Var, int] = field(default_factory=dict)
    sure: set[int] = field(default_factory=set)
    vector: set[int] = field(default_factory=set)
    ragged: set[int] = field(default_factory=set)
    chains: dict[int, dict[Var, Var]] = field(default_factory=dict)
    loops: dict[int, For] = field(default_factory=dict)

    def operands(self) -> list[Operand]:
        """Return every value that the tests read."""
        out: list[Operand] = [*self.limits]
        polys = [p for gs in self.guards.values() for g in gs for p in (*g.needs, *g.when)]
        polys += [p for rs in self.room.values() for r in rs for product in r.counts for p in product]
        for poly in polys:
            for atom in poly.atoms:
                out.extend(self.reads(atom))
        return out

    def reads(self, atom: object) -> tuple[Operand, ...]:
        """Return the values an atom's expression reads."""
        match atom:
            case Var():
                return (atom,)
            case Dim():
                return (atom.array,)
            case Trips():
                loop = self.loops[atom.loop]
                return (loop.start, loop.stop)
        return ()
