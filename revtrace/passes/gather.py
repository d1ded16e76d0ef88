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
from dataclasses import dataclass

from revtrace.passes.distinct import Distinct
from revtrace.passes.effects import buffers, touched
from revtrace.passes.memory import zero
from revtrace.passes.rebuild import clone, fresh
from revtrace.passes.scopes import is_array, scopes
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.types import BOOL, INT, Scalar, Stack
from revtrace.rules.core import RULES

__all__ = ["gather"]

_MOST = 40
"""Additions in one loop body beyond which the code would grow too much."""


def gather(program: Program) -> Program:
    """Return the program with stencil adjoints collected; only the order of additions changes."""
    program = fresh(program)
    where = scopes(program)
    rewriter = _Rewriter(Subscripts(where), Distinct(where, buffers(program, where)))
    return Program(program.name, program.inputs, rewriter.block(program.body))


@dataclass(frozen=True, slots=True)
class _Addition:
    """One ``u[index + offsets] += value``."""

    op: Op
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Stencil:
    """A nest of loops that qualifies."""

    loops: tuple[For, ...]
    body: tuple[Op, ...]
    additions: tuple[_Addition, ...]
    clears: tuple[Op, ...]


class _Rewriter:
    def __init__(self, subscripts: Subscripts, distinct: Distinct) -> None:
        self.subscripts = subscripts
        self.distinct = distinct

    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            match stmt:
                case For():
                    found = self.stencil(stmt)
                    stmts += self.inner(stmt, stmts) if found is None else self.rewritten(stmt, found)
                case If():
                    stmts.append(If(stmt.cond, self.block(stmt.then), self.block(stmt.orelse), stmt.outs, stmt.loc))
                case While():
                    body = self.block(stmt.body)
                    stmts.append(
                        While(stmt.params, stmt.inits, stmt.cond, body, stmt.outs, stmt.count, stmt.exits, stmt.loc)
                    )
                case _:
                    stmts.append(stmt)
        return Block(tuple(stmts), block.results)

    def inner(self, loop: For, before: Sequence[Stmt]) -> list[Stmt]:
        """Rewrite what is inside a loop that is no stencil itself; ``before`` precedes it in its block."""
        found = self.relay(loop, before)
        if found is None:
            return [_with_body(loop, self.block(loop.body))]
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
        return [_with_body(loop, Block(stmts, loop.body.results)), *b.stmts]

    def relay(self, loop: For, before: Sequence[Stmt]) -> tuple[int, _Stencil] | None:
        """Return a stencil whose two arrays the loop exchanges, and that finds ``u`` clear each time.

        What is cleared in ``v`` in one iteration is ``u`` in the next, which then can be
        stored to instead of added to, and clearing be left out.
        """
        if loop.exits:
            return None
        for at, stmt in enumerate(loop.body.stmts):
            s = self.stencil(stmt) if isinstance(stmt, For) else None
            if s is None or len({a.op.args[0] for a in s.additions}) != 1 or len(s.clears) != 1:
                continue
            u, v = _var(s.additions[0].op.args[0]), _var(s.clears[0].args[0])
            if u not in loop.params or v not in loop.params:
                continue
            p, q = loop.params.index(u), loop.params.index(v)
            if loop.body.results[p] is not v or loop.body.results[q] is not u:
                continue
            others = [x for x in loop.body.stmts if x is not stmt]
            if self.steady(loop, s) and self.elsewhere(others, s, (u, v)) and self.clean(loop.inits[p], before):
                return at, s
        return None

    def steady(self, loop: For, s: _Stencil) -> bool:
        """Whether the stencil's range is the same in every iteration, and what is collected lies in it."""
        where = self.subscripts.where
        body = where.scope(loop.body).index
        ends = [x for inner in s.loops for x in (inner.start, inner.stop)]
        if any(isinstance(x, Var) and where.inside(where.home[x], body) for x in ends):
            return False
        axes = range(len(s.loops))
        return all(
            min(a.offsets[k] for a in s.additions) <= 0 <= max(a.offsets[k] for a in s.additions)
            and (low := self.subscripts.least(s.loops[k].index)) is not None
            and low >= 0
            for k in axes
        )

    def elsewhere(self, stmts: Sequence[Stmt], s: _Stencil, arrays: tuple[Var, Var]) -> bool:
        """Whether statements touch two arrays outside the stencil's range only."""
        for stmt in stmts:
            for t in touched(stmt):
                if isinstance(t.array.type, Stack) or not any(self.same(t.array, x) for x in arrays):
                    continue
                index = subscripts_of(t.op)
                if index is None or not any(self.beyond(x, inner) for x, inner in zip(index, s.loops, strict=True)):
                    return False
        return True

    def beyond(self, x: Operand, loop: For) -> bool:
        """Whether an index lies outside a loop's range."""
        at = self.subscripts.offset(x)
        low, high = (loop.start, loop.stop) if loop.step == 1 else (loop.stop, loop.start)
        shift = 0 if loop.step == 1 else 1
        first, end = self.subscripts.offset(low), self.subscripts.offset(high)
        if at.base is end.base and at.constant >= end.constant + shift:
            return True
        return at.base is None and first.base is None and 0 <= at.constant < first.constant + shift

    def clean(self, array: Operand, before: Sequence[Stmt]) -> bool:
        """Whether a buffer made among some statements as zeros is still zeros after them."""
        memory = self.distinct.memory
        cls = memory.find(array)
        makers = 0
        for stmt in before:
            if isinstance(stmt, Op) and stmt.out is not None and is_array(stmt.out) and memory.find(stmt.out) is cls:
                if stmt.name != "alloc" or not stmt.attr("zeros"):
                    return False
                makers += 1
            for t in touched(stmt):
                if is_array(t.array) and memory.find(t.array) is cls and not self.distinct.apart(t.array, array):
                    return False
        made = [v for v, d in self.subscripts.where.definition.items() if is_array(v) and (d is None or isinstance(d, Op))]
        return makers > 0 and makers == sum(memory.find(v) is cls for v in made)

    # recognising ----------------------------------------------------------------------

    def stencil(self, loop: For) -> _Stencil | None:
        """Return what a nest does, if it is a stencil's reversal."""
        loops: list[For] = []
        body: list[Op] = []
        while True:
            if loop.exits or abs(loop.step) != 1:
                return None
            loops.append(loop)
            inner = [s for s in loop.body.stmts if isinstance(s, For)]
            own = [s for s in loop.body.stmts if isinstance(s, Op)]
            if len(inner) + len(own) != len(loop.body.stmts) or len(inner) > 1:
                return None
            if not inner:
                body += own
                break
            if not all(_pure(s) for s in own) or loop.body.stmts[-1] is not inner[0]:
                return None
            body += own
            loop = inner[0]
        return self.classified(tuple(loops), tuple(body))

    def classified(self, loops: tuple[For, ...], body: tuple[Op, ...]) -> _Stencil | None:
        centre = tuple(loop.index for loop in loops)
        carried = {p for loop in loops for p in loop.params}
        tainted: set[object] = set(carried)
        additions: list[_Addition] = []
        clears: list[Op] = []
        loads: list[Op] = []
        for op in body:
            match op.name:
                case "addto":
                    offsets = self.offsets(op.args[2:], centre)
                    if offsets is None or op.args[1] in tainted:
                        return None
                    additions.append(_Addition(op, offsets))
                case "store":
                    if op.args[2:] != centre or not isinstance(op.args[1], Const):
                        return None
                    clears.append(op)
                case "load":
                    if any(x in tainted for x in op.args):
                        tainted.add(op.out)
                    if any(self.same(op.args[0], c.args[0]) for c in clears):
                        return None
                    loads.append(op)
                case _ if _pure(op):
                    if any(x in tainted for x in op.args):
                        tainted.add(op.out)
                case _:
                    return None
        targets = {a.op.args[0] for a in additions}
        if (
            not any(len({a.offsets for a in additions if a.op.args[0] is u}) > 1 for u in targets)
            or len(additions) > _MOST
        ):
            return None
        for u in targets:
            others = [op.args[0] for op in (*loads, *clears)] + [x for x in targets if x is not u]
            if any(self.same(u, x) for x in others):
                return None
        for c in clears:
            # What is cleared is read at its own place only, so that clearing can wait.
            if any(self.same(op.args[0], c.args[0]) and op.args[1:] != centre for op in loads):
                return None
            if any(x is not c and self.same(x.args[0], c.args[0]) for x in clears):
                return None
        return _Stencil(loops, body, tuple(additions), tuple(clears))

    def same(self, a: Operand, b: Operand) -> bool:
        return not self.distinct.apart(a, b)

    def offsets(self, index: Sequence[Operand], centre: tuple[Var, ...]) -> tuple[int, ...] | None:
        """Return an index relative to the loops' own."""
        if len(index) != len(centre):
            return None
        found = [self.subscripts.offset(x) for x in index]
        if any(at.base is not i for at, i in zip(found, centre, strict=True)):
            return None
        return tuple(at.constant for at in found)

    # rewriting ------------------------------------------------------------------------

    def rewritten(self, loop: For, s: _Stencil, relayed: bool = False) -> list[Stmt]:
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
        s: _Stencil,
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
        s: _Stencil,
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

    def collect(self, b: Builder, s: _Stencil, inside: list[tuple[Operand, Operand]], how: str) -> None:
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
                total: Operand | None = None
                for a in s.additions:
                    if a.op.args[0] is u:
                        term = self.shifted(b, s, a, index)
                        total = term if total is None else b.op("accum", total, term)
                assert total is not None
                b.do(how, u, total, *index, again=True)

        level(0)

    def shifted(self, b: Builder, s: _Stencil, a: _Addition, index: tuple[Var, ...]) -> Operand:
        """Append the value that the place adding to this element adds."""
        places = [integer(b, "sub", i, const(o)) for i, o in zip(index, a.offsets, strict=True)]
        values: dict[Var, Operand] = dict(zip((x.index for x in s.loops), places, strict=True))
        value = a.op.args[1]
        wanted = {value}
        chain: list[Op] = []
        for op in reversed(s.body):
            if op.out in wanted and op.out is not None:
                chain.append(op)
                wanted.update(op.args)
        for op in reversed(chain):
            b.append(clone(op, values))
        return values.get(value, value) if isinstance(value, Var) else value

    def clear(
        self, b: Builder, s: _Stencil, bounds: list[tuple[Operand, Operand]], arrays: Sequence[Operand]
    ) -> None:
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


