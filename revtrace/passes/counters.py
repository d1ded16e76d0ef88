"""Counters in closed form: integers that a counted loop changes by an amount that is a line in its index.

``p += c`` in a loop becomes ``p = init + c * iteration``, a count through a triangle of two loops a
polynomial of degree two, and a trip count becomes arithmetic on the loop's bounds: neither has to be carried,
kept or undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from revtrace.passes.linear import Form, form_of, minus, plus, scaled
from revtrace.passes.scopes import Scopes, defined, scopes
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, Op, Operand, Program, Stmt, Var, const, walk
from revtrace.program.rebuild import fresh, map_blocks, substitute
from revtrace.program.types import INT

__all__ = ["counters"]

_PURE = frozenset(("add", "sub", "mul", "neg", "max", "min", "floordiv"))


def counters(program: Program) -> Program:
    """Return the program with integer counters and trip counts of counted loops computed."""
    program = fresh(program)
    walker = _Walker(scopes(program))
    return Program(program.name, program.inputs, walker.block(program.body))


@dataclass(frozen=True, slots=True)
class _Amount:
    """What a param grows by: ``each``, a sum of values known before the loop, and ``slope`` times the loop's index."""

    each: Form
    slope: int


class _Walker:
    def __init__(self, where: Scopes) -> None:
        # What defines each value: as it was at first, or as it was written here.
        self.made: dict[Var, Stmt | None] = dict(where.definition)
        self.loops: list[For] = []

    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        swaps: dict[Var, Operand] = {}
        for stmt in block.stmts:
            if swaps:
                stmt = substitute(stmt, swaps)
            new = self.count(stmt, swaps) if isinstance(stmt, For) else [map_blocks(stmt, self.block)]
            for s in new:
                self.made.update(dict.fromkeys(defined(s), s))
            stmts += new
        return Block(tuple(stmts), tuple(swaps.get(x, x) if isinstance(x, Var) else x for x in block.results))

    def count(self, loop: For, swaps: dict[Var, Operand]) -> list[Stmt]:
        """Rewrite a counted loop; what its outs became is entered in ``swaps``."""
        self.loops.append(loop)
        loop = replace(loop, body=self.block(loop.body))
        self.loops.pop()
        outside = Builder(loop.loc)
        trips: Operand = loop.count
        if not loop.exits:
            trips = self.trips(outside, loop)
            swaps[loop.count] = trips
        inside, after = Builder(loop.loc), Builder(loop.loc)
        own: dict[Var, Operand] = {}
        amounts = _Amounts(loop, outside)
        found = {k: a for k in range(len(loop.params)) if (a := amounts.of(k)) is not None}
        if found:
            done = iteration(inside, loop)
            for k, amount in found.items():
                first = plus(amount.each, scaled(form_of(loop.start), amount.slope))
                step = _written(outside, first)
                for b, times, values, var in (
                    (inside, done, own, loop.params[k]),
                    (after, trips, swaps, loop.outs[k]),
                ):
                    values[var] = _sum(b, loop.inits[k], times, step, amount.slope * loop.step)
        stmts = tuple(substitute(s, own) if own else s for s in loop.body.stmts)
        results = [own.get(x, x) if isinstance(x, Var) else x for x in loop.body.results]
        keep = [k for k in range(len(loop.params)) if k not in found]
        made = replace(
            loop,
            params=tuple(loop.params[k] for k in keep),
            inits=tuple(loop.inits[k] for k in keep),
            body=Block((*inside.stmts, *stmts), (*(results[k] for k in keep), *results[len(loop.params) :])),
            outs=tuple(loop.outs[k] for k in keep),
        )
        return [*outside.stmts, made, *after.stmts]

    def trips(self, b: Builder, loop: For) -> Operand:
        """Append the number of iterations of a loop without exits."""
        step = loop.step
        ends = (loop.stop, loop.start) if step > 0 else (loop.start, loop.stop)
        width = integer(b, "sub", *ends)
        if abs(step) != 1:
            width = integer(b, "add", width, const(abs(step) - 1))
            width = integer(b, "floordiv", width, const(abs(step)))
        if self.natural(minus(self.expanded(ends[0]), self.expanded(ends[1]))):
            return width
        return integer(b, "max", width, const(0))

    def expanded(self, x: Operand) -> Form:
        """Write an integer as multiples of loops' indices, lengths and other values."""
        return form_of(x, self.made.get)

    def natural(self, form: Form) -> bool:
        """Whether a sum is never negative here, by the ranges of the loops around."""
        for loop in reversed(self.loops):
            factor = form.get(loop.index, 0)
            if factor:
                # The first or the last iteration is the worst; the last is no further than one before the end.
                first = (factor > 0) == (loop.step > 0)
                end = self.expanded(loop.start if first else loop.stop)
                if not first:
                    end = plus(end, {None: -1 if loop.step > 0 else 1})
                form = plus({x: c for x, c in form.items() if x is not loop.index}, scaled(end, factor))
        return all(c >= 0 and (x is None or self.length(x)) for x, c in form.items())

    def length(self, x: Var) -> bool:
        """Whether a value is a length."""
        op = self.made.get(x)
        return isinstance(op, Op) and op.name == "dim"


