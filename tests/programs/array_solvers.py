"""Grids in time and linear systems, in whole-array numpy: stencils, ghost cells, iterations, factorisations."""

import functools

import numpy as np

from tests.programs import corpus
from tests.programs.corpus import normal, uniform

# numpy adds in blocks and through BLAS: sums differ in their last digits.
case = functools.partial(corpus.case, ulp=32)


def spd(n, seed):
    a = normal(n, n, seed=seed)
    return a @ a.T / n + np.eye(n)


# grids --------------------------------------------------------------------------------


@case(normal(6, 7, seed=1), 0.2, argnums=(0, 1), smooth=True)
def jacobi_in_place(u, w):
    """The right-hand side is complete before the slice is written."""
    for _ in range(4):
        u[1:-1, 1:-1] = w * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[:-2, 1:-1] + u[2:, 1:-1])
    return np.sum(u**2)


@case(normal(5, 5, seed=2), normal(5, 5, seed=3), argnums=(0, 1))
def jacobi_two_grids(u, f):
    new = u.copy()
    for _ in range(5):
        new[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - f[1:-1, 1:-1])
        u, new = new, u
    return np.linalg.norm(u - f)


def heat_2d_jax(jnp, u, alpha):
    for _ in range(5):
        lap = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        u = u.at[1:-1, 1:-1].add(alpha * lap)
        u = u.at[0].set(u[1])
    return jnp.sum(u * u * jnp.arange(5.0)[:, None])


@case(normal(5, 6, seed=4), 0.1, argnums=(0, 1), smooth=True, jax=heat_2d_jax)
def heat_2d(u, alpha):
    for _ in range(5):
        lap = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += alpha * lap
        u[0] = u[1]
    return np.sum(u * u * np.arange(u.shape[0])[:, np.newaxis])


@case(normal(8, seed=5), 0.3, 0.05, argnums=(0, 1, 2), smooth=True)
def advection_diffusion_with_ghost_cells(u0, c, d):
    u = np.empty(u0.size + 2)
    u[1:-1] = u0
    for _ in range(6):
        u[0], u[-1] = u[-2], u[1]
        u[1:-1] = u[1:-1] - c * (u[1:-1] - u[:-2]) + d * (u[2:] - 2 * u[1:-1] + u[:-2])
    return (u[1:-1] ** 2).sum() + u[3]


@case(normal(9, seed=6), 0.4, argnums=(0, 1), smooth=True)
def wave_leapfrog(u, courant):
    previous, now = u, u.copy()
    for _ in range(5):
        after = np.zeros_like(now)
        after[1:-1] = 2 * now[1:-1] - previous[1:-1] + courant**2 * np.diff(now, n=2)
        previous, now = now, after
    return now @ np.linspace(0, 1, now.size)


@case(normal(10, seed=7), 0.2, argnums=(0, 1), step=1e-5, jax="same")
def burgers_upwind(u, dt):
    for _ in range(4):
        back, ahead = u - np.roll(u, 1), np.roll(u, -1) - u
        u = u - dt * u * np.where(u > 0, back, ahead)
    return np.sum(u**3)


@case(uniform(0.5, 1.5, 12, seed=8), 0.3, argnums=(0, 1), smooth=True, jax="same")
def lax_wendroff(u, c):
    for _ in range(3):
        left, right = np.roll(u, 1), np.roll(u, -1)
        u = u - 0.5 * c * (right - left) + 0.5 * c * c * (right - 2 * u + left)
    return np.log(u).sum()


def shallow_water_jax(jnp, h, hu):
    g, dt = 9.81, 0.01
    for _ in range(3):
        flux = jnp.stack([hu, hu**2 / h + 0.5 * g * h**2])
        state = jnp.stack([h, hu])
        state = 0.5 * (jnp.roll(state, 1, axis=1) + jnp.roll(state, -1, axis=1)) - 0.5 * dt * (
            jnp.roll(flux, -1, axis=1) - jnp.roll(flux, 1, axis=1)
        )
        h, hu = state
    return jnp.sum(h**2) + jnp.sum(hu * h)


