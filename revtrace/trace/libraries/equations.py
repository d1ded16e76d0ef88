"""Solvers of ``scipy.optimize`` for systems, minima and fits, differentiated as what they solve.

SciPy's solver finds the answer, which is then held (see `revtrace.inner.solvers`).  Steps of Newton's method from
there with the Jacobian held, too, leave the answer as it is and have its derivatives by whatever the equations refer
to (the implicit function theorem): each step has one order more right.  Of a minimum the equations are that the
gradient is zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.optimize import Result, held, solved, told
from revtrace.trace.libraries.register import stands_for

__all__ = ["BRACKETED", "answer", "implicit", "parameters"]

_ORDERS = 3
"""So many orders of derivatives of an answer are right."""


def answer(solver: Any, function: Any, start: Any, options: Any) -> Any:
    """Return what a solver finds from a start; nothing is differentiated.  Replaced when traced."""
    return solver(function, start, **dict(options))


def parameters(function: Any) -> int:
    """Return how many positional parameters a function has.  Replaced when traced."""
    return int(function.__code__.co_argcount)


def implicit(equations: Any, found: Any) -> Any:
    """Return the answer to equations as a function of what they refer to.

    Parameters
    ----------
    equations : callable
        Of an array of one axis; returns as many numbers, which are zero at the answer.
    found : ndarray
        The answer.
    """
    import revtrace

    x = x0 = held(found)
    inverse = held(np.linalg.inv(revtrace.jacobian(equations)(x0)))
    for _ in range(_ORDERS):
        step = inverse @ equations(x)
        x = x - step
    require(
        np.sum(np.abs(step)) <= 1e-6 * (1.0 + np.sum(np.abs(x0))),
        "a solver of scipy.optimize that stops where its equations are not solved",
    )
    # The value stays what the solver found.
    return x0 + (x - held(x))


def _tuple(args: Any) -> Any:
    return args if isinstance(args, tuple) else (args,)


def _given(**options: Any) -> Any:
    return tuple([(k, v) for k, v in options.items() if v is not None])


# what is run -----------------------------------------------------------------------------------------


def _fsolve(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize  # type: ignore[import-untyped,unused-ignore]

    return optimize.fsolve(f, start, **options)


def _root(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return optimize.root(f, start, **options).x


def _fixed_point(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return optimize.fixed_point(f, start, **options)


def _minimize(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return optimize.minimize(f, start, **options).x


def _least_squares(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return optimize.least_squares(f, start, **options).x


def _leastsq(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return optimize.leastsq(f, start, **options)[0]


def _curve(f: Any, start: Any) -> Any:
    from scipy import optimize

    x, _, _, message, found = optimize.leastsq(f, start, full_output=True)
    if found not in (1, 2, 3, 4):
        raise RuntimeError("Optimal parameters not found: " + message)
    return x


def _minimize_scalar(f: Any, start: Any, **options: Any) -> Any:
    from scipy import optimize

    return np.full_like(start, optimize.minimize_scalar(f, **options).x)


def _ridder(f: Any, ends: Any, **options: Any) -> Any:
    from scipy import optimize

    return np.full_like(ends, optimize.ridder(f, *ends, **options))


def _brenth(f: Any, ends: Any, **options: Any) -> Any:
    from scipy import optimize

    return np.full_like(ends, optimize.brenth(f, *ends, **options))


def _toms748(f: Any, ends: Any, **options: Any) -> Any:
    from scipy import optimize

    return np.full_like(ends, optimize.toms748(f, *ends, **options))


BRACKETED = (_minimize_scalar, _ridder, _brenth, _toms748)
"""Solvers whose function is one of a number."""


def _newton(f: Any, start: Any, way: Any = 0, **options: Any) -> Any:
    """Newton's method for each of some numbers; ``f`` returns values and ``way`` derivatives of them, joined."""
    from scipy import optimize

    n = start.shape[0]
    if way > 0:
        options["fprime"] = lambda z: f(z)[n : 2 * n]
    if way > 1:
        options["fprime2"] = lambda z: f(z)[2 * n :]
    return optimize.newton(lambda z: f(z)[:n], start, **options)


# systems -----------------------------------------------------------------------------------------------


def _system(func: Any, args: Any) -> Any:
    return lambda z: np.ravel(np.asarray(func(z, *args))) * 1.0


