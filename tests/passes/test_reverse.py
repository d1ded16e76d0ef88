"""Gradients of random structured programs against complex step, through the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.errors import UnsupportedError
from revtrace.passes import dce, differentiate, reverse
from revtrace.passes.share import share
from revtrace.program import Program
from revtrace.program.verify import verify
from revtrace.replay.interpret import run
from tests.passes import oracle, random_loops
from tests.passes.random_programs import arguments, program

INPUTS = (0, 1, 2, 3)


def check_gradients(primal: Program, args: list[object], seed: int) -> None:
    verify(primal)
    at, seeds = oracle.seeds_for(primal, args, seed)
    values = run(primal, oracle.copies(args))
    wanted = oracle.gradients(primal, args, INPUTS, at, seeds)
    raw, _ = reverse(primal, INPUTS, at)
    again, _ = reverse(primal, INPUTS, at, checkpoint=True)
    clean = differentiate(primal, INPUTS, at)
    for made in (raw, again, clean, share(clean)):
        verify(made)
        got = run(made, [*oracle.copies(args), *seeds])
        for a, b in zip(values, got, strict=False):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(wanted, got[len(values) :], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([6, 15, 30]))
def test_gradient_of_a_random_program_is_the_complex_step(seed: int, size: int) -> None:
    try:
        check_gradients(program(seed, size), arguments(seed), seed)
    except UnsupportedError as refused:
        pytest.skip(refused.what)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 5))
def test_gradient_of_random_array_loops_is_the_complex_step(seed: int, loops: int) -> None:
    check_gradients(random_loops.program(seed, loops), random_loops.arguments(seed), seed)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9))
def test_removing_dead_code_changes_no_result(seed: int) -> None:
    primal = program(seed)
    args = arguments(seed)
    thin = dce(primal)
    verify(thin)
    for a, b in zip(run(primal, oracle.copies(args)), run(thin, oracle.copies(args)), strict=True):
        np.testing.assert_array_equal(a, b)
