"""The builtin function before a kernel: what it takes, what it returns, what it leaves behind."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from revtrace.codegen import Bail, build, emit
from revtrace.codegen.kernel import compile_source, numba_type
from tests.codegen.run import program

DTYPES = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16"]

DOUBLE = """
double(x: f8[:]) {
  n: i8 = dim x axis=0
  y: f8[:] = alloc n zeros=false
  for i in range(0, n, 1) {
    v: f8 = load x[i]
    w: f8 = mul v, 2.0
    store y[i] = w
  }
  return y
}"""


def numpy_type(dtype: str) -> np.dtype[Any]:
    return np.dtype(bool if dtype == "b1" else dtype)


class Subclass(np.ndarray):
    pass


def misaligned(x: np.ndarray) -> np.ndarray:
    buffer = np.zeros(x.nbytes + 1, np.uint8)[1:]
    out = np.frombuffer(buffer, x.dtype).reshape(x.shape)
    out[...] = x
    return out


def test_only_arrays_of_the_type_are_taken() -> None:
    run = build(program(DOUBLE)).dispatch
    x = np.arange(6.0)
    assert run(x)[0].tolist() == [0, 2, 4, 6, 8, 10]
    others = (
        x.astype("f4"), x.astype("i8"), x.astype("c16"), x.astype(">f8"), x.reshape(2, 3), np.array(1.0), x[::2],
        misaligned(x), x.view(Subclass), x.tolist(), 1.0, None, np.float64(1.0), x.astype(object),
    )  # fmt: skip
    for other in others:
        with pytest.raises(TypeError):
            run(other)
    for arguments in ((), (x, x)):
        with pytest.raises(TypeError):
            run(*arguments)
    with pytest.raises(TypeError):
        run(x=x)


def test_arrays_that_are_alike_are_taken() -> None:
    run = build(program(DOUBLE)).dispatch
    x = np.arange(6.0)
    fixed = x.copy()
    fixed.flags.writeable = False
    marked = np.arange(6.0).astype(np.dtype("f8", metadata={"unit": "m"}))
    for like in (fixed, marked, x[:], x[2:4], x[::7], x[:0], np.broadcast_to(x, (1, 6))[0]):
        assert run(like)[0].tolist() == (2 * like).tolist()
    whole = build(program("f(x: i8[:]) {\n v: i8 = load x[0]\n return v\n}"), careful=True).dispatch
    assert whole(np.array([3], np.longlong)) == whole(np.array([3], np.int64)) == (3,)


def test_arrays_that_are_written_must_be_writeable() -> None:
    run = build(program("f(x: f8[:], y: f8[:]) {\n fill x, 2.0\n return y\n}")).dispatch
    x, y = np.zeros(2), np.zeros(2)
    y.flags.writeable = False
    assert run(x, y)[0] is y and x.tolist() == [2.0, 2.0]
    with pytest.raises(TypeError):
        run(y, x)


def test_numbers_are_taken_and_refused_as_python_converts_them() -> None:
    run = build(program("f(x: f8, n: i8, b: b1, z: c16, s: f4) {\n return x, n, b, z, s\n}")).dispatch
    for x in (-1.0, 0.0, np.float64(-1.0), 5e-324, float("inf")):
        assert run(x, -1, True, 1j, 0.5) == (x, -1, True, 1j, 0.5)
    assert run(np.float32(0.5), np.int32(-3), np.bool_(False), np.complex64(2j), np.float32(0.1)) == (
        0.5, -3, False, 2j, float(np.float32(0.1)),
    )  # fmt: skip
    for bad, error in ((("a", 1), TypeError), ((1.0, 2**63), OverflowError), ((1.0, "a"), (TypeError, ValueError))):
        with pytest.raises(error):
            run(*bad, True, 1j, 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_type_come_and_go(dtype: str) -> None:
    text = f"""
    f(x: {dtype}[:, :]) {{
      y: {dtype}[:, :] = copy x
      n: i8 = dim x axis=0
      z: {dtype}[:] = alloc n zeros=true
      v: {dtype} = load x[1, 2]
      return y, z, x, y, v
    }}"""
    x = np.arange(6).reshape(2, 3).astype(numpy_type(dtype))
    source = emit(program(text), careful=True, boxed=[4])
    run = compile_source(source, tuple(numba_type(v.type) for v in program(text).inputs)).dispatch
    y, z, same, again, v = run(x)
    assert same is x and again is y and y is not x
    assert y.tolist() == x.tolist() and z.tolist() == [0, 0]
    assert y.dtype is z.dtype is numpy_type(dtype) and type(v) is numpy_type(dtype).type and v == x[1, 2]
    assert y.flags.owndata and y.flags.carray and z.flags.owndata and z.base is None


def test_every_call_returns_new_arrays() -> None:
    run = build(program(DOUBLE)).dispatch
    x = np.ones(100)
    first, second = run(x)[0], run(x)[0]
    first[:] = 7.0
    assert not np.shares_memory(first, second) and second.tolist() == [2.0] * 100


SWAPPED = """
f(x: f8[:], steps: i8) {
  a: f8[:] = copy x
  for t in range(0, steps, 1) carry (u: f8[:] = x, v: f8[:] = a) -> (p: f8[:], q: f8[:]) {
    addto u[0] += 1.0
    yield v, u
  }
  return p, q
}"""


def test_arrays_exchanged_in_a_loop_stay_themselves() -> None:
    run = build(program(SWAPPED), careful=True).dispatch
    for steps in range(4):
        x = np.zeros(3)
        p, q = run(x, steps)
        assert (q if steps % 2 else p) is x and (p if steps % 2 else q) is not x
        assert p[0] + q[0] == steps


EITHER = """
f(x: f8[:], n: i8) {
  b: b1 = gt n, 0
  a: f8[:] = alloc n zeros=true
  if b -> (y: f8[:]) {
    c: f8[:] = alloc n zeros=false
    fill c, 1.0
    v: f8 = load x[n]
    store c[0] = v
    yield c
  } else {
    yield a
  }
  return y
}"""


def test_nothing_is_left_behind() -> None:
    """Whether the kernel returns one of its arrays or another, or gives up after it made them."""
    run = build(program(EITHER), careful=True).dispatch
    swapped = build(program(SWAPPED), careful=True).dispatch
    x = np.ones(2000)

    def each() -> None:
        assert run(x, 1000)[0][1] == 1.0
        assert run(x, 0)[0].size == 0
        with pytest.raises(Bail):
            run(x, 5000)
        with pytest.raises(TypeError):
            run(x, 1.5j)
        assert swapped(x.copy(), 1)[1][0] == 2.0

    each()
    tracemalloc.start()
    try:
        each()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            each()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 8000


def test_too_large_an_array_is_a_memory_error() -> None:
    run = build(program("f(n: i8) {\n a: f8[:] = alloc n zeros=false\n return a\n}")).dispatch
    with pytest.raises(MemoryError):
        run(2**50)
    with pytest.raises(Bail):
        run(2**61)


def test_a_kernel_that_always_fails() -> None:
    text = 'f(s: f8) {\n check false kind="unsupported: nothing" soft=false\n return s\n}'
    with pytest.raises(Bail):
        build(program(text)).dispatch(1.5)


def test_no_arguments_and_no_results() -> None:
    assert build(program("f() {\n return\n}")).dispatch() == ()


@pytest.mark.parametrize("form", [None, (0, (1, ()), 2), ((0,), 1, (2,)), (0, 1, 2)])
def test_results_come_in_the_form_asked_for(form: Any) -> None:
    text = program("f(x: f8[:], s: f8) {\n y: f8[:] = copy x\n return s, y, s\n}")
    source = emit(text, boxed=[2], form=form)
    run = compile_source(source, tuple(numba_type(v.type) for v in text.inputs)).dispatch
    x = np.arange(3.0)

    def checked(part: Any, found: Any) -> None:
        if isinstance(part, tuple):
            assert type(found) is tuple and len(found) == len(part)
            for each in zip(part, found, strict=True):
                checked(*each)
        elif part == 1:
            assert found.tolist() == [0.0, 1.0, 2.0]
        else:
            assert found == 1.5 and type(found) is (np.float64 if part == 2 else float)

    checked((0, 1, 2) if form is None else form, run(x, 1.5))


def test_one_result_can_come_alone() -> None:
    text = program(DOUBLE)
    run = compile_source(emit(text, form=0), tuple(numba_type(v.type) for v in text.inputs)).dispatch
    assert run(np.ones(2)).tolist() == [2.0, 2.0]
