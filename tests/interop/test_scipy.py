"""Functions and derivatives in SciPy's form, used by SciPy's solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.errors import GradientError
from revtrace.interop import scipy as interop

optimize = pytest.importorskip("scipy.optimize")
integrate = pytest.importorskip("scipy.integrate")


def rosenbrock(x: Any) -> Any:
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


START = np.array([-1.2, 1.0, 0.5])


def test_minimize() -> None:
    fun, jac = interop.fun_and_jac(rosenbrock)
    found = optimize.minimize(fun, START, jac=jac, method="BFGS")
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)
    direct = optimize.minimize(revtrace.value_and_grad(rosenbrock), START, jac=True, method="BFGS")
    np.testing.assert_array_equal(direct.x, found.x)
    assert optimize.check_grad(fun, jac, START) < 1e-4


def test_hessian_products() -> None:
    fun, jac = interop.fun_and_jac(rosenbrock)
    product = interop.hessp(rosenbrock)
    np.testing.assert_allclose(product(START, np.array([1.0, 2.0, 3.0])),
                               optimize.rosen_hess_prod(START, np.array([1.0, 2.0, 3.0])), rtol=1e-13)  # fmt: skip
    found = optimize.minimize(fun, START, jac=jac, hessp=product, method="trust-ncg")
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)


def test_value_and_gradient_share_one_run_and_arguments_are_passed() -> None:
    fun, jac = interop.fun_and_jac(lambda x, a: a * x[0] ** 2)
    x = np.array([3.0])
    assert fun(x, 2.0) == 18.0
    assert jac(x, 5.0) == 30.0
    fun, jac = interop.fun_and_jac(rosenbrock)
    before = revtrace.value_and_grad(rosenbrock).stats.calls
    first = jac(START)
    fun(START)
    assert revtrace.value_and_grad(rosenbrock).stats.calls == before + 1
    first[:] = 0.0
    assert jac(START).any(), "the gradient is the caller's own"
    moved = START.copy()
    fun(moved)
    moved[0] = 3.0
    assert fun(moved) == rosenbrock(moved)


def model(p: Any, t: Any, y: Any) -> Any:
    return y - p["a"] * np.exp(-p["k"][0] * t) - p["k"][1]


P = {"a": 1.0, "k": np.array([1.0, 0.0])}


def test_containers_and_least_squares() -> None:
    t = np.linspace(0.0, 3.0, 30)
    y = 2.5 * np.exp(-1.3 * t) + 0.5
    x0, restore = interop.ravel(P)
    np.testing.assert_array_equal(x0, [1.0, 1.0, 0.0])
    residuals, jac = interop.vector(model, P), interop.jac(model, P)
    found = optimize.least_squares(residuals, x0, jac=jac, args=(t, y))
    fitted = restore(found.x)
    assert type(fitted["a"]) is float
    assert fitted["a"] == pytest.approx(2.5, rel=1e-8)
    np.testing.assert_allclose(fitted["k"], [1.3, 0.5], rtol=1e-8)

    def squares(p: Any) -> Any:
        return np.sum(model(p, t, y) ** 2)

    fun, gradient = interop.fun_and_jac(squares, P)
    np.testing.assert_allclose(optimize.minimize(fun, x0, jac=gradient).x, [2.5, 1.3, 0.5], rtol=1e-4)
    v = np.array([1.0, -1.0, 2.0])
    product = interop.hessp(squares, P)(x0, v)
    step = 1e-6
    np.testing.assert_allclose(product, (gradient(x0 + step * v) - gradient(x0 - step * v)) / (2 * step), rtol=1e-6)


def test_root() -> None:
    def system(x: Any) -> Any:
        return np.array([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])

    found = optimize.root(system, [0.0, 0.0], jac=interop.jac(system), method="hybr")
    np.testing.assert_allclose(found.x, [0.8411639, 0.1588361], rtol=1e-6)


def test_stiff_equations() -> None:
    def robertson(t: Any, y: Any) -> Any:
        a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return np.array([b - a, a - b - c, c])

    jac = interop.jac(robertson, argnum=1)
    expected = integrate.solve_ivp(robertson, (0.0, 40.0), [1.0, 0.0, 0.0], method="BDF", rtol=1e-8, atol=1e-10)
    found = integrate.solve_ivp(robertson, (0.0, 40.0), [1.0, 0.0, 0.0], method="BDF", jac=jac, rtol=1e-8, atol=1e-10)
    # Published: y1(40) = 0.7158.
    assert found.y[0, -1] == pytest.approx(0.7158, abs=5e-5)
    assert found.nfev <= expected.nfev


def test_complex_parameters_are_refused() -> None:
    with pytest.raises(GradientError, match="complex"):
        interop.ravel({"z": 1j})
