"""The generated source: what it looks like, and that names never clash."""

from __future__ import annotations

import keyword

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revtrace.codegen import emit
from tests.codegen.run import agree, program


def test_a_small_program_reads_like_python() -> None:
    text = """
    dot(x: f8[:], y: f8[:]) {
      n: i8 = dim x axis=0
      for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
        a: f8 = load x[i]
        b: f8 = load y[i]
        p: f8 = mul a, b
        t: f8 = add s, p
        yield t
      }
      return total
    }"""
    assert (
        emit(program(text)).text
        == """\
def dot(x, y):
    if (dim0(x) >= 1) & (dim0(y) < dim0(x)):
        raise Deopt
    s = 0.0
    for i in range(dim0(x)):
        s = s + at(x, i) * at(y, i)
    return (s,)
"""
    )


def test_carried_values_are_assigned_at_once() -> None:
    text = """
    f(n: i8) {
      for i in range(0, n, 1) carry (a: i8 = 0, b: i8 = 1, c: i8 = 2, d: i8 = 9) -> (p: i8, q: i8, r: i8, s: i8) {
        e: i8 = add a, b
        g: i8 = sub d, a
        yield b, c, e, g
      }
      return p, q, r, s
    }"""
    assert agree(program(text), 5)[0] == (3, 4, 6, 2)


def test_a_value_read_after_a_write_is_the_old_one() -> None:
    text = """
    f(x: f8[:]) {
      a: f8 = load x[0]
      store x[0] = 7.0
      b: f8 = load x[0]
      c: f8 = mul a, 2.0
      addto x[0] += a
      d: f8 = load x[0]
      return b, c, d
    }"""
    assert agree(program(text), [3.0])[0] == (7.0, 6.0, 10.0)


def test_a_value_replaced_in_one_arm_keeps_its_name() -> None:
    text = """
    f(n: i8) {
      for i in range(0, n, 1) carry (a: i8 = 0, b: i8 = 5) -> (p: i8, q: i8) {
        odd: b1 = gt i, 1
        if odd -> (c: i8, d: i8) {
          up: i8 = add a, b
          yield up, a
        } else {
          yield a, b
        }
        yield c, d
      }
      return p, q
    }"""
    assert agree(program(text), 5)[0] == (10, 5)


NAMES = ["for", "at", "x", "sum", "dim0", "float64", "need", "t", "1", "_", "é", "Deopt", "math", "vexp", "i1"]


@given(st.lists(st.sampled_from(NAMES), max_size=6))
def test_any_name_will_do(names: list[str]) -> None:
    from revtrace.program import Builder, Program, Scalar, Var

    inputs = tuple(Var(Scalar("f8"), name) for name in names)
    b = Builder()
    values = [b.op("neg", v, type=v.type, hint=v.name) for v in inputs]
    doubled = [b.op("add", v, v, type=v.type, hint=v.name) for v in values]
    name = names[0] if names and names[0].isidentifier() and not keyword.iskeyword(names[0]) else "f"
    p = Program(name, inputs, b.close(*doubled))
    found = agree(p, *range(len(names)))[0]
    assert list(found) == [-2.0 * k for k in range(len(names))]


def test_constants_of_every_kind() -> None:
    text = """
    f(x: f4, n: u8, z: c8) {
      a: f4 = mul x, 0.1:f4
      b: u8 = add n, 3:u8
      c: c8 = add z, (1-0.5j):c8
      d: f8 = add nan, 1.0
      e: f8 = add -inf, 1.0
      g: f8 = mul -0.0, 2.0
      h: i8 = add -9223372036854775808, 1
      return a, b, c, d, e, g, h
    }"""
    agree(program(text), np.float32(0.3), 2**63, 1j, compiled=True)


TRIANGLE = """
    triangle(a: f8[:], x: f8) {{
      n: i8 = dim a axis=0
      for i in range(0, n, 1) {{
        first: i8 = add i, {more}
        for j in range({start}, n, 1) {{
          old: f8 = load a[j]
          t: f8 = mul x, old
          new: f8 = add old, t
          store a[j] = new
          yield
        }}
        yield
      }}
      return a
    }}"""


@pytest.mark.parametrize(("start", "twice"), [("first", True), ("0", False)])
def test_loops_over_what_is_left_of_a_row_have_a_form_for_few_elements(start: str, twice: bool) -> None:
    p = program(TRIANGLE.format(start=start, more=1))
    assert ("one_by_one()" in emit(p).text) == twice
    for n in (0, 3, 40):
        agree(p, np.arange(float(n)), 0.5, compiled=twice and n > 3)


def test_sums_in_order_are_added_up_after_the_terms() -> None:
    text = """
    lengths(x: f8[:], ends: i8[:]) {
      n: i8 = load ends[0]
      for i in range(1, n, 1) carry (s: f8 = 0.5, t: f8 = 1.0) -> (total: f8, other: f8) {
        a: f8 = load x[i]
        b: f8 = sqrt a
        c: f8 = mul a, b
        u: f8 = add s, b
        w: f8 = add c, t
        yield u, w
      }
      return total, other
    }"""
    p = program(text)
    assert "scratch(float64, 128)" in emit(p).text
    for n in (0, 1, 5, 300):
        x = np.random.default_rng(n).random(n + 1)
        want, roots = [0.5, 1.0], np.sqrt(x)
        for i in range(1, n):
            want = [want[0] + roots[i], x[i] * roots[i] + want[1]]
        assert [tuple(g) for g in agree(p, x, [n], compiled=n > 5)] == [tuple(want)] * 2
