"""Programs whose figures are published: the examples of NiLang, of Griewank's book and of JuliaReverse.

Each is ordinary Python: overwriting assignments, loops and branches where the
reversible originals need ancillas and post-conditions.
"""

import math

import numpy as np

from tests.programs.corpus import case, normal, uniform


@case(normal(1000), gradient=2 * normal(1000), oracle="given", figures=1e-15, jax=lambda jnp, x: jnp.sum(x**2))
def norm2(x):
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


@case(
    np.array([1.0, 2.0, 3.0]),
    smooth=True,
    value=3.7416573867739413,
    gradient=np.array([0.2672612, 0.5345225, 0.8017837]),
    figures=2e-7,
    jax=lambda jnp, x: jnp.sqrt(jnp.sum(x * x)),
)
def length_of_vector(x):
    y = 0.0
    for v in x:
        y += v * v
    r = math.sqrt(y)
    return r


@case(
    1.0,
    2,
    argnums=0,
    oracle="complex",
    smooth=True,
    value=0.1149034849,
    gradient=0.2102436159,
    second=0.1344668389,
    figures=2e-9,
)
def bessel_j(z, nu):
    """Power series: sum of (-1)^k (z/2)^(nu+2k) / (k! (k+nu)!), until a term is small."""
    half = z / 2
    s = 1.0
    for j in range(1, nu + 1):
        s *= half / j
    total = s
    k = 0
    while abs(s) > 1e-18:
        k += 1
        s *= -half * half / (k * (k + nu))
        total += s
    return total


@case(uniform(0.2, 1.4, 20, seed=1), smooth=True)
def pyramid(x):
    """Section 3.5 of Griewank: v[i+1, j] = cos(v[i, j+1]) sin(v[i, j])."""
    n = len(x)
    v = np.zeros((n, n))
    for j in range(n):
        v[0, j] = x[j]
    for i in range(n - 1):
        for j in range(n - i - 1):
            v[i + 1, j] = math.cos(v[i, j + 1]) * math.sin(v[i, j])
    return v[n - 1, 0]


def _sparse(rows, columns, seed):
    dense = np.where(uniform(0, 1, rows, columns, seed=seed) < 0.4, normal(rows, columns, seed=seed + 1), 0.0)
    pointers, indices, values = [0], [], []
    for j in range(columns):
        for i in range(rows):
            if dense[i, j]:
                indices.append(i)
                values.append(dense[i, j])
        pointers.append(len(indices))
    return np.array(pointers), np.array(indices), np.array(values)


@case(*_sparse(8, 6, 2), *_sparse(8, 6, 5), argnums=(2, 5), oracle="complex", smooth=True)
def sparse_dot(colptr_a, rowval_a, nz_a, colptr_b, rowval_b, nz_b):
    """tr(A'B) of two CSC matrices, merging row indices with two pointers."""
    total = 0.0
    for col in range(len(colptr_a) - 1):
        ia, ib = colptr_a[col], colptr_b[col]
        end_a, end_b = colptr_a[col + 1], colptr_b[col + 1]
        while ia < end_a and ib < end_b:
            ra, rb = rowval_a[ia], rowval_b[ib]
            if ra == rb:
                total += nz_a[ia] * nz_b[ib]
                ia += 1
                ib += 1
            elif ra < rb:
                ia += 1
            else:
                ib += 1
    return total


@case(*_sparse(5, 4, 8), normal(4, 3, seed=9) + 1j * normal(4, 3, seed=10), 0.5 + 0.25j, argnums=(2, 3, 4), smooth=True)
def sparse_times_dense(colptr, rowval, nz, b, alpha):
    c = np.zeros((5, b.shape[1]), dtype=np.complex128)
    for k in range(b.shape[1]):
        for col in range(b.shape[0]):
            ax = alpha * b[col, k]
            for j in range(colptr[col], colptr[col + 1]):
                c[rowval[j], k] += nz[j] * ax
    s = 0.0
    for i in range(5):
        for k in range(b.shape[1]):
            s += c[i, k].real ** 2 + c[i, k].imag * (i - k)
    return s


