"""The kernels as each peer needs them, and how each peer is asked for value and gradient.

A peer is a function ``(name, active, rest) -> call``: the call takes no arguments and returns the value and a tuple of
gradients; None where the peer cannot differentiate the kernel.  ``rewritten`` says what had to be changed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import revtrace
from asv_bench.benchmarks import adjoints, kernels, programs

__all__ = ["NAMES", "PEERS", "Peer", "problem"]

KERNELS = kernels.NAMES
PROGRAMS = tuple(programs.programs())
NAMES = (*KERNELS, *PROGRAMS)

Call = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """A way to get gradients.

    Attributes
    ----------
    name : str
    modules : tuple of str
        What has to be installed.
    rewritten : str
        What the user has to change in the code.
    make : callable
    compiles : bool
        Whether a first call compiles and later ones are short.
    """

    name: str
    modules: tuple[str, ...]
    rewritten: str
    make: Callable[[str, tuple[Any, ...], tuple[Any, ...]], Call | None]
    compiles: bool = True

    def missing(self) -> list[str]:
        """Return the modules that are not installed."""
        return [name for name in self.modules if importlib.util.find_spec(name) is None]


def function(name: str) -> Any:
    """Return the plain function of a kernel or program."""
    return kernels.FUNCTIONS[name] if name in KERNELS else programs.programs()[name][0]


def problem(name: str, small: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the arguments to differentiate by, and the rest."""
    if name in KERNELS:
        return kernels.problem(name, small=small)  # type: ignore[no-any-return,no-untyped-call]
    _, (args, *_), numbers = programs.programs()[name]
    count = 1 if isinstance(numbers, int) else len(numbers)
    return args[:count], args[count:]


# numba ------------------------------------------------------------------------------------


def _by_hand(name: str, active: tuple[Any, ...], rest: tuple[Any, ...]) -> Call | None:
    return adjoints.by_hand(name, active, rest) if name in KERNELS else None  # type: ignore[no-any-return,no-untyped-call]


def _revtrace(name: str, active: tuple[Any, ...], rest: tuple[Any, ...]) -> Call:
    with revtrace.config.override(cache=False):
        gradient = revtrace.value_and_grad(function(name), argnums=tuple(range(len(active))))
    return lambda: gradient(*active, *rest)


# whole arrays: the same text for JAX, PyTorch and autograd where loops are plain Python -----


