"""Stencils reversed as stencils: collecting from neighbours instead of adding to them.

The reversal of ``v[i] = f(u[i-1], u[i], u[i+1])`` takes ``v_bar[i]`` and adds to three
elements of ``u_bar``.  A loop that does this cannot be vectorised.  It becomes

- a loop for what is carried (sums over the whole range), if anything is;
- a loop over the rim, which adds as before, but only to elements near the ends;
- a loop over the elements in between: each collects what its neighbours would have added;
- a loop that clears ``v_bar``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from revtrace.passes.distinct import Distinct
from revtrace.passes.effects import buffers
from revtrace.passes.fold import key
from revtrace.passes.memory import zero
from revtrace.passes.scopes import scopes
from revtrace.passes.stencil import Addition, Recogniser, Stencil
from revtrace.passes.subscripts import Subscripts
from revtrace.passes.tape import integer
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
        runs = b.compare("lt" if loop.step > 0 else "gt", loop.start, loop.stop)
        with b.block() as clear:
            self.clear(b, s, [_bounds(b, x) for x in s.loops], [last])
        b.append(If(runs, Block(tuple(clear)), Block(()), (), loop.loc))
        return [replace(loop, body=Block(stmts, loop.body.results)), *b.stmts]

    # rewriting ------------------------------------------------------------------------

    def rewritten(self, loop: For, s: Stencil, relayed: bool = False) -> list[Stmt]:
        """Return the loops that do the same.

        With ``relayed``, what is in ``u`` within the range is taken for zero, and ``v`` is
        left uncleared.
        """
        writes = {id(a.op) for a in s.additions} | {id(c) for c in s.clears}
        b = Builder(loop.loc)
        if loop.params:
            b.append(_without(loop, writes))
        bounds = [_bounds(b, x) for x in s.loops]
        axes = range(len(s.loops))
        least = [min(a.offsets[k] for a in s.additions) for k in axes]
        most = [max(a.offsets[k] for a in s.additions) for k in axes]
        inside = [
            (integer(b, "add", bounds[k][0], const(most[k])), integer(b, "add", bounds[k][1], const(least[k])))
            for k in axes
        ]
        widths = [most[k] - least[k] for k in axes]
        if relayed:
            u = s.additions[0].op.args[0]
            self.rim(b, s, bounds, widths, lambda index: b.do("store", u, zero(_var(u)), *index, again=True))
        self.rim(b, s, bounds, widths, lambda index: self.guarded(b, s, index, inside, widths))
        self.collect(b, s, inside, "store" if relayed else "addto")
        if s.clears and not relayed:
            self.clear(b, s, bounds, [c.args[0] for c in s.clears])
        return b.stmts

    def rim(
        self,
        b: Builder,
        s: Stencil,
        bounds: list[tuple[Operand, Operand]],
        widths: list[int],
        body: Callable[[tuple[Var, ...]], None],
    ) -> None:
        """Append loops over the places near the ends of the range."""
        last = len(s.loops) - 1

        def level(k: int, index: tuple[Var, ...], near: Operand | None) -> None:
            low, high = bounds[k]
            i = Var(INT, s.loops[k].index.name)
            if k < last:
                with b.block() as stmts:
                    here: Operand = b.compare("lt", i, integer(b, "add", low, const(widths[k])))
                    edge = b.compare("ge", i, integer(b, "sub", high, const(widths[k])))
                    here = b.op("or", here, edge, type=BOOL)
                    level(k + 1, (*index, i), here if near is None else b.op("or", near, here, type=BOOL))
                b.append(_loop(i, low, high, stmts, s.loops[k]))
                return
            # The last axis in two pieces, near its ends; all of it where another axis is near its own.
            side = Var(INT, "side")
            with b.block() as halves:
                first = b.compare("eq", side, const(0))
                left: Operand = b.op("min", integer(b, "add", low, const(widths[k])), high, type=INT)
                right: Operand = b.op("max", integer(b, "sub", high, const(widths[k])), left, type=INT)
                if near is not None:
                    left = b.op("select", near, high, left, type=INT)
                    right = b.op("select", near, high, right, type=INT)
                start = b.op("select", first, low, right, type=INT)
                stop = b.op("select", first, left, high, type=INT)
                with b.block() as stmts:
                    body((*index, i))
                b.append(_loop(i, start, stop, stmts, s.loops[k]))
            b.append(_loop(side, const(0), const(2), halves, s.loops[k]))

        level(0, (), None)

    def guarded(
        self,
        b: Builder,
        s: Stencil,
        index: tuple[Var, ...],
        inside: list[tuple[Operand, Operand]],
        widths: list[int],
    ) -> None:
        """Append the additions of one place that fall outside the inner part."""
        values: dict[Var, Operand] = dict(zip((x.index for x in s.loops), index, strict=True))
        skip = {id(c) for c in s.clears}
        adds = {id(a.op): a for a in s.additions}
        for op in s.body:
            if id(op) in skip or any(x in loop.params for loop in s.loops for x in op.args):
                continue
            addition = adds.get(id(op))
            copy = clone(op, values)
            if addition is None:
                b.append(copy)
                continue
            assert isinstance(copy, Op)
            outside: Operand | None = None
            for k, (low, high) in enumerate(inside):
                if widths[k]:
                    t = copy.args[2 + k]
                    beyond = b.op("or", b.compare("lt", t, low), b.compare("ge", t, high), type=BOOL)
                    outside = beyond if outside is None else b.op("or", outside, beyond, type=BOOL)
            assert outside is not None
            b.append(If(outside, Block((copy,)), Block(()), (), op.loc))

    def collect(self, b: Builder, s: Stencil, inside: list[tuple[Operand, Operand]], how: str) -> None:
        """Append the loops over the elements in between."""
        targets = list(dict.fromkeys(a.op.args[0] for a in s.additions))
        index = tuple(Var(INT, x.index.name) for x in s.loops)

        def level(k: int) -> None:
            if k < len(s.loops):
                with b.block() as stmts:
                    level(k + 1)
                b.append(_loop(index[k], *inside[k], stmts, s.loops[k]))
                return
            for u in targets:
                mine = [a for a in s.additions if a.op.args[0] is u]
                terms = [self.sum(b, s, group, index) for group in _by_factor(s, mine)]
                b.do(how, u, _total(b, terms), *index, again=True)

        level(0)

    def sum(
        self, b: Builder, s: Stencil, group: tuple[Operand | None, list[tuple[Addition, Operand]]],
        index: tuple[Var, ...],
    ) -> Operand:  # fmt: skip
        """Append the sum of what is added to an element, the factor that all of it has taken out."""
        factor, additions = group
        total = _total(b, [self.shifted(b, s, a, value, index) for a, value in additions])
        return total if factor is None else b.op("mul", total, factor)

    def shifted(self, b: Builder, s: Stencil, a: Addition, value: Operand, index: tuple[Var, ...]) -> Operand:
        """Append a value of the place that adds to this element."""
        places = [integer(b, "sub", i, const(o)) for i, o in zip(index, a.offsets, strict=True)]
        values: dict[Var, Operand] = dict(zip((x.index for x in s.loops), places, strict=True))
        wanted = {value}
        chain: list[Op] = []
        for op in reversed(s.body):
            if op.out in wanted and op.out is not None:
                chain.append(op)
                wanted.update(op.args)
        for op in reversed(chain):
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
