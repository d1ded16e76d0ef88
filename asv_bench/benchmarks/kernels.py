"""The twelve loop kernels, as a user would write them, and their inputs at full and at small size.

Plain Python without an import of revtrace: the functions are differentiated as they
are, compiled by numba as they are, and part of the test corpus.
"""

import math

import numpy as np

NAMES = (
    "norm2_1k",
    "norm2_1m",
    "logsumexp",
    "lotka",
    "heat1d",
    "jacobi2d",
    "besselj",
    "gmm",
    "ba",
    "nbody",
    "mlp",
    "rnn",
    "scan",
)


def norm2(x):
    out = 0.0
    for i in range(x.shape[0]):
        out += x[i] ** 2
    return out


def logsumexp(x):
    top = x[0]
    for i in range(1, x.shape[0]):
        top = max(top, x[i])
    s = 0.0
    for i in range(x.shape[0]):
        s += math.exp(x[i] - top)
    return top + math.log(s)


def growth(prey, hunters, p):
    return p[0] * prey - p[1] * prey * hunters, p[3] * prey * hunters - p[2] * hunters


def lotka(start, p, steps, dt):
    x, y = start[0], start[1]
    for _ in range(steps):
        ax, ay = growth(x, y, p)
        bx, by = growth(x + 0.5 * dt * ax, y + 0.5 * dt * ay, p)
        cx, cy = growth(x + 0.5 * dt * bx, y + 0.5 * dt * by, p)
        ex, ey = growth(x + dt * cx, y + dt * cy, p)
        x = x + dt / 6 * (ax + 2 * bx + 2 * cx + ex)
        y = y + dt / 6 * (ay + 2 * by + 2 * cy + ey)
    return x + y


def heat1d(start, conductivity, steps, c):
    n = start.shape[0]
    r = conductivity[0] * c
    u = start.copy()
    v = np.empty(n)
    for _ in range(steps):
        v[0] = u[0]
        v[n - 1] = u[n - 1]
        for i in range(1, n - 1):
            v[i] = u[i] + r * (u[i - 1] - 2 * u[i] + u[i + 1])
        u, v = v, u
    s = 0.0
    for i in range(n):
        s += u[i] ** 2
    return 0.5 * s


def jacobi_sweep(u, v):
    n = u.shape[0]
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            v[i, j] = 0.2 * (u[i, j] + u[i, j - 1] + u[i, j + 1] + u[i + 1, j] + u[i - 1, j])


def jacobi2d(a, steps):
    n = a.shape[0]
    u = a.copy()
    v = a.copy()
    for _ in range(steps):
        jacobi_sweep(u, v)
        u, v = v, u
    s = 0.0
    for i in range(n):
        for j in range(n):
            s += u[i, j] ** 2
    return 0.5 * s


def besselj(z, nu, tol):
    total = 0.0
    for i in range(z.shape[0]):
        h = 0.5 * z[i]
        s = 1.0
        for j in range(1, nu + 1):
            s *= h / j
        acc = s
        k = 0
        while abs(s) > tol:
            k += 1
            s *= -h * h / (k * (k + nu))
            acc += s
        total += acc
    return total


def log_sum_exp(v):
    top = v[0]
    for i in range(1, v.shape[0]):
        top = max(top, v[i])
    s = 0.0
    for i in range(v.shape[0]):
        s += math.exp(v[i] - top)
    return top + math.log(s)


def gmm(alphas, means, icf, x, gamma, m, constant):
    k, d = means.shape
    n = x.shape[0]
    diagonal = np.empty((k, d))
    logdet = np.empty(k)
    centred = np.empty(d)
    scaled = np.empty(d)
    terms = np.empty(k)
    for c in range(k):
        logdet[c] = 0.0
        for i in range(d):
            logdet[c] += icf[c, i]
            diagonal[c, i] = math.exp(icf[c, i])
    total = 0.0
    for point in range(n):
        for c in range(k):
            for i in range(d):
                centred[i] = x[point, i] - means[c, i]
                scaled[i] = diagonal[c, i] * centred[i]
            place = d
            for i in range(d):
                for j in range(i + 1, d):
                    scaled[j] += icf[c, place] * centred[i]
                    place += 1
            s = 0.0
            for i in range(d):
                s += scaled[i] * scaled[i]
            terms[c] = alphas[c] + logdet[c] - 0.5 * s
        total += log_sum_exp(terms)
    prior = 0.0
    for c in range(k):
        f = 0.0
        for i in range(d):
            f += diagonal[c, i] ** 2
        for i in range(d, icf.shape[1]):
            f += icf[c, i] ** 2
        prior += 0.5 * gamma * gamma * f - m * logdet[c]
    return constant + total - n * log_sum_exp(alphas) + prior


