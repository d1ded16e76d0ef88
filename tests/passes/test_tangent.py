"""Tangents of random structured programs against complex step, and of gradients against differences of gradients."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes import differentiate, tangent
from revtrace.program.types import is_inexact
from revtrace.program.verify import verify
from revtrace.replay.interpret import run
from tests.passes import oracle
from tests.passes.random_programs import arguments, program

INPUTS = (0, 1, 2, 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([6, 15, 30]))
def test_tangent_of_a_random_program_is_the_complex_step(seed: int, size: int) -> None:
    primal = program(seed, size)
    args, dots = arguments(seed), arguments(seed + 1)
    made = tangent(primal, INPUTS)
    verify(made)
    wanted = oracle.stepped(primal, args, dots)
    values = run(primal, oracle.copies(args))
    given_dots = oracle.copies(dots)
    got = run(made, [*oracle.copies(args), *given_dots])
    for a, b in zip(values, got, strict=False):
        np.testing.assert_array_equal(a, b)
    wanted = [w for w, x in zip(wanted, primal.body.results, strict=True) if is_inexact(x.type.dtype)]
    for a, b in zip(wanted, got[len(values) :], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-9)
    for a, b in zip(dots, given_dots, strict=True):
        np.testing.assert_array_equal(a, b, err_msg="a tangent that was passed in was written")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
def test_hessian_is_the_same_forward_over_reverse_and_reverse_over_reverse(seed: int) -> None:
    primal = program(seed, 10)
    args, dots = arguments(seed), arguments(seed + 1)
    at, seeds = oracle.seeds_for(primal, args, seed)
    first = differentiate(primal, INPUTS, at)
    wanted = oracle.stepped(first, [*args, *seeds], [*dots, *(0.0 * s for s in seeds)])
    count = len(primal.body.results)
    forward = run(tangent(first, INPUTS), [*oracle.copies(args), *seeds, *oracle.copies(dots)])
    floats = [k for k, x in enumerate(first.body.results) if is_inexact(x.type.dtype)]
    base = len(first.body.results)
    for k in range(count, base):
        np.testing.assert_allclose(forward[base + floats.index(k)], wanted[k], rtol=1e-7, atol=1e-8)
    # Reverse over reverse: the gradient of <gradient, dots> with respect to the inputs.
    second = differentiate(first, INPUTS, range(count, base))
    verify(second)
    back = run(second, [*oracle.copies(args), *seeds, *oracle.copies(dots)])
    for k in range(count, base):
        np.testing.assert_allclose(back[base + k - count], wanted[k], rtol=1e-7, atol=1e-8)
