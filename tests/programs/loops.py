"""Programs with counted loops: ranges, arrays, tuples, enumerate, zip, reversed, else, break, continue."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform

BINOMIAL = (1, 4, 6, 4, 1)
NODES = [-0.7745966692414834, 0.0, 0.7745966692414834]
WEIGHTS = [5 / 9, 8 / 9, 5 / 9]


@case(normal(6), oracle="complex", smooth=True)
def sum_of_squares(xs):
    s = 0
    for x in xs:
        s += x * x
    return s


@case(normal(5), normal(5, seed=1), argnums=(0, 1), oracle="complex", smooth=True, jax=lambda jnp, a, b: jnp.dot(a, b))
def dot(a, b):
    assert len(a) == len(b)
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@case(normal(8, seed=2), oracle="complex", smooth=True)
def stepped_ranges(x):
    n = len(x)
    out = 0.0
    for i in range(1, n, 3):
        out += x[i]
    for i in range(n - 1, -1, -2):
        out = out * 0.5 + x[i] ** 2
    for i in range(-3, 0):
        out += x[i] * x[i + 1]
    for _ in range(n, 2):
        out += 1e6
    return out


@case(normal(6, seed=3), 2, argnums=0, oracle="complex")
def step_from_argument(x, step):
    s = 0.0
    for i in range(0, x.shape[0], step):
        s += (i + 1) * x[i]
    for i in range(x.shape[0] - 1, 0, -step):
        s -= x[i] ** 3 / i
    return s


@case(normal(5, seed=4), oracle="complex")
def variable_after_loop(x):
    for i in range(3):  # noqa: B007
        pass
    last = x[i]
    for v in x:  # noqa: B007
        pass
    return last * v + i


@case(normal(5, seed=5), 0.1, argnums=(0, 1))
def search_with_else(x, threshold):
    for i, v in enumerate(x):
        if v > 10.0:
            found = v * i
            break
    else:
        found = threshold * x[0]
    for v in x:
        if v < threshold:
            first_small = v
            break
    else:
        first_small = 0.0
    return found + first_small**2


@case(normal(4, seed=6), normal(4, seed=7), normal(4, seed=8), argnums=(0, 1, 2), oracle="complex", smooth=True)
def zipped(a, b, c):
    s = 0.0
    for u, v, w in zip(a, b, c):
        s += u * v * w
    for k, (u, w) in enumerate(zip(a, c), start=1):
        s -= k * u / (1.5 + w * w)
    for (i, u), v in zip(enumerate(a), b):
        s += i * u * v
    return s


@case(normal(6, seed=9), oracle="complex", smooth=True)
def backwards(x):
    y = 0.0
    for v in reversed(x):
        y = 0.8 * y + v * v
    for i in reversed(range(1, len(x))):
        y += x[i] * x[i - 1] / i
    return y


@case(normal(3, 4, seed=10), oracle="complex", smooth=True)
def rows_of_matrix(m):
    total = 0.0
    for row in m:
        s = 0.0
        for v in row:
            s += v
        total += s * s
    for i, row in enumerate(m):
        total += (i + 1) * row[0] * row[-1]
    return total


@case(normal(5, seed=11), oracle="complex", smooth=True)
def triangular(x):
    n = x.size
    e = 0.0
    for i in range(n):
        for j in range(i):
            e += x[i] * x[j] / (i - j)
        for j in range(i + 1, n):
            e -= 0.5 * (x[i] - x[j]) ** 2
    return e


@case(normal(7, seed=12), 0.4, argnums=(0, 1))
def skip_and_stop(x, cap):
    total = 0.0
    for v in x:
        if v < 0:
            continue
        if total > cap:
            break
        total += v * cap
    return total


@case(normal(4, 5, seed=13))
def return_from_nested(grid):
    rows, cols = grid.shape
    best = 0.0
    for i in range(rows):
        for j in range(cols):
            best += grid[i, j] ** 2
            if best > 6.0:
                return best * grid[i, j] + i + j
    return -best


@case(normal(5, 4, seed=14))
def breaks_at_two_levels(a):
    n, m = a.shape
    acc = 1.0
    for i in range(n):
        row_sum = 0.0
        for j in range(m):
            if a[i, j] > 1.2:
                break
            if a[i, j] < -1.0:
                continue
            row_sum += a[i, j] * acc
        else:
            acc += 0.1 * row_sum
            continue
        acc -= 0.2 * row_sum
        if acc > 50:
            break
    return acc


@case(0.9, oracle="complex", smooth=True, jax=lambda jnp, x: (1 + x) ** 4)
def over_constant_tuple(x):
    s = 0
    for k, c in enumerate(BINOMIAL):
        s += c * x**k
    return s


@case(0.2, 1.7, argnums=(0, 1), smooth=True)
def gauss_quadrature(a, b):
    mid, half = 0.5 * (a + b), 0.5 * (b - a)
    area = 0.0
    for node, weight in zip(NODES, WEIGHTS):
        t = mid + half * node
        area += weight * math.exp(-t * t)
    return half * area


@case(0.5, oracle="complex", smooth=True)
def over_literals(x):
    s = 0.0
    for a, b in ((1, 2.0), (3, -0.5), (0.25, 4)):
        s += a * x + b * x * x
    for k in [1, 2, 3]:
        s *= 1 + k * x
    return s


@case(normal(4, seed=15), integers(0, 4, 6, seed=3), argnums=0, oracle="complex", smooth=True)
def over_index_array(x, order):
    y = 1.0
    for k in order:
        y += x[k] * y / (2 + k)
    return y


@case(normal(4, seed=16), np.array([3, 0, 2, 5]), argnums=0, oracle="complex", smooth=True)
def trip_counts_from_data(x, counts):
    s = 0.0
    for i in range(len(x)):
        p = 1.0
        for _ in range(counts[i]):
            p *= x[i]
        s += p
    return s


@case(np.zeros(0), 0.3, argnums=(0, 1), oracle="complex", value=0.09, figures=1e-14)
def empty_loop(x, base):
    s = np.float64(base) if isinstance(base, float) else base  # what adding an element would make it
    for v in x:
        s += 1 / v
    for i in range(5, 2):
        s += i
    for i in range(len(x)):
        s += x[i]
    return s * base


@case(normal(6, seed=17), oracle="complex")
def bound_changes_inside(x):
    n = len(x)
    s = 0.0
    for i in range(n):
        n -= 1
        if n > 2:
            s += x[i] * x[n]
        i += 10  # the next iteration is not affected  # noqa: PLW2901
    return s + n


@case(uniform(0.1, 1.0, 6, seed=18), smooth=True, jax=lambda jnp, p: -jnp.sum(p * jnp.log(p)))
def entropy(p):
    h = 0.0
    for pi in p:
        h -= pi * math.log(pi)
    return h


@case(normal(5, seed=19), smooth=True)
def running_maximum_and_mean(x):
    top = x[0]
    mean = 0.0
    for n, v in enumerate(x, 1):
        top = max(top, v)
        mean += (v - mean) / n
    return top * mean


@case(normal(2, 3, 2, seed=20), oracle="complex", smooth=True)
def three_levels(t):
    s = 0.0
    for i in range(t.shape[0]):
        for j in range(t.shape[1]):
            for k in range(t.shape[2]):
                s += t[i, j, k] * t[i - 1, j - 1, k - 1] * (i + 2 * j + 3 * k)
    return s


@case(0.4, 30, argnums=0, oracle="complex", smooth=True)
def logistic_map(r, n):
    x = 0.3
    for _ in range(n):
        x = 4 * r * x * (1 - x)
    return x


@case(normal(9, seed=21), oracle="complex", smooth=True)
def pairwise_with_slices(x):
    s = 0.0
    for a, b in zip(x[:-1], x[1:]):
        s += (b - a) ** 2
    for a, b in zip(x[::2], x[1::2]):
        s += a * b
    return s


@case(normal(4, seed=40), normal(10, seed=41), argnums=(0, 1), oracle="complex", smooth=True)
def packed_triangles(x, a):
    """A condensed table of pairs, counted through, and a packed symmetric matrix, by its formula."""
    n = x.shape[0]
    d = np.empty(n * (n - 1) // 2, dtype=x.dtype)
    k = 0
    for i in range(n):
        for j in range(i + 1, n):
            d[k] = (x[i] - x[j]) ** 2
            k += 1
    s = 0.0
    for i in range(n):
        for j in range(i + 1):
            s += a[i * (i + 1) // 2 + j] * x[i] * x[j]
    for m in range(k):
        s += d[m] ** 2 / (m + 1)
    return s
