"""Calls in compiled XLA programs: without Python where that can be, through Python where it must."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.cache import kernels

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
xla = pytest.importorskip("revtrace.interop.xla")


class Count:
    """How many calls went through Python."""

    def __init__(self) -> None:
        self.runs = 0


@pytest.fixture
def through_python(monkeypatch: Any) -> Iterator[Count]:
    """What counts the calls that go through Python, by way of XLA."""
    count, run = Count(), xla._Site.run

    def counted(self: Any, addresses: Any) -> None:
        count.runs += 1
        run(self, addresses)

    monkeypatch.setattr(xla._Site, "run", counted)
    yield count


def dot(x: Any, y: Any, s: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i] * s
    return total


def dot_in_jax(x: Any, y: Any, s: Any) -> Any:
    return jnp.sum(x * y) * s


def running(x: Any, y: Any) -> Any:
    for i in range(1, len(x)):
        x[i] += x[i - 1] * y[i]
    return x, x[-1] * 2.0, x


def running_in_jax(x: Any, y: Any) -> Any:
    sums = [x[0]]
    for i in range(1, len(x)):
        sums.append(x[i] + sums[-1] * y[i])
    out = jnp.stack(sums)
    return out, out[-1] * 2.0, out


def solved(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


def waves(z: Any, x: Any) -> Any:
    total = 0j
    for i in range(len(z)):
        total += z[i] * z[i] * x[i]
    return np.conj(z) * x * total


def mixed(x: Any, k: Any, flags: Any) -> Any:
    return np.sum(x[k] * flags), k + 1, x > 0.0, len(x), 2.5, None, "text"


def draw(*shape: int) -> Any:
    """Numbers of 64 bits, in NumPy's arrays: JAX is told later that it is to have such numbers."""
    return np.asarray(np.random.default_rng(sum(shape) + 1).standard_normal(shape))


def size(out: Any) -> Any:
    return sum(jnp.sum(jnp.abs(x) ** 3) for x in jax.tree.leaves(out))


def close(a: Any, b: Any, rtol: float = 1e-12) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol), a, b)


PAIRS = [
    (dot, dot_in_jax, (draw(5), draw(1, 5)[0], draw())),
    (dot, dot_in_jax, (draw(0), draw(0), draw())),
    (running, running_in_jax, (draw(4), draw(1, 4)[0])),
    (solved, lambda a, b: jnp.linalg.solve(a, b), (draw(4, 4) + 5.0 * np.eye(4), draw(4))),
    (waves, lambda z, x: jnp.conj(z) * x * jnp.sum(z * z * x), (draw(3) + 1j * draw(1, 3)[0], draw(2, 3)[1])),
]


@pytest.mark.parametrize(("ours", "theirs", "args"), PAIRS, ids=lambda x: getattr(x, "__name__", ""))
def test_without_python(ours: Any, theirs: Any, args: Any, through_python: Count) -> None:
    f, every, args = revtrace.wrap(ours), tuple(range(len(args))), tuple(map(jnp.asarray, args))
    close(jax.jit(f)(*args), theirs(*args))
    gradients = [jax.grad(lambda *xs: size(g(*xs)), every) for g in (f, theirs)]  # noqa: B023 - called at once
    close(jax.jit(gradients[0])(*args), gradients[1](*args), 1e-10)
    batch = jax.tree.map(lambda x: jnp.stack([x, 1.5 * x]), args[0])
    axes = (0,) + (None,) * (len(args) - 1)
    close(
        jax.jit(jax.vmap(gradients[0], axes))(batch, *args[1:]), jax.vmap(gradients[1], axes)(batch, *args[1:]), 1e-10
    )
    assert not through_python.runs


@pytest.mark.usefixtures("float32_in_jax")
def test_numbers_of_32_bits(through_python: Count) -> None:
    args = tuple(jnp.asarray(x, jnp.float32) for x in (draw(5), draw(1, 5)[0], draw()))
    f = revtrace.wrap(dot)
    found = jax.jit(jax.value_and_grad(f, (0, 2)))(*args)
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(found))
    close(found, jax.value_and_grad(dot_in_jax, (0, 2))(*args), 1e-5)
    assert not through_python.runs


def test_axes_that_a_result_has_not(through_python: Count) -> None:
    def table(f: Any) -> Any:
        rows = jax.vmap(jax.vmap(f, (None, 0, None)), (0, None, None))
        return jax.grad(lambda p, q, s: jnp.sum(jnp.sin(rows(p, q, s))), (0, 1, 2))

    p, q, s = map(jnp.asarray, (draw(3, 5), draw(4, 5), draw()))
    close(jax.jit(table(revtrace.wrap(dot)))(p, q, s), table(dot_in_jax)(p, q, s))
    close(jax.jit(table(revtrace.wrap(dot)))(p[:0], q, s), table(dot_in_jax)(p[:0], q, s))
    assert not through_python.runs


