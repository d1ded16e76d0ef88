"""Kernels that C calls."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from revtrace.codegen import build, emit
from revtrace.codegen.build import load
from tests.codegen.run import program

SCALED = """
scaled(a: f8, flag: b1, x: f4[:, :], k: i4, out: f4[:, :], total: c16[]) {
  good: b1 = ge a, 0.0
  check good kind="negative"
  copyto out, x
  n: i8 = dim x axis=0
  for i in range(0, n, 1) {
    b: f4 = cast a
    store out[i, 1] = b
  }
  z: c16 = cast a
  store total[] = z
  return 0
}"""


def test_addresses_and_lengths() -> None:
    source = program(SCALED)
    kernel = build(source, source=emit(source, native=True))
    with pytest.raises(TypeError):
        kernel.dispatch(1.0)
    for each in (kernel, load(kernel.save())):
        run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)(each.address)
        x, out = np.arange(6.0, dtype=np.float32).reshape(3, 2), np.zeros((3, 2), np.float32)
        a, total = np.array(5.0), np.array(0j)
        given = [a, np.array(True), x, np.array(3, np.int32), out, total]
        shapes = [np.array(y.shape or (0,), np.int64) for y in given]
        data = np.array([y.ctypes.data for y in given], np.int64)
        lengths = np.array([y.ctypes.data for y in shapes], np.int64)
        assert run(data.ctypes.data, lengths.ctypes.data) == 0
        assert out.tolist() == [[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]]
        assert total == 5.0
        a[...] = -1.0
        assert run(data.ctypes.data, lengths.ctypes.data) != 0
        a[...], shapes[4][0] = 1.0, 2
        # The arrays are not of one shape.
        assert run(data.ctypes.data, lengths.ctypes.data) != 0


def test_arrays_are_not_returned() -> None:
    source = program("f(x: f8[:]) {\n y: f8[:] = copy x\n return y\n}")
    with pytest.raises(ValueError, match="returns no arrays"):
        build(source, source=emit(source, native=True))
