"""Bytes a gradient keeps from its forward sweep, as its handle reports them."""

import math

import numpy as np

import revtrace
from revtrace.cli.peaks import peak

from . import adjoints, array_adjoints, array_kernels, kernels
from .interleaved import compiled_gradient


def tanh_recurrence(a, b, h, x):
    for t in range(len(x)):
        h = math.tanh(a * h + b * x[t])
    return h


def branches(x):
    s = 0.0
    for v in x:
        if v > 0:
            s += v * v
        else:
            s -= v
    return s


def switching(x):
    s = 0.0
    for v in x:
        if s > 0:
            s = 0.5 * s - v
        else:
            s = s + v
    return s


class Kept:
    """Bytes kept by each kernel at full size."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def track_bytes(self, name):
        active, rest = kernels.problem(name)
        gradient = compiled_gradient(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        gradient(*active, *rest)
        return gradient.stats.kept_bytes

    track_bytes.unit = "bytes"


class KeptPerIteration:
    """Bytes kept per iteration where that is known: 8; none for a branch that can be decided again, else a bit."""

    params = ("tanh recurrence", "branches", "switching")
    param_names = ("loop",)
    timeout = 300
    version = "1"

    def track_bytes(self, loop):
        x = np.linspace(-1, 1, 10_000)
        if loop != "tanh recurrence":
            gradient, args = revtrace.grad({"branches": branches, "switching": switching}[loop]), (x,)
        else:
            gradient, args = revtrace.grad(tanh_recurrence, argnums=(0, 1, 2, 3)), (0.9, 0.5, 0.1, x)
        gradient(*args)
        return gradient.stats.kept_bytes / len(x)

    track_bytes.unit = "bytes"


class _Peak:
    """Memory that value and gradient add at their peak, results included, beside that of the hand-written adjoint."""

    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def track_over_by_hand(self, name):
        active, rest = self.kernels.problem(name)
        gradient = compiled_gradient(self.kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        by_hand = self.adjoints.by_hand(name, active, rest)
        gradient(*active, *rest)
        by_hand()
        ours, theirs = peak(lambda: gradient(*active, *rest)), peak(by_hand)
        if ours is None or theirs is None:
            return None
        # The hand-written adjoint is given the arrays for its results; a page more or less is chance.
        return (ours + 64) / (theirs + sum(a.nbytes for a in active) / 1024 + 64)

    track_over_by_hand.unit = "ratio"


class Peak(_Peak):
    """Kernels of loops."""

    kernels, adjoints = kernels, adjoints
    params = kernels.NAMES


class ArrayPeak(_Peak):
    """Kernels of whole arrays."""

    kernels, adjoints = array_kernels, array_adjoints
    params = tuple(array_adjoints.FUNCTIONS)


def peakmem_gradient_of_long_recurrence():
    revtrace.grad(tanh_recurrence, argnums=(0, 3))(0.9, 0.5, 0.1, np.linspace(-1, 1, 1_000_000))


peakmem_gradient_of_long_recurrence.timeout = 300
peakmem_gradient_of_long_recurrence.version = "1"
