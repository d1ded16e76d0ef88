"""Expressions as data, each compared with the library itself: value, shape, dtype, and derivative by differences."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from tests import oracles
from tests.trace.numpy.numpy_forms import CONSTANTS, arguments

__all__ = ["check", "function"]

VALUES = arguments()


def function(expression: str, **modules: Any) -> tuple[Callable[..., Any], list[str]]:
    """Return an expression as a function of the names it reads, and these names; modules are known besides NumPy."""
    names = {n.id for n in ast.walk(ast.parse(expression, mode="eval")) if isinstance(n, ast.Name)}
    found = sorted(names & set(VALUES))
    return eval(f"lambda {', '.join(found)}: {expression}", {"np": np, **modules}), found


def check(expression: str, **modules: Any) -> None:
    """Assert that revtrace's value and derivative of an expression are right."""
    f, names = function(expression, **modules)
    args = tuple(VALUES[n] for n in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f(*oracles.copied(args))
        value, pullback = revtrace.vjp(f, *oracles.copied(args))
        assert type(value) is type(expected)
        given, want = np.asarray(value), np.asarray(expected)
        assert (given.shape, given.dtype) == (want.shape, want.dtype)
        single = any(np.asarray(v).dtype.itemsize == 4 for v in (want, *args)) or "float32" in expression
        np.testing.assert_allclose(given, want, rtol=1e-5 if single else 1e-13, atol=1e-6 if single else 1e-14)
        if want.dtype.kind in "fc" and not np.any(np.isinf(want)):
            _check_derivative(f, names, args, want, pullback, single)


def _check_derivative(
    f: Callable[..., Any], names: list[str], args: tuple[Any, ...], value: np.ndarray, pullback: Any, single: bool
) -> None:
    rng = np.random.default_rng(1)
    seed = rng.standard_normal(value.shape)
    if value.dtype.kind == "c":
        seed = seed + 1j * rng.standard_normal(value.shape)
    seed = seed.astype(value.dtype)
    gradients = pullback(seed if value.ndim or isinstance(f(*args), np.ndarray) else type(f(*args))(seed[()]))
    for k, (name, arg) in enumerate(zip(names, args, strict=True)):
        if name in CONSTANTS:
            continue
        start, gradient = np.asarray(arg), np.asarray(gradients[k])
        assert (gradient.shape, gradient.dtype) == (start.shape, start.dtype)
        direction = rng.standard_normal(start.shape)
        if start.dtype.kind == "c":
            direction = direction + 1j * rng.standard_normal(start.shape)

        def along(step: float, k: int = k, start: Any = start, direction: Any = direction) -> float:
            moved = list(args)
            # float32 would drown the differences in rounding.
            moved[k] = start.astype(np.promote_types(start.dtype, np.float64)) + step * direction
            if not isinstance(args[k], np.ndarray):
                moved[k] = float(moved[k])
            return float(np.real(np.nansum(np.asarray(f(*moved)) * seed)))

        step = 1e-3 if single else 1e-6
        difference = (along(step) - along(-step)) / (2 * step)
        ours = float(np.real(np.nansum(gradient * direction)))
        tolerance = 2e-2 if single else 1e-6
        assert ours == pytest.approx(difference, rel=10 * tolerance if not single else tolerance, abs=tolerance), name
