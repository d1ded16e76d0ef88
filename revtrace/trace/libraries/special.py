"""``scipy.special``: sums of exponentials, Lambert's function, orthogonal polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.rules.scipy_calls import lambertw_lower, lambertw_upper
from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


@stands_for("scipy.special.logsumexp")
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """The logarithm of a sum of exponentials."""
    if return_sign:
        refuse("scipy.special.logsumexp with return_sign", instead="use np.log and np.sum, and np.sign of the sum")
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


@stands_for("scipy.special.softmax")
def softmax(x: Any, axis: Any = None) -> Any:
    """Exponentials, divided by their sum."""
    x = np.asarray(x)
    terms = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return terms / np.sum(terms, axis=axis, keepdims=True)


@stands_for("scipy.special.log_softmax")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`."""
    x = np.asarray(x)
    gap = x - np.max(x, axis=axis, keepdims=True)
    return gap - np.log(np.sum(np.exp(gap), axis=axis, keepdims=True))


@stands_for("scipy.special.fdtr")
def fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    """The distribution function of F, by the incomplete beta function (Abramowitz and Stegun 26.6.2)."""
    from scipy import special  # type: ignore[import-untyped,unused-ignore]

    return special.betaincc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x))


@stands_for("scipy.special.fdtrc")
def fdtrc(dfn: Any, dfd: Any, x: Any) -> Any:
    """What `fdtr` leaves to one."""
    from scipy import special

    return special.betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x))


@stands_for("scipy.special.lambertw")
def lambertw(z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    """The inverse of ``w * exp(w)``, where that is real."""
    if k not in (0, -1):
        raise NotImplementedError("only the branches with real values")
    if not np.all(z >= -np.exp(-1.0)):
        raise NotImplementedError("the value is a complex number")
    if k == -1 and not np.all(np.less(z, 0)):
        raise NotImplementedError("the value is a complex number")
    return (lambertw_upper(z) if k == 0 else lambertw_lower(z)) + 0j