@case(uniform(1, 2, 7, seed=9), normal(7, seed=10), argnums=(0, 1), smooth=True, jax=shallow_water_jax)
def shallow_water(h, hu):
    g, dt = 9.81, 0.01
    for _ in range(3):
        flux = np.stack([hu, hu**2 / h + 0.5 * g * h**2])
        state = np.stack([h, hu])
        state = 0.5 * (np.roll(state, 1, axis=1) + np.roll(state, -1, axis=1)) - 0.5 * dt * (
            np.roll(flux, -1, axis=1) - np.roll(flux, 1, axis=1)
        )
        h, hu = state
    return np.sum(h**2) + np.sum(hu * h)


def laplacian(z):
    return np.roll(z, 1, 0) + np.roll(z, -1, 0) + np.roll(z, 1, 1) + np.roll(z, -1, 1) - 4 * z


@case(uniform(0.2, 1, 4, 5, seed=11), uniform(0, 0.5, 4, 5, seed=12), 0.035, argnums=(0, 1, 2), smooth=True, jax="same")
def gray_scott(u, v, feed):
    for _ in range(3):
        uvv = u * v * v
        u += 0.16 * laplacian(u) - uvv + feed * (1 - u)
        v += 0.08 * laplacian(v) + uvv - (feed + 0.06) * v
    return v.mean() + u[1:, ::2].prod()


@case(normal(6, 6, seed=13), normal(6, 6, seed=14), argnums=(0, 1), smooth=True)
def red_black_gauss_seidel(u, f):
    """Every second point of every second row, four strided updates a sweep."""
    for _ in range(3):
        for i, j in ((1, 1), (2, 2), (1, 2), (2, 1)):
            u[i:-1:2, j:-1:2] = 0.25 * (
                u[i - 1 : -2 : 2, j:-1:2] + u[i + 1 :: 2, j:-1:2] + u[i:-1:2, j - 1 : -2 : 2] + u[i:-1:2, j + 1 :: 2]
                - f[i:-1:2, j:-1:2]
            )  # fmt: skip
    return np.abs(u).sum()


def smooth_error(u, f, sweeps):
    for _ in range(sweeps):
        u[1:-1] = u[1:-1] + 0.5 * 0.5 * (u[:-2] - 2 * u[1:-1] + u[2:] + f[1:-1])
    return u


def v_cycle(u, f):
    u = smooth_error(u, f, 2)
    if len(u) > 3:
        residual = np.zeros_like(u)
        residual[1:-1] = f[1:-1] + u[:-2] - 2 * u[1:-1] + u[2:]
        coarse = residual[::2].copy()
        coarse[1:-1] = 0.25 * (residual[1:-3:2] + 2 * residual[2:-2:2] + residual[3:-1:2])
        correction = v_cycle(np.zeros_like(coarse), 4 * coarse)
        fine = np.zeros_like(u)
        fine[::2] = correction
        fine[1::2] = 0.5 * (correction[:-1] + correction[1:])
        u = u + fine
    return smooth_error(u, f, 1)


@case(normal(9, seed=15), smooth=True)
def multigrid(f):
    return np.sum(v_cycle(np.zeros(9), f) ** 2)


@case(normal(7, seed=16), 0.4, argnums=(0, 1), smooth=True, tags="slow")
def crank_nicolson(u, r):
    n = u.size
    lower, main, upper = np.full(n, -r / 2), np.full(n, 1 + r), np.full(n, -r / 2)
    for _ in range(2):
        rhs = (1 - r) * u
        rhs[1:] += r / 2 * u[:-1]
        rhs[:-1] += r / 2 * u[1:]
        u = thomas(lower, main, upper, rhs)
    return u.max() + (u**2).sum()


