"""How accesses are made, and where the tests stand that make them safe."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from revtrace.codegen.facts import Fact, Limit
from revtrace.codegen.plan import CHECK, END, IN, WRAP, Guard
from revtrace.codegen.poly import Dim, Multiple, Poly, Step
from revtrace.codegen.room import Opened
from revtrace.codegen.values import Values
from revtrace.codegen.vector import Access
from revtrace.program.nodes import For, Op, Var

__all__ = ["Tested"]


@dataclass(frozen=True, slots=True)
class _Place:
    """A test of ``goal`` before a statement, needed where each of ``when`` is >= 0.

    It holds afterwards in a frame of facts, where the loop that stands there runs.
    """

    position: int
    goal: Poly
    when: frozenset[Poly]
    frame: int
    path: tuple[int, ...]
    last: Poly | None = None


class Tested(Values):
    """Decides about each access, and collects the tests that takes."""

    def access(self, op: Op, position: int) -> None:
        """Decide how a load, store or addto indexes its array."""
        array, *rest = op.args
        assert isinstance(array, Var)
        index = rest if op.name == "load" else rest[1:]
        limits = self.shape_limits[array]
        usable = not (self.careful and limits)
        how = []
        for x, n in zip(index, self.shapes[array], strict=True):
            mode = self.axis(self.poly(x), n) if usable else CHECK
            if op.attr("safe", False):
                mode = IN
            if mode != CHECK:
                self.require(limits)
            how.append(mode)
        self.plan.access[position] = tuple(how)
        if self.loops:
            polys = tuple(self.poly(x) if mode == IN else Poly.of(Step(-1)) for x, mode in zip(index, how, strict=True))
            self.loops[-1].accesses.append(Access(op, self.held[array], polys, self.shapes[array]))
        for x, n, mode in zip(index, self.shapes[array], how, strict=True):
            if mode in (IN, CHECK) and not (mode == CHECK and self.careful):
                i = self.poly(x)
                sides = () if mode == IN else (i, n)
                for f in (self.fact(i, *sides), self.fact(n - 1 - i, *sides)):
                    if f is not None:
                        self.facts.note(Fact(f.poly, f.limits | limits))

    def axis(self, i: Poly, n: Poly) -> str:
        """Decide about one index."""
        low = self.facts.prove(i)
        if low is not None:
            return IN if self.settle((n - 1 - i,), low) else CHECK
        negative = self.facts.prove(-i - 1)
        if negative is not None:
            return END if self.settle((i + n,), negative) else CHECK
        where = self.hoist(i) or self.in_block(i)
        if where is not None and where.goal.constant is None and self.settle((i, n - 1 - i), frozenset()):
            return IN
        # It may be negative in some iteration.
        return WRAP if self.settle((i + n, n - 1 - i), frozenset()) else CHECK

    def settle(self, goals: Sequence[Poly], limits: frozenset[Limit]) -> bool:
        """Prove goals, or have them tested before a loop; all or nothing."""
        later: list[tuple[_Place, _Place]] = []
        for goal in goals:
            found = self.facts.prove(goal)
            if found is not None:
                limits |= found
                continue
            place = None if self.careful else self.hoist(goal) or self.in_block(goal)
            test = None if place is None else self.written(place)
            if place is None or test is None or self.tests(test.goal, *test.when) is None:
                return False
            later.append((place, test))
        for place, test in later:
            self.guard(test.position, test.path, [test.goal], test.when)
            if place.last is None and not place.when:
                # Much alike from access to access: of use for the same question only.
                self.facts.note(Fact(place.goal), place.frame)
            elif place.when <= {place.last}:
                self.facts.add(Fact(place.goal), place.frame)
        self.require(limits)
        return True

    def hoist(self, goal: Poly) -> _Place | None:
        """Return the outermost loop before which a goal can be tested for all iterations."""
        place: _Place | None = None
        when: list[Poly] = []
        for loop in reversed(self.loops):
            if any(self.levels[a] >= loop.depth and a != loop.step for a in goal.atoms):
                break
            if loop.step in goal.atoms:
                worst = self.facts.worst(goal, loop.step)
                if worst is None or any(self.levels[a] >= loop.depth for a in worst.atoms):
                    break
                goal = worst
            when = [w for w in when if all(self.levels[a] < loop.depth for a in w.atoms)]
            if loop.last is not None:
                when.append(loop.last)
            needed = frozenset(w for w in when if not self.facts.plainly(w))
            place = _Place(loop.position, goal.whole, needed, loop.frame, loop.path, loop.last)
        return place

    def in_block(self, goal: Poly) -> _Place | None:
        """Return the first place in this block where a goal can be tested."""
        goal = goal.whole
        found = self.written(_Place(self.position, goal, frozenset(), self.facts.depth, self.path))
        if found is None or goal.constant is not None:
            return None
        ready = max(self.ready.get(a, self.position) for a in found.goal.atoms)
        position = self.here[bisect_left(self.here, min(ready, self.position))]
        return _Place(position, goal, frozenset(), self.facts.depth, self.path)

    def written(self, place: _Place) -> _Place | None:
        """Put the variables that generated code has in place of the counters of loops around a test."""
        goal = self.in_variables(place.goal, scaled=True)
        if goal is None:
            return None
        when = [self.in_variables(w, scaled=True) for w in place.when]
        return replace(place, goal=goal, when=frozenset(w for w in when if w is not None))

    def in_variables(self, poly: Poly, *, scaled: bool) -> Poly | None:
        """Return a polynomial, or a positive multiple of it, without counters."""
        # Where an inner loop's variable starts may depend on the counter of one around it: from the inside out.
        for loop in reversed(self.loops):
            if loop.step not in poly.atoms:
                continue
            if loop.counter is None:
                return None
            v, first, pace, limits = loop.counter
            factor, linear = poly.part(loop.step)
            if abs(pace) != 1 and not (linear and scaled):
                return None
            if self.careful and limits:
                return None
            self.facts.rank.setdefault(v, len(self.facts.rank))
            moved = (Poly.of(v) - first) * (1 if pace > 0 else -1)
            if linear:
                poly = poly.replace(loop.step, Poly()) * abs(pace) + moved * factor
            else:
                poly = poly.replace(loop.step, moved)
            self.require(limits)
            if isinstance(loop.stmt, For):
                self.tame.add(v)
        return None if any(isinstance(a, Step) for a in poly.atoms) else poly

    def tests(self, *polys: Poly) -> frozenset[Limit] | None:
        """Return the limits under which tests of polynomials are right."""
        out: set[Limit] = set()
        for p in polys:
            if p.whole is not p:
                return None
            for sign in (1, -1):
                side = self.exact(Poly({m: c * sign for m, c in p.terms.items() if c * sign > 0}))
                if side is None:
                    return None
                out |= side
        return frozenset(out)

    def guard(self, position: int, path: tuple[int, ...], needs: Sequence[Poly], when: frozenset[Poly]) -> bool:
        """Have polynomials tested before a statement."""
        limits = self.tests(*needs, *when)
        if limits is None:
            return False
        self.require(limits)
        self.paths[position] = path
        table = self.hoisted.setdefault((position, when), {})
        for p in needs:
            key = Poly({m: c for m, c in p.terms.items() if m})
            table[key] = min(table.get(key, p.offset), p.offset)
        return True

    def largest(self, count: Poly, region: Opened) -> Poly | None:
        """Return the largest value of a trip count in a loop, if it can be computed before it."""
        assert region.step is not None
        if region.step in count.atoms:
            least = self.facts.worst(-count, region.step)
            if least is None:
                return None
            count = -least
        depth = self.levels[region.step]
        if any(self.levels[a] >= depth for a in count.atoms):
            return None
        return count

    def testable(self, count: Poly) -> Poly | None:
        """Return a trip count in the variables of generated code, or None."""
        found = self.in_variables(count, scaled=False)
        if found is None:
            return None
        limits = self.tests(found)
        if limits is None or (self.careful and limits):
            return None
        self.require(limits)
        return found

    def finish(self) -> None:
        """Write down the tests."""
        # Tests that were made on every way to this one, by what they compare.
        made: dict[Poly, list[tuple[int, Multiple, frozenset[Poly]]]] = {}
        for (position, when), table in sorted(self.hoisted.items(), key=lambda x: x[0][0]):
            path = self.paths[position]
            needs = []
            for key, least in table.items():
                if not any(
                    earlier <= least and conditions <= when and self.paths[p] == path[: len(self.paths[p])]
                    for p, earlier, conditions in made.get(key, ())
                ):
                    needs.append(key + least)
            if needs:
                self.plan.guards.setdefault(position, []).append(Guard(tuple(needs), tuple(sorted(when, key=repr))))
            for key, least in table.items():
                made.setdefault(key, []).append((position, least, when))
        for value, bits in sorted(self.limits, key=lambda x: x[1]):
            if isinstance(value, Dim):
                bound = Poly.of(1 << bits) - Poly.of(value)
                self.plan.guards.setdefault(0, []).append(Guard((bound,)))
            else:
                self.plan.limits[value] = min(bits, self.plan.limits.get(value, bits))
        self.rooms.place(self.plan)
