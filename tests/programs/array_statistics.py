"""Likelihoods, losses and decompositions of data in whole-array numpy."""

import functools

import numpy as np

from tests.programs import corpus
from tests.programs.corpus import integers, normal, uniform

# numpy adds in blocks and through BLAS: sums differ in their last digits.
case = functools.partial(corpus.case, ulp=32)


def gaussian_process_jax(jnp, x, y, log_length, log_noise):
    k = jnp.exp(-0.5 * ((x[:, None] - x[None]) / jnp.exp(log_length)) ** 2) + jnp.exp(2 * log_noise) * jnp.eye(6)
    return 0.5 * y @ jnp.linalg.solve(k, y) + 0.5 * jnp.linalg.slogdet(k)[1] + 3 * jnp.log(2 * jnp.pi)


@case(
    np.linspace(0, 3, 6), normal(6, seed=1), 0.1, -0.7, argnums=(0, 1, 2, 3), smooth=True, rtol=1e-6,
    jax=gaussian_process_jax,
)  # fmt: skip
def gaussian_process(x, y, log_length, log_noise):
    n = len(x)
    k = np.exp(-0.5 * ((x[:, None] - x[None]) / np.exp(log_length)) ** 2) + np.exp(2 * log_noise) * np.eye(n)
    low = np.zeros_like(k)
    for j in range(n):
        low[j, j] = np.sqrt(k[j, j] - low[j, :j] @ low[j, :j])
        low[j + 1 :, j] = (k[j + 1 :, j] - low[j + 1 :, :j] @ low[j, :j]) / low[j, j]
    z = y.copy()
    for j in range(n):
        z[j] = (z[j] - low[j, :j] @ z[:j]) / low[j, j]
    return 0.5 * (z @ z) + np.log(np.diag(low)).sum() + 0.5 * n * np.log(2 * np.pi)


@case(normal(8, 3, seed=2), smooth=True, rtol=1e-6, ulp=64, jax="same")
def principal_component_loss(x):
    """What two components, found by powers and deflation, leave unexplained."""
    centred = x - x.mean(axis=0)
    cov = centred.T @ centred / (len(x) - 1)
    left = np.trace(cov)
    for _ in range(2):
        v = np.full(3, 3**-0.5)
        for _ in range(8):
            v = cov @ v
            v /= np.sqrt(v @ v)
        value = v @ cov @ v
        left -= value
        cov = cov - value * np.outer(v, v)
    return left


def mixture_jax(jnp, x, logits, means, log_scales):
    from jax.scipy.special import logsumexp

    log_w = logits - logsumexp(logits)
    z = (x[:, None, :] - means) / jnp.exp(log_scales)
    log_p = log_w - 0.5 * (z**2).sum(-1) - log_scales.sum(-1) - jnp.log(2 * jnp.pi)
    return logsumexp(log_p, axis=1).sum()


@case(
    normal(7, 2, seed=3), normal(3, seed=4), normal(3, 2, seed=5), 0.3 * normal(3, 2, seed=6), argnums=(1, 2, 3),
    smooth=True, jax=mixture_jax,
)  # fmt: skip
def gaussian_mixture(x, logits, means, log_scales):
    log_w = logits - np.log(np.exp(logits).sum())
    z = (x[:, None, :] - means) / np.exp(log_scales)
    log_p = log_w - 0.5 * np.sum(z**2, axis=-1) - log_scales.sum(axis=-1) - np.log(2 * np.pi)
    top = log_p.max(axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(log_p - top), axis=1)) + top[:, 0])


@case(normal(9, 2, seed=7), normal(3, 2, seed=8), argnums=(0, 1), jax="same")
def k_means_loss(points, centres):
    distance = np.sum((points[:, np.newaxis] - centres) ** 2, axis=2)
    nearest = distance.argmin(axis=1)
    return np.mean((points - centres[nearest]) ** 2) + distance.min(axis=1).sum()


