"""Vector forms of elementary functions: accuracy, special values, and where they are used."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from revtrace.codegen import build, emit
from revtrace.codegen.vector import MATH
from tests.codegen.run import agree, program

_RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    "exp": ((-1, 1), (-745, -700), (-700, 709.7)),
    "tanh": ((-0.4, 0.4), (-3, 3), (-25, 25)),
    "log": ((0.5, 2), (1e-300, 1e-290), (1, 1e9)),
    "log2": ((0.5, 2), (1, 1e9)),
    "log10": ((0.5, 2), (1, 1e9)),
    "log1p": ((-0.5, 0.5), (1, 1e9)),
    "exp2": ((-1, 1), (-1000, 1000)),
    "sinh": ((-1, 1), (-700, 700)),
    "cosh": ((-1, 1), (-700, 700)),
    "acos": ((-1, 1),),
    "asinh": ((-1, 1), (-1e6, 1e6)),
    "acosh": ((1.0001, 2), (2, 1e6)),
    "atanh": ((-0.9, 0.9),),
}


def _elementwise(name: str) -> Any:
    p = program(
        f"""
        f(x: f8[:]) {{
          n: i8 = dim x axis=0
          y: f8[:] = alloc n zeros=false
          for i in range(0, n, 1) carry () -> () {{
            v: f8 = load x[i]
            w: f8 = {name} v
            store y[i] = w
            yield
          }}
          return y
        }}"""
    )
    assert f"v{name}(" in emit(p).text
    return build(p).dispatch


def test_every_function_has_its_range() -> None:
    assert _RANGES.keys() == MATH


@pytest.mark.parametrize("name", sorted(MATH))
def test_within_two_ulp(name: str) -> None:
    f = _elementwise(name)
    reference = getattr(mpmath, name)
    with mpmath.workprec(120):
        for low, high in _RANGES[name]:
            x = np.random.default_rng(0).uniform(low, high, 403)
            (y,) = f(x)
            for a, b in zip(x, y, strict=True):
                want = reference(mpmath.mpf(a))
                assert abs(want - b) <= 2 * np.spacing(abs(float(want))), (a, b)


@pytest.mark.parametrize("name", ["exp", "tanh", "log"])
def test_special_values(name: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, 1.0, 709.78, 709.79, -745.1, -745.2, 19.1])
    (y,) = _elementwise(name)(x)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x)
    np.testing.assert_allclose(y, want, rtol=1e-15, atol=0)
    np.testing.assert_array_equal(np.signbit(y[:2]), np.signbit(want[:2]))
    if name == "tanh":
        assert np.nanmax(np.abs(_elementwise(name)(np.linspace(15, 25, 1001))[0])) == 1.0


def test_single_precision_stays() -> None:
    text = """
    f(x: f4[:]) {
      n: i8 = dim x axis=0
      for i in range(0, n, 1) carry () -> () {
        v: f4 = load x[i]
        w: f4 = exp v
        store x[i] = w
        yield
      }
      return x
    }"""
    agree(program(text), np.linspace(-2, 2, 9), compiled=True)


def test_an_array_of_no_axes_is_written_in_order() -> None:
    text = """
    f(x: f8[:], y: f8[]) {
      n: i8 = dim x axis=0
      for i in range(0, n, 1) carry () -> () {
        v: f8 = load x[i]
        store y[] = v
        yield
      }
      return y
    }"""
    agree(program(text), np.linspace(-2, 2, 9), 0.5)


SOFTMAX = """
f(x: f8[:]) {
  n: i8 = dim x axis=0
  kept: f8[:] = alloc n zeros=false
  for i in range(0, n, 1) carry (s: f8 = 0.0, t: f8 = 1.0) -> (total: f8, other: f8) {
    v: f8 = load x[i]
    e: f8 = exp v
    store kept[i] = e
    s2: f8 = add s, e
    t2: f8 = accum t, v
    yield s2, t2
  }
  return total, other, kept
}"""


def test_a_sum_in_order_leaves_the_loop_of_its_terms() -> None:
    text = emit(program(SOFTMAX)).text
    assert text.count("for ") == 2 and "vexp(" in text
    x = np.random.default_rng(0).normal(size=1001)
    total, _, kept = build(program(SOFTMAX)).dispatch(x)
    in_order = 0.0
    for e in kept:
        in_order += e
    assert total == in_order
    agree(program(SOFTMAX), x)
    agree(program(SOFTMAX), x[:0])


def test_a_sum_leaves_the_loop_where_terms_take_the_place_of_what_they_are_made_of() -> None:
    p = program(SOFTMAX.replace("store kept[i]", "store x[i]"))
    text = emit(p).text
    assert text.count("for ") == 2 and "vexp(" in text
    agree(p, np.random.default_rng(0).normal(size=37))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("store kept[i] = e", "z: f8 = load kept[0]\n store kept[i] = e"),
        ("store kept[i] = e", "store kept[i] = e\n store kept[0] = v"),
        ("t2: f8 = accum t, v", "t2: f8 = mul t, s"),
        ("exp v", "sin v"),
    ],
)
def test_a_sum_stays_where_iterations_depend_on_each_other(old: str, new: str) -> None:
    p = program(SOFTMAX.replace(old, new))
    assert emit(p).text.count("for ") == 1
    agree(p, np.linspace(-1, 1, 5))


def test_terms_that_are_not_kept_are_set_aside() -> None:
    p = program(SOFTMAX.replace("store kept[i] = e", "store kept[i] = v"))
    assert emit(p).text.count("for ") == 3 and "put(terms, vexp(" in emit(p).text
    agree(p, np.linspace(-1, 1, 300))


def test_a_loop_that_depends_on_itself_calls_the_library() -> None:
    text = """
    f(x: f8[:]) {
      n: i8 = dim x axis=0
      for i in range(0, n, 1) carry (h: f8 = 0.0) -> (last: f8) {
        v: f8 = load x[i]
        a: f8 = add v, h
        t: f8 = tanh a
        yield t
      }
      for j in range(1, n, 1) carry () -> () {
        k: i8 = sub j, 1
        w: f8 = load x[k]
        e: f8 = exp w
        store x[j] = e
        yield
      }
      return last
    }"""
    source = emit(program(text)).text
    assert "math.tanh(" in source and "math.exp(" in source
    assert math.isclose(agree(program(text), [0.5, 0.2])[0][0], math.tanh(0.2 + math.tanh(0.5)))


def test_vector_forms_can_be_refused() -> None:
    assert "vexp(" not in emit(program(SOFTMAX), vector=False).text
