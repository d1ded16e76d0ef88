"""Gradients inside other tools, over the gradient alone; a tool that is not installed is skipped.

``asv.conf.json`` installs SciPy, autograd and JAX; PyTorch is measured where ``--python=same`` finds it.
"""

import numpy as np

import revtrace

from .interleaved import least_times


def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def _needs(module):
    try:
        return __import__(module)
    except ImportError:
        raise NotImplementedError(f"{module} is not installed") from None


class Scipy:
    """A minimisation with gradients by revtrace, over one with differences, and over the calls alone."""

    timeout = 300
    version = "1"

    def setup(self):
        _needs("scipy")
        from scipy.optimize import minimize

        self.minimize = minimize
        self.x = np.linspace(-1.0, 2.0, 20)
        self.function = revtrace.wrap(rosenbrock)
        self.both = revtrace.value_and_grad(rosenbrock)
        self.both(self.x), self.function(self.x)

    def run(self):
        return self.minimize(self.both, self.x, jac=True, method="BFGS")

    def time_minimize(self):
        self.run()

    def track_over_differences(self):
        ours, theirs = least_times(self.run, lambda: self.minimize(self.function, self.x, method="BFGS"), repeats=7)
        return ours / theirs

    track_over_differences.unit = "times"

    def track_evaluations(self):
        return self.run().nfev

    track_evaluations.unit = "calls"


class Host:
    """A call of the gradient through another tool, over the call itself."""

    params = ("jax", "torch", "autograd")
    param_names = ("host",)
    timeout = 300
    version = "1"

    def setup(self, host):
        _needs(host)
        try:
            interop = __import__(f"revtrace.interop.{host}", fromlist=["wrap"])
        except ImportError:
            raise NotImplementedError(f"this revtrace has no bridge to {host}") from None
        if not hasattr(interop, "wrap"):
            raise NotImplementedError(f"the bridge to {host} has no wrap")
        self.x = np.linspace(-1.0, 2.0, 1000)
        self.gradient = revtrace.grad(rosenbrock)
        self.through = getattr(self, f"_{host}")(interop.wrap(rosenbrock))
        self.through(), self.gradient(self.x)

    def _jax(self, wrapped):
        import jax

        jax.config.update("jax_enable_x64", True)
        gradient, x = jax.grad(wrapped), jax.numpy.asarray(self.x)
        return lambda: gradient(x).block_until_ready()

    def _torch(self, wrapped):
        import torch

        x = torch.tensor(self.x, requires_grad=True)
        return lambda: torch.autograd.grad(wrapped(x), x)

    def _autograd(self, wrapped):
        import autograd

        gradient = autograd.grad(wrapped)
        return lambda: gradient(self.x)

    def track_over_gradient(self, host):
        ours, alone = least_times(self.through, lambda: self.gradient(self.x))
        return ours / alone

    track_over_gradient.unit = "times"
