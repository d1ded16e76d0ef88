"""``scipy.optimize``: roots of functions of one number, differentiated as what they solve, not as the iteration.

The iteration finds ``x0``, which is then held; two steps of Newton's method from there have the first and second
derivatives of the root by the function's parameters (the implicit function theorem).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.trace.callables.user_rules import opaque
from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.register import stands_for

__all__ = ["Result", "held", "solved", "told"]


def _held(x: Any) -> Any:
    return np.array(x)


enter(Row("held", _held, why_zero="it is held fixed"))
_hold = opaque("held", (0,), 1)


def held(x: Any) -> Any:
    """Return an array or number as a constant: nothing is differentiated through it."""
    return _hold(np.asarray(x))[0]


class Result:
    """What SciPy's solvers return: numbers by name."""

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    def __getitem__(self, name: Any) -> Any:
        return getattr(self, name)


@stands_for("scipy.optimize._optimize.OptimizeResult", "scipy.integrate._ivp.ivp.OdeResult")
def result(**fields: Any) -> Any:
    """A solver's result."""
    return Result(**fields)


def solved(f: Any, args: Any, x0: Any) -> Any:
    """The root that an iteration found, as a function of what ``f`` depends on."""
    import revtrace

    x0 = held(x0)[()]
    x = x0
    for _ in range(2):
        y, slope = revtrace.jvp(lambda z: f(z, *args), (x,), (0.0 * x + 1.0,))
        require(slope != 0.0, "a root at which the function has no slope")
        x = x - y / slope
    # The value stays what the iteration found.
    return x0 + (x - held(x)[()])


def told(root: Any, full_output: Any) -> Any:
    """A root as SciPy returns it: with a report where that is asked for."""
    return (root, Result(root=root, converged=True, flag="converged")) if full_output else root


def _opposite(fa: Any, fb: Any) -> None:
    if fa * fb > 0:
        raise ValueError("f(a) and f(b) must have different signs")