@case(
    normal(4, 4, seed=11),
    smooth=True,
    jax=lambda jnp, a: jnp.sum(jnp.linalg.qr(a)[0] * jnp.sign(jnp.diag(jnp.linalg.qr(a)[1]))),
)
def gram_schmidt(a):
    """Modified Gram-Schmidt; the loss is the sum of Q."""
    n = a.shape[0]
    q = a.copy()
    r = np.zeros((n, n))
    for col in range(n):
        for c in range(col):
            ro = 0.0
            for i in range(n):
                ro += q[i, c] * q[i, col]
            r[c, col] = ro
            for i in range(n):
                q[i, col] -= ro * q[i, c]
        norm = 0.0
        for i in range(n):
            norm += q[i, col] ** 2
        r[col, col] = math.sqrt(norm)
        for i in range(n):
            q[i, col] /= r[col, col]
    loss = 0.0
    for i in range(n):
        for j in range(n):
            loss += q[i, j]
    return loss


@case(uniform(0, 2 * math.pi, 6, seed=12), normal(4, seed=13), argnums=(0, 1), smooth=True)
def givens_product(theta, x):
    """N(N-1)/2 rotations applied in place."""
    n = len(x)
    k = 0
    for j in range(n):
        for i in range(n - 2, j - 1, -1):
            c, s = math.cos(theta[k]), math.sin(theta[k])
            x[i], x[i + 1] = x[i] * c - x[i + 1] * s, x[i] * s + x[i + 1] * c
            k += 1
    loss = 0.0
    for v in x:
        loss += v
    return loss


@case(0.5, 0.5, argnums=(0, 1), smooth=True)
def box_muller(x, y):
    r = math.sqrt(-2 * math.log(x))
    angle = 2 * math.pi * y
    return r * math.cos(angle), r * math.sin(angle)


def lorenz_rhs(y, theta):
    return theta[0] * (y[1] - y[0]), y[0] * (theta[1] - y[2]) - y[1], y[0] * y[1] - theta[2] * y[2]


def _lorenz(y0, theta, steps, dt=0.003):
    a, b, c = y0[0], y0[1], y0[2]
    for _ in range(steps):
        k1, p1, q1 = lorenz_rhs((a, b, c), theta)
        k2, p2, q2 = lorenz_rhs((a + dt / 2 * k1, b + dt / 2 * p1, c + dt / 2 * q1), theta)
        k3, p3, q3 = lorenz_rhs((a + dt / 2 * k2, b + dt / 2 * p2, c + dt / 2 * q2), theta)
        k4, p4, q4 = lorenz_rhs((a + dt * k3, b + dt * p3, c + dt * q3), theta)
        a += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        b += dt / 6 * (p1 + 2 * p2 + 2 * p3 + p4)
        c += dt / 6 * (q1 + 2 * q2 + 2 * q3 + q4)
    return a


_LORENZ = (np.array([1.0, 0.0, 0.0]), np.array([10.0, 27.0, 8 / 3]))

case(
    *_LORENZ,
    10_000,
    name="lorenz",
    argnums=(0, 1),
    tags="slow",
    oracle="given",
    gradient=(
        np.array([1807.1469, 669.3609, 787697.5574]),
        np.array([-297541.6627, 176517.9202, 1301738.8889]),
    ),
    figures=1e-7,
)(_lorenz)
case(*_LORENZ, 100, name="lorenz_short", argnums=(0, 1), oracle="complex", smooth=True)(_lorenz)


@case(1.001, 1000, argnums=0, oracle="complex", smooth=True, value=2.716923932235892, figures=1e-12)
def thousandth_power(x, n):
    powers = np.ones(n + 1, dtype=type(x))
    for i in range(n):
        powers[i + 1] = powers[i] * x
    return powers[n]


