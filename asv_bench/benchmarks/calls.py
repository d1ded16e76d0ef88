"""What a call costs beyond its arithmetic, what importing costs, what a new process pays."""

import os
import subprocess
import sys
import tempfile

import numpy as np
from numba import njit

import revtrace

from .interleaved import least_times


def square(x):
    return x * x


def first(x):
    return x[0] * x[0]


def third(x, y, z):
    return x * y + z


def mixed(a, b, s, t):
    return a[0] * b[0] * s + t


_CALLS = {
    "float": (square, (1.5,), {}),
    "array": (first, (np.ones(3),), {}),
    "three floats": (third, (1.5, 2.5, 3.5), {}),
    "keywords": (third, (1.5,), {"z": 2.5, "y": 3.5}),
    "two arrays, two floats": (mixed, (np.ones(3), np.ones(3), 1.5, 2.5), {}),
}


class Overhead:
    """Microseconds per call above a numba function of the same arguments."""

    params = tuple(_CALLS)
    param_names = ("arguments",)
    timeout = 300
    version = "1"

    def setup(self, arguments):
        self.function, self.args, self.named = _CALLS[arguments]
        argnums = tuple(range(len(self.args)))
        # All gradients by position, so that there are as many results as there can be.
        self.gradient = revtrace.grad(self.function, argnums=argnums if len(argnums) > 1 else 0)
        self.numba = njit(self.function)
        self.gradient(*self.args, **self.named)

    def track_above_numba(self, arguments):
        ours, theirs = least_times(
            lambda: self.gradient(*self.args, **self.named), lambda: self.numba(*self.args, **self.named)
        )
        return (ours - theirs) * 1e6

    track_above_numba.unit = "microseconds"

    def time_grad(self, arguments):
        self.gradient(*self.args, **self.named)


class Specialisations:
    """Calls that alternate between argument types keep their specialisations."""

    timeout = 300
    version = "1"

    def setup(self):
        self.gradient = revtrace.grad(square)
        self.args = (1.5, np.float64(1.5), np.float32(1.5))
        for x in self.args:
            self.gradient(x)

    def time_alternating_types(self):
        for x in self.args:
            self.gradient(x)


def timeraw_import_revtrace():
    return "import revtrace"


def timeraw_import_numba():
    return "import numba"


for _import in (timeraw_import_revtrace, timeraw_import_numba):
    _import.timeout = 300
    _import.version = "1"


_FUNCTION = """
import time
begin = time.process_time()
import numpy
def f(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] ** 3
    return s
"""

_NUMBA = """
import numba
numba.njit(cache=True)(f)(numpy.ones(3))
"""

_REVTRACE = """
import revtrace
revtrace.grad(f)(numpy.ones(3))
"""

_BOTH = """
import numba
numba.njit(f)(numpy.ones(3))
begin = time.process_time()
"""

_END = "print(time.process_time() - begin)"


class WarmProcess:
    """A new process that finds its compiled code on disk; processor seconds, which other load changes least."""

    timeout = 300
    version = "1"

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self):
        self.folder.cleanup()

    def _seconds(self, *parts):
        script = os.path.join(self.folder.name, "process.py")
        with open(script, "w") as file:
            file.write("".join((_FUNCTION, *parts, _END)))
        environment = {**os.environ, "REVTRACE_CACHE_DIR": os.path.join(self.folder.name, "cache")}

        def run():
            done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
            return float(done.stdout)

        # The first fills the cache.
        return min(run() for _ in range(6))

    def track_above_numba_process(self):
        """A whole process over one that runs a numba function from numba's cache."""
        return self._seconds(_REVTRACE) - self._seconds(_NUMBA)

    def track_after_numba(self):
        """Import and first gradient, after numba has compiled something."""
        return self._seconds(_BOTH, _REVTRACE)

    track_above_numba_process.unit = "seconds"
    track_after_numba.unit = "seconds"
