"""Programs that read and write through rows, slices, transposes and aliased arguments."""

import math

import numpy as np

from tests.programs.corpus import case, normal

READ_ONLY = normal(5, seed=30)
READ_ONLY.flags.writeable = False
_SHARED = normal(4, seed=31)


@case(normal(3, 4), smooth=True, jax=lambda jnp, m: jnp.sum(jnp.sum(m, 1) ** 2))
def row_views(m):
    s = 0.0
    for i in range(len(m)):
        row = m[i]
        t = 0.0
        for j in range(len(row)):
            t += row[j]
        s += t * t
    return s


@case(normal(3, 5, seed=1), smooth=True)
def inner_part_of_row(m):
    r = m[1, 1:-1]
    q = m[-1][2:]
    s = 0.0
    for k in range(len(r)):
        s += r[k] * q[k]
    return s + r[-1] ** 2 + r.shape[0]


@case(normal(4, 4, seed=2), smooth=True)
def views_of_views(a):
    block = a[1:, :3]
    corner = block[::2, 1:]
    line = corner[:, 1]
    s = 0.0
    for v in line:
        s += v * v
    return s * block[0, 0] + corner.size + corner.ndim


@case(normal(3, 4, seed=3), smooth=True)
def write_through_row(a):
    b = a.copy()
    for i in range(1, 3):
        prev, cur = b[i - 1], b[i]
        for j in range(4):
            cur[j] += 0.5 * prev[j] * prev[j]
    return b[2, 0] * b[2, 3] + b[1, 1]


@case(normal(3, 4, seed=4), smooth=True)
def write_through_column(a):
    col = a[:, 1]
    col[0] = 2.0 * col[2]
    for i in range(len(col)):
        col[i] *= a[i, 0]
    s = 0.0
    for i in range(3):
        for j in range(4):
            s += a[i, j] ** 2
    return s


@case(normal(3, 4, seed=5), smooth=True)
def transpose(a):
    t = a.T
    s = 0.0
    for i in range(t.shape[0]):
        for j in range(t.shape[1]):
            s += (i + 2 * j) * t[i, j] * a[j, i]
    t[0, 1] = 7.0
    return s + a[1, 0] * a[0, 1]


@case(normal(8, seed=6), smooth=True)
def strided_and_reversed(x):
    even, odd, back = x[::2], x[1::2], x[::-1]
    s = 0.0
    for i in range(4):
        s += even[i] * odd[i] - back[i] * back[i + 1]
    return s + back[-1] * x[-2:][0]


@case(normal(6, seed=7), smooth=True)
def overlapping_slices(x):
    left, right = x[:-1], x[1:]
    for i in range(len(left)):
        left[i] += 0.5 * right[i]
        right[i] -= 0.1 * left[i]
    s = 0.0
    for v in x:
        s += v * v
    return s


@case(_SHARED, _SHARED, argnums=0, smooth=True)
def same_array_twice(a, b):
    s = 0.0
    for i in range(len(a)):
        s += a[i] * b[-1 - i] + math.sin(a[i])
    return s


@case(np.asfortranarray(normal(3, 4, seed=8)), smooth=True)
def fortran_order(a):
    s = 0.0
    for j in range(a.shape[1]):
        for i in range(a.shape[0]):
            s += a[i, j] * a[i, j - 1] * (i + 1)
    return s


@case(normal(10, seed=9)[1::2], normal(4, 6, seed=10)[::-2, 1:4], argnums=(0, 1), smooth=True)
def non_contiguous_arguments(x, m):
    s = 0.0
    for i in range(len(x)):
        s += x[i] ** 2 * (i + 1)
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            s += m[i, j] * x[i] * x[j]
    return s


@case(normal(7, seed=11)[::-1], smooth=True)
def negative_stride_argument(x):
    y = 1.0
    for v in x:
        y = 0.5 * y + v * v * y
    return y


@case(READ_ONLY, smooth=True)
def read_only_argument(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i - 1]
    return s


@case(normal(4, 3, seed=12), smooth=True)
def rows_swapped(a):
    b = np.zeros((2, 3))
    for i in range(3):
        b[0, i] = a[0, i]
    src, dst = b[0], b[1]
    for step in range(3):
        for i in range(3):
            dst[i] = src[i] * a[step + 1, i] + 1
        src, dst = dst, src
    return src[0] + src[1] * src[2]


@case(normal(2, 3, 4, seed=13), smooth=True)
def slices_of_three_axes(t):
    plane = t[1]
    pencil = t[:, 2, 1]
    slab = t[0, :, 1:3]
    s = pencil[0] * pencil[1]
    for i in range(plane.shape[0]):
        s += plane[i, 0] * slab[i, 1]
    return s + len(t) + t.size


@case(normal(6, seed=14), 2, argnums=0, smooth=True)
def moving_window(x, half):
    n = len(x)
    s = 0.0
    for i in range(n):
        window = x[max(0, i - half) : i + half + 1]
        mean = 0.0
        for v in window:
            mean += v / len(window)
        s += (x[i] - mean) ** 2
    return s


def _scale(v, factor):
    for i in range(len(v)):
        v[i] *= factor


@case(normal(4, 3, seed=15), 1.7, argnums=(0, 1), smooth=True)
def helper_writes_a_view(a, f):
    _scale(a[1], f)
    _scale(a[:, 2], 2.0)
    _scale(a[2:, :2][1], f * f)
    s = 0.0
    for row in a:
        for v in row:
            s += v * v * v
    return s


@case(normal(5, seed=16), smooth=True)
def negative_indices(x):
    n = len(x)
    s = x[-1] * x[-n]
    for k in range(1, n):
        s += x[-k] * x[n - k - 1] / k
    return s