def ba(cams, points, w, obs, feat):
    loss = 0.0
    for o in range(obs.shape[0]):
        cam = cams[obs[o, 0]]
        pt = points[obs[o, 1]]
        p0 = pt[0] - cam[3]
        p1 = pt[1] - cam[4]
        p2 = pt[2] - cam[5]
        th2 = cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]
        if th2 != 0:
            th = math.sqrt(th2)
            ct = math.cos(th)
            st = math.sin(th)
            inv = 1 / th
            w0 = cam[0] * inv
            w1 = cam[1] * inv
            w2 = cam[2] * inv
            t = (w0 * p0 + w1 * p1 + w2 * p2) * (1 - ct)
            x0 = p0 * ct + (w1 * p2 - w2 * p1) * st + w0 * t
            x1 = p1 * ct + (w2 * p0 - w0 * p2) * st + w1 * t
            x2 = p2 * ct + (w0 * p1 - w1 * p0) * st + w2 * t
        else:
            x0 = p0 + cam[1] * p2 - cam[2] * p1
            x1 = p1 + cam[2] * p0 - cam[0] * p2
            x2 = p2 + cam[0] * p1 - cam[1] * p0
        a = x0 / x2
        b = x1 / x2
        rsq = a * a + b * b
        distortion = 1 + cam[9] * rsq + cam[10] * rsq * rsq
        e0 = w[o] * (a * distortion * cam[6] + cam[7] - feat[o, 0])
        e1 = w[o] * (b * distortion * cam[6] + cam[8] - feat[o, 1])
        ew = 1 - w[o] * w[o]
        loss += e0 * e0 + e1 * e1 + ew * ew
    return loss


def accelerations(x, m, eps2, a):
    n = x.shape[0]
    for i in range(n):
        ax = ay = az = 0.0
        for j in range(n):
            dx = x[j, 0] - x[i, 0]
            dy = x[j, 1] - x[i, 1]
            dz = x[j, 2] - x[i, 2]
            inv = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + eps2)
            w = m[j] * inv * inv * inv
            ax += w * dx
            ay += w * dy
            az += w * dz
        a[i, 0] = ax
        a[i, 1] = ay
        a[i, 2] = az


def nbody(x0, v0, m, steps, dt, eps2):
    x = x0.copy()
    v = v0.copy()
    n = x.shape[0]
    a = np.empty((n, 3))
    accelerations(x, m, eps2, a)
    for _ in range(steps):
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
                x[i, c] += dt * v[i, c]
        accelerations(x, m, eps2, a)
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
    s = 0.0
    for i in range(n):
        s += 0.5 * m[i] * (v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2)
    return s


def mlp(w1, b1, w2, b2, x, y):
    samples, inputs = x.shape
    hidden, outputs = w2.shape
    h = np.empty(hidden)
    z = np.empty(outputs)
    loss = 0.0
    for s in range(samples):
        for j in range(hidden):
            h[j] = b1[j]
        for i in range(inputs):
            for j in range(hidden):
                h[j] += x[s, i] * w1[i, j]
        for j in range(hidden):
            h[j] = math.tanh(h[j])
        for k in range(outputs):
            z[k] = b2[k]
        for j in range(hidden):
            for k in range(outputs):
                z[k] += h[j] * w2[j, k]
        loss += log_sum_exp(z) - z[y[s]]
    return loss / samples


def rnn(theta, x):
    a, b, h = theta[0], theta[1], theta[2]
    s = 0.0
    for t in range(x.shape[0]):
        h = math.tanh(a * h + b * x[t])
        s += h * h
    return s


def scan(x):
    y = 1.0
    s = 0.0
    for i in range(x.shape[0]):
        y *= x[i]
        s += y
    return s


