"""What is kept for the backward sweep, in bytes per iteration, and from where the rest comes."""

from __future__ import annotations

from revtrace.passes import prepared, reverse
from revtrace.passes.plan import Answer
from revtrace.program.parse import parse


def answers(text: str, inputs: tuple[int, ...]) -> list[Answer]:
    program = prepared(parse(text))
    _, plan = reverse(program, inputs, (0,))
    return plan.answers


def kept(text: str, inputs: tuple[int, ...] = (0,)) -> list[int]:
    return sorted(a.bytes for a in answers(text, inputs) if a.answer in ("keep", "restore") and a.bytes)


SUM_OF_SQUARES = """
f(x: f8[:]) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (s: f8 = 0.0) -> (s1: f8) {
    a: f8 = load x[i]
    b: f8 = mul a, a
    c: f8 = add s, b
    yield c
  }
  r: f8 = sqrt s1
  return r
}
"""


def test_nothing_is_kept_of_what_can_be_loaded_again() -> None:
    assert kept(SUM_OF_SQUARES) == []


RECURRENCE = """
f(th: f8[:], x: f8[:]) {
  n: i8 = dim x axis=0
  a: f8 = load th[0]
  b: f8 = load th[1]
  for t in range(0, n, 1) carry (h: f8 = 0.1, s: f8 = 0.0) -> (h1: f8, s1: f8) {
    u: f8 = mul a, h
    v: f8 = load x[t]
    w: f8 = mul b, v
    z: f8 = add u, w
    y: f8 = tanh z
    q: f8 = mul y, y
    p: f8 = add s, q
    yield y, p
  }
  return s1
}
"""


def test_a_recurrence_keeps_one_number_per_step_and_walks_the_other() -> None:
    assert kept(RECURRENCE, (0, 1)) == [8]
    assert "walk" in {a.answer for a in answers(RECURRENCE, (0, 1))}


STENCIL = """
f(u0: f8[:], steps: i8) {
  n: i8 = dim u0 axis=0
  u: f8[:] = copy u0
  v: f8[:] = copy u0
  m: i8 = sub n, 1
  for t in range(0, steps, 1) carry (p: f8[:] = u, q: f8[:] = v) -> (p1: f8[:], q1: f8[:]) {
    for i in range(1, m, 1) {
      j: i8 = sub i, 1
      k: i8 = add i, 1
      a: f8 = load p[j]
      b: f8 = load p[k]
      c: f8 = add a, b
      d: f8 = mul c, 0.5
      store q[i] = d
    }
    yield q, p
  }
  r: f8 = load p1[3]
  return r
}
"""


def test_a_linear_stencil_keeps_nothing() -> None:
    assert kept(STENCIL) == []


BRANCH = """
f(x: f8, z: f8, n: i8) {
  for t in range(0, n, 1) carry (h: f8 = x) -> (h1: f8) {
    big: b1 = gt h, 1.0
    if big -> (y: f8) {
      a: f8 = mul h, 0.5
      yield a
    } else {
      b: f8 = mul h, 3.0
      yield b
    }
    w: f8 = add y, z
    yield w
  }
  return h1
}
"""


def test_of_a_branch_a_bit_is_kept_where_the_arms_are_linear() -> None:
    assert kept(BRANCH, (0, 1)) == [1]


MAXIMUM = """
f(x: f8[:]) {
  n: i8 = dim x axis=0
  a: f8 = load x[0]
  for i in range(1, n, 1) carry (m: f8 = a) -> (m1: f8) {
    b: f8 = load x[i]
    c: f8 = max m, b
    yield c
  }
  r: f8 = sin m1
  return r
}
"""


def test_a_maximum_keeps_nothing() -> None:
    assert kept(MAXIMUM) == []


INPLACE = """
f(x: f8[:], steps: i8) {
  n: i8 = dim x axis=0
  for t in range(0, steps, 1) carry (s: f8 = 0.0) -> (s1: f8) {
    for i in range(0, n, 1) carry (z: f8 = s) -> (z1: f8) {
      a: f8 = load x[i]
      for j in range(0, n, 1) carry (y: f8 = z) -> (y1: f8) {
        b: f8 = load x[j]
        c: f8 = mul a, b
        d: f8 = mul c, b
        e: f8 = add y, d
        yield e
      }
      yield y1
    }
    for k in range(0, n, 1) {
      g: f8 = load x[k]
      h: f8 = mul g, 0.9
      store x[k] = h
    }
    yield z1
  }
  return s1
}
"""


def test_a_buffer_read_more_often_than_written_is_restored() -> None:
    assert kept(INPLACE) == [8]
    assert [a.loops for a in answers(INPLACE, (0,)) if a.answer == "restore"] == [2]


COUNTER = """
f(x: f8, z: f8, tol: f8) {
  while carry (s: f8 = x, k: i8 = 0) -> (s1: f8, k1: i8) {
    a: f8 = abs s
    b: b1 = gt a, tol
    test b
  } do {
    m: i8 = add k, 1
    c: f8 = cast m
    d: f8 = div z, c
    e: f8 = mul s, d
    yield e, m
  }
  return s1
}
"""


def test_a_counter_is_undone() -> None:
    assert kept(COUNTER, (0, 1)) == [8]
    assert "undo" in {a.answer for a in answers(COUNTER, (0, 1))}


def test_nothing_is_kept_of_a_loop_that_one_number_enters() -> None:
    assert kept(COUNTER) == kept(BRANCH) == []
    assert "forward" in {a.answer for a in answers(COUNTER, (0,))}


TABLE = """
f(x: f8[:]) {
  n: i8 = dim x axis=0
  d: f8[:,:] = alloc n, n zeros=true
  for i in range(1, n, 1) {
    for j in range(1, n, 1) {
      p: i8 = sub i, 1
      q: i8 = sub j, 1
      a: f8 = load d[p, q]
      b: f8 = load d[i, q]
      c: f8 = load x[i]
      e: f8 = mul a, b
      g: f8 = mul e, c
      h: f8 = add g, c
      store d[i, j] = h
    }
  }
  r: f8 = load d[3, 3]
  return r
}
"""


def test_a_table_written_once_per_cell_is_read_again() -> None:
    assert kept(TABLE) == []
