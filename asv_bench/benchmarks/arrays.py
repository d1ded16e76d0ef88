"""Kernels of whole arrays: value and gradient over the plain NumPy function, which is compiled code too."""

import importlib.util
import math

import numpy as np

from . import array_adjoints, array_jax, array_kernels
from .interleaved import compiled_gradient, least_times


class _Kernels:
    """One kernel after the other, with its gradient."""

    params = array_kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"
    called = True

    def setup(self, name):
        self.active, self.rest = array_kernels.problem(name)
        self.args = (*self.active, *self.rest)
        self.function = array_kernels.FUNCTIONS[name]
        self.gradient = compiled_gradient(self.function, argnums=tuple(range(len(self.active))))
        if self.called:
            self.gradient(*self.args)


class Arrays(_Kernels):
    """What a gradient costs; times are sampled in turns."""

    def time_value_and_grad(self, name):
        self.gradient(*self.args)

    def track_over_numpy(self, name):
        ours, theirs = least_times(lambda: self.gradient(*self.args), lambda: self.function(*self.args), repeats=9)
        return ours / theirs

    track_over_numpy.unit = "times"

    def track_kept(self, name):
        return self.gradient.stats.kept_bytes

    track_kept.unit = "bytes"


class Ratios(_Kernels):
    """A gradient over the adjoint by hand, and over JAX's where that is installed; times are sampled in turns."""

    def _ratio(self, other):
        ours, theirs = least_times(lambda: self.gradient(*self.args), other, repeats=30)
        return ours / theirs

    def track_over_hand_adjoint(self, name):
        if name not in array_adjoints.FUNCTIONS:
            return math.nan
        return self._ratio(array_adjoints.by_hand(name, self.active, self.rest))

    def track_over_jax(self, name):
        if importlib.util.find_spec("jax") is None:
            return math.nan
        return self._ratio(array_jax.value_and_grad(name, self.active, self.rest))

    track_over_hand_adjoint.unit = "times"
    track_over_jax.unit = "times"


class Peak(_Kernels):
    """The largest resident set of a process that computes one gradient; over that of norm2, what is kept and made."""

    called = False

    def peakmem_value_and_grad(self, name):
        self.gradient(*self.args)


def sorted_apart(a, b):
    """Distance between two samples: of each in order, the differences."""
    return np.mean(np.abs(np.sort(a) - np.sort(b)) ** 1.5)


class Sorting:
    """Gradient of a function that sorts, over NumPy's own sorting; n log n at any length."""

    params = (1_000, 100_000)
    param_names = ("elements",)
    timeout = 300
    version = "1"

    def setup(self, elements):
        rng = np.random.default_rng(2026)
        self.args = rng.standard_normal(elements), rng.standard_normal(elements)
        self.gradient = compiled_gradient(sorted_apart, argnums=(0, 1))
        self.gradient(*self.args)

    def track_over_numpy(self, elements):
        ours, theirs = least_times(lambda: self.gradient(*self.args), lambda: sorted_apart(*self.args), repeats=9)
        return ours / theirs

    track_over_numpy.unit = "times"
