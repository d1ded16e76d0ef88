"""Textbook algorithms that happen to run on floats."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform


@case(normal(6, 2, seed=1), oracle="complex", smooth=True)
def shoelace_area(vertices):
    area = 0.0
    n = len(vertices)
    for i in range(n):
        x1, y1 = vertices[i]
        x2, y2 = vertices[(i + 1) % n]
        area += x1 * y2 - x2 * y1
    return 0.5 * area


@case(1.3, np.linspace(0, 3, 8), normal(8, seed=2), argnums=(0, 2))
def interpolate_by_binary_search(x, grid, values):
    lo, hi = 0, len(grid) - 1
    if x <= grid[lo]:
        return values[lo]
    if x >= grid[hi]:
        return values[hi]
    while hi - lo > 1:
        mid = (lo + hi) >> 1
        if grid[mid] <= x:
            lo = mid
        else:
            hi = mid
    t = (x - grid[lo]) / (grid[hi] - grid[lo])
    return (1 - t) * values[lo] + t * values[hi]


@case(normal(7, seed=3))
def quickselect_median(x):
    a = x.copy()
    k = len(a) // 2
    lo, hi = 0, len(a) - 1
    while lo < hi:
        pivot = a[k]
        i, j = lo, hi
        while i <= j:
            while a[i] < pivot:
                i += 1
            while pivot < a[j]:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        if j < k:
            lo = i
        if k < i:
            hi = j
    return a[k] ** 2


@case(normal(8, seed=4))
def heap_sort(x):
    a = x.copy()
    n = len(a)
    start = n // 2 - 1
    end = n - 1
    while end > 0:
        if start >= 0:
            root = start
            start -= 1
        else:
            a[0], a[end] = a[end], a[0]
            end -= 1
            root = 0
        while True:
            child = 2 * root + 1
            if child > end:
                break
            if child + 1 <= end and a[child] < a[child + 1]:
                child += 1
            if a[root] < a[child]:
                a[root], a[child] = a[child], a[root]
                root = child
            else:
                break
    return a[0] + 2 * a[n // 2] + a[n - 1] ** 3


@case(normal(20, seed=5) * np.array([1e6, 1.0] * 10), oracle="differences", rtol=1e-6)
def kahan_sum(x):
    total = 0.0
    carry = 0.0
    for v in x:
        y = v - carry
        t = total + y
        carry = (t - total) - y
        total = t
    return total


@case(uniform(0.1, 1.0, 5, 5, seed=6), argnums=0)
def dijkstra(weights):
    n = weights.shape[0]
    dist = np.full(n, np.inf)
    done = np.zeros(n, dtype=np.bool_)
    dist[0] = 0.0
    for _ in range(n):
        u = -1
        for v in range(n):
            if not done[v] and (u < 0 or dist[v] < dist[u]):
                u = v
        done[u] = True
        for v in range(n):
            if not done[v] and dist[u] + weights[u, v] < dist[v]:
                dist[v] = dist[u] + weights[u, v]
    s = 0.0
    for i, d in enumerate(dist):
        s += i * d
    return s


@case(normal(9, seed=7), 3, argnums=0)
def sliding_maximum(x, width):
    """Monotone queue held in an integer array."""
    n = len(x)
    queue = np.zeros(n, dtype=np.int64)
    head = tail = 0
    s = 0.0
    for i in range(n):
        while tail > head and x[queue[tail - 1]] <= x[i]:
            tail -= 1
        queue[tail] = i
        tail += 1
        if queue[head] <= i - width:
            head += 1
        if i >= width - 1:
            s += x[queue[head]] * (i + 1)
    return s


@case(uniform(0.2, 2.0, 6, seed=8), integers(0, 6, 7, 2, seed=8), argnums=0)
def spanning_forest(cost, edges):
    """Kruskal with union-find by path halving; edges are in order."""
    parent = np.arange(6)
    total = 0.0
    for k in range(len(edges)):
        a, b = edges[k, 0], edges[k, 1]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            parent[a] = b
            total += cost[a] * cost[b] + k
    return total


@case(normal(8, seed=9), smooth=True)
def haar_wavelet_in_place(x):
    n = len(x)
    tmp = np.empty(n)
    size = n
    while size > 1:
        half = size // 2
        for i in range(half):
            tmp[i] = (x[2 * i] + x[2 * i + 1]) / math.sqrt(2)
            tmp[half + i] = (x[2 * i] - x[2 * i + 1]) / math.sqrt(2)
        for i in range(size):
            x[i] = tmp[i]
        size = half
    s = 0.0
    for i in range(n):
        s += (i + 1) * x[i] ** 2
    return s


@case(normal(4, seed=10), 0.35, argnums=(0, 1), smooth=True)
def de_casteljau(control, t):
    b = control.copy()
    n = len(b)
    for r in range(1, n):
        for i in range(n - r):
            b[i] = (1 - t) * b[i] + t * b[i + 1]
    return b[0] ** 2


@case(np.linspace(0.0, 2.0, 5), normal(5, seed=11), 0.77, argnums=(1, 2), smooth=True)
def natural_cubic_spline(xs, ys, x):
    n = len(xs)
    m = np.zeros(n)
    c = np.zeros(n)
    d = np.zeros(n)
    for i in range(1, n - 1):
        h0, h1 = xs[i] - xs[i - 1], xs[i + 1] - xs[i]
        mu = h0 / (h0 + h1)
        rhs = 6 * ((ys[i + 1] - ys[i]) / h1 - (ys[i] - ys[i - 1]) / h0) / (h0 + h1)
        p = mu * c[i - 1] + 2
        c[i] = (mu - 1) / p
        d[i] = (rhs - mu * d[i - 1]) / p
    for i in range(n - 2, 0, -1):
        m[i] = c[i] * m[i + 1] + d[i]
    k = 0
    while k < n - 2 and xs[k + 1] < x:
        k += 1
    h = xs[k + 1] - xs[k]
    a, b = (xs[k + 1] - x) / h, (x - xs[k]) / h
    return a * ys[k] + b * ys[k + 1] + ((a**3 - a) * m[k] + (b**3 - b) * m[k + 1]) * h * h / 6


@case(normal(5, seed=12), 0.4, argnums=(0, 1), oracle="complex", smooth=True)
def clenshaw(c, x):
    b1 = b2 = 0.0
    for k in reversed(range(1, len(c))):
        b1, b2 = c[k] + 2 * x * b1 - b2, b1
    return c[0] + x * b1 - b2


@case(np.array([2.0, 3.0, 5.0]), 0.6, argnums=(0, 1), oracle="complex", smooth=True)
def neville(ys, x):
    p = [ys[0], ys[1], ys[2]]
    n = len(p)
    for m in range(1, n):
        for i in range(n - m):
            p[i] = ((x - (i + m)) * p[i] + (i - x) * p[i + 1]) / (i - (i + m))
    return p[0]


@case(0.0, 1.0, 2.5, argnums=(0, 1, 2), smooth=True)
def adaptive_simpson(a, b, k):
    """Recursion that stops at a fixed depth or when two estimates agree."""

    def f(t):
        return math.exp(-k * t) * math.cos(3 * t)

    def refine(lo, hi, depth):
        mid = 0.5 * (lo + hi)
        coarse = (hi - lo) / 6 * (f(lo) + 4 * f(mid) + f(hi))
        if depth == 0:
            return coarse
        return refine(lo, mid, depth - 1) + refine(mid, hi, depth - 1)

    return refine(a, b, 2)


@case(normal(5, seed=13), 9, argnums=0, oracle="complex", smooth=True)
def linear_congruential_weights(x, n):
    """Integer random numbers inside a float computation."""
    state = 12345
    s = 0.0
    for _ in range(n):
        state = (1103515245 * state + 12345) % 2147483648
        s = s * 0.9 + x[state % len(x)] * (state / 2147483648)
    return s


@case(integers(0, 2, 4, 4, seed=14), 0.7, argnums=1, smooth=True)
def ising_energy(spins, coupling):
    """Bit tricks decide the sign; 2x2 blocks as in a Margolus automaton."""
    n = spins.shape[0]
    e = 0.0
    for i in range(n):
        for j in range(n):
            code = spins[i, j] << 1 | spins[i, (j + 1) % n]
            aligned = code in (0, 3)
            e += -coupling if aligned else coupling * coupling
            if (spins[i, j] ^ spins[(i + 1) % n, j]) & 1:
                e += math.sin(coupling)
    return e
