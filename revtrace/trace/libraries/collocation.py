"""``scipy.integrate.solve_ivp`` by BDF, Radau and LSODA: SciPy's solver finds the states, which are held.

Such a solver stops its inner iterations by what they come to, so that its answer jumps, by less than its tolerance,
as the numbers that it is given vary; what is differentiated is the trajectory.  Over each step that the solver took,
cut at the times asked for, the collocation method Radau IIA of order 5 goes from the state that the solver found;
how its end depends on its start, and on what the equations refer to, is the derivative.  The method damps what is
stiff as the solver does, and errs by less than the solver does on the same steps.  Its equations are solved by
Newton's method; two more steps with the Jacobian held have the first two derivatives, see
`revtrace.trace.libraries.equations`.

The method: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, section IV.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import require
from revtrace.trace.libraries.equations import answer
from revtrace.trace.libraries.optimize import held

__all__ = ["IMPLICIT", "trajectory"]

IMPLICIT = ("BDF", "Radau", "LSODA")

_R = 6.0**0.5
_NODES = np.array([(4 - _R) / 10, (4 + _R) / 10, 1.0])
_WEIGHTS = np.array(
    [
        [(88 - 7 * _R) / 360, (296 - 169 * _R) / 1800, (-2 + 3 * _R) / 225],
        [(296 + 169 * _R) / 1800, (88 + 7 * _R) / 360, (-2 - 3 * _R) / 225],
        [(16 - _R) / 36, (16 + _R) / 36, 1 / 9],
    ]
)
_SOLVING, _ORDERS = 3, 2
_FACTS = ("nfev", "njev", "nlu", "status")


def _solved(f: Any, table: Any, **options: Any) -> Any:
    from scipy import integrate  # type: ignore[import-untyped,unused-ignore]

    start, (t0, tf) = table[0, :-2], table[0, -2:]
    return integrate.solve_ivp(lambda t, y: f(np.concatenate([y, [t, 0.0]])), (t0, tf), start, **options)


def _counts(f: Any, table: Any, **options: Any) -> Any:
    """Return, in the first column, how many states there are, and what the solver tells."""
    found = _solved(f, table, **options)
    out = np.zeros_like(table)
    out[:, 0] = [found.t.size, *(getattr(found, name) for name in _FACTS)]
    return out


def _states(f: Any, table: Any, **options: Any) -> Any:
    """Return the states, their times, and which of the times asked for each is at, or -1.

    The first row of a table is the first state and the two ends; the last column of the last rows the times asked for.
    """
    found = _solved(f, table, dense_output=True, **options)
    asked = table[found.t.size :, -1]
    times = np.concatenate([found.t, asked])
    states = np.concatenate([found.y, found.sol(asked)], axis=1) if asked.size else found.y
    places = np.concatenate([np.full(found.t.size, -1.0), np.arange(asked.size)])
    order = np.argsort(times if table[0, -1] > table[0, -2] else -times, kind="stable")
    return np.column_stack([states.T, times, places])[order]


def _step(slope: Any, y: Any, t: Any, h: Any, guess: Any) -> Any:
    """Return the state after a step of Radau IIA, from one that is close to it."""
    import revtrace

    d = y.shape[0]
    moves = np.outer(_NODES, held(guess - y))
    step = moves.ravel()
    for k in range(_SOLVING + _ORDERS):
        slopes = np.zeros((3, d))
        matrix = np.eye(3 * d)
        for s in range(3):
            slopes[s] = slope(t + _NODES[s] * h, y + moves[s])
            jacobian = revtrace.jacobian(slope, argnums=1)(held(t + _NODES[s] * h), held(y + moves[s]))
            for r in range(3):
                matrix[r * d : (r + 1) * d, s * d : (s + 1) * d] -= h * _WEIGHTS[r, s] * jacobian
        step = np.linalg.solve(held(matrix), (moves - h * (_WEIGHTS @ slopes)).ravel())
        moves = moves - step.reshape(3, d)
        if k < _SOLVING:
            moves = held(moves)
    require(
        np.sum(np.abs(held(step))) <= 1e-6 * (1e-6 + np.sum(np.abs(held(moves)))),
        "scipy.integrate.solve_ivp by steps that are too long to be followed",
    )
    return y + moves[2]


def trajectory(slope: Any, t0: Any, tf: Any, y: Any, asked: Any, settings: Any) -> Any:
    """Return times and states of a system by an implicit method, and what SciPy's solver tells.

    Parameters
    ----------
    slope : callable
        Of a time and a state.
    t0, tf : float
        The ends.
    y : ndarray
        The first state.
    asked : ndarray or None
        The times to return states at; those of the solver's steps if None.
    settings : tuple of pairs
        What the solver is called with.
    """
    d = y.shape[0]

    def joined(z: Any) -> Any:
        return slope(z[d], z[:d])

    first = np.zeros((1 + len(_FACTS), d + 2))
    first[0, :d] = y
    first[0, d], first[0, d + 1] = t0, tf
    facts = [int(x) for x in answer(_counts, joined, first, settings)[:, 0]]
    require(facts[4] == 0, "scipy.integrate.solve_ivp that does not come to the end")
    count = facts[0] + (0 if asked is None else asked.shape[0])
    table = np.zeros((count, d + 2))
    table[0] = first[0]
    if asked is not None:
        table[facts[0] :, d + 1] = asked
    rows = answer(_states, joined, table, settings)
    times = np.zeros(count)
    out = np.zeros((d, count if asked is None else asked.shape[0]))
    t = t0
    for k in range(count):
        place = int(rows[k, d + 1])
        now = rows[k, d]
        if place >= 0:
            now = asked[place] if asked is not None else now
        elif now == tf:
            now = tf
        elif now == t0:
            now = t0
        if k > 0:
            end = _step(slope, y, t, now - t, rows[k, :d])
            y = rows[k, :d] + (end - held(end))
        t = now
        times[k] = t
        if asked is None:
            out[:, k] = y
        elif place >= 0:
            out[:, place] = y
    return (times if asked is None else asked), out, facts
