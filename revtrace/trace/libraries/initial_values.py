"""``scipy.integrate.solve_ivp``: by explicit Runge-Kutta methods SciPy's steps, as one loop over attempts.

Traced as SciPy writes it, every step would be a part of the program of its own, and another number of steps another
program.  Here the steps are iterations; numbers are computed in SciPy's order.  Step sizes depend on the states, and
the derivative goes through them, as it does in differences of the plain function.  Implicit methods are in
`revtrace.trace.libraries.collocation`.

The methods: J. R. Dormand, P. J. Prince, A family of embedded Runge-Kutta formulae, J. Comput. Appl. Math. 6 (1980),
and E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, sections II.5 and II.10; the first
step: section II.4 there.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.callables.functions import on
from revtrace.trace.definitions.register import refuse, require
from revtrace.trace.libraries.collocation import IMPLICIT, trajectory
from revtrace.trace.libraries.register import stands_for
from revtrace.trace.values import Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer
    from revtrace.trace.state import State

__all__: list[str] = []

_SAFETY, _LEAST, _MOST = 0.9, 0.2, 10.0


def _tables(name: str) -> Any:
    """Return a method's tables, the end of a step as its last stage; how to estimate its error; the error's order."""
    from scipy import integrate  # type: ignore[import-untyped,unused-ignore]

    method = getattr(integrate, name)
    count = method.n_stages
    inner = np.zeros((count + 1, count))
    inner[:count, : method.A.shape[1]] = method.A
    inner[count] = method.B
    misses = (method.E5, method.E3) if name == "DOP853" else (method.E,)
    return inner, np.append(method.C, 1.0), misses, method.error_estimator_order


def _between(name: str) -> Any:
    """Return what a method takes states between the ends of a step from: its matrix, and stages of their own."""
    from scipy import integrate

    method = getattr(integrate, name)
    if name == "DOP853":
        return method.D, method.A_EXTRA, tuple(method.C_EXTRA.tolist())
    return method.P, np.zeros((0, 0)), ()


@lru_cache(maxsize=1)
def _copied() -> Any:
    """Return SciPy's own function as another one, which nothing stands for."""
    from scipy import integrate

    plain = integrate.solve_ivp
    return FunctionType(plain.__code__, plain.__globals__, plain.__name__, plain.__defaults__)


def _written() -> Any:
    """Return SciPy's own function, to be traced as it is written."""
    raise NotImplementedError


