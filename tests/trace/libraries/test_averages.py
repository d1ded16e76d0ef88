"""The stand-ins of ``statistics``, called beside it and traced in its place."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from revtrace.trace.libraries import averages
from tests.trace.agree import agrees

DATA = [0.5, 1.5, 3.25, 2.0, 1e-3]
NAMES = ["geometric_mean", "harmonic_mean", "mean", "pstdev", "pvariance", "stdev", "variance"]


@pytest.mark.parametrize("name", NAMES)
def test_as_the_library(name: str) -> None:
    ours, theirs = getattr(averages, name), getattr(statistics, name)
    assert ours(DATA) == pytest.approx(theirs(DATA), rel=1e-15)
    assert ours(iter(DATA[:3])) == pytest.approx(theirs(DATA[:3]), rel=1e-15)
    with pytest.raises(ValueError, match=r"one|two|empty"):
        ours([])


@pytest.mark.parametrize("name", ["pstdev", "pvariance", "stdev", "variance"])
def test_about_a_point(name: str) -> None:
    ours, theirs = getattr(averages, name), getattr(statistics, name)
    assert ours(DATA, 1.0) == pytest.approx(theirs(DATA, 1.0), rel=1e-15)


def test_weights_are_refused() -> None:
    with pytest.raises(NotImplementedError):
        averages.harmonic_mean(DATA, [1.0] * 5)


def averaged(a: float, b: float) -> Any:
    return statistics.mean([a, b, 1.0]) * statistics.geometric_mean(v * v for v in (a, b))


def spread(a: float, b: float) -> Any:
    return statistics.stdev([a, b, 1.0]) + statistics.pvariance([a, b]) * statistics.harmonic_mean([a, b])


@pytest.mark.parametrize("f", [averaged, spread])
def test_traced(f: Callable[..., Any]) -> None:
    agrees(f, 2.0, 3.5)
