"""Passes that must not change a result, on random programs; bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes import (
    counters,
    dce,
    early,
    elements,
    firsttouch,
    hoist,
    inline,
    merge,
    prepared,
    rotate,
    selection,
    simplify,
)
from revtrace.passes.share import share
from revtrace.program import Program
from revtrace.program.verify import verify
from revtrace.replay.interpret import run
from tests.passes import oracle, random_loops, random_programs

PASSES = (
    counters,
    dce,
    early,
    elements,
    firsttouch,
    hoist,
    inline,
    merge,
    prepared,
    rotate,
    selection,
    share,
    simplify,
)


@pytest.mark.parametrize("change", PASSES, ids=lambda f: f.__name__)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9), source=st.sampled_from([random_loops, random_programs]))
def test_results_are_the_same(change: Callable[[Program], Program], seed: int, source: object) -> None:
    primal = source.program(seed)
    made = change(primal)
    verify(made)
    args = source.arguments(seed)
    for a, b in zip(run(primal, oracle.copies(args)), run(made, oracle.copies(args)), strict=True):
        np.testing.assert_array_equal(a, b)
