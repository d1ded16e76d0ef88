"""Derivatives taken inside of a traced function, against the same functions with those derivatives written out.

The written-out functions are differentiated by differences, so that nothing of revtrace judges itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
    wrap,
)  # fmt: skip

X = np.array([0.5, 1.5, -0.7, 2.0])
CASES: list[Any] = []


def case(written_out: Callable[..., Any], *args: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function with what it is when its inner derivatives are written out."""

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(pytest.param(f, written_out, args, id=f.__name__))
        return f

    return enter


def differences(f: Callable[..., Any], args: tuple[Any, ...]) -> list[float]:
    """Return the gradient by Richardson-extrapolated central differences."""

    def at(k: int, h: float) -> float:
        parts = np.cumsum([0, *(np.size(a) for a in args)])
        flat = np.concatenate([np.ravel(a) for a in args])
        flat[k] += h
        moved = [flat[i:j] for i, j in zip(parts[:-1], parts[1:], strict=True)]
        return float(f(*(m if isinstance(a, np.ndarray) else float(m[0]) for m, a in zip(moved, args, strict=True))))

    def slope(k: int, h: float) -> float:
        return (at(k, h) - at(k, -h)) / (2 * h)

    count = sum(int(np.size(a)) for a in args)
    return [(4 * slope(k, 5e-4) - slope(k, 1e-3)) / 3 for k in range(count)]


def cube(z: float) -> float:
    return z**3


cube_slope = grad(cube)
cube_matrix = hessian(cube)


@case(lambda x: 3 * x**2 * x, 2.0)
def of_a_lambda(x: float) -> Any:
    return grad(lambda z: z**3)(x) * x


@case(lambda x: 3 * x**2 + 6 * x, 2.0)
def of_handles_made_outside(x: float) -> Any:
    return cube_slope(x) + cube_matrix(x)


@case(lambda x, a: a ** (1 / 3) + 0 * x, 2.0, 3.0)
def newton(x: float, a: float) -> float:
    def f(z: float) -> float:
        return z**3 - a

    df = grad(f)
    for _ in range(30):
        x = x - f(x) / df(x)
    return x


@case(lambda x, a: a ** (1 / 3) + 0 * x, 2.0, 3.0)
def newton_until_it_converges(x: float, a: float) -> float:
    def f(z: float) -> float:
        return z**3 - a

    while abs(f(x)) > 1e-13:
        x = x - f(x) / grad(f)(x)
    return x


def _leapfrog(q: float, p: float, h: float) -> float:
    for _ in range(10):
        p = p - 0.5 * h * q**3
        q = q + h * p
        p = p - 0.5 * h * q**3
    return 0.5 * p * p + q**4 / 4 + q


@case(_leapfrog, 1.0, 0.5, 0.1)
def hamiltonian(q: float, p: float, h: float) -> float:
    def energy(q: float, p: float) -> float:
        return 0.5 * p * p + q**4 / 4

    for _ in range(10):
        p = p - 0.5 * h * grad(energy, 0)(q, p)
        q = q + h * grad(energy, 1)(q, p)
        p = p - 0.5 * h * grad(energy, 0)(q, p)
    return energy(q, p) + q


def _residual(w: np.ndarray) -> float:
    total = 0.0
    for t in np.linspace(0.1, 1.0, 5):
        y = math.tanh(w[1] * t + w[2])
        slope = w[0] * (1 - y * y) * w[1] + w[3]
        bend = w[0] * -2 * y * (1 - y * y) * w[1] ** 2
        total += (bend + w[0] * y + w[3] * t - slope) ** 2
    return total


@case(_residual, X)
def residual_of_an_equation(w: np.ndarray) -> float:
    def u(t: Any) -> Any:
        return w[0] * np.tanh(w[1] * t + w[2]) + w[3] * t

    du = grad(u)
    ddu = grad(du)
    total = 0.0
    for t in np.linspace(0.1, 1.0, 5):
        total += (ddu(t) + u(t) - du(t)) ** 2
    return total


