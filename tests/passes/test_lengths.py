"""Arithmetic of lengths: functions of one length against their values, and programs against the interpreter."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes import differentiate, prepared
from revtrace.passes.affine import Form, combined, constant, identity
from revtrace.passes.lengths import lengths
from revtrace.program import Op, Var
from revtrace.program.nodes import For, walk
from revtrace.program.parse import parse
from revtrace.program.types import INT
from revtrace.program.verify import verify
from revtrace.replay.interpret import Bail, run

N = Var(INT, "n")
INTEGERS = {"add": operator.add, "sub": operator.sub, "min": min, "max": max}
TESTS = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


def tree(draw: st.DrawFn, depth: int) -> tuple[Form | None, object]:
    """Return a random expression as a form and as a function."""
    if depth == 0:
        if draw(st.booleans()):
            return identity(N), lambda n: n
        c = draw(st.integers(-30, 30))
        return constant(c), lambda n: c
    name = draw(st.sampled_from([*INTEGERS, *INTEGERS, "select"]))
    f, p = tree(draw, depth - 1)
    g, q = tree(draw, depth - 1)
    if name == "select":
        test = draw(st.sampled_from(list(TESTS)))
        a, u = tree(draw, depth - 1)
        b, v = tree(draw, depth - 1)
        if None in (f, g, a, b):
            return None, None
        cond = combined(test, [a, b])
        if cond is None:
            return None, None
        return combined("select", [cond, f, g]), lambda n: p(n) if TESTS[test](u(n), v(n)) else q(n)
    if f is None or g is None:
        return None, None
    return combined(name, [f, g]), lambda n: INTEGERS[name](p(n), q(n))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), depth=st.integers(1, 3), least=st.integers(0, 60))
def test_forms_are_the_functions(data: st.DataObject, depth: int, least: int) -> None:
    form, function = data.draw(st.composite(lambda draw: tree(draw, depth))())
    if form is None:
        return
    values = [function(n) for n in range(250)]
    assert [form.at(n) for n in range(250)] == values
    c = form.constant_from(least)
    assert (c is not None) == (len(set(values[least:])) == 1)
    assert c is None or c == values[least]
    shift = form.shift_from(least)
    assert (shift is not None) == all(v - n == values[least] - least for n, v in enumerate(values[least:], least))
    clip = form.clipped_from(least)
    if clip is not None:
        assert values[least:] == [max(n + clip, 0) for n in range(least, 250)]
    bound = data.draw(st.integers(-40, 40))
    first = form.exceeds_from(bound, least)
    found = [n for n in range(least, 250) if values[n] > bound]
    assert first == (found[0] if found else None)


SLICES = """
f(x: f8[:], y: f8[:]) {
  n: i8 = dim x axis=0
  m: i8 = dim y axis=0
  low: i8 = min FIRST, n
  short: i8 = sub n, LAST
  high: i8 = max short, 0
  length: i8 = sub high, low
  k: i8 = max length, 0
  other: i8 = sub n, BOTH
  clipped: i8 = max other, 0
  same: b1 = eq clipped, k
  check same kind="shape"
  equal: b1 = eq n, m
  check equal kind="shape"
  a: f8[:] = alloc n zeros=true
  for i in range(0, k, 1) {
    p: i8 = add low, i
    u: f8 = load x[p]
    v: f8 = load y[i]
    q: i8 = add p, low
    w: f8 = mul u, v
    store a[p] = w
    store a[i] = w
  }
  last: i8 = sub m, 1
  some: b1 = gt m, 0
  if some -> (e: f8) {
    g: f8 = load y[last]
    yield g
  } else {
    yield 1.0
  }
  for j in range(0, m, 1) carry (s: f8 = e) -> (s1: f8) {
    b: f8 = load a[j]
    c: f8 = mul b, b
    d: f8 = add s, c
    yield d
  }
  return s1
}
"""


@pytest.mark.parametrize(("first", "last"), [(1, 1), (2, 1), (0, 3), (5, 7)])
def test_slices_are_loops_from_a_constant(first: int, last: int) -> None:
    text = SLICES.replace("FIRST", str(first)).replace("LAST", str(last)).replace("BOTH", str(first + last))
    primal = parse(text)
    made = lengths(primal)
    verify(made)
    # What always holds is not tested; the loop's first index is a constant.
    assert sum(isinstance(s, Op) and s.name == "check" for s in walk(made.body)) == 1
    loop = next(s for s in made.body.stmts if isinstance(s, For))
    if first:
        places = [s.args for s in walk(loop.body) if isinstance(s, Op) and s.name == "add"]
        assert any(getattr(x, "value", None) == first for args in places for x in args)
    for n in range(16):
        x, y = np.random.default_rng(n).random((2, n))
        (plain,) = run(primal, [x.copy(), y.copy()])
        for other in (made, prepared(primal)):
            (value,) = run(other, [x.copy(), y.copy()])
            assert value == plain
        verify(differentiate(primal, (0, 1), (0,)))


def test_lengths_found_equal_are_not_equal_before() -> None:
    """What a check has found holds after it only, and an access by another's length is looked at anew."""
    text = SLICES.replace("FIRST", "1").replace("LAST", "1").replace("BOTH", "2")
    made = prepared(parse(text))
    for x, y in ((np.ones(4), np.ones(3)), (np.ones(3), np.ones(4)), (np.ones(3), np.ones(0))):
        with pytest.raises(Bail):
            run(made, [x.copy(), y.copy()])
