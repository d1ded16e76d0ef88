"""The number systems the interpreter computes in.

A program says ``f8``; what stands in for it is chosen by the inputs: floats
(`Native`), complex numbers carrying a derivative in their imaginary part
(`ComplexStep`), or any other type with Python's operators (`Exotic`: ``Fraction``,
``Decimal``, ``mpmath.mpf``).  Integers and booleans are Python's in all of them,
wrapped to the range of their dtype.

Native values are held as Python ``bool``, ``int``, ``float`` and ``complex``; those of
single precision are rounded to it after each operation.
"""

from __future__ import annotations

import cmath
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from revtrace.program.types import Array, Scalar, Stack, Type
from revtrace.rules.core import RULES

__all__ = ["ComplexStep", "Exotic", "Native", "system_of"]

_NATIVE = (bool, int, float, complex, np.generic)


class Native:
    """IEEE floats of the dtypes the program names."""

    def scalar(self, value: Any, dtype: str) -> Any:
        """Return a value as a number of the given dtype."""
        kind = dtype[0]
        if kind == "f":
            return self.as_real(value, dtype)
        if kind == "i":
            return _wrap_signed(_integer(value), int(dtype[1:]))
        if kind == "b":
            return bool(value)
        if kind == "u":
            return _integer(value) & ((1 << 8 * int(dtype[1:])) - 1)
        return self.as_complex(value, dtype)

    def as_real(self, value: Any, dtype: str) -> Any:
        """Return a value as a real number."""
        if type(value) is not float:
            value = _float(value)
        return value if dtype == "f8" else float(np.float32(value))

    def as_complex(self, value: Any, dtype: str) -> Any:
        """Return a value as a complex number."""
        if type(value) is not complex:
            value = complex(value)
        return value if dtype == "c16" else complex(np.complex64(value))

    def cast(self, value: Any, source: str, dtype: str) -> Any:
        """Convert between dtypes; complex to real drops the imaginary part."""
        if source[0] == "c" and dtype[0] != "c":
            value = value != 0 if dtype[0] == "b" else value.real
        return self.scalar(value, dtype)

    def apply(self, name: str, args: Sequence[Any], dtype: str) -> Any:
        """Apply a primitive; ``dtype`` is that of its result."""
        return self.scalar(RULES[name].forward(*args), dtype)

    def storage(self, dtype: str) -> Any:
        """Return the numpy dtype of buffers."""
        return np.dtype(dtype)

    def zeros(self, shape: Sequence[int], dtype: str) -> np.ndarray[Any, Any]:
        """Return a new buffer of zeros."""
        return np.zeros(shape, self.storage(dtype))

    def input(self, value: Any, type: Type) -> Any:
        """Take an argument of a program; arrays are taken by reference."""
        match type:
            case Scalar(dtype):
                if dtype == "i8" and isinstance(value, int) and not -(2**63) <= value < 2**63:
                    raise OverflowError("an int does not fit in 64 bits")
                return self.scalar(value, dtype)
            case Array(dtype, ndim):
                value = np.asarray(value)
                if value.ndim != ndim:
                    raise TypeError(f"expected an array with {ndim} axes, got {value.ndim}")
                if value.dtype != self.storage(dtype) and value.dtype != object:
                    raise TypeError(f"expected an array of {dtype}, got {value.dtype}")
                return value
        raise TypeError(f"a program takes no {type}")

    def output(self, value: Any, type: Type) -> Any:
        """Hand out a result: numpy scalars where Python has no such type."""
        if isinstance(type, Scalar) and type.dtype not in ("b1", "i8", "f8", "c16") and isinstance(value, _NATIVE):
            return np.dtype(type.dtype).type(value)
        return value


class ComplexStep(Native):
    """Reals held as complex numbers; the imaginary part carries a derivative.

    Comparisons look at real parts only.  A function without a complex form is
    continued by a central difference, so results stay independent of the rules'
    derivatives.
    """

    def as_real(self, value: Any, dtype: str) -> Any:
        """Return a value as a complex number that stands for a real one."""
        return complex(value)

    def as_complex(self, value: Any, dtype: str) -> Any:
        """Refuse: the imaginary part is taken."""
        raise TypeError("a program of complex numbers cannot be run by complex step")

    def cast(self, value: Any, source: str, dtype: str) -> Any:
        """Convert between dtypes."""
        if source[0] == "f" and dtype[0] != "f":
            value = value.real
        return self.scalar(value, dtype)

    def apply(self, name: str, args: Sequence[Any], dtype: str) -> Any:
        """Apply a primitive to complex numbers that stand for real ones."""
        if not any(isinstance(a, complex) for a in args):
            return super().apply(name, args, dtype)
        reals = [a.real if isinstance(a, complex) else a for a in args]
        rule = RULES[name]
        if dtype[0] != "f" or rule.why_zero:
            return super().apply(name, reals, dtype)
        value = complex(rule.forward(*reals))
        if name in _STEP:
            return complex(_STEP[name](*args))
        if rule.complex_source is not None and name not in _NOT_ANALYTIC:
            # A complex logarithm has values where the real one has none.
            return value if cmath.isnan(value) else complex(rule.forward(*args))
        slope = sum(
            a.imag * _difference(rule.forward, reals, k)
            for k, a in enumerate(args)
            if isinstance(a, complex) and a.imag
        )
        return complex(value.real, slope)

    def storage(self, dtype: str) -> Any:
        """Return the numpy dtype of buffers."""
        return np.dtype("c16") if dtype[0] == "f" else np.dtype(dtype)

    def input(self, value: Any, type: Type) -> Any:
        """Take an argument; real arrays are converted, so writes to them stay inside."""
        if isinstance(type, Array) and type.dtype[0] == "f":
            value = np.asarray(value).astype("c16", copy=False)
        return super().input(value, type)


