"""Plain functions traced in place of library functions whose own code is no plain Python.

They compute the same in NumPy's terms.  A library is looked at only when something else has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.rules.scipy_calls import lambertw_lower, lambertw_upper

__all__ = ["find"]


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    a = np.asarray(a)
    if b is not None:
        a, b = np.broadcast_arrays(a, b)
    top = np.max(a if b is None else np.where(np.equal(b, 0), -np.inf, a), axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    terms = np.exp(a - top)
    if b is not None:
        terms = b * terms
    total = np.log(np.sum(terms, axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    return np.squeeze(total, axis=axis)[()]


def _softmax(x: Any, axis: Any = None) -> Any:
    x = np.asarray(x)
    terms = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return terms / np.sum(terms, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    x = np.asarray(x)
    gap = x - np.max(x, axis=axis, keepdims=True)
    return gap - np.log(np.sum(np.exp(gap), axis=axis, keepdims=True))


def _lambertw(z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    if k not in (0, -1):
        raise NotImplementedError("only the branches with real values")
    if not np.all(z >= -np.exp(-1.0)):
        raise NotImplementedError("the value is a complex number")
    if k == -1 and not np.all(np.less(z, 0)):
        raise NotImplementedError("the value is a complex number")
    return (lambertw_upper(z) if k == 0 else lambertw_lower(z)) + 0j


_SPECIAL: dict[str, Callable[..., Any]] = {
    "logsumexp": _logsumexp, "softmax": _softmax, "log_softmax": _log_softmax, "lambertw": _lambertw,
}  # fmt: skip


def find(function: Any) -> Callable[..., Any] | None:
    """Return the plain function to trace in place of a library's, or None."""
    name = getattr(function, "__name__", "")
    if name not in _SPECIAL:
        return None
    special = sys.modules.get("scipy.special")
    if special is None or getattr(special, name, None) is not function:
        return None
    return _SPECIAL[name]
