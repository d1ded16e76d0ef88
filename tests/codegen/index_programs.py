"""Hypothesis strategy: programs that are mostly index arithmetic.

Nested loops whose ends depend on outer counters, lengths, inputs and loaded integers; indices
computed from all of these; counters carried by loops; pushes on a stack at any depth.  Loops are kept
short, indices are not kept in range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from revtrace.program import Array, Block, Builder, Const, For, If, Operand, Program, Scalar, Var, While
from revtrace.program.nodes import const
from revtrace.program.types import BOOL, F64, INT

__all__ = ["Drawn", "index_programs"]

Drawn = tuple[Program, tuple[Any, ...]]

_WILD = (2**63 - 1, -(2**63), 2**62, 2**40, -(2**40))


@st.composite
def index_programs(draw: st.DrawFn) -> Drawn:
    """Draw a program and inputs for it."""
    maker = _Maker(draw)
    inputs = (maker.x, maker.m, maker.idx, maker.n, maker.k)
    maker.block(draw(st.integers(2, 3)))
    program = Program("indices", inputs, maker.builder.close(maker.sum, maker.x, maker.made))
    size = draw(st.integers(0, 6))
    values = (
        np.arange(float(size)),
        np.arange(12.0).reshape(draw(st.sampled_from([(3, 4), (4, 3), (2, 6), (12, 1)]))),
        np.array(draw(st.lists(st.integers(-2, 6) | st.sampled_from(_WILD), min_size=1, max_size=5)), "i8"),
        draw(st.integers(-1, 5)),
        draw(st.integers(-3, 5) | st.sampled_from(_WILD)),
    )
    return program, values


class _Maker:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        b = self.builder = Builder()
        self.x, self.m = Var(Array("f8", 1), "x"), Var(Array("f8", 2), "m")
        self.idx, self.n, self.k = Var(Array("i8", 1), "idx"), Var(INT, "n"), Var(INT, "k")
        # Small integers may end loops; the others may be anything.
        self.small: list[Operand] = [const(0), const(1), const(2), const(3), self.n]
        self.small += [b.dim(self.x, 0), b.dim(self.m, 0), b.dim(self.m, 1)]
        self.ints: list[Operand] = [*self.small, self.k, const(-1)]
        length = b.op("max", draw(st.sampled_from(self.small)), const(1))
        self.made = b.alloc("f8", length, zeros=True, hint="made")
        self.stack = b.stack("f8", hint="kept")
        self.accumulator = b.alloc("f8", const(1), zeros=True, hint="acc")
        self.sum: Operand = self.made

    def pick(self, pool: list[Operand]) -> Operand:
        # The newest values are the most interesting.
        return self.draw(st.sampled_from(pool[-4:] if self.draw(st.booleans()) else pool))

    def index(self) -> Operand:
        """Draw an integer, computed or not."""
        b, kind = self.builder, self.draw(st.integers(0, 11))
        a = self.pick(self.ints)
        if kind <= 3:
            return a
        if kind == 11:
            self.load_integer()
            return self.ints[-1]
        names = ("add", "sub", "add", "sub", "mul", "min", "max", "mod")
        name = self.draw(st.sampled_from(names))
        other = self.pick(self.ints) if self.draw(st.integers(0, 2)) else const(self.draw(st.integers(-2, 3)))
        if name == "mod":
            b.do("check", b.compare("ne", other, const(0)), kind="zero", soft=False)
        if isinstance(a, Const) and isinstance(other, Const):
            return a
        out = b.op(name, a, other, type=INT)
        self.ints.append(out)
        if name in ("min", "mod") and a in self.small and other in self.small:
            self.small.append(out)
        return out

    def load_integer(self) -> None:
        v = self.builder.load(self.idx, self.pick(self.ints))
        self.ints.append(v)
        cap = self.builder.op("min", v, const(4))
        self.ints.append(cap)
        self.small.append(self.builder.op("max", cap, const(-1)))

    def access(self) -> None:
        b = self.builder
        array = self.draw(st.sampled_from([self.x, self.x, self.m, self.made]))
        where = [self.index() for _ in range(array.type.ndim)]
        kind = self.draw(st.integers(0, 3))
        if kind == 0:
            b.store(array, const(1.0), *where)
        elif kind == 1:
            b.do("addto", array, const(0.5), *where)
        else:
            b.do("addto", self.accumulator, b.load(array, *where), const(0))

    def block(self, depth: int) -> None:
        for _ in range(self.draw(st.integers(1, 3))):
            kind = self.draw(st.integers(0, 7))
            if kind <= 2 or depth == 0:
                self.access()
            elif kind == 3:
                self.builder.do("push", self.stack, const(1.0))
            elif kind <= 5:
                self.loop(depth)
            elif kind == 6:
                self.branch(depth)
            else:
                self.repeat(depth)
        if isinstance(self.sum, Var) and depth == 3:
            self.sum = self.accumulator

    def loop(self, depth: int) -> None:
        b = self.builder
        start, stop = self.pick(self.small), self.pick(self.small)
        step = self.draw(st.sampled_from([1, 1, 1, -1, 2, -2]))
        if step < 0:
            start, stop = stop, self.draw(st.sampled_from([start, const(-1)]))
        small, ints = list(self.small), list(self.ints)
        index, p = Var(INT, "i"), Var(INT, "p")
        init = self.pick(self.ints)
        self.ints += [p, index]
        self.small.append(index)
        with b.block() as stmts:
            self.block(depth - 1)
            moved = self.pace(p, depth)
        exits = self.draw(st.integers(0, 4)) == 0
        results: tuple[Operand, ...] = (moved,)
        if exits:
            with b.into(stmts):
                results = (moved, b.compare("gt", index, const(2)))
        out, count = Var(INT, "o"), Var(INT, "count")
        body = Block(tuple(stmts), results)
        b.append(For(index, start, stop, step, (p,), (init,), body, (out,), count, exits))
        self.small, self.ints = [*small, count], [*ints, out, count]

    def pace(self, p: Var, depth: int) -> Operand:
        b, kind = self.builder, self.draw(st.integers(0, 4))
        if kind == 0:
            return p
        if kind <= 2:
            return b.op("add", p, const(self.draw(st.sampled_from([1, 1, 2, -1]))), type=INT)
        if kind == 3:
            return b.op("add", p, self.pick(self.ints), type=INT)
        with b.block() as one:
            more = b.op("add", p, const(1), type=INT)
        out = Var(INT, "c")
        cond = b.compare("gt", self.pick(self.ints), const(1))
        b.append(If(cond, Block(tuple(one), (more,)), Block((), (p,)), (out,)))
        return out

    def branch(self, depth: int) -> None:
        b = self.builder
        name = self.draw(st.sampled_from(["lt", "le", "gt", "ge", "eq", "ne"]))
        cond = b.compare(name, self.index(), self.pick(self.ints))
        small, ints = list(self.small), list(self.ints)
        arms, results = [], []
        for _ in range(2):
            with b.block() as stmts:
                self.block(depth - 1)
            arms.append(stmts)
            results.append(self.pick(ints))
            self.small, self.ints = list(small), list(ints)
        out = Var(INT, "e")
        first, second = (Block(tuple(a), (r,)) for a, r in zip(arms, results, strict=True))
        b.append(If(cond, first, second, (out,)))
        self.small, self.ints = small, [*ints, out]

    def repeat(self, depth: int) -> None:
        b = self.builder
        small, ints = list(self.small), list(self.ints)
        limit = self.pick(self.small)
        p = Var(INT, "w")
        with b.block() as cond:
            more = b.compare("lt", p, limit)
        self.ints.append(p)
        self.small.append(p)
        with b.block() as stmts:
            self.block(depth - 1)
            following = b.op("add", p, const(self.draw(st.sampled_from([1, 1, 2]))), type=INT)
        out, count = Var(INT, "z"), Var(INT, "count")
        test, body = Block(tuple(cond), (more,)), Block(tuple(stmts), (following,))
        b.append(While((p,), (const(self.draw(st.integers(-1, 2))),), test, body, (out,), count))
        self.small, self.ints = [*small, count], [*ints, out, count]


assert F64 == Scalar("f8") and BOOL == Scalar("b1")
