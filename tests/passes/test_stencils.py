"""Time loops that exchange two arrays: gradients against complex step, with and without what disturbs the exchange."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes import differentiate
from revtrace.program import Block, Builder, For, Operand, Program, Var
from revtrace.program.nodes import const
from revtrace.program.types import F64, INT, Array
from revtrace.program.verify import verify
from revtrace.replay.interpret import run
from tests.passes import oracle

SIDE = 8


def stepping(data: st.DataObject, ndim: int) -> Program:
    b = Builder()
    u0, c = Var(Array("f8", ndim), "u0"), Var(F64, "c")
    steps = Var(INT, "steps")
    n = b.dim(u0, 0)
    u = b.op("copy", u0, hint="u")
    v = b.op("copy", u0, hint="v") if data.draw(st.booleans()) else b.alloc("f8", *[n] * ndim, zeros=True, hint="v")
    p, q = Var(u.type, "p"), Var(u.type, "q")
    offsets = data.draw(st.lists(st.tuples(*[st.integers(-2, 2)] * ndim), min_size=2, max_size=4, unique=True))
    low = data.draw(st.integers(2, 3))
    high = b.op("sub", n, const(data.draw(st.integers(2, 3))))
    edge = data.draw(st.sampled_from(["none", "copy", "inside", "first"]))
    nonlinear = data.draw(st.booleans())
    with b.block() as body:
        if edge == "first":
            touch(b, p, q, ndim, b.op("sub", n, const(1)))
        index = [Var(INT, "i") for _ in range(ndim)]

        def level(k: int) -> None:
            with b.block() as stmts:
                if k < ndim - 1:
                    level(k + 1)
                else:
                    total: Operand = const(0.1)
                    for o in offsets:
                        at = [b.op("add", i, const(d)) if d else i for i, d in zip(index, o, strict=True)]
                        x = b.load(p, *at)
                        total = b.op("add", total, b.op("mul", c, b.op("sin", x) if nonlinear else x), type=F64)
                    b.store(q, total, *index)
            b.append(For(index[k], const(low), high, 1, (), (), Block(tuple(stmts)), (), Var(INT)))

        level(0)
        if edge == "copy":
            touch(b, p, q, ndim, b.op("sub", n, const(1)))
        if edge == "inside":
            touch(b, p, q, ndim, const(4))
    outs = (Var(u.type, "p"), Var(u.type, "q"))
    b.append(For(Var(INT, "t"), const(0), steps, 1, (p, q), (u, v), Block(tuple(body), (q, p)), outs, Var(INT)))
    at = [const(k) for k in (3, 4)[:ndim]]
    result = b.op("mul", b.load(outs[0], *at), b.load(outs[data.draw(st.integers(0, 1))], *at))
    return Program("steps", (u0, c, steps), b.close(result, outs[data.draw(st.integers(0, 1))]))


def touch(b: Builder, p: Var, q: Var, ndim: int, at: Operand) -> None:
    """Write an element of the new array from the old one's."""
    index = [at] * ndim
    b.store(q, b.op("mul", b.load(p, *index), const(0.9)), *index)


def check(program: Program, ndim: int, steps: int) -> None:
    verify(program)
    rng = np.random.default_rng(steps)
    args: list[Any] = [rng.standard_normal((SIDE,) * ndim), 0.4, steps]
    at, seeds = oracle.seeds_for(program, args)
    made = differentiate(program, (0, 1), at)
    verify(made)
    got = run(made, [*oracle.copies(args), *seeds])[2:]
    for a, b in zip(oracle.gradients(program, args, (0, 1), at, seeds), got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 4))
def test_gradient_through_steps_on_a_line(data: st.DataObject, steps: int) -> None:
    check(stepping(data, 1), 1, steps)


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(0, 3))
def test_gradient_through_steps_on_a_plane(data: st.DataObject, steps: int) -> None:
    check(stepping(data, 2), 2, steps)
