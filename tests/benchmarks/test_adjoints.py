"""The adjoints by hand that gradients are timed against are right, or the ratios would mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asv_bench.benchmarks import adjoints, array_adjoints, array_jax, array_kernels, kernels
from asv_bench.benchmarks.interleaved import least_times
from tests import oracles

# Those that are not the loop form's.
ARRAYS = {name for name, f in array_adjoints.FUNCTIONS.items() if f is not adjoints.FUNCTIONS.get(name)} - {"norm2"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in kernels.NAMES if name != "norm2_1m"])
def test_adjoint_by_hand(name: str) -> None:
    active, rest = kernels.problem(name, small=True)
    function = kernels.FUNCTIONS[name]
    value, gradients = adjoints.by_hand(name, active, rest)()
    assert value == pytest.approx(function(*oracles.copied(active), *rest), rel=1e-13)
    assert adjoints.primal(name)(*oracles.copied(active), *rest) == pytest.approx(value, rel=1e-13)
    argnums = tuple(range(len(active)))
    for direction in oracles.directions(oracles.vector(active).size):
        real, _ = oracles.restricted(function, (*active, *rest), argnums, direction)
        estimate = oracles.along(real)
        assert oracles.pairing(gradients, direction) == pytest.approx(estimate.value, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_adjoint_of_arrays_by_hand(name: str) -> None:
    active, rest = array_kernels.problem(name, small=True)
    value, gradients = array_adjoints.by_hand(name, active, rest)()
    _agree(name, active, rest, value, gradients)


@pytest.mark.slow
@pytest.mark.parametrize("name", array_kernels.NAMES)
def test_jax_computes_the_same(name: str) -> None:
    pytest.importorskip("jax")
    active, rest = array_kernels.problem(name, small=True)
    value, gradients = array_jax.value_and_grad(name, active, rest)()
    _agree(name, active, rest, float(value), tuple(map(np.asarray, gradients)))


def _agree(name: str, active: Any, rest: Any, value: float, gradients: Any) -> None:
    function = array_kernels.FUNCTIONS[name]
    assert value == pytest.approx(function(*oracles.copied(active), *rest), rel=1e-12)
    argnums = tuple(range(len(active)))
    for direction in oracles.directions(oracles.vector(active).size, most=3):
        real, _ = oracles.restricted(function, (*active, *rest), argnums, direction)
        estimate = oracles.along(real)
        assert oracles.pairing(gradients, direction) == pytest.approx(estimate.value, rel=1e-8, abs=1e-9)


def test_least_times_orders_by_cost() -> None:
    cheap, dear = least_times(lambda: sum(range(100)), lambda: sum(range(20_000)), repeats=3)
    assert 0 < cheap < dear
