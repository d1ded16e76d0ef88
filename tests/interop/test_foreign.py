"""Functions of JAX, PyTorch and autograd inside of traced functions: derivatives of every order."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import revtrace
from revtrace import rule

X = np.array([0.3, -0.7, 1.2])


def of_jax():
    jax = pytest.importorskip("jax")
    return SimpleNamespace(register=rule.from_jax, np=jax.numpy, transform=jax.jit)


def of_torch():
    torch = pytest.importorskip("torch")
    return SimpleNamespace(register=rule.from_torch, np=torch, transform=lambda f: f)


def of_autograd():
    numpy = pytest.importorskip("autograd.numpy")
    return SimpleNamespace(register=rule.from_autograd, np=numpy, transform=lambda f: f)


@pytest.fixture(params=[of_jax, of_torch, of_autograd], ids=["jax", "torch", "autograd"])
def host(request):
    return request.param()


@pytest.fixture
def enter(host):
    """Registers functions, whose rules are removed after the test."""
    made = []

    def register(f):
        made.append(host.register(host.transform(f)))
        return made[-1]

    yield register
    for f in made:
        rule.remove(f)


@pytest.fixture
def wave(host, enter):
    """``a * sum(sin(x)) * x[0]``."""
    return enter(lambda x, a: a * host.np.sum(host.np.sin(x)) * x[0])


def plain(x, a):
    return a * np.sum(np.sin(x)) * x[0]


def both(inner):
    def f(x, a):
        s = 0.0
        for k in range(1, 3):
            s += inner(x * x, a * k) * x[k]
        return s

    return f


def along(f, x, direction):
    """Central differences, extrapolated once."""

    def difference(h):
        return (f(x + h * direction) - f(x - h * direction)) / (2 * h)

    return (4 * difference(1e-3) - difference(2e-3)) / 3


def test_gradients_in_a_loop(wave):
    got = revtrace.grad(both(wave), argnums=(0, 1))(X, 0.7)
    for direction in np.eye(3):
        expected = along(lambda x: both(plain)(x, 0.7), X, direction)
        assert got[0] @ direction == pytest.approx(expected, rel=1e-8)
    assert got[1] == pytest.approx(both(plain)(X, 1.0), rel=1e-12)


def test_second_derivatives(wave):
    found = revtrace.hessian(both(wave))(X, 0.7)
    slopes = revtrace.grad(both(plain))
    expected = np.stack([along(lambda x: slopes(x, 0.7), X, d) for d in np.eye(3)], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(revtrace.hvp(both(wave), (X, 0.7), (X, 0.0)), expected @ X, rtol=1e-8)


def test_forward_mode_and_third_derivatives(wave):
    assert revtrace.jvp(wave, (X, 2.0), (X, 0.0))[1] == pytest.approx(revtrace.grad(plain)(X, 2.0) @ X, rel=1e-12)

    def along_ones(t):
        return wave(t * np.ones(2), 1.0)  # 2 t sin(t)

    third = revtrace.grad(revtrace.grad(revtrace.grad(along_ones)))
    assert third(0.4) == pytest.approx(-6 * np.sin(0.4) - 0.8 * np.cos(0.4), rel=1e-10)


def test_integers_and_several_results(host, enter):
    def split(x, n):
        return host.np.sin(x) * n, x * x

    if host.register == rule.from_autograd:
        pytest.skip("autograd has functions of one result")
    inner = enter(split)

    def f(x):
        s, q = inner(x, 3)
        return np.sum(s * q)

    def expected(x):
        return np.diag(3 * ((2 - x * x) * np.sin(x) + 4 * x * np.cos(x)))

    np.testing.assert_allclose(revtrace.hessian(f)(X), expected(X), rtol=1e-12, atol=1e-12)


def test_complex_numbers(host, enter):
    inner = enter(lambda z: z * z * z)

    def f(x):
        z = inner(x + 1j * x * x)
        return np.sum(z.real + 2 * z.imag)

    def g(x):
        z = (x + 1j * x * x) ** 3
        return np.sum(z.real + 2 * z.imag)

    np.testing.assert_allclose(revtrace.grad(f)(X), revtrace.grad(g)(X), rtol=1e-12)
    np.testing.assert_allclose(revtrace.hessian(f)(X), revtrace.hessian(g)(X), rtol=1e-12, atol=1e-12)


def test_containers_of_jax_in_their_own_order():
    jax = pytest.importorskip("jax")

    def f(p):
        return {"z": p["b"] * jax.numpy.sin(p["a"]), "c": p["a"] * p["k"]}

    rule.from_jax(f)
    try:

        def g(b, a):
            out = f({"b": b, "k": 2, "a": a})
            return np.sum(out["z"] * out["c"])

        found = revtrace.hessian(g, argnums=1)(X, 2 * X)
        a, b = 2 * X, X
        np.testing.assert_allclose(found, np.diag(2 * b * (2 * np.cos(a) - a * np.sin(a))), rtol=1e-12, atol=1e-12)
    finally:
        rule.remove(f)


def test_an_adjoint_that_is_only_called_has_no_second_derivative():
    def f(x):
        return float(np.array(x).item() ** 3)

    rule(f, adjoint=lambda ct, out, x: ct * 3 * eval("x * x"), foreign=True)
    try:
        assert revtrace.grad(lambda x: f(x))(2.0) == 12.0
        with pytest.raises(revtrace.UnsupportedError, match="no forward-mode derivative of the rule of"):
            revtrace.hessian(lambda x: f(x))(2.0)
    finally:
        rule.remove(f)
