"""Bad input: the exception, its message and its attributes are those of the plain function.

Where the plain function has an answer (NaN, infinities, nothing to loop over), so
has the gradient.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import GradientError, RevtraceError, TypeMismatchError, UnsupportedError
from tests import oracles
from tests.programs import errors
from tests.programs.loops import dot
from tests.programs.objects import Satellite
from tests.programs.published import norm2

X = np.array([0.5, -1.5, 2.0])
M = np.arange(6.0).reshape(2, 3)


@dataclass(frozen=True)
class Bad:
    """A plain function with arguments it does not take."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    note: str = ""

    def __str__(self) -> str:
        return self.function.__name__ + ("-" + self.note if self.note else "")


BAD: list[Bad] = []


def bad(*samples: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Enter a function once for every tuple of arguments."""

    def enter(function: Any) -> Any:
        for k, args in enumerate(samples):
            BAD.append(Bad(function, args, str(k) if len(samples) > 1 else ""))
        return function

    return enter


bad((1.5, 2.0), (-0.1, 2.0), (0.5, 0.0), (0.5, -3.0))(errors.checked_ranges)
bad((np.array([0.1, 99.0, 0.2]), 0.5))(errors.checked_elements)
bad((3.0, 0.0), (3.0, -2.0), (3.0, 0))(errors.checked_division)
bad((X, 3), (X, -4), (X, 1000), (X, -(10**9)))(errors.checked_index)
bad((-1.0,), (0.0,), (0.5,))(errors.checked_domain)
bad((np.array([0.5, -0.1]),), (np.zeros(2),))(errors.checked_assert)
bad((0.9, 3))(errors.checked_convergence)
bad((X,), (M,))(errors.checked_shape)
bad((1.5, "quintic"))(errors.checked_option)
bad((11.0,), (30.0,))(errors.raised_in_helper)
bad((X, X[:2]))(lambda a, b: sum(a[i] * b[i] for i in range(len(a))))


@bad((X, 3), (X, -4))
def store_out_of_range(x, k):
    y = np.zeros(3)
    y[k] = x[0]
    return y[0]


@bad((X, 3), (X, -5))
def augmented_store_out_of_range(x, k):
    x[k] += x[0]
    return x[0] * x[1]


@bad((X,))
def one_past_the_end(x):
    s = 0.0
    for i in range(len(x) + 1):
        s += x[i] ** 2
    return s


@bad((M, 1), (M, 2))
def row_and_column_mixed_up(m, shift):
    s = 0.0
    for i in range(m.shape[1]):
        s += m[i, shift] ** 2
    return s


@bad((X, np.array([0, 1, 3])), (X, np.array([-4, 0, 1])))
def index_array_out_of_range(x, index):
    h = np.zeros(3)
    for i in range(len(index)):
        h[index[i]] += x[i] * x[i]
    return h[0] + h[1]


@bad((X,))
def past_the_end_of_a_view(x):
    v = x[1:]
    return v[2] * x[0]


@bad((np.zeros(0),))
def first_of_none(x):
    return x[0] * 2


@bad((np.zeros((2, 0)),))
def empty_rows(m):
    s = 0.0
    for row in m:
        s += row[0]
    return s


@bad((X, 5))
def list_index_out_of_range(x, k):
    parts = [x[0], x[1] * 2]
    return parts[k] * parts[0]


@bad((2.0, 0), (2.0, 4))
def integer_division_by_zero(x, n):
    return x * (7 // n + 7 % (n - 4))


@bad((0.0,))
def float_modulo_by_zero(x):
    return 5.0 % x + 1.0 // x


@bad((0.0, -1), (0.0, -0.5))
def zero_to_a_negative_power(x, p):
    return x**p


@bad((1e3,), (-1e5,))
def overflow_of_exp(x):
    return math.exp(x) + math.cosh(x)


@bad((1e200,))
def overflow_of_power(x):
    return x**2


@bad((2.0,), (-1.0001,))
def domain_of_arcsine(x):
    return math.asin(x) + math.acos(x)


@bad((float("nan"),), (float("inf"),), (float("-inf"),))
def integer_of_nan(x):
    return x * int(x)


@bad((0.0,), (-1.0,))
def poles_of_gamma(x):
    return math.gamma(x) + math.lgamma(x)


@bad((float("inf"),))
def sine_of_infinity(x):
    return math.sin(x)


@bad((2.0, -1))
def negative_shift(x, n):
    return x * (1 << n)


@bad((X,))
def too_many_to_unpack(x):
    a, b = x
    return a * b


@bad((X,))
def too_few_to_unpack(x):
    a, b, c, d = x
    return a * b + c * d


@bad((-1.0,))
def assigned_in_one_arm_only(x):
    if x > 0:
        y = x * x
    return y


@bad((np.zeros(0),))
def loop_variable_never_set(x):
    for v in x:  # noqa: B007
        pass
    return v


@bad((0.5,))
def missing_key(x):
    table = {"a": x}
    return table["b"] * x


@bad((0.5,))
def missing_attribute(x):
    return math.cosine(x)


@bad((0.5,))
def undefined_name(x):
    return x * undefined_constant  # noqa: F821


@bad((0.5,))
def wrong_call(x):
    return math.sin(x, x)


@bad((0.5, "text"))
def adds_text(x, text):
    return x + text


@bad((0.5 + 1j,))
def orders_complex_numbers(z):
    return z.real if z > 0 else z.imag


@bad((2.5,))
def range_of_a_float(x):
    s = 0.0
    for i in range(x):
        s += i
    return s


@bad((X, 0))
def zero_step(x, step):
    s = 0.0
    for i in range(0, 3, step):
        s += x[i]
    return s


@bad((X, X[:2]))
def strict_zip(a, b):
    return sum(u * v for u, v in zip(a, b, strict=True))


@bad((0.5, -3))
def negative_length(x, n):
    return len(np.zeros(n)) * x


@bad((2.0, -3))
def negative_length_of_an_array_computed_where_it_is_read(x, n):
    b = np.zeros(n)
    for i in range(n):
        b[i] = x * i
    return x + b.sum()


@bad((2.0, -3))
def negative_length_of_an_array_in_the_place_of_another(x, n):
    a = np.zeros(max(n, 0))
    for i in range(len(a)):
        a[i] = np.sin(x * i)
    s = a.sum() * a.sum()
    b = np.zeros(n)
    for i in range(n):
        b[i] = np.exp(x * i * s)
    return x + b.sum() * b.sum()


@bad((np.zeros(0),))
def greatest_of_none(x):
    return max(x) * 2


@bad((1.5, 1.2))
def method_raises(a, e):
    sat = Satellite(a, e)
    sat.advance(0.1)
    return sat.a


@bad((3.0,))
def custom_exception(x):
    raise errors.ConvergenceError(f"residual {x}", residual=x)


@bad((0.5,))
def raise_without_call(x):
    if x < 1:
        raise KeyError
    return x


@bad((0.5,))
def raise_from(x):
    if x < 1:
        raise RuntimeError("outer") from ValueError("inner")
    return x


@bad((X,))
def writes_then_raises(x):
    x[0] = 7.0
    x[1] = math.sqrt(x[1])
    return x[0]


@bad((0.5,))
def recursion_without_end(x):
    return recursion_without_end(x + 1) * x


def plain_failure(case: Bad) -> BaseException:
    with pytest.raises(Exception) as caught, np.errstate(all="ignore"):
        case.function(*oracles.copied(case.args))
    return caught.value


@pytest.mark.parametrize("case", BAD, ids=str)
def test_exception_is_the_plain_functions(case: Bad) -> None:
    expected = plain_failure(case)
    args = oracles.copied(case.args)
    before = oracles.fingerprint(args)
    with override(cache=False), pytest.raises(type(expected)) as caught:
        revtrace.value_and_grad(case.function)(*args)
    assert type(caught.value) is type(expected)
    if not isinstance(expected, RecursionError):
        assert caught.value.args == expected.args
        assert vars(caught.value) == vars(expected)
        frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert frames[-1] == traceback.extract_tb(expected.__traceback__)[-1].name
    assert oracles.fingerprint(args) == before, "the caller's arrays were changed"


def test_good_input_after_bad_input() -> None:
    gradient = revtrace.grad(errors.checked_ranges, argnums=(0, 1))
    with pytest.raises(ValueError, match=r"got 1.5"):
        gradient(1.5, 2.0)
    assert gradient(0.5, 2.0) == pytest.approx((2 / 0.5 - 1 / 0.5, math.log(0.5)))
    with pytest.raises(ValueError, match="n must be positive, not -1.0"):
        gradient(0.5, -1.0)


# numbers that are not finite ------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_special_values_are_carried(value: float) -> None:
    def smooth(x):
        s = 0.0
        for v in x:
            s += v * v
        return s

    v, g = revtrace.value_and_grad(smooth)(np.array([value, 1.0]))
    assert oracles.ulps(v, smooth(np.array([value, 1.0]))) == 0
    np.testing.assert_array_equal(g, [2 * value, 2.0])


def test_numpy_division_by_zero_is_infinite() -> None:
    def quotient(x):
        return x[0] / x[1]

    with np.errstate(all="ignore"):
        expected = quotient(np.array([1.0, 0.0]))
        v, g = revtrace.value_and_grad(quotient)(np.array([1.0, 0.0]))
    assert v == expected == math.inf
    assert g[0] == math.inf
    assert g[1] == -math.inf


def test_nan_takes_the_branch_that_python_takes() -> None:
    def branch(x):
        if x < 0:
            return -x
        elif x >= 0:
            return 2 * x
        return 3 * x

    v, g = revtrace.value_and_grad(branch)(math.nan)
    assert math.isnan(v)
    assert g == 3.0
    assert revtrace.grad(branch)(-1.0) == -1.0


def test_max_of_nan_is_pythons() -> None:
    def biggest(x, y):
        return max(x, y)

    for x, y in ((math.nan, 1.0), (1.0, math.nan), (0.0, -0.0), (-0.0, 0.0)):
        value = revtrace.value_and_grad(biggest)(x, y)[0]
        assert np.float64(value).tobytes() == np.float64(max(x, y)).tobytes()


# sizes ------------------------------------------------------------------------------------------


def test_zero_length_arrays() -> None:
    v, g = revtrace.value_and_grad(norm2)(np.zeros(0))
    assert v == 0.0
    assert g.shape == (0,)
    assert g.dtype == np.float64
    v, (ga, gb) = revtrace.value_and_grad(dot, argnums=(0, 1))(np.zeros(0), np.zeros(0))
    assert v == 0.0
    assert ga.shape == gb.shape == (0,)


def test_zero_length_rows() -> None:
    def total(m):
        s = 0.0
        for row in m:
            for v in row:
                s += v
        return s

    for shape in ((0, 3), (3, 0)):
        assert revtrace.grad(total)(np.zeros(shape)).shape == shape


def test_long_loop() -> None:
    def decay(x, n):
        y = x
        for _ in range(n):
            y = y * 0.999999 + 1e-7 * y * y
        return y

    n = 1_000_000
    v, g = revtrace.value_and_grad(decay)(0.5, n)
    assert v == decay(0.5, n)
    h = 1e-5
    assert g == pytest.approx((decay(0.5 + h, n) - decay(0.5 - h, n)) / (2 * h), rel=1e-6)


def test_long_while_loop() -> None:
    def count_down(x):
        steps = 0
        y = 0.0
        while x > 1e-3:
            x *= 0.99999
            y += x * 1e-5
            steps += 1
        return y + steps * 0.0

    v, g = revtrace.value_and_grad(count_down)(2.0)
    assert v == count_down(2.0)
    assert math.isfinite(g)


def test_deep_recursion_is_refused_or_raised() -> None:
    def down(n, x):
        return x if n == 0 else down(n - 1, x * 0.5 + 1)

    assert revtrace.grad(down, argnums=1)(20, 1.0) == 0.5**20
    with pytest.raises((RecursionError, UnsupportedError)):
        revtrace.grad(down, argnums=1)(100 * sys.getrecursionlimit(), 1.0)


def test_large_array() -> None:
    x = np.linspace(0, 1, 1_000_000)
    v, g = revtrace.value_and_grad(norm2)(x)
    assert v == pytest.approx(float(np.sum(x * x)), rel=1e-9)
    np.testing.assert_array_equal(g, 2 * x)


# types ------------------------------------------------------------------------------------------


class Tagged(np.ndarray):
    """A subclass of arrays, as units packages make."""


_RECORDS = np.zeros(3, dtype=[("a", "f8"), ("b", "i4")])


@pytest.mark.parametrize(
    "argument",
    [
        np.array([1.0, None], dtype=object),
        np.array(["a", "b"]),
        np.array([b"a", b"b"]),
        _RECORDS,
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.zeros(2, dtype=np.longdouble),
        np.zeros(2, dtype=np.float16),
        np.zeros(2, dtype=">f8"),
        np.ma.masked_array([1.0, 2.0], [False, True]),
        np.array([1.0, 2.0]).view(Tagged),
    ],
    ids=["object", "text", "bytes", "structured", "datetime", "longdouble", "half", "big-endian", "masked", "subclass"],
)
def test_arrays_that_are_not_plain_are_refused_or_right(argument: np.ndarray) -> None:
    before = oracles.fingerprint(argument) if not argument.dtype.hasobject else None
    try:
        gradient = revtrace.grad(norm2)(argument)
    except RevtraceError as error:
        assert error.what
        assert isinstance(error, (GradientError, UnsupportedError, TypeMismatchError))
    else:
        assert type(gradient) is np.ndarray
        assert gradient.dtype == argument.dtype.newbyteorder("=")
        np.testing.assert_allclose(np.asarray(gradient, float), 2 * np.asarray(argument, float))
    if before is not None:
        assert oracles.fingerprint(argument) == before


@pytest.mark.parametrize("argument", [3, True, "text", None, np.int64(3), np.arange(3), [1, 2]], ids=repr)
def test_argument_without_a_gradient(argument: Any) -> None:
    def constant(x):
        return 2.0

    with pytest.raises(GradientError):
        revtrace.grad(constant)(argument)


def test_complex_result_has_no_gradient() -> None:
    with pytest.raises(GradientError):
        revtrace.grad(lambda z: z * z)(1 + 0.5j)


def test_wrong_number_of_axes() -> None:
    with pytest.raises(GradientError):
        revtrace.grad(norm2)(M)  # a sum of rows is not a number


def test_result_that_is_no_number() -> None:
    def text(x):
        return "text"

    def nothing(x):
        x[0] = 1.0

    def array(x):
        return x

    def whole(x):
        return int(x[0])

    for function in (text, nothing, array, whole):
        with pytest.raises(GradientError):
            revtrace.grad(function)(np.array([1.5, 2.0]))


def test_cotangent_of_another_shape() -> None:
    def doubled(x):
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = 2 * x[i]
        return y

    _, pullback = revtrace.vjp(doubled, X)
    np.testing.assert_array_equal(pullback(np.ones(3))[0], 2 * np.ones(3))
    for wrong in (np.ones(2), np.ones((3, 1)), 1.0, [1.0, 2.0, 3.0], np.ones(3) + 0j, None):
        with pytest.raises(TypeMismatchError):
            pullback(wrong)


def test_missing_and_surplus_arguments() -> None:
    for args in ((), (X, X, X)):
        with pytest.raises(TypeError) as plain:
            dot(*args)
        with pytest.raises(TypeError) as ours:
            revtrace.grad(dot)(*args)
        assert str(ours.value) == str(plain.value)


def test_argnums_out_of_range() -> None:
    for argnums in (2, -3, (0, 5)):
        with pytest.raises((ValueError, TypeError, IndexError)):
            revtrace.grad(dot, argnums=argnums)(X, X)


def test_shapes_may_change_between_calls() -> None:
    gradient = revtrace.grad(norm2)
    for n in (1, 5, 0, 2):
        np.testing.assert_array_equal(gradient(np.full(n, 1.5)), np.full(n, 3.0))
    with pytest.raises(IndexError):
        revtrace.grad(one_past_the_end)(X)