@stands_for("scipy.optimize.brentq")
def brentq(
    f: Any, a: Any, b: Any, args: Any = (), xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16, maxiter: Any = 100,
    full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root between two ends, by Brent's method (1973, chapter 4)."""
    args = args if isinstance(args, tuple) else (args,)
    last, now = float(a), float(b)
    f_last, f_now = f(last, *args) * 1.0, f(now, *args) * 1.0
    _opposite(f_last, f_now)
    other, f_other, step, before = last, f_last, 0.0, 0.0
    if f_last == 0.0:
        now, f_now = last, f_last
    count = 0
    while f_now != 0.0 and count < maxiter:
        count += 1
        if f_last != 0.0 and f_now != 0.0 and (f_last < 0.0) != (f_now < 0.0):
            other, f_other = last, f_last
            before = step = now - last
        if abs(f_other) < abs(f_now):
            last, now, other = now, other, now
            f_last, f_now, f_other = f_now, f_other, f_now
        least = (xtol + rtol * abs(now)) / 2.0
        half = (other - now) / 2.0
        if f_now == 0.0 or abs(half) < least:
            break
        if abs(before) > least and abs(f_now) < abs(f_last):
            if last == other:
                move = -f_now * (now - last) / (f_now - f_last)
            else:
                p, q = (f_last - f_now) / (last - now), (f_other - f_now) / (other - now)
                move = -f_now * (f_other * q - f_last * p) / (q * p * (f_other - f_last))
            if 2.0 * abs(move) < min(abs(before), 3.0 * abs(half) - least):
                before, step = step, move
            else:
                before = step = half
        else:
            before = step = half
        last, f_last = now, f_now
        if abs(step) > least:
            now += step
        else:
            now += least if half > 0.0 else -least
        f_now = f(now, *args) * 1.0
    if count >= maxiter:
        raise RuntimeError("Failed to converge")
    return told(float(solved(f, args, now)), full_output)


@stands_for("scipy.optimize.bisect")
def bisect(
    f: Any, a: Any, b: Any, args: Any = (), xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16, maxiter: Any = 100,
    full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root between two ends, by halving."""
    args = args if isinstance(args, tuple) else (args,)
    low, found = float(a), float(a)
    f_low, f_high = f(low, *args) * 1.0, f(float(b), *args) * 1.0
    _opposite(f_low, f_high)
    width = float(b) - low
    done = f_low == 0.0
    if f_high == 0.0 and not done:
        found, done = float(b), True
    count = 0
    while not done and count < maxiter:
        count += 1
        width *= 0.5
        middle = low + width
        f_middle = f(middle, *args) * 1.0
        if f_middle * f_low >= 0.0:
            low = middle
        found = low
        if f_middle == 0.0 or abs(width) < xtol + rtol * abs(middle):
            found, done = middle, True
    if not done:
        raise RuntimeError("Failed to converge")
    return told(float(solved(f, args, found)), full_output)


@stands_for("scipy.optimize.newton")
def newton(
    func: Any, x0: Any, fprime: Any = None, args: Any = (), tol: Any = 1.48e-8, maxiter: Any = 50, fprime2: Any = None,
    x1: Any = None, rtol: Any = 0.0, full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root near a number, by Newton's method, or by the secant method without a derivative."""
    args = args if isinstance(args, tuple) else (args,)
    if np.ndim(x0) > 0:
        from revtrace.trace.libraries.equations import newton_of_array

        if full_output:
            refuse("scipy.optimize.newton of an array with full_output", "its report has no rule", "leave it out")
        options = (("tol", tol), ("maxiter", maxiter), ("rtol", rtol))
        return newton_of_array(func, x0, fprime, args, fprime2, x1, options)
    p, done, count = x0 * 1.0, False, 0
    if fprime is not None:
        while not done and count < maxiter:
            count += 1
            y = func(p, *args) * 1.0
            if y == 0.0:
                done = True
            else:
                slope = fprime(p, *args)
                if slope == 0.0:
                    raise RuntimeError("Derivative was zero.")
                step = y / slope
                if fprime2 is not None:
                    bend = step * fprime2(p, *args) / slope / 2.0
                    if abs(bend) < 1.0:
                        step = step / (1.0 - bend)
                new = p - step
                done = abs(new - p) <= tol + rtol * abs(p)
                p = new
    else:
        before, p = p, (p * 1.0001 + (1e-4 if p >= 0.0 else -1e-4)) if x1 is None else x1 * 1.0
        q0, q1 = func(before, *args) * 1.0, func(p, *args) * 1.0
        if abs(q1) < abs(q0):
            before, p, q0, q1 = p, before, q1, q0
        while not done and count < maxiter:
            count += 1
            if q1 == q0:
                if p != before:
                    raise RuntimeError("Tolerance reached.")
                new, done = (p + before) / 2.0, True
            else:
                if abs(q1) > abs(q0):
                    new = (-q0 / q1 * p + before) / (1.0 - q0 / q1)
                else:
                    new = (-q1 / q0 * before + p) / (1.0 - q1 / q0)
                done = abs(new - p) <= tol + rtol * abs(p)
            before, q0 = p, q1
            p = new
            q1 = func(p, *args) * 1.0
    if not done:
        raise RuntimeError("Failed to converge")
    return told(solved(func, args, p), full_output)


@stands_for(
    "scipy.optimize.differential_evolution", "scipy.optimize.linprog", "scipy.optimize.nnls", "scipy.optimize.milp",
    "scipy.optimize.basinhopping", "scipy.optimize.dual_annealing", "scipy.optimize.shgo", "scipy.optimize.brute",
    "scipy.optimize.fmin", "scipy.optimize.fmin_bfgs", "scipy.optimize.fmin_l_bfgs_b", "scipy.optimize.lsq_linear",
)  # fmt: skip
def refused_solver(*args: Any, **kwargs: Any) -> Any:
    """Solvers without a rule."""
    refuse(
        "this solver of scipy.optimize inside of the function",
        "the derivative of what it solves is not that of its iteration",
        "minimize, least_squares, root, fsolve and brentq have rules; else give a function that calls it a rule by the "
        "implicit function theorem, see revtrace.rrule",
    )
