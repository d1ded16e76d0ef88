"""Which indices are known to lie in their axes, and which test before a loop makes them so.

Follows integers through a program as polynomials in loop counters, lengths and values that
are not understood.  An index that cannot be proved right is tested once before the
outermost loop in which its range can be computed; such a test may fail for a program
that is right, and the careful build then answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from revtrace.codegen.facts import Fact, Facts, Limit, Range
from revtrace.codegen.induction import Change, changes
from revtrace.codegen.integers import HANDLERS, integer
from revtrace.codegen.plan import CHECK, END, IN, WRAP, Guard, Plan
from revtrace.codegen.poly import Atom, Dim, Poly, Step, Trips
from revtrace.codegen.room import Opened, Rooms
from revtrace.codegen.storage import buffers
from revtrace.codegen.vector import Access, vectorises
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, regions
from revtrace.program.types import INT, Array

__all__ = ["analyse"]

_COEFFICIENT = 1 << 10
_BITS = {1: 40, 2: 30, 3: 20}

Sides = tuple[tuple[Fact, ...], tuple[Fact, ...]]


def analyse(program: Program, *, careful: bool = False) -> Plan:
    """Decide how each access is made.

    Parameters
    ----------
    program : Program
        A program that is well formed.
    careful : bool
        Whether to rely on nothing that had to be tested first.
    """
    walker = Walker(careful, buffers(program))
    for v in program.inputs:
        walker.arrive(v)
    walker.block(program.body)
    walker.finish()
    return walker.plan


@dataclass(slots=True)
class _Loop:
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
        return Step(self.position)


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


class Walker:
    """What is known at one place of a walk through a program."""

    def __init__(self, careful: bool, held: dict[Var, frozenset[int]]) -> None:
        self.careful = careful
        self.held = held
        self.plan = Plan()
        self.facts = Facts(strict=careful)
        self.loops: list[_Loop] = []
        self.opened: list[Opened] = []
        self.rooms = Rooms()
        self.polys: dict[Var, Poly] = {}
        self.shapes: dict[Var, tuple[Poly, ...]] = {}
        self.shape_limits: dict[Var, frozenset[Limit]] = {}
        self.conditions: dict[Var, Sides] = {}
        self.levels: dict[Atom, int] = {}
        self.tame: set[Var] = set()
        self.visible: list[set[Atom]] = [set()]
        self.limits: set[Limit] = set()
        self.hoisted: dict[tuple[int, frozenset[Poly]], dict[Poly, int]] = {}
        self.paths: dict[int, tuple[int, ...]] = {}
        # Where an atom can first be read; statements of the innermost block until now.
        self.ready: dict[Atom, int] = {}
        self.arrived: list[Atom] = []
        self.here: list[int] = []
        self.path: tuple[int, ...] = ()
        self.position = -1
        self.inputs: set[Var] = set()

    # values -----------------------------------------------------------------------------

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

    def is_visible(self, poly: Poly) -> bool:
        """Whether every atom is defined here."""
        return all(any(a in s for s in self.visible) for a in poly.atoms)

    def exact(self, poly: Poly) -> frozenset[Limit] | None:
        """Return the limits under which the machine's value is this polynomial's, or None."""
        if len(poly.terms) == 1 and next(iter(poly.terms.items()))[1] == 1 and all(len(m) <= 1 for m in poly.terms):
            return frozenset()
        out: set[Limit] = set()
        for monomial, c in poly.terms.items():
            degree = len(monomial)
            if degree == 0:
                continue
            if abs(c) > (_COEFFICIENT if degree == 1 else 4) or degree > 3:
                return None
            for a in monomial:
                if isinstance(a, Var):
                    if degree > 1 or a not in self.tame:
                        out.add((a, _BITS[degree]))
                elif degree > 1:
                    if not isinstance(a, Dim) or a.array not in self.inputs:
                        return None
                    out.add((a, _BITS[degree]))
        return frozenset(out)

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

    # statements ---------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        """Walk a block."""
        outer, self.here = self.here, []
        self.path = (*self.path, self.position + 1)
        for stmt in block.stmts:
            self.position += 1
            self.here.append(self.position)
            for a in self.arrived:
                self.ready.setdefault(a, self.position)
            self.arrived.clear()
            match stmt:
                case Op():
                    self.op(stmt, self.position)
                case If():
                    self.branch(stmt)
                case For():
                    self.count(stmt, self.position)
                case While():
                    self.loop(stmt, self.position)
        self.here = outer
        self.path = self.path[:-1]

    def op(self, op: Op, position: int) -> None:
        """Walk one operation."""
        handler = HANDLERS.get(op.name)
        if handler is not None:
            handler(self, op, position)
        if op.out is not None and op.out.type == INT:
            if op.out not in self.polys:
                found = integer(self, op)
                if found is None:
                    self.opaque(op.out)
                else:
                    self.polys[op.out] = found
            self.levels.setdefault(op.out, len(self.loops))

    def branch(self, stmt: If) -> None:
        """Walk both arms."""
        when_true, when_false = self.sides(stmt.cond)
        arms: list[list[Poly | None]] = []
        for block, given in ((stmt.then, when_true), (stmt.orelse, when_false)):
            self.opened.append(Opened("if"))
            with self.facts.frame():
                self.visible.append(set())
                self.learn(given)
                self.block(block)
                scope = self.visible.pop()
                arms.append([self.outer(r, scope) for r in block.results])
            self.opened.pop()
        for k, out in enumerate(stmt.outs):
            pair = stmt.then.results[k], stmt.orelse.results[k]
            if isinstance(out.type, Array):
                self.join_shapes(out, *pair)
            elif out.type == INT:
                self.join(out, ((arms[0][k], when_true), (arms[1][k], when_false)))

    def outer(self, r: Operand, scope: set[Atom]) -> Poly | None:
        """Return a result of a block as a polynomial without the block's own atoms, or None."""
        if r.type != INT:
            return None
        poly = self.poly(r)
        return None if any(a in scope for a in poly.atoms) else poly

    def join(self, out: Var, arms: Sequence[tuple[Poly | None, tuple[Fact, ...]]]) -> None:
        """Enter a value that is one of several."""
        values = [p for p, _ in arms if p is not None]
        if len(values) == len(arms) and all(v == values[0] for v in values):
            self.known(out, values[0])
            return
        self.opaque(out, tame=len(values) == len(arms) and all(self.is_tame(v) for v in values))
        if len(values) == len(arms):
            self.facts.cases[out] = [(p, given) for p, given in arms if p is not None]
            if all(self.exact(v) == frozenset() == self.facts.prove(v) for v in values):
                self.facts.positive.add(out)

    def is_tame(self, poly: Poly) -> bool:
        """Whether a polynomial's magnitude is below any limit."""
        return all(
            len(m) <= 1 and abs(c) <= _COEFFICIENT and all(not isinstance(a, Var) or a in self.tame for a in m)
            for m, c in poly.terms.items()
            if m
        )

    def join_shapes(self, out: Var, *arrays: Operand) -> None:
        """Give an array the shape of those it may be, if they have one."""
        found = {self.shapes[a] for a in arrays if isinstance(a, Var)}
        if len(found) == 1:
            shape = found.pop()
            if all(self.is_visible(p) for p in shape):
                self.shapes[out] = shape
                limits = (self.shape_limits[a] for a in arrays if isinstance(a, Var))
                self.shape_limits[out] = frozenset().union(*limits)
                return
        self.shape_of_its_own(out)

    # loops --------------------------------------------------------------------------------

    def count(self, stmt: For, position: int) -> None:
        """Walk a counted loop."""
        start, stop = self.poly(stmt.start), self.poly(stmt.stop)
        limits: frozenset[Limit] | None = frozenset()
        for side in (start, stop):
            found = self.exact(side)
            limits = None if found is None or limits is None else limits | found
        if limits is None:
            # The ends are not what their polynomials say: keep them as values.
            start, stop, limits = self.plain(stmt.start), self.plain(stmt.stop), frozenset()
        span = stop - start if stmt.step > 0 else start - stop
        size = abs(stmt.step)
        given: list[Fact] = []
        if size == 1:
            trips = span
        else:
            t = Trips(position)
            ends = [x for x in (stmt.start, stmt.stop) if isinstance(x, Var)]
            self.atom(t, max((self.levels[x] for x in ends), default=0))
            self.plan.loops[position] = stmt
            trips = Poly.of(t)
            given.append(Fact(span + (size - 1) - trips * size, limits))
        changed = changes(stmt, self.defs_in(stmt), self.invariant)
        shapes = self.enter_arrays(stmt, position)
        with self.facts.frame():
            loop = self.open(stmt, position, trips - 1, limits)
            self.learn([*given, Fact(trips - 1 - Poly.of(loop.step), limits), Fact(trips - 1, limits)])
            self.known(stmt.index, start + Poly.of(loop.step) * stmt.step)
            wild = (a for p in (start, stop) for a in p.atoms if isinstance(a, Var) and a not in self.tame)
            loop.counter = (stmt.index, start, stmt.step, frozenset((a, 40) for a in wild))
            self.params(stmt, loop, changed, shapes)
            self.block(stmt.body)
            self.close()
        self.opaque(stmt.count, tame=True)
        self.facts.positive.add(stmt.count)
        if not stmt.exits and (bound := self.facts.prove(trips)) is not None and not (self.careful and limits | bound):
            self.require(limits | bound)
            self.polys[stmt.count] = trips
        elif (bound := self.facts.prove(trips)) is not None:
            self.learn([Fact(trips - Poly.of(stmt.count), limits | bound)])
        self.leave(stmt, changed, shapes)

    def plain(self, x: Operand) -> Poly:
        """Return an operand as an atom of its own."""
        if isinstance(x, Const):
            return Poly.of(int(x.value))  # type: ignore[arg-type]
        if x not in self.facts.rank:
            self.atom(x, self.levels[x])
        return Poly.of(x)

    def loop(self, stmt: While, position: int) -> None:
        """Walk a loop with a condition."""
        changed = changes(stmt, self.defs_in(stmt), self.invariant)
        shapes = self.enter_arrays(stmt, position)
        with self.facts.frame():
            loop = self.open(stmt, position, None, frozenset())
            self.params(stmt, loop, changed, shapes)
            self.block(stmt.cond)
            with self.facts.frame():
                self.learn(self.sides(stmt.cond.results[0])[0])
                self.block(stmt.body)
            self.close()
        self.opaque(stmt.count, tame=True)
        self.facts.positive.add(stmt.count)
        self.leave(stmt, changed, shapes)

    def open(self, stmt: For | While, position: int, last: Poly | None, limits: frozenset[Limit]) -> _Loop:
        """Enter a loop's body."""
        loop = _Loop(stmt, position, len(self.loops) + 1, self.facts.depth, self.path, last, limits)
        self.loops.append(loop)
        # The end of a loop that may be left early says little about how often it runs.
        bounded = not stmt.exits or (last is not None and all(isinstance(a, Dim) for a in last.atoms))
        self.opened.append(Opened("for" if last is not None else "while", position, last, loop.step, bounded))
        self.visible.append(set())
        self.atom(loop.step)
        self.facts.ranges[loop.step] = Range(last, limits)
        return loop

    def close(self) -> None:
        """Leave a loop's body."""
        self.visible.pop()
        self.opened.pop()
        loop = self.loops.pop()
        if isinstance(loop.stmt, For) and vectorises(loop.stmt, loop.step, loop.accesses):
            self.plan.vector.add(loop.position)
        self.rooms.closed(loop.position, self.position)

    def params(self, stmt: For | While, loop: _Loop, changed: dict[Var, Change], shapes: dict[Var, Var | None]) -> None:
        """Enter the values a loop carries."""
        for p, init in zip(stmt.params, stmt.inits, strict=True):
            if isinstance(p.type, Array):
                self.like(p, shapes[p])
            elif p.type == INT:
                change = changed.get(p, Change())
                self.carried(p, self.poly(init), change, Poly.of(loop.step))
                pace = change.exact.constant if change.exact is not None else None
                if pace and isinstance(stmt, While) and loop.counter is None:
                    loop.counter = (p, self.poly(init), pace, frozenset(((p, 40),)))

    def leave(self, stmt: For | While, changed: dict[Var, Change], shapes: dict[Var, Var | None]) -> None:
        """Enter a loop's results."""
        for p, init, out in zip(stmt.params, stmt.inits, stmt.outs, strict=True):
            if isinstance(out.type, Array):
                self.like(out, shapes[p])
            elif out.type == INT:
                self.carried(out, self.poly(init), changed.get(p, Change()), self.polys[stmt.count])

    def carried(self, v: Var, first: Poly, change: Change, times: Poly) -> None:
        """Enter a value that changes by a known amount, or in a known direction, so many times."""
        if change.exact is not None:
            self.known(v, first + change.exact * times)
            return
        poly = self.opaque(v)
        limits = self.exact(first + Poly.of(v))
        limits = None if limits is None else frozenset(x for x in limits if x[0] is not v)
        if limits is None:
            return
        if change.least is not None:
            self.facts.add(Fact(poly - first - times * change.least, limits))
            if change.least >= 0 and not limits and self.facts.plainly(first):
                self.facts.positive.add(v)
        if change.most is not None:
            self.facts.add(Fact(first + times * change.most - poly, limits))

    def invariant(self, x: Operand) -> Poly | None:
        """Return a value known before the loop that is about to be entered."""
        if isinstance(x, Const):
            return self.poly(x)
        return self.polys.get(x)

    def defs_in(self, stmt: For | While) -> dict[Var, Stmt]:
        """Return what defines the values of a loop's body."""
        out: dict[Var, Stmt] = {}

        def visit(block: Block) -> None:
            for s in block.stmts:
                outs = (s.out,) if isinstance(s, Op) else s.outs if isinstance(s, If) else (*s.outs, s.count)
                for v in outs:
                    if v is not None:
                        out[v] = s
                for inner in regions(s):
                    visit(inner)

        visit(stmt.body)
        return out

    def enter_arrays(self, stmt: For | While, position: int) -> dict[Var, Var | None]:
        """Say whose shape each array the loop carries has; makes sure that those it swaps have one."""
        defs = self.defs_in(stmt)
        inits = dict(zip(stmt.params, stmt.inits, strict=True))
        group: dict[Var, set[Var]] = {p: {p} for p in stmt.params if isinstance(p.type, Array)}
        for p, r in zip(stmt.params, stmt.body.results, strict=False):
            if p in group:
                for q in _sources(r, defs):
                    if q in group and group[q] is not group[p]:
                        group[p] |= group[q]
                        for member in group[p]:
                            group[member] = group[p]
        out: dict[Var, Var | None] = {}
        for p, members in group.items():
            first = inits[min(members, key=stmt.params.index)]
            assert isinstance(first, Var)
            others = [inits[m] for m in members]
            out[p] = first if self.equal_shapes(position, first, others) else None
        return out

    def equal_shapes(self, position: int, first: Var, others: Sequence[Operand]) -> bool:
        """Whether arrays have one shape; tests it before a statement where that is not known."""
        needs: list[Poly] = []
        for other in others:
            assert isinstance(other, Var)
            for m, n in zip(self.shapes[first], self.shapes[other], strict=True):
                if m != n:
                    needs += [m - n, n - m]
        if not needs:
            return True
        return not self.careful and self.guard(position, self.path, needs, frozenset())

    def like(self, v: Var, model: Var | None) -> None:
        """Give an array the shape of another."""
        if model is None:
            self.shape_of_its_own(v)
        else:
            self.shapes[v] = self.shapes[model]
            self.shape_limits[v] = self.shape_limits[model]

    # conditions ---------------------------------------------------------------------------

    def sides(self, cond: Operand) -> Sides:
        """Return what is known where a condition is true, and where it is false."""
        return self.conditions.get(cond, ((), ())) if isinstance(cond, Var) else ((), ())

    # accesses -----------------------------------------------------------------------------

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
            self.loops[-1].accesses.append(Access(op, self.held[array], polys))
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
            if place.when <= {place.last}:
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
            place = _Place(loop.position, goal, needed, loop.frame, loop.path, loop.last)
        return place

    def in_block(self, goal: Poly) -> _Place | None:
        """Return the first place in this block where a goal can be tested."""
        found = self.written(_Place(self.position, goal, frozenset(), self.facts.depth, self.path))
        if found is None or goal.constant is not None:
            return None
        ready = max(self.ready.get(a, self.position) for a in found.goal.atoms)
        position = next(p for p in self.here if p >= min(ready, self.position))
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
            if not linear or (abs(pace) != 1 and not scaled):
                return None
            if self.careful and limits:
                return None
            self.facts.rank.setdefault(v, len(self.facts.rank))
            moved = (Poly.of(v) - first) * factor * (1 if pace > 0 else -1)
            poly = poly.replace(loop.step, Poly()) * abs(pace) + moved
            self.require(limits)
            if isinstance(loop.stmt, For):
                self.tame.add(v)
        return None if any(isinstance(a, Step) for a in poly.atoms) else poly

    def tests(self, *polys: Poly) -> frozenset[Limit] | None:
        """Return the limits under which tests of polynomials are right."""
        out: set[Limit] = set()
        for p in polys:
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

    def finish(self) -> None:
        """Write down the tests."""
        # Tests that were made on every way to this one, by what they compare.
        made: dict[Poly, list[tuple[int, int, frozenset[Poly]]]] = {}
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

    def level(self, poly: Poly) -> int:
        """Return how many loops enclose the definition of a polynomial's atoms."""
        return max((self.levels[a] for a in poly.atoms), default=0)

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


def _sources(x: Operand, defs: Mapping[Var, Stmt]) -> Iterator[Operand]:
    """Yield the arrays that an array in a loop's body may be."""
    yield x
    stmt = defs.get(x) if isinstance(x, Var) else None
    if isinstance(stmt, If):
        k = stmt.outs.index(x)
        for block in (stmt.then, stmt.orelse):
            yield from _sources(block.results[k], defs)
    elif isinstance(stmt, For | While):
        for init in stmt.inits:
            yield from _sources(init, defs)
