"""From a plain function to its first gradient: cold, and with the compiled code on disk."""

import os
import pathlib
import shutil
import subprocess
import sys
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


SCRIPTS = {
    "numba": "import numba, numpy as np\n@numba.njit(cache=True)\ndef f(x): return x @ x\nf(np.ones(3))\n",
    "revtrace": "import revtrace, numpy as np\ndef f(x): return x @ x\nrevtrace.grad(f)(np.ones(3))\n",
}


class NewProcess:
    """Processor seconds of a whole process whose first call finds everything on disk, above numba's."""

    timeout = 300
    version = "1"

    def setup(self):
        self.folder = tempfile.mkdtemp()
        for name, text in SCRIPTS.items():
            (pathlib.Path(self.folder) / f"{name}_script.py").write_text(text)
            self.seconds(name)

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def seconds(self, name):
        text = f"import runpy, time; runpy.run_path({name + '_script.py'!r}); print(time.process_time())"
        paths = os.pathsep.join(path for path in sys.path if path)
        env = {**os.environ, "REVTRACE_CACHE_DIR": self.folder, "REVTRACE_CACHE": "1", "PYTHONPATH": paths}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=self.folder, env=env, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    def track_seconds_above_numba(self):
        return min(self.seconds("revtrace") for _ in range(5)) - min(self.seconds("numba") for _ in range(5))

    track_seconds_above_numba.unit = "seconds"
