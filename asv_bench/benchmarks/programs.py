"""Ordinary small programs, as users have them: gradient over the compiled function."""

import itertools
import math

import numpy as np
from numba import njit

from .interleaved import compiled_gradient, least_times


def black_scholes(spot, strike, rate, volatility, time):
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / (volatility * math.sqrt(time))
    d2 = d1 - volatility * math.sqrt(time)
    upper = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    lower = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return spot * upper - strike * math.exp(-rate * time) * lower


def newton_root(a, tolerance):
    x = a
    while abs(x * x - a) > tolerance:
        x = 0.5 * (x + a / x)
    return x


def edit_costs(costs):
    """Cheapest path through a grid, by a table filled in place."""
    n, m = costs.shape
    best = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            if i == 0 and j == 0:
                before = 0.0
            elif i == 0:
                before = best[0, j - 1]
            elif j == 0:
                before = best[i - 1, 0]
            else:
                before = min(best[i - 1, j], best[i, j - 1])
            best[i, j] = costs[i, j] + before
    return best[n - 1, m - 1]


def filtered(x, gain):
    """Kalman-like smoothing, the sum of squared surprises."""
    mean, spread, total = 0.0, 1.0, 0.0
    for v in x:
        surprise = v - mean
        weight = spread / (spread + gain)
        mean += weight * surprise
        spread = (1.0 - weight) * spread + 0.01
        total += surprise * surprise
    return total


def cholesky_logdet(a):
    n = a.shape[0]
    low = np.zeros((n, n))
    total = 0.0
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                low[i, i] = math.sqrt(s)
                total += 2.0 * math.log(low[i, i])
            else:
                low[i, j] = s / low[j, j]
    return total


def horner(c, x):
    y = 0.0
    for k in range(len(c) - 1, -1, -1):
        y = y * x + c[k]
    return y


def programs():
    """Return name, function, arguments of the calls to make in turn, and which of them to differentiate by.

    What branches on its data gets other data at each call: processors learn the branches of a small table by heart.
    """
    rng = np.random.default_rng(7)
    root = rng.standard_normal((40, 40))
    return {
        "black_scholes": (black_scholes, [(100.0, 95.0, 0.02, 0.3, 1.5)], (0, 1, 2, 3, 4)),
        "newton_root": (newton_root, [(1234.5, 1e-12)], 0),
        "edit_costs": (edit_costs, [(rng.random((60, 60)),) for _ in range(16)], 0),
        "filtered": (filtered, [(rng.standard_normal(2000), 0.5)], (0, 1)),
        "cholesky_logdet": (cholesky_logdet, [(root @ root.T + 40.0 * np.eye(40),)], 0),
        "horner": (horner, [(rng.standard_normal(200), 0.9)], (0, 1)),
    }


class Programs:
    """Value and gradient over the function compiled by numba, timed in turns."""

    params = tuple(programs())
    param_names = ("program",)
    timeout = 300
    version = "2"

    def setup(self, name):
        function, calls, argnums = programs()[name]
        # Two cycles: both functions see the same calls in the same order.
        ours, theirs = itertools.cycle(calls), itertools.cycle(calls)
        self.gradient = compiled_gradient(function, argnums=argnums)
        primal = njit(function)
        self.call_gradient = lambda: self.gradient(*next(ours))
        self.call_primal = lambda: primal(*next(theirs))
        self.call_gradient(), self.call_primal()

    def time_value_and_grad(self, name):
        self.call_gradient()

    def track_over_primal(self, name):
        ours, theirs = least_times(self.call_gradient, self.call_primal)
        return ours / theirs

    track_over_primal.unit = "times"

    def track_kept(self, name):
        return self.gradient.stats.kept_bytes

    track_kept.unit = "bytes"
