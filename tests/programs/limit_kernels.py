"""The twelve kernels of the speed benchmarks as plain loops, at sizes a test can afford."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform


@case(normal(7), smooth=True, jax=lambda jnp, x: jnp.sum(x * x))
def norm2(x):
    out = 0.0
    for i in range(x.shape[0]):
        out += x[i] ** 2
    return out


@case(normal(9, seed=1), smooth=True, jax=lambda jnp, x: jnp.log(jnp.sum(jnp.exp(x))))
def logsumexp(x):
    top = x[0]
    for i in range(1, len(x)):
        top = max(top, x[i])
    s = 0.0
    for i in range(len(x)):
        s += math.exp(x[i] - top)
    return top + math.log(s)


def _growth(prey, hunters, p):
    return p[0] * prey - p[1] * prey * hunters, p[3] * prey * hunters - p[2] * hunters


@case(np.array([1.0, 0.8]), np.array([1.1, 0.4, 0.4, 0.1]), 15, 0.05, argnums=(0, 1), oracle="complex", smooth=True)
def lotka(start, p, steps, dt):
    x, y = start[0], start[1]
    for _ in range(steps):
        ax, ay = _growth(x, y, p)
        bx, by = _growth(x + 0.5 * dt * ax, y + 0.5 * dt * ay, p)
        cx, cy = _growth(x + 0.5 * dt * bx, y + 0.5 * dt * by, p)
        ex, ey = _growth(x + dt * cx, y + dt * cy, p)
        x = x + dt / 6 * (ax + 2 * bx + 2 * cx + ex)
        y = y + dt / 6 * (ay + 2 * by + 2 * cy + ey)
    return x + y


@case(normal(11, seed=2), np.array([0.8]), 6, 0.25, argnums=(0, 1), smooth=True)
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


@case(normal(6, 6, seed=3), 3, argnums=0, smooth=True)
def jacobi2d(a, steps):
    n = a.shape[0]
    u, v = a.copy(), a.copy()
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                v[i, j] = 0.2 * (u[i, j] + u[i, j - 1] + u[i, j + 1] + u[i + 1, j] + u[i - 1, j])
        u, v = v, u
    s = 0.0
    for i in range(n):
        for j in range(n):
            s += u[i, j] ** 2
    return 0.5 * s


@case(uniform(0.1, 6.0, 5, seed=4), 2, 1e-16, argnums=0, smooth=True, oracle="complex")
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


def _log_sum_exp(v):
    m = v[0]
    for i in range(1, v.shape[0]):
        m = max(m, v[i])
    s = 0.0
    for i in range(v.shape[0]):
        s += math.exp(v[i] - m)
    return m + math.log(s)


@case(normal(3, seed=5), uniform(0, 1, 3, 2, seed=6), normal(3, 3, seed=7, scale=0.5), normal(4, 2, seed=8), 1.0, 0, -3.5, argnums=(0, 1, 2), smooth=True)
def gmm(alphas, means, icf, x, gamma, m, constant):
    """ADBench's Gaussian mixture with a Wishart prior."""
    k, d = means.shape
    n = x.shape[0]
    diagonal = np.empty((k, d))
    logdet = np.empty(k)
    centred, scaled, terms = np.empty(d), np.empty(d), np.empty(k)
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
        total += _log_sum_exp(terms)
    prior = 0.0
    for c in range(k):
        f = 0.0
        for i in range(d):
            f += diagonal[c, i] ** 2
        for i in range(d, icf.shape[1]):
            f += icf[c, i] ** 2
        prior += 0.5 * gamma * gamma * f - m * logdet[c]
    return constant + total - n * _log_sum_exp(alphas) + prior


def _cameras(count, seed):
    cams = np.empty((count, 11))
    cams[:, :3] = normal(count, 3, seed=seed, scale=0.3)
    cams[:, 3:6] = normal(count, 3, seed=seed + 1)
    cams[:, 6] = normal(count, seed=seed + 2, scale=0.1, shift=1.0)
    cams[:, 7:9] = normal(count, 2, seed=seed + 3, scale=0.1)
    cams[:, 9:] = normal(count, 2, seed=seed + 4, scale=0.01)
    cams[0, :3] = 0.0  # one camera without rotation takes the other branch
    return cams