def _pure(op: Op) -> bool:
    if op.name in ("select", "cast", "dim"):
        return True
    return op.name in RULES and op.out is not None and isinstance(op.out.type, Scalar)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x


def _bounds(b: Builder, loop: For) -> tuple[Operand, Operand]:
    """Return a loop's range counted upward."""
    if loop.step == 1:
        return loop.start, loop.stop
    return integer(b, "add", loop.stop, const(1)), integer(b, "add", loop.start, const(1))


def _lesser(b: Builder, x: Operand, y: Operand) -> Operand:
    return b.op("min", x, y, type=INT)


def _greater(b: Builder, x: Operand, y: Operand) -> Operand:
    return b.op("max", x, y, type=INT)


def _loop(index: Var, start: Operand, stop: Operand, stmts: list[Stmt], like: For) -> For:
    return For(index, start, stop, 1, (), (), Block(tuple(stmts)), (), Var(INT), False, like.loc)


def _with_body(loop: For, body: Block) -> For:
    return For(
        loop.index,
        loop.start,
        loop.stop,
        loop.step,
        loop.params,
        loop.inits,
        body,
        loop.outs,
        loop.count,
        loop.exits,
        loop.loc,
    )


def _without(loop: For, writes: set[int]) -> For:
    """Return a nest without some of its operations."""
    stmts: list[Stmt] = []
    for s in loop.body.stmts:
        if isinstance(s, For):
            stmts.append(_without(s, writes))
        elif id(s) not in writes:
            stmts.append(s)
    return _with_body(loop, Block(tuple(stmts), loop.body.results))
