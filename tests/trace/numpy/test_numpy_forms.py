"""Whole-array numpy in every argument form: value, shape and dtype are numpy's, the derivative that of differences.

The expressions are data (`numpy_forms.txt`).  All run in the interpreter; `test_compiled` compiles some of each kind.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests import oracles
from tests.trace.numpy.numpy_forms import CONSTANTS, arguments, expressions

VALUES = arguments()
FORMS = expressions()


def function(expression: str) -> tuple[Callable[..., Any], list[str]]:
    """Return an expression as a function of the names it reads, and these names."""
    names = {n.id for n in ast.walk(ast.parse(expression, mode="eval")) if isinstance(n, ast.Name)}
    found = sorted(names & set(VALUES))
    return eval(f"lambda {', '.join(found)}: {expression}", {"np": np}), found


def check(expression: str) -> None:
    """Assert that revtrace's value and derivative of an expression are right."""
    f, names = function(expression)
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
        if want.dtype.kind in "fc":
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


@pytest.mark.parametrize("expression", FORMS)
def test_form(expression: str) -> None:
    with override(interpret=True, cache=False):
        check(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "np.average(x[:0], weights=x[:0])",
        "np.argmax(x, out=np.zeros(())) * x[0]",
        "np.convolve(x[:0], x)",
        "np.correlate(x, x[:0])",
        "np.vectorize(lambda t: t * t)(x[:0])",
        "np.interp(x * 1j, x, x)",
        "np.interp(x, x * 1j, x)",
        "np.bincount([0, 1], weights=x[:2] * 1j)",
        "np.pad(x[:0], 3, mode='mean')",
    ],
)
def test_exception(expression: str) -> None:
    f = eval(f"lambda x: {expression}", {"np": np})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as expected:
            f(VALUES["x"].copy())
        with override(interpret=True, cache=False), pytest.raises(expected.type) as found:
            revtrace.vjp(f, VALUES["x"].copy())
    assert found.type is expected.type


@pytest.mark.parametrize("expression", FORMS[::97])
def test_compiled(expression: str) -> None:
    with override(interpret=False, cache=False):
        check(expression)