def test_inside_control_flow(through_python: Count) -> None:
    def scanned(f: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            branch = jax.lax.cond(carry > 0.0, lambda c: f(row, row, c), lambda c: c - f(row, row, 0.5), carry)
            return jnp.sin(branch), carry

        return lambda p, s: jnp.sum(jax.lax.scan(jax.checkpoint(step), s, p)[1])

    p, s = map(jnp.asarray, (draw(6, 5), draw()))
    close(*(jax.jit(jax.grad(scanned(f), (0, 1)))(p, s) for f in (revtrace.wrap(dot), dot_in_jax)))
    close(*(jax.jit(jax.hessian(scanned(f)))(p[:2], s) for f in (revtrace.wrap(dot), dot_in_jax)), 1e-10)
    assert not through_python.runs


def test_integers_truth_values_and_constants(through_python: Count) -> None:
    x, k, flags = jnp.asarray(draw(4)), jnp.array([2, 0]), jnp.array([True, False])
    f = revtrace.wrap(mixed)

    def arrays(x: Any) -> Any:
        return f(x, k, flags)[:5]

    total, shifted, positive, length, constant = jax.jit(arrays)(x)
    close((total, shifted, length, constant), (x[2], k + 1, 4, 2.5))
    assert positive.dtype == bool
    np.testing.assert_array_equal(positive, x > 0.0)
    close(jax.jit(jax.grad(lambda x: arrays(x)[0]))(x), jnp.zeros(4).at[2].set(1.0))
    assert not through_python.runs


def test_exceptions_of_the_function() -> None:
    def guarded(x: Any) -> Any:
        if x[0] < 0.0:
            raise ValueError("a negative number")
        return x[0] * x[1]

    f = jax.jit(jax.grad(revtrace.wrap(guarded)))
    x = jnp.array([2.0, 3.0])
    for _ in range(2):
        close(f(x), jnp.array([3.0, 2.0]))
        with pytest.raises(Exception, match="a negative number"):
            jax.block_until_ready(f(-x))


_scale = 2.0


def test_data_that_are_no_arguments(through_python: Count) -> None:
    global _scale
    weights = np.array([1.0, 2.0])

    def scaled(x: Any) -> Any:
        return np.sum(x * weights) * _scale

    f = jax.jit(jax.grad(revtrace.wrap(scaled)))
    try:
        close(f(jnp.ones(2)), 2.0 * weights)
        _scale, weights[0] = 3.0, 5.0
        close(f(jnp.ones(2)), 3.0 * weights)
    finally:
        _scale = 2.0
    assert through_python.runs == 2


def test_a_changed_rule_is_seen() -> None:
    def same(x: Any) -> Any:
        return x * 1.0

    def twice(x: Any) -> Any:
        return same(x) * 2.0

    f = jax.jit(jax.grad(revtrace.wrap(twice)))
    for factor in (3.0, 5.0):
        revtrace.rule(same, adjoint=lambda ct, out, x, factor=factor: factor * ct)
        assert float(f(1.0)) == 2.0 * factor
    revtrace.rule.remove(same)
    assert float(f(1.0)) == 2.0


def test_threads() -> None:
    f = jax.jit(jax.vmap(jax.grad(revtrace.wrap(dot)), (0, None, None)))
    wrong: list[int] = []

    def work(k: int) -> None:
        y = jnp.full(5, float(k))
        for _ in range(30):
            if not np.array_equal(f(jnp.ones((3, 5)), y, 2.0), np.full((3, 5), 2.0 * k)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_another_version_of_the_interface(monkeypatch: Any) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("incompatible version")

    monkeypatch.setattr(jax.ffi, "register_ffi_target", refused)
    xla._target.cache_clear()
    try:
        close(jax.jit(jax.grad(revtrace.wrap(dot)))(jnp.ones(3), jnp.arange(3.0), 2.0), 2.0 * jnp.arange(3.0))
        assert not xla._target()
    finally:
        xla._target.cache_clear()


def test_results_are_made_where_xla_wants_them(monkeypatch: Any) -> None:
    def spread(x: Any, y: Any) -> Any:
        out = np.zeros((len(x), len(y)))
        for i in range(len(x)):
            for j in range(i % 2, len(y), 2):
                out[i, j] += x[i] * y[j]
        y[0] = 7.0
        return out, y, out

    seen: list[str] = []
    obtain = kernels.obtain

    def spy(program: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(program)) if kwargs.get("native") else None
        return obtain(program, *args, **kwargs)

    monkeypatch.setattr(kernels, "obtain", spy)
    x, y = jnp.arange(3.0), jnp.arange(4.0)
    compiled = jax.jit(revtrace.wrap(spread))
    for _ in range(2):
        found, last, again = compiled(x, y)
        expected = jnp.outer(x, y) * ((jnp.arange(3)[:, None] + jnp.arange(4)) % 2 == 0)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(again, expected)
        np.testing.assert_array_equal(last, y.at[0].set(7.0))
    (program,) = seen
    assert " alloc " not in program
