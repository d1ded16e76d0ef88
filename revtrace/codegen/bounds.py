"""Which indices are known to lie in their axes, and which test before a loop makes them so.

Follows integers through a program as polynomials in loop counters, lengths and values that
are not understood.  An index that cannot be proved right is tested once before the
outermost loop in which its range can be computed; such a test may fail for a program
that is right, and the careful build then answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from revtrace.codegen.chains import chains
from revtrace.codegen.facts import Fact, Limit, Range
from revtrace.codegen.induction import Change, changes
from revtrace.codegen.integers import HANDLERS, integer
from revtrace.codegen.plan import Plan
from revtrace.codegen.poly import Atom, Dim, Poly, Trips
from revtrace.codegen.room import Opened
from revtrace.codegen.storage import buffers
from revtrace.codegen.tested import Tested
from revtrace.codegen.values import Loop, Sides
from revtrace.codegen.vector import vectorises
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, regions
from revtrace.program.types import INT, Array

__all__ = ["analyse"]

_ROOM = 1 << 16
"""Iterations for which room is made on stacks at once, where a loop may be left early."""


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


class Walker(Tested):
    """Walks through a program, statement by statement."""

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

    def open(self, stmt: For | While, position: int, last: Poly | None, limits: frozenset[Limit]) -> Loop:
        """Enter a loop's body."""
        loop = Loop(stmt, position, len(self.loops) + 1, self.facts.depth, self.path, last, limits)
        self.loops.append(loop)
        # The end of a loop that may be left early says little about how often it runs.
        short = last is not None and all(isinstance(a, Dim) for a in last.atoms) and (last.constant or 0) <= _ROOM
        bounded = not stmt.exits or short
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
        apart = chains(loop.stmt) if isinstance(loop.stmt, For) else {}
        if isinstance(loop.stmt, For) and vectorises(loop.stmt, loop.step, loop.accesses, apart):
            self.plan.vector.add(loop.position)
            if apart:
                self.plan.chains[loop.position] = apart
            elif loop.last is not None and {outer.step for outer in self.loops} & {*loop.last.atoms}:
                self.plan.ragged.add(loop.position)
        self.rooms.closed(loop.position, self.position)

    def params(self, stmt: For | While, loop: Loop, changed: dict[Var, Change], shapes: dict[Var, Var | None]) -> None:
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

    def sides(self, cond: Operand) -> Sides:
        """Return what is known where a condition is true, and where it is false."""
        return self.conditions.get(cond, ((), ())) if isinstance(cond, Var) else ((), ())


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
