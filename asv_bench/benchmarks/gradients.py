"""Value and gradient of every kernel: over the compiled primal, over the adjoint by hand, in one run."""

import numpy as np

import revtrace

from . import adjoints, kernels
from .interleaved import compiled_gradient, first_call, least_times


def _no_tangent(value):
    if isinstance(value, float):
        return 0.0
    return np.zeros_like(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None


class Ratios:
    """What a gradient costs; each figure compares times sampled in turns."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def setup(self, name):
        self.active, self.rest = kernels.problem(name)
        self.args = (*self.active, *self.rest)
        self.argnums = tuple(range(len(self.active)))
        self.gradient = compiled_gradient(kernels.FUNCTIONS[name], argnums=self.argnums)
        self.primal = adjoints.primal(name)
        self.by_hand = adjoints.by_hand(name, self.active, self.rest)
        self.gradient(*self.args)  # compiles

    def _ratio(self, other):
        ours, theirs = least_times(lambda: self.gradient(*self.args), other)
        return ours / theirs

    def track_over_primal(self, name):
        return self._ratio(lambda: self.primal(*self.args))

    def track_over_hand_adjoint(self, name):
        return self._ratio(self.by_hand)

    track_over_primal.unit = "times"
    track_over_hand_adjoint.unit = "times"

    def time_value_and_grad(self, name):
        self.gradient(*self.args)


class GradientAlone:
    """The gradient of a sum of squares needs no forward sweep."""

    timeout = 300
    version = "1"

    def setup(self):
        (self.x,), _ = kernels.problem("norm2_1k")
        self.gradient = revtrace.grad(kernels.norm2)
        self.primal = adjoints.primal("norm2_1k")

    def track_norm2_over_primal(self):
        ours, theirs = least_times(lambda: self.gradient(self.x), lambda: self.primal(self.x))
        return ours / theirs

    track_norm2_over_primal.unit = "times"


class FirstCall:
    """Seconds from a plain function to its first gradient, nothing cached on disk."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"
    number = 1

    def setup(self, name):
        active, rest = kernels.problem(name, small=True)
        self.args = (*active, *rest)
        self.argnums = tuple(range(len(active)))
        # numba's own start-up is not what is measured; a kernel from disk would leave most of it out.
        with revtrace.config.override(cache=False):
            revtrace.grad(lambda x: x * x)(1.0)

    def track_seconds(self, name):
        with revtrace.config.override(cache=False):
            gradient = revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=self.argnums)
            return first_call(lambda: gradient(*self.args))

    track_seconds.unit = "seconds"


class SecondOrder:
    """A Hessian-vector product over the gradient."""

    params = ("logsumexp", "lotka", "rnn", "gmm")
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def setup(self, name):
        active, rest = kernels.problem(name)
        self.function, self.args = kernels.FUNCTIONS[name], (*active, *rest)
        self.argnums = tuple(range(len(active)))
        self.gradient = compiled_gradient(self.function, argnums=self.argnums)
        # The vector is the point itself; constants have zero tangents, integers none.
        self.tangents = (*active, *(_no_tangent(a) for a in rest))

    def track_hvp_over_gradient(self, name):
        ours, theirs = least_times(
            lambda: revtrace.hvp(self.function, self.args, self.tangents, self.argnums),
            lambda: self.gradient(*self.args),
            repeats=9,
        )
        return ours / theirs

    track_hvp_over_gradient.unit = "times"
