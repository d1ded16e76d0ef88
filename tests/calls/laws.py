"""What every row of the table of calls must satisfy, against differences of the plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import revtrace
from revtrace.config import override

__all__ = ["checked", "weighted"]


def weighted(x: Any) -> Any:
    """Return a real number that depends on every part of an array in its own way."""
    n = np.arange(1.0, 1.0 + x.size).reshape(x.shape)
    return np.sum(np.sin(0.37 * n) * np.real(x)) + np.sum(np.cos(0.61 * n) * np.imag(x))


def _difference(f: Callable[..., Any], args: Any, steps: Any, h: float) -> Any:
    """Return the derivative along a direction, by central differences of fourth order."""

    def at(c: float) -> Any:
        return f(*(x + c * h * d for x, d in zip(args, steps, strict=True)))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def checked(f: Callable[..., Any], *args: Any, compiled: bool = False, second: bool = True, rtol: float = 1e-7) -> None:
    """Assert value, reverse, forward and second derivative of a real function of arrays."""
    rng = np.random.default_rng(len(args) + sum(np.size(x) for x in args))
    steps = [
        (rng.standard_normal(x.shape) + (1j * rng.standard_normal(x.shape) if np.iscomplexobj(x) else 0)).astype(
            x.dtype
        )
        for x in args
    ]
    single = any(x.dtype in (np.float32, np.complex64) for x in args)
    wide = [x.astype(np.result_type(x, np.float64)) for x in args]
    along = [d.astype(x.dtype) for d, x in zip(steps, wide, strict=True)]
    rtol, atol = (2e-3, 1e-3) if single else (rtol, 1e-7)
    which = tuple(range(len(args)))
    expected = _difference(f, wide, along, 1e-3)
    with override(interpret=not compiled, cache=False, verify=True):
        value, gradient = revtrace.value_and_grad(f, argnums=which)(*args)
        np.testing.assert_allclose(value, f(*args), rtol=1e-4 if single else 1e-10)
        assert [(g.shape, g.dtype) for g in gradient] == [(x.shape, x.dtype) for x in args]
        given = sum(np.real(np.sum(g * d)) for g, d in zip(gradient, steps, strict=True))
        np.testing.assert_allclose(given, expected, rtol=rtol, atol=atol)
        np.testing.assert_allclose(revtrace.jvp(f, args, tuple(steps))[1], expected, rtol=rtol, atol=atol)
        if second and not single and not any(np.iscomplexobj(x) for x in args):

            def slope(*xs: Any) -> Any:
                return revtrace.grad(f, argnums=which)(*xs)

            hessian = revtrace.hvp(f, args, tuple(steps), argnums=which)
            changes = [_difference(lambda *xs, k=k: slope(*xs)[k], wide, along, 1e-3) for k in which]
            for found, change in zip(hessian, changes, strict=True):
                np.testing.assert_allclose(found, change, rtol=1e-5, atol=1e-5)
