"""Functions of ``scipy.special`` that are called as they are: by the ufunc, or by its C entry point in compiled code.

`NAMES` holds plain functions of floats for sources to name; each looks SciPy up when it is called, so that
importing revtrace does not import SciPy.  Compiled code calls the entry points that
``scipy.special.cython_special`` exports; `entry` says where one lies.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ARITY", "NAMES", "PAIRS", "entry", "lambertw_lower", "lambertw_upper"]

ARITY: Mapping[str, int] = {
    **dict.fromkeys(
        (
            *("dawsn", "spence", "exp10", "ellipk", "ellipe", "ellipkm1", "expi", "exp1", "rgamma", "cosm1", "exprel"),
            *("erfi", "ndtri_exp", "wrightomega", "sindg", "cosdg", "tandg", "cotdg", "k0e", "k1e"),
        ),
        1,
    ),
    **dict.fromkeys(
        (
            *("rel_entr", "kl_div", "huber", "pseudo_huber", "gammainc", "gammaincc", "gammaincinv", "binom", "poch"),
            *("jv", "yv", "iv", "kv", "ive", "kve", "expn", "boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"),
            *("stdtr", "chdtr", "chdtrc", "ellipkinc", "ellipeinc", "hyp0f1", "eval_legendre"),
            *("kn", "yn", "jve", "yve", "struve", "modstruve", "stdtrit", "chdtri", "gammainccinv", "pdtr", "pdtrc"),
            *("owens_t", "eval_chebyt", "eval_chebyu", "eval_laguerre"),
        ),
        2,
    ),
    **dict.fromkeys(
        (
            *("betainc", "betaincc", "betaincinv", "betainccinv", "gdtr", "gdtrc", "hyp1f1", "fdtri"),
            *("eval_genlaguerre", "eval_gegenbauer"),
        ),
        3,
    ),
    "hyp2f1": 4,
    "eval_jacobi": 4,
}
"""Functions of real numbers, and how many."""

PAIRS: Mapping[str, tuple[str, str]] = {
    "fresnel": ("fresnel_s", "fresnel_c"),
    "sici": ("sine_integral", "cosine_integral"),
    "shichi": ("sinh_integral", "cosh_integral"),
}
"""Functions of one number with two results, and the primitives that give one of them each."""


def _function(name: str, part: int | None = None) -> Callable[..., float]:
    def call(*args: float) -> float:
        found = getattr(importlib.import_module("scipy.special"), name)(*args)
        return float(found if part is None else found[part])

    return call


NAMES: dict[str, Callable[..., float]] = {f"special_{name}": _function(name) for name in ARITY}
"""What sources call, by name."""
NAMES.update({f"special_{name}": _function(pair, k) for pair, names in PAIRS.items() for k, name in enumerate(names)})


def lambertw_upper(x: float) -> float:
    """Lambert's W of a real number, the branch from -1 upwards; NaN below ``-1/e``."""
    found = importlib.import_module("scipy.special").lambertw(x)
    return float(found.real) if found.imag == 0 else math.nan


def lambertw_lower(x: float) -> float:
    """Lambert's W of a real number, the branch from -1 downwards; NaN where it is no real number."""
    found = importlib.import_module("scipy.special").lambertw(x, -1)
    return float(found.real) if found.imag == 0 else math.nan


def entry(name: str) -> tuple[str, int, int, int | None]:
    """Return where the machine code behind a name of `NAMES` lies.

    Returns
    -------
    tuple
        The function's name in SciPy, its address, how many floats it takes, and which of its
        two results is meant, None where it has one.

    Raises
    ------
    LookupError
        This SciPy does not export it.
    """
    wanted = name.removeprefix("special_")
    pair = next(((p, names.index(wanted)) for p, names in PAIRS.items() if wanted in names), None)
    function, part = pair or (wanted, None)
    arity = 1 if pair else ARITY[wanted]
    taken = ", ".join(["double"] * arity)
    kind = f"void ({taken}, double *, double *)" if pair else f"double ({taken}, int __pyx_skip_dispatch)"
    exported = importlib.import_module("scipy.special.cython_special").__pyx_capi__
    for key, capsule in exported.items():
        if re.fullmatch(rf"(__pyx_fuse(_\d+)+)?{function}", key) and _name(capsule) == kind.encode():
            return function, _pointer(capsule, kind.encode()), arity, part
    raise LookupError(f"this SciPy exports no {function} with the type {kind}")


def _name(capsule: Any) -> bytes:
    read = ctypes.pythonapi.PyCapsule_GetName
    read.restype, read.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return bytes(read(capsule))


def _pointer(capsule: Any, name: bytes) -> int:
    read = ctypes.pythonapi.PyCapsule_GetPointer
    read.restype, read.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(read(capsule, name))
