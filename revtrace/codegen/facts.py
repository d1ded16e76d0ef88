"""Proving that polynomials are not negative.

A fact is a polynomial known to be >= 0 where it is asked about.  A goal is proved by
taking known facts away from it, and by putting the worst iteration in place of a
loop's counter, until what is left is plainly not negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from revtrace.codegen.poly import Atom, Dim, Monomial, Multiple, Poly, Step, Trips, size
from revtrace.program.nodes import Var

__all__ = ["Fact", "Facts", "Limit", "Range"]

Limit = tuple[Var | Dim, int]
"""A value and the number of bits below which its magnitude must stay."""

_DEPTH = 7
_BUDGET = 120
_RECENT = 24


@dataclass(frozen=True, slots=True)
class Fact:
    """``poly >= 0``, provided that values keep within limits (machine arithmetic wraps round)."""

    poly: Poly
    limits: frozenset[Limit] = frozenset()


@dataclass(frozen=True, slots=True)
class Range:
    """Values of a loop's counter: 0 to ``last``, or without end."""

    last: Poly | None
    limits: frozenset[Limit] = frozenset()


class Facts:
    """What is known at one place; facts are added in frames, one per open block.

    Attributes
    ----------
    ranges : dict
        Range of each open loop's counter.
    cases : dict
        Values an atom may have, each with facts that hold then.
    positive : set
        Atoms, other than lengths and counters, that are never negative.
    strict : bool
        Whether to refuse facts that need limits.
    """

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.ranges: dict[Step, Range] = {}
        self.cases: dict[Atom, list[tuple[Poly, tuple[Fact, ...]]]] = {}
        self.positive: set[Atom] = set()
        self.rank: dict[Atom, int] = {}
        self._by_atom: dict[Atom, list[Fact]] = {}
        self._least: dict[Poly, list[tuple[Multiple, frozenset[Limit]]]] = {}
        self._frames: list[list[tuple[list[object], object]]] = [[]]
        self._budget = 0

    # knowing --------------------------------------------------------------------------

    @contextmanager
    def frame(self) -> Iterator[None]:
        """Forget, on leaving, what was learned inside."""
        self._frames.append([])
        try:
            yield
        finally:
            for where, item in reversed(self._frames.pop()):
                where.remove(item)

    def add(self, fact: Fact, frame: int = -1) -> None:
        """Learn a fact for use in proofs."""
        if self.strict and fact.limits:
            return
        for atom in fact.poly.atoms:
            self._put(self._by_atom.setdefault(atom, []), fact, frame)
        self.note(fact, frame)

    def note(self, fact: Fact, frame: int = -1) -> None:
        """Learn a fact that answers only the same question, or a weaker one."""
        if self.strict and fact.limits:
            return
        key, least = _split(fact.poly)
        self._put(self._least.setdefault(key, []), (least, fact.limits), frame)

    def _put(self, where: list, item: object, frame: int) -> None:  # type: ignore[type-arg]
        where.append(item)
        self._frames[frame].append((where, item))

    @property
    def depth(self) -> int:
        """Number of the innermost frame, to be passed as ``frame``."""
        return len(self._frames) - 1

    # proving --------------------------------------------------------------------------

    def prove(self, goal: Poly, extra: Iterable[Fact] = ()) -> frozenset[Limit] | None:
        """Return the limits under which a polynomial is known to be >= 0, or None."""
        self._budget = _BUDGET
        with self.frame():
            for fact in extra:
                self.add(fact)
            found = self._prove(goal, _DEPTH)
            return found if found is not None else self._split_cases(goal, 2)

    def _split_cases(self, goal: Poly, depth: int) -> frozenset[Limit] | None:
        if depth == 0:
            return None
        for atom in list(goal.atoms):
            limits: frozenset[Limit] | None = frozenset()
            for value, given in self.cases.get(atom, ()):
                with self.frame():
                    for fact in given:
                        self.add(fact)
                    self._budget = _BUDGET
                    smaller = goal.replace(atom, value)
                    one = self._prove(smaller, _DEPTH)
                    if one is None:
                        one = self._split_cases(smaller, depth - 1)
                if one is None:
                    limits = None
                    break
                assert limits is not None
                limits |= one
            if limits is not None and atom in self.cases:
                return limits
        return None

    def _prove(self, goal: Poly, depth: int) -> frozenset[Limit] | None:
        if self.plainly(goal):
            return frozenset()
        key, offset = _split(goal)
        for least, limits in self._least.get(key, ()):
            if offset >= least:
                return limits
        self._budget -= 1
        if depth == 0 or self._budget < 0 or not all(self._bounded(m, c) for m, c in goal.terms.items()):
            return None
        for atom in sorted(goal.atoms, key=lambda a: -self.rank.get(a, 0)):
            for smaller, limits in self._without(goal, atom):
                rest = self._prove(smaller, depth - 1)
                if rest is not None:
                    return rest | limits
        return None

    def _bounded(self, monomial: Monomial, c: Multiple) -> bool:
        """Whether anything is known that keeps a term from being as negative as it likes."""
        if len(monomial) != 1 or monomial[0] in self.ranges:
            return True
        (atom,) = monomial
        if c > 0 and self.is_positive(atom):
            return True
        return any(c * fact.poly.terms.get(monomial, 0) > 0 for fact in self._by_atom.get(atom, ()))

    def _without(self, goal: Poly, atom: Atom) -> Iterator[tuple[Poly, frozenset[Limit]]]:
        """Yield goals that imply this one and are free of one atom."""
        if isinstance(atom, Step) and atom in self.ranges:
            worst = self.worst(goal, atom)
            if worst is not None and not (self.strict and self.ranges[atom].limits):
                yield worst, self.ranges[atom].limits
        c = goal.terms.get((atom,), 0)
        if c == 0:
            return
        for fact in self._by_atom.get(atom, [])[-_RECENT:]:
            d = fact.poly.terms.get((atom,), 0)
            if c * d > 0:
                smaller = goal * size(d) - fact.poly * size(c)
                if len(smaller.terms) <= len(goal.terms) + 2:
                    yield smaller, fact.limits

    def worst(self, goal: Poly, step: Step) -> Poly | None:
        """Return the goal in the iteration where it is least, or None when it is not known which that is."""
        last = self.ranges[step].last
        growth, linear = goal.part(step)
        if not linear:
            return self._worst_of_curve(goal, step, last)
        if self.plainly(growth):
            return goal.replace(step, Poly())
        if last is not None and self.plainly(-growth):
            return goal.replace(step, last)
        return None

    def _worst_of_curve(self, goal: Poly, step: Step, last: Poly | None) -> Poly | None:
        """Do so for a goal of degree two in the step, whose growth from each iteration to the next is linear."""
        growth = goal.replace(step, Poly.of(step) + 1) - goal
        slope, linear = growth.part(step)
        if last is None or not linear:
            return None
        ends = growth.replace(step, Poly()), growth.replace(step, last - 1)
        for sign, end in ((1, Poly()), (-1, last)):
            # Least, of all but the last iteration, in the first where the growth grows, else at the end.
            least = ends[0] if self.plainly(slope * sign) else ends[1] if self.plainly(slope * -sign) else None
            if least is not None and self.plainly(least * sign):
                return goal.replace(step, end)
        return None

    def plainly(self, poly: Poly) -> bool:
        """Whether a polynomial is a sum of things that are not negative."""
        return all(c >= 0 and all(self.is_positive(a) for a in m) for m, c in poly.terms.items())

    def is_positive(self, atom: Atom) -> bool:
        """Whether an atom is never negative."""
        return isinstance(atom, Dim | Step | Trips) or atom in self.positive


def _split(poly: Poly) -> tuple[Poly, Multiple]:
    return Poly({m: c for m, c in poly.terms.items() if m}), poly.offset
