"""Bytes a gradient keeps from its forward sweep, as its handle reports them."""

import math

import numpy as np

import revtrace

from . import kernels


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


class Kept:
    """Bytes kept by each kernel at full size."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def track_bytes(self, name):
        active, rest = kernels.problem(name)
        gradient = revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        gradient(*active, *rest)
        return gradient.stats.kept_bytes

    track_bytes.unit = "bytes"


class KeptPerIteration:
    """Bytes kept per iteration where the answer is known: 8; none for a branch that can be decided again."""

    params = ("tanh recurrence", "branches")
    param_names = ("loop",)
    timeout = 300
    version = "1"

    def track_bytes(self, loop):
        x = np.linspace(-1, 1, 10_000)
        if loop == "branches":
            gradient, args = revtrace.grad(branches), (x,)
        else:
            gradient, args = revtrace.grad(tanh_recurrence, argnums=(0, 1, 2, 3)), (0.9, 0.5, 0.1, x)
        gradient(*args)
        return gradient.stats.kept_bytes / len(x)

    track_bytes.unit = "bytes"


def peakmem_gradient_of_long_recurrence():
    revtrace.grad(tanh_recurrence, argnums=(0, 3))(0.9, 0.5, 0.1, np.linspace(-1, 1, 1_000_000))


peakmem_gradient_of_long_recurrence.timeout = 300
peakmem_gradient_of_long_recurrence.version = "1"
