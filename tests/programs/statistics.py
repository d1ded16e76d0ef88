"""Likelihoods, filters and estimators written with loops."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform

LOG2PI = math.log(2 * math.pi)


@case(normal(8), 0.3, 1.2, argnums=(0, 1, 2), smooth=True)
def normal_loglik(x, mu, sigma):
    ll = 0.0
    for v in x:
        z = (v - mu) / sigma
        ll -= 0.5 * z * z + math.log(sigma) + 0.5 * LOG2PI
    return ll


@case(normal(30, seed=1, scale=0.01), np.array([1e-5, 0.08, 0.9]), argnums=(0, 1), smooth=True, step=1e-6, rtol=1e-5)
def garch(returns, params):
    """Negative log-likelihood of GARCH(1,1), started at the sample variance."""
    omega, alpha, beta = params
    n = len(returns)
    var = 0.0
    for r in returns:
        var += r * r / n
    nll = 0.0
    for t in range(n):
        if t > 0:
            var = omega + alpha * returns[t - 1] ** 2 + beta * var
        nll += 0.5 * (LOG2PI + math.log(var) + returns[t] ** 2 / var)
    return nll


@case(normal(12, seed=2), np.array([0.9, 0.3, 0.5]), argnums=(0, 1), smooth=True)
def kalman_loglik(observations, theta):
    """Local level and slope; two states, matrices written out in small arrays."""
    phi, q, r = theta[0], theta[1] ** 2, theta[2] ** 2
    x = np.zeros(2)
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    f = np.array([[1.0, 1.0], [0.0, phi]])
    fp = np.empty((2, 2))
    loglik = 0.0
    for y in observations:
        x0 = x[0] + x[1]
        x[1] = phi * x[1]
        x[0] = x0
        for i in range(2):
            for j in range(2):
                fp[i, j] = f[i, 0] * p[0, j] + f[i, 1] * p[1, j]
        for i in range(2):
            for j in range(2):
                p[i, j] = fp[i, 0] * f[j, 0] + fp[i, 1] * f[j, 1] + (q if i == j else 0.0)
        innovation = y - x[0]
        s = p[0, 0] + r
        k0, k1 = p[0, 0] / s, p[1, 0] / s
        x[0] += k0 * innovation
        x[1] += k1 * innovation
        p00, p01 = p[0, 0], p[0, 1]
        p[0, 0] -= k0 * p00
        p[0, 1] -= k0 * p01
        p[1, 0] -= k1 * p00
        p[1, 1] -= k1 * p01
        loglik -= 0.5 * (LOG2PI + math.log(s) + innovation * innovation / s)
    return loglik


@case(
    normal(7, 2, seed=3),
    normal(3, seed=4),
    normal(3, 2, seed=5),
    normal(3, 2, seed=6, scale=0.3),
    argnums=(0, 1, 2, 3),
    smooth=True,
)
def gaussian_mixture(x, weights, means, log_sd):
    """Log-likelihood of a diagonal mixture with logits for weights."""
    k, d = means.shape
    top = weights[0]
    for w in weights:
        top = max(top, w)
    z = 0.0
    for w in weights:
        z += math.exp(w - top)
    log_norm = top + math.log(z)
    terms = np.empty(k)
    total = 0.0
    for point in x:
        for c in range(k):
            e = weights[c] - log_norm
            for j in range(d):
                u = (point[j] - means[c, j]) * math.exp(-log_sd[c, j])
                e -= 0.5 * u * u + log_sd[c, j] + 0.5 * LOG2PI
            terms[c] = e
        best = -math.inf
        for c in range(k):
            if terms[c] > best:
                best = terms[c]
        s = 0.0
        for c in range(k):
            s += math.exp(terms[c] - best)
        total += best + math.log(s)
    return total


@case(normal(9, seed=7), smooth=True, jax=lambda jnp, x: jnp.var(x, ddof=1) + jnp.mean(x))
def welford(x):
    mean, m2, n = 0.0, 0.0, 0
    for v in x:
        n += 1
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return m2 / (n - 1) + mean


@case(normal(8, seed=8), normal(8, seed=9), argnums=(0, 1), smooth=True, jax=lambda jnp, x, y: jnp.corrcoef(x, y)[0, 1])
def correlation(x, y):
    n = len(x)
    sx = sy = sxx = syy = sxy = 0
    for a, b in zip(x, y):
        sx += a
        sy += b
        sxx += a * a
        syy += b * b
        sxy += a * b
    cov = n * sxy - sx * sy
    return cov / math.sqrt((n * sxx - sx * sx) * (n * syy - sy * sy))


@case(normal(3, seed=10), normal(10, 2, seed=11), integers(0, 2, 10, seed=12), argnums=0, smooth=True)
def logistic_regression(beta, features, labels):
    loss = 0.0
    for row, label in zip(features, labels):
        eta = beta[0]
        for j in range(len(row)):
            eta += beta[j + 1] * row[j]
        loss += math.log1p(math.exp(-abs(eta))) + max(eta, 0.0) - label * eta
    return loss / len(labels) + 0.5 * sum(b * b for b in beta)


@case(normal(2, seed=13, scale=0.3), integers(0, 6, 9, seed=14), uniform(-1, 1, 9, seed=15), argnums=0, smooth=True)
def poisson_regression(beta, counts, x):
    ll = 0
    for k, v in zip(counts, x):
        rate = math.exp(beta[0] + beta[1] * v)
        ll += k * math.log(rate) - rate - math.lgamma(k + 1)
    return ll


@case(normal(6, seed=16), 4.5, 1.3, argnums=(0, 1, 2), smooth=True)
def student_t_loglik(x, nu, scale):
    c = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi) - math.log(scale)
    ll = 0.0
    for v in x:
        ll += c - (nu + 1) / 2 * math.log1p((v / scale) ** 2 / nu)
    return ll


@case(normal(2, seed=17), uniform(0, 1, 7, 2, seed=18), np.array([1, 0, 1, 1, 0, 1, 1]), argnums=0, smooth=True)
def cox_partial_likelihood(beta, covariates, event):
    """Subjects are sorted by time; the risk set shrinks from the back."""
    n = len(event)
    eta = np.empty(n)
    for i in range(n):
        eta[i] = beta[0] * covariates[i, 0] + beta[1] * covariates[i, 1]
    at_risk = 0.0
    ll = 0.0
    for i in range(n - 1, -1, -1):
        at_risk += math.exp(eta[i])
        if event[i]:
            ll += eta[i] - math.log(at_risk)
    return ll


@case(normal(8, seed=19), 0.4, 0.5, argnums=(0, 1, 2), smooth=True)
def kernel_density(data, at, bandwidth):
    def kernel(u):
        return math.exp(-0.5 * u * u) / math.sqrt(2 * math.pi)

    return sum(kernel((at - v) / bandwidth) for v in data) / (len(data) * bandwidth)


@case(normal(10, seed=20), np.array([0.5, -0.2, 0.3]), argnums=(0, 1), smooth=True)
def arma_residuals(y, theta):
    """Conditional sum of squares of ARMA(2,1)."""
    n = y.shape[0]
    eps = np.zeros(n)
    sse = 0.0
    for t in range(2, n):
        eps[t] = y[t] - theta[0] * y[t - 1] - theta[1] * y[t - 2] - theta[2] * eps[t - 1]
        sse += eps[t] ** 2
    return 0.5 * n * math.log(sse / n)


@case(normal(5, seed=21), normal(5, seed=22), argnums=(0, 1))
def energy_distance(x, y):
    cross = within_x = within_y = 0.0
    for a in x:
        for b in y:
            cross += abs(a - b)
        for b in x:
            within_x += abs(a - b)
    for a in y:
        for b in y:
            within_y += abs(a - b)
    n = len(x)
    return (2 * cross - within_x - within_y) / n**2


@case(np.array([0.2, 0.5, 0.3]), np.array([0.3, 0.3, 0.4]), argnums=(0, 1), smooth=True)
def kl_divergence(p, q):
    total = 0.0
    for a, b in zip(p, q):
        if a == 0:
            continue
        if b == 0:
            return math.inf
        total += a * math.log(a / b)
    return total


@case(uniform(0.2, 2.0, 6, seed=23), 1.4, 0.9, argnums=(0, 1, 2), smooth=True)
def weibull_censored(times, shape, scale, cutoff=1.2):
    ll = 0.0
    for t in times:
        z = (t / scale) ** shape
        if t < cutoff:
            ll += math.log(shape / scale) + (shape - 1) * math.log(t / scale) - z
        else:
            ll -= (cutoff / scale) ** shape
    return ll
