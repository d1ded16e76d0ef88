"""Adjoints of products with repeated factors."""

from __future__ import annotations

import random

import numpy as np
import pytest

from revtrace.passes import differentiate
from revtrace.program import Block, Builder, Op, Operand, Program, Var
from revtrace.program.nodes import const, walk
from revtrace.program.parse import parse
from revtrace.program.types import F64
from revtrace.program.verify import verify
from revtrace.replay.interpret import run

CHAIN = """
f(m: f8, r: f8) {
  a: f8 = mul m, r
  b: f8 = mul a, r
  c: f8 = mul b, r
  return c
}
"""


def multiplications(program: Program) -> int:
    return sum(isinstance(s, Op) and s.name == "mul" for s in walk(program.body))


def test_a_repeated_factor_has_one_term() -> None:
    made = differentiate(parse(CHAIN), (1,), (0,))
    # Three for the value; the seed times three, times what is multiplied with the last factor.
    assert multiplications(made) == 5
    assert run(made, [2.0, 1.5, 1.0]) == (6.75, 13.5)


@pytest.mark.parametrize(("m", "r"), [(0.0, 2.0), (2.0, 0.0), (0.0, 0.0), (-1.0, -3.0)])
@pytest.mark.parametrize("seed", [1.0, 0.0])
def test_by_both_at_zeros(m: float, r: float, seed: float) -> None:
    made = differentiate(parse(CHAIN), (0, 1), (0,))
    assert run(made, [m, r, seed])[1:] == (seed * r**3, seed * 3 * m * r * r)


def test_no_power_overflows_where_there_is_no_seed() -> None:
    made = differentiate(parse(CHAIN), (0, 1), (0,))
    assert run(made, [0.0, 1e150, 0.0]) == (0.0, 0.0, 0.0)


def test_a_part_that_is_read_elsewhere_is_not_taken_in() -> None:
    text = CHAIN.replace("return c", "d: f8 = add c, b\n  return d")
    made = differentiate(parse(text), (0, 1), (0,))
    m, r = 0.7, 1.3
    np.testing.assert_allclose(run(made, [m, r, 1.0])[1:], (r**3 + r**2, 3 * m * r * r + 2 * m * r), rtol=1e-14)


def random_product(seed: int) -> tuple[Program, int]:
    """Return products of a few inputs in any order and shape, and how many inputs there are."""
    r = random.Random(seed)
    b = Builder()
    inputs = tuple(Var(F64, name) for name in "xyz")
    pool: list[Operand] = [*inputs, const(0.5), const(-2.0)]
    total: Operand = const(0.0)
    for _ in range(3):
        out: Operand = r.choice(pool)
        for _ in range(r.randrange(2, 6)):
            pair = [out, r.choice(pool)]
            r.shuffle(pair)
            out = b.op("mul", *pair, type=F64)
        if r.random() < 0.5:
            pool.append(out)
        total = b.op("add", total, out, type=F64)
    return Program("f", inputs, Block(tuple(b.stmts), (total,))), len(inputs)


@pytest.mark.parametrize("seed", range(60))
def test_random_products_against_differences(seed: int) -> None:
    program, count = random_product(seed)
    active = tuple(range(count)) if seed % 3 else (seed % count,)
    made = differentiate(program, active, (0,))
    verify(made)
    point = [0.8, -1.1, 1.3]
    _, *gradient = run(made, [*point, 1.0])
    for k, g in zip(active, gradient, strict=True):
        h = 1e-6
        ends = []
        for side in (h, -h):
            moved = list(point)
            moved[k] += side
            ends.append(run(program, moved)[0])
        assert g == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-7, abs=1e-7)