def thomas(a, b, c, d):
    """A tridiagonal system, eliminated along the line."""
    n = len(d)
    p, q, x = np.zeros(n), np.zeros(n), np.empty(n)
    p[0], q[0] = c[0] / b[0], d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * p[i - 1]
        p[i] = c[i] / m
        q[i] = (d[i] - a[i] * q[i - 1]) / m
    x[-1] = q[-1]
    for i in reversed(range(n - 1)):
        x[i] = q[i] - p[i] * x[i + 1]
    return x


@case(normal(12, seed=17), smooth=True, ulp=64, jax="same")
def spectral_derivative_by_matrix(u):
    n = u.size
    k = np.fft.fftfreq(n, 1 / n)
    grid = np.arange(n) / n
    transform = np.exp(-2j * np.pi * np.outer(k, grid))
    du = (np.conj(transform).T @ (1j * k * (transform @ u)) / n).real
    return np.sum(du**2)


# systems ------------------------------------------------------------------------------


@case(spd(5, 18), normal(5, seed=19), argnums=(0, 1), rtol=1e-6, ulp=64, jax="same")
def conjugate_gradients(a, b):
    a = 0.5 * (a + a.T)
    x = np.zeros_like(b)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    while np.sqrt(rs) > 1e-10:
        ap = a @ p
        alpha = rs / (p @ ap)
        x += alpha * p
        r -= alpha * ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
    return x @ np.arange(1.0, 6.0)


@case(normal(4, 5, seed=20), uniform(1, 2, 4, 5, seed=21), argnums=(0, 1), rtol=1e-5, jax="same")
def poisson_by_matrix_free_cg(f, k):
    """The operator is a stencil with coefficients; residuals live on the grid."""

    def apply(u):
        v = np.pad(u, 1)
        return (k + 4) * u - v[:-2, 1:-1] - v[2:, 1:-1] - v[1:-1, :-2] - v[1:-1, 2:]

    u = np.zeros_like(f)
    r = f.copy()
    p = r
    rr = np.vdot(r, r)
    for _ in range(8):
        q = apply(p)
        step = rr / np.sum(p * q)
        u = u + step * p
        r = r - step * q
        old, rr = rr, np.vdot(r, r)
        p = r + rr / old * p
    return np.sum(u * f)


@case(spd(5, 22), smooth=True, jax="same")
def power_iteration(a):
    v = np.ones(a.shape[0])
    for _ in range(12):
        v = a @ v
        v = v / np.linalg.norm(v)
    return v @ a @ v


def gram_schmidt_jax(jnp, a):
    columns = []
    for j in range(3):
        v = a[:, j]
        for q in columns:
            v = v - (q @ v) * q
        columns.append(v / jnp.linalg.norm(v))
    return jnp.sum(jnp.stack(columns, axis=1) * jnp.arange(15.0).reshape(5, 3))


@case(normal(5, 3, seed=23), smooth=True, jax=gram_schmidt_jax)
def gram_schmidt(a):
    q = np.zeros_like(a)
    for j in range(a.shape[1]):
        v = a[:, j].copy()
        for i in range(j):
            v -= (q[:, i] @ v) * q[:, i]
        q[:, j] = v / np.linalg.norm(v)
    return np.sum(q * np.arange(q.size).reshape(q.shape))


@case(spd(5, 24), smooth=True)
def cholesky_by_rows(a):
    n = len(a)
    low = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            low[i, j] = (a[i, j] - low[i, :j] @ low[j, :j]) / low[j, j]
        low[i, i] = np.sqrt(a[i, i] - low[i, :i] @ low[i, :i])
    return 2 * np.sum(np.log(np.diag(low))) + low.sum()


