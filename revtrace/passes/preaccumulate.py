"""Loops that one real number enters: their derivatives computed as they run.

However long such a loop is, its reversal hands one number to one adjoint per result: the result's derivative, times
the adjoint of the result.  That derivative is the tangent that forward mode carries along.  It costs what one
reversed iteration costs, and nothing is kept for each iteration, nor run again::

    h = ...                                h = ...
    s, acc = h, 0.0                        s, acc = h, 0.0;  ds, dacc = 1.0, 0.0
    while abs(s) > tol:                    while abs(s) > tol:
        s *= -h                                ds = -s - h * ds;  s *= -h
        acc += s                               acc += s;  dacc += ds
    return f(acc)                          return f(linearised(h, acc, dacc))

``linearised(x, value, slope)`` is the value; its derivative by ``x`` is the slope, whatever computed the value.  It is
in programs that are about to be reversed only: `plain` removes it.  A fourth operand says whether the value depends
on ``x`` at all, on the way taken.

What enters a loop may also be several numbers that all come from one, by operations of the loop's block: they get
tangents too.  Loops that only add up are left as they are: they need not keep anything, and are reversed as they run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from revtrace.passes.activity import Activity, activity, differentiable, entries, flows, inners, leaves
from revtrace.passes.effects import buffers
from revtrace.passes.plan import Answer
from revtrace.passes.scopes import Scopes, is_array, is_float, scopes
from revtrace.passes.sofar import Slopes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, walk
from revtrace.program.rebuild import fresh, map_all, map_blocks, substitute_block
from revtrace.program.types import Scalar, Stack
from revtrace.rules.core import RULES

__all__ = ["answers", "plain", "preaccumulate"]

_MOST_BETWEEN = 24
"""Operations between the one number and those that enter the loop."""

_REAL = (Scalar("f8"), Scalar("f4"))


def preaccumulate(program: Program, inputs: Sequence[Operand], outputs: Sequence[Operand]) -> Program:
    """Return the program with such loops computing their derivatives; results are the same, bit for bit."""
    program = fresh(program)
    if not any(isinstance(s, For | While) for s in walk(program.body)):
        return program
    on = activity(program, buffers(program, scopes(program)), inputs, outputs)
    return Program(program.name, program.inputs, _Rewriter(on).block(program.body))


def plain(program: Program) -> Program:
    """Return a program with values for ``linearised`` values."""
    values: dict[Var, Operand] = {}
    for s in walk(program.body):
        if isinstance(s, Op) and s.name == "linearised" and s.out is not None:
            value = s.args[1]
            values[s.out] = values.get(value, value) if isinstance(value, Var) else value
    if not values:
        return program

    def block(old: Block) -> Block:
        stmts = (s for s in old.stmts if not isinstance(s, Op) or s.name != "linearised")
        return Block(tuple(map_all(s, block) for s in stmts), old.results)

    return Program(program.name, program.inputs, substitute_block(block(program.body), values))


def answers(where: Scopes) -> list[Answer]:
    """Return the plan's lines on a program's ``linearised`` values."""
    found = []
    for scope in where.all:
        for s in scope.block.stmts:
            if isinstance(s, Op) and s.name == "linearised" and s.out is not None:
                of = getattr(s.args[0], "name", "") or "the one number that enters it"
                why = f"its derivative by {of} is computed as its loop runs"
                found.append(Answer(s.out.name, s.loc, "forward", 0, scope.loops, str(s.out.type), why))
    return found


class _Rewriter:
    def __init__(self, on: Activity) -> None:
        self.on = on
        self.b = Builder()

    def block(self, old: Block) -> Block:
        """Write a block with its loops that can be, outer ones first."""
        here = _Here(self.on)
        slopes: dict[Var, Slopes] = {}
        with self.b.block() as stmts:
            for stmt in old.stmts:
                found = here.root(stmt) if isinstance(stmt, For | While) and self.pays(stmt) else None
                if found is None:
                    stmt = map_blocks(stmt, self.block)
                    self.b.append(stmt)
                    here.enter(stmt)
                    continue
                assert isinstance(stmt, For | While)
                root, between = found
                writer = slopes.setdefault(root, Slopes(self.on, self.b, root))
                for op in between:
                    if op.out is not None and op.out not in writer.dot:
                        self.b.loc = op.loc
                        writer.along(op, op.out)
                for op in self.linearised(stmt, writer):
                    here.enter(op)
        return Block(tuple(stmts), old.results)

    def linearised(self, stmt: For | While, writer: Slopes) -> list[Op]:
        """Write a loop with its slopes, and what takes the place of its active results."""
        b = self.b
        b.loc = stmt.loc
        writer.loop(stmt)
        made = b.stmts[-1]
        assert isinstance(made, For | While)
        names = {v: Var(v.type, v.name) for v in stmt.outs if self.on.is_active(v)}
        b.stmts[-1] = replace(made, outs=tuple(names.get(v, v) for v in made.outs))
        ops = []
        for out, value in names.items():
            way = (writer.sofar[out],) if out in writer.sofar else ()
            ops.append(Op("linearised", (writer.root, value, writer.dot[out], *way), out, (), stmt.loc))
            b.append(ops[-1])
        return ops

    def pays(self, loop: For | While) -> bool:
        """Whether a loop's reversal would keep something for each iteration, and its tangents can be had."""
        nest = [loop, *walk(loop.body)]
        return all(map(self.fits, nest)) and any(isinstance(s, For | While) and not self.adds(s) for s in nest)

    def fits(self, stmt: Stmt) -> bool:
        """Whether a statement leaves arrays that carry derivatives alone."""
        match stmt:
            case Op():
                if any(isinstance(x.type, Stack) or is_array(x) and self.on.is_active(x) for x in stmt.args):
                    return False
                return stmt.out is None or not self.on.is_active(stmt.out) or is_float(stmt.out) and _has_slope(stmt)
            case If():
                return not any(is_array(v) and self.on.is_active(v) for v in stmt.outs)
            case For() | While():
                return not any(is_array(v) and self.on.is_active(v) for v in stmt.params)

    def adds(self, loop: For | While) -> bool:
        """Whether all that a loop does to what it carries is adding to it, without looking at it."""
        reads: Counter[Operand] = Counter()
        made: dict[Operand, Stmt] = {}
        for stmt in walk(loop.body):
            if isinstance(stmt, Op):
                if stmt.out is not None and self.on.is_active(stmt.out):
                    reads.update(x for x, _ in flows(stmt))
                    made[stmt.out] = stmt
            else:
                reads.update(x for x, _ in entries(stmt))
                if isinstance(stmt, If):
                    reads.update({x for x, _ in leaves(stmt)})
                    made.update(dict.fromkeys(stmt.outs, stmt))

        def added(y: Operand, p: Var) -> bool:
            match made.get(y):
                case _ if y is p:
                    return True
                case Op(name="add" | "accum") as op:
                    return any(added(x, p) for x in op.args)
                case Op(name="sub") as op:
                    return added(op.args[0], p)
                case If() as fork:
                    k = fork.outs.index(y)
                    return added(fork.then.results[k], p) and added(fork.orelse.results[k], p)
            return False

        return all(
            reads[p] <= 1 and added(y, p)
            for p, y in zip(loop.params, loop.body.results, strict=False)
            if self.on.is_active(p)
        )


