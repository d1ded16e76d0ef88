"""The kernels of `kernels`, written with whole NumPy arrays, as a user would, at the same sizes.

Plain NumPy without an import of revtrace.  Where a kernel and its loop form take the
same arguments, values agree and the adjoint by hand is the same.
"""

import numpy as np

from . import kernels

NAMES = (
    "norm2",
    "logsumexp",
    "heat1d",
    "jacobi2d",
    "gmm",
    "nbody",
    "mlp",
    "softmax_rows",
    "standardised",
    "smooth",
    "attention",
    "kernel_sum",
    "burgers",
    "logistic",
)


def norm2(x):
    return np.sum(x**2)


def logsumexp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def heat1d(start, conductivity, steps, c):
    r = conductivity[0] * c
    u = start.copy()
    for _ in range(steps):
        u[1:-1] = u[1:-1] + r * (u[:-2] - 2 * u[1:-1] + u[2:])
    return 0.5 * np.sum(u**2)


def jacobi2d(a, steps):
    u = a.copy()
    for _ in range(steps):
        u[1:-1, 1:-1] = 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])
    return 0.5 * np.sum(u**2)


def gmm(alphas, means, factor, x):
    """Mixture of Gaussians with diagonal precision factors; points by components by axes."""
    scaled = (x[:, None, :] - means[None, :, :]) * np.exp(factor)[None, :, :]
    terms = alphas + np.sum(factor, axis=1) - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(terms, axis=1, keepdims=True)
    each = top[:, 0] + np.log(np.sum(np.exp(terms - top), axis=1))
    highest = np.max(alphas)
    return np.sum(each) - x.shape[0] * (highest + np.log(np.sum(np.exp(alphas - highest))))


def accelerations(x, m, eps2):
    d = x[None, :, :] - x[:, None, :]
    w = m * (np.sum(d * d, axis=2) + eps2) ** -1.5
    return np.sum(w[:, :, None] * d, axis=1)


def nbody(x0, v0, m, steps, dt, eps2):
    x = x0.copy()
    v = v0.copy()
    a = accelerations(x, m, eps2)
    for _ in range(steps):
        v += 0.5 * dt * a
        x += dt * v
        a = accelerations(x, m, eps2)
        v += 0.5 * dt * a
    return 0.5 * np.sum(m[:, None] * v**2)


def mlp(w1, b1, w2, b2, x, y):
    h = np.tanh(x @ w1 + b1)
    z = h @ w2 + b2
    top = np.max(z, axis=1, keepdims=True)
    norm = top[:, 0] + np.log(np.sum(np.exp(z - top), axis=1))
    return np.sum(norm - z[np.arange(z.shape[0]), y]) / z.shape[0]


def softmax_rows(x, w):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.sum(w * p)


def standardised(x, w):
    mean = x.mean(axis=0)
    spread = np.sqrt(np.mean((x - mean) ** 2, axis=0) + 1e-5)
    return np.sum(np.tanh((x - mean) / spread) * w)


def smooth(x, y):
    """Elementwise chains and differences along both axes."""
    u = np.sin(x) * y + np.exp(-x * x)
    return np.sum((u[1:, :] - u[:-1, :]) ** 2) + np.sum(np.sqrt(1 + (u[:, 1:] - u[:, :-1]) ** 2))


def attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    return np.sum((e / np.sum(e, axis=1, keepdims=True) @ v) ** 2)


def kernel_sum(x, width):
    """Gaussian kernel between all pairs of points."""
    apart = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=2)
    return np.mean(np.exp(-apart / (2 * width[0] ** 2)))


def burgers(start, steps, c, nu):
    """Periodic flow with its own speed, upwind differences and friction."""
    u = start.copy()
    for _ in range(steps):
        left = np.roll(u, 1)
        u = u - c * u * (u - left) + nu * (np.roll(u, -1) - 2 * u + left)
    return np.sum(u**2)


def logistic(w, x, y):
    z = x @ w
    return np.mean(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - y * z) + 0.01 * np.sum(w**2)


FUNCTIONS = {name: globals()[name] for name in NAMES}

SAME = ("logsumexp", "heat1d", "jacobi2d", "nbody", "mlp")
"""Kernels that compute what the loop form of the same name does."""


def problem(name, small=False):
    """Return the arguments to differentiate by, and the rest, of a kernel."""
    rng = np.random.default_rng(2026)
    if name in SAME:
        return kernels.problem(name, small)
    if name == "norm2":
        return kernels.problem("norm2_1m", small)
    if name == "gmm":
        d, k, n = (3, 2, 5) if small else (10, 25, 1000)
        active = (rng.standard_normal(k), rng.random((k, d)), 0.5 * rng.standard_normal((k, d)))
        return active, (rng.standard_normal((n, d)),)
    if name == "attention":
        shape = (4, 3) if small else (256, 64)
        return tuple(rng.standard_normal(shape) for _ in range(3)), ()
    if name == "kernel_sum":
        return (rng.standard_normal((5, 2) if small else (400, 3)), np.array([1.3])), ()
    if name == "burgers":
        return (1 + 0.5 * np.sin(np.linspace(0, 6, 9 if small else 1000)),), (4 if small else 500, 0.1, 0.05)
    if name == "logistic":
        n, d = (6, 3) if small else (5000, 40)
        return (0.1 * rng.standard_normal(d),), (rng.standard_normal((n, d)), (rng.random(n) > 0.5).astype(float))
    shape = (4, 5) if small else (400, 500)
    return (rng.standard_normal(shape), rng.standard_normal(shape)), ()
