"""Programs that make arrays and write them in place."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform


@case(normal(6), oracle="complex", smooth=True, jax=lambda jnp, x: jnp.sum(jnp.cumsum(x) ** 2))
def prefix_sums(x):
    c = x.copy()
    for i in range(1, len(c)):
        c[i] += c[i - 1]
    s = 0.0
    for v in c:
        s += v * v
    return s


@case(normal(3, seed=1), normal(3, seed=2), normal(3, seed=3), 0.7, argnums=(0, 1, 2, 3), oracle="complex", smooth=True)
def axpy_overwrites(x, y, z, a):
    """L = z.(a x + y) with y overwritten; y is the caller's array."""
    for i in range(len(y)):
        y[i] += a * x[i]
    out = 0.0
    for i in range(len(y)):
        out += z[i] * y[i]
    return out


@case(normal(6, seed=4), jax=lambda jnp, x: jnp.sum(jnp.sort(x) * jnp.arange(1, 7)))
def insertion_sort(x):
    a = x.copy()
    for i in range(1, len(a)):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    total = 0.0
    for i, v in enumerate(a):
        total += (i + 1) * v
    return total


@case(normal(6, seed=5))
def bubble_sort_in_argument(x):
    n = len(x)
    swapped = True
    while swapped:
        swapped = False
        for i in range(n - 1):
            if x[i] > x[i + 1]:
                x[i], x[i + 1] = x[i + 1], x[i]
                swapped = True
    return x[0] * x[n - 1] + x[n // 2] ** 2


@case(normal(7, seed=6), integers(0, 4, 7, seed=6), 4, argnums=0)
def scatter_add(values, index, size):
    h = np.zeros(size)
    for i in range(len(values)):
        h[index[i]] += values[i] ** 2
    s = 0.0
    for k in range(size):
        s += math.sqrt(1 + h[k])
    return s


@case(normal(8, seed=7), 0.6, argnums=(0, 1), smooth=True)
def recursive_filter(x, a):
    y = np.empty_like(x)
    y[0] = x[0]
    for n in range(1, len(x)):
        y[n] = a * y[n - 1] + (1 - a) * x[n]
    power = 0.0
    for n in range(len(x)):
        power += y[n] ** 2
    return power


@case(normal(10, seed=8), 0.5, 6, argnums=(0, 1), smooth=True)
def lax_wendroff(q, c, steps):
    """Periodic advection: fluxes first, then q[i] += flux[i-1] - flux[i], ends assigned."""
    n = len(q)
    flux = np.zeros(n)
    for _ in range(steps):
        for i in range(n - 1):
            flux[i] = 0.5 * c * (q[i] + q[i + 1]) - 0.5 * c * c * (q[i + 1] - q[i])
        for i in range(1, n - 1):
            q[i] += flux[i - 1] - flux[i]
        q[0] = q[n - 2]
        q[n - 1] = q[1]
    s = 0.0
    for i in range(n):
        s += q[i] * q[i] * (i + 1)
    return s


@case(normal(8, seed=9), 0.2, 5, argnums=(0, 1), smooth=True)
def heat_with_two_buffers(u0, r, steps):
    u = u0.copy()
    new = np.zeros_like(u)
    for _ in range(steps):
        new[0] = u[0]
        new[-1] = u[-1]
        for i in range(1, len(u) - 1):
            new[i] = u[i] + r * (u[i - 1] - 2 * u[i] + u[i + 1])
        u, new = new, u
    return u[3] * u[4] + u[-2]


@case(normal(4, 5, seed=10), 3, argnums=0, smooth=True)
def gauss_seidel(grid, sweeps):
    g = np.copy(grid)
    n, m = g.shape
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                g[i, j] = 0.25 * (g[i - 1, j] + g[i + 1, j] + g[i, j - 1] + g[i, j + 1])
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += g[i, j] ** 2
    return s


@case(normal(5, seed=11), oracle="differences", smooth=True)
def every_augmented_store(x):
    a = np.ones(4)
    for i in range(len(x)):
        k = (3 * i + 1) % 4
        a[k] += x[i]
        a[k - 1] *= x[i]
        a[-k] -= 0.5 * x[i]
        a[k] /= 2 + x[i] ** 2
    a[2] **= 2
    return a[0] + 2 * a[1] + 3 * a[2] + 4 * a[3]


@case(0.7, 1.5, argnums=(0, 1), smooth=True)
def constructors(x, y):
    a = np.zeros(3)
    b = np.ones((2, 3))
    c = np.full(3, 2.5)
    d = np.arange(3)
    e = np.arange(0.0, 1.0, 0.25)
    f = np.linspace(0.0, 2.0, 5)
    g = np.array([x, y, 3.0])
    h = np.array([[x, 1.0], [y, x * y]])
    p = np.empty(2)
    z = np.zeros((2, 2), dtype=np.float64)
    p[0] = x
    p[1] = y
    a[1] = x
    z[1, 0] = y
    b[1, 2] *= x
    s = a[1] * b[1, 2] + c[0] * d[2] * x + e[3] * y + f[-1] * x
    s += g[0] * g[1] + h[1, 1] * h[0, 1] + p[0] / p[1] + z[1, 0] ** 2
    return s + len(a) + b.size + h.ndim + b.shape[0]


@case(5, 0.8, argnums=1, smooth=True)
def table_of_powers(n, x):
    t = np.zeros(n + 1)
    t[0] = 1
    for i in range(n):
        t[i + 1] = t[i] * x
    s = 0
    for v in t:
        s += v
    return s


@case(uniform(0.5, 2.0, 5, seed=12), smooth=True)
def fibonacci_weights(w):
    """Linear recurrence filled into a table, each entry weighted."""
    n = 8
    f = np.ones(n)
    for i in range(2, n):
        f[i] = f[i - 1] + w[i % len(w)] * f[i - 2]
    return f[n - 1]


@case(normal(3, 3, seed=13), smooth=True)
def rotate_in_place(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            a[i, j], a[j, i] = a[j, i], a[i, j]
    for i in range(n):
        for j in range(n // 2):
            a[i, j], a[i, n - 1 - j] = a[i, n - 1 - j], a[i, j]
    s = 0.0
    for i in range(n):
        for j in range(n):
            s += (i + 1) * (j + 2) * a[i, j] ** 2
    return s


@case(normal(6, seed=14), smooth=True)
def overwritten_before_read(x):
    x[2] = 5.0
    x[3] = x[0] * x[1]
    x[0] = x[3] + x[2]
    return x[0] * x[3] + x[4] * x[-1]


@case(normal(5, seed=15), oracle="differences")
def clipped_update(x):
    for t in range(4):
        for i in range(len(x)):
            x[i] = min(max(x[i] * 1.3 + 0.1 * t, -1.5), 1.5)
    s = 0.0
    for v in x:
        s += v
    return s


@case(
    normal(4, seed=16),
    normal(3, seed=17),
    argnums=(0, 1),
    smooth=True,
    jax=lambda jnp, a, b: jnp.sum(jnp.convolve(a, b) ** 2),
)
def convolution(a, b):
    out = np.zeros(len(a) + len(b) - 1)
    for i in range(len(a)):
        for j in range(len(b)):
            out[i + j] += a[i] * b[j]
    s = 0.0
    for v in out:
        s += v**2
    return s


@case(normal(4, seed=18), smooth=True)
def returns_an_array(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = math.exp(x[i]) * x[i - 1]
    return y


@case(normal(4, seed=19), 0.3, argnums=(0, 1), smooth=True)
def returns_its_argument(x, a):
    for i in range(len(x)):
        x[i] *= a
    return x


@case(uniform(0.1, 1.0, 4, 4, seed=20))
def shortest_paths(d):
    n = len(d)
    dist = d.copy()
    for k in range(n):
        for i in range(n):
            for j in range(n):
                via = dist[i, k] + dist[k, j]
                if via < dist[i, j]:
                    dist[i, j] = via
    total = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += dist[i, j]
    return total


@case(normal(6, seed=21), smooth=True)
def array_in_inner_loop(x):
    s = 0.0
    for i in range(len(x) - 2):
        w = np.zeros(3)
        for k in range(3):
            w[k] = x[i + k] ** 2
        w[1] *= 2
        norm = w[0] + w[1] + w[2]
        s += w[1] / (1 + norm)
    return s


@case(normal(5, seed=22), smooth=True)
def fill_and_slices_assigned(x):
    a = np.empty(5)
    a.fill(2.0)
    a[1:3] = 0.5
    b = np.empty(5)
    b[:] = x
    b[0] = 3.0
    s = 0.0
    for i in range(5):
        s += a[i] * b[i] * x[i]
    return s


@case(normal(6, seed=23), smooth=True)
def wavefront(x):
    n = len(x)
    t = np.zeros((n, n))
    for i in range(n):
        t[0, i] = x[i]
        t[i, 0] = x[i]
    for i in range(1, n):
        for j in range(1, n):
            t[i, j] = 0.4 * t[i - 1, j] + 0.3 * t[i, j - 1] + 0.3 * math.sin(t[i - 1, j - 1])
    return t[n - 1, n - 1]


@case(normal(6, 6, seed=40), 2, oracle="complex", smooth=True)
def triangular_stencil(a, steps):
    u = a.copy()
    v = a.copy()
    for _ in range(steps):
        for i in range(1, len(a) - 1):
            for j in range(1, i):
                v[i, j] = u[i - 1, j] + u[i + 1, j] + 0.5 * u[i, j - 1] * u[i, j + 1]
        u, v = v, u
    s = 0.0
    for i in range(len(a)):
        for j in range(len(a)):
            s += u[i, j] ** 2
    return s


@case(normal(4, seed=41), smooth=True)
def zeros_multiplied(x):
    a = np.zeros(4)
    a *= x
    return a.sum() + x[1] * x[2]
