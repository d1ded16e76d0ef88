"""Programs with float32, integers of several widths, booleans and casts."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal

GAIN32 = np.float32(1.25)
LOOKUP = np.array([0.0, 0.5, 2.0, 4.5])


@case(normal(6).astype(np.float32), rtol=1e-5, jax=lambda jnp, x: jnp.sum(x * x))
def float32_sum(x):
    s = np.float32(0)
    for v in x:
        s += v * v
    return s


@case(normal(5, seed=1).astype(np.float32), np.float32(0.3), argnums=(0, 1), rtol=1e-4)
def float32_in_place(x, a):
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[i] = a * x[i] + np.float32(1)
        y[i] *= 2  # a Python number does not widen
    s = np.float32(0.0)
    for i in range(len(y)):
        s = s + y[i] * y[i - 1]
    return s


@case(normal(5, seed=2).astype(np.float32), normal(5, seed=3), argnums=(0, 1), rtol=1e-5)
def float32_meets_float64(a, b):
    s = 0.0
    for i in range(len(a)):
        s += a[i] * b[i] + float(a[i]) ** 2
    return s * GAIN32


@case(
    normal(6, seed=4), integers(0, 6, 6, seed=4).astype(np.int32), np.arange(6, dtype=np.uint8), argnums=0, smooth=True
)
def integer_indices(x, i32, u8):
    s = 0.0
    for k in range(6):
        s += x[i32[k]] * x[u8[k]] * (1 + i32[k])
    return s


@case(0.02, np.array([[10, 200, 30], [40, 250, 60]], dtype=np.uint8), argnums=0, smooth=True)
def grey_levels(gamma, image):
    s = 0.0
    for row in image:
        for level in row:
            s += (float(level) / 255.0) ** (1 + gamma)
    return s


@case(normal(6, seed=5), np.array([True, False, True, True, False, True]), argnums=0, smooth=True)
def boolean_mask(x, mask):
    total, count = 0.0, 0
    for v, use in zip(x, mask):
        if use:
            total += v * v
            count += 1
        total += v * mask[0]
    return total / count


@case(np.array([3.7, -1.2, 2.0]), smooth=True)
def casts(x):
    n = int(x[0])
    m = int(x[1])
    f = float(n) + np.float64(m)
    k = np.int64(7) // np.int64(2)
    r = np.int64(n) + 1
    return f * x[0] + k * x[1] + r * x[2] + np.float64(3) * x[2] ** np.int64(2) + bool(n) * x[0]


@case(np.float64(2.0), np.int64(3), argnums=0, smooth=True)
def numpy_int_exponent(x, n):
    y = x
    for i in range(n):
        y = y * x / (i + n)
    return y**n + n / 2 + (n // 2) * x + n % 2


@case(2.5, smooth=True)
def arrays_of_ints_inside(x):
    counts = np.zeros(4, dtype=np.int64)
    order = np.arange(4)
    for i in range(9):
        counts[i % 4] += i
    s = 0.0
    for k in order:
        s += counts[k] * x**k
    return s + LOOKUP[counts[0] % 4] * x


@case(np.array([1 + 2j, 0.5 - 1j], dtype=np.complex64), rtol=1e-4, tags="complex")
def complex64_argument(z):
    s = np.float32(0)
    for k in range(2):
        s += z[k].real * z[k - 1].imag + z[k].imag ** 2
    return s


@case(normal(4, seed=6), oracle="differences", smooth=True)
def dtype_keywords(x):
    a = np.zeros(4, dtype=np.float64)
    b = np.ones(4, dtype=float)
    c = np.array([1, 2, 3, 4], dtype=np.float64)
    d = np.full(4, 2)
    for i in range(4):
        a[i] = x[i] * b[i] + c[i] * d[i]
        b[i] += a[i]
    return a[0] * b[1] + a[2] * b[3] + x.dtype.itemsize


@case(normal(4, seed=7), smooth=True)
def int_array_divided(x):
    k = np.array([1, 2, 3, 4])
    s = 0
    for i in range(4):
        s += x[i] / k[i] + k[i] ** 2 / 3 - k[i] // 2
    return s


@case(
    1.7,
    np.int32(5),
    np.uint8(250),
    np.float32(0.5),
    argnums=0,
    oracle="given",
    gradient=5 * 0.85 + 133.5 * 0.5 + 0.25 / math.sqrt(1.7),
    figures=1e-6,
)
def mixed_scalars(x, i, u, h):
    a = i * x + u / 2
    b = h * x
    c = (i + 3) % 4
    return a * b + c + math.sqrt(x) * h
