"""From a plain function to its first gradient: cold, and with the compiled code on disk."""

import shutil
import tempfile
import types

import revtrace
from revtrace.cache import kernels as disk
from revtrace.cache.store import KERNEL

from . import kernels
from .interleaved import first_call

NAMES = ("norm2_1k", "lotka", "heat1d", "besselj", "mlp", "gmm")


class FirstGradient:
    """Seconds of the first call of a gradient; numba's own start-up is not counted."""

    params = (NAMES, ("cold", "warm"))
    param_names = ("kernel", "cache")
    timeout = 300
    version = "1"

    def setup(self, name, cache):
        active, rest = kernels.problem(name, small=True)
        self.function, self.args, self.argnums = kernels.FUNCTIONS[name], (*active, *rest), tuple(range(len(active)))
        self.folder = tempfile.mkdtemp()
        self.settings = {"cache": cache == "warm", "cache_dir": self.folder}
        with revtrace.config.override(cache=False):
            revtrace.grad(lambda x: x * x)(1.0)
        if cache == "warm":
            self.first()

    def teardown(self, name, cache):
        shutil.rmtree(self.folder, ignore_errors=True)

    def first(self):
        disk.forget()
        with revtrace.config.override(**self.settings):
            # A copy: the specialisations of a function are shared by its gradients.
            f = self.function
            copy = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
            copy.__module__ = f.__module__
            gradient = revtrace.value_and_grad(copy, argnums=self.argnums)
            return first_call(lambda: gradient(*self.args))

    def track_seconds(self, name, cache):
        return min(self.first() for _ in range(3 if cache == "warm" else 1))

    track_seconds.unit = "seconds"


class CompiledSize:
    """Bytes of machine code on disk: what compiling costs, without a clock."""

    params = NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def track_bytes(self, name):
        active, rest = kernels.problem(name, small=True)
        with tempfile.TemporaryDirectory() as folder, revtrace.config.override(cache=True, cache_dir=folder):
            disk.forget()
            revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))(*active, *rest)
            return sum(entry.size for entry in disk.store(revtrace.config.current()).entries(KERNEL))

    track_bytes.unit = "bytes"
