"""Random sequences of array loops: maps, sums, scans, stencils, private buffers, maxima.

The kind of program that loops are fused, turned and reversed in place in; results
are often linear in the loops' sums, so that adjoints are known before the loops.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from revtrace.program import Block, Builder, For, If, Operand, Program, Var
from revtrace.program.nodes import const
from revtrace.program.types import F64, INT, Array

N = 4


class Maker:
    def __init__(self, seed: int, loops: int) -> None:
        self.r = random.Random(seed)
        self.b = Builder()
        self.inputs = (Var(F64, "a"), Var(Array("f8", 1), "x"), Var(Array("f8", 1), "y"), Var(Array("f8", 2), "m"))
        self.floats: list[Operand] = [self.inputs[0]]
        self.vectors = [self.inputs[1], self.inputs[2]]
        self.matrices = [self.inputs[3]]
        self.n = self.b.dim(self.inputs[1], 0)
        self.sums: list[Operand] = []
        for _ in range(loops):
            self.step()

    def f(self, x: Operand) -> Var:
        kind = self.r.randrange(5)
        if kind == 0:
            return self.b.op("sin", x, type=F64)
        if kind == 1:
            return self.b.op("mul", x, x, type=F64)
        if kind == 2:
            return self.b.op("mul", x, const(0.5), type=F64)
        if kind == 3:
            return self.b.op("exp", self.b.op("sin", x, type=F64), type=F64)
        return self.b.op("div", const(1.0), self.b.op("add", self.b.op("mul", x, x, type=F64), const(1.0)), type=F64)

    def number(self) -> Operand:
        pool = self.floats + (self.sums if self.r.random() < 0.25 else [])
        return self.r.choice(pool)

    def element(self, i: Var) -> Var:
        """Read something at, or next to, a loop's index."""
        r, b = self.r, self.b
        if r.random() < 0.25:
            m = r.choice(self.matrices)
            return b.load(m, *(r.sample([i, const(r.randrange(N))], 2)))
        v = r.choice(self.vectors)
        if r.random() < 0.2:
            j: Operand = b.op("mod", b.op("add", i, const(r.choice([1, N - 1]))), self.n)
        else:
            j = i
        return b.load(v, j)

    def value(self, i: Var) -> Operand:
        x = self.f(self.element(i))
        if self.r.random() < 0.5:
            x = self.b.op(self.r.choice(["mul", "add", "sub"]), x, self.element(i))
        if self.r.random() < 0.4:
            x = self.b.op("mul", x, self.number())
        return x

    def loop(
        self, inits: list[Operand], body: Callable[[Var, list[Var]], list[Operand]], stop: Operand | None = None
    ) -> list[Var]:
        i = Var(INT, "i")
        params, outs = [Var(x.type, "c") for x in inits], [Var(x.type, "c") for x in inits]
        down = self.r.random() < 0.3
        with self.b.block() as stmts:
            results = body(i, params)
        stop = self.n if stop is None else stop
        start: Operand = const(0)
        step = 1
        if down:
            start, stop, step = self.b.op("sub", stop, const(1), type=INT), const(-1), -1
        block = Block(tuple(stmts), tuple(results))
        self.b.append(For(i, start, stop, step, tuple(params), tuple(inits), block, tuple(outs), Var(INT)))
        return outs

    def target(self) -> Var:
        r = self.r
        if r.random() < 0.5:
            new = self.b.alloc("f8", self.n, zeros=r.random() < 0.5, hint="v")
            if not dict(self.b.stmts[-1].attrs)["zeros"]:
                self.b.do("fill", new, const(0.25))
            self.vectors.append(new)
            return new
        return r.choice(self.vectors)

    def step(self) -> None:
        kind = self.r.randrange(9)
        if kind <= 1:
            self.sum()
        elif kind == 2:
            t = self.target()
            self.loop([], lambda i, _: [self.b.store(t, self.f(self.value(i)), i)][:0])
        elif kind == 3:
            self.scan()
        elif kind == 4:
            self.private()
        elif kind == 5:
            self.both()
        elif kind == 6:
            self.maximum()
        elif kind == 7:
            self.nested()
        else:
            t = self.target()
            self.loop([], lambda i, _: [self.b.do("addto", t, self.value(i), i)][:0])

    def sum(self) -> None:
        guarded = self.r.random() < 0.3

        def body(i: Var, c: list[Var]) -> list[Operand]:
            e = self.value(i)
            if not guarded:
                return [self.b.op("add", c[0], e)]
            test = self.b.compare("lt", e, const(0.3))
            out = Var(F64, "g")
            with self.b.block() as then:
                more = self.b.op("add", c[0], self.f(e))
            self.b.append(If(test, Block(tuple(then), (more,)), Block((), (c[0],)), (out,)))
            return [out]

        self.sums += self.loop([self.number()], body)

    def scan(self) -> None:
        t = self.target()
        linear = self.r.random() < 0.5

        def body(i: Var, c: list[Var]) -> list[Operand]:
            e = self.value(i)
            s = self.b.op("add", c[0], e) if linear else self.b.op("sin", self.b.op("mul", c[0], e))
            self.b.store(t, s if self.r.random() < 0.5 else self.f(s), i)
            return [s]

        self.sums += self.loop([self.number()], body)

    def private(self) -> None:
        """Use a buffer that every iteration writes before it reads."""
        w = self.b.alloc("f8", self.n, zeros=False, hint="w")

        def body(i: Var, c: list[Var]) -> list[Operand]:
            e = self.element(i)
            self.loop([], lambda j, _: [self.b.store(w, self.f(self.b.op("mul", e, self.element(j))), j)][:0])
            if self.r.random() < 0.4:
                self.loop([], lambda j, _: [self.b.store(w, self.f(self.b.load(w, j)), j)][:0])
            (s,) = self.loop([const(0.0)], lambda j, d: [self.b.op("add", d[0], self.f(self.b.load(w, j)))])
            return [self.b.op("add", c[0], self.f(s) if self.r.random() < 0.5 else s)]

        self.sums += self.loop([const(0.0)], body)

    def both(self) -> None:
        """Carry two sums, one of which may use the other."""
        t = self.target()

        def body(i: Var, c: list[Var]) -> list[Operand]:
            s = self.b.op("add", c[0], self.value(i))
            u = self.b.op("add", c[1], s if self.r.random() < 0.5 else self.value(i))
            if self.r.random() < 0.5:
                self.b.store(t, self.value(i), i)
            return [s, u]

        self.sums += self.loop([self.number(), const(0.0)], body)

    def maximum(self) -> None:
        name = self.r.choice(["max", "min"])

        def body(i: Var, c: list[Var]) -> list[Operand]:
            pair = [c[0], self.value(i)]
            self.r.shuffle(pair)
            return [self.b.op(name, *pair, type=F64)]

        self.floats += self.loop([self.number()], body)

    def nested(self) -> None:
        m = self.r.choice(self.matrices)
        fresh = self.r.random() < 0.5
        if fresh:
            m = self.b.alloc("f8", self.n, self.n, zeros=True, hint="k")

        def body(i: Var, c: list[Var]) -> list[Operand]:
            stop = self.r.choice([self.n, i])

            def inner(j: Var, d: list[Var]) -> list[Operand]:
                at = (i, j) if self.r.random() < 0.8 else (j, i)
                self.b.store(m, self.f(self.b.op("mul", self.element(i), self.element(j))), *at)
                return [self.b.op("add", d[0], self.b.load(self.r.choice([*self.matrices, m]), i, j))]

            return self.loop([c[0]], inner, stop)

        self.sums += self.loop([const(0.0)], body)
        if fresh:
            self.matrices.append(m)


def program(seed: int, loops: int = 4) -> Program:
    """Return a program of a number, two vectors and a matrix."""
    maker = Maker(seed, loops)
    b, r = maker.b, maker.r
    total: Operand = const(0.0)
    for s in maker.sums + maker.floats:
        total = b.op("add", total, b.op("mul", s, const(round(r.uniform(-1, 1), 2))), type=F64)
    if r.random() < 0.3:
        total = maker.f(total)
    results: list[Operand] = [total]
    for v in maker.vectors + maker.matrices:
        if r.random() < 0.3:
            results.append(v)
    return Program(f"loops{seed}", maker.inputs, b.close(*results))


def arguments(seed: int) -> list[object]:
    """Return arguments for a random program."""
    rng = np.random.default_rng(seed)
    return [
        float(rng.uniform(-1, 1)),
        rng.uniform(-1, 1, N),
        rng.uniform(-1, 1, N),
        rng.uniform(-1, 1, (N, N)),
    ]