def _array_kernels(np_: Any, top: Callable[[Any], Any], array: Callable[[Any], Any], erf: Any) -> dict[str, Any]:
    """Return those kernels that are written with whole arrays and Python loops.

    Parameters
    ----------
    np_ : module
        With NumPy's names.
    top, array, erf : callable
        The largest element, an array of a constant, the error function.
    """

    def norm2(x: Any) -> Any:
        return (x**2).sum()

    def logsumexp(x: Any) -> Any:
        m = top(x)
        return m + np_.log(np_.exp(x - m).sum())

    def growth(x: Any, y: Any, p: Any) -> tuple[Any, Any]:
        return p[0] * x - p[1] * x * y, p[3] * x * y - p[2] * y

    def lotka_step(x: Any, y: Any, p: Any, dt: Any) -> tuple[Any, Any]:
        ax, ay = growth(x, y, p)
        bx, by = growth(x + 0.5 * dt * ax, y + 0.5 * dt * ay, p)
        cx, cy = growth(x + 0.5 * dt * bx, y + 0.5 * dt * by, p)
        ex, ey = growth(x + dt * cx, y + dt * cy, p)
        return x + dt / 6 * (ax + 2 * bx + 2 * cx + ex), y + dt / 6 * (ay + 2 * by + 2 * cy + ey)

    def lotka(start: Any, p: Any, steps: Any, dt: Any) -> Any:
        x, y = start[0], start[1]
        for _ in range(steps):
            x, y = lotka_step(x, y, p, dt)
        return x + y

    def rows(z: Any) -> Any:
        """Return the logarithm of each row's sum of exponentials."""
        m = z.max(1)
        m = m.values if hasattr(m, "values") else m
        return m + np_.log(np_.exp(z - m[:, None]).sum(1))

    def mlp(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        z = np_.tanh(x @ w1 + b1) @ w2 + b2
        return (rows(z) - z[np_.arange(len(y)), y]).sum() / len(y)

    def gmm(alphas: Any, means: Any, icf: Any, x: Any, gamma: Any, m: Any, constant: Any) -> Any:
        d = means.shape[1]
        # Where the packed triangle has the factor of each pair of axes.
        place, below = np.zeros((d, d), np.int64), np.zeros((d, d))
        columns, lines = np.triu_indices(d, 1)
        place[lines, columns], below[lines, columns] = d + np.arange(len(lines)), 1.0
        diagonal, logdet = np_.exp(icf[:, :d]), icf[:, :d].sum(1)
        centred = x[:, None, :] - means[None, :, :]
        mixed = np_.einsum("cji,pci->pcj", icf[:, place] * array(below), centred)
        terms = alphas + logdet - 0.5 * ((diagonal * centred + mixed) ** 2).sum(2)
        f = (diagonal**2).sum() + (icf[:, d:] ** 2).sum()
        prior = 0.5 * gamma * gamma * f - m * logdet.sum()
        return constant + rows(terms).sum() - x.shape[0] * rows(alphas[None, :])[0] + prior

    def ba(cams: Any, points: Any, w: Any, obs: Any, feat: Any) -> Any:
        # Without the case of no rotation, which the inputs do not have.
        cam, p = cams[obs[:, 0]], points[obs[:, 1]] - cams[obs[:, 0]][:, 3:6]
        theta = np_.sqrt((cam[:, :3] ** 2).sum(1))
        c, s = np_.cos(theta), np_.sin(theta)
        w0, w1, w2 = cam[:, 0] / theta, cam[:, 1] / theta, cam[:, 2] / theta
        t = (w0 * p[:, 0] + w1 * p[:, 1] + w2 * p[:, 2]) * (1 - c)
        x0 = p[:, 0] * c + (w1 * p[:, 2] - w2 * p[:, 1]) * s + w0 * t
        x1 = p[:, 1] * c + (w2 * p[:, 0] - w0 * p[:, 2]) * s + w1 * t
        x2 = p[:, 2] * c + (w0 * p[:, 1] - w1 * p[:, 0]) * s + w2 * t
        a, b = x0 / x2, x1 / x2
        square = a * a + b * b
        distortion = 1 + cam[:, 9] * square + cam[:, 10] * square * square
        e0 = w * (a * distortion * cam[:, 6] + cam[:, 7] - feat[:, 0])
        e1 = w * (b * distortion * cam[:, 6] + cam[:, 8] - feat[:, 1])
        return (e0**2 + e1**2 + (1 - w * w) ** 2).sum()

    def nbody_step(x: Any, v: Any, a: Any, m: Any, dt: Any, eps2: Any) -> tuple[Any, Any, Any]:
        v = v + 0.5 * dt * a
        x = x + dt * v
        a = pulled(x, m, eps2)
        return x, v + 0.5 * dt * a, a

    def pulled(x: Any, m: Any, eps2: Any) -> Any:
        d = x[None, :, :] - x[:, None, :]
        w = m * ((d * d).sum(2) + eps2) ** -1.5
        return (w[:, :, None] * d).sum(1)

    def nbody(x: Any, v: Any, m: Any, steps: Any, dt: Any, eps2: Any) -> Any:
        a = pulled(x, m, eps2)
        for _ in range(steps):
            x, v, a = nbody_step(x, v, a, m, dt, eps2)
        return 0.5 * (m[:, None] * v**2).sum()

    def rnn(theta: Any, x: Any) -> Any:
        h, s = theta[2], 0.0
        for t in range(len(x)):
            h = np_.tanh(theta[0] * h + theta[1] * x[t])
            s = s + h * h
        return s

    def scan(x: Any) -> Any:
        y, s = 1.0, 0.0
        for t in range(len(x)):
            y = y * x[t]
            s = s + y
        return s

    def horner(c: Any, x: Any) -> Any:
        y = 0.0
        for k in range(len(c) - 1, -1, -1):
            y = y * x + c[k]
        return y

    def filter_step(mean: Any, spread: Any, total: Any, v: Any, gain: Any) -> tuple[Any, Any, Any]:
        surprise = v - mean
        weight = spread / (spread + gain)
        return mean + weight * surprise, (1.0 - weight) * spread + 0.01, total + surprise * surprise

    def filtered(x: Any, gain: Any) -> Any:
        state = (0.0, 1.0, 0.0)
        for k in range(len(x)):
            state = filter_step(*state, x[k], gain)
        return state[2]

    def black_scholes(spot: Any, strike: Any, rate: Any, volatility: Any, time: Any) -> Any:
        d1 = (np_.log(spot / strike) + (rate + 0.5 * volatility**2) * time) / (volatility * np_.sqrt(time))
        d2 = d1 - volatility * np_.sqrt(time)
        upper, lower = 0.5 * (1.0 + erf(d1 / 2.0**0.5)), 0.5 * (1.0 + erf(d2 / 2.0**0.5))
        return spot * upper - strike * np_.exp(-rate * time) * lower

    return {
        "norm2_1k": norm2, "norm2_1m": norm2, "logsumexp": logsumexp, "lotka": lotka, "mlp": mlp, "gmm": gmm, "ba": ba,
        "nbody": nbody, "rnn": rnn, "scan": scan, "horner": horner, "filtered": filtered,
        "black_scholes": black_scholes, "lotka_step": lotka_step, "nbody_step": nbody_step, "pulled": pulled,
        "filter_step": filter_step,
    }  # fmt: skip


def _besselj(np_: Any, where: Any) -> Any:
    """Return the series with a Python loop until every element has converged, masked."""

    def besselj(z: Any, nu: Any, tol: Any) -> Any:
        h = 0.5 * z
        s = h * 0.0 + 1.0
        for j in range(1, nu + 1):
            s = s * h / j
        acc, k = s, 0
        while bool((np_.abs(s) > tol).any()):
            k += 1
            s = where(np_.abs(s) > tol, -s * h * h / (k * (k + nu)), 0.0 * s)
            acc = acc + s
        return acc.sum()

    return besselj


# JAX --------------------------------------------------------------------------------------


def _jax(name: str, active: tuple[Any, ...], rest: tuple[Any, ...]) -> Call | None:
    import jax
    from jax import lax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    known = _array_kernels(jnp, jnp.max, jnp.asarray, jax.scipy.special.erf)

    def lotka(start: Any, p: Any, steps: Any, dt: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            return known["lotka_step"](*carry, p, dt), None

        (x, y), _ = lax.scan(step, (start[0], start[1]), None, length=steps)
        return x + y

    def heat1d(start: Any, conductivity: Any, steps: Any, c: Any) -> Any:
        def step(u: Any, _: Any) -> Any:
            inner = u[1:-1] + conductivity[0] * c * (u[:-2] - 2 * u[1:-1] + u[2:])
            return u.at[1:-1].set(inner), None

        u, _ = lax.scan(step, start, None, length=steps)
        return 0.5 * jnp.sum(u**2)

    def jacobi2d(a: Any, steps: Any) -> Any:
        def step(u: Any, _: Any) -> Any:
            inner = u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1]
            return u.at[1:-1, 1:-1].set(0.2 * inner), None

        u, _ = lax.scan(step, a, None, length=steps)
        return 0.5 * jnp.sum(u**2)

    def rnn(theta: Any, x: Any) -> Any:
        def step(carry: Any, v: Any) -> Any:
            h = jnp.tanh(theta[0] * carry[0] + theta[1] * v)
            return (h, carry[1] + h * h), None

        (_, s), _ = lax.scan(step, (theta[2], 0.0), x)
        return s

    def scan(x: Any) -> Any:
        def step(carry: Any, v: Any) -> Any:
            return (carry[0] * v, carry[1] + carry[0] * v), None

        (_, s), _ = lax.scan(step, (1.0, 0.0), x)
        return s

    def nbody(x: Any, v: Any, m: Any, steps: Any, dt: Any, eps2: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            return known["nbody_step"](*carry, m, dt, eps2), None

        (_, v, _), _ = lax.scan(step, (x, v, known["pulled"](x, m, eps2)), None, length=steps)
        return 0.5 * (m[:, None] * v**2).sum()

    def horner(c: Any, x: Any) -> Any:
        return lax.scan(lambda y, k: (y * x + k, None), 0.0, c[::-1])[0]

    def filtered(x: Any, gain: Any) -> Any:
        def step(carry: Any, v: Any) -> Any:
            return known["filter_step"](*carry, v, gain), None

        return lax.scan(step, (0.0, 1.0, 0.0), x)[0][2]

    known |= {"lotka": lotka, "heat1d": heat1d, "jacobi2d": jacobi2d, "rnn": rnn, "scan": scan, "nbody": nbody}
    known |= {"horner": horner, "filtered": filtered}
    # Reverse mode through a loop of unknown length is refused by JAX.
    if name not in known:
        return None
    fixed = {"lotka": (2,), "heat1d": (2,), "jacobi2d": (1,), "nbody": (3,)}.get(name, ())
    both = jax.jit(jax.value_and_grad(known[name], argnums=tuple(range(len(active)))), static_argnums=fixed)
    given = tuple(x if len(active) + k in fixed else jnp.asarray(x) for k, x in enumerate(rest))
    inputs = tuple(map(jnp.asarray, active))
    return lambda: jax.block_until_ready(both(*inputs, *given))


# PyTorch ----------------------------------------------------------------------------------


def _torch(name: str, active: tuple[Any, ...], rest: tuple[Any, ...]) -> Call | None:
    import torch

    torch.set_num_threads(1)
    known = _array_kernels(torch, torch.max, torch.as_tensor, torch.erf)

    def heat1d(start: Any, conductivity: Any, steps: Any, c: Any) -> Any:
        u = start
        for _ in range(steps):
            inner = u[1:-1] + conductivity[0] * c * (u[:-2] - 2 * u[1:-1] + u[2:])
            u = torch.cat([u[:1], inner, u[-1:]])
        return 0.5 * (u**2).sum()

    def jacobi2d(a: Any, steps: Any) -> Any:
        u = a
        for _ in range(steps):
            new = u.clone()
            inner = u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1]
            new[1:-1, 1:-1] = 0.2 * inner
            u = new
        return 0.5 * (u**2).sum()

    known |= {"heat1d": heat1d, "jacobi2d": jacobi2d, "besselj": _besselj(torch, torch.where)}
    if name not in known:
        return None
    inputs = tuple(torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in active)
    given = tuple(torch.tensor(x) if isinstance(x, np.ndarray) else x for x in rest)

    def call() -> Any:
        value = known[name](*inputs, *given)
        return value.detach().numpy(), tuple(g.numpy() for g in torch.autograd.grad(value, inputs))

    return call


# autograd ---------------------------------------------------------------------------------


def _autograd(name: str, active: tuple[Any, ...], rest: tuple[Any, ...]) -> Call | None:
    import autograd
    from autograd import numpy as anp
    from autograd.scipy.special import erf

    known = _array_kernels(anp, anp.max, anp.asarray, erf)

    def heat1d(start: Any, conductivity: Any, steps: Any, c: Any) -> Any:
        u = start
        for _ in range(steps):
            inner = u[1:-1] + conductivity[0] * c * (u[:-2] - 2 * u[1:-1] + u[2:])
            u = anp.concatenate([u[:1], inner, u[-1:]])
        return 0.5 * anp.sum(u**2)

    def jacobi2d(a: Any, steps: Any) -> Any:
        u = a
        for _ in range(steps):
            inner = 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])
            middle = anp.concatenate([u[1:-1, :1], inner, u[1:-1, -1:]], axis=1)
            u = anp.concatenate([u[:1], middle, u[-1:]])
        return 0.5 * anp.sum(u**2)

    def newton_root(a: Any, tolerance: Any) -> Any:
        return programs.newton_root(a, tolerance)  # type: ignore[no-untyped-call]

    known |= {"heat1d": heat1d, "jacobi2d": jacobi2d, "besselj": _besselj(anp, anp.where)}
    known["newton_root"] = newton_root
    if name not in known:
        return None
    both = autograd.value_and_grad(lambda inputs: known[name](*inputs, *rest))
    inputs = autograd.builtins.tuple(active)
    return lambda: both(inputs)


PEERS = (
    Peer("numba, by hand", ("numba",), "the adjoint is written out", _by_hand),
    Peer("revtrace", ("numba",), "nothing", _revtrace),
    Peer(
        "JAX", ("jax",), "whole arrays, loops as lax.scan, no writes; none where a loop's length depends on data", _jax
    ),
    Peer("PyTorch", ("torch",), "whole tensors, no writes", _torch, compiles=False),
    Peer("autograd", ("autograd",), "autograd's numpy, whole arrays, no writes", _autograd, compiles=False),
)
