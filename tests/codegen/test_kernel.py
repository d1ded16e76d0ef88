"""Compiled programs: values, types, memory, the form on disk."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from revtrace.codegen import Bail, build, emit, load
from tests.codegen.run import agree, program, typed

NORM = """
norm(x: f8[:]) {
  n: i8 = dim x axis=0
  g: f8[:] = alloc n zeros=true
  for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {
    v: f8 = load x[i]
    w: f8 = mul v, v
    t: f8 = accum s, w
    d: f8 = mul v, 2.0
    addto g[i] += d
    yield t
  }
  return total, g
}"""


def test_norm() -> None:
    (value, gradient), _ = agree(program(NORM), np.arange(9.0), compiled=True)
    assert value == 204.0 and gradient.tolist() == [2.0 * k for k in range(9)]


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "bitxor", "floordiv", "mod"])
def test_integers_keep_their_width(dtype: str, name: str) -> None:
    text = f"f(x: {dtype}, y: {dtype}) {{\n z: {dtype} = {name} x, y\n return z\n}}"
    big = int(np.iinfo(dtype).max)
    results = [agree(program(text), *pair, compiled=True)[0][0] for pair in ((big, 3), (7, big), (0, 5))]
    # numba returns Python integers, so a value too wide would show.
    assert all(np.iinfo(dtype).min <= r <= big for r in results)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_floats_keep_their_width(dtype: str) -> None:
    literal = {"f8": "0.1", "f4": "0.1:f4", "c16": "(0.1+0j)", "c8": "(0.1+0j):c8"}[dtype]
    text = f"""
    f(x: {dtype}[:], y: {dtype}) {{
      a: {dtype} = load x[0]
      b: {dtype} = mul a, {literal}
      c: {dtype} = add b, y
      d: {dtype} = accum c, a
      e: {dtype} = div d, y
      store x[1] = e
      addto x[0] += e
      return x, e
    }}"""
    agree(program(text), [1.5, 2.5], 0.3, compiled=True)


def test_booleans_in_arrays_and_on_stacks() -> None:
    text = """
    f(x: f8[:]) {
      n: i8 = dim x axis=0
      s: stack<b1> = stack
      flags: b1[:] = alloc n zeros=true
      for i in range(0, n, 1) carry () -> () {
        v: f8 = load x[i]
        p: b1 = gt v, 0.0
        push s, p
        store flags[i] = p
        yield
      }
      for j in range(0, n, 1) carry (count: i8 = 0) -> (total: i8) {
        p2: b1 = pop s
        q: b1 = load flags[j]
        r: b1 = xor p2, q
        k: i8 = cast r
        next: i8 = add count, k
        yield next
      }
      return total, flags
    }"""
    assert agree(program(text), [1.0, -1.0, 2.0, -2.0, -3.0], compiled=True)[0][0] == 2


WHILE = """
collatz(n: i8) {
  s: stack<i8> = stack
  while carry (k: i8 = n) -> (last: i8), count steps {
    more: b1 = gt k, 1
    test more
  } do {
    push s, k
    half: i8 = floordiv k, 2
    rest: i8 = mod k, 2
    odd: b1 = eq rest, 1
    triple: i8 = mul k, 3
    up: i8 = add triple, 1
    next: i8 = select odd, up, half
    yield next
  }
  for i in range(0, steps, 1) carry (total: i8 = 0) -> (out: i8) {
    v: i8 = pop s
    t: i8 = add total, v
    yield t
  }
  return out, steps
}"""


def test_stack_grows_in_a_while_loop() -> None:
    assert agree(program(WHILE), 97, compiled=True)[0] == (103253, 118)


def test_room_is_made_before_the_outermost_loop() -> None:
    text = """
    f(x: f8[:, :], p: i8) {
      n: i8 = dim x axis=0
      m: i8 = dim x axis=1
      s: stack<f8> = stack
      for i in range(0, n, 1) carry () -> () {
        for j in range(0, m, 2) carry () -> () {
          v: f8 = load x[i, j]
          push s, v
          push s, 1.0
          yield
        }
        for k in range(0, i, 1) carry () -> () {
          odd: b1 = gt k, p
          if odd {
            push s, 2.0
            yield
          } else {
            yield
          }
          yield
        }
        yield
      }
      a: f8 = pop s
      b: f8 = pop s
      return a, b
    }"""
    for size in ((1, 1), (3, 5), (7, 2)):
        agree(program(text), np.arange(float(np.prod(size))).reshape(size), 1)
    agree(program(text), np.ones((9, 40)), -1, compiled=True)


def test_arrays_made_swapped_and_returned() -> None:
    text = """
    f(x: f8[:], steps: i8) {
      a: f8[:] = copy x
      n: i8 = dim x axis=0
      b: f8[:] = alloc n zeros=false
      fill b, 0.5
      for t in range(0, steps, 1) carry (u: f8[:] = a, v: f8[:] = b) -> (p: f8[:], q: f8[:]) {
        addto u[0] += 1.0
        yield v, u
      }
      copyto x, p
      return p, q, x, x
    }"""
    for steps in range(3):
        agree(program(text), np.arange(3.0), steps, compiled=True)


def test_results_are_of_exact_types() -> None:
    kernel = build(program("f(x: f8, n: i8) {\n b: b1 = gt x, 0.0\n z: c16 = cast x\n return x, n, b, z\n}"))
    assert [type(r) for r in kernel.dispatch(1.5, 2)] == [float, int, bool, complex]
    assert build(program("f() {\n return\n}")).dispatch() == ()


def test_saved_kernel_runs_in_another_process(tmp_path: Any) -> None:
    path = tmp_path / "kernel"
    kernel = build(program(NORM))
    path.write_bytes(kernel.save())
    again = load(path.read_bytes())
    assert again.source == kernel.source
    assert again.dispatch(np.arange(4.0))[0] == 14.0
    code = f"""
