"""``scipy.integrate.solve_ivp``: the steps of explicit methods are iterations of one program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

P = np.array([1.5, 1.0, 3.0, 1.0])


def prey(p: np.ndarray) -> float:
    a, b, c, d = p
    found = solve_ivp(
        lambda t, y: [a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]], (0, 3), [1.0, 0.7], rtol=1e-5
    )
    return found.y[0, -1] + found.y[1].sum() * 0.01 + found.t[1] + found.nfev


def pendulum(p: np.ndarray) -> float:
    times = np.linspace(0, 2, 7)
    found = solve_ivp(
        lambda t, y, w: np.array([y[1], -w * np.sin(y[0])]), [0, 2], [p[0], 0], "RK23", times, args=(p[1],)
    )
    return (found.y**2).sum() + len(found.t) * found.success


def backwards(p: np.ndarray) -> float:
    found = solve_ivp(lambda t, y: -p[0] * y + np.cos(t * p[1]), (2, 0), p[2:], atol=[1e-7, 1e-6], max_step=0.3)
    return found.y[:, -1].sum()


@pytest.mark.parametrize("function", [prey, pendulum, backwards])
def test_trajectories(function: object) -> None:
    agrees(function, P, rtol=1e-6, approx=1e-9)  # type: ignore[arg-type]


def test_one_program_for_any_number_of_steps() -> None:
    with override(interpret=True, cache=False):
        gradient = revtrace.grad(prey)
        for scale in (0.5, 1.0, 2.0):
            gradient(P * scale)
        assert gradient.stats.specialisations == 1


def test_times_that_are_not_asked_for_in_order() -> None:
    def unsorted(p: np.ndarray) -> float:
        return solve_ivp(lambda t, y: -p[0] * y, (0, 1), p[:1], t_eval=[0.5, 0.2]).y.sum()

    with override(interpret=True, cache=False), pytest.raises(ValueError, match="not properly sorted"):
        revtrace.grad(unsorted)(P)
