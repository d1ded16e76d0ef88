"""Which primitive a Python callable is: ``math``, ``cmath``, numpy's ufuncs, ``operator``, SciPy's special functions.

Knows the callables and when they raise; how arguments are converted and promoted
is the tracer's business.  SciPy is looked at only when something else has imported it.
"""

from __future__ import annotations

import cmath
import math
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from revtrace.rules import domains
from revtrace.rules.scipy_calls import ARITY, PAIRS, lambertw_lower, lambertw_upper

__all__ = ["CallableEntry", "find", "table"]


@dataclass(frozen=True, slots=True)
class CallableEntry:
    """What a callable computes.

    Attributes
    ----------
    primitive : str
        Name of the rule; ``""`` where there is none (`style` is then ``"static"``), several with commas between
        them for ``"several"``.
    style : str
        ``"math"``: operands are converted to Python floats, the result is a Python float, and errors
        are raised where `domain` is false.  ``"cmath"``: the same with complex.  ``"ufunc"``: numpy's
        promotion, no errors.  ``"several"``: the same with a tuple of results.  ``"operator"``: what the Python
        operator does.  ``"static"``: evaluated by Python itself, on numbers known when tracing only.
    result : str
        ``"float"``, ``"complex"``, ``"int"``, ``"bool"``, or ``"same"`` (what the primitive gives).  For
        ``"int"`` the primitive gives a whole float, which is converted.
    domain : callable or None
        ``domain(*args, out)``, a formula: true unless Python raises, or has an int beyond 64 bits.
    """

    primitive: str
    style: str
    result: str = "same"
    domain: Callable[..., Any] | None = None


# name in math -> primitive, where they differ or where Python raises
_MATH: Mapping[str, tuple[str, Callable[..., Any] | None]] = {
    "acos": ("acos", domains.within_one),
    "acosh": ("acosh", domains.from_one),
    "asin": ("asin", domains.within_one),
    "asinh": ("asinh", None),
    "atan": ("atan", None),
    "atan2": ("atan2", None),
    "atanh": ("atanh", domains.inside_one),
    "cbrt": ("cbrt", None),
    "copysign": ("copysign", None),
    "cos": ("cos", domains.not_infinite),
    "cosh": ("cosh", domains.no_overflow_even),
    "degrees": ("rad2deg", None),
    "erf": ("erf", None),
    "erfc": ("erfc", None),
    "exp": ("exp", domains.no_overflow),
    "exp2": ("exp2", domains.no_overflow),
    "expm1": ("expm1", domains.no_overflow),
    "fabs": ("abs", None),
    "fmod": ("fmod", domains.divisible),
    "gamma": ("gamma", domains.gamma),
    "hypot": ("hypot", None),
    "ldexp": ("ldexp", domains.no_overflow_scaled),
    "lgamma": ("lgamma", domains.no_overflow_even),
    "log": ("log", domains.positive),
    "log10": ("log10", domains.positive),
    "log1p": ("log1p", domains.above_minus_one),
    "log2": ("log2", domains.positive),
    "nextafter": ("nextafter", None),
    "pow": ("pow", domains.power),
    "radians": ("deg2rad", None),
    "remainder": ("remainder", domains.divisible),
    "sin": ("sin", domains.not_infinite),
    "sinh": ("sinh", domains.no_overflow_odd),
    "sqrt": ("sqrt", domains.not_negative),
    "tan": ("tan", domains.not_infinite),
    "tanh": ("tanh", None),
    "ulp": ("ulp", None),
}

_MATH_INTS = ("ceil", "floor", "trunc")
_MATH_TESTS = ("isfinite", "isinf", "isnan")
_MATH_STATIC = (
    "comb", "dist", "factorial", "frexp", "fsum", "gcd", "isclose", "isqrt", "lcm", "modf", "perm", "prod", "sumprod",
)  # fmt: skip

_CMATH = (
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10", "sin", "sinh", "sqrt",
    "tan", "tanh",
)  # fmt: skip

# ufuncs whose name is not the primitive's
_UFUNC: Mapping[str, str] = {
    "absolute": "abs",
    "fabs": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "bitwise_and": "bitand",
    "bitwise_or": "bitor",
    "bitwise_xor": "bitxor",
    "bitwise_left_shift": "shl",
    "bitwise_right_shift": "shr",
    "conjugate": "conj",
    "degrees": "rad2deg",
    "divide": "div",
    "equal": "eq",
    "float_power": "pow",
    "floor_divide": "floordiv",
    "greater": "gt",
    "greater_equal": "ge",
    "left_shift": "shl",
    "less": "lt",
    "less_equal": "le",
    "logical_and": "and",
    "logical_not": "not",
    "logical_or": "or",
    "logical_xor": "xor",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "power": "pow",
    "radians": "deg2rad",
    "remainder": "mod",
    "right_shift": "shr",
    "subtract": "sub",
}

