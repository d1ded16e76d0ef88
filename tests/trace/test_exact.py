"""Python's integers never wrap: they are computed in 64 bits where that is enough, else while tracing or by Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.program import Op, Program, While
from revtrace.program.nodes import walk
from revtrace.program.verify import verify
from revtrace.trace import trace


def add(x, n):
    return x * (n + n)


def add_one(x, n):
    return x * (n + 1)


def one_less(x, n):
    return x * (n - 1)


def from_one(x, n):
    return x * (1 - n)


def subtract(x, n):
    return x * (n - (-n - 5))


def minus(x, n):
    return x * -n


def size(x, n):
    return x * abs(n)


def cube(x, n):
    return x * float(n * n * n)


def seven_times(x, n):
    return x * (n * 7)


def sixth_power(x, n):
    return x * n**6


def power_of_three(x, n):
    return x * 3 ** (n % 80)


def power(x, n):
    return x * (n % 9) ** (n % 70)


def shifted(x, n):
    return x * ((n % 1000) << (n % 70))


def one_shifted(x, n):
    return x * (1 << n % 70)


def divided(x, n):
    return x * (n // (-1 if n % 2 == 0 else 3))


def remainder(x, n):
    return x * ((n * n) % 1000)


INTEGERS = [
    -(2**63), 1 - 2**63, -(2**62), -(2**31) - 5, -3, -1, 0, 1, 2, 5, 37, 64, 65, 1302, 2**21, 2**31, 3 * 10**9, 2**62,
    2**63 - 1,
]  # fmt: skip

OPERATIONS = [
    add, add_one, one_less, from_one, subtract, minus, size, cube, seven_times, sixth_power, power_of_three, power,
    shifted, one_shifted, divided, remainder,
]  # fmt: skip


@pytest.mark.parametrize("function", OPERATIONS, ids=lambda f: f.__name__)
def test_an_operation_is_exact_or_refused(function: Callable[..., Any]) -> None:
    refused = 0
    with override(interpret=True, cache=False, verify=True):
        wrapped, gradient = revtrace.wrap(function), revtrace.grad(function)
        for n in INTEGERS:
            value = function(1.5, n)
            assert repr(wrapped(1.5, n)) == repr(value)
            try:
                found = gradient(1.5, n)
            except revtrace.UnsupportedError as error:
                assert "64 bits" in str(error) and error.loc.function == function.__name__
                refused += 1
            else:
                assert found == pytest.approx(value / 1.5, rel=1e-15)
    assert refused < len(INTEGERS) - 3


def factorial(x, n):
    k, product = 1, 1
    while k <= n:
        product *= k
        k += 1
    return x * product


def fibonacci(x, n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return x * a


def powers(x, n):
    s = 1
    for _ in range(n):
        s *= 7
    return float(s) * x


def binomial(x, n):
    r = 1
    for k in range(n // 2):
        r = r * (n - k) // (k + 1)
    return x * r


def until_large(x, n):
    # Wrapped to zero, this would never end.
    k = 1
    while k < 1e30:
        k *= n
    return x * k


@pytest.mark.parametrize("interpret", [True, False])
@pytest.mark.parametrize(
    ("function", "small", "large"),
    [(factorial, 20, 21), (fibonacci, 90, 100), (powers, 22, 23), (binomial, 60, 64), (until_large, None, 2)],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_loop_is_exact(function: Callable[..., Any], small: int | None, large: int, interpret: bool) -> None:
    with override(interpret=interpret, cache=False):
        assert revtrace.wrap(function)(1.5, large) == function(1.5, large)
        assert revtrace.grad(function)(1.5, large) == pytest.approx(function(1.0, large), rel=1e-15)
        if small is not None:
            assert revtrace.grad(function)(1.5, small) == pytest.approx(function(1.0, small), rel=1e-15)


@pytest.mark.parametrize("convert", [int, round, math.floor, math.ceil, math.trunc], ids=lambda f: f.__name__)
def test_a_large_float_made_an_integer(convert: Callable[[float], int]) -> None:
    def f(x):
        return x * convert(x)

    with override(interpret=True, cache=False):
        for x in (-3.7, 1e15, -(2.0**61)):
            assert revtrace.grad(f)(x) == convert(x)
        for x in (2.0**63, -1e300):
            assert revtrace.wrap(f)(x) == f(x)
            with pytest.raises(revtrace.UnsupportedError, match="64 bits"):
                revtrace.grad(f)(x)
        for x, error in ((math.inf, OverflowError), (-math.inf, OverflowError), (math.nan, ValueError)):
            with pytest.raises(error):
                revtrace.grad(f)(x)


def test_integers_beyond_64_bits_known_when_tracing() -> None:
    def f(x, n):
        small = n < 2**70 and not n == -(2**64) and 2**65 >= n != 2**66 and -(2**80) < n
        return x * ((n + 2**70) % 1000) * small

    with override(interpret=True, cache=False):
        for n in (-(2**63), 0, 7):
            assert revtrace.grad(f)(1.5, n) == (n + 2**70) % 1000


def test_numpy_integers_wrap_as_in_numpy() -> None:
    def f(x, n):
        return x * (n * n * n)

    with override(interpret=True, cache=False), np.errstate(over="ignore"):
        n = np.int64(3 * 10**9)
        assert revtrace.grad(f)(1.5, n) == f(1.0, n)


# what costs nothing ---------------------------------------------------------------------


def checks(function: Callable[..., Any], *args: Any) -> list[Op]:
    program: Program = trace(function, args).program
    verify(program)
    assert not any(isinstance(s, Op) and s.attr("exact") for s in walk(program.body))
    return [
        s for s in walk(program.body) if isinstance(s, Op) and s.name == "check" and "64 bits" in str(s.attr("kind"))
    ]


def in_loops(program: Program) -> int:
    nested = [s for stmt in program.body.stmts if not isinstance(stmt, Op) for s in walk_one(stmt)]
    return sum(isinstance(s, Op) and s.name == "check" and "64 bits" in str(s.attr("kind")) for s in nested)


def walk_one(stmt: Any) -> list[Any]:
    from revtrace.program.nodes import regions

    return [s for block in regions(stmt) for s in walk(block)]


X = np.linspace(0.1, 1.0, 12)


def counters(x):
    s, k, j = 0.0, 0, 100
    for i in range(1, len(x) - 1):
        s += x[i - 1] * (2 * i + 1) * x[i + 1] + k - i % 3
        k += 1
        if x[i] > 0.5:
            j -= 3
    while k > 0:
        k -= 1
        s += j * x[k]
    return s


def generator_of_numbers(x):
    seed, s = 42, 0.0
    for i in range(len(x)):
        seed = (seed * 1103515245 + 12345) % 2147483648
        s += x[i] * (seed >> 16) * (seed & 255)
    return s


def interpolation(x):
    s = 0.0
    for v in x:
        k = int(v * 10)
        w = v * 10 - k
        if 0 <= k < len(x) - 1:
            s += x[k] * (1 - w) + x[k + 1] * w
    return s


def bisection(x):
    low, high = 0, len(x) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if x[middle] > 0.4:
            high = middle
        else:
            low = middle
    return x[low] * x[high]


@pytest.mark.parametrize("function", [counters, generator_of_numbers, interpolation], ids=lambda f: f.__name__)
def test_common_integer_arithmetic_needs_no_check(function: Callable[..., Any]) -> None:
    # But for int() of a float, which may be NaN.
    assert len(checks(function, X)) == (function is interpolation)


def test_a_flat_index_is_tested_once_in_front_of_the_loops() -> None:
    def f(x, n):
        s = 0.0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                s += x[i * n + j] * (x[(i - 1) * n + j] + x[i * n + j - 1]) * (i * i)
        return s

    program = trace(f, (np.ones(16), 4)).program
    assert in_loops(program) == 0
    assert 1 <= len(checks(f, np.ones(16), 4)) <= 6
    with override(interpret=True, cache=False):
        assert revtrace.grad(f)(np.ones(16), 4).shape == (16,)
        with pytest.raises(IndexError):
            revtrace.grad(f)(np.ones(16), 2**40)


def test_what_only_some_iterations_compute_is_tested_there() -> None:
    def f(x):
        s = 0.0
        for i in range(200):
            if i < 10:
                s += x * i**9
            if i > 100:
                break
        return s

    assert checks(f, 1.5) != []
    with override(interpret=True, cache=False):
        assert revtrace.grad(f)(1.5) == sum(i**9 for i in range(10))


def test_a_while_loop_gives_up_at_once() -> None:
    program = trace(factorial, (1.5, 3)).program
    assert any(isinstance(s, While) for s in walk(program.body))
    assert all(not c.attr("soft") for c in checks(factorial, 1.5, 3))
    assert all(c.attr("soft") for c in checks(powers, 1.5, 3))


def test_bisection_is_checked_in_place() -> None:
    assert len(checks(bisection, X)) <= 3
    with override(interpret=True, cache=False):
        assert revtrace.wrap(bisection)(X) == bisection(X)
