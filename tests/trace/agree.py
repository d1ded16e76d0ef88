"""Compares a function's value and gradient, replayed in the interpreter, with plain Python and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests import oracles

__all__ = ["agrees", "refuses"]


def agrees(
    function: Callable[..., Any], *args: Any, rtol: float = 1e-7, approx: float | None = None, **kwargs: Any
) -> None:
    """Assert that value, type and gradient of a function are those of plain Python.

    Parameters
    ----------
    function : callable
        Gives a float, or floats and arrays in containers.
    *args, **kwargs
        Sample arguments; floats and float arrays are differentiated by.
    rtol : float
        How far the gradient may be from differences.
    approx : float, optional
        How far the value may be, where it is not to be the same in all places but the last two bits.
    """
    active = tuple(k for k, x in enumerate(args) if oracles.vector((x,)).size)
    value = function(*oracles.copied(args), **kwargs)
    with override(interpret=True, cache=False, verify=True):
        ours, pullback = revtrace.vjp(function, *oracles.copied(args), **kwargs)
        cotangent = oracles.scalarised(value)[1]
        gradients = pullback(cotangent)
        if isinstance(value, (float, np.floating)):
            # The gradient alone is another program than the gradient with the value.
            alone = revtrace.grad(function, argnums=active)(*oracles.copied(args), **kwargs)
            expected = oracles.vector(tuple(gradients[k] for k in active))
            np.testing.assert_allclose(oracles.vector(alone) * cotangent, expected, rtol=1e-12, atol=1e-300)
    if approx is None:
        assert oracles.same(ours, value), (ours, value)
    else:
        np.testing.assert_allclose(oracles.vector((ours,)), oracles.vector((value,)), rtol=approx, atol=approx)
    if approx is None:
        assert oracles.ulps(ours, value) <= 4, (ours, value)
    for direction in oracles.directions(oracles.vector(tuple(args[k] for k in active)).size, most=6):
        along, _ = oracles.restricted(lambda *xs: function(*xs, **kwargs), args, active, direction)
        estimate = oracles.along(along, 1e-3)
        given = oracles.pairing(tuple(gradients[k] for k in active), direction)
        assert given == pytest.approx(estimate.value, rel=rtol, abs=1e-8 + 10 * estimate.error)


def refuses(function: Callable[..., Any], *args: Any, match: str) -> None:
    """Assert that a function is refused, the message naming a place in it."""
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match=match) as caught:
        revtrace.vjp(function, *args)
    assert caught.value.loc.line
    assert caught.value.instead or caught.value.why
