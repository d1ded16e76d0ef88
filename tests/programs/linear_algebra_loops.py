"""Dense and sparse linear algebra as loops, mostly in place."""

import math

import numpy as np

from tests.programs.corpus import case, normal, uniform

_SPD = normal(4, 4, seed=1) @ normal(4, 4, seed=1).T + 4 * np.eye(4)


@case(
    normal(3, 4, seed=2), normal(4, 2, seed=3), argnums=(0, 1), smooth=True, jax=lambda jnp, a, b: jnp.sum((a @ b) ** 2)
)
def matrix_product(a, b):
    n, m = a.shape
    p = b.shape[1]
    c = np.zeros((n, p))
    for i in range(n):
        for j in range(p):
            for k in range(m):
                c[i, j] += a[i, k] * b[k, j]
    s = 0.0
    for i in range(n):
        for j in range(p):
            s += c[i, j] ** 2
    return s


@case(
    normal(5, seed=4, scale=0.2),
    normal(6, seed=5, shift=4.0),
    normal(5, seed=6, scale=0.2),
    normal(6, seed=7),
    argnums=(0, 1, 2, 3),
    smooth=True,
)
def thomas_in_place(lower, diag, upper, rhs):
    n = len(diag)
    for i in range(1, n):
        w = lower[i - 1] / diag[i - 1]
        diag[i] -= w * upper[i - 1]
        rhs[i] -= w * rhs[i - 1]
    rhs[n - 1] /= diag[n - 1]
    for i in range(n - 2, -1, -1):
        rhs[i] = (rhs[i] - upper[i] * rhs[i + 1]) / diag[i]
    s = 0.0
    for v in rhs:
        s += v * v
    return s


@case(_SPD, smooth=True, jax=lambda jnp, a: jnp.linalg.slogdet(a)[1])
def lu_in_place(a):
    """Doolittle without pivoting, overwriting the argument; returns the log-determinant."""
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    out = 0.0
    for k in range(n):
        out += math.log(abs(a[k, k]))
    return out


@case(
    normal(4, 4, seed=8),
    normal(4, seed=9),
    argnums=(0, 1),
    smooth=True,
    rtol=1e-6,
    jax=lambda jnp, a, b: jnp.sum(jnp.linalg.solve(a, b)),
)
def gauss_with_pivoting(a, b):
    a, b = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        if a[p, k] == 0:
            raise ZeroDivisionError("singular matrix")
        if p != k:
            for j in range(n):
                a[k, j], a[p, j] = a[p, j], a[k, j]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            f = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= f * a[k, j]
            b[i] -= f * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = b[i]
        for j in range(i + 1, n):
            s -= a[i, j] * x[j]
        x[i] = s / a[i, i]
    return x[0] + x[1] + x[2] + x[3]


@case(_SPD, smooth=True)
def cholesky(a):
    n = a.shape[0]
    low = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                if s <= 0:
                    raise ValueError("matrix is not positive definite")
                low[i, i] = math.sqrt(s)
            else:
                low[i, j] = s / low[j, j]
    log_det = 0.0
    for i in range(n):
        log_det += 2 * math.log(low[i, i])
    return log_det + low[2, 0]


@case(_SPD, 25, argnums=0, smooth=True, rtol=1e-6)
def power_iteration(a, steps):
    n = len(a)
    v = np.ones(n)
    w = np.empty(n)
    value = 0.0
    for _ in range(steps):
        norm = 0.0
        for i in range(n):
            w[i] = 0.0
            for j in range(n):
                w[i] += a[i, j] * v[j]
            norm += w[i] ** 2
        value = math.sqrt(norm)
        for i in range(n):
            v[i] = w[i] / value
    return value


