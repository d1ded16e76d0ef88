"""The public functions on small functions: results, structures, errors."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import revtrace
from revtrace import config
from revtrace.errors import GradientError, TypeMismatchError, UnsupportedError


@pytest.fixture(autouse=True, params=["interpreted", "compiled"])
def how(request: pytest.FixtureRequest) -> Iterator[str]:
    with config.override(interpret=request.param == "interpreted", verify=True):
        yield request.param


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Model:
    weight: Any
    bias: float
    count: int = 2


def norm2(x: Any) -> Any:
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


def product(x: Any, y: Any = 2.0, *, z: Any = 3.0) -> Any:
    return x * y * z


def stars(*xs: Any, **named: Any) -> Any:
    return xs[0] * xs[1] + named["k"] * 2.0


def test_grad_of_a_loop() -> None:
    x = np.array([1.0, -2.0, 3.0])
    np.testing.assert_array_equal(revtrace.grad(norm2)(x), 2.0 * x)
    value, gradient = revtrace.value_and_grad(norm2)(x)
    assert value == 14.0
    np.testing.assert_array_equal(gradient, 2.0 * x)


# arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, args, kwargs, expected",
    [
        ({}, (5.0,), {}, 6.0),
        ({"argnums": 1}, (5.0, 7.0), {}, 15.0),
        ({"argnums": 1}, (5.0,), {}, 15.0),
        ({"argnums": -1}, (5.0,), {}, 6.0),
        ({"argnums": -1}, (5.0, 7.0), {}, 15.0),
        ({"argnums": (0, 1)}, (5.0, 7.0), {"z": 1.0}, (7.0, 5.0)),
        ({"argnums": (0,)}, (5.0,), {}, (6.0,)),
        ({"argnums": [1, 0]}, (5.0, 7.0), {}, (15.0, 21.0)),
        ({"argnames": "z"}, (5.0,), {}, 10.0),
        ({"argnames": ("y", "z")}, (5.0,), {}, (15.0, 10.0)),
        ({"argnums": 0, "argnames": "z"}, (5.0,), {}, (6.0, 10.0)),
        ({"argnames": "x"}, (), {"x": 5.0}, 6.0),
    ],
)
def test_which_argument(asked: Any, args: Any, kwargs: Any, expected: Any) -> None:
    assert revtrace.grad(product, **asked)(*args, **kwargs) == expected


def test_star_arguments() -> None:
    assert revtrace.grad(stars, argnums=(0, 1))(2.0, 3.0, k=4.0) == (3.0, 2.0)
    assert revtrace.grad(stars, argnums=-1, argnames=("k",))(2.0, 3.0, k=4.0) == (2.0, 2.0)
    g = revtrace.grad(stars)
    assert (g(2.0, 3.0, k=4.0), g(2.0, 3.0, 9.0, k=4.0), g(2.0, 5.0, k=1.0)) == (3.0, 3.0, 5.0)


@pytest.mark.parametrize("argnums", [2, -3])
def test_argnums_out_of_range(argnums: int) -> None:
    with pytest.raises(GradientError, match="out of range"):
        revtrace.grad(product, argnums=argnums)(1.0, 2.0)


@pytest.mark.parametrize("asked", [{"argnums": "x"}, {"argnums": 1.0}, {"argnames": 3}, {"argnums": True}])
def test_argnums_of_another_type(asked: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        revtrace.grad(product, **asked)


def test_argnums_of_numpy() -> None:
    both = revtrace.grad(product, argnums=(0, 1))(1.0, 2.0)
    assert revtrace.grad(product, argnums=np.int64(1))(1.0, 2.0) == both[1]
    assert revtrace.grad(product, argnums=np.arange(2))(1.0, 2.0) == both


def test_an_argument_named_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        revtrace.grad(product, argnums=(0, 0))


def test_a_call_that_does_not_fit_raises_as_the_function() -> None:
    g = revtrace.grad(product)
    for args, kwargs in [((), {}), ((1.0,), {"q": 2.0}), ((1.0, 2.0, 3.0), {})]:
        with pytest.raises(TypeError) as plain:
            product(*args, **kwargs)
        for _ in range(2):
            with pytest.raises(TypeError) as ours:
                g(*args, **kwargs)
            assert str(ours.value) == str(plain.value)
        g(1.0)


def test_an_unread_argument_has_zero_gradient() -> None:
    x = np.ones((2, 3), "f4")
    gradient = revtrace.grad(lambda x, y: y * y, argnums=(0, 1))(x, 3.0)
    assert gradient[0].dtype == np.float32 and gradient[0].shape == (2, 3) and not gradient[0].any()
    assert gradient[1] == 6.0


# types ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2.0, np.float64(2.0), np.float32(2.0), 2.0 + 0j, np.complex64(2.0)])
def test_a_gradient_has_the_type_of_its_argument(number: Any) -> None:
    gradient = revtrace.grad(lambda x: abs(x * x))(number)
    assert gradient == 4.0 and type(gradient) is type(number)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_a_gradient_has_shape_and_dtype_of_its_array(dtype: str) -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3).astype(dtype)
    value, gradient = revtrace.value_and_grad(lambda x: abs(x[0, 1] * x[1, 2]))(x)
    assert gradient.shape == (2, 3) and gradient.dtype == dtype
    assert value == 12.0 and gradient[0, 1] == 6.0 and gradient[1, 2] == 2.0


def test_containers_in_are_containers_out() -> None:
    def f(p: Any, m: Any) -> Any:
        return p["a"] * p["b"][0] * p["c"].x + m.weight[1] * m.bias * m.count

    params = {"a": 2.0, "b": [3.0, 4.0], "c": Point(5.0, None), "unread": np.ones(2)}
    model = Model(np.array([1.0, 2.0]), 3.0)
    value, (first, second) = revtrace.value_and_grad(f, argnums=(0, 1))(params, model)
    assert value == f(params, model)
    assert list(first) == list(params)
    assert (first["a"], first["b"], first["c"]) == (15.0, [10.0, 0.0], Point(6.0, None))
    assert first["unread"].tolist() == [0.0, 0.0]
    assert type(second) is Model and second.weight.tolist() == [0.0, 6.0]
    assert (second.bias, second.count) == (4.0, None)


def test_a_named_tuple_is_read_by_name_and_by_position() -> None:
    assert revtrace.grad(lambda p: p.x * p[1] + p.y)(Point(2.0, 3.0)) == Point(3.0, 3.0)


def test_another_structure_is_another_specialisation() -> None:
    def f(p: Any) -> Any:
        out = 0.0
        for x in p:
            out += x * x
        return out

    g = revtrace.grad(f)
    assert g([1.0, 2.0]) == [2.0, 4.0]
    assert g((1.0, 2.0, 3.0)) == (2.0, 4.0, 6.0)
    assert g([1.0, 2.0, 3.0]) == [2.0, 4.0, 6.0]
    assert g(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]
    assert g([5.0, 2.0]) == [10.0, 4.0]
    assert g.stats.specialisations == 4


@pytest.mark.parametrize(
    "value, instead",
    [
        (3, r"float\(x\)"),
        (True, r"float\(x\)"),
        (np.int32(3), r"float\(x\)"),
        (np.arange(3), r"x\.astype\(float\)"),
        ([1, 2], r"\[float\(v\) for v in x\]"),
    ],
)
def test_an_integer_argument_is_refused_with_what_to_do(value: Any, instead: str) -> None:
    with pytest.raises(GradientError, match=instead):
        revtrace.grad(lambda x: 1.0)(value)


@pytest.mark.parametrize("value", ["name", None, [1, 2], {"a": "b"}])
def test_an_argument_without_floats_is_refused(value: Any) -> None:
    with pytest.raises(GradientError, match="no gradient"):
        revtrace.grad(lambda x: 1.0)(value)


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), np.zeros(2, [("a", "f8")])])
def test_arrays_of_other_things_are_refused(value: Any) -> None:
    with pytest.raises((UnsupportedError, GradientError), match=r"dtype|no gradient"):
        revtrace.grad(lambda x: 1.0)(value)


@pytest.mark.parametrize("value", [np.float16(1.0), np.longdouble(1.0), np.ones(2, "f2"), np.ones(2).view(np.recarray)])
def test_floats_that_are_not_compiled_are_refused(value: Any) -> None:
    with pytest.raises((UnsupportedError, GradientError)):
        revtrace.grad(lambda x: 1.0)(value)


def test_a_value_that_has_no_place_in_a_program_is_named_with_the_function() -> None:
    Series = type("Series", (), {"__module__": "pandas.core.series", "to_numpy": lambda self: np.ones(2)})
    outside = Series()
    for message, value in [("recarray", np.ones(2).view(np.recarray)), (r"Series.*x\.to_numpy", Series())]:
        with pytest.raises(UnsupportedError, match=rf'(?s)test_api.py", line \d+ in .*x is .*{message}'):
            revtrace.grad(lambda y, x: y)(1.0, value)
    with pytest.raises(UnsupportedError, match="(?s)line .*outside is .*Series"):
        revtrace.grad(lambda x: x * outside[0])(1.0)


# results ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda x: (x, x), r"returns a tuple of 2\n(.|\n)*jacobian"),
        (lambda x: [x], r"returns a list of 1\n(.|\n)*jacobian"),
        (lambda x: np.zeros(3), r"1-dimensional array\n(.|\n)*jacobian"),
        (lambda x: None, "returns None"),
        (lambda x: x > 0.0, "a bool"),
        (lambda x: int(x), "an int"),
        (lambda x: 1, "an int"),
        (lambda x: lambda: x, "returns a function"),
        (np.atleast_1d, r'"<numpy.atleast_1d>"(.|\n)*1-dimensional'),
        (lambda x: x * 1j, "complex"),
    ],
)
def test_a_result_that_is_no_real_number_is_refused(f: Callable[..., Any], message: str) -> None:
    with pytest.raises(GradientError, match=message):
        revtrace.grad(f)(2.0)


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x * x, {"x": x, "name": "f", "n": 3}

    assert revtrace.grad(f, has_aux=True)(3.0) == (6.0, {"x": 3.0, "name": "f", "n": 3})
    assert revtrace.value_and_grad(f, has_aux=True)(3.0) == ((9.0, {"x": 3.0, "name": "f", "n": 3}), 6.0)
    with pytest.raises(GradientError, match="pair"):
        revtrace.grad(lambda x: x, has_aux=True)(3.0)


def test_a_constant_result_has_zero_gradient() -> None:
    assert revtrace.value_and_grad(lambda x: 4.0)(3.0) == (4.0, 0.0)
    assert revtrace.grad(lambda x: 4.0)(np.ones(2)).tolist() == [0.0, 0.0]


# the caller's arrays ------------------------------------------------------------------------


def scale(x: Any, by: Any) -> Any:
    for i in range(len(x)):
        x[i] *= by
    return x[0] * x[1]


def test_a_gradient_leaves_arrays_that_the_function_writes() -> None:
    x = np.array([2.0, 3.0, 4.0])
    assert revtrace.grad(scale, argnums=1)(x, 5.0) == 60.0
    np.testing.assert_array_equal(revtrace.grad(scale)(x, 5.0), [75.0, 50.0, 0.0])
    out, pullback = revtrace.vjp(scale, x, 5.0)
    np.testing.assert_array_equal(pullback(1.0)[0], [75.0, 50.0, 0.0])
    assert out == 150.0
    assert revtrace.jvp(scale, (x, 5.0), (np.zeros(3), 1.0))[1] == 60.0
    np.testing.assert_array_equal(x, [2.0, 3.0, 4.0])


@pytest.mark.parametrize("layout", ["reversed", "strided", "column", "fortran", "unaligned", "byteswapped", "readonly"])
def test_any_layout(layout: str) -> None:
    plain = np.arange(1.0, 7.0).reshape(2, 3)
    if layout == "reversed":
        x = plain[::-1, ::-1].copy()[::-1, ::-1]
    elif layout == "strided":
        x = np.repeat(np.repeat(plain, 2, 0), 2, 1)[::2, ::2]
    elif layout == "column":
        x = np.stack([plain, plain], axis=-1)[..., 1]
    elif layout == "fortran":
        x = np.asfortranarray(plain)
    elif layout == "unaligned":
        raw = np.zeros(plain.nbytes + 1, "u1")
        x = raw[1:].view("f8").reshape(2, 3)
        x[:] = plain
    elif layout == "byteswapped":
        x = plain.astype(plain.dtype.newbyteorder())
    else:
        x = plain.copy()
        x.flags.writeable = False

    def f(x: Any) -> Any:
        out = 0.0
        for i in range(2):
            for j in range(3):
                out += x[i, j] ** 2 * (i + 1.0)
        return out

    value, gradient = revtrace.value_and_grad(f)(x)
    assert value == f(plain)
    np.testing.assert_array_equal(gradient, 2.0 * plain * [[1.0], [2.0]])


def test_the_same_array_twice_has_two_gradients() -> None:
    x = np.array([2.0, 3.0])
    first, second = revtrace.grad(lambda x, y: x[0] * y[1], argnums=(0, 1))(x, x)
    assert (first.tolist(), second.tolist()) == ([3.0, 0.0], [0.0, 2.0])


def overwrite(x: Any, y: Any) -> Any:
    x[0] = 5.0
    return y[0] * x[0]


def test_overlapping_arrays_are_refused_where_one_is_written() -> None:
    x = np.arange(1.0, 5.0)
    g = revtrace.grad(overwrite, argnums=1)
    assert g(x, x.copy()).tolist() == [5.0, 0.0, 0.0, 0.0]
    assert g(x[:2], x[2:]).tolist() == [5.0, 0.0]
    table = np.ones((3, 2))
    assert g(table[:, 0], table[:, 1]).tolist() == [5.0, 0.0, 0.0]
    for second in (x, x[:2], x[::-1]):
        with pytest.raises(UnsupportedError, match=r"(?s)share memory.*copy\(\)"):
            g(x, second)


def filled(x: Any, out: Any) -> Any:
    out[:] = 0.5 * x
    for i in range(len(x)):
        out[i] += x[-1]


@pytest.mark.parametrize("interpret", [False, True])
def test_arrays_that_a_plain_call_only_writes(interpret: bool) -> None:
    x, out = np.arange(1.0, 5.0), np.zeros(4)
    with revtrace.config.override(interpret=interpret):
        f = revtrace.wrap(filled)
    assert f(x, out) is None
    assert out.tolist() == [4.5, 5.0, 5.5, 6.0]


def test_overlapping_arrays_in_a_plain_call() -> None:
    f = revtrace.wrap(overwrite)
    for first, second in ((slice(None), slice(None)), (slice(2), slice(1, 3)), (slice(1, 3), slice(2))):
        plain, ours = np.arange(1.0, 5.0), np.arange(1.0, 5.0)
        assert f(ours[first], ours[second]) == overwrite(plain[first], plain[second])
        assert ours.tolist() == plain.tolist()


# exceptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, args, kind",
    [
        (lambda x, i: x[i], (np.ones(3), 5), IndexError),
        (lambda x, i: x[i], (np.ones(3), -4), IndexError),
        (lambda x: 1.0 / x, (0.0,), ZeroDivisionError),
        (lambda x: math.log(x), (-1.0,), ValueError),
        (lambda x: math.exp(x), (1e5,), OverflowError),
    ],
)
def test_exceptions_are_the_plain_functions(f: Callable[..., Any], args: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as plain:
        f(*args)
    for call in (revtrace.grad(f), revtrace.value_and_grad(f), revtrace.wrap(f)):
        for _ in range(2):
            with pytest.raises(kind) as ours:
                call(*args)
            assert str(ours.value) == str(plain.value)
            assert ours.value.__context__ is None
            assert ours.traceback[-1].path == plain.traceback[-1].path


def test_arrays_are_put_back_when_the_function_raises() -> None:
    def f(x: Any, i: Any) -> Any:
        x[0] = 9.0
        return x[i]

    x = np.array([1.0, 2.0])
    with pytest.raises(IndexError):
        revtrace.grad(f)(x, 2)
    np.testing.assert_array_equal(x, [1.0, 2.0])
    with pytest.raises(IndexError):
        revtrace.wrap(f)(x, 2)
    np.testing.assert_array_equal(x, [9.0, 2.0])


def test_writing_a_read_only_array_raises_as_the_function() -> None:
    x = np.ones(3)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        revtrace.grad(scale)(x, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        revtrace.wrap(scale)(x, 2.0)


# what is called a function ------------------------------------------------------------------


class Machine:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def method(self, x: Any) -> Any:
        return self.factor * x * x

    def __call__(self, x: Any) -> Any:
        return self.factor * x

    @revtrace.wrap
    def wrapped(self, x: Any) -> Any:
        return self.factor * x * x * x


def test_methods_and_instances() -> None:
    machine = Machine(3.0)
    assert revtrace.grad(machine.method)(2.0) == 12.0
    assert revtrace.grad(machine)(2.0) == 3.0
    assert (machine.wrapped(2.0), machine.wrapped.grad(2.0)) == (24.0, 36.0)
    machine.factor = 4.0
    assert revtrace.grad(machine.method)(2.0) == 16.0
    assert revtrace.grad(machine)(2.0) == 4.0
    assert revtrace.grad(Machine(5.0).method)(2.0) == 20.0


class Decorated:
    factor = 2.0

    @revtrace.grad
    def by_default(self, x: Any, y: Any) -> Any:
        return self.factor * x * x * y

    @functools.partial(revtrace.value_and_grad, argnums=2)
    def by_second(self, x: Any, y: Any) -> Any:
        return self.factor * x * x * y

    @functools.partial(revtrace.grad, argnums=(0, 1))
    def by_instance(self, x: Any) -> Any:
        return x

    @functools.partial(revtrace.hessian, argnums=(1, -1))
    def matrices(self, x: Any, y: Any) -> Any:
        return self.factor * x * x * y

    @revtrace.jacobian
    def rows(self, x: Any) -> Any:
        return self.factor * x


def test_decorated_methods_count_as_their_definition() -> None:
    made = Decorated()
    assert made.by_default(3.0, 5.0) == 60.0 and made.rows(3.0) == 2.0
    assert made.by_second(3.0, 5.0) == Decorated.by_second(made, 3.0, 5.0) == (90.0, 18.0)
    assert made.matrices(3.0, 5.0) == Decorated.matrices(made, 3.0, 5.0) == ((20.0, 12.0), (12.0, 0.0))
    with pytest.raises(GradientError, match="the instance is argument 0"):
        made.by_instance(2.0)


def test_partials_builtins_and_ufuncs() -> None:
    assert revtrace.grad(functools.partial(product, 2.0, z=7.0))(3.0) == 14.0
    assert revtrace.grad(functools.partial(product, z=7.0), argnums=-1)(3.0, 5.0) == 21.0
    assert revtrace.grad(math.sin)(0.0) == 1.0
    assert revtrace.grad(np.cosh)(0.0) == 0.0
    assert revtrace.grad(np.vectorize(lambda x: x * x))(3.0) == 6.0
    with pytest.raises(TypeError, match="expected a function"):
        revtrace.grad(3.0)  # type: ignore[arg-type]


def test_numba_dispatchers_are_taken_by_their_function() -> None:
    from numba import njit

    assert revtrace.grad(njit(norm2))(np.array([3.0])).tolist() == [6.0]


# higher order -------------------------------------------------------------------------------


def test_gradients_of_gradients() -> None:
    def f(x: Any, y: Any) -> Any:
        return x**3 * y**2

    assert revtrace.grad(revtrace.grad(f))(2.0, 3.0) == 108.0
    assert revtrace.grad(revtrace.grad(f), argnums=1)(2.0, 3.0) == 72.0
    assert revtrace.grad(revtrace.grad(revtrace.grad(f)))(2.0, 3.0) == 54.0
    assert revtrace.wrap(f).grad.value_and_grad(2.0, 3.0) == (108.0, 108.0)
    assert revtrace.grad(revtrace.grad(lambda x, v: x**2 * v[0] ** 3), argnums=1)(2.0, np.array([3.0])).tolist() == [
        108.0
    ]


def cubic(x: Any, y: Any) -> Any:
    return x[0] ** 2 * x[1] * y


HESSIAN = np.array([[18.0, 12.0], [12.0, 0.0]])


def test_hessian() -> None:
    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(revtrace.hessian(cubic)(x, 3.0), HESSIAN)
    for matrix in (
        revtrace.jacfwd(revtrace.jacrev(cubic)),
        revtrace.jacrev(revtrace.jacfwd(cubic)),
        revtrace.jacobian(revtrace.grad(cubic)),
        revtrace.jacfwd(revtrace.grad(cubic)),
        revtrace.wrap(cubic).hessian,
    ):
        np.testing.assert_array_equal(matrix(x, 3.0), HESSIAN)
    (xx, xy), (yx, yy) = revtrace.hessian(cubic, argnums=(0, 1))(x, 3.0)
    np.testing.assert_array_equal(xx, HESSIAN)
    assert xy.tolist() == yx.tolist() == [12.0, 4.0] and yy == 0.0


def test_hessian_of_containers_and_arrays() -> None:
    def f(p: Any) -> Any:
        return p["a"] ** 2 * p["b"][0], p["b"]

    first, second = revtrace.hessian(f)({"a": 2.0, "b": np.array([3.0, 4.0])})
    assert first["a"]["a"] == 6.0 and first["a"]["b"].tolist() == [4.0, 0.0]
    assert first["b"]["a"].tolist() == [4.0, 0.0] and not first["b"]["b"].any()
    assert second["b"]["b"].shape == (2, 2, 2) and not second["b"]["b"].any()


def test_hvp() -> None:
    x, v = np.array([2.0, 3.0]), np.array([1.0, -1.0])
    np.testing.assert_array_equal(revtrace.hvp(cubic, (x, 3.0), (v, 0.0)), HESSIAN @ v)
    np.testing.assert_array_equal(revtrace.hvp(cubic)(x, 3.0, v), HESSIAN @ v)
    np.testing.assert_array_equal(revtrace.wrap(cubic).hvp((x, 3.0), (v, 0.0)), HESSIAN @ v)
    assert revtrace.hvp(cubic, (x, 3.0), (v, 0.0), argnums=1) == 8.0
    with pytest.raises(TypeMismatchError, match="without tangents"):
        revtrace.hvp(cubic, (x, 3.0))


def test_hvp_with_the_vector_behind_the_arguments() -> None:
    def f(x: Any, y: Any, k: Any = 1.0) -> Any:
        return k * x * x * y

    assert revtrace.hvp(f, argnums=-1)(2.0, 3.0, 1.0) == revtrace.hvp(f, argnames="y")(2.0, 3.0, 1.0) == 0.0
    assert revtrace.hvp(f, argnums=(0, 1))(2.0, 3.0, (1.0, 10.0)) == (46.0, 4.0)
    assert revtrace.hvp(f)(2.0, 3.0, 1.0, k=2.0) == 12.0
    wrong: list[tuple[Any, tuple[Any, ...]]] = [
        ({}, ()),
        ({}, (2.0,)),
        ({"argnums": (0, 1)}, (2.0, 3.0, 1.0)),
        ({"argnames": "k"}, (2.0, 3.0, 1.0)),
    ]
    for asked, args in wrong:
        with pytest.raises(TypeMismatchError, match="vector"):
            revtrace.hvp(f, **asked)(*args)


# products and matrices ----------------------------------------------------------------------


def pair(x: Any, n: Any) -> Any:
    return {"first": x[0] * n, "rest": (x[1] * x[1], "text", n)}


def test_vjp() -> None:
    x = np.array([2.0, 3.0])
    out, pullback = revtrace.vjp(pair, x, 4)
    assert out == {"first": 8.0, "rest": (9.0, "text", 4)}
    gradient, none = pullback({"first": 1.0, "rest": (10.0, None, None)})
    assert gradient.tolist() == [4.0, 60.0] and none is None
    x[:] = 100.0
    assert pullback({"first": 0.0, "rest": (1.0, None, None)})[0].tolist() == [0.0, 6.0]


def test_vjp_of_arrays_and_aux() -> None:
    def f(x: Any, *, k: Any) -> Any:
        y = np.zeros(2)
        y[0], y[1] = x * k, x * x
        return y, "aux"

    out, pullback, aux = revtrace.vjp(f, 3.0, has_aux=True, k=2.0)
    assert out.tolist() == [6.0, 9.0] and aux == "aux"
    assert pullback(np.array([1.0, 10.0])) == (62.0,)


def test_products_are_by_the_arguments_that_are_passed() -> None:
    def f(x: Any, y: Any = 2.0) -> Any:
        return x * y

    for _ in range(2):
        assert revtrace.vjp(f, 3.0)[1](1.0) == (2.0,)
        assert revtrace.vjp(f, 3.0, 2.0)[1](1.0) == (2.0, 3.0)
        assert revtrace.jvp(f, (3.0,), (1.0,)) == (6.0, 2.0)
        assert revtrace.jvp(f, (3.0, 2.0), (1.0, 1.0)) == (6.0, 5.0)
        assert revtrace.hvp(f, (3.0, 2.0), (0.0, 1.0)) == 1.0


@pytest.mark.parametrize(
    "ct, message",
    [
        ((1.0,), "a tuple"),
        ({"first": 1.0}, "keys"),
        ({"first": np.ones(2), "rest": (1.0, None, None)}, r"\['first'\]"),
        ({"first": 1.0, "rest": (1.0, None)}, r"\['rest'\] has 2 entries"),
    ],
)
def test_a_cotangent_that_does_not_fit(ct: Any, message: str) -> None:
    _, pullback = revtrace.vjp(pair, np.ones(2), 4)
    with pytest.raises(TypeMismatchError, match=message):
        pullback(ct)


def test_jvp() -> None:
    x, v = np.array([2.0, 3.0]), np.array([1.0, 10.0])
    out, tangent = revtrace.jvp(pair, (x, 4), (v, None))
    assert out == {"first": 8.0, "rest": (9.0, "text", 4)}
    assert tangent == {"first": 4.0, "rest": (60.0, None, None)}
    assert revtrace.jvp(lambda x: (x * x, x), (3.0,), (1.0,), has_aux=True) == (9.0, 6.0, 3.0)
    with pytest.raises(TypeMismatchError, match="tangents"):
        revtrace.jvp(pair, (x, 4), (v,))
    with pytest.raises(TypeMismatchError, match="tuple"):
        revtrace.jvp(pair, x, v)


def curve(x: Any, s: Any) -> Any:
    y = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            y[i, j] = x[i] ** 2 * x[2] * s + j
    return y


@pytest.mark.parametrize("name", ["jacobian", "jacrev", "jacfwd"])
def test_jacobian(name: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    by_x, by_s = getattr(revtrace, name)(curve, argnums=(0, 1))(x, 2.0)
    assert by_x.shape == (2, 2, 3) and by_s.shape == (2, 2)
    for i in range(2):
        for j in range(2):
            row = np.zeros(3)
            row[i], row[2] = 2.0 * x[i] * x[2] * 2.0, x[i] ** 2 * 2.0
            np.testing.assert_array_equal(by_x[i, j], row)
            assert by_s[i, j] == x[i] ** 2 * x[2]


@pytest.mark.parametrize("name", ["jacobian", "jacrev", "jacfwd"])
def test_jacobian_of_containers(name: str) -> None:
    jacobian = getattr(revtrace, name)
    rows = jacobian(lambda p: {"s": p.x * p.y, "t": [p.x, 7.0, "no"]})(Point(2.0, 3.0))
    assert rows == {"s": Point(3.0, 2.0), "t": [Point(1.0, 0.0), Point(0.0, 0.0), None]}
    assert jacobian(lambda x: (x * x, x), has_aux=True)(3.0) == (6.0, 3.0)
    empty = jacobian(lambda x: x * 1.0 if False else x)(np.zeros(0))
    assert empty.shape == (0, 0)


# the inverse --------------------------------------------------------------------------------


def test_inverse_hands_the_adjoint_on() -> None:
    f = revtrace.wrap(norm2)
    x = np.array([1.0, 2.0, 3.0])
    left, back = (~f)(revtrace.GVar(f(x), 1.0), revtrace.GVar(x))
    assert left.value == 0.0 and left.adjoint == 0.0
    np.testing.assert_array_equal(back.value, x)
    np.testing.assert_array_equal(back.adjoint, 2.0 * x)
    again = revtrace.inverse(norm2)(revtrace.GVar(20.0, 0.5), revtrace.GVar(x, 1.0))
    assert again[0].value == 6.0
    np.testing.assert_array_equal(again[1].adjoint, 1.0 + x)
    assert (~~f)(x) == f(x)


def test_inverse_of_containers_and_constants() -> None:
    f = revtrace.wrap(lambda p, k: p.x * p.y * k)
    left, point, k = (~f)(revtrace.GVar(12.0, 1.0), Point(revtrace.GVar(2.0), revtrace.GVar(3.0)), 2.0)
    assert left == revtrace.GVar(0.0) and k == 2.0
    assert point == Point(revtrace.GVar(2.0, 6.0), revtrace.GVar(3.0, 4.0))


def test_inverse_refuses_arguments_already_written() -> None:
    f = revtrace.wrap(scale)
    x = np.array([2.0, 3.0])
    start = x.copy()
    out = f(x, 5.0)
    left, back, _ = (~f)(revtrace.GVar(out, 1.0), revtrace.GVar(start), 5.0)
    assert left.value == 0.0 and back.adjoint.tolist() == [75.0, 50.0]
    with pytest.raises(revtrace.InverseDriftError, match="on entry"):
        (~f)(revtrace.GVar(out, 1.0), revtrace.GVar(x), 5.0)
    with pytest.raises(TypeMismatchError, match="GVar"):
        (~f)(out, revtrace.GVar(start), 5.0)