def _descended(x: np.ndarray) -> Any:
    for _ in range(5):
        x = x - 0.01 * 4 * x**3
    return np.sum(x)


@case(_descended, X)
def descent_over_a_loop(x: np.ndarray) -> Any:
    def energy(z: np.ndarray) -> float:
        total = 0.0
        for v in z:
            total += v**4
        return total

    for _ in range(5):
        x = x - 0.01 * grad(energy)(x)
    return np.sum(x)


@case(lambda x: np.sum(np.sin(x)) * np.cos(x[0]), X)
def value_with_gradient(x: np.ndarray) -> Any:
    value, slope = value_and_grad(lambda z: np.sum(np.sin(z)))(x)
    return value * slope[0]


@case(lambda x, y: 2 * x * y * x * x + 3 * x * x, 2.0, 3.0)
def by_several_arguments(x: float, y: float) -> Any:
    def f(u: float, v: float) -> float:
        return u * u * v

    a, b = grad(f, argnums=(0, 1))(x, y)
    return a * b + grad(f, argnums=1)(x, y) + grad(f, argnames="v")(x, v=y) + grad(f, argnums=-1)(x, y)


def _hessian(x: np.ndarray) -> Any:
    h = np.diag(6 * x * x[0])
    h[0] += 3 * x**2
    h[:, 0] += 3 * x**2
    return h


@case(lambda x: np.sum(_hessian(x) ** 2), X)
def matrix_of_second_derivatives(x: np.ndarray) -> Any:
    h = hessian(lambda z: np.sum(z**3) * z[0])(x)
    return np.sum(h * h)


def _jacobian(x: np.ndarray) -> Any:
    j = np.diag(np.cos(x) * x[0])
    j[:, 0] += np.sin(x)
    return j


