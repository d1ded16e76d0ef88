"""Two arrays that change places instead of one copied to the other: when, and that nothing else changes."""

import types

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.passes import watched
from revtrace.program.nodes import For, Op, While, walk
from revtrace.program.types import Array

GRID = np.random.default_rng(7).standard_normal((6, 7))


def in_place(u, n):
    u = u.copy()
    for _ in range(n):
        u[1:-1, 1:-1] = 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])
    return np.sum(u**2)


def old_is_a_copy(a, n):
    u = a.copy()
    for _ in range(n):
        old = u.copy()
        u[1:-1, 1:-1] = old[1:-1, 1:-1] + 0.1 * np.sin(old[1:-1, :-2] - old[2:, 1:-1])
    return np.sum(u**2)


def new_is_a_copy(u, n):
    for _ in range(n):
        new = u.copy()
        new[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] * u[1:-1, 2:])
        u = new
    return np.sum(u**3)


def new_is_all_new(a, n):
    u = a.copy()
    for _ in range(n):
        u = u + 0.1 * (np.roll(u, 1, 0) + np.roll(u, -1, 1) - 2 * u) * u
    return np.sum(u**2)


def copied_with_a_slice(a, n):
    u, old = a.copy(), np.empty_like(a)
    for _ in range(n):
        old[:] = u
        u[1:-1, 2:] = old[1:-1, 2:] + 0.1 * old[:-2, :-2]
    return np.sum(u**2)


def in_place_addition(a, n):
    u = a.copy()
    for _ in range(n):
        lap = u[:-2, 1:-1] + u[2:, 1:-1] - 2 * u[1:-1, 1:-1] ** 2
        u[1:-1, 1:-1] += 0.1 * lap
    return np.sum(u**2)


def read_after_it_was_set(a, n):
    u, total = a.copy(), 0.0
    for _ in range(n):
        old = u.copy()
        u[1:-1, :] = old[:-2, :] * old[2:, :]
        total += u[2, 3] * old[2, 3]
    return total + np.sum(u)


def constant_rim_set_too(a, n):
    u = a.copy()
    for _ in range(n):
        old = u.copy()
        u[1:-1, 1:-1] = 0.3 * (old[:-2, 1:-1] + old[2:, 1:-1])
        u[:, 0] = 1.0
        u[0, :] = 0.5
    return np.sum(u**2)


def until_settled(a, n):
    u = a.copy()
    change, k = 1.0, 0
    while change > 1e-9 and k < n:
        old = u.copy()
        u[1:-1, 1:-1] = 0.25 * (old[:-2, 1:-1] + old[2:, 1:-1] + old[1:-1, :-2] + old[1:-1, 2:])
        change = np.max(np.abs(u - old))
        k += 1
    return np.sum(u**2)


def left_early(a, n):
    u = a.copy()
    for k in range(n):
        old = u.copy()
        u[1:-1, :] = 0.5 * (old[:-2, :] + old[2:, :])
        if np.sum(u) > 1e3 or k == 3:
            break
    return np.sum(u**2)


def within_another_loop(a, n):
    total = 0.0
    for k in range(3):
        u = (k + 1.0) * a
        for _ in range(n):
            old = u.copy()
            u[1:-1, :] = 0.5 * (old[:-2, :] + old[2:, :] ** 2)
        total += np.sum(u**2)
    return total


EXCHANGED = (
    in_place,
    old_is_a_copy,
    new_is_a_copy,
    new_is_all_new,
    copied_with_a_slice,
    in_place_addition,
    read_after_it_was_set,
    constant_rim_set_too,
    until_settled,
    left_early,
)


def rim_follows(a, n):
    u = a.copy()
    for _ in range(n):
        old = u.copy()
        u[1:-1, 1:-1] = old[:-2, 1:-1] + 0.1 * old[2:, 1:-1]
        u[0] = u[1]
    return np.sum(u**2)


def region_moves(a, n):
    u = a.copy()
    for k in range(n):
        old = u.copy()
        u[k % 3 : -1] = old[k % 3 + 1 :] * 0.5
    return np.sum(u**2)


def old_is_used_later(a, n):
    u, old = a.copy(), a.copy()
    for _ in range(n):
        old[:] = u
        u[1:-1] = old[:-2] * 0.5
    return np.sum(u**2) + np.sum(old**3)


def both_orders(a, n):
    u = a.copy()
    for _ in range(n):
        old = u.copy()
        u[1:-1] = 0.5 * old[:-2]
        u[2:] = u[2:] + 0.3 * old[1:-1]
    return np.sum(u**2)


