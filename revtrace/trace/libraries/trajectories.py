"""``scipy.integrate.odeint``: SciPy's solver finds the states, which are held; short steps have their derivatives.

Between two states that the solver returned, the fourth-order method goes from the first to the second in steps so
short that it meets the second one; how it depends on the first, and on what the equations refer to, is then the
derivative of the trajectory.  Equations too stiff for that go along `collocation.trajectory` instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.collocation import trajectory
from revtrace.trace.libraries.equations import answer
from revtrace.trace.libraries.optimize import held
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []

_NODES = np.array([0.0, 0.5, 0.5, 1.0])
_WEIGHTS = np.array([1.0, 2.0, 2.0, 1.0]) / 6.0
_CLOSE = 1e-6
_MOST = 1024
_FAR = 1e9
_TOLERANCE = 1.49012e-8
"""What odeint takes where none is given."""


def _odeint(f: Any, table: Any, **options: Any) -> Any:
    from scipy import integrate  # type: ignore[import-untyped,unused-ignore]

    found = integrate.odeint(lambda y, t: f(np.append(y, t)), table[0, :-1], table[:, -1], **options)
    return np.column_stack([found, table[:, -1]])


def _moved(slope: Any, y: Any, start: Any, stop: Any, steps: Any) -> Any:
    """Take so many steps from one time to another."""
    h = (stop - start) / steps
    for j in range(steps):
        now = start + j * h
        total, k = y * 0.0, y * 0.0
        for s in range(4):
            k = slope(y + _NODES[s] * h * k, now + _NODES[s] * h)
            total = total + _WEIGHTS[s] * k
        y = y + h * total
    return y


@stands_for("scipy.integrate.odeint")
def odeint(
    func: Any, y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: Any = 0, full_output: Any = 0,
    ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None, tcrit: Any = None, h0: Any = 0.0,
    hmax: Any = 0.0, hmin: Any = 0.0, ixpr: Any = 0, mxstep: Any = 0, mxhnil: Any = 0, mxordn: Any = 12,
    mxords: Any = 5, printmessg: Any = 0, tfirst: Any = False,
) -> Any:  # fmt: skip
    """States of a system of equations at given times; a Jacobian that is given is not used."""
    if full_output:
        refuse("scipy.integrate.odeint with full_output", "its report has no rule", "leave it out")
    args = args if isinstance(args, tuple) else (args,)
    y = np.ravel(np.asarray(y0)) * 1.0
    times = np.asarray(t) * 1.0

    def slope(y: Any, now: Any) -> Any:
        return np.ravel(np.asarray(func(now, y, *args) if tfirst else func(y, now, *args))) * 1.0

    table = np.zeros((times.shape[0], y.shape[0] + 1))
    table[0, :-1] = y
    table[:, -1] = times
    given = {"rtol": rtol, "atol": atol, "h0": h0, "hmax": hmax, "hmin": hmin, "mxstep": mxstep}
    options = tuple([(name, value) for name, value in given.items() if value is not None])
    states = answer(_odeint, lambda z: slope(z[:-1], z[-1]), table, options)[:, :-1]
    fixed = held(times)
    size = _CLOSE * (1.0 + np.max(np.abs(states)))
    steps, far = 4, 2.0 * size
    # Twice as many steps miss by a sixteenth; what is further away, or no number at all, is stiff.
    while not far <= size and far < _FAR * size and steps < _MOST:
        steps, far = 2 * steps, 0.0
        for k in range(1, times.shape[0]):
            missed = np.max(np.abs(held(_moved(slope, states[k - 1], fixed[k - 1], fixed[k], steps)) - states[k]))
            if not missed <= far:  # a NaN, too
                far = missed
    # Which one is part of the program, so that equations that are not stiff carry no implicit method along.
    return (_by_short_steps, _by_long_steps)[int(not far <= size)](slope, y, times, states, steps, rtol, atol)


def _by_short_steps(slope: Any, y: Any, times: Any, states: Any, steps: Any, rtol: Any, atol: Any) -> Any:
    out = np.zeros((times.shape[0], y.shape[0]))
    out[0] = y
    for k in range(1, times.shape[0]):
        z = _moved(slope, y, times[k - 1], times[k], steps)
        y = states[k] + (z - held(z))
        out[k] = y
    return out


def _by_long_steps(slope: Any, y: Any, times: Any, states: Any, steps: Any, rtol: Any, atol: Any) -> Any:
    given = (("method", "LSODA"), ("rtol", _TOLERANCE if rtol is None else rtol))
    settings = (*given, ("atol", _TOLERANCE if atol is None else atol))
    found = trajectory(lambda now, z: slope(z, now), times[0], times[-1], y, times[1:], settings)[1].T
    out = np.zeros((times.shape[0], y.shape[0]))
    out[0] = y
    out[1:] = states[1:] + (found - held(found))
    return out
