"""Kernels of whole arrays: value and gradient over the plain NumPy function, which is compiled code too."""

import revtrace

from . import array_kernels
from .interleaved import least_times


class Arrays:
    """What a gradient costs; times are sampled in turns."""

    params = array_kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def setup(self, name):
        active, rest = array_kernels.problem(name)
        self.args = (*active, *rest)
        self.function = array_kernels.FUNCTIONS[name]
        self.gradient = revtrace.value_and_grad(self.function, argnums=tuple(range(len(active))))
        self.gradient(*self.args)

    def time_value_and_grad(self, name):
        self.gradient(*self.args)

    def track_over_numpy(self, name):
        ours, theirs = least_times(lambda: self.gradient(*self.args), lambda: self.function(*self.args), repeats=9)
        return ours / theirs

    track_over_numpy.unit = "times"

    def track_kept(self, name):
        return self.gradient.stats.kept_bytes

    track_kept.unit = "bytes"
