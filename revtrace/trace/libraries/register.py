"""How a plain function is entered as the stand-in of a library's, by the name it is found under."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["STAND_INS", "designs", "find", "stands_for"]

F = TypeVar("F", bound=Callable[..., Any])

#: By a function's own name: the modules it may be found in, and what is traced in its place.
STAND_INS: dict[str, list[tuple[str, Callable[..., Any]]]] = {}


def stands_for(*names: str) -> Callable[[F], F]:
    """Enter a function as the stand-in of those with the given full names."""

    def enter(function: F) -> F:
        for full in names:
            module, _, name = full.rpartition(".")
            STAND_INS.setdefault(name, []).append((module, function))
        return function

    return enter


#: Functions that design something from numbers: run as they are where these are all known when tracing.
_DESIGNS = {
    "scipy.signal": (
        "butter cheby1 cheby2 ellip bessel iirfilter iirdesign iirnotch iirpeak buttord firwin firwin2 firls remez "
        "get_window savgol_coeffs tf2sos tf2zpk zpk2sos zpk2tf sos2tf sosfilt_zi"
    ),
    "scipy.special": (
        "roots_legendre roots_hermite roots_hermitenorm roots_laguerre roots_genlaguerre roots_chebyt roots_chebyu "
        "roots_jacobi roots_gegenbauer"
    ),
    "numpy.polynomial.legendre": "leggauss",
    "numpy.polynomial.hermite": "hermgauss",
    "numpy.polynomial.hermite_e": "hermegauss",
    "numpy.polynomial.laguerre": "laggauss",
    "numpy.polynomial.chebyshev": "chebgauss",
}
_DESIGNED = {name: module for module, names in _DESIGNS.items() for name in names.split()}


def designs(function: Any) -> bool:
    """Whether a function computes a table from a few numbers: a filter's coefficients, nodes and weights."""
    name = getattr(function, "__name__", None)
    module = _DESIGNED.get(name) if isinstance(name, str) else None
    return module is not None and getattr(sys.modules.get(module), str(name), None) is function


#: Compiled modules beside which SciPy keeps the same functions in plain Python, written for any array library.
_PLAIN = {
    "scipy.spatial.transform._rotation_cy": "scipy.spatial.transform._rotation_xp",
    "scipy.spatial.transform._rigid_transform_cy": "scipy.spatial.transform._rigid_transform_xp",
}


def find(function: Any) -> Callable[..., Any] | None:
    """Return the plain function to trace in place of a library's, or None."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        return None
    plain = _PLAIN.get(getattr(function, "__module__", None) or "")
    if plain is not None:
        return getattr(sys.modules.get(plain), name, None)
    # What f2py makes says what it is before its name, and what Cython makes for one type says that after it.
    full = getattr(function, "__qualname__", None) or name
    name = full.partition("[")[0] if "[" in full else name.rpartition(" ")[2]
    for module, stand_in in STAND_INS.get(name, ()):
        found = getattr(sys.modules.get(module), name, None)
        if found is function or function in (getattr(found, "__signatures__", None) or {}).values():
            return stand_in
    return None
