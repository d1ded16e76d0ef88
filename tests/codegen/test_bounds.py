"""What is known of indices: which tests are left, and that what is left out was safe.

Programs run as plain Python, where an access that was wrongly taken for safe fails.
"""

from __future__ import annotations

import numpy as np
import pytest

from revtrace.codegen import emit
from revtrace.codegen.bounds import analyse
from tests.codegen.run import agree, program


def loop(body: str, *, head: str = "", inputs: str = "x: f8[:], n: i8", over: str = "0, n, 1") -> str:
    """Return a program that sums what a loop's body calls ``v``."""
    return f"""
    f({inputs}) {{
      {head}
      for i in range({over}) carry (s: f8 = 0.0) -> (total: f8) {{
        {body}
        t: f8 = add s, v
        yield t
      }}
      return total
    }}"""


X = np.arange(5.0)


def branches_left(text: str) -> int:
    """Return how many ``if`` the fast build has."""
    return emit(program(text)).text.count("if ")


def test_length_of_the_array_needs_no_test() -> None:
    text = loop("v: f8 = load x[i]", head="n: i8 = dim x axis=0", inputs="x: f8[:]")
    assert branches_left(text) == 0
    assert agree(program(text), X)[0] == (10.0,)


@pytest.mark.parametrize("over", ["m, -1, -1", "m, 0, -1", "0, m, 1", "0, n, 2", "1, n, 3", "m, -1, -2"])
def test_ranges_inside_the_array(over: str) -> None:
    head = "n: i8 = dim x axis=0\n m: i8 = sub n, 1"
    text = loop("v: f8 = load x[i]", head=head, inputs="x: f8[:]", over=over)
    assert branches_left(text) == 0
    for size in range(4):
        agree(program(text), X[:size])


def test_a_bound_from_outside_is_tested_once() -> None:
    p = program(loop("v: f8 = load x[i]"))
    assert [len(g) for g in analyse(p).guards.values()] == [1]
    assert agree(p, X, 3)[0] == (3.0,)
    assert agree(p, X, 6) == ["deopt", "bail"]
    assert agree(p, X[:0], -3)[0] == (0.0,)


def test_an_empty_loop_asks_for_nothing() -> None:
    p = program(loop("v: f8 = load x[3]"))
    assert agree(p, X[:0], 0)[0] == (0.0,)
    assert agree(p, X[:3], 1) == ["deopt", "bail"]


def test_stencil() -> None:
    head = "n: i8 = dim x axis=0\n m: i8 = sub n, 1"
    body = "a: i8 = sub i, 1\n b: i8 = add i, 1\n u: f8 = load x[a]\n w: f8 = load x[b]\n v: f8 = sub w, u"
    text = loop(body, head=head, inputs="x: f8[:]", over="1, m, 1")
    assert branches_left(text) == 0
    for size in range(5):
        agree(program(text), X[:size])


def test_shifted_by_an_input() -> None:
    body = "a: i8 = add i, k\n v: f8 = load x[a]"
    p = program(loop(body, inputs="x: f8[:], n: i8, k: i8"))
    assert agree(p, X, 3, 2)[0] == (9.0,)
    assert agree(p, X, 3, 3) == ["deopt", "bail"]
    fast, careful = agree(p, X, 3, -1)
    assert fast == "deopt" and careful == (5.0,)


def test_overflow_of_an_index_is_not_believed() -> None:
    body = "a: i8 = add i, k\n v: f8 = load x[a]"
    p = program(loop(body, inputs="x: f8[:], n: i8, k: i8"))
    assert agree(p, X, 3, 2**63 - 2) == ["deopt", "bail"]
    assert agree(p, X, 3, -(2**63)) == ["deopt", "bail"]


def test_overflow_of_a_length_is_not_believed() -> None:
    p = program(
        """
        f(n: i8, j: i8) {
          m: i8 = mul n, 4
          a: f8[:] = alloc m zeros=true
          inside: b1 = lt j, n
          check inside kind="range" soft=false
          up: b1 = ge j, 0
          check up kind="range" soft=false
          k: i8 = mul j, 4
          v: f8 = load a[k]
          return v
        }"""
    )
    assert agree(p, 3, 2)[0] == (0.0,)
    # 4 * (2**62 + 1) is 4.
    assert agree(p, 2**62 + 1, 2) == ["deopt", "bail"]


def test_negative_constant_counts_from_the_end() -> None:
    p = program("f(x: f8[:]) {\n v: f8 = load x[-1]\n return v\n}")
    assert set(analyse(p).access.values()) == {("end",)}
    assert agree(p, X)[0] == (4.0,)
    assert agree(p, X[:0]) == ["deopt", "bail"]