def some_set_twice(a, n):
    u = a.copy()
    for k in range(n):
        old = u.copy()
        if k % 2:
            u[1:-1] = 0.5 * old[:-2]
    return np.sum(u**2)


def the_argument_itself(u, n):
    for _ in range(n):
        u[1:-1, 1:-1] = 0.2 * (u[1:-1, :-2] + u[1:-1, 2:])
    return np.sum(u**2)


def the_copy_back_writes_another(u, n):
    # Inside the loop the length is at least one, and the statement becomes two loops.
    for _ in range(len(u)):
        u[1:] += 0.3 * u[:-1]
    return np.sum(u**2)


def every_state(a, n):
    states = []
    u = a.copy()
    for _ in range(3):
        u = u + 0.1 * np.roll(u, 1, 0) * u
        states.append(u)
    return sum(np.sum(s) for s in states)


def two_fields(a, n):
    u, v = a.copy(), 0.5 * a
    for _ in range(n):
        uvv = u * v * v
        u += 0.1 * (np.roll(u, 1, 0) - u) - uvv
        v += 0.1 * (np.roll(v, 1, 1) - v) + uvv * 0.3
    return np.sum(u * v)


def scaled_by_what_was_computed(a, n):
    u = a.copy()
    for _ in range(n):
        u = u + 0.1 * np.roll(u, 1, 0) ** 2
        u = u / np.sqrt(np.sum(u**2))
    return np.sum(u**3)


OTHERS = (
    scaled_by_what_was_computed,
    within_another_loop, rim_follows, region_moves, old_is_used_later, both_orders, some_set_twice,
    the_argument_itself, the_copy_back_writes_another, every_state, two_fields,
)  # fmt: skip


def _exchanges(f, n):
    """Whether the time loop hands arrays on, and copies none."""
    seen = {}
    with override(cache=False, interpret=True), watched(seen.__setitem__):
        # Of its own, as what a function was traced to is kept.
        revtrace.value_and_grad(types.FunctionType(f.__code__, f.__globals__))(GRID, n)
    loops = [s for s in seen["prepare.dce"].body.stmts if isinstance(s, (For, While))]
    for loop in loops:
        if any(isinstance(p.type, Array) for p in loop.params):
            return not any(isinstance(s, Op) and s.name in ("copy", "copyto") for s in walk(loop.body))
    return False


@pytest.mark.parametrize("f", EXCHANGED)
def test_time_loops_exchange_arrays(f):
    assert _exchanges(f, 5)


@pytest.mark.parametrize("n", [0, 1, 4])
@pytest.mark.parametrize("f", EXCHANGED + OTHERS)
def test_values_and_gradients_stay(f, n):
    before = GRID.copy()
    with override(cache=False, interpret=True, verify=True):
        value, gradient = revtrace.value_and_grad(f)(GRID, n)
    assert np.array_equal(GRID, before)
    assert value == pytest.approx(f(GRID.copy(), n), rel=1e-13)
    expected = np.zeros_like(GRID)
    for k in np.ndindex(GRID.shape):
        for sign in (1, -1):
            moved = GRID.copy()
            moved[k] += sign * 1e-6
            expected[k] += sign * f(moved, n) / 2e-6
    assert np.allclose(gradient, expected, rtol=1e-6, atol=1e-7 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (2, 2), (2, 7), (3, 3)])
@pytest.mark.parametrize("f", [in_place, old_is_a_copy, new_is_a_copy, in_place_addition])
def test_grids_without_an_inside(f, shape):
    grid = np.random.default_rng(1).standard_normal(shape)
    with override(cache=False, interpret=True, verify=True):
        value, gradient = revtrace.value_and_grad(f)(grid, 3)
    assert value == pytest.approx(f(grid.copy(), 3), rel=1e-13)
    assert gradient.shape == shape


@pytest.mark.parametrize("f", [in_place, new_is_all_new, until_settled])
def test_compiled_code_agrees(f):
    with override(cache=False):
        value, gradient = revtrace.value_and_grad(f)(GRID, 5)
    with override(cache=False, interpret=True):
        same, expected = revtrace.value_and_grad(f)(GRID, 5)
    assert value == pytest.approx(same, rel=1e-14)
    assert np.allclose(gradient, expected, rtol=1e-12)


def test_what_the_caller_gave_is_written_in_place():
    u = GRID.copy()
    expected = GRID.copy()
    with override(cache=False, interpret=True):
        value = revtrace.wrap(the_argument_itself)(u, 3)
    assert value == pytest.approx(the_argument_itself(expected, 3))
    assert np.array_equal(u, expected)