@case(normal(4, 4, seed=25) + 4 * np.eye(4), normal(4, seed=26), argnums=(0, 1), smooth=True)
def lu_in_place(a, b):
    n = len(b)
    for k in range(n - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    for i in range(1, n):
        b[i] -= a[i, :i] @ b[:i]
    for i in range(n - 1, -1, -1):
        b[i] = (b[i] - a[i, i + 1 :] @ b[i + 1 :]) / a[i, i]
    return np.sum(b**2)


@case(normal(4, 4, seed=27) + 3 * np.eye(4), normal(4, seed=28), argnums=(0, 1), step=1e-5)
def elimination_with_pivoting(a, b):
    """Rows are exchanged through an index array on both sides."""
    n = b.shape[0]
    m = np.column_stack([a, b])
    for k in range(n):
        pivot = k + np.argmax(np.abs(m[k:, k]))
        m[[k, pivot]] = m[[pivot, k]]
        m[k] /= m[k, k]
        others = np.arange(n) != k
        m[others] -= m[others, k][:, None] * m[k]
    return m[:, -1] @ np.ones(n) + m[0, -1] ** 2


@case(normal(5, 3, seed=29), smooth=True)
def householder(a):
    m, n = a.shape
    r = a.copy()
    for k in range(n):
        x = r[k:, k]
        v = x.copy()
        v[0] += np.copysign(np.linalg.norm(x), x[0])
        v /= np.linalg.norm(v)
        r[k:, k:] -= 2 * np.outer(v, v @ r[k:, k:])
    return np.sum(np.triu(r[:n]) ** 3)


@case(spd(4, 30), smooth=True, rtol=1e-6, ulp=64, tags="slow")
def jacobi_rotations(a):
    n = len(a)
    for _ in range(2):
        for p in range(n - 1):
            for q in range(p + 1, n):
                theta = 0.5 * np.arctan2(2 * a[p, q], a[q, q] - a[p, p])
                c, s = np.cos(theta), np.sin(theta)
                a[[p, q]] = np.array([[c, -s], [s, c]]) @ a[[p, q]]
                a[:, [p, q]] = a[:, [p, q]] @ np.array([[c, s], [-s, c]])
    return np.sum(np.diag(a) ** 3)


@case(uniform(0.5, 3, 6, 6, seed=31), step=1e-5)
def floyd_warshall(d):
    np.fill_diagonal(d, 0.0)
    for k in range(len(d)):
        d = np.minimum(d, d[:, k, None] + d[None, k, :])
    return np.sum(d * np.arange(36).reshape(6, 6))


@case(uniform(0.5, 2, 4, seed=32), uniform(1, 2, 4, seed=33), argnums=(0, 1), smooth=True, tags="slow")
def beam_stiffness(lengths, stiffness):
    """Elements are added into the matrix by blocks, clamped at the left."""
    n = len(lengths)
    k = np.zeros((2 * n + 2, 2 * n + 2))
    for e in range(n):
        h = lengths[e]
        block = np.array([
            [12.0, 6 * h, -12, 6 * h], [6 * h, 4 * h**2, -6 * h, 2 * h**2],
            [-12.0, -6 * h, 12, -6 * h], [6 * h, 2 * h**2, -6 * h, 4 * h**2],
        ])  # fmt: skip
        dofs = np.arange(2 * e, 2 * e + 4)
        k[np.ix_(dofs, dofs)] += stiffness[e] / h**3 * block
    load = np.ones(2 * n + 2)
    return load[2:] @ k[2:, 2:] @ load[2:] + np.trace(k) ** 0.5


@case(uniform(0.5, 1.5, 5, seed=34), normal(5, seed=35), argnums=(0, 1), smooth=True)
def truss_scatter(stiffness, displacement):
    """Forces of bars added to the nodes at their ends, repeated nodes and all."""
    start, end = np.array([0, 1, 2, 0, 1]), np.array([1, 2, 3, 2, 3])
    u = np.concatenate([[0.0], displacement[:3] ** 2])
    force = stiffness * (u[end] - u[start])
    nodes = np.zeros(4)
    np.add.at(nodes, start, force)
    np.subtract.at(nodes, end, force)
    return nodes @ nodes