class Exotic(Native):
    """Reals of another type, taken from the inputs.

    Operators are the type's own, functions what the rules make of them: mpmath's
    for its numbers, else the float function, converted back.
    """

    def __init__(self, real_type: type, complex_type: type | None = None) -> None:
        self.real_type = real_type
        self.complex_type = complex_type

    def as_real(self, value: Any, dtype: str) -> Any:
        """Return a value in the exotic type; infinities and NaN it lacks stay floats."""
        if isinstance(value, self.real_type):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        try:
            return self.real_type(value)
        except (ValueError, OverflowError):
            return float(value)

    def as_complex(self, value: Any, dtype: str) -> Any:
        """Return a value as the exotic type's complex numbers, or Python's."""
        if self.complex_type is None:
            return complex(value)
        return value if isinstance(value, self.complex_type) else self.complex_type(value)

    def apply(self, name: str, args: Sequence[Any], dtype: str) -> Any:
        """Apply a primitive."""
        forward = RULES[name].forward
        try:
            return self.scalar(forward(*args), dtype)
        except (ArithmeticError, ValueError, TypeError):
            # Where the type has no answer (Fraction has no infinity), IEEE's.
            return self.scalar(forward(*map(_plain, args)), dtype)

    def storage(self, dtype: str) -> Any:
        """Return the numpy dtype of buffers."""
        return np.dtype(object) if dtype[0] in "fc" else np.dtype(dtype)

    def zeros(self, shape: Sequence[int], dtype: str) -> np.ndarray[Any, Any]:
        """Return a new buffer of zeros."""
        return np.full(shape, self.scalar(0, dtype), self.storage(dtype))

    def input(self, value: Any, type: Type) -> Any:
        """Take an argument; arrays of plain numbers are converted."""
        if isinstance(type, Array) and type.dtype[0] in "fc" and np.asarray(value).dtype != object:
            array = np.asarray(value)
            lifted = np.empty(array.shape, object)
            for index in np.ndindex(array.shape):
                lifted[index] = self.scalar(array[index].item(), type.dtype)
            return super().input(lifted, type)
        return super().input(value, type)


def system_of(inputs: Sequence[Any], types: Sequence[Type]) -> Native:
    """Choose the number system from a program's inputs."""
    for value, type_ in zip(inputs, types, strict=True):
        if isinstance(type_, Stack) or type_.dtype[0] not in "fc":
            continue
        samples = [value]
        if isinstance(type_, Array):
            array = np.asarray(value)
            samples = list(array.flat) if array.dtype == object else [array.dtype.type(0)]
        for sample in samples:
            if isinstance(sample, _NATIVE):
                if type_.dtype[0] == "f" and isinstance(sample, complex | np.complexfloating):
                    return ComplexStep()
                continue
            if type(sample).__module__.partition(".")[0] == "mpmath":
                mpmath = importlib.import_module("mpmath")
                return Exotic(mpmath.mpf, mpmath.mpc)
            return Exotic(type(sample))
    return Native()


# Small parts -------------------------------------------------------------------------


def _wrap_signed(value: int, size: int) -> int:
    half = 1 << (8 * size - 1)
    return value if -half <= value < half else (value + half) % (2 * half) - half


def _integer(value: Any) -> int:
    # Hardware's answer for what no integer can hold; a check in the program guards it.
    try:
        return int(value)
    except (OverflowError, ValueError):
        return -(2**63)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | complex):
        return value
    try:
        return float(value)
    except TypeError:
        return complex(value)


def _difference(forward: Callable[..., Any], reals: Sequence[Any], k: int) -> float:
    h = 1e-3 * max(1.0, abs(reals[k]))

    def at(step: float) -> float:
        shifted = list(reals)
        shifted[k] = reals[k] + step
        return float(forward(*shifted))

    # Sixth order: error about 1e-12 for smooth functions.
    return float((45 * (at(h) - at(-h)) - 9 * (at(2 * h) - at(-2 * h)) + (at(3 * h) - at(-3 * h))) / (60 * h))


def _first_if(name: str) -> Callable[[complex, complex], complex]:
    """Return the choice of the operand that the real function returns."""

    def choose(a: complex, b: complex) -> complex:
        out = RULES[name].forward(a.real, b.real)
        if math.isnan(out):
            return complex(math.nan)
        if a.real == b.real and name in ("maximum", "minimum", "fmax", "fmin"):
            return (a + b) / 2
        return a if out == a.real else b

    return choose


def _less_whole(name: str, whole: str) -> Callable[[complex, complex], complex]:
    """Return ``a - k b``, where ``k`` is the whole number of times that a remainder takes off."""

    def remainder(a: complex, b: complex) -> complex:
        out = complex(RULES[name].forward(a.real, b.real))
        times = RULES[whole].forward(RULES["div"].forward(a.real, b.real))
        return complex(out.real, a.imag - times * b.imag if b.imag else a.imag)

    return remainder


# What has no complex form that continues the real one, done by hand; the rest of it goes
# by differences.
_STEP: dict[str, Callable[..., complex]] = {
    "abs": lambda x: x if x.real > 0 else -x if x.real < 0 else complex(abs(x.real)),
    "copysign": lambda x, y: x if math.copysign(1, x.real) == math.copysign(1, y.real) else -x,
    "mod": _less_whole("mod", "floor"),
    "fmod": _less_whole("fmod", "trunc"),
    "remainder": _less_whole("remainder", "rint"),
}
_STEP.update((name, _first_if(name)) for name in ("max", "min", "maximum", "minimum", "fmax", "fmin"))

_NOT_ANALYTIC = frozenset({"abs", "sign", "conj", "real", "imag", "angle", "complex"})
