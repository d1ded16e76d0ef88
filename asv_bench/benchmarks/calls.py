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


class Overhead:
    """Seconds per call above a numba function of the same arguments."""

    params = ("float", "array", "three floats")
    param_names = ("arguments",)

    def setup(self, arguments):
        self.function, self.args = {
            "float": (square, (1.5,)),
            "array": (first, (np.ones(3),)),
            "three floats": (third, (1.5, 2.5, 3.5)),
        }[arguments]
        self.gradient = revtrace.grad(self.function)
        self.numba = njit(self.function)
        self.gradient(*self.args)

    def track_above_numba(self, arguments):
        ours, theirs = least_times(lambda: self.gradient(*self.args), lambda: self.numba(*self.args))
        return (ours - theirs) * 1e6

    track_above_numba.unit = "microseconds"

    def time_grad(self, arguments):
        self.gradient(*self.args)


class Specialisations:
    """Calls that alternate between argument types keep their specialisations."""

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


_PROCESS = """
import time
import numba, numpy
numba.njit(lambda x: x + 1.0)(1.0)
begin = time.perf_counter()
import revtrace
def f(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] ** 3
    return s
revtrace.grad(f)(numpy.ones(3))
print(time.perf_counter() - begin)
"""


class WarmProcess:
    """A new process that finds its compiled code on disk; seconds above numba's own start-up."""

    timeout = 120

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        self.script = os.path.join(self.folder.name, "process.py")
        with open(self.script, "w") as file:
            file.write(_PROCESS)
        self._run()

    def teardown(self):
        self.folder.cleanup()

    def _run(self):
        environment = {**os.environ, "REVTRACE_CACHE_DIR": os.path.join(self.folder.name, "cache")}
        done = subprocess.run(
            [sys.executable, self.script], env=environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    def track_seconds(self):
        return min(self._run() for _ in range(3))

    track_seconds.unit = "seconds"
