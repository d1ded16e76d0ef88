"""Python's number functions made total: IEEE results where ``math`` raises.

Knows the number types a rule's ``forward`` meets (Python and numpy floats and complex
numbers, ``Fraction``, mpmath's) and nothing of rules.  Floats are computed by ``math`` and
``cmath``, so a value is what plain Python gives; numpy answers where those raise.
"""

from __future__ import annotations

import cmath
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["divide", "function", "power", "predicate", "quiet", "real_function", "whole_power"]

Function = Callable[..., Any]

_ERRORS = (ValueError, OverflowError, ZeroDivisionError)


def _mpmath(args: tuple[Any, ...], name: str) -> Function | None:
    """Return mpmath's function when an operand is one of its numbers."""
    for a in args:
        if type(a).__module__.partition(".")[0] == "mpmath":
            found = getattr(sys.modules["mpmath"], name, None)
            return found if callable(found) else None
    return None


def quiet(f: Function) -> Function:
    """Return ``f`` without numpy's warnings."""

    def call(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(*args)

    return call


def real_function(f: Function, fallback: Function | None = None, mp: str = "") -> Function:
    """Return a function of real numbers that never raises.

    Parameters
    ----------
    f : callable
        What gives a float's value.
    fallback : callable, optional
        What gives it where ``f`` raises; NaN without.
    mp : str
        The function's name in mpmath.
    """

    def call(*args: Any) -> Any:
        other = _mpmath(args, mp) if mp else None
        if other is not None:
            return other(*args)
        single = any(isinstance(a, np.float32) for a in args)
        args = tuple(float(a) for a in args)
        try:
            out = f(*args)
        except _ERRORS:
            if fallback is None:
                return math.nan
            with np.errstate(all="ignore"):
                out = float(fallback(*args))
        return np.float32(out) if single else out

    return call


def function(name: str, ufunc: str = "", mp: str = "", complex_form: Function | None = None) -> Function:
    """Return ``math``'s function of that name made total, complex operands going to ``cmath``'s or ``complex_form``."""
    fallback = getattr(np, ufunc or name)
    on_reals = real_function(getattr(math, name), fallback, mp or name)
    on_complex = complex_form or getattr(cmath, name, fallback)

    def call(x: Any) -> Any:
        if isinstance(x, complex | np.complexfloating):
            single = isinstance(x, np.complex64)
            try:
                out = complex(on_complex(complex(x)))
            except _ERRORS:
                with np.errstate(all="ignore"):
                    out = complex(fallback(np.complex128(x)))
            return np.complex64(out) if single else out
        return on_reals(x)

    return call


def predicate(name: str) -> Function:
    """Return numpy's test of that name, a Python bool, for any number."""
    on_complex: Function = getattr(np, name)
    on_reals: Function = getattr(math, name)

    def call(x: Any) -> bool:
        if isinstance(x, complex | np.complexfloating):
            return bool(on_complex(x))
        other = _mpmath((x,), name)
        return bool(other(x) if other is not None else on_reals(x))

    return call


def divide(a: Any, b: Any) -> Any:
    """Divide as IEEE does; complex division by zero gives NaN in both parts."""
    try:
        with np.errstate(all="ignore"):
            return a / b
    except ZeroDivisionError:
        if isinstance(a, complex) or isinstance(b, complex):
            return complex(math.nan, math.nan)
        with np.errstate(all="ignore"):
            return float(np.divide(float(a), float(b)))
    except OverflowError:
        return math.inf


def power(x: Any, y: Any) -> Any:
    """Raise to a power as C's pow does on floats, as `complex_kernels.complex_power` does on complex numbers."""
    if isinstance(x, int) and isinstance(y, int):
        return _integer_power(x, y)
    if isinstance(x, complex | np.complexfloating) or isinstance(y, complex | np.complexfloating):
        from revtrace.rules.complex_kernels import complex_power

        out = _total_complex(complex_power, complex(x), complex(y))
        return np.complex64(out) if isinstance(x, np.complex64) else out
    return _float_power(x, y)


_float_power = real_function(math.pow, np.power, "power")


def _integer_power(x: int, n: int) -> int:
    if n < 0:
        # Division by zero has no value in the integers; checks in the program come first.
        return 0 if abs(x) != 1 else x if n % 2 else 1
    return x**n if n < 64 else pow(x, n, 1 << 64)


def whole_power(x: Any, n: int) -> Any:
    """Raise a float or complex number to an integer power."""
    from revtrace.rules.complex_kernels import complex_powi
    from revtrace.rules.runtime import powi

    if isinstance(x, complex | np.complexfloating):
        out = _total_complex(complex_powi, complex(x), int(n))
        return np.complex64(out) if isinstance(x, np.complex64) else out
    if isinstance(x, int | float | np.float32):
        try:
            out = powi(float(x), int(n))
        except OverflowError:
            # math.pow raises where C's pow, which the compiled code calls, gives infinity.
            out = _float_power(float(x), float(n))
        return np.float32(out) if isinstance(x, np.float32) else out
    try:
        return x ** int(n)
    except ZeroDivisionError:
        return math.inf


def _total_complex(f: Function, *args: Any) -> complex:
    try:
        return complex(f(*args))
    except _ERRORS:
        return complex(math.nan, math.nan)
