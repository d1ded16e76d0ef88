"""Stencils with random offsets and ranges: collecting gives what adding gave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes import gather
from revtrace.program import Block, Builder, For, Program, Var
from revtrace.program.nodes import const, walk
from revtrace.program.types import F64, INT, Array
from revtrace.program.verify import verify
from revtrace.replay.interpret import run

SIDE = 9


def scatter(data: st.DataObject, ndim: int) -> tuple[Program, int]:
    """Return a nest that adds ``v``, weighted, to random neighbours in ``u``, clears ``v`` and sums."""
    b = Builder()
    u, v, w = (Var(Array("f8", ndim), name) for name in "uvw")
    scale = Var(F64, "scale")
    offsets = data.draw(st.lists(st.tuples(*[st.integers(-2, 2)] * ndim), min_size=1, max_size=4))
    ranges = []
    for _ in range(ndim):
        low = data.draw(st.integers(2, SIDE - 3))
        high = data.draw(st.integers(low - 1, SIDE - 3))
        ranges.append((low, high + 1, 1) if data.draw(st.booleans()) else (high, low - 1, -1))
    sums, clears, constant = data.draw(st.booleans()), data.draw(st.booleans()), data.draw(st.booleans())
    index = [Var(INT, "i") for _ in range(ndim)]

    def level(k: int, total: Var | None) -> Var | None:
        start, stop, step = ranges[k]
        param = Var(F64, "s") if total is not None else None
        with b.block() as stmts:
            if k + 1 < ndim:
                end = level(k + 1, param)
            else:
                g = b.load(v, *index)
                if clears:
                    b.store(v, const(0.0), *index)
                weight = scale if constant else b.op("mul", scale, b.load(w, *index))
                for o in offsets:
                    at = [b.op("add", i, const(c)) if c else i for i, c in zip(index, o, strict=True)]
                    b.do("addto", u, b.op("mul", g, weight), *at)
                end = b.op("accum", param, b.op("mul", g, g)) if param is not None else None
        out = Var(F64, "s") if param is not None else None
        b.append(
            For(
                index[k],
                const(start),
                const(stop),
                step,
                () if param is None else (param,),
                () if total is None else (total,),
                Block(tuple(stmts), () if end is None else (end,)),
                () if out is None else (out,),
                Var(INT),
            )
        )
        return out

    zero = b.op("mul", scale, const(0.0))
    result = level(0, zero if sums else None)
    return Program("scatter", (u, v, w, scale), b.close(u, v, zero if result is None else result)), len(set(offsets))


@pytest.mark.parametrize("ndim", [1, 2, 3])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_collecting_gives_what_adding_gave(ndim: int, data: st.DataObject) -> None:
    program, distinct = scatter(data, ndim)
    verify(program)
    made = gather(program)
    verify(made)
    loops = sum(isinstance(s, For) for s in walk(made.body))
    assert (loops > ndim) == (distinct > 1)
    rng = np.random.default_rng(7)
    shape = (SIDE,) * ndim
    args = [rng.standard_normal(shape), rng.standard_normal(shape), rng.standard_normal(shape), 0.7]
    wanted = run(program, [a.copy() if isinstance(a, np.ndarray) else a for a in args])
    got = run(made, [a.copy() if isinstance(a, np.ndarray) else a for a in args])
    for a, c in zip(wanted, got, strict=True):
        np.testing.assert_allclose(c, a, rtol=1e-12, atol=1e-13)