@stands_for("scipy.optimize.fsolve")
def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0, col_deriv: Any = 0,
    xtol: Any = None, maxfev: Any = None, band: Any = None, epsfcn: Any = None, factor: Any = None, diag: Any = None,
) -> Any:  # fmt: skip
    """A root of a system, by MINPACK's hybrid method; a Jacobian that is given is not used."""
    if band is not None or diag is not None:
        refuse("scipy.optimize.fsolve with band or diag", "its rule does not cover that", "leave them out")
    equations = _system(func, _tuple(args))
    start = np.ravel(np.asarray(x0)) * 1.0
    options = _given(xtol=xtol, maxfev=maxfev, epsfcn=epsfcn, factor=factor)
    x = implicit(equations, answer(_fsolve, equations, start, options))
    if full_output:
        return x, {"fvec": equations(x)}, 1, "The solution converged."
    return x


@stands_for("scipy.optimize.root")
def root(
    fun: Any, x0: Any, args: Any = (), method: Any = "hybr", jac: Any = None, tol: Any = None, callback: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """A root of a system; a Jacobian that is given is not used."""
    args = _tuple(args)
    func = (lambda z, *rest: fun(z, *rest)[0]) if jac is True else fun
    equations = _system(func, args)
    start = np.asarray(x0) * 1.0
    found = answer(_root, lambda z: equations(np.reshape(z, np.shape(x0))), np.ravel(start), _given(
        method=method, tol=tol, options=None if options is None else dict(options)
    ))  # fmt: skip
    x = implicit(lambda z: equations(np.reshape(z, np.shape(x0))), found)
    x = np.reshape(x, np.shape(x0))
    return Result(x=x, fun=func(x, *args), success=True, status=1, message="The solution converged.")


@stands_for("scipy.optimize.fixed_point")
def fixed_point(
    func: Any, x0: Any, args: Any = (), xtol: Any = 1e-8, maxiter: Any = 500, method: Any = "del2"
) -> Any:  # fmt: skip
    """A point that a function maps to itself."""
    args = _tuple(args)
    shape = np.shape(x0)
    start = np.ravel(np.asarray(x0)) * 1.0

    def image(z: Any) -> Any:
        return np.ravel(np.asarray(func(z if shape else z[0], *args))) * 1.0

    found = answer(_fixed_point, image, start, _given(xtol=xtol, maxiter=maxiter, method=method))
    x = implicit(lambda z: z - image(z), found)
    return np.reshape(x, shape)


def _bracketed(solver: Any, f: Any, a: Any, b: Any, args: Any, full_output: Any, options: Any) -> Any:
    args = _tuple(args)
    ends = np.array([a * 1.0, b * 1.0])
    x = answer(solver, lambda z: f(z, *args) * 1.0, ends, options)[0]
    return told(float(solved(f, args, x)), full_output)


@stands_for("scipy.optimize.ridder")
def ridder(
    f: Any, a: Any, b: Any, args: Any = (), xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16, maxiter: Any = 100,
    full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root between two ends, by Ridders' method."""
    return _bracketed(_ridder, f, a, b, args, full_output, _given(xtol=xtol, rtol=rtol, maxiter=maxiter))


@stands_for("scipy.optimize.brenth")
def brenth(
    f: Any, a: Any, b: Any, args: Any = (), xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16, maxiter: Any = 100,
    full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root between two ends, by Brent's method with hyperbolic steps."""
    return _bracketed(_brenth, f, a, b, args, full_output, _given(xtol=xtol, rtol=rtol, maxiter=maxiter))


@stands_for("scipy.optimize.toms748")
def toms748(
    f: Any, a: Any, b: Any, args: Any = (), k: Any = 1, xtol: Any = 2e-12, rtol: Any = 8.881784197001252e-16,
    maxiter: Any = 100, full_output: Any = False, disp: Any = True,
) -> Any:  # fmt: skip
    """A root between two ends, by algorithm 748."""
    return _bracketed(_toms748, f, a, b, args, full_output, _given(k=k, xtol=xtol, rtol=rtol, maxiter=maxiter))


def newton_of_array(func: Any, x0: Any, fprime: Any, args: Any, fprime2: Any, x1: Any, options: Any) -> Any:
    """Roots near the numbers of an array, of a function that goes element by element."""
    import revtrace

    if x1 is not None:
        refuse("scipy.optimize.newton of an array with x1", instead="leave it out, or pass fprime")
    shape = np.shape(x0)
    start = np.ravel(np.asarray(x0)) * 1.0
    functions = [f for f in (func, fprime, fprime2 if fprime is not None else None) if f is not None]

    def joined(z: Any) -> Any:
        p = np.reshape(z, shape)
        return np.concatenate([np.ravel(np.asarray(f(p, *args)) + 0.0 * p) for f in functions])

    def value(z: Any) -> Any:
        return np.asarray(func(z, *args)) * 1.0

    x = first = held(np.reshape(answer(_newton, joined, start, (("way", len(functions) - 1), *options)), shape))
    for _ in range(2):
        y, slope = revtrace.jvp(value, (x,), (0.0 * x + 1.0,))
        require(np.all(slope != 0.0), "a root at which the function has no slope")
        step = y / slope
        x = x - step
    others = 1.0 + 0.5 * np.sin(np.reshape(np.arange(start.shape[0]), shape))
    across = held(revtrace.jvp(value, (first,), (others,))[1])
    require(
        np.all(np.abs(across - held(slope) * others) <= 1e-4 * np.max(np.abs(across))),
        "scipy.optimize.newton of an array by a function that does not go element by element",
    )
    require(np.all(np.abs(held(step)) <= 1e-6 * (1.0 + np.abs(first))), "scipy.optimize.newton that does not converge")
    return first + (x - held(x))


# minima --------------------------------------------------------------------------------------------------


def _between(slope: Any, found: Any, bounds: Any) -> Any:
    """The equations of a minimum between bounds: variables that press on an end stay there, others are level."""
    if hasattr(bounds, "lb"):
        low, high = 0.0 * found + np.asarray(bounds.lb), 0.0 * found + np.asarray(bounds.ub)
    else:
        low = np.array([-np.inf if pair[0] is None else pair[0] for pair in bounds]) * 1.0
        high = np.array([np.inf if pair[1] is None else pair[1] for pair in bounds]) * 1.0
    push = held(slope(found))
    # Some solvers stop a rounding away from an end.
    near = 1e-9 * (1.0 + np.abs(found))
    at_low, at_high = found - held(low) <= near, held(high) - found <= near
    free, size = ~(at_low | at_high), 1.0 + np.max(np.abs(push))
    require(
        np.all(~free | (np.abs(push) <= 1e-3 * size)),
        "a minimum of scipy.optimize.minimize between bounds that is not level where it is free",
    )
    require(
        np.all(free | (np.abs(push) > 1e-6 * size)),
        "a minimum of scipy.optimize.minimize that touches a bound without pressing on it, where it has no derivative",
    )
    # What a variable that is not held is compared with does not matter, but must be finite.
    floor, ceiling = np.where(at_low, low, 0.0), np.where(at_high, high, 0.0)

    def equations(z: Any) -> Any:
        return np.where(at_low, z - floor, np.where(at_high, z - ceiling, slope(z)))

    return equations


@stands_for("scipy.optimize.minimize")
def minimize(
    fun: Any, x0: Any, args: Any = (), method: Any = None, jac: Any = None, hess: Any = None, hessp: Any = None,
    bounds: Any = None, constraints: Any = (), tol: Any = None, callback: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """A minimum, also between bounds; derivatives that are given are not used."""
    import revtrace

    if constraints:
        refuse(
            "scipy.optimize.minimize with constraints inside of the function",
            "which of them hold decides the derivative",
            "substitute variables that have none, such as x = exp(z)",
        )
    args = _tuple(args)
    start = np.ravel(np.asarray(x0)) * 1.0
    both = jac is True

    def value(z: Any) -> Any:
        y = fun(z, *args)
        return np.ravel(np.asarray(y[0] if both else y))[0] * 1.0

    slope = revtrace.grad(value)
    given = _given(method=method, tol=tol, bounds=bounds, options=None if options is None else dict(options))
    found = answer(_minimize, value, start, given)
    x = implicit(slope if bounds is None else _between(slope, held(found), bounds), found)
    return Result(x=x, fun=value(x), success=True, status=0, message="Optimization terminated successfully.")


@stands_for("scipy.optimize.minimize_scalar")
def minimize_scalar(
    fun: Any, bracket: Any = None, bounds: Any = None, args: Any = (), method: Any = None, tol: Any = None,
    options: Any = None,
) -> Any:  # fmt: skip
    """A minimum of a function of one number, inside of its bounds."""
    import revtrace

    args = _tuple(args)

    def value(z: Any) -> Any:
        return np.ravel(np.asarray(fun(z, *args)))[0] * 1.0

    slope = revtrace.grad(value)
    given = _given(
        bracket=bracket, bounds=bounds, method=method, tol=tol, options=None if options is None else dict(options)
    )
    found = answer(_minimize_scalar, value, np.zeros(1), given)
    x = implicit(lambda z: np.array([slope(z[0])]), found)[0]
    return Result(x=x, fun=value(x), success=True, message="")


def _fitted(solver: Any, residuals: Any, start: Any, options: Any) -> Any:
    import revtrace

    slope = revtrace.grad(lambda z: 0.5 * np.sum(residuals(z) ** 2))
    return implicit(slope, answer(solver, residuals, start, options))


@stands_for("scipy.optimize.least_squares")
def least_squares(
    fun: Any, x0: Any, jac: Any = "2-point", bounds: Any = None, method: Any = "trf", ftol: Any = 1e-8,
    xtol: Any = 1e-8, gtol: Any = 1e-8, x_scale: Any = None, loss: Any = "linear", f_scale: Any = 1.0,
    diff_step: Any = None, tr_solver: Any = None, tr_options: Any = None, jac_sparsity: Any = None,
    max_nfev: Any = None, verbose: Any = 0, args: Any = (), kwargs: Any = None,
) -> Any:  # fmt: skip
    """A minimum of a sum of squares without bounds; a Jacobian that is given is not used."""
    if bounds is not None or loss != "linear":
        refuse(
            "scipy.optimize.least_squares with bounds or a loss inside of the function",
            "its rule does not cover that",
            "leave them out",
        )
    more = {} if kwargs is None else kwargs
    args = _tuple(args)

    def residuals(z: Any) -> Any:
        return np.ravel(np.asarray(fun(z, *args, **more))) * 1.0

    given = _given(method=method, ftol=ftol, xtol=xtol, gtol=gtol, max_nfev=max_nfev)
    x = _fitted(_least_squares, residuals, np.ravel(np.asarray(x0)) * 1.0, given)
    rest = residuals(x)
    return Result(x=x, fun=rest, cost=0.5 * np.sum(rest * rest), success=True, status=1, message="")


@stands_for("scipy.optimize.leastsq")
def leastsq(
    func: Any, x0: Any, args: Any = (), Dfun: Any = None, full_output: Any = False, col_deriv: Any = False,
    ftol: Any = 1.49012e-8, xtol: Any = 1.49012e-8, gtol: Any = 0.0, maxfev: Any = 0, epsfcn: Any = None,
    factor: Any = 100, diag: Any = None,
) -> Any:  # fmt: skip
    """A minimum of a sum of squares; a Jacobian that is given is not used."""
    if full_output or diag is not None:
        refuse("scipy.optimize.leastsq with full_output or diag", "its rule does not cover that", "leave them out")
    residuals = _system(func, _tuple(args))
    given = _given(ftol=ftol, xtol=xtol, gtol=gtol, maxfev=maxfev, epsfcn=epsfcn, factor=factor)
    return _fitted(_leastsq, residuals, np.ravel(np.asarray(x0)) * 1.0, given), 1


@stands_for("scipy.optimize.curve_fit")
def curve_fit(
    f: Any, xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None, absolute_sigma: Any = False,
    check_finite: Any = None, bounds: Any = None, method: Any = None, jac: Any = None,
) -> Any:  # fmt: skip
    """Parameters that fit a function to points, and their covariance."""
    import revtrace

    if bounds is not None or method not in (None, "lm"):
        refuse(
            "scipy.optimize.curve_fit with bounds or another method inside of the function",
            "its rule does not cover that",
            "leave them out",
        )
    start = np.ones(parameters(f) - 1) if p0 is None else np.ravel(np.asarray(p0)) * 1.0
    count = start.shape[0]
    y = np.asarray(ydata) * 1.0
    if sigma is not None and np.ndim(sigma) > 1:
        refuse("scipy.optimize.curve_fit with a covariance", "its rule does not cover that", "use one sigma a point")

    def residuals(z: Any) -> Any:
        rest = f(xdata, *[z[k] for k in range(count)]) - y
        return np.ravel(rest if sigma is None else rest / np.asarray(sigma))

    x = _fitted(_curve, residuals, start, ())
    slopes = revtrace.jacobian(residuals)(x)
    covariance = np.linalg.inv(slopes.T @ slopes)
    if not absolute_sigma:
        rest = residuals(x)
        covariance = covariance * (np.sum(rest * rest) / (rest.shape[0] - count))
    return x, covariance