@case(
    _cameras(3, 20),
    normal(3, 3, seed=30) + np.array([0.0, 0.0, 12.0]),
    uniform(0.5, 1.5, 6, seed=31),
    np.stack([np.array([1, 2, 1, 2, 1, 2]), np.array([0, 1, 2, 0, 1, 2])], 1),
    normal(6, 2, seed=32, scale=0.3),
    argnums=(0, 1, 2),
    smooth=True,
    tags="bundle-adjustment",
)
def bundle_adjustment(cams, points, w, obs, feat):
    """Sum of squared reprojection errors: Rodrigues rotation, projection, radial distortion."""
    loss = 0.0
    for o in range(obs.shape[0]):
        cam = cams[obs[o, 0]]
        pt = points[obs[o, 1]]
        p0, p1, p2 = pt[0] - cam[3], pt[1] - cam[4], pt[2] - cam[5]
        th2 = cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]
        if th2 != 0:
            th = math.sqrt(th2)
            ct, st = math.cos(th), math.sin(th)
            w0, w1, w2 = cam[0] / th, cam[1] / th, cam[2] / th
            t = (w0 * p0 + w1 * p1 + w2 * p2) * (1 - ct)
            x0 = p0 * ct + (w1 * p2 - w2 * p1) * st + w0 * t
            x1 = p1 * ct + (w2 * p0 - w0 * p2) * st + w1 * t
            x2 = p2 * ct + (w0 * p1 - w1 * p0) * st + w2 * t
        else:
            x0 = p0 + cam[1] * p2 - cam[2] * p1
            x1 = p1 + cam[2] * p0 - cam[0] * p2
            x2 = p2 + cam[0] * p1 - cam[1] * p0
        a, b = x0 / x2, x1 / x2
        rsq = a * a + b * b
        distortion = 1 + cam[9] * rsq + cam[10] * rsq * rsq
        e0 = w[o] * (a * distortion * cam[6] + cam[7] - feat[o, 0])
        e1 = w[o] * (b * distortion * cam[6] + cam[8] - feat[o, 1])
        ew = 1 - w[o] * w[o]
        loss += e0 * e0 + e1 * e1 + ew * ew
    return loss


def _accelerations(x, m, eps2, a):
    n = x.shape[0]
    for i in range(n):
        ax = ay = az = 0.0
        for j in range(n):
            dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
            inv = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + eps2)
            w = m[j] * inv * inv * inv
            ax += w * dx
            ay += w * dy
            az += w * dz
        a[i, 0], a[i, 1], a[i, 2] = ax, ay, az


@case(normal(3, 3, seed=9), normal(3, 3, seed=10, scale=0.1), uniform(0.2, 0.5, 3, seed=11), 3, 0.01, 0.01, argnums=(0, 1, 2), smooth=True, rtol=1e-6)
def nbody(x0, v0, m, steps, dt, eps2):
    x, v = x0.copy(), v0.copy()
    n = x.shape[0]
    a = np.empty((n, 3))
    _accelerations(x, m, eps2, a)
    for _ in range(steps):
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
                x[i, c] += dt * v[i, c]
        _accelerations(x, m, eps2, a)
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
    s = 0.0
    for i in range(n):
        s += 0.5 * m[i] * (v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2)
    return s


@case(
    normal(4, 3, seed=12),
    normal(3, seed=13),
    normal(3, 2, seed=14),
    normal(2, seed=15),
    normal(3, 4, seed=16),
    integers(0, 2, 3, seed=17),
    argnums=(0, 1, 2, 3),
    smooth=True,
)
def mlp(w1, b1, w2, b2, x, y):
    """A layer of tanh and softmax cross-entropy, by loops."""
    samples, inputs = x.shape
    hidden, outputs = w2.shape
    h, z = np.empty(hidden), np.empty(outputs)
    loss = 0.0
    for s in range(samples):
        for j in range(hidden):
            acc = b1[j]
            for i in range(inputs):
                acc += x[s, i] * w1[i, j]
            h[j] = math.tanh(acc)
        for k in range(outputs):
            z[k] = b2[k]
            for j in range(hidden):
                z[k] += h[j] * w2[j, k]
        loss += _log_sum_exp(z) - z[y[s]]
    return loss / samples


@case(np.array([0.9, 0.7, 0.1]), normal(9, seed=18), argnums=(0, 1), smooth=True)
def rnn(theta, x):
    a, b, h = theta[0], theta[1], theta[2]
    s = 0.0
    for t in range(len(x)):
        h = math.tanh(a * h + b * x[t])
        s += h * h
    return s


@case(normal(9, seed=19, scale=1e-3, shift=1.0), oracle="complex", smooth=True, jax=lambda jnp, x: jnp.sum(jnp.cumprod(x)))
def scan(x):
    y = 1.0
    s = 0.0
    for i in range(len(x)):
        y *= x[i]
        s += y
    return s