@case(_SPD, normal(4, seed=10), argnums=(0, 1), smooth=True, rtol=1e-6)
def conjugate_gradients(a, b):
    n = len(b)
    x, r, p, q = np.zeros(n), b.copy(), b.copy(), np.zeros(n)
    rs = 0.0
    for v in r:
        rs += v * v
    it = 0
    while it < n:
        pq = 0.0
        for i in range(n):
            s = 0.0
            for j in range(n):
                s += a[i, j] * p[j]
            q[i] = s
            pq += p[i] * s
        step = rs / pq
        new = 0.0
        for i in range(n):
            x[i] += step * p[i]
            r[i] -= step * q[i]
            new += r[i] * r[i]
        for i in range(n):
            p[i] = r[i] + new / rs * p[i]
        rs = new
        it += 1
    return x[0] - x[1] + x[2] * x[3]


@case(normal(3, 3, seed=11), smooth=True, jax=lambda jnp, a: jnp.linalg.det(a))
def determinant_by_minors(m):
    """Recursion over columns, with lists of rows."""

    def det(rows, col):
        if len(rows) == 1:
            return m[rows[0], col]
        total, sign = 0.0, 1
        for k, r in enumerate(rows):
            total += sign * m[r, col] * det(rows[:k] + rows[k + 1 :], col + 1)
            sign = -sign
        return total

    return det([0, 1, 2], 0)


@case(_SPD, 3, argnums=0, smooth=True, rtol=1e-6)
def jacobi_eigenvalues(a, sweeps):
    n = a.shape[0]
    m = a.copy()
    for _ in range(sweeps):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(m[p, q]) < 1e-300:
                    continue
                tau = (m[q, q] - m[p, p]) / (2 * m[p, q])
                t = math.copysign(1.0, tau) / (abs(tau) + math.sqrt(1 + tau * tau))
                c = 1 / math.sqrt(1 + t * t)
                s = t * c
                for k in range(n):
                    m[k, p], m[k, q] = c * m[k, p] - s * m[k, q], s * m[k, p] + c * m[k, q]
                for k in range(n):
                    m[p, k], m[q, k] = c * m[p, k] - s * m[q, k], s * m[p, k] + c * m[q, k]
    out = 0.0
    for k in range(n):
        out += (k + 1) * m[k, k]
    return out


@case(
    np.array([0, 2, 3, 5]),
    np.array([0, 2, 1, 0, 3]),
    normal(5, seed=12),
    normal(4, seed=13),
    argnums=(2, 3),
    oracle="complex",
    smooth=True,
)
def csr_matvec(indptr, indices, data, x):
    total = 0.0
    for i in range(len(indptr) - 1):
        acc = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            acc += data[k] * x[indices[k]]
        total += acc * acc
    return total


@case(normal(4, 3, seed=14), smooth=True, rtol=1e-6)
def householder_with_column_pivots(a):
    """|det R| of a pivoted QR; columns are swapped by norm."""
    m, n = a.shape
    r = a.copy()
    out = 0.0
    for k in range(n):
        best, pick = -1.0, k
        for j in range(k, n):
            s = 0.0
            for i in range(k, m):
                s += r[i, j] ** 2
            if s > best:
                best, pick = s, j
        if pick != k:
            for i in range(m):
                r[i, k], r[i, pick] = r[i, pick], r[i, k]
        norm = math.sqrt(best)
        alpha = -norm if r[k, k] > 0 else norm
        v = np.zeros(m)
        v[k] = r[k, k] - alpha
        for i in range(k + 1, m):
            v[i] = r[i, k]
        vv = 0.0
        for i in range(k, m):
            vv += v[i] * v[i]
        for j in range(k, n):
            dot = 0.0
            for i in range(k, m):
                dot += v[i] * r[i, j]
            for i in range(k, m):
                r[i, j] -= 2 * dot / vv * v[i]
        out += math.log(abs(r[k, k])) * (k + 1)
    return out


@case(uniform(0.1, 1.0, 3, 3, seed=15), 0.3, 6, argnums=(0, 1), smooth=True)
def exponential_of_matrix(a, t, terms):
    n = len(a)
    result = np.eye(n)
    term = np.eye(n)
    for k in range(1, terms + 1):
        new = np.zeros_like(term)
        for i in range(n):
            for j in range(n):
                for p in range(n):
                    new[i, j] += term[i, p] * a[p, j] * t / k
        term = new
        for i in range(n):
            for j in range(n):
                result[i, j] += term[i, j]
    return result[0, 1] * result[2, 0]
