"""Another shape of an array shares its elements where numpy's does; where memory decides that, it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests import oracles
from tests.trace.agree import agrees, refuses

X = np.array([0.7, 1.3, 2.1, 0.4])
Y = np.array([0.61, -0.43, 1.37, 0.07, -1.21, 0.83, 0.29, -0.71])
M = np.array([[0.3, -1.2, 0.7, 0.4, 1.9], [0.8, 0.5, -0.6, 1.1, -0.2], [1.4, 0.2, 0.9, -0.7, 0.1]])
B = np.linspace(-1.0, 1.3, 24).reshape(2, 3, 4)


def written_through(x):
    a = x.copy().reshape(2, 2)
    flat = a.ravel()
    flat[3] += x[1]
    return a.sum()


def written_beside(x):
    a = x.copy()
    b = a.reshape(2, 2)
    a[0] = 7.0
    return b.sum()


def written_in_a_loop(x):
    a = x.copy().reshape(2, 2)
    for _ in range(3):
        flat = a.ravel()
        flat[0] += 1.0
    return a * x[0]


def own_shape(x):
    a = (x * x).reshape(2, 2)
    a[0] *= 2.0
    b = np.zeros(4).reshape(2, 2)
    for i in range(2):
        b[i, 0] = a[i, 1] * x.reshape(2, 2)[i, 0]
    flat = a.flatten()
    flat[0] = x[1]
    return b.sum() + a.sum() + flat.prod()


def written_and_returned(x):
    a = x.copy()
    a.reshape(2, 2)[1] *= 2.0
    return a


def the_argument_itself(x):
    x.reshape(2, 2)[0] = x[2:] * 3.0
    return x * x


def flat_assigned(x):
    a = np.zeros((4, 4))
    a.flat[::5] = x
    a.flat[[1, 3, 3]] = x[:3]
    a.T.flat[4] = x[3]
    return a


def parts_of_parts(b):
    a = b.copy()
    a[0].reshape(-1)[::5] = 1.0
    a[1, 1:].ravel()[2] = b[0, 0, 0]
    a.reshape(6, 4)[3] = a.reshape(2, 12).reshape(6, 4)[2] * 2.0
    return a


def kept_in_a_loop(x):
    y = np.zeros(6)
    rows = y.reshape(2, 3)
    for k in range(3):
        rows[0] = rows[0] + x[k] * (rows[1] + 1.0)
        rows[1, k] = y[k] * 2.0
    return y


def in_two_ways(m):
    a = m.copy()
    f = a.reshape(-1)
    if m[0, 0] > 0:
        f[1] = 2.0
    else:
        a[0, 1] = 3.0
    return a + f.sum()


def unpacked(x):
    s = np.zeros(4)
    p, v = s.reshape(2, 2)
    p += x[:2]
    v[:] = x[2:] * p
    return s


def computed_first(m):
    a = m * 2.0 + m[0]
    a.reshape(-1)[::2] = 0.0
    return a


def like_another(m):
    a = np.zeros_like(m)
    v = a.ravel()
    for k in range(v.size):
        v[k] = k * m.flat[k]
    return a


def by_out(b):
    a = b.copy()
    np.exp(a.reshape(-1), out=a.reshape(-1))
    v = a.reshape(2, 12)
    v.sort(axis=1)
    np.cumsum(v, axis=1, out=v)
    return a


PLANE = np.arange(6.0).reshape(2, 3)


def flat_constants(x):
    j, _ = np.meshgrid(np.arange(3), np.arange(2))
    return np.dot(j.flat, x[:6] ** 2) + (np.asarray(PLANE.flat) * x[1:7]).sum() + np.mean(PLANE.flat) * x[0]


def laid_out(m):
    a = np.ascontiguousarray(m)
    b = np.ascontiguousarray(m.T)
    c = np.asfortranarray(m)
    a[0] = 0.5
    b[1] = 7.0
    c[2] = 3.0
    return m * b.sum() + a * c


def copied_by_ravel(m):
    a = m.T.reshape(-1)
    m[0, 1] = 7.0
    return a * m.sum()


CASES = [
    (written_through, X), (written_beside, X), (written_in_a_loop, X), (own_shape, X), (written_and_returned, X),
    (the_argument_itself, X), (flat_assigned, X), (parts_of_parts, B), (kept_in_a_loop, X), (in_two_ways, M),
    (unpacked, X), (computed_first, M), (like_another, M), (by_out, B), (laid_out, M), (copied_by_ravel, M),
    (flat_constants, np.linspace(0.3, 1.7, 7)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "x"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_another_shape_shares_elements(function: Callable[..., Any], x: np.ndarray) -> None:
    agrees(function, x)


@pytest.mark.parametrize("function", [parts_of_parts, flat_assigned, kept_in_a_loop], ids=lambda f: f.__name__)
def test_compiled_equals_interpreted(function: Callable[..., Any]) -> None:
    x = B if function is parts_of_parts else X
    cotangent = np.cos(np.arange(function(x).size)).reshape(function(x).shape)
    found = []
    for interpret in (True, False):
        with override(interpret=interpret, cache=False):
            value, pullback = revtrace.vjp(function, x)
            found.append((value, *pullback(cotangent)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def raveled(m):
    m.ravel()[:3] = 2.0
    return m * m.sum()


def contiguous_part(m):
    a = np.ascontiguousarray(m)
    a[0] = 3.0
    return m * a.sum()


def test_how_the_argument_lies_decides() -> None:
    derivative = revtrace.grad(lambda m: contiguous_part(m).sum())
    with override(interpret=True, cache=False):
        for x in (X, np.repeat(X, 2)[::2], X[::-1].copy()[::-1]):
            shared = x.flags.c_contiguous
            value, (g,) = (lambda v, pull: (v, pull(np.ones(4))))(*revtrace.vjp(contiguous_part, x.view()))
            plain = x.copy() if shared else np.repeat(x, 2)[::2]
            assert oracles.same(value, contiguous_part(plain))
            total, rest = contiguous_part(x.copy() if shared else np.repeat(x, 2)[::2]).sum(), x[1:].sum()
            # a is (3, x1, x2, x3); where it shares, m is that too.
            expected = np.full(4, 2 * (3.0 + rest)) if shared else np.full(4, 3.0 + rest) + x.sum()
            expected[0] = 0.0 if shared else 3.0 + rest
            assert total == pytest.approx((3.0 + rest) * (3.0 + rest if shared else x.sum()))
            np.testing.assert_allclose(g, expected, rtol=1e-14)
            np.testing.assert_allclose(derivative(x if not shared else x.copy()), expected, rtol=1e-14)


def turned(m):
    a = m.T + 1.0
    a.ravel()[0] = 5.0
    return a


def test_where_memory_decides_it_is_refused() -> None:
    refuses(raveled, np.asfortranarray(M), match="using another shape")
    refuses(turned, M, match="using another shape")


def reshaped_back(x):
    v = x.reshape(2, 2).reshape(-1)
    v += 0.5
    return np.sum(x * x)


def raveled_back(x):
    v = x.reshape(2, 2).ravel()
    for k in range(3):
        v[k] *= 1.5
    return np.sum(x * x)


@pytest.mark.parametrize("f", [reshaped_back, raveled_back], ids=lambda f: f.__name__)
def test_a_reshape_of_a_reshape_shares(f: Callable[..., Any]) -> None:
    agrees(f, X)
    x, plain = X.copy(), X.copy()
    with override(interpret=True, cache=False):
        assert revtrace.wrap(f)(x) == f(plain)
    np.testing.assert_array_equal(x, plain)