import numpy
from revtrace.codegen import load
k = load(open({str(path)!r}, "rb").read())
value, gradient = k.dispatch(numpy.arange(5.0))
assert value == 30.0 and gradient.tolist() == [0, 2, 4, 6, 8]
try:
    k.dispatch(numpy.arange(5))
except TypeError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_saved_kernel_still_bails(tmp_path: Any) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(build(program("f(x: f8[:]) {\n v: f8 = load x[3]\n return v\n}"), careful=True).save())
    code = f"""
import numpy
from revtrace.codegen import Bail, load
try:
    load(open({str(path)!r}, "rb").read()).dispatch(numpy.arange(3.0))
except Bail:
    print("bailed")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "bailed\n"


def test_source_does_not_depend_on_the_process() -> None:
    assert emit(program(NORM)) == emit(program(NORM))


def test_numba_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, revtrace.codegen; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


LEAK = """
f(x: f8[:], steps: i8) {
  n: i8 = dim x axis=0
  a: f8[:] = copy x
  b: f8[:] = alloc n zeros=true
  s: stack<f8> = stack
  for t in range(0, steps, 1) carry (u: f8[:] = a, v: f8[:] = b) -> (p: f8[:], q: f8[:]) {
    w: f8 = load u[0]
    push s, w
    ok: b1 = lt w, 3.0
    check ok kind="range" soft=false
    addto u[0] += 1.0
    c: f8[:] = alloc n zeros=true
    z: f8 = load c[0]
    store c[0] = w
    yield v, u
  }
  return p
}"""


def _held() -> tuple[int, int]:
    from numba.core.runtime import rtsys

    stats = rtsys.get_allocation_stats()
    return stats.alloc - stats.free, stats.mi_alloc - stats.mi_free


@pytest.mark.parametrize("careful", [False, True])
def test_memory_is_freed_on_return_bail_and_deopt(careful: bool) -> None:
    from numba.core.runtime import _nrt_python

    p = program(LEAK)
    kernel = build(p, careful=careful)
    _nrt_python.memsys_enable_stats()
    before = _held()
    for steps in (0, 3, 20):
        for size in (0, 1, 4):
            try:
                kernel.dispatch(*typed(p, (np.zeros(size), steps)))
            except Exception as e:
                assert type(e).__module__ == "revtrace.codegen.signals"
    with pytest.raises(Bail):
        kernel.dispatch(np.zeros(4), 20)
    kernel.dispatch(np.zeros(4), 2)
    assert _held() == before


def test_soft_check_ends_a_loop_that_would_not_end() -> None:
    text = """
    f(x: f8) {
      while carry (v: f8 = x) -> (last: f8) {
        more: b1 = ne v, 0.0
        test more
      } do {
        ok: b1 = gt v, 0.0
        check ok kind="domain" soft=true
        w: f8 = sub v, 1.0
        yield w
      }
      return last
    }"""
    assert agree(program(text), 3.0, compiled=True)[0] == (0.0,)
    assert agree(program(text), 2.5, compiled=True) == ["bail", "bail"]


def test_negative_and_huge_lengths_bail() -> None:
    p = program("f(n: i8) {\n a: f8[:, :] = alloc n, 4 zeros=true\n return a\n}")
    assert agree(p, 2, compiled=True)[0][0].shape == (2, 4)
    assert agree(p, -1, compiled=True) == ["bail", "bail"]
    with pytest.raises(Bail):
        build(p, careful=True).dispatch(2**60)


def test_runtime_functions_are_compiled_into_the_kernel() -> None:
    agree(program("f(x: f8) {\n a: f8 = softplus x\n b: f8 = expit a\n return b\n}"), 0.3, compiled=True)


def test_many_checks_in_a_block_are_entered_together() -> None:
    lines = ["f(x: f8) {", "v0: f8 = mul x, 2.0"]
    for k in range(6):
        lines += [
            f"c{k}: b1 = lt v{k}, 1000000.0",
            f'check c{k} kind="range" soft=true',
            f"v{k + 1}: f8 = mul v{k}, v{k}",
        ]
    made = program("\n".join([*lines, "return v6", "}"]))
    assert emit(made).text.count("failed |=") == 1
    kernel = build(made)
    assert kernel(0.5) == (1.0,)
    for x in (1.5, 1e9):
        with pytest.raises(Bail):
            kernel(x)
