"""Images, signals and sequences in whole-array numpy: filters, transforms, flows, dynamic programming by rows."""

import functools

import numpy as np

from tests.programs import corpus
from tests.programs.corpus import integers, normal, uniform

# numpy adds in blocks and through BLAS: sums differ in their last digits.
case = functools.partial(corpus.case, ulp=32)


@case(uniform(0, 1, 6, 7, seed=1), smooth=True, jax="same")
def sobel_edges(image):
    gx = image[:-2, 2:] + 2 * image[1:-1, 2:] + image[2:, 2:] - image[:-2, :-2] - 2 * image[1:-1, :-2] - image[2:, :-2]
    gy = image[2:, :-2] + 2 * image[2:, 1:-1] + image[2:, 2:] - image[:-2, :-2] - 2 * image[:-2, 1:-1] - image[:-2, 2:]
    return np.hypot(gx, gy).mean()


@case(uniform(0, 1, 6, 6, seed=2), 0.8, argnums=(0, 1), jax="same")
def separable_gaussian_blur(image, sigma):
    r = np.arange(-2, 3)
    kernel = np.exp(-0.5 * (r / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(image, 2, mode="reflect")
    rows = sum(kernel[k] * padded[k : k + image.shape[0]] for k in range(5))
    out = sum(kernel[k] * rows[:, k : k + image.shape[1]] for k in range(5))
    return np.sum((image - out) ** 2)


@case(uniform(0, 1, 5, 5, seed=3), 0.3, argnums=(0, 1), smooth=True, jax="same")
def bilateral_filter(image, spread):
    padded = np.pad(image, 1, "edge")
    total, weight = np.zeros_like(image), np.zeros_like(image)
    for dy in range(3):
        for dx in range(3):
            shifted = padded[dy : dy + 5, dx : dx + 5]
            w = np.exp(-((shifted - image) ** 2) / (2 * spread**2) - 0.5 * ((dy - 1) ** 2 + (dx - 1) ** 2))
            total += w * shifted
            weight += w
    return (total / weight).std()


@case(uniform(0, 1, 5, 6, seed=4), uniform(0, 1, 5, 6, seed=5), argnums=(0, 1), smooth=True, jax="same")
def total_variation(clean, noisy):
    dx, dy = np.diff(clean, axis=1)[:-1], np.diff(clean, axis=0)[:, :-1]
    return 0.5 * np.sum((clean - noisy) ** 2) + 0.1 * np.sum(np.sqrt(dx**2 + dy**2 + 1e-3))


@case(normal(8, seed=6), smooth=True)
def haar_wavelet(signal):
    out = signal.copy()
    n = len(out)
    while n > 1:
        half = n // 2
        even, odd = out[:n:2].copy(), out[1:n:2].copy()
        out[:half] = (even + odd) / np.sqrt(2)
        out[half:n] = (even - odd) / np.sqrt(2)
        n = half
    return np.sum(np.sqrt(out[1:] ** 2 + 0.01)) + out[0] ** 2


@case(normal(12, seed=7), smooth=True, jax="same")
def savitzky_golay(y):
    weights = np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35
    smoothed = np.convolve(y, weights[::-1], mode="valid")
    slope = np.gradient(smoothed, 0.1)
    return np.sum(smoothed**2) + 0.01 * np.sum(slope**2)


def second_derivatives(x, y):
    n = len(x)
    h = np.diff(x)
    slopes = np.diff(y) / h
    diagonal = 2 * (h[:-1] + h[1:])
    right = 6 * np.diff(slopes)
    for i in range(1, n - 2):
        w = h[i] / diagonal[i - 1]
        diagonal[i] -= w * h[i]
        right[i] -= w * right[i - 1]
    m = np.zeros(n)
    for i in range(n - 3, -1, -1):
        m[i + 1] = (right[i] - h[i + 1] * m[i + 2]) / diagonal[i]
    return m


@case(
    np.array([0.0, 0.7, 1.5, 2.1, 3.0]), normal(5, seed=8), np.array([0.3, 1.1, 1.9, 2.7]), argnums=(0, 1, 2), step=1e-4
)
def natural_cubic_spline(x, y, t):
    m = second_derivatives(x, y)
    i = np.clip(np.searchsorted(x, t) - 1, 0, len(x) - 2)
    h = x[i + 1] - x[i]
    a, b = (x[i + 1] - t) / h, (t - x[i]) / h
    value = a * y[i] + b * y[i + 1] + ((a**3 - a) * m[i] + (b**3 - b) * m[i + 1]) * h**2 / 6
    return np.sum(value**2)


@case(uniform(0, 1, 5, 5, seed=9), uniform(0, 1, 5, 5, seed=10), 0.5, argnums=(0, 1, 2), smooth=True, jax="same")
def optical_flow(first, second, alpha):
    """Horn and Schunck's iteration."""
    ix, iy, it = np.gradient(first, axis=1), np.gradient(first, axis=0), second - first
    u, v = np.zeros_like(first), np.zeros_like(first)

    def mean(w):
        p = np.pad(w, 1, mode="edge")
        return (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 4

    for _ in range(3):
        mu, mv = mean(u), mean(v)
        common = (ix * mu + iy * mv + it) / (alpha**2 + ix**2 + iy**2)
        u, v = mu - ix * common, mv - iy * common
    return np.sum(u**2 + v**2)


@case(normal(9, seed=11), normal(7, seed=12), argnums=(0, 1))
def time_warping_by_rows(a, b):
    cost = (a[:, None] - b[None, :]) ** 2
    row = np.cumsum(cost[0])
    for i in range(1, len(a)):
        new = np.empty_like(row)
        new[0] = row[0] + cost[i, 0]
        best = np.minimum(row[1:], row[:-1])
        for j in range(1, len(b)):
            new[j] = cost[i, j] + min(best[j - 1], new[j - 1])
        row = new
    return row[-1]


@case(uniform(0, 1, 6, 6, seed=13))
def seam_of_least_energy(image):
    energy = np.abs(np.diff(image, axis=0, append=image[-1:])) + np.abs(np.diff(image, axis=1, append=image[:, -1:]))
    cost = energy[0]
    for line in energy[1:]:
        padded = np.concatenate([[np.inf], cost, [np.inf]])
        cost = line + np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    return cost.min()


@case(normal(6, seed=14), normal(5, seed=15), 0.4, argnums=(0, 1, 2), smooth=True)
def soft_alignment(a, b, gap):
    score = -((a[:, None] - b) ** 2)
    table = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = np.array([table[i - 1, j - 1] + score[i - 1, j - 1], table[i - 1, j] - gap, table[i, j - 1] - gap])
            top = ways.max()
            table[i, j] = top + np.log(np.exp(ways - top).sum())
    return table[-1, -1]


@case(normal(10, seed=16), uniform(0.1, 0.6, 2, seed=17), argnums=(0, 1), smooth=True)
def recursive_filter(x, a):
    y = np.zeros_like(x)
    for n in range(x.size):
        past = y[max(n - 2, 0) : n][::-1]
        y[n] = x[n] + a[: past.size] @ past
    return np.sum(y**2) / x.size


@case(normal(8, seed=18), normal(8, seed=19), argnums=(0, 1), smooth=True, jax="same")
def coherence_by_transform_matrix(a, b):
    n = len(a)
    f = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    fa, fb = f @ a, f @ b
    cross = fa * np.conj(fb)
    return np.sum(np.abs(cross[1 : n // 2]) ** 2 / (1 + np.abs(fa[1 : n // 2]) ** 2)) + np.angle(cross[1])


@case(normal(12, seed=20), smooth=True)
def cosine_transform_energy(x):
    n = x.size
    k = np.arange(n)
    basis = np.cos(np.pi * np.outer(k, 2 * k + 1) / (2 * n)) * np.sqrt(2 / n)
    basis[0] *= np.sqrt(0.5)
    c = basis @ x
    c[n // 2 :] = 0
    return np.sum((basis.T @ c - x) ** 2)


@case(uniform(0.5, 1.5, 9, seed=21), uniform(0.1, 1, 3, seed=22), argnums=(0, 1), smooth=True, jax="same")
def richardson_lucy(observed, psf):
    psf = psf / psf.sum()
    estimate = np.full_like(observed, observed.mean())
    for _ in range(4):
        ratio = observed / np.convolve(estimate, psf, "same")
        estimate *= np.convolve(ratio, psf[::-1], "same")
    return np.sum(estimate * np.log(estimate))


@case(normal(10, seed=23), jax="same")
def running_median(x):
    windows = np.stack([x[i : i + x.size - 4] for i in range(5)], axis=1)
    return np.sum((np.median(windows, axis=1) - x[2:-2]) ** 2)


@case(uniform(0, 1, 5, 6, seed=24))
def morphological_gradient(image):
    padded = np.pad(image, 1, mode="symmetric")
    shifts = [padded[i : i + 5, j : j + 6] for i in range(3) for j in range(3)]
    return np.sum(np.maximum.reduce(shifts) - np.minimum.reduce(shifts))


@case(normal(4, 3, seed=25), np.array([0.2, 0.9, 2.4, 2.9]), argnums=(0, 1), step=1e-4, jax="same")
def bilinear_sampling(image, at):
    y0 = np.floor(at).astype(int)
    y1 = np.minimum(y0 + 1, image.shape[0] - 1)
    part = (at - y0)[:, None]
    sampled = (1 - part) * image[y0] + part * image[y1]
    return (sampled**2).sum()


@case(normal(9, seed=26), np.sort(uniform(0, 4, 5, seed=27)), normal(5, seed=28), argnums=(0, 2), jax="same")
def resampling_by_interpolation(t, knots, values):
    return np.sum(np.interp(t + 2, knots, values) ** 2) + np.trapezoid(values, knots)


@case(normal(16, seed=29), 0.9, argnums=(0, 1), smooth=True, jax="same")
def spectrogram_by_windows(x, shape):
    frames = x[np.arange(0, 9, 4)[:, None] + np.arange(8)]
    window = np.sin(np.pi * (np.arange(8) + 0.5) / 8) ** shape
    k = np.arange(4)[:, None] * np.arange(8)
    re, im = frames * window @ np.cos(2 * np.pi * k / 8).T, frames * window @ np.sin(2 * np.pi * k / 8).T
    return np.log1p(re**2 + im**2).sum()


@case(uniform(0, 1, 4, 4, 3, seed=30), smooth=True, jax="same")
def colour_transform(image):
    weights = np.array([[0.299, 0.587, 0.114], [-0.147, -0.289, 0.436], [0.615, -0.515, -0.100]])
    yuv = image @ weights.T
    chroma = yuv[..., 1:]
    small = chroma.reshape(2, 2, 2, 2, 2).mean(axis=(1, 3))
    back = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    return np.sum((chroma - back) ** 2) + yuv[..., 0].var()


@case(normal(8, seed=31), integers(0, 8, 6, seed=32), normal(6, seed=33), argnums=(0, 2), smooth=True)
def scattered_updates(field, where, amount):
    """Repeated places: assignment keeps the last, add.at all."""
    added = field.copy()
    np.add.at(added, where, amount)
    field[where] += amount
    field[where[::-1]] *= 0.5
    return added @ added + field @ np.arange(8.0)
