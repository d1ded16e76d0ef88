"""``scipy.integrate.solve_ivp``: the steps of explicit methods are iterations of one program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import odeint, solve_ivp

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


def far(p: np.ndarray) -> float:
    times = [0.1, 0.9, 1.3]
    found = solve_ivp(lambda t, y: p[:2] * y - [0, y[0] ** 3], (0, 1.5), p[2:] * 0.3, "DOP853", times, rtol=1e-7)
    return (found.y**2).sum() + found.nfev


def test_an_explicit_method_of_high_order() -> None:
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(far)(P)
    np.testing.assert_allclose(value, far(P), rtol=1e-12)
    slopes = [(far(P + 1e-6 * e) - far(P - 1e-6 * e)) / 2e-6 for e in np.eye(4)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6)


@pytest.mark.parametrize(("method", "times"), [("BDF", None), ("Radau", [0.3, 0.0]), ("LSODA", [0.4, 0.1])])
def test_implicit_methods_have_the_derivative_of_the_trajectory(method: str, times: list[float] | None) -> None:
    def stiff(p: np.ndarray) -> float:
        asked = None if times is None else [p[2] * times[0], times[1]]
        found = solve_ivp(
            lambda t, y: p[0] * (y - p[1] * t), (0.5, p[3]), p[2:3], method, asked, rtol=1e-5, atol=1e-8
        )  # fmt: skip
        return found.y[0, 0] * (times is not None) + 2 * found.y[0, -1] + 0 * found.nfev

    def exact(p: np.ndarray) -> float:
        def at(t: float) -> float:
            return p[1] * (t + 1 / p[0]) + (p[2] - p[1] * (0.5 + 1 / p[0])) * np.exp(p[0] * (t - 0.5))

        return 2 * at(p[3]) if times is None else at(p[2] * times[0]) + 2 * at(times[1])

    p = np.array([-40.0, 2.0, 1.1, 0.9] if times is None else [40.0, 2.0, 1.1, 0.0])
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(stiff)(p)
    assert value == stiff(p)
    slopes = [exact(p + 1e-30j * e).imag / 1e-30 for e in np.eye(4)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-4, atol=1e-5)


def test_stiff_equations_by_odeint() -> None:
    def relaxed(p: np.ndarray) -> float:
        found = odeint(lambda y, t: -p[0] * (y - p[1] * t), p[2:], np.array([0.5, 0.6, 1.0]), rtol=1e-6, atol=1e-8)
        return found[1, 0] + 2 * found[2, 0]

    def exact(p: np.ndarray) -> float:
        def at(t: float) -> float:
            return p[1] * (t - 1 / p[0]) + (p[2] - p[1] * (0.5 - 1 / p[0])) * np.exp(-p[0] * (t - 0.5))

        return at(0.6) + 2 * at(1.0)

    p = np.array([2e4, 2.0, 1.1])
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(relaxed)(p)
    assert value == relaxed(p)
    np.testing.assert_allclose(gradient, [exact(p + 1e-30j * e).imag / 1e-30 for e in np.eye(3)], rtol=1e-4, atol=1e-8)


def test_trajectories_that_do_not_come_to_the_end() -> None:
    def bursts(p: float) -> float:
        return solve_ivp(lambda t, y: p * y * y, (0, 2), [1.0], method="BDF").y[0, -1]

    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="come to the end"):
        revtrace.grad(bursts)(1.0)


def test_options_without_a_rule() -> None:
    def stiff(p: float) -> float:
        return solve_ivp(lambda t, y: -p * y, (0, 2), [1.0], method="BDF", jac=lambda t, y: [[-p]]).y[0, -1]

    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="a Jacobian"):
        revtrace.grad(stiff)(1.0)
