"""Exceptions that depend on the numbers and are caught: the way that a call takes is the one differentiated."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees, refuses

X = np.array([0.5, 1.5, -0.7, 2.0])


def reciprocal(x: float) -> float:
    try:
        return 1.0 / x
    except ZeroDivisionError:
        return 5.0 * x


def root(x: float) -> float:
    try:
        y = math.sqrt(x)
    except ValueError:
        y = -x * x
    return y * 3


def all_clauses(x: float) -> float:
    try:
        y = math.log(x)
    except ValueError:
        r = x * 2
    else:
        r = y * y
    finally:
        z = x * 3
    return r + z


def overflow(x: float) -> float:
    try:
        return math.exp(x) * 2
    except OverflowError:
        return 3 * x
    except ValueError:
        return 7 * x


def logarithm(x: float) -> float:
    try:
        return math.log(x)
    except OverflowError:
        return 3 * x
    except ValueError:
        return 7 * x


class OutOfRangeError(Exception):
    def __init__(self, value: float) -> None:
        super().__init__(f"{value} is too large")
        self.value = value


def _checked(v: float) -> float:
    if v > 3:
        raise OutOfRangeError(v)
    return v * 2


def raised_by_a_helper(x: float) -> float:
    try:
        return _checked(x) + 1
    except OutOfRangeError as error:
        return error.value * 5


def raised_with_a_number(x: float) -> Any:
    try:
        if x < 0:
            raise ValueError(x)
    except ValueError as error:
        return error.args[0] * 3
    return x


def raised_again(x: float) -> float:
    try:
        try:
            return math.sqrt(x)
        except ValueError:
            raise
    except (ValueError, TypeError):
        return x * 9


def raised_from(x: float) -> float:
    try:
        try:
            return math.sqrt(x)
        except ValueError as error:
            raise KeyError("no root") from error
    except KeyError:
        return x * 9


def in_a_loop(x: np.ndarray) -> float:
    total = 0.0
    for v in x:
        try:
            total += math.sqrt(v)
        except ValueError:
            total += float(v * v)
    return total


def past_the_end(x: np.ndarray) -> Any:
    total, i = 0.0, 0
    while True:
        try:
            v = x[i]
        except IndexError:
            break
        total += v * v
        i += 1
    return total


def left_by_a_handler(x: np.ndarray) -> Any:
    total = 0.0
    try:
        for i in range(10):
            total += x[i] ** 2
    except IndexError:
        total *= 2
    return total


def until_it_works(x: float) -> float:
    v = x
    for _ in range(5):
        try:
            y = math.log(v)
            break
        except ValueError:
            v = v + 1.5
    return y


def suppressed(x: float) -> float:
    y = x
    with contextlib.suppress(ValueError):
        y = math.asin(x)
    return y


def whole_part(x: float) -> float:
    try:
        k = int(math.exp(-x))
    except OverflowError:
        k = 3
    return k * x


def changed_before(x: float) -> float:
    seen: list[float] = []

    def note(v: float) -> float:
        seen.append(v * v)
        return math.sqrt(v)

    try:
        seen.append(note(x))
    except ValueError:
        pass
    return sum(seen)


def factor(a: np.ndarray) -> Any:
    try:
        return np.sum(np.linalg.cholesky(a))
    except np.linalg.LinAlgError:
        return np.sum(a**2)


def jittered(a: np.ndarray) -> Any:
    jitter = 0.0
    while True:
        try:
            c = np.linalg.cholesky(a + jitter * np.eye(2))
            break
        except np.linalg.LinAlgError:
            jitter = 2.0 if jitter == 0.0 else 2 * jitter
    return np.sum(c)


class Late(Exception):
    def __init__(self, v: float) -> None:
        super().__init__("late")
        self.v = v


def in_bounds(v: float) -> float:
    if v < 0:
        raise Late(v * 2)
    if v > 1.8:
        raise KeyError
    return v**3


def objects_and_classes_caught(x: Any) -> Any:
    s = 0.0
    for v in x:
        try:
            s += in_bounds(v)
        except Late as e:
            s += e.v * 5
        except (KeyError, IndexError):
            s += v
            break
    return s


def test_an_exception_that_may_be_one_of_several_kinds() -> None:
    agrees(objects_and_classes_caught, X)
    agrees(objects_and_classes_caught, X[1:])


def always_raised_in_a_loop(y: Any, a: float) -> Any:
    def scaled() -> Any:
        return a * y[-1]

    try:
        for _ in y:
            a = max(y[:0])
    except ValueError:
        pass
    return scaled()


def test_an_instruction_that_always_raises_leaves_its_loop() -> None:
    agrees(always_raised_in_a_loop, X, 0.5)
    agrees(always_raised_in_a_loop, list(X), 0.5)
    with pytest.raises(IndexError):
        revtrace.grad(always_raised_in_a_loop, argnums=1)(X[:0], 0.5)


@pytest.mark.parametrize(
    ("f", "points"),
    [
        (root, (2.0, -1.0)),
        (all_clauses, (2.0, -1.0)),
        (overflow, (2.0, 1000.0)),
        (logarithm, (2.0, -1.0)),
        (raised_by_a_helper, (2.0, 4.0)),
        (raised_with_a_number, (2.0, -4.0)),
        (raised_again, (2.0, -4.0)),
        (raised_from, (2.0, -4.0)),
        (in_a_loop, (X, np.abs(X))),
        (past_the_end, (X,)),
        (left_by_a_handler, (X,)),
        (until_it_works, (2.0, -1.0, -2.8)),
        (suppressed, (0.5, 2.0)),
        (whole_part, (0.5, -1000.0)),
        (changed_before, (2.0, -2.0)),
        (factor, (np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 2.0], [2.0, 1.0]]))),
        (jittered, (np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 3.0], [3.0, 1.0]]))),
    ],
)
def test_both_ways(f: Callable[..., Any], points: tuple[Any, ...]) -> None:
    for x in points:
        agrees(f, x)


def test_the_branch_at_a_point_where_it_jumps() -> None:
    with override(interpret=True, cache=False):
        g = revtrace.grad(reciprocal)
        assert (g(2.0), g(0.0), g(4.0), g(0.0)) == (-0.25, 5.0, -0.0625, 5.0)


def test_a_program_for_each_way_is_compiled_once() -> None:
    g = revtrace.grad(root)
    assert [g(4.0), g(-1.0), g(9.0), g(-2.0)] == [0.75, 6.0, 0.5, 12.0]
    made = g.stats.specialisations
    assert [g(4.0), g(-1.0)] == [0.75, 6.0]
    assert g.stats.specialisations == made == 2


def test_what_no_handler_catches_is_raised() -> None:
    def f(x: float) -> float:
        try:
            return 1 / x
        except ValueError:
            return x

    with override(interpret=True, cache=False), pytest.raises(ZeroDivisionError):
        revtrace.grad(f)(0.0)


def complex_root(x: float) -> Any:
    y = x**0.5
    return y.real + 2 * y.imag


def test_a_power_that_is_complex_at_some_numbers() -> None:
    for x in (2.0, -2.0):
        agrees(complex_root, x)


def test_raising_floating_point_errors_is_refused() -> None:
    def f(x: float) -> Any:
        try:
            with np.errstate(divide="raise"):
                return np.float64(1.0) / x
        except FloatingPointError:
            return x

    refuses(f, 2.0, match="errstate")


# loops stay loops ----------------------------------------------------------------------------------


def logarithms(x: np.ndarray) -> float:
    total = 0.0
    for v in x:
        try:
            total += math.log(v)
        except ValueError:
            total -= 1.0
    return total


def with_else_and_finally(x: np.ndarray) -> float:
    total, count = 0.0, 0
    for v in x:
        try:
            r = math.sqrt(v)
        except ValueError:
            continue
        else:
            total += r
        finally:
            count += 1
    return total * count


def raised_by_hand(x: np.ndarray) -> float:
    total = 0.0
    for v in x:
        try:
            if v > 1:
                raise ValueError("large")
            if v < 0:
                raise KeyError("negative")
            total += v
        except ValueError:
            total += v * v
        except KeyError:
            total -= v
    return total


def raised_below(x: np.ndarray) -> float:
    def root(v: float) -> float:
        if v < 0:
            raise ArithmeticError("negative")
        return math.sqrt(v)

    total = 0.0
    for v in x:
        try:
            total += root(v)
        except ArithmeticError:
            total += 0.5 * v
    return total


def until_the_end(x: np.ndarray) -> float:
    total, i = 0.0, 0
    while True:
        try:
            v = x[i]
        except IndexError:
            break
        i += 1
        total += v * v
    return total * i


def around_the_loop(x: np.ndarray) -> float:
    total, last = 0.0, 0
    try:
        for i, v in enumerate(x):
            last = i
            total += math.log(v + 3.0)
    except ValueError:
        return -total * last
    return total


def left_by_the_handler(x: np.ndarray) -> float:
    total, bad = 0.0, 0
    for v in x:
        try:
            r = math.log(v)
        except ValueError:
            bad += 1
            if bad > 3:
                break
            continue
        total += r
    else:
        total = -1.0
    return total / bad


def loops_inside(x: np.ndarray) -> float:
    total = 0.0
    for i in range(0, len(x) - 3, 3):
        try:
            product = 1.0
            for k in range(3):
                product *= math.sqrt(x[i + k] + 1.0)
            total += product
        except ValueError:
            total -= x[i]
    return total


def too_large(x: np.ndarray) -> float:
    total = 0.0
    for v in x:
        try:
            total += math.exp(300 * v) * 1e-100
        except OverflowError:
            total += math.sqrt(v)
    return math.log(total)


MIXED = np.array([0.5, -0.4, 1.5, 2.5, -1.2, 0.7, -3.5, 0.2, 3.0, -0.3, -0.6, 0.9])


@pytest.mark.parametrize(
    "f",
    [
        logarithms, with_else_and_finally, raised_by_hand, raised_below, until_the_end, around_the_loop,
        left_by_the_handler, loops_inside, too_large,
    ],
)  # fmt: skip
def test_both_ways_are_in_the_loop(f: Callable[..., Any]) -> None:
    agrees(f, MIXED)
    with override(interpret=True, cache=False):
        # More turns than are unrolled.
        long = np.tile(MIXED, 400)
        value, gradient = revtrace.value_and_grad(f)(long)
        assert value == pytest.approx(f(long), rel=1e-13)
        assert np.isfinite(gradient).all()


def test_a_loop_with_a_handler_compiled() -> None:
    x = np.tile(MIXED, 2)
    with override(cache=False):
        for f, expected in ((logarithms, np.where(x > 0, 1 / x, 0.0)), (raised_below, np.where(x < 0, 0.5, np.nan))):
            value, gradient = revtrace.value_and_grad(f)(x)
            assert value == pytest.approx(f(x), rel=1e-14)
            expected = np.where(np.isnan(expected), 0.5 / np.sqrt(np.abs(x)), expected)
            np.testing.assert_allclose(gradient, expected, rtol=1e-14)


def logarithms_that_raise(x: np.ndarray) -> Any:
    best = np.inf
    with np.errstate(all="raise"):
        y = np.log(x)
        total = (y * y).sum()
        for v in x:
            best = min(best, v)
    return total + best


def returned_within(x: Any) -> Any:
    with np.errstate(divide="raise", invalid="raise"):
        return float(1.0 / np.sqrt(x))


def test_floating_point_errors() -> None:
    agrees(logarithms_that_raise, np.array([0.5, 2.0]))
    agrees(returned_within, np.float64(2.0))
    with override(interpret=True, cache=False), np.errstate(all="ignore"):
        for x in (np.array([1.0, 0.0]), np.array([1.0, -1.0])):
            with pytest.raises(FloatingPointError):
                revtrace.grad(logarithms_that_raise)(x)
        with pytest.raises(FloatingPointError):
            revtrace.grad(returned_within)(np.float64(0.0))
