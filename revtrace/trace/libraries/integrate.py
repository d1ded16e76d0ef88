"""``scipy.integrate``: integrals by an adaptive rule, differentiated as the sum that they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []

#: Half of the nodes of the rule by Kronrod with 21 points, from the middle; each second one, from the second on, is
#: Gauss's of 10 points.  Roots of the Legendre polynomial of degree 10 and of its Stieltjes polynomial, and the
#: weights by which the rules are exact for polynomials (Laurie, 1997), computed with 40 digits.
_NODES = np.array([
    0.0, 0.14887433898163122, 0.2943928627014602, 0.4333953941292472, 0.5627571346686047, 0.6794095682990244,
    0.7808177265864169, 0.8650633666889845, 0.9301574913557082, 0.9739065285171717, 0.9956571630258081,
])  # fmt: skip
_KRONROD = np.array([
    0.1494455540029169, 0.14773910490133849, 0.14277593857706009, 0.13470921731147334, 0.12349197626206584,
    0.10938715880229764, 0.0931254545836976, 0.07503967481091996, 0.054755896574351995, 0.032558162307964725,
    0.011694638867371874,
])  # fmt: skip
_GAUSS = np.array([
    0.0, 0.29552422471475287, 0.0, 0.26926671930999635, 0.0, 0.21908636251598204, 0.0, 0.1494513491505806, 0.0,
    0.06667134430868814, 0.0,
])  # fmt: skip
_AIM = 1e-11
"""The relative error at which no interval is halved any more."""


def _over(f: Any, low: Any, high: Any) -> Any:
    """The integral over an interval, and how far two rules are apart."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    y = f(middle)
    fine, coarse = _KRONROD[0] * y, 0.0 * y
    for k in range(1, 11):
        step = half * float(_NODES[k])
        y = f(middle - step) + f(middle + step)
        fine = fine + _KRONROD[k] * y
        coarse = coarse + _GAUSS[k] * y
    return fine * half, abs((fine - coarse) * half)


def _adaptive(f: Any, low: Any, high: Any, epsabs: Any, epsrel: Any, limit: Any) -> Any:
    lows, highs = np.zeros(limit), np.zeros(limit)
    values, errors = np.zeros(limit), np.zeros(limit)
    lows[0], highs[0] = low, high
    values[0], errors[0] = _over(f, low, high)
    count, total, error = 1, values[0], errors[0]
    while count < limit and error > _AIM * abs(total) and error > 1e-300:
        k = np.argmax(errors[:count])
        middle, end = 0.5 * (lows[k] + highs[k]), highs[k]
        values[k], errors[k] = _over(f, lows[k], middle)
        values[count], errors[count] = _over(f, middle, end)
        highs[k], lows[count], highs[count] = middle, middle, end
        count += 1
        total, error = np.sum(values[:count]), np.sum(errors[:count])
    require(error <= max(epsabs, epsrel * abs(total)), "an integral that does not converge")
    return total, error


@stands_for("scipy.integrate.quad")
def quad(
    func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, epsabs: Any = 1.49e-8, epsrel: Any = 1.49e-8,
    limit: Any = 50, points: Any = None, weight: Any = None, wvar: Any = None, wopts: Any = None, maxp1: Any = 50,
    limlst: Any = 50, complex_func: Any = False,
) -> Any:  # fmt: skip
    """The integral of a function of one number; the error is estimated in another way than SciPy's."""
    if full_output or points is not None or weight is not None or complex_func:
        refuse("scipy.integrate.quad with full_output, points, weight or complex_func", instead="leave them out")
    args = args if isinstance(args, tuple) else (args,)
    if a == -np.inf and b == np.inf:

        def both(t: Any) -> Any:
            return (func((1.0 - t) / t, *args) + func((t - 1.0) / t, *args)) / (t * t)

        found = _adaptive(both, 0.0, 1.0, epsabs, epsrel, limit)
    elif b == np.inf:
        found = _adaptive(lambda t: func(a + (1.0 - t) / t, *args) / (t * t), 0.0, 1.0, epsabs, epsrel, limit)
    elif a == -np.inf:
        found = _adaptive(lambda t: func(b - (1.0 - t) / t, *args) / (t * t), 0.0, 1.0, epsabs, epsrel, limit)
    else:
        found = _adaptive(lambda t: func(t, *args), a * 1.0, b * 1.0, epsabs, epsrel, limit)
    return float(found[0]), float(found[1])