class _Amounts:
    """What the params of one loop grow by; what that takes is written before the loop."""

    def __init__(self, loop: For, outside: Builder) -> None:
        self.loop = loop
        self.outside = outside
        self.ops = {op.out: op for op in loop.body.stmts if isinstance(op, Op) and op.out is not None}
        self.inner: set[Var] = {loop.index, *loop.params, *(v for s in walk(loop.body) for v in defined(s))}
        self.lifted: dict[Var, Operand | None] = {}

    def of(self, k: int) -> _Amount | None:
        """Return what a param grows by, None where that is not known."""
        p = self.loop.params[k]
        if p.type != INT:
            return None
        form = form_of(self.loop.body.results[k], self.look)
        if form.pop(p, 0) != 1:
            return None
        slope = form.pop(self.loop.index, 0)
        each: Form = {}
        for x, c in form.items():
            moved = None if x is None else self.lift(x)
            if x is not None and moved is None:
                return None
            each = plus(each, scaled({None: 1} if moved is None else form_of(moved), c))
        return _Amount(each, slope)

    def look(self, x: Var) -> Stmt | None:
        return self.ops.get(x)

    def lift(self, x: Operand) -> Operand | None:
        """Return a value as it is before the loop; None where it may change in it."""
        if not isinstance(x, Var) or x not in self.inner:
            return x
        if x not in self.lifted:
            self.lifted[x] = self.lift_op(self.ops.get(x))
        return self.lifted[x]

    def lift_op(self, op: Op | None) -> Operand | None:
        if op is None or op.name not in _PURE or op.out is None or op.out.type != INT:
            return None
        args = [self.lift(x) for x in op.args]
        if None in args:
            return None
        return self.outside.op(op.name, *(x for x in args if x is not None), type=INT)


def _sum(b: Builder, first: Operand, times: Operand, step: Operand, growth: int) -> Operand:
    """Append the sum of ``first`` and an arithmetic progression, which begins with ``step``."""
    total = first
    if not (isinstance(step, Const) and step.value == 0):
        total = integer(b, "add", first, integer(b, "mul", times, step))
    if growth:
        # A product of neighbours is even.
        pairs = integer(b, "floordiv", integer(b, "mul", times, integer(b, "sub", times, const(1))), const(2))
        total = integer(b, "add" if growth > 0 else "sub", total, integer(b, "mul", pairs, const(abs(growth))))
    return total


def _written(b: Builder, form: Form) -> Operand:
    """Append a sum of multiples."""
    total: Operand = const(form.get(None, 0))
    for x, c in form.items():
        if x is None:
            continue
        if c < 0:
            total = integer(b, "sub", total, integer(b, "mul", x, const(-c)))
        else:
            total = integer(b, "add", integer(b, "mul", x, const(c)), total)
    return total


def iteration(b: Builder, loop: For) -> Operand:
    """Append the number of iterations before this one."""
    done = integer(b, "sub", loop.index, loop.start) if loop.step > 0 else integer(b, "sub", loop.start, loop.index)
    return done if abs(loop.step) == 1 else integer(b, "floordiv", done, const(abs(loop.step)))
