"""Loops of calls whose rule has an inverse: nothing is kept of the array that goes from one iteration to the next."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from revtrace import rule
from revtrace.config import override

X = np.array([0.25, -1.5, 2.0])
calls = []


def step(h, a, shift):
    """Undone to the last bit for powers of two: the last entry comes first."""
    return np.append(h[-1] * 2.0 + shift, h[:-1] * a * a)


def back(out, a, shift):
    calls.append(len(out))
    return np.append(out[1:] / (a * a), (out[0] - shift) / 2.0)


def adjoint(ct, out, h, a, shift):
    dh = np.append(ct[1:] * a * a, 2.0 * ct[0])
    return dh, 2.0 * a * np.sum(ct[1:] * h[:-1]), ct[0]


def by_output(ct, out, h, a, shift):
    dh = np.append(ct[1:] * a * a, 2.0 * ct[0])
    return dh, np.sum(ct[1:] * (out[1:] / a + h[:-1] * a)), ct[0]


def assigned(h, a, n):
    for k in range(n):
        h = step(h, a, 0.5 * k)
    return np.sum(h * h)


def nested(h, a, n):
    total = 0.0
    for i in range(2):
        total += h[0]
        for k in range(n // 2):
            h = step(h, a, total)
    return np.sum(h * h)


def returned(h, a, n):
    for k in range(n):
        h = step(h, a * 2.0, 0.0)
    return h[0] * h[1] + h[2], h


def written(h, a, n):
    h = h * 1.0
    for k in range(n):
        if k % 3 != 1:
            h[:] = step(h, a, a)
        else:
            h[0] = h[0] * h[1]
    return np.sum(h * h)


@pytest.fixture(params=[adjoint, by_output])
def registered(request):
    def register(inverse):
        rule(step, adjoint=request.param, inverse=inverse)

    yield register
    rule.remove(step)


@pytest.mark.parametrize("interpret", [True, False])
@pytest.mark.parametrize(("f", "undone"), [(assigned, 6), (returned, 6)])
def test_undone_instead_of_kept(f, undone, interpret, registered):
    found = []
    for inverse in (None, back):
        registered(inverse)
        del calls[:]
        with override(cache=False, interpret=interpret, verify=True):
            handle = revtrace.value_and_grad(f, argnums=(0, 1), has_aux=f is returned)
            answer = handle(X, 2.0, 6)
            found.append((np.hstack(list(flat(answer))), len(calls), handle.stats.kept_bytes))
    (plain, none, kept), (ours, made, fewer) = found
    assert none == 0 and made == undone
    assert fewer < kept
    np.testing.assert_array_equal(ours, plain)


def test_gradients_are_the_differences(registered):
    registered(back)
    with override(cache=False, interpret=True):
        for f in (assigned, nested, written):
            assert revtrace.check_grad(f, (X, 2.0, 6), argnums=(0, 1)).worst < 1e-8


def test_a_state_that_is_also_another_operand_is_kept(registered):
    def both(h, n):
        for _ in range(n):
            h = step(h, h[0], h[1])
        return np.sum(h)

    registered(back)
    del calls[:]
    with override(cache=False, interpret=True):
        assert revtrace.check_grad(both, (X, 3)).worst < 1e-8


def test_second_derivatives(registered):
    def pure(out, a, shift):
        return np.append(out[1:] / (a * a), (out[0] - shift) / 2.0)

    found = []
    for inverse in (None, pure):
        registered(inverse)
        with override(cache=False, interpret=True):
            found.append(np.hstack(list(flat(revtrace.hessian(assigned, argnums=(0, 1))(X, 2.0, 3)))))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-13)


def test_an_inverse_is_checked_with_its_rule(registered):
    registered(back)
    assert revtrace.testing.test_rule(step, X, 2.0, 0.5, hosts=False).adjoint < 1e-8
    registered(lambda out, a, shift: back(out, a, 2.0 * shift))
    with pytest.raises(revtrace.InverseDriftError, match="the inverse of the rule of step returns"):
        revtrace.testing.test_rule(step, X, 2.0, 0.5, hosts=False)


def flat(x):
    """Yield the numbers and arrays in tuples."""
    if isinstance(x, tuple):
        for part in x:
            yield from flat(part)
    else:
        yield np.ravel(x)