def test_periodic_neighbour_wraps_in_the_fast_build() -> None:
    head = "n: i8 = dim x axis=0"
    text = loop("a: i8 = sub i, 1\n v: f8 = load x[a]", head=head, inputs="x: f8[:]")
    assert set(analyse(program(text)).access.values()) == {("wrap",)}
    assert agree(program(text), X)[0] == (10.0,)


def test_periodic_neighbour_by_remainder() -> None:
    head = "n: i8 = dim x axis=0"
    text = loop("a: i8 = add i, 1\n b: i8 = mod a, n\n v: f8 = load x[b]", head=head, inputs="x: f8[:]")
    assert branches_left(text) == 0
    for size in range(4):
        agree(program(text), X[:size])


def test_a_condition_around_the_access() -> None:
    body = """
        ok: b1 = gt i, 0
        if ok -> (v: f8) {
          a: i8 = sub i, 1
          w: f8 = load x[a]
          yield w
        } else {
          yield 0.0
        }
    """
    text = loop(body, head="n: i8 = dim x axis=0", inputs="x: f8[:]")
    assert set(analyse(program(text)).access.values()) == {("in",)}
    assert agree(program(text), X)[0] == (6.0,)


def test_triangle() -> None:
    text = """
    f(a: f8[:, :]) {
      n: i8 = dim a axis=0
      m: i8 = dim a axis=1
      square: b1 = eq n, m
      check square kind="shape" soft=false
      for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
        for j in range(0, i, 1) carry (p: f8 = s) -> (q: f8) {
          k: i8 = sub i, 1
          u: f8 = load a[k, j]
          w: f8 = load a[j, i]
          t: f8 = add u, w
          z: f8 = add p, t
          yield z
        }
        yield q
      }
      return total
    }"""
    assert branches_left(text) == 1
    agree(program(text), np.arange(16.0).reshape(4, 4))
    agree(program(text), np.arange(12.0).reshape(4, 3))


def test_flat_index() -> None:
    text = """
    f(n: i8, m: i8) {
      size: i8 = mul n, m
      a: f8[:] = alloc size zeros=false
      for i in range(0, n, 1) carry () -> () {
        row: i8 = mul i, m
        for j in range(0, m, 1) carry () -> () {
          k: i8 = add row, j
          store a[k] = 1.0
          yield
        }
        yield
      }
      return a
    }"""
    p = program(text)
    assert set(analyse(p).access.values()) == {("in",)}
    assert agree(p, 3, 4)[0][0].tolist() == [1.0] * 12
    agree(p, 0, 4)
    assert agree(p, 2**32, 2**32)[0] == "deopt"


def test_arrays_that_a_loop_swaps() -> None:
    text = """
    f(x: f8[:], y: f8[:], steps: i8) {
      n: i8 = dim x axis=0
      for t in range(0, steps, 1) carry (u: f8[:] = x, v: f8[:] = y) -> (a: f8[:], b: f8[:]) {
        for i in range(0, n, 1) carry () -> () {
          w: f8 = load u[i]
          z: f8 = add w, 1.0
          store v[i] = z
          yield
        }
        yield v, u
      }
      r: f8 = load a[0]
      return r
    }"""
    p = program(text)
    assert set(analyse(p).access.values()) == {("in",)}
    assert agree(p, X, X, 3)[0] == (3.0,)
    assert agree(p, X[:2], X, 3)[0] == "deopt"
    assert agree(p, X, X[:2], 3) == ["deopt", "bail"]


def test_index_from_an_array() -> None:
    text = loop("k: i8 = load idx[i]\n v: f8 = load x[k]", inputs="x: f8[:], idx: i8[:]", head="n: i8 = dim idx axis=0")
    p = program(text)
    assert agree(p, X, [4, 0, 1])[0] == (5.0,)
    fast, careful = agree(p, X, [-1, 0])
    assert fast == "deopt" and careful == (4.0,)
    assert agree(p, X, [0, 5]) == ["deopt", "bail"]
    assert agree(p, X, [-6]) == ["deopt", "bail"]


def test_rows_of_a_sparse_matrix() -> None:
    text = """
    f(x: f8[:], start: i8[:]) {
      m: i8 = dim start axis=0
      rows: i8 = sub m, 1
      for i in range(0, rows, 1) carry (s: f8 = 0.0) -> (total: f8) {
        i1: i8 = add i, 1
        a: i8 = load start[i]
        b: i8 = load start[i1]
        for j in range(a, b, 1) carry (p: f8 = s) -> (q: f8) {
          v: f8 = load x[j]
          z: f8 = add p, v
          yield z
        }
        yield q
      }
      return total
    }"""
    p = program(text)
    assert agree(p, X, [0, 2, 2, 5])[0] == (10.0,)
    assert agree(p, X, [0, 6]) == ["deopt", "bail"]
    assert agree(p, X, [-2, 0])[0] == "deopt"
    assert agree(p, X, [0, 2**63 - 1]) == ["deopt", "bail"]


