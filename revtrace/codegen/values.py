"""What is known of a program's integers and array shapes at one place of a walk through it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from revtrace.codegen.facts import Fact, Facts, Limit
from revtrace.codegen.plan import Plan
from revtrace.codegen.poly import Atom, Dim, Multiple, Poly, Step, Trips, size
from revtrace.codegen.room import Opened, Rooms
from revtrace.codegen.vector import Access
from revtrace.program.nodes import Const, For, Operand, Var, While
from revtrace.program.types import INT, Array

__all__ = ["Loop", "Sides", "Values"]

_COEFFICIENT = 1 << 10
_BITS = {1: 40, 2: 30, 3: 20}

Sides = tuple[tuple[Fact, ...], tuple[Fact, ...]]
"""What holds where a condition is true, and where it is false."""


@dataclass(slots=True)
class Loop:
    """An open loop."""

    stmt: For | While
    position: int
    depth: int
    frame: int
    path: tuple[int, ...]
    last: Poly | None
    limits: frozenset[Limit]
    counter: tuple[Var, Poly, int, frozenset[Limit]] | None = None
    accesses: list[Access] = field(default_factory=list)

    @property
    def step(self) -> Step:
        """The number of iterations done."""
        return Step(self.position)


class Values:
    """Integers as polynomials, shapes as tuples of polynomials, and facts about both."""

    def __init__(self, careful: bool, held: dict[Var, frozenset[int]]) -> None:
        self.careful = careful
        self.held = held
        self.plan = Plan()
        self.facts = Facts(strict=careful)
        self.loops: list[Loop] = []
        self.opened: list[Opened] = []
        self.rooms = Rooms()
        self.polys: dict[Var, Poly] = {}
        self.shapes: dict[Var, tuple[Poly, ...]] = {}
        self.shape_limits: dict[Var, frozenset[Limit]] = {}
        self.conditions: dict[Var, Sides] = {}
        # Conditions that say how long an axis of an array is.
        self.lengths: dict[Var, tuple[Var, int, int]] = {}
        self.levels: dict[Atom, int] = {}
        self.tame: set[Var] = set()
        self.visible: list[set[Atom]] = [set()]
        self.limits: set[Limit] = set()
        self.hoisted: dict[tuple[int, frozenset[Poly]], dict[Poly, Multiple]] = {}
        self.paths: dict[int, tuple[int, ...]] = {}
        # Where an atom can first be read; statements of the innermost block until now.
        self.ready: dict[Atom, int] = {}
        self.arrived: list[Atom] = []
        self.here: list[int] = []
        self.path: tuple[int, ...] = ()
        self.position = -1
        self.inputs: set[Var] = set()

    def poly(self, x: Operand) -> Poly:
        """Return an integer operand as a polynomial."""
        if isinstance(x, Const):
            return Poly.of(int(x.value))  # type: ignore[arg-type]
        return self.polys[x]

    def atom(self, a: Atom, level: int | None = None) -> None:
        """Enter an atom."""
        self.levels[a] = len(self.loops) if level is None else level
        self.facts.rank[a] = len(self.facts.rank)
        self.visible[-1].add(a)
        # The ends of a loop are known before it, whatever is said of them on entering it.
        if isinstance(a, Trips) or (isinstance(a, Var) and a in self.polys):
            self.ready.setdefault(a, self.position)
        else:
            self.arrived.append(a)

    def opaque(self, v: Var, *, tame: bool = False) -> Poly:
        """Enter a value nothing is known of."""
        self.atom(v)
        if tame:
            self.tame.add(v)
        self.polys[v] = Poly.of(v)
        return self.polys[v]

    def known(self, v: Var, poly: Poly) -> None:
        """Enter a value that is a polynomial of others."""
        self.polys[v] = poly
        self.levels[v] = len(self.loops)
        self.arrived.append(v)

    def arrive(self, v: Var) -> None:
        """Enter an input."""
        self.inputs.add(v)
        if isinstance(v.type, Array):
            self.shape_of_its_own(v)
        elif v.type == INT:
            self.opaque(v)

    def shape_of_its_own(self, v: Var) -> None:
        """Give an array lengths nothing is known of."""
        assert isinstance(v.type, Array)
        dims = tuple(Dim(v, axis) for axis in range(v.type.ndim))
        for d in dims:
            self.atom(d)
        self.shapes[v] = tuple(Poly.of(d) for d in dims)
        self.shape_limits[v] = frozenset()

    def like(self, v: Var, model: Var | None) -> None:
        """Give an array the shape of another."""
        if model is None:
            self.shape_of_its_own(v)
        else:
            self.shapes[v] = self.shapes[model]
            self.shape_limits[v] = self.shape_limits[model]

    def is_visible(self, poly: Poly) -> bool:
        """Whether every atom is defined here."""
        return all(any(a in s for s in self.visible) for a in poly.atoms)

    def exact(self, poly: Poly) -> frozenset[Limit] | None:
        """Return the limits under which the machine's value is this polynomial's, or None."""
        if len(poly.terms) == 1 and next(iter(poly.terms.items()))[1] == 1 and all(len(m) <= 1 for m in poly.terms):
            return frozenset()
        out: set[Limit] = set()
        # A counter may reach twice a length: there is room for one product.
        counted = [(m, c) for m, c in poly.terms.items() if len(m) > 1 and any(isinstance(a, Step) for a in m)]
        if len(counted) > 1 or any(len(m) > 2 or size(c) > 1 for m, c in counted):
            return None
        for monomial, c in poly.terms.items():
            degree = len(monomial)
            if degree == 0:
                continue
            if size(c) > (_COEFFICIENT if degree == 1 else 4) or degree > 3:
                return None
            for a in monomial:
                if isinstance(a, Var):
                    if degree > 1 or a not in self.tame:
                        out.add((a, _BITS[degree]))
                elif degree > 1:
                    longest = self.longest(a)
                    if longest is None:
                        return None
                    out |= {(b, _BITS[degree]) for b in longest}
        return frozenset(out)

    def longest(self, a: Atom) -> set[Var | Dim] | None:
        """Return lengths whose sum or difference a length or a counter does not exceed; None where none are seen."""
        if isinstance(a, Step) and a in self.facts.ranges:
            last = self.facts.ranges[a].last
            if last is None or any(len(m) > 1 or size(c) > 1 for m, c in last.terms.items() if m):
                return None
            found = [{b} if isinstance(b, Var) else self.longest(b) for b in last.atoms]
            return None if None in found or len(found) > 2 else set().union(*(f for f in found if f is not None))
        return {a} if isinstance(a, Dim) and a.array in self.inputs else None

    def fact(self, poly: Poly, *compared: Poly) -> Fact | None:
        """Return ``poly >= 0``, learned by comparing the machine's values of polynomials."""
        limits: set[Limit] = set()
        for side in compared:
            found = self.exact(side)
            if found is None:
                return None
            limits |= found
        return Fact(poly, frozenset(limits))

    def learn(self, facts: Iterable[Fact | None]) -> None:
        """Add facts to the innermost frame."""
        for f in facts:
            if f is not None:
                self.facts.add(f)

    def require(self, limits: Iterable[Limit]) -> None:
        """Make sure that limits are tested."""
        self.limits |= set(limits)

    def holds(self, goal: Poly) -> bool:
        """Whether a polynomial is >= 0; tests the limits that takes."""
        found = self.facts.prove(goal)
        if found is None:
            return False
        self.require(found)
        return True

    def is_tame(self, poly: Poly) -> bool:
        """Whether a polynomial's magnitude is below any limit."""
        return all(
            len(m) <= 1 and size(c) <= _COEFFICIENT and all(not isinstance(a, Var) or a in self.tame for a in m)
            for m, c in poly.terms.items()
            if m
        )

    def level(self, poly: Poly) -> int:
        """Return how many loops enclose the definition of a polynomial's atoms."""
        return max((self.levels[a] for a in poly.atoms), default=0)

    def plain(self, x: Operand) -> Poly:
        """Return an operand as an atom of its own."""
        if isinstance(x, Const):
            return Poly.of(int(x.value))  # type: ignore[arg-type]
        if x not in self.facts.rank:
            self.atom(x, self.levels[x])
        return Poly.of(x)
