"""Stencils reversed as stencils: collecting from neighbours instead of adding to them.

The reversal of ``v[i] = f(u[i-1], u[i], u[i+1])`` takes ``v_bar[i]`` and adds to three
elements of ``u_bar``.  A loop that does this cannot be vectorised.  It becomes

- a loop for what is carried (sums over the whole range), if anything is;
- where the range is long enough, each element's sum of what its neighbours would have added: a loop for those in
  between, and straight code for the few near each end, which have fewer neighbours;
- a loop that clears ``v_bar``;
- where it is not, the loop as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revtrace.passes.dce import may_fail
from revtrace.passes.distinct import Distinct
from revtrace.passes.effects import buffers
from revtrace.passes.fold import key
from revtrace.passes.memory import zero
from revtrace.passes.scopes import scopes
from revtrace.passes.stencil import Addition, Recogniser, Stencil, pieces, reach
from revtrace.passes.subscripts import Subscripts
from revtrace.passes.tape import integer, runs
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import clone, fresh, map_blocks
from revtrace.program.types import BOOL, INT

__all__ = ["gather"]


def gather(program: Program) -> Program:
    """Return the program with stencil adjoints collected; only the order of additions changes."""
    program = fresh(program)
    where = scopes(program)
    rewriter = _Rewriter(Subscripts(where), Distinct(where, buffers(program, where)))
    return Program(program.name, program.inputs, rewriter.block(program.body))


class _Rewriter(Recogniser):
    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            match stmt:
                case For():
                    found = self.stencil(stmt)
                    stmts += self.inner(stmt, stmts) if found is None else self.rewritten(stmt, found)
                case _:
                    stmts.append(map_blocks(stmt, self.block))
        return Block(tuple(stmts), block.results)

    def inner(self, loop: For, before: Sequence[Stmt]) -> list[Stmt]:
        """Rewrite what is inside a loop that is no stencil itself; ``before`` precedes it in its block."""
        found = self.relay(loop, before)
        if found is None:
            return [replace(loop, body=self.block(loop.body))]
        at, s = found
        head, tail = Block(loop.body.stmts[:at]), Block(loop.body.stmts[at + 1 :])
        nest = loop.body.stmts[at]
        assert isinstance(nest, For)
        stmts = (*self.block(head).stmts, *self.rewritten(nest, s, relayed=True), *self.block(tail).stmts)
        # What the last iteration left uncleared is what the first param became.
        last = loop.outs[loop.params.index(_var(s.additions[0].op.args[0]))]
        b = Builder(loop.loc)
        test = runs(b, loop)
        with b.block() as clear:
            self.clear(b, s, [_bounds(b, x) for x in s.loops], [last])
        b.append(If(test, Block(tuple(clear)), Block(()), (), loop.loc))
        return [replace(loop, body=Block(stmts, loop.body.results)), *b.stmts]

    # rewriting ------------------------------------------------------------------------

    def rewritten(self, loop: For, s: Stencil, relayed: bool = False) -> list[Stmt]:
        """Return the loops that do the same.

        With ``relayed``, what is in ``u`` within the range is taken for zero, and ``v`` is
        left uncleared.
        """
        b = Builder(loop.loc)
        kept = _needed(s)
        if loop.params or any(op.name == "load" and may_fail(op) and op not in kept for op in s.body):
            b.append(_without(loop, {id(a.op) for a in s.additions} | {id(c) for c in s.clears}))
        bounds = [_bounds(b, x) for x in s.loops]
        long: Operand | None = None
        for k, (low, high) in enumerate(bounds):
            width = len(reach(s.additions, k, relayed)) - 1
            if width:
                enough = b.compare("ge", integer(b, "sub", high, low), const(width))
                long = enough if long is None else b.op("and", long, enough, type=BOOL)
        assert long is not None
        with b.block() as collected:
            self.collect(b, s, bounds, relayed)
            if s.clears and not relayed:
                self.clear(b, s, bounds, [c.args[0] for c in s.clears])
        with b.block() as added:
            if relayed:
                self.clear(b, s, bounds, [s.additions[0].op.args[0]])
            self.scatter(b, s, [op for op in kept if not (relayed and op in s.clears)], bounds)
        b.append(If(long, Block(tuple(collected)), Block(tuple(added)), (), loop.loc))
        return b.stmts

    def collect(self, b: Builder, s: Stencil, bounds: list[tuple[Operand, Operand]], relayed: bool) -> None:
        """Append for each element, wherever it lies, the sum of what is added to it.

        Along each axis elements near the low end have only neighbours on the high side, and the other way round.
        """

        def level(k: int, at: tuple[Operand, ...], additions: Sequence[Addition], within: bool) -> None:
            if k == len(s.loops):
                for u in dict.fromkeys(a.op.args[0] for a in (additions or s.additions)):
                    mine = [a for a in additions if a.op.args[0] is u]
                    terms = [self.sum(b, s, group, at) for group in _by_factor(s, mine)]
                    total = _total(b, terms) if terms else zero(_var(u))
                    b.do("store" if relayed and within else "addto", u, total, *at, again=True)
                return
            for piece in pieces(additions, k, relayed):
                inside = within and piece.inside
                if not piece.additions and not (relayed and inside):
                    continue
                if piece.end is not None:
                    at_end = integer(b, "add", bounds[k][piece.end], const(piece.start))
                    level(k + 1, (*at, at_end), piece.additions, inside)
                    continue
                i = Var(INT, s.loops[k].index.name)
                with b.block() as stmts:
                    level(k + 1, (*at, i), piece.additions, inside)
                low, high = bounds[k]
                start, stop = integer(b, "add", low, const(piece.start)), integer(b, "add", high, const(piece.stop))
                b.append(_loop(i, start, stop, stmts, s.loops[k]))

        level(0, (), s.additions, True)

    def scatter(self, b: Builder, s: Stencil, body: Sequence[Op], bounds: list[tuple[Operand, Operand]]) -> None:
        """Append the nest with some of its operations only."""
        values: dict[Var, Operand] = {}

        def level(k: int) -> None:
            if k == len(s.loops):
                for op in body:
                    b.append(clone(op, values))
                return
            i = Var(INT, s.loops[k].index.name)
            values[s.loops[k].index] = i
            with b.block() as stmts:
                level(k + 1)
            b.append(_loop(i, *bounds[k], stmts, s.loops[k]))

        level(0)

    def sum(
        self, b: Builder, s: Stencil, group: tuple[Operand | None, list[tuple[Addition, Operand]]],
        at: tuple[Operand, ...],
    ) -> Operand:  # fmt: skip
        """Append the sum of what is added to an element, the factor that all of it has taken out."""
        factor, additions = group
        total = _total(b, [self.shifted(b, s, a, value, at) for a, value in additions])
        return total if factor is None else b.op("mul", total, factor)

    def shifted(self, b: Builder, s: Stencil, a: Addition, value: Operand, at: tuple[Operand, ...]) -> Operand:
        """Append a value of the place that adds to this element."""
        places = [integer(b, "sub", i, const(o)) for i, o in zip(at, a.offsets, strict=True)]
        values: dict[Var, Operand] = dict(zip((x.index for x in s.loops), places, strict=True))
        for op in _made(s.body, [value]):
            b.append(clone(op, values))
        return values.get(value, value) if isinstance(value, Var) else value

    def clear(self, b: Builder, s: Stencil, bounds: list[tuple[Operand, Operand]], arrays: Sequence[Operand]) -> None:
        """Append loops that clear arrays over the whole range."""
        index = tuple(Var(INT, x.index.name) for x in s.loops)

        def level(k: int) -> None:
            if k < len(s.loops):
                with b.block() as stmts:
                    level(k + 1)
                b.append(_loop(index[k], *bounds[k], stmts, s.loops[k]))
                return
            for x in arrays:
                b.do("store", x, zero(_var(x)), *index, again=True)

        level(0)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x


def _made(body: Sequence[Op], values: Sequence[Operand]) -> list[Op]:
    """Return the operations that compute some values."""
    wanted = set(values)
    chain: list[Op] = []
    for op in reversed(body):
        if op.out is not None and op.out in wanted:
            chain.append(op)
            wanted.update(op.args)
    return chain[::-1]


def _needed(s: Stencil) -> list[Op]:
    """Return the additions and clearings of a nest, and what these read."""
    writes = [*(a.op for a in s.additions), *s.clears]
    made = _made(s.body, [x for op in writes for x in op.args])
    return [op for op in s.body if op in made or op in writes]


def _by_factor(s: Stencil, additions: list[Addition]) -> list[tuple[Operand | None, list[tuple[Addition, Operand]]]]:
    """Return what is added, by a factor that is the same at every place; None for what is added as it is."""
    made = {op.out: op for op in s.body}
    indices = {x.index for x in s.loops}
    groups: dict[object, tuple[Operand | None, list[tuple[Addition, Operand]]]] = {}
    for a in additions:
        value = a.op.args[1]
        op = made.get(value) if isinstance(value, Var) else None
        factor: Operand | None = None
        if op is not None and op.name == "mul":
            fixed = [x for x in op.args if x not in made and x not in indices]
            if len(fixed) == 1:
                (factor,) = fixed
                value = next(x for x in op.args if x is not factor)
        name = None if factor is None else key(factor)
        groups.setdefault(name, (factor, []))[1].append((a, value))
    return list(groups.values())


def _total(b: Builder, terms: list[Operand]) -> Operand:
    total = terms[0]
    for term in terms[1:]:
        total = b.op("accum", total, term)
    return total


def _bounds(b: Builder, loop: For) -> tuple[Operand, Operand]:
    """Return a loop's range counted upward."""
    if loop.step == 1:
        return loop.start, loop.stop
    return integer(b, "add", loop.stop, const(1)), integer(b, "add", loop.start, const(1))


def _loop(index: Var, start: Operand, stop: Operand, stmts: list[Stmt], like: For) -> For:
    return For(index, start, stop, 1, (), (), Block(tuple(stmts)), (), Var(INT), False, like.loc)


def _without(loop: For, writes: set[int]) -> For:
    """Return a nest without some of its operations."""
    stmts: list[Stmt] = []
    for s in loop.body.stmts:
        if isinstance(s, For):
            stmts.append(_without(s, writes))
        elif id(s) not in writes:
            stmts.append(s)
    return replace(loop, body=Block(tuple(stmts), loop.body.results))
