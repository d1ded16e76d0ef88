"""Compares what is traced in place of a library's function with that function, and its gradient with differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests import oracles

__all__ = ["like_the_library", "weighted"]


def weighted(value: Any) -> Any:
    """Return one number that all parts of a result have a share in."""
    return sum(np.sum(np.cos(np.arange(np.size(v)).reshape(np.shape(v))) * v) for v in _leaves(value))


def _leaves(value: Any) -> list[Any]:
    return [v for part in value for v in _leaves(part)] if isinstance(value, (tuple, list)) else [value]


def like_the_library(function: Callable[..., Any], *args: Any) -> None:
    """Assert that values, types and gradients are the library's, interpreted; one trace serves both."""
    value = function(*args)
    with override(interpret=True, cache=False):
        ours, pullback = revtrace.vjp(function, *oracles.copied(args))
        gradients = pullback(oracles.scalarised(value)[1])
    for a, b in zip(_leaves(ours), _leaves(value), strict=True):
        assert type(a) is type(b)
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    for direction in oracles.directions(oracles.vector(args).size, most=3):
        along, _ = oracles.restricted(function, args, tuple(range(len(args))), direction)
        estimate = oracles.along(along, 1e-3)
        given = oracles.pairing(gradients, direction)
        assert given == pytest.approx(estimate.value, rel=1e-7, abs=1e-8 + 10 * estimate.error)