@case(
    normal(6, 3, seed=9),
    integers(0, 2, 6, seed=10),
    normal(3, seed=11),
    0.2,
    argnums=(0, 2, 3),
    smooth=True,
    jax="same",
)
def logistic_regression(x, y, w, b):
    z = x @ w + b
    return np.mean(np.logaddexp(0, z) - y * z) + 0.01 * np.linalg.norm(w) ** 2


@case(normal(6, 3, seed=12), integers(0, 5, 6, seed=13), normal(3, seed=14), argnums=(0, 2), smooth=True, jax="same")
def poisson_regression(x, counts, w):
    rate = np.exp(np.clip(x @ w, -5, 5))
    return (rate - counts * np.log(rate)).sum()


@case(normal(7, 2, seed=15), uniform(0, 5, 7, seed=16), normal(2, seed=17), argnums=(0, 2), smooth=True, jax="same")
def cox_partial_likelihood(x, time, beta):
    order = np.argsort(time)[::-1]
    risk = (x @ beta)[order]
    event = np.array([True, False, True, True, True, False, True])[order]
    return np.sum((risk - np.log(np.cumsum(np.exp(risk))))[event])


@case(normal(9, seed=18), uniform(0, 1, 9, seed=19), np.linspace(-2, 2, 5), argnums=(0, 1), jax="same")
def histogram_weighted_loss(x, weights, edges):
    mass, _ = np.histogram(x, bins=edges, weights=weights)
    mass = mass / mass.sum()
    return np.sum(mass**2) + np.sum(weights * x**2)


@case(integers(0, 4, 10, seed=20), uniform(0, 1, 10, seed=21), argnums=1, smooth=True, jax="same")
def group_means(group, values):
    total = np.bincount(group, weights=values, minlength=4)
    count = np.bincount(group, minlength=4)
    mean = total / np.maximum(count, 1)
    return np.sum((values - mean[group]) ** 2)


@case(normal(8, seed=22), np.linspace(-2, 2, 6), 0.4, argnums=(0, 1, 2), smooth=True, jax="same")
def kernel_density(samples, points, bandwidth):
    z = (points[:, None] - samples[None, :]) / bandwidth
    density = np.exp(-0.5 * z * z).mean(axis=1) / (bandwidth * np.sqrt(2 * np.pi))
    return np.trapezoid(np.log(density), points)


@case(uniform(0, 3, 5, 2, seed=23), normal(5, seed=24), np.array([1.2, 0.7]), argnums=(0, 1, 2), ulp=64)
def kriging(sites, values, target):
    """The system with its unbiasedness row is solved by elimination."""
    n = len(values)
    distance = np.sqrt(((sites[:, None] - sites[None]) ** 2).sum(-1) + 1e-9)
    system = np.ones((n + 1, n + 2))
    system[:n, :n] = 1 - np.exp(-distance)
    system[n, n] = 0.0
    system[:n, -1] = 1 - np.exp(-np.hypot(*(sites - target).T))
    for k in range(n + 1):
        pivot = k + np.argmax(np.abs(system[k:, k]))
        system[[k, pivot]] = system[[pivot, k]]
        system[k] = system[k] / system[k, k]
        for i in range(n + 1):
            if i != k:
                system[i] -= system[i, k] * system[k]
    return system[:n, -1] @ values


@case(
    normal(3, 3, seed=25),
    normal(3, seed=26),
    uniform(0.1, 1, 6, 3, seed=27),
    argnums=(0, 1, 2),
    smooth=True,
    jax="same",
)
def hidden_markov_forward(transition, start, emission):
    a = np.exp(transition) / np.exp(transition).sum(axis=1, keepdims=True)
    alpha = np.exp(start) / np.exp(start).sum() * emission[0]
    loglik = 0.0
    for e in emission[1:]:
        scale = alpha.sum()
        loglik += np.log(scale)
        alpha = (alpha / scale) @ a * e
    return loglik + np.log(alpha.sum())