@on(_written)
def _give(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    return Static(_copied())


def _done(times: Any, states: Any, calls: Any, jacobians: Any, factorisations: Any) -> Any:
    from scipy.integrate._ivp.ivp import OdeResult  # type: ignore[import-untyped,unused-ignore]

    message = "The solver successfully reached the end of the integration interval."
    return OdeResult(
        t=times, y=states, sol=None, t_events=None, y_events=None, nfev=calls, njev=jacobians, nlu=factorisations,
        status=0, message=message, success=True,
    )  # fmt: skip


def _size(x: Any) -> Any:
    return np.linalg.norm(x) / x.size**0.5


def _error(stages: Any, misses: Any, h: Any, scale: Any) -> Any:
    """Return how large the error of a step is, where 1 is allowed: of order 5, or of orders 5 and 3 as one."""
    if len(misses) == 1:
        return _size(np.dot(stages.T, misses[0]) * h / scale)
    fifth = np.linalg.norm(np.dot(stages.T, misses[0]) / scale) ** 2
    third = np.linalg.norm(np.dot(stages.T, misses[1]) / scale) ** 2
    if fifth == 0 and third == 0:
        return 0.0
    return np.abs(h) * fifth / np.sqrt((fifth + 0.01 * third) * scale.shape[0])


def _curve(stages: Any, matrix: Any, h: Any, y: Any, y_new: Any, f: Any, f_new: Any) -> Any:
    """Return the coefficients of the polynomial that states between the ends of a step are taken from."""
    if matrix.shape[0] == stages.shape[0]:
        return np.dot(stages.T, matrix)
    far = y_new - y
    ends = np.stack([far, h * f - far, 2 * far - h * (f_new + f)])
    return np.concatenate([ends, h * np.dot(matrix, stages)])


def _state(curve: Any, x: Any, h: Any, y: Any, powers: Any) -> Any:
    """Return the state at a part of a step."""
    if powers:
        return h * np.dot(curve, np.cumprod(np.full(powers, x))) + y
    rest = np.zeros(y.shape[0], dtype=y.dtype)
    for k in range(curve.shape[0]):
        rest = (rest + curve[-1 - k]) * (x if k % 2 == 0 else 1 - x)
    return rest + y


def _first_step(slope: Any, t0: Any, tf: Any, y0: Any, f0: Any, way: Any, longest: Any, order: Any, tols: Any) -> Any:
    """Return the length of the first step, from the size of the first and second derivatives."""
    rtol, atol = tols
    whole = abs(tf - t0)
    scale = atol + np.abs(y0) * rtol
    d0 = _size(y0 / scale)
    d1 = _size(f0 / scale)
    h0 = 1e-6
    if not (d0 < 1e-5 or d1 < 1e-5):
        h0 = 0.01 * d0 / d1
    h0 = min(h0, whole)
    f1 = slope(t0 + h0 * way, y0 + h0 * way * f0)
    d2 = _size((f1 - f0) / scale) / h0
    if d1 <= 1e-15 and d2 <= 1e-15:
        h1 = max(1e-6, h0 * 1e-3)
    else:
        h1 = (0.01 / max(d1, d2)) ** (1 / (order + 1))
    return min(100 * h0, h1, whole, longest)


def _checked(t_eval: Any, t0: Any, tf: Any) -> Any:
    """Return the times that states are asked for at."""
    times = np.asarray(t_eval) * 1.0
    if times.ndim != 1:
        raise ValueError("`t_eval` must be 1-dimensional.")
    if np.any(times < min(t0, tf)) or np.any(times > max(t0, tf)):
        raise ValueError("Values in `t_eval` are not within `t_span`.")
    gaps = np.diff(times)
    if (tf > t0 and np.any(gaps <= 0)) or (tf < t0 and np.any(gaps >= 0)):
        raise ValueError("Values in `t_eval` are not properly sorted.")
    return times


@stands_for("scipy.integrate.solve_ivp")
def solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None, dense_output: Any = False,
    events: Any = None, vectorized: Any = False, args: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """States of a system of equations from its first state."""
    unknown = [name for name in options if name not in ("rtol", "atol", "max_step", "first_step")]
    other = dense_output or events is not None or vectorized or len(unknown) > 0
    if other and method in IMPLICIT:
        refuse(
            "scipy.integrate.solve_ivp by an implicit method with events, dense_output, vectorized or a Jacobian",
            "its rule does not cover that",
            "leave them out, and ask for states by t_eval",
        )
    if other or method not in ("RK45", "RK23", "DOP853", *IMPLICIT):
        return _written()(fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, **options)
    t0, tf = t_span
    t0, tf = float(t0), float(tf)
    require(t0 != tf, "scipy.integrate.solve_ivp over an interval of no length")
    y = np.asarray(y0) * 1.0
    if y.ndim != 1:
        raise ValueError("`y0` must be 1-dimensional.")
    rest = () if args is None else tuple(args)

    def slope(t: Any, y: Any) -> Any:
        return np.asarray(fun(t, y, *rest)) * 1.0

    if method in IMPLICIT:
        times = None if t_eval is None else _checked(t_eval, t0, tf)
        settings = (("method", method), *options.items())
        ts, ys, facts = trajectory(slope, t0, tf, y, times, settings)
        return _done(ts, ys, *facts[1:4])
    inner, nodes, misses, order = _tables(method)
    matrix, more, later = _between(method)
    count = inner.shape[1]
    rtol, atol = options.get("rtol", 1e-3), np.asarray(options.get("atol", 1e-6))
    longest = options.get("max_step", np.inf)
    rtol = max(rtol, 100 * 2.0**-52)
    way = 1.0 if tf > t0 else -1.0
    t, f = t0, slope(t0, y)
    length = options.get("first_step")
    calls = 1
    if length is None:
        length = _first_step(slope, t0, tf, y, f, way, longest, order, (rtol, atol))
        calls = 2
    stages = np.zeros((count + 1 + len(later), y.shape[0]), dtype=y.dtype)
    ts, ys = [t0], [y]
    times = out = np.zeros(0)
    if t_eval is not None:
        times = _checked(t_eval, t0, tf)
        out = np.zeros((y.shape[0], times.shape[0]), dtype=y.dtype)
    done, rejected = 0, False
    while way * (t - tf) < 0:
        least = 10 * np.abs(np.nextafter(t, way * np.inf) - t)
        if not rejected:
            length = min(max(length, least), longest)
        require(length >= least, "scipy.integrate.solve_ivp that does not come to the end")
        new = t + length * way
        if way * (new - tf) > 0:
            new = tf
        h = new - t
        length = np.abs(h)
        stages[0] = f
        y_new = y
        for s in range(1, count + 1):
            y_new = y + np.dot(stages[:s].T, inner[s, :s]) * h
            stages[s] = slope(t + nodes[s] * h, y_new)
        f_new = stages[count].copy()
        calls += count
        scale = atol + np.maximum(np.abs(y), np.abs(y_new)) * rtol
        error = _error(stages[: count + 1], misses, h, scale)
        if error < 1:
            factor = _MOST
            if error != 0:
                factor = min(_MOST, _SAFETY * error ** (-1 / (order + 1)))
            if rejected:
                factor = min(1.0, factor)
            if t_eval is None:
                ts.append(new)
                ys.append(y_new)
            else:
                if later and done < times.shape[0] and way * (times[done] - new) <= 0:
                    for s in range(len(later)):
                        k = count + 1 + s
                        stages[k] = slope(t + later[s] * h, y + np.dot(stages[:k].T, more[s, :k]) * h)
                    calls += len(later)
                curve = _curve(stages, matrix, h, y, y_new, f, f_new)
                while done < times.shape[0] and way * (times[done] - new) <= 0:
                    out[:, done] = _state(curve, (times[done] - t) / h, h, y, 0 if later else matrix.shape[1])
                    done += 1
            t, y, f = new, y_new, f_new
            rejected = False
        else:
            factor = max(_LEAST, _SAFETY * error ** (-1 / (order + 1)))
            rejected = True
        length = length * factor
    if t_eval is None:
        times, out = np.array(ts), np.array(ys).T
    return _done(times, out, calls, 0, 0)