def test_counter_in_a_while_loop() -> None:
    text = """
    f(x: f8[:]) {
      n: i8 = dim x axis=0
      while carry (k: i8 = 0, s: f8 = 0.0) -> (last: i8, total: f8) {
        more: b1 = lt k, n
        test more
      } do {
        v: f8 = load x[k]
        t: f8 = add s, v
        k2: i8 = add k, 1
        yield k2, t
      }
      return total, last
    }"""
    assert branches_left(text) == 0
    assert agree(program(text), X)[0] == (10.0, 5)


def test_counter_that_moves_on_some_iterations() -> None:
    text = """
    f(x: f8[:]) {
      n: i8 = dim x axis=0
      y: f8[:] = alloc n zeros=true
      for i in range(0, n, 1) carry (m: i8 = 0) -> (count: i8) {
        v: f8 = load x[i]
        ok: b1 = gt v, 1.5
        if ok -> (m2: i8) {
          store y[m] = v
          m1: i8 = add m, 1
          yield m1
        } else {
          yield m
        }
        yield m2
      }
      return y, count
    }"""
    assert set(analyse(program(text)).access.values()) == {("in",)}
    assert agree(program(text), X)[0][1] == 3


def test_test_at_the_start_of_a_block_serves_all_its_accesses() -> None:
    text = """
    f(x: f8[:]) {
      a: f8 = load x[0]
      b: f8 = load x[2]
      c: f8 = load x[1]
      d: f8 = add a, b
      e: f8 = add d, c
      return e
    }"""
    assert branches_left(text) == 1
    assert agree(program(text), X)[0] == (3.0,)
    assert agree(program(text), X[:2]) == ["deopt", "bail"]


def test_wrong_index_is_found_by_plain_python() -> None:
    from revtrace.codegen import plain
    from revtrace.codegen.emit import write
    from revtrace.codegen.plan import Plan

    p = program("f(x: f8[:], i: i8) {\n v: f8 = load x[i]\n return v\n}")
    wrong = plain.load(write(p, Plan(access={0: ("in",)})))
    with pytest.raises(AssertionError):
        wrong(X, 7)


def test_a_loop_that_starts_where_outer_ones_are() -> None:
    text = """
    f(x: f8[:], idx: i8[:], n: i8) {
      for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
        for j in range(i, n, 1) carry (p: f8 = s) -> (q: f8) {
          a: i8 = load idx[j]
          for k in range(j, a, 1) carry (y: f8 = p) -> (z: f8) {
            m: i8 = sub k, i
            v: f8 = load x[m]
            w: f8 = add y, v
            yield w
          }
          yield z
        }
        yield q
      }
      return total
    }"""
    p = program(text)
    assert agree(p, X, [2, 3, 5], 3)[0] != "deopt"
    assert agree(p, X, [2, 9, 5], 3) == ["deopt", "bail"]


TRIANGLE = """
    f(x: f8[:], n: i8) {
      for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
        next: i8 = add i, 1
        both: i8 = mul i, next
        first: i8 = floordiv both, 2
        for j in range(0, next, 1) carry (r: f8 = s) -> (row: f8) {
          k: i8 = add first, j
          v: f8 = load x[k]
          t: f8 = add r, v
          yield t
        }
        yield row
      }
      return total
    }"""


def test_a_packed_triangle_is_tested_once() -> None:
    p = program(TRIANGLE)
    assert [len(g) for g in analyse(p).guards.values()] == [1]
    assert set(analyse(p).access.values()) == {("in",)}
    x = np.arange(10.0)
    assert agree(p, x, 4)[0] == (45.0,)
    assert agree(p, x, 0)[0] == agree(p, x[:0], -2)[0] == (0.0,)
    assert agree(p, x, 5) == ["deopt", "bail"]
    # 2**33 * (2**33 + 1) does not fit.
    assert agree(p, x, 2**34) == ["deopt", "bail"]


@pytest.mark.parametrize("product", ["mul i, i", "add i, 1"])
def test_half_of_what_may_be_odd_is_not_exact(product: str) -> None:
    p = program(loop(f"m: i8 = {product}\n a: i8 = floordiv m, 2\n v: f8 = load x[a]"))
    for size in range(4):
        agree(p, X, size)
    assert agree(p, X, 40) == ["deopt", "bail"]
