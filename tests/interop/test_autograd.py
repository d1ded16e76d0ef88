"""Inside HIPS/autograd: both modes, of any order, and autograd's own checker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.interop.cases import Case, cases, decay, noise, noisy, norm2

autograd = pytest.importorskip("autograd")
anp = pytest.importorskip("autograd.numpy")
check_grads = pytest.importorskip("autograd.test_util").check_grads


DECAY = revtrace.wrap(decay)


def loss(p: Any, t: Any) -> Any:
    out, (weighted, _) = DECAY(p, t, 2)
    return anp.sum(anp.sin(out["y"])) * out["s"] + weighted


@pytest.mark.parametrize("case", cases(), ids=str)
def test_gradients_of_the_corpus(case: Case) -> None:
    with override(cache=False):
        handle = revtrace.wrap(case.program.function)
    values, expected = case.expected()
    weights = case.weights()
    seen: list[Any] = []

    def weighted(leaves: Any) -> Any:
        outs = case.call(handle, leaves)
        seen[:] = [autograd.tracer.getval(out) for out in outs]
        return sum(anp.real(anp.sum(w * out)) for w, out in zip(weights, outs, strict=True))

    gradients = autograd.grad(weighted)(tuple(case.leaves))
    case.close(seen, values)
    case.close(gradients, expected)


@pytest.mark.parametrize(
    "name", ["while_loops.exponential_series", "arrays_inplace.convolution", "published.gram_schmidt"]
)
def test_check_grads_on_the_corpus(name: str) -> None:
    (case,) = cases([name])
    handle = revtrace.wrap(case.program.function)
    check_grads(lambda *xs: case.call(handle, xs)[0], order=2)(*case.leaves)


def test_check_grads() -> None:
    check_grads(revtrace.wrap(norm2), order=2)(np.array([1.0, 2.0, 3.0]))
    check_grads(loss, order=2)({"a": 1.5, "k": [0.3]}, np.linspace(0, 1, 4))


def test_derivatives_of_derivatives() -> None:
    f = revtrace.wrap(norm2)
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(autograd.grad(f)(x), 2 * x)
    np.testing.assert_array_equal(autograd.hessian(f)(x), 2 * np.eye(3))
    np.testing.assert_array_equal(autograd.jacobian(f.grad)(x), 2 * np.eye(3))
    np.testing.assert_array_equal(autograd.elementwise_grad(autograd.elementwise_grad(revtrace.wrap(_cube)))(x), 6 * x)
    np.testing.assert_array_equal(autograd.make_jvp(f)(x)(np.ones(3))[1], 12.0)


def _cube(x: Any) -> Any:
    return x * x * x


def test_complex_numbers_have_autograds_convention() -> None:
    def spiral(z: Any, real: Any = np.real, imag: Any = np.imag, absolute: Any = np.abs) -> Any:
        s = 0.0
        w = z
        for _ in range(3):
            w = w * w + z * (1 + 2j)
            s = s + real(w) * imag(w) + absolute(w)
        return s

    z = 0.3 + 0.2j
    ours = autograd.grad(revtrace.wrap(spiral))(z)
    theirs = autograd.grad(lambda z: spiral(z, anp.real, anp.imag, anp.abs))(z)
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_without_boxes_it_is_the_function() -> None:
    f = revtrace.wrap(norm2)
    assert type(f(np.ones(2))) is np.float64
    explicit = pytest.importorskip("revtrace.interop.autograd").wrap(norm2)
    np.testing.assert_array_equal(autograd.grad(explicit)(np.ones(2)), [2.0, 2.0])


def test_derivatives_see_the_numbers_that_were_drawn() -> None:
    with override(interpret=True, cache=False):
        f = revtrace.wrap(noisy)
    x = np.array([1.0, -2.0, 3.0])
    z = noise(3)
    np.testing.assert_allclose(autograd.grad(lambda x: anp.sum(f(x)))(x), 3 * x**2 * z)
    z = noise(3)
    np.testing.assert_allclose(autograd.elementwise_grad(autograd.elementwise_grad(f))(x), 6 * x * z)