class _Here:
    """What the operations of one block, so far, make of which numbers."""

    def __init__(self, on: Activity) -> None:
        self.on = on
        self.made: dict[Operand, Op] = {}
        self.order: dict[Operand, int] = {}

    def enter(self, stmt: Stmt) -> None:
        """Take note of a statement."""
        if not isinstance(stmt, Op) or stmt.out is None or not self.on.is_active(stmt.out):
            return
        if is_float(stmt.out) and _has_slope(stmt) and stmt.name not in ("load", "pop"):
            self.order[stmt.out] = len(self.made)
            self.made[stmt.out] = stmt

    def sources(self, op: Op) -> list[Operand]:
        """Return the active operands of an operation."""
        return [x for x, _ in flows(op) if self.on.is_active(x)]

    def root(self, loop: For | While) -> tuple[Var, list[Op]] | None:
        """Return the one real number that a loop depends on, and the operations between."""
        work = set(self.entering(loop))
        between: list[Op] = []
        while work and (len(work) > 1 or next(iter(work)).type not in _REAL):
            last = max(work, key=lambda x: self.order.get(x, -1))
            op = self.made.get(last)
            if op is None or len(between) == _MOST_BETWEEN:
                return None
            between.append(op)
            work.remove(last)
            work.update(self.sources(op))
        if not work:
            return None
        (root,) = work
        assert isinstance(root, Var)
        return root, between[::-1]

    def entering(self, loop: For | While) -> list[Operand]:
        """Return the active numbers from outside that a loop depends on."""
        reads: dict[Operand, None] = {}
        own: set[Operand] = set()

        def visit(stmt: Stmt) -> None:
            if isinstance(stmt, Op):
                moves = flows(stmt)
                own.update((stmt.out,) if stmt.out is not None else ())
            else:
                moves = [*entries(stmt), *leaves(stmt)]
                own.update(stmt.outs)
                if not isinstance(stmt, If):
                    own.update(stmt.params)
            reads.update((x, None) for x, y in moves if self.on.is_active(y))
            for block in inners(stmt):
                for s in block.stmts:
                    visit(s)

        visit(loop)
        return [x for x in reads if x not in own and self.on.is_active(x)]


def _has_slope(op: Op) -> bool:
    """Whether an operation on numbers has a tangent."""
    if op.name in ("load", "select", "cast", "linearised"):
        return True
    rule = RULES.get(op.name)
    return rule is not None and differentiable(op) and (rule.tangent is not None or rule.partials is not None)
