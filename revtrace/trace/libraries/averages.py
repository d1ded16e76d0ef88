"""``statistics``: its sums are of fractions, which are exact; these round once or twice instead."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for

__all__ = ["geometric_mean", "harmonic_mean", "mean", "pstdev", "pvariance", "stdev", "variance"]


@stands_for("statistics.mean")
def mean(data: Iterable[Any]) -> Any:
    """Return the sum over the count."""
    values = [float(v) for v in data]
    if not values:
        raise ValueError("mean requires at least one data point")
    return math.fsum(values) / len(values)


def _spread(values: list[Any], centre: Any) -> Any:
    """Return the sum of squared deviations from a point near the mean, moved to the mean."""
    off = [v - centre for v in values]
    return math.fsum([d * d for d in off]) - math.fsum(off) ** 2 / len(values)


@stands_for("statistics.variance")
def variance(data: Iterable[Any], xbar: Any = None) -> Any:
    """Return the sum of squared deviations over the count less one."""
    values = [float(v) for v in data]
    if len(values) < 2:
        raise ValueError("variance requires at least two data points")
    if xbar is not None:
        return math.fsum([(v - xbar) ** 2 for v in values]) / (len(values) - 1)
    return _spread(values, mean(values)) / (len(values) - 1)


@stands_for("statistics.pvariance")
def pvariance(data: Iterable[Any], mu: Any = None) -> Any:
    """Return the mean of squared deviations."""
    values = [float(v) for v in data]
    if not values:
        raise ValueError("pvariance requires at least one data point")
    if mu is not None:
        return math.fsum([(v - mu) ** 2 for v in values]) / len(values)
    return _spread(values, mean(values)) / len(values)


@stands_for("statistics.stdev")
def stdev(data: Iterable[Any], xbar: Any = None) -> Any:
    """Return the square root of the variance."""
    return math.sqrt(variance(data, xbar))


@stands_for("statistics.pstdev")
def pstdev(data: Iterable[Any], mu: Any = None) -> Any:
    """Return the square root of the variance of a population."""
    return math.sqrt(pvariance(data, mu))


@stands_for("statistics.geometric_mean")
def geometric_mean(data: Iterable[Any]) -> Any:
    """Return the exponential of the mean of logarithms."""
    values = [float(v) for v in data]
    if not values:
        raise ValueError("Must have a non-empty dataset")
    return math.exp(math.fsum([math.log(v) for v in values]) / len(values))


@stands_for("statistics.harmonic_mean")
def harmonic_mean(data: Iterable[Any], weights: Any = None) -> Any:
    """Return the count over the sum of reciprocals."""
    if weights is not None:
        refuse("statistics.harmonic_mean with weights")
    values = [float(v) for v in data]
    if not values:
        raise ValueError("harmonic_mean requires at least one data point")
    for v in values:
        if v < 0:
            raise ValueError("harmonic mean does not support negative values")
    return len(values) / math.fsum([1.0 / v for v in values])
