"""``scipy.special``: sums of exponentials, Lambert's function, orthogonal polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.rules.scipy_calls import lambertw_lower, lambertw_upper
from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


@stands_for("scipy.special.logsumexp")
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False) -> Any:
    """The logarithm of a sum of exponentials."""
    a = np.atleast_1d(a)
    if return_sign and np.iscomplexobj(a):
        refuse("scipy.special.logsumexp of complex numbers with return_sign", instead="use np.log and np.sum")
    if b is not None:
        a, b = np.broadcast_arrays(a, b)
    size = np.real(a)
    counted = size if b is None else np.where(np.equal(b, 0), -np.inf, size)
    top = np.max(counted, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    terms = np.exp(a - top)
    if b is not None:
        terms = b * terms
    total = np.sum(terms, axis=axis, keepdims=True)
    found = np.log(np.abs(total) if return_sign else total) + top
    if not keepdims:
        found, total = np.squeeze(found, axis=axis)[()], np.squeeze(total, axis=axis)[()]
    return (found, np.sign(total)) if return_sign else found


@stands_for("scipy.special.powm1")
def powm1(x: Any, y: Any) -> Any:
    """A power less one."""
    return np.expm1(y * np.log(x))


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


@stands_for("scipy.special.eval_hermite")
def eval_hermite(n: Any, x: Any) -> Any:
    """Hermite's polynomial of a degree that is one number, as physics has it (DLMF 18.9.1)."""
    if np.ndim(n) > 0:
        refuse("scipy.special.eval_hermite with an array of degrees", instead="call it for each degree")
    before, now = 0.0 * x, 1.0 + 0.0 * x
    for k in range(int(n)):
        before, now = now, 2.0 * x * now - 2.0 * k * before
    return now


@stands_for("scipy.special.eval_hermitenorm")
def eval_hermitenorm(n: Any, x: Any) -> Any:
    """Hermite's polynomial of a degree that is one number, as the theory of probability has it."""
    if np.ndim(n) > 0:
        refuse("scipy.special.eval_hermitenorm with an array of degrees", instead="call it for each degree")
    before, now = 0.0 * x, 1.0 + 0.0 * x
    for k in range(int(n)):
        before, now = now, x * now - k * before
    return now


def _spherical(name: str, bessel: Any, n: Any, z: Any, derivative: Any) -> Any:
    """A spherical Bessel function of positive numbers, from the one of half orders (DLMF 10.47.3, 10.47.4, 10.51.2)."""
    require(np.all(np.greater(z, 0)), f"scipy.special.{name} of a number that is not positive")
    found = np.sqrt(0.5 * np.pi / z) * bessel(n + 0.5, z)
    if derivative:
        return n / z * found - np.sqrt(0.5 * np.pi / z) * bessel(n + 1.5, z)
    return found


@stands_for("scipy.special.spherical_jn")
def spherical_jn(n: Any, z: Any, derivative: Any = False) -> Any:
    """The spherical Bessel function of the first kind of positive numbers."""
    from scipy import special  # type: ignore[import-untyped,unused-ignore]

    return _spherical("spherical_jn", special.jv, n, z, derivative)


@stands_for("scipy.special.spherical_yn")
def spherical_yn(n: Any, z: Any, derivative: Any = False) -> Any:
    """The spherical Bessel function of the second kind of positive numbers."""
    from scipy import special

    return _spherical("spherical_yn", special.yv, n, z, derivative)


@stands_for("scipy.special.fdtr")
def fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    """The distribution function of F, by the incomplete beta function (Abramowitz and Stegun 26.6.2)."""
    from scipy import special

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
