"""Least times of several functions, sampled in turns so that load on the machine hits all alike."""

import time

import revtrace

__all__ = ["compiled_gradient", "first_call", "least_times"]

_BATCH = 0.001
"""Seconds that one sample should last."""


def _sample(function, number, clock=time.perf_counter):
    begin = clock()
    for _ in range(number):
        function()
    return (clock() - begin) / number


def least_times(*functions, repeats=100, clock=time.perf_counter):
    """Return the least seconds per call of each function.

    Each is called once before anything is timed, then batches of all of them
    alternate.  Noise only adds, so the least is the best estimate.
    """
    numbers = []
    for function in functions:
        function()
        once = max(1e-7, min(_sample(function, 1) for _ in range(3)))
        numbers.append(max(1, round(_BATCH / once)))
    best = [float("inf")] * len(functions)
    for _ in range(repeats):
        for k, function in enumerate(functions):
            best[k] = min(best[k], _sample(function, numbers[k], clock))
    return best


def first_call(function):
    """Return the seconds of one call."""
    return _sample(function, 1)


def compiled_gradient(function, **options):
    """Return value and gradient of a function, compiled at the first call.

    A program that takes long to compile would be interpreted first: what is measured would depend on how often it
    was called.
    """
    with revtrace.config.override(large=1 << 30):
        return revtrace.value_and_grad(function, **options)
