"""Sums of adjoints: which are rounded together with a product, and what a loop hands on."""

from __future__ import annotations

import re

import numpy as np
import pytest

from revtrace.codegen import build, emit
from revtrace.codegen.vecmath import _features
from tests.codegen.run import agree, outcome, program, typed

HORNER = """
f(x: f8[:], t: f8) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (bar: f8 = 0.5) -> (out: f8) {
    a: f8 = load x[i]
    s: f8 = accum bar, t
    b: f8 = mul s, a
    store x[i] = s
    yield b
  }
  return x
}"""


def test_the_same_term_is_added_before_the_adjoint_is_handed_on() -> None:
    text = emit(program(HORNER)).text
    assert re.search(r"bar = fused\(0\.5, t\)\n    for", text)
    assert re.search(r"bar = fused\(\w+, t\)\n    return", text)
    for n in (0, 1, 5):
        agree(program(HORNER), np.linspace(0.3, 1.7, n), 1.25)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return x", "return x, out"),
        ("accum bar, t", "accum bar, a"),
        ("store x[i] = s", "store x[i] = bar"),
        ("store x[i] = s", "store x[i] = b"),
    ],
    ids=["result wanted", "another term each time", "sum so far wanted", "product wanted"],
)
def test_otherwise_it_is_handed_on_as_it_is(old: str, new: str) -> None:
    p = program(HORNER.replace(old, new))
    assert "bar = 0.5\n" in emit(p).text
    agree(p, np.linspace(0.3, 1.7, 5), 1.25)


@pytest.mark.skipif("fma" not in _features(), reason="the processor has no fused multiply-add")
def test_a_sum_is_rounded_together_with_the_product_that_it_adds() -> None:
    text = "f(a: f8, b: f8, c: f8) {\n p: f8 = mul a, b\n s: f8 = accum c, p\n return s\n}"
    a, b = 1 + 2.0**-30, 1 - 2.0**-30
    run = [build(program(t)).dispatch for t in (text, text.replace("accum", "add"))]
    # The primal's own sums never are.
    assert [outcome(f, *typed(program(text), (a, b, -1.0))) for f in run] == [(-(2.0**-60),), (0.0,)]


SUM = """
f(x: f8[:], y: f8[:]) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (bar: f8 = 0.0) -> (out: f8) {
    a: f8 = load x[i]
    b: f8 = load y[i]
    p: f8 = mul a, b
    s: f8 = accum bar, p
    yield s
  }
  return out
}"""


def test_a_sum_that_a_short_outermost_loop_hands_on_waits_for_an_addition_only() -> None:
    assert "acc(bar, " in emit(program(SUM)).text
    branch = """c: b1 = gt a, b
    if c -> (s: f8) {
      q: f8 = accum bar, p
      yield q
    } else {
      yield bar
    }"""
    assert "acc(bar, " in emit(program(SUM.replace("s: f8 = accum bar, p", branch))).text


def test_sums_of_inner_and_of_long_loops_are_rounded_with_their_products() -> None:
    inner = """for j in range(0, n, 1) carry (u: f8 = 0.0) -> (p: f8) {
      v: f8 = load y[j]
      w: f8 = mul v, a
      k: f8 = accum u, w
      yield k
    }"""
    assert "u = fused(u, " in emit(program(SUM.replace("p: f8 = mul a, b", inner))).text
    long = "\n".join(["m0: f8 = mul a, b", *(f"m{k + 1}: f8 = sub m{k}, a" for k in range(40)), "p: f8 = mul m40, b"])
    assert "fused(bar, " in emit(program(SUM.replace("p: f8 = mul a, b", long))).text