@case(0.99, 100, argnums=0, oracle="complex", smooth=True, value=0.99**100, gradient=100 * 0.99**99, figures=1e-12)
def power_in_place(x, n):
    y = 1.0
    for _ in range(n):
        y *= x
    return y


def _heat_reference(n):
    x = np.zeros(n)
    x[n // 2] = 1.0
    return x


@case(_heat_reference(16), 20, argnums=0, smooth=True)
def heat_steps(x, steps):
    """The heat equation of NiLang's checkpointing tests, fewer points."""
    k, dt = 0.1, 0.5
    n = len(x)
    u = x
    for _ in range(steps):
        v = np.zeros(n)
        for i in range(n):
            v[i] = u[i] + dt * k * (u[i - 1] + u[(i + 1) % n] - 2 * u[i])
        for i in range(n):
            u[i] = v[i]
    s = 0.0
    for i in range(n):
        s += u[i] * math.sin(i + 1.0)
    return s


PETERSEN = (
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 0),
    (0, 5),
    (1, 6),
    (2, 7),
    (3, 8),
    (4, 9),
    (5, 7),
    (7, 9),
    (9, 6),
    (6, 8),
    (8, 5),
)


@case(normal(2, 10, seed=14), smooth=True, rtol=1e-6)
def graph_embedding(x):
    """Edges as long as each other, non-edges too, and longer."""
    k, n = x.shape
    linked = np.zeros((n, n), dtype=bool)
    for i, j in PETERSEN:
        linked[i, j] = linked[j, i] = True
    sums, squares, counts = [0.0, 0.0], [0.0, 0.0], [0, 0]
    for i in range(n):
        for j in range(i):
            d = 0.0
            for c in range(k):
                d += (x[c, i] - x[c, j]) ** 2
            which = 0 if linked[i, j] else 1
            sums[which] += d
            squares[which] += d * d
            counts[which] += 1
    m1, m2 = sums[0] / counts[0], sums[1] / counts[1]
    v1, v2 = squares[0] / counts[0] - m1 * m1, squares[1] / counts[1] - m2 * m2
    return v1 + v2 + math.exp(max(m1 - m2 + 0.1, 0.0)) - 1


@case(normal(3, 2, seed=15), normal(2, 3, seed=16), normal(3, seed=17), normal(6, 4, seed=18), argnums=(0, 1, 2))
def nice_flow(w1, w2, b1, data):
    """One NICE coupling layer on halves of each sample; negative log likelihood."""
    nll = 0.0
    for sample in data:
        z = sample.copy()
        for h in range(3):
            hidden = b1[h]
            for i in range(2):
                hidden += w1[h, i] * z[i]
            if hidden > 0:
                for o in range(2):
                    z[2 + o] += w2[o, h] * hidden
        for v in z:
            nll += 0.5 * v * v
    return nll / len(data)


@case(normal(3, seed=19), normal(3, seed=20), uniform(0.4, 0.6, 3, seed=21), argnums=(0, 1, 2), smooth=True)
def leapfrog_two_bodies(x, v, m):
    """Kick, drift, kick around a fixed sun."""
    gm, dt = 1.0, 0.02
    for _ in range(15):
        r2 = 0.05
        for c in range(3):
            r2 += x[c] * x[c]
        w = gm / (r2 * math.sqrt(r2))
        for c in range(3):
            v[c] -= 0.5 * dt * w * m[c] * x[c]
            x[c] += dt * v[c]
    return x[0] * v[1] - x[1] * v[0] + x[2]


@case(normal(30, seed=22), oracle="differences")
def running_maximum(x):
    best = x[0]
    for i in range(1, len(x)):
        if x[i] > best:
            best = x[i]
    return best * best


@case(0.8, 1.7, argnums=(0, 1), smooth=True, value=0.5 * math.log(3.53), figures=1e-14)
def complex_logarithm_by_parts(x, y):
    """log|z| and arg z from reals, as the reversible complex log does."""
    return math.log(math.hypot(x, y))