@case(lambda x: 3 * np.sum(_jacobian(x) ** 3), X)
def matrices_of_derivatives(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        return np.sin(z) * z[0]

    return np.sum(jacobian(f)(x) * jacrev(f)(x) * jacfwd(f)(x)) + 2 * np.sum(jacfwd(f)(x) ** 3)


@case(lambda x: np.sum((_jacobian(x) @ (2 * x)) * np.sin(x) * x[0]), X)
def product_forward(x: np.ndarray) -> Any:
    out, dot = jvp(lambda z: np.sin(z) * z[0], (x,), (x * 2,))
    return np.sum(dot * out)


@case(lambda x: np.sum((_jacobian(x).T @ (2 * np.sin(x) * x[0])) * x), X)
def product_backward(x: np.ndarray) -> Any:
    out, pullback = vjp(lambda z: np.sin(z) * z[0], x)
    (bar,) = pullback(out * 2)
    return np.sum(bar * x)


@case(lambda x: 2 * np.sum((_hessian(x) @ (x * x)) ** 2), X)
def products_with_second_derivatives(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        return np.sum(z**3) * z[0]

    return np.sum(hvp(f, (x,), (x * x,)) ** 2) + np.sum(hvp(f)(x, x * x) ** 2)


class Field:
    factor = 3.0

    @grad
    def slope(self, t: float, y: float) -> float:
        return self.factor * t**3 * y

    @functools.partial(hessian, argnums=2)
    def bend(self, t: float, y: float) -> float:
        return self.factor * t * y**3


@case(lambda x: 9 * x[0] ** 2 * x[1] + 18 * x[1] * x[2] * x[0], X)
def methods_decorated_in_their_class(x: np.ndarray) -> Any:
    made = Field()
    return made.slope(x[0], x[1]) + made.bend(x[1], x[2]) * x[0]


@case(lambda x: 5 * 12 * x[0] ** 2 + 4 * x[1] + 6 * x[0] ** 2 + 12 * x[0] * x[1] + 54 * x[0] * x[1] ** 2, X)
def constant_tuples_and_vectors_by_name(x: np.ndarray) -> Any:
    first = jvp(lambda a, b: a**4 * b, (hvp(lambda a: a**2, (x[0],), (1.0,)) * x[0] / 2, 5.0), (1, 0.0))[1] * 3 / x[0]
    second = vjp(lambda a: (a * a, a), x[1])[1]((2.0, 0.0))[0]
    third = hvp(lambda a, b: a**2 * b * 3, argnums=(0, 1))(x[0], x[1], (x[0], 0))[1]
    fourth = hvp(lambda a, b: a * b**2, argnames="a")(x[0], x[1], 1.0) + 6 * hvp(lambda a, k=1.0: a**2 * k)(
        x[0], x[0], k=x[1]
    )
    fifth = grad(lambda p: p[0] * p[1] ** 2 * x[0] * x[1] ** 2)((3.0, 3.0))[1] * 3
    return first + second + third + fourth + fifth


@case(lambda x: x[0] * x[1] ** 2 + 2 * x[0] ** 2 * x[1] ** 2 * x[2], X)
def containers(x: np.ndarray) -> Any:
    def f(p: dict[str, Any]) -> Any:
        return p["a"] ** 2 * p["b"][0] ** 2 / 2 + p["b"][1] ** 2

    g = grad(f)({"a": x[0], "b": [x[1], x[2]]})
    return g["a"] + g["b"][1] * g["a"] * x[0]


@case(lambda x: 2 * np.sum(x) * np.mean(x) + np.sum(x**2) * np.mean(x) + 2 * x[0], X)
def with_aux(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        return np.sum(z**2), {"mean": np.mean(z)}

    g, aux = grad(f, has_aux=True)(x)
    (value, again), slope = value_and_grad(f, has_aux=True)(x)
    return np.sum(g) * aux["mean"] + value * again["mean"] + slope[0]


class Well:
    """A potential with its force."""

    def __init__(self, stiffness: float) -> None:
        self.stiffness = stiffness

    def energy(self, x: float) -> float:
        return self.stiffness * x * x

    def force(self, x: float) -> Any:
        return -grad(self.energy)(x)


@case(lambda x, k: -2 * k * x, 2.0, 3.0)
def of_a_method(x: float, k: float) -> Any:
    return Well(k).force(x)


@wrap
def wrapped(z: float) -> float:
    return z * z * z


@case(lambda x: 2 * x**3 + 6 * x**2 + 6 * x, 2.0)
def attributes_of_a_handle(x: float) -> Any:
    return wrapped(x) + wrapped.grad(x) + wrapped.hessian(x) + wrapped.value_and_grad(x)[0] + wrapped.vjp(x)[1](1.0)[0]


def _written(x: np.ndarray) -> Any:
    a, b, c = x[0], x[1], x[2]
    # z2 = c + (b + a b) c
    slope = np.array([b * c, (1 + a) * c, 1 + b + a * b])
    return np.sum(slope**2) + b


@case(_written, X[:3].copy())
def of_a_function_that_writes_its_argument(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        for i in range(1, len(z)):
            z[i] += z[i - 1] * z[i]
        return z[-1]

    return np.sum(grad(f)(x) ** 2) + x[1]


def _newton_step(x: np.ndarray) -> Any:
    for _ in range(3):
        h = np.diag(12 * x**2) + 2.0 + np.eye(len(x))
        x = x - np.linalg.solve(h, 4 * x**3 + 2 * np.sum(x))
    return np.sum(x * x)


@case(_newton_step, X)
def newton_of_many_unknowns(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        return np.sum(z**4) + np.sum(z) ** 2

    for _ in range(3):
        x = x - np.linalg.solve(hessian(f)(x) + np.eye(4), grad(f)(x))
    return np.sum(x * x)


@case(lambda x: 2.0 * x * x if x > 0 else -3 * x**3, 2.0)
@case(lambda x: 2.0 * x * x if x > 0 else -3 * x**3, -2.0)
def of_a_branch(x: float) -> Any:
    def f(z: float) -> float:
        if z > 0:
            return z * z
        return -(z**3)

    return grad(f)(x) * x


@case(lambda x: sum((5.0 / (5 - x)) ** 2 / 5 for _ in range(1)), 2.0)
def of_a_series(x: float) -> Any:
    def f(z: float) -> float:
        total, term = 0.0, 1.0
        while abs(term) > 1e-17:
            term = term * z / 5
            total += term
        return total

    return grad(f)(x)


@case(lambda x: 1 - np.tanh(x) ** 2 + math.cos(x), 0.7)
def of_library_functions(x: float) -> Any:
    return grad(np.tanh)(x) + grad(math.sin)(x)


def _twice(x: np.ndarray) -> Any:
    # f = |z|^2 z0; its gradient squared is 4 |z|^2 z0^2 + 4 z0 |z|^2 z0 + |z|^4 = 8 s z0^2 + s^2
    s = np.sum(x**2)
    slope = 16 * x * x[0] ** 2 + 4 * s * x
    slope[0] += 16 * s * x[0]
    return np.sum(slope)


@case(_twice, X)
def three_deep(x: np.ndarray) -> Any:
    def f(z: np.ndarray) -> Any:
        return np.sum(z**2) * z[0]

    def g(z: np.ndarray) -> Any:
        return np.sum(grad(f)(z) ** 2)

    return np.sum(grad(g)(x))


@pytest.mark.parametrize(("f", "written_out", "args"), CASES)
def test_inner_derivatives(f: Callable[..., Any], written_out: Callable[..., Any], args: tuple[Any, ...]) -> None:
    with revtrace.config.override(interpret=True, cache=False, verify=True):
        value, found = value_and_grad(f, argnums=tuple(range(len(args))))(*args)
    assert np.isclose(value, written_out(*args), rtol=1e-11)
    assert np.isclose(value, f(*args), rtol=1e-12)
    assert np.allclose(np.concatenate([np.ravel(x) for x in found]), differences(written_out, args), rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (newton_until_it_converges, (2.0, 3.0)),
        (residual_of_an_equation, (X,)),
        (newton_of_many_unknowns, (X,)),
        (of_a_function_that_writes_its_argument, (X[:3].copy(),)),
    ],
)
def test_compiled_as_interpreted(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    found = grad(f)(*args)
    with revtrace.config.override(interpret=True, cache=False):
        expected = grad(f)(*args)
    assert np.allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_a_changed_global_of_the_inner_function_is_seen() -> None:
    scope: dict[str, Any] = {"grad": grad, "k": 2.0}
    exec("def f(x):\n    return grad(lambda z: k * z * z)(x)\n", scope)
    outer = grad(scope["f"])
    assert outer(3.0) == 4.0
    scope["k"] = 5.0
    assert outer(3.0) == 10.0


def test_a_call_is_compiled() -> None:
    f = wrap(of_a_lambda)
    assert f(2.0) == 24.0
    assert "cube" not in f.source(2.0)
    assert f.program(2.0).body.stmts


def counting(x: float) -> Any:
    calls = 0.0

    def f(z: float) -> float:
        nonlocal calls
        calls += z
        return z * z

    return grad(f)(x) + calls


def test_a_change_outside_is_refused() -> None:
    with pytest.raises(revtrace.UnsupportedError, match="changes an object outside of it") as error:
        grad(counting)(2.0)
    assert "return grad(f)(x) + calls" in str(error.value)


def no_number(x: float) -> Any:
    return grad(lambda z: (z, z))(x)


def integer(x: float) -> Any:
    return x * grad(lambda z: z * 1.0)(3)


@pytest.mark.parametrize("f", [no_number, integer])
def test_errors_are_those_of_a_call_outside(f: Callable[..., Any]) -> None:
    with pytest.raises(revtrace.GradientError) as outside:
        f(2.0)
    with pytest.raises(revtrace.GradientError) as inside:
        grad(f)(2.0)
    assert str(inside.value).splitlines()[3:] == str(outside.value).splitlines()[3:]


def test_what_the_inner_function_raises_is_raised() -> None:
    def f(x: float) -> Any:
        return grad(lambda z: math.sqrt(z))(x)

    assert np.isclose(grad(f)(4.0), -1 / 32)
    with pytest.raises(ValueError, match="math domain error|nonnegative"):
        grad(f)(-4.0)
