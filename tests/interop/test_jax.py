"""Inside JAX: every transformation, of any order, and JAX's own checker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from tests.interop.cases import Case, cases, decay, noise, noisy, norm2

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
interop = pytest.importorskip("revtrace.interop.jax")
jtu = pytest.importorskip("jax.test_util")


def decay_in_jax(p: Any, t: Any, n: int) -> Any:
    y = jnp.zeros(len(t))
    s = 0.0
    for k in range(n):
        for i in range(len(t)):
            y = y.at[i].add(p["a"] * jnp.exp(-p["k"][0] * t[i]) * (k + 1))
            s = s + y[i] ** 2
    return {"y": y, "s": s}, (s * p["a"], n)


def loss_of(model: Any) -> Any:
    def loss(p: Any, t: Any) -> Any:
        out, (weighted, _) = model(p, t, 2)
        return jnp.sum(jnp.sin(out["y"])) * out["s"] + weighted

    return loss


OURS, THEIRS = loss_of(revtrace.wrap(decay)), loss_of(decay_in_jax)
P = {"a": 1.5, "k": [0.3]}
T = np.linspace(0.0, 1.0, 4)


def same(a: Any, b: Any, rtol: float = 1e-12) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-13), a, b)


def arguments() -> tuple[Any, Any]:
    return jax.tree.map(jnp.asarray, P), jnp.asarray(T)


@pytest.mark.parametrize("case", cases(), ids=str)
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_gradients_of_the_corpus(case: Case, jit: bool) -> None:
    with override(cache=False):
        handle = revtrace.wrap(case.program.function)
    values, expected = case.expected()
    weights = case.weights()

    def weighted(*leaves: Any) -> Any:
        outs = case.call(handle, leaves)
        return sum(jnp.real(jnp.sum(w * out)) for w, out in zip(weights, outs, strict=True)), outs

    leaves = [jnp.asarray(x) for x in case.leaves]
    derivative = jax.value_and_grad(weighted, tuple(range(len(leaves))), has_aux=True)
    (_, outs), gradients = (jax.jit(derivative) if jit else derivative)(*leaves)
    case.close(outs, values)
    case.close(gradients, expected)


TRANSFORMED = {
    "grad": lambda f: jax.grad(f, (0, 1)),
    "jit of grad": lambda f: jax.jit(jax.grad(f, (0, 1))),
    "grad of jit": lambda f: jax.grad(jax.jit(f), (0, 1)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1)),
    "hessian": lambda f: jax.hessian(f, (0, 1)),
    "reverse over reverse": lambda f: jax.jit(jax.jacrev(jax.jacrev(f, (0, 1)), (0, 1))),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f)),
    "third": lambda f: jax.jacfwd(jax.hessian(f)),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(f), (0, 1)),
    "linearize": lambda f: lambda p, t: jax.linearize(lambda t: f(p, t), t)[1](jnp.ones_like(t)),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformations(name: str) -> None:
    transform = TRANSFORMED[name]
    same(transform(OURS)(*arguments()), transform(THEIRS)(*arguments()))


BATCHED = {
    "vmap": lambda f: jax.vmap(f, (None, 0)),
    "jit of vmap of grad": lambda f: jax.jit(jax.vmap(jax.grad(f, (0, 1)), (None, 0))),
    "grad of vmap": lambda f: jax.grad(lambda p, t: jax.vmap(f, (None, 0))(p, t).sum(), (0, 1)),
    "hessian of vmap": lambda f: jax.hessian(lambda p, t: jax.vmap(f, (None, 0))(p, t).sum()),
    "vmap of vmap": lambda f: (
        lambda p, t: jax.vmap(lambda q: jax.vmap(f, (None, 0))(q, t))(jax.tree.map(lambda x: jnp.stack([x, 2 * x]), p))
    ),
    "grad of scan": lambda f: jax.grad(
        lambda p, t: jax.lax.scan(lambda c, x: (c + 0.1 * f(p, x) * c, c), 1.0, t)[0], (0, 1)
    ),
    "jit of jvp of vmap": lambda f: jax.jit(
        lambda p, t: jax.jvp(lambda t: jax.vmap(f, (None, 0))(p, t), (t,), (jnp.ones_like(t),))
    ),
}


@pytest.mark.parametrize("name", BATCHED)
def test_batches_and_scans(name: str) -> None:
    p, t = arguments()
    batch = jnp.stack([t, t + 0.5, 2.0 * t])
    same(BATCHED[name](OURS)(p, batch), BATCHED[name](THEIRS)(p, batch))


def test_jaxs_own_checker() -> None:
    jtu.check_grads(OURS, arguments(), order=2, modes=["fwd", "rev"])


def test_gradient_handles_are_functions_as_well() -> None:
    f = revtrace.wrap(norm2)
    x = jnp.arange(1.0, 4.0)
    same(f.grad(x), 2.0 * x)
    same(jax.jacrev(f.grad)(x), 2.0 * jnp.eye(3))
    value, gradient = jax.jit(f.value_and_grad)(x)
    same((value, gradient), (14.0, 2.0 * x))


def test_float32_without_x64(float32_in_jax: None) -> None:
    f = revtrace.wrap(norm2)
    x = jnp.arange(1.0, 4.0)
    for gradient in (jax.grad(f)(x), jax.jit(jax.grad(f))(x)):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, 2.0 * np.asarray(x), rtol=1e-6)
    # The function returns float64, which JAX takes as float32.
    p, t = jax.tree.map(jnp.float32, P), jnp.float32(T)
    for derivative in (jax.grad, lambda f: jax.jit(jax.grad(f))):
        same(derivative(OURS)(p, t), jax.grad(THEIRS)(p, t), 1e-4)


def test_python_numbers_are_static_and_arrays_constants() -> None:
    def power(x: Any, n: int, w: Any) -> Any:
        out = 1.0
        for _ in range(n):
            out *= x
        return out * w[0]

    f = revtrace.wrap(power)
    assert float(jax.grad(lambda x: f(x, 3, np.array([2.0])))(2.0)) == 24.0
    assert float(jax.grad(lambda x: f(x=x, n=3, w=np.array([2.0])))(2.0)) == 24.0
    assert float(jax.jit(lambda x, n: f(x, n, np.ones(1)))(2.0, 3)) == 8.0


def test_arguments_are_not_written() -> None:
    def doubled(x: Any) -> Any:
        for i in range(len(x)):
            x[i] = 2.0 * x[i]
        return x

    f = revtrace.wrap(doubled)
    x = jnp.arange(3.0)
    same(f(x), [0.0, 2.0, 4.0])
    same(jax.jit(f)(x), [0.0, 2.0, 4.0])
    same(x, [0.0, 1.0, 2.0])
    same(jax.jacrev(f)(x), 2.0 * jnp.eye(3))


def test_what_is_refused_is_raised_while_jax_traces() -> None:
    def lengths(x: Any) -> Any:
        return x[x > 0.5]

    with pytest.raises(UnsupportedError, match="shape of the result"):
        jax.jit(revtrace.wrap(lengths))(jnp.arange(3.0))
    with pytest.raises(UnsupportedError, match="random"):
        jax.jit(revtrace.wrap(lambda x: x + np.random.random()))(1.0)

    def count(x: Any, name: Any) -> Any:
        return x * [1.0, 2.0][name]

    # Elsewhere the shape is found by running.
    same(revtrace.wrap(lengths)(jnp.arange(3.0)), [1.0, 2.0])
    with pytest.raises(UnsupportedError, match="no such numbers"):
        revtrace.wrap(norm2)(jnp.ones(2, jnp.bfloat16))


def test_exceptions_of_the_function_come_out() -> None:
    def inverse(x: Any, k: Any) -> Any:
        return x[k]

    f = revtrace.wrap(inverse)
    with pytest.raises(IndexError):
        f(jnp.ones(2), 5)
    with pytest.raises(Exception, match="IndexError"):
        jax.block_until_ready(jax.jit(lambda x, k: f(x, k))(jnp.ones(2), 5))


_scale = 2.0


def test_a_changed_global_is_seen_in_compiled_graphs() -> None:
    global _scale

    def scaled(x: Any) -> Any:
        return x * _scale

    f = jax.jit(jax.grad(revtrace.wrap(scaled)))
    try:
        assert float(f(1.0)) == 2.0
        _scale = 3.0
        assert float(f(1.0)) == 3.0
    finally:
        _scale = 2.0


def test_the_explicit_form() -> None:
    f = interop.wrap(norm2)
    same(jax.grad(f)(jnp.ones(3)), 2.0 * jnp.ones(3))
    assert isinstance(f(np.ones(3)), jax.Array)
    assert f.__name__ == "norm2"


def test_python_numbers_are_primals() -> None:
    def scaled(x: Any, y: Any = 2.0) -> Any:
        return (x * y).sum()

    x = jnp.array([1.0, 2.0])
    out, dot = jax.jvp(revtrace.wrap(scaled), (x, 3.0), (jnp.ones(2), 1.0))
    assert (float(out), float(dot)) == (9.0, 9.0)


def test_derivatives_see_the_numbers_that_were_drawn() -> None:
    with override(interpret=True, cache=False):
        f = revtrace.wrap(noisy)

    def total(x: Any) -> Any:
        return jnp.sum(f(x))

    x = jnp.asarray([1.0, -2.0, 3.0])
    z = noise(3)
    same(jax.grad(total)(x), 3 * x**2 * z)
    z = noise(3)
    same(jax.hessian(total)(x), jnp.diag(6 * x * z))
    z = noise(3)
    same(jax.jvp(jax.grad(total), (x,), (jnp.ones(3),))[1], 6 * x * z)
    _, linear = jax.linearize(f, x)
    for compiled in (lambda: jax.jit(f)(x), lambda: jax.vmap(f)(x[None]), lambda: jax.jit(linear)(x)):
        with pytest.raises(UnsupportedError, match="random numbers"):
            compiled()
