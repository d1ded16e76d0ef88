"""The same programs on fractions, on mpmath's numbers, and by complex step."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings

from revtrace.program.parse import parse
from revtrace.program.types import Array
from revtrace.replay import run
from revtrace.rules import RULES
from tests.strategies import Case, programs

NORM2 = """norm2(x: f8[:]) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (out: f8 = 0.0) -> (total: f8) {
    a: f8 = load x[i]
    b: f8 = powi a, 2
    c: f8 = add out, b
    yield c
  }
  return total
}"""

MEAN = """mean(x: f8[:], w: f8) {
  n: i8 = dim x axis=0
  f: f8 = cast n
  y: f8[:] = alloc n zeros=true
  s: f8[:] = alloc 1 zeros=false
  fill s, 0.5
  for i in range(0, n, 1) {
    a: f8 = load x[i]
    b: f8 = mul a, w
    store y[i] = b
    addto s[0] += b
  }
  c: f8 = load s[0]
  d: f8 = div c, f
  t: b1 = gt d, 0.5
  e: f8 = select t, d, 0.25
  return e, y
}"""


def test_fractions_are_exact() -> None:
    x = np.array([Fraction(1, 3), Fraction(2, 7)], object)
    assert run(parse(NORM2), [x]) == (Fraction(1, 9) + Fraction(4, 49),)
    mean, y = run(parse(MEAN), [x, Fraction(3)])
    assert mean == (Fraction(1, 2) + 1 + Fraction(6, 7)) / 2
    assert y.dtype == object and list(y) == [1, Fraction(6, 7)]
    assert all(isinstance(v, Fraction) for v in (mean, *y))


def test_plain_arrays_beside_fractions_are_converted() -> None:
    x = np.array([0.5, 0.25])
    mean, y = run(parse(MEAN), [x, Fraction(8, 3)])
    assert mean == Fraction(5, 4)
    assert list(y) == [Fraction(4, 3), Fraction(2, 3)]


def test_fractions_give_way_where_they_have_no_value() -> None:
    f = parse("f(x: f8) {\n a: f8 = div x, 0.0\n b: f8 = neg a\n c: f8 = div 1.0, a\n return b, c\n}")
    assert run(f, [Fraction(1)]) == (-math.inf, 0)


def test_functions_of_fractions_are_floats() -> None:
    (out,) = run(parse("f(x: f8) {\n a: f8 = sin x\n return a\n}"), [Fraction(1, 2)])
    assert isinstance(out, Fraction) and out == Fraction(math.sin(0.5))


def test_decimals() -> None:
    f = parse("f(x: f8) {\n a: f8 = mul x, 0.5\n b: f8 = add a, x\n return b\n}")
    assert run(f, [Decimal("0.1")]) == (Decimal("0.15"),)


def test_mpmath_keeps_its_precision() -> None:
    f = parse(
        "f(x: f8, n: i8) {\n a: f8 = sin x\n b: f8 = cast n\n c: f8 = sqrt b\n "
        "d: f8 = add a, c\n e: f8 = gamma d\n return e\n}"
    )
    with mpmath.workdps(40):
        (out,) = run(f, [mpmath.mpf(1) / 3, 2])
        exact = mpmath.gamma(mpmath.sin(mpmath.mpf(1) / 3) + mpmath.sqrt(2))
        assert abs(out - exact) < mpmath.mpf(10) ** -38


def test_mpmath_arrays_and_comparisons() -> None:
    x = np.array([mpmath.mpf(1) / 3, mpmath.mpf(2)], object)
    with mpmath.workdps(30):
        (out,) = run(parse(NORM2), [x])
        assert out == (mpmath.mpf(x[0]) ** 2 + 4)
        mean, y = run(parse(MEAN), [x, mpmath.mpf(3)])
        assert isinstance(mean, mpmath.mpf) and isinstance(y[0], mpmath.mpf)


def derivative(name: str, args: tuple[float, ...], k: int) -> float:
    """Derivative of one primitive by complex step through the interpreter."""
    types = ["f8" if isinstance(a, float) else "i8" for a in args]
    inputs = ", ".join(f"x{j}: {t}" for j, t in enumerate(types))
    body = f"y: f8 = {name} {', '.join(f'x{j}' for j in range(len(args)))}\n return y"
    step = [complex(a, 1e-30 * (j == k)) if isinstance(a, float) else a for j, a in enumerate(args)]
    (out,) = run(parse(f"f({inputs}) {{\n{body}\n}}"), step)
    assert math.isclose(out.real, RULES[name].forward(*args), rel_tol=1e-13, abs_tol=1e-300)
    return float(out.imag / 1e-30)


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("sin", (0.7,), (math.cos(0.7),)),
        ("log", (3.0,), (1 / 3,)),
        ("sqrt", (4.0,), (0.25,)),
        ("div", (3.0, 4.0), (0.25, -3 / 16)),
        ("pow", (2.0, 3.5), (3.5 * 2**2.5, 2**3.5 * math.log(2))),
        ("pow", (-2.0, 3.0), (12.0, None)),
        ("powi", (-2.0, 3), (12.0,)),
        ("abs", (-2.0,), (-1.0,)),
        ("abs", (2.0,), (1.0,)),
        ("max", (2.0, 3.0), (0.0, 1.0)),
        ("max", (3.0, 3.0), (1.0, 0.0)),
        ("min", (2.0, 3.0), (1.0, 0.0)),
        ("maximum", (3.0, 3.0), (0.5, 0.5)),
        ("copysign", (2.0, -3.0), (-1.0, 0.0)),
        ("copysign", (-2.0, -3.0), (1.0, 0.0)),
        ("fmod", (-7.0, 3.0), (1.0, 2.0)),
        ("mod", (-7.0, 3.0), (1.0, 3.0)),
        ("remainder", (8.0, 3.0), (1.0, -3.0)),
        ("atan2", (1.0, 2.0), (0.4, -0.2)),
        ("hypot", (3.0, 4.0), (0.6, 0.8)),
        ("floor", (1.5,), (0.0,)),
        ("erf", (0.5,), (2 / math.sqrt(math.pi) * math.exp(-0.25),)),
        ("lgamma", (4.5,), (1.388870926359592,)),
    ],
)
def test_complex_step_of_primitives(name: str, args: tuple[float, ...], expected: tuple[float | None, ...]) -> None:
    for k, wanted in enumerate(expected):
        if wanted is not None:
            assert derivative(name, args, k) == pytest.approx(wanted, rel=1e-11, abs=1e-12)


def test_complex_step_outside_the_domain_is_nan() -> None:
    for name, x in (("log", -1.0), ("sqrt", -1.0), ("asin", 2.0)):
        (out,) = run(parse(f"f(x: f8) {{\n y: f8 = {name} x\n return y\n}}"), [complex(x, 1e-30)])
        assert math.isnan(out.real)


def test_complex_step_through_memory_and_branches() -> None:
    x = np.array([0.5, -0.25], "c16")
    x[1] += 1e-30j
    mean, y = run(parse(MEAN), [x, 3.0 + 0j])
    assert mean.imag == pytest.approx(1.5e-30)
    assert y.dtype == np.dtype("c16") and y[1].imag == pytest.approx(3e-30)


def test_complex_step_refuses_complex_programs() -> None:
    with pytest.raises(TypeError, match="complex step"):
        run(parse("f(x: f8) {\n y: c16 = complex x, x\n return y\n}"), [1 + 1e-30j])


@settings(max_examples=60, deadline=None)
@given(programs(smooth=True, exotic=False))
def test_complex_step_agrees_with_differences(case: Case) -> None:
    inputs = case.copies()
    kinds = [v.type for v in case.program.inputs]
    chosen = [k for k, t in enumerate(kinds) if t.dtype == "f8" and (not isinstance(t, Array) or inputs[k].size)]
    assume(chosen)

    def at(h: Any) -> Any:
        moved = case.copies()
        for k in chosen:
            moved[k] = moved[k] + h
        return run(case.program, moved)[0]

    h = 1e-3
    slope = (45 * (at(h) - at(-h)) - 9 * (at(2 * h) - at(-2 * h)) + (at(3 * h) - at(-3 * h))) / (60 * h)
    step = at(1e-30j)
    value = at(0.0)
    assume(abs(value) < 1e3 and abs(slope) < 1e3)
    assert step.real == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert step.imag / 1e-30 == pytest.approx(slope, rel=1e-6, abs=1e-6)
