"""Random structured programs whose derivatives exist almost everywhere.

`program(seed)` is deterministic.  Values stay bounded (results pass through ``tanh`` or
``sin``), indices stay in range, trip counts stay small; everything else is
arbitrary: nesting, branches, early exits, in-place writes, swaps, index arithmetic.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from revtrace.program import Block, Builder, Const, For, If, Operand, Program, Var, While
from revtrace.program.nodes import const
from revtrace.program.types import BOOL, F64, INT, Array

N = 3
"""Length of every axis."""


@dataclass
class Names:
    """What may be used at some point."""

    floats: list[Operand] = field(default_factory=list)
    ints: list[Operand] = field(default_factory=list)
    arrays: list[Var] = field(default_factory=list)

    def copy(self) -> Names:
        return Names(list(self.floats), list(self.ints), list(self.arrays))


class Maker:
    def __init__(self, seed: int, size: int, features: frozenset[str]) -> None:
        self.r = random.Random(seed)
        self.b = Builder()
        self.left = size
        self.features = features

    def has(self, feature: str) -> bool:
        return feature in self.features

    def index(self, names: Names) -> Operand:
        """Return an index in range, negative ones included."""
        pick = self.r.random()
        plain = [x for x in names.ints if isinstance(x, Var) and x.name.startswith("i")]
        if plain and pick < 0.6:
            return self.r.choice(plain)
        if names.ints and pick < 0.8:
            shifted = self.b.op("add", self.r.choice(names.ints), const(self.r.randint(-2, 2)))
            wrapped = self.b.op("mod", shifted, const(N), hint="j")
            if self.r.random() < 0.3:
                return self.b.op("sub", wrapped, const(N), hint="j")
            return wrapped
        return const(self.r.randint(-N, N - 1))

    def indices(self, names: Names, array: Var) -> list[Operand]:
        return [self.index(names) for _ in range(array.type.ndim)]

    def float(self, names: Names) -> Operand:
        if self.r.random() < 0.1:
            return const(round(self.r.uniform(-1.5, 1.5), 2))
        recent = names.floats[-6:] if self.r.random() < 0.7 else names.floats
        return self.r.choice(recent)

    def compute(self, names: Names) -> None:
        b, x, y = self.b, self.float(names), self.float(names)
        kind = self.r.randrange(9)
        if kind == 0:
            z = b.op("mul", x, y)
        elif kind == 1:
            z = b.op("add", x, y)
        elif kind == 2:
            z = b.op("sub", x, y)
        elif kind == 3:
            z = b.op("sin", x) if isinstance(x, Var) else b.op("neg", x)
        elif kind == 4:
            z = b.op("div", x, b.op("add", const(1.5), b.op("mul", y, y)))
        elif kind == 5:
            z = b.op("exp", b.op("sin", x))
        elif kind == 6:
            z = b.op("tanh", b.op("mul", x, y))
        elif kind == 7:
            z = b.op("select", self.condition(names), x, y, type=F64)
        else:
            z = b.op("max", x, y)
        if self.r.random() < 0.5:
            z = b.op(self.r.choice(["sin", "tanh"]), z)
        names.floats.append(z)

    def condition(self, names: Names) -> Operand:
        if names.ints and self.r.random() < 0.3:
            return self.b.compare("lt", self.r.choice(names.ints), const(self.r.randint(0, 2)))
        return self.b.compare("lt", self.float(names), self.float(names))

    def block(self, names: Names, depth: int, count: int) -> None:
        for _ in range(count):
            self.statement(names, depth)

    def statement(self, names: Names, depth: int) -> None:
        r, b = self.r, self.b
        self.left -= 1
        pick = r.random()
        nest = depth < 3 and self.left > 0
        if pick < 0.35 or (not nest and not names.arrays):
            self.compute(names)
        elif pick < 0.47 and names.arrays:
            a = r.choice(names.arrays)
            names.floats.append(b.load(a, *self.indices(names, a)))
        elif pick < 0.62 and names.arrays:
            a = r.choice(names.arrays)
            # Bounded, as stores feed loads.
            b.store(a, b.op("tanh", self.float(names)), *self.indices(names, a))
        elif pick < 0.65 and names.arrays:
            a = r.choice(names.arrays)
            b.do("addto", a, self.float(names), *self.indices(names, a))
        elif pick < 0.70:
            self.whole(names)
        elif pick < 0.72 and names.ints and self.has("ragged"):
            self.ragged(names)
        elif not nest:
            self.compute(names)
        elif pick < 0.80 and self.has("if"):
            self.branch(names, depth)
        elif pick < 0.93 or not self.has("while"):
            self.counted(names, depth)
        else:
            self.conditional(names, depth)

    def whole(self, names: Names) -> None:
        r, b = self.r, self.b
        kind = r.randrange(5)
        if kind == 0 or not names.arrays:
            ndim = r.choice([1, 1, 2])
            a = b.alloc("f8", *[const(N)] * ndim, zeros=r.random() < 0.7, hint="w")
            if not dict(b.stmts[-1].attrs)["zeros"]:
                b.do("fill", a, self.float(names))
            names.arrays.append(a)
        elif kind == 1:
            b.do("fill", r.choice(names.arrays), self.float(names))
        elif kind == 2:
            names.arrays.append(b.op("copy", r.choice(names.arrays), hint="c"))
        elif kind == 3:
            a = r.choice(names.arrays)
            same = [c for c in names.arrays if c.type == a.type]
            b.do("copyto", a, r.choice(same))
        elif names.ints:
            names.ints.append(b.op("add", r.choice(names.ints), const(1), hint="n"))

    def ragged(self, names: Names) -> None:
        """Fill a vector whose length is computed here, copy it and sum a function of it."""
        b = self.b
        n = b.op("add", b.op("mod", self.r.choice(names.ints), const(3)), const(self.r.randint(0, 2)))
        x, y = self.float(names), self.float(names)
        w = b.alloc("f8", n, zeros=self.r.random() < 0.3, hint="ragged")
        self.counted_simple(n, lambda i, s: (b.store(w, b.op("sin", b.op("mul", x, b.cast(i, "f8"))), i), s)[1])
        if self.r.random() < 0.5:
            w = b.op("copy", w)
        total = self.counted_simple(n, lambda i, s: b.op("add", s, b.op("mul", b.load(w, i), y)))
        names.floats.append(b.op("tanh", total))

    def branch(self, names: Names, depth: int) -> None:
        r, b = self.r, self.b
        cond = self.condition(names)
        count = r.randint(0, 2)
        arms = []
        swap = self.has("swap") and len(names.arrays) >= 2 and r.random() < 0.3
        chosen = [a for a in names.arrays if a.type.ndim == 1]
        pair = r.sample(chosen, 2) if swap and len(chosen) >= 2 else []
        for side in (0, 1):
            inner = names.copy()
            with b.block() as stmts:
                self.block(inner, depth + 1, r.randint(0, 4))
                results = [self.float(inner) for _ in range(count)]
            if pair:
                results.append(pair[side])
            arms.append(Block(tuple(stmts), tuple(results)))
        outs = [Var(F64, "p") for _ in range(count)]
        names.floats += outs
        if pair:
            out = Var(pair[0].type, "sel")
            outs.append(out)
            names.arrays.append(out)
        b.append(If(cond, arms[0], arms[1], tuple(outs)))

    def counted_simple(self, n: Operand, step: Callable[[Var, Var], Operand]) -> Var:
        """Write ``for i in range(n): s = step(i, s)`` from zero."""
        i, s, out = Var(INT, "r"), Var(F64, "s"), Var(F64, "s")
        with self.b.block() as stmts:
            result = step(i, s)
        body = Block(tuple(stmts), (result,))
        self.b.append(For(i, const(0), n, 1, (s,), (const(0.0),), body, (out,), Var(INT)))
        return out

    def carried(self, names: Names) -> tuple[list[Operand], list[Var], Names]:
        r = self.r
        inner = names.copy()
        inits: list[Operand] = [self.float(names) for _ in range(r.randint(0, 2))]
        params = [Var(F64, "c") for _ in inits]
        inner.floats += params
        if names.ints and r.random() < 0.3:
            inits.append(r.choice(names.ints))
            params.append(Var(INT, "k"))
            inner.ints.append(params[-1])
        chosen = [a for a in names.arrays if a.type.ndim == 1]
        if self.has("swap") and len(chosen) >= 2 and r.random() < 0.4:
            for a in r.sample(chosen, r.choice([2, 2, min(3, len(chosen))])):
                inits.append(a)
                params.append(Var(a.type, "a"))
                # The buffers are reached through the params only, as in Python; now and then not.
                if r.random() < 0.9 and a in inner.arrays:
                    inner.arrays.remove(a)
            inner.arrays += [p for p in params if isinstance(p.type, Array)]
        return inits, params, inner

    def finish(self, params: list[Var], inner: Names, exits: bool) -> list[Operand]:
        r = self.r
        results: list[Operand] = []
        arrays = [p for p in params if isinstance(p.type, Array)]
        turned = arrays[1:] + arrays[:1] if r.random() < 0.8 else arrays
        for p in params:
            if p.type == F64:
                pick = r.random()
                if pick < 0.15:
                    results.append(self.chosen(p, inner))
                elif pick < 0.35:
                    results.append(self.b.op("add", p, self.float(inner)))
                elif pick < 0.6:
                    results.append(self.b.op("tanh", self.b.op("mul", p, self.float(inner))))
                else:
                    results.append(self.float(inner))
            elif p.type == INT:
                results.append(self.b.op("add", p, const(r.randint(-1, 2))))
            else:
                results.append(turned.pop(0))
        if exits:
            results.append(self.condition(inner))
        return results

    def chosen(self, p: Var, inner: Names) -> Operand:
        """Return one of a carried value and a new one."""
        b, x = self.b, self.float(inner)
        kind = self.r.randrange(4)
        if kind < 2:
            pair = (p, x) if self.r.random() < 0.5 else (x, p)
            return b.op("max" if kind else "min", *pair, type=F64)
        test = b.compare("lt", x, p) if self.r.random() < 0.5 else self.condition(inner)
        if kind == 2:
            return b.op("select", test, x, p, type=F64)
        with b.block() as stmts:
            y = b.op("sin", x, type=F64)
        out = Var(F64, "best")
        b.append(If(test, Block(tuple(stmts), (y,)), Block((), (p,)), (out,)))
        return out

    def leave(self, names: Names, params: list[Var], count: Var) -> tuple[Var, ...]:
        outs = tuple(Var(p.type, p.name) for p in params)
        names.floats += [v for v in outs if v.type == F64]
        names.ints += [v for v in outs if v.type == INT]
        names.arrays += [v for v in outs if isinstance(v.type, Array)]
        if self.r.random() < 0.2:
            names.ints.append(count)
        return outs

    def counted(self, names: Names, depth: int) -> None:
        r, b = self.r, self.b
        exits = self.has("exits") and r.random() < 0.2
        bounds = r.choice([(0, N, 1), (N - 1, -1, -1), (1, N, 1), (0, N, 2), (N - 1, -1, -2), (2, 1, 1), (1, N - 1, 1)])
        start, stop, step = const(bounds[0]), const(bounds[1]), bounds[2]
        if r.random() < 0.2 and step == 1:
            plain = [x for x in names.ints if isinstance(x, Var) and x.name.startswith("i")]
            if plain:
                start = r.choice(plain)
        inits, params, inner = self.carried(names)
        index = Var(INT, "i")
        inner.ints.append(index)
        with b.block() as stmts:
            self.block(inner, depth + 1, r.randint(1, 5))
            results = self.finish(params, inner, exits)
        count = Var(INT, "trips")
        body = Block(tuple(stmts), tuple(results))
        outs = self.leave(names, params, count)
        b.append(For(index, start, stop, step, tuple(params), tuple(inits), body, outs, count, exits))

    def conditional(self, names: Names, depth: int) -> None:
        r, b = self.r, self.b
        exits = self.has("exits") and r.random() < 0.2
        inits, params, inner = self.carried(names)
        # The first param counts, so that the loop ends.
        inits.insert(0, const(0))
        params.insert(0, Var(INT, "t"))
        if r.random() < 0.4:
            self.endless(names, depth, inits, params, inner)
            return
        with b.block() as test:
            going = b.compare("lt", params[0], const(r.randint(0, 4)))
            if r.random() < 0.5:
                floats = [p for p in params if p.type == F64]
                if floats:
                    going = b.op("and", going, b.compare("lt", r.choice(floats), const(0.4)), type=BOOL)
        inner.ints.append(params[0])
        with b.block() as stmts:
            self.block(inner, depth + 1, r.randint(1, 5))
            results = self.finish(params[1:], inner, exits)
            results.insert(0, b.op("add", params[0], const(1)))
        count = Var(INT, "trips")
        outs = self.leave(names, params, count)
        b.append(
            While(
                tuple(params),
                tuple(inits),
                Block(tuple(test), (going,)),
                Block(tuple(stmts), tuple(results)),
                outs,
                count,
                exits,
            )
        )

    def endless(self, names: Names, depth: int, inits: list[Operand], params: list[Var], inner: Names) -> None:
        """Write a loop without a test that one arm of a branch leaves."""
        r, b = self.r, self.b
        stays = r.random() < 0.7
        inner.ints.append(params[0])
        arms = []
        with b.block() as stmts:
            if r.random() < 0.5:
                inner.floats.append(b.op("sin", self.float(inner)))
            going = b.compare("lt" if stays else "ge", params[0], const(r.randint(0, 4)))
            if r.random() < 0.5:
                extra = b.compare("lt", self.float(inner), const(0.4))
                extra = extra if stays else b.op("not", extra, type=BOOL)
                going = b.op("and" if stays else "or", going, extra, type=BOOL)
            for side in (stays, not stays):
                local = inner.copy()
                with b.block() as arm:
                    self.block(local, depth + 1, r.randint(0, 4))
                    if side:
                        results = self.finish(params[1:], local, False)
                    else:
                        results = [p if r.random() < 0.5 or p.type != F64 else self.float(local) for p in params[1:]]
                    numbers = [x for x in results if not isinstance(x.type, Array)]
                    turned = [x for x in results if isinstance(x.type, Array)] if side else None
                    ahead = b.op("add", params[0], const(1)) if side else params[0]
                arms.append((arm, [ahead, *numbers, const(0 if side else 1)], turned))
            outs = tuple(Var(x.type) for x in arms[0][1])
            blocks = [Block(tuple(arm), tuple(numbers)) for arm, numbers, _ in arms]
            b.append(If(going, blocks[0], blocks[1], outs))
            done = b.compare("ne", outs[-1], const(0))
            # Arrays change places in every iteration, the last one too: branches hand on numbers only.
            (turned,) = [t for _, _, t in arms if t is not None]
            given = iter(outs[:-1])
            kept = iter(turned)
            results = [next(kept) if isinstance(p.type, Array) else next(given) for p in params]
        count = Var(INT, "trips")
        outs = self.leave(names, params, count)
        body = Block(tuple(stmts), (*results, done))
        b.append(While(tuple(params), tuple(inits), Block((), (const(True),)), body, outs, count, True))


ALL = frozenset({"if", "while", "exits", "swap", "ragged"})


def program(seed: int, size: int = 30, features: frozenset[str] = ALL) -> Program:
    """Return a program of two numbers, a vector and a matrix; results are numbers and arrays."""
    maker = Maker(seed, size, features)
    inputs = (Var(F64, "x"), Var(F64, "y"), Var(Array("f8", 1), "u"), Var(Array("f8", 2), "m"))
    names = Names([inputs[0], inputs[1]], [], [inputs[2], inputs[3]])
    maker.block(names, 0, maker.r.randint(3, 12))
    results: list[Operand] = [maker.float(names), names.floats[-1]]
    if maker.r.random() < 0.6:
        results.append(maker.r.choice(names.arrays))
    if maker.r.random() < 0.2:
        results.append(maker.r.choice(names.arrays))
    results = [x for x in results if not isinstance(x, Const)]
    return Program(f"random{seed}", inputs, maker.b.close(*results))


def arguments(seed: int) -> list[object]:
    """Return arguments for a random program."""
    rng = np.random.default_rng(seed)
    return [
        float(rng.uniform(-1.5, 1.5)),
        float(rng.uniform(-1.5, 1.5)),
        rng.uniform(-1.5, 1.5, N),
        rng.uniform(-1.5, 1.5, (N, N)),
    ]