_UFUNC_SAME = (
    "add", "cbrt", "ceil", "copysign", "cos", "cosh", "deg2rad", "exp", "exp2", "expm1", "floor", "fmax", "fmin",
    "fmod", "heaviside", "hypot", "invert", "isfinite", "isinf", "isnan", "ldexp", "log", "log10", "log1p", "log2",
    "logaddexp", "logaddexp2", "maximum", "minimum", "nextafter", "rad2deg", "reciprocal", "rint", "sign", "signbit",
    "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
)  # fmt: skip

# numpy functions that are not ufuncs and take one number as a ufunc does
_NUMPY_FUNCTIONS: Mapping[str, str] = {
    "real": "real", "imag": "imag", "angle": "angle", "sinc": "sinc", "fix": "trunc",
}  # fmt: skip

_OPERATOR: Mapping[str, str] = {
    "abs": "abs", "add": "add", "and_": "bitand", "eq": "eq", "floordiv": "floordiv", "ge": "ge", "gt": "gt",
    "invert": "invert", "le": "le", "lshift": "shl", "lt": "lt", "mod": "mod", "mul": "mul", "ne": "ne", "neg": "neg",
    "not_": "not", "or_": "bitor", "pow": "pow", "rshift": "shr", "sub": "sub", "truediv": "div", "xor": "bitxor",
}  # fmt: skip

_SCIPY: Mapping[str, str] = {
    "beta": "beta", "betaln": "betaln", "cbrt": "cbrt", "digamma": "digamma", "entr": "entr", "erf": "erf",
    "erfc": "erfc", "erfcinv": "erfcinv", "erfcx": "erfcx", "erfinv": "erfinv", "exp2": "exp2", "expit": "expit",
    "expm1": "expm1", "gamma": "gamma", "gammaln": "lgamma", "i0": "i0", "i0e": "i0e", "i1": "i1", "i1e": "i1e",
    "j0": "j0", "j1": "j1", "k0": "k0", "k1": "k1", "log1p": "log1p", "log_expit": "log_expit", "log_ndtr": "log_ndtr",
    "loggamma": "lgamma", "logit": "logit", "ndtr": "ndtr", "ndtri": "ndtri", "polygamma": "polygamma",
    "psi": "digamma", "xlog1py": "xlog1py", "xlogy": "xlogy", "y0": "y0", "y1": "y1",
    **{name: name for name in ARITY},
}  # fmt: skip


def _library() -> Iterator[tuple[Any, CallableEntry]]:
    for name, (primitive, domain) in _MATH.items():
        if hasattr(math, name):
            yield getattr(math, name), CallableEntry(primitive, "math", "float", domain)
    for name in _MATH_INTS:
        yield getattr(math, name), CallableEntry(name, "math", "int")
    for name in _MATH_TESTS:
        yield getattr(math, name), CallableEntry(name, "math", "bool")
        yield getattr(cmath, name), CallableEntry(name, "cmath", "bool")
    for name in _MATH_STATIC:
        if hasattr(math, name):
            yield getattr(math, name), CallableEntry("", "static")
    for name in _CMATH:
        yield getattr(cmath, name), CallableEntry(name, "cmath", "complex", domains.complex_finite)
    yield cmath.phase, CallableEntry("angle", "cmath", "float")
    for name in _UFUNC_SAME:
        yield getattr(np, name), CallableEntry(name, "ufunc")
    for name, primitive in _UFUNC.items():
        if hasattr(np, name):
            yield getattr(np, name), CallableEntry(primitive, "ufunc")
    for name, primitive in _NUMPY_FUNCTIONS.items():
        yield getattr(np, name), CallableEntry(primitive, "ufunc")
    yield lambertw_upper, CallableEntry("lambertw0", "ufunc")
    yield lambertw_lower, CallableEntry("lambertwm1", "ufunc")
    for name, primitive in _OPERATOR.items():
        yield getattr(operator, name), CallableEntry(primitive, "operator")


@cache
def table() -> Mapping[Any, CallableEntry]:
    """Return the entries of the standard library and numpy by callable."""
    return dict(_library())


@cache
def _scipy(special: Any) -> Mapping[Any, CallableEntry]:
    entries = {name: CallableEntry(primitive, "ufunc") for name, primitive in _SCIPY.items()}
    entries |= {name: CallableEntry(",".join(parts), "several") for name, parts in PAIRS.items()}
    return {getattr(special, name): entry for name, entry in entries.items() if hasattr(special, name)}


def find(function: Any) -> CallableEntry | None:
    """Return the entry of a callable, or None."""
    try:
        entry = table().get(function)
    except TypeError:
        return None
    special = sys.modules.get("scipy.special")
    if entry is None and special is not None:
        entry = _scipy(special).get(function)
    return entry