FUNCTIONS = {
    "norm2_1k": norm2,
    "norm2_1m": norm2,
    "logsumexp": logsumexp,
    "lotka": lotka,
    "heat1d": heat1d,
    "jacobi2d": jacobi2d,
    "besselj": besselj,
    "gmm": gmm,
    "ba": ba,
    "nbody": nbody,
    "mlp": mlp,
    "rnn": rnn,
    "scan": scan,
}

HELPERS = (growth, jacobi_sweep, log_sum_exp, accelerations)
"""Functions the kernels call; numba needs them jitted under their own names."""


# inputs ---------------------------------------------------------------------------------


def _gmm(rng, d, k, n):
    """Inputs of ADBench's mixture objective, with its Wishart prior's constant."""
    gamma, m = 1.0, 0
    dof = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    log_gamma += sum(math.lgamma(0.5 * dof + 0.5 * (1 - j)) for j in range(1, d + 1))
    constant = dof * d * (math.log(gamma) - 0.5 * math.log(2)) - log_gamma
    constant = -n * d * 0.5 * math.log(2 * math.pi) - k * constant
    active = (rng.standard_normal(k), rng.random((k, d)), 0.5 * rng.standard_normal((k, d * (d + 1) // 2)))
    return active, (rng.standard_normal((n, d)), gamma, m, constant)


def _ba(rng, cameras, count, observations):
    cams = np.empty((cameras, 11))
    cams[:, :3] = 0.3 * rng.standard_normal((cameras, 3))
    cams[:, 3:6] = rng.standard_normal((cameras, 3))
    cams[:, 6] = 1 + 0.1 * rng.standard_normal(cameras)
    cams[:, 7:9] = 0.1 * rng.standard_normal((cameras, 2))
    cams[:, 9:] = 0.01 * rng.standard_normal((cameras, 2))
    points = rng.standard_normal((count, 3)) + np.array([0.0, 0.0, 12.0])
    pairs = [rng.integers(0, cameras, observations), rng.integers(0, count, observations)]
    obs = np.stack(pairs, 1).astype(np.int64)
    return (cams, points, 0.5 + rng.random(observations)), (obs, 0.3 * rng.standard_normal((observations, 2)))


def problem(name, small=False):
    """Return the arguments to differentiate by, and the rest, of a kernel."""
    rng = np.random.default_rng(2026)

    def size(full, tiny):
        return tiny if small else full

    if name in ("norm2_1k", "norm2_1m"):
        return (rng.standard_normal(size(1000 if name == "norm2_1k" else 1_000_000, 7)),), ()
    if name == "logsumexp":
        return (rng.standard_normal(size(100_000, 9)),), ()
    if name == "lotka":
        return (np.array([1.0, 0.8]), np.array([1.1, 0.4, 0.4, 0.1])), (size(10_000, 20), size(1e-3, 5e-2))
    if name == "heat1d":
        return (rng.standard_normal(size(1000, 11)), np.array([0.8])), (size(1000, 6), 0.25)
    if name == "jacobi2d":
        n = size(128, 6)
        return (rng.standard_normal((n, n)),), (size(100, 3),)
    if name == "besselj":
        return (0.1 + 9.9 * rng.random(size(1000, 5)),), (2, size(1e-8, 1e-16))
    if name == "gmm":
        return _gmm(rng, *size((10, 25, 1000), (3, 3, 4)))
    if name == "ba":
        return _ba(rng, *size((50, 1000, 10_000), (2, 3, 6)))
    if name == "nbody":
        n = size(32, 3)
        active = (rng.standard_normal((n, 3)), 0.1 * rng.standard_normal((n, 3)), (0.5 + rng.random(n)) / n)
        return active, (size(100, 3), 1e-2, 1e-2)
    if name == "mlp":
        batch, i, h, o = size((64, 128, 256, 10), (3, 4, 5, 3))
        active = (
            rng.standard_normal((i, h)) / math.sqrt(i),
            0.1 * rng.standard_normal(h),
            rng.standard_normal((h, o)) / math.sqrt(h),
            0.1 * rng.standard_normal(o),
        )
        return active, (rng.standard_normal((batch, i)), rng.integers(0, o, batch))
    if name == "rnn":
        return (np.array([0.9, 0.7, 0.1]), rng.standard_normal(size(100_000, 9))), ()
    if name == "scan":
        return (1 + 1e-3 * rng.standard_normal(size(100_000, 9)),), ()
    raise KeyError(name)