@case(normal(6, seed=28), 0.5, 0.4, argnums=(0, 1, 2), smooth=True, jax="same")
def kalman_filter(observed, q, r):
    f, h = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    m, p = np.zeros(2), np.eye(2)
    total = 0.0
    for y in observed:
        m, p = f @ m, f @ p @ f.T + q * np.eye(2)
        s = (h @ p @ h.T)[0, 0] + r
        gain = (p @ h.T)[:, 0] / s
        gap = y - m[0]
        m = m + gain * gap
        p = p - np.outer(gain, h @ p)
        total += -0.5 * (np.log(s) + gap**2 / s)
    return total


@case(normal(5, 5, seed=29), 0.3, argnums=(0, 1), smooth=True, jax="same")
def ising_energy(spins, coupling):
    s = np.tanh(spins)
    pairs = s * (np.roll(s, 1, axis=0) + np.roll(s, 1, axis=1))
    return -coupling * pairs.sum() - 0.1 * s[::2, 1::2].sum()


@case(normal(8, seed=30), normal(8, seed=31), argnums=(0, 1), jax="same")
def wasserstein_by_sorting(a, b):
    return np.mean(np.abs(np.sort(a) - np.sort(b)) ** 1.5)


@case(normal(9, seed=32), normal(9, seed=33), argnums=(0, 1), jax="same")
def quantile_loss(y, p):
    total = 0.0
    for q in (0.1, 0.5, 0.9):
        gap = y - p - np.quantile(y, q)
        total += np.mean(np.maximum(q * gap, (q - 1) * gap))
    return total + np.median(y)


@case(normal(10, seed=34), normal(2, seed=35), 0.1, argnums=(0, 1, 2), smooth=True, jax="same")
def autoregression(series, phi, log_sigma):
    lagged = np.column_stack([series[1:-1], series[:-2]])
    residual = series[2:] - lagged @ phi
    return 0.5 * np.sum((residual / np.exp(log_sigma)) ** 2) + len(residual) * log_sigma


@case(
    np.where(uniform(0, 1, 6, 4, seed=36) < 0.2, np.nan, normal(6, 4, seed=37)),
    uniform(0.5, 1.5, 4, seed=38),
    argnums=1,
    jax="same",
)
def scores_with_missing_data(x, weights):
    mean, std = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    z = weights * np.nan_to_num((x - mean) / std, nan=0.5)
    return np.sum(z**2) + np.sum(~np.isnan(x)) * weights.prod()


@case(normal(6, 4, seed=39), smooth=True, jax="same")
def correlation_structure(x):
    r = np.corrcoef(x, rowvar=False)
    upper = r[np.triu_indices(4, k=1)]
    return np.sum(np.arctanh(0.9 * upper) ** 2) + np.cov(x.T)[0, 1]


@case(uniform(0.1, 1, 4, 5, seed=40), 0.1, argnums=(0, 1), smooth=True, jax="same")
def sinkhorn_transport(cost, reg):
    k = np.exp(-cost / reg)
    a, b = np.full(4, 1 / 4), np.full(5, 1 / 5)
    v = np.ones(5)
    for _ in range(6):
        u = a / (k @ v)
        v = b / (k.T @ u)
    return np.sum(u[:, None] * k * v * cost)


@case(normal(6, 3, seed=41), normal(2, 3, seed=42), argnums=(0, 1), smooth=True, jax="same")
def matrix_factorisation(data, factors):
    """Alternating steps on a masked loss."""
    seen = np.arange(18).reshape(6, 3) % 4 != 0
    codes = np.zeros((6, 2))
    for _ in range(3):
        gap = np.where(seen, codes @ factors - data, 0)
        codes = codes - 0.2 * gap @ factors.T
        factors = factors - 0.2 * codes.T @ gap
    return np.sum(np.where(seen, codes @ factors - data, 0) ** 2)


@case(uniform(0.2, 2, 5, seed=43), uniform(0.2, 2, 5, seed=44), argnums=(0, 1), smooth=True, jax="same")
def divergences(p, q):
    p, q = p / np.sum(p), q / np.sum(q)
    m = (p + q) / 2
    js = 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q * np.log(q / m))
    return js + np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)) + np.max(np.cumsum(p - q))
