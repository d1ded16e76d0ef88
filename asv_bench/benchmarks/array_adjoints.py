"""Value and gradient of kernels of whole arrays, derived by hand and compiled by numba with default flags.

Where the loop form computes the same, its adjoint is the one to beat, see `adjoints`; for mlp, whose matrices BLAS
multiplies, it is not.
"""

import math

import numpy as np
from numba import njit

from . import adjoints, array_kernels


@njit
def gmm(alphas, means, factor, x, galphas, gmeans, gfactor):
    k, d = means.shape
    n = x.shape[0]
    scale = np.empty((k, d))
    base = np.empty(k)
    terms = np.empty(k)
    for c in range(k):
        base[c] = alphas[c]
        galphas[c] = 0.0
        for i in range(d):
            base[c] += factor[c, i]
            scale[c, i] = math.exp(factor[c, i])
            gmeans[c, i] = 0.0
            gfactor[c, i] = 0.0
    total = 0.0
    for p in range(n):
        top = -math.inf
        for c in range(k):
            s = 0.0
            for i in range(d):
                t = (x[p, i] - means[c, i]) * scale[c, i]
                s += t * t
            terms[c] = base[c] - 0.5 * s
            top = max(top, terms[c])
        s = 0.0
        for c in range(k):
            terms[c] = math.exp(terms[c] - top)
            s += terms[c]
        total += top + math.log(s)
        share = 1 / s
        for c in range(k):
            w = terms[c] * share
            galphas[c] += w
            for i in range(d):
                t = (x[p, i] - means[c, i]) * scale[c, i]
                gmeans[c, i] += w * t * scale[c, i]
                gfactor[c, i] -= w * t * t
    norm = adjoints.log_sum_exp(alphas)
    for c in range(k):
        w = galphas[c]
        for i in range(d):
            gfactor[c, i] += w
        galphas[c] = w - n * math.exp(alphas[c] - norm)
    return total - n * norm


@njit
def softmax_rows(x, w, gx, gw):
    rows, columns = x.shape
    total = 0.0
    for i in range(rows):
        top = x[i, 0]
        for j in range(1, columns):
            top = max(top, x[i, j])
        s = 0.0
        for j in range(columns):
            gw[i, j] = math.exp(x[i, j] - top)
            s += gw[i, j]
        share = 1 / s
        mean = 0.0
        for j in range(columns):
            gw[i, j] *= share
            mean += gw[i, j] * w[i, j]
        for j in range(columns):
            gx[i, j] = gw[i, j] * (w[i, j] - mean)
        total += mean
    return total


@njit
def mlp(w1, b1, w2, b2, x, y, gw1, gb1, gw2, gb2):
    samples, outputs, hidden = x.shape[0], w2.shape[1], w2.shape[0]
    h = np.dot(x, w1)
    for s in range(samples):
        for j in range(hidden):
            h[s, j] = math.tanh(h[s, j] + b1[j])
    z = np.dot(h, w2)
    gb1[:] = 0
    gb2[:] = 0
    loss = 0.0
    for s in range(samples):
        for k in range(outputs):
            z[s, k] += b2[k]
        total = adjoints.log_sum_exp(z[s])
        loss += total - z[s, y[s]]
        for k in range(outputs):
            z[s, k] = math.exp(z[s, k] - total) / samples
        z[s, y[s]] -= 1 / samples
        for k in range(outputs):
            gb2[k] += z[s, k]
    np.dot(h.T, z, gw2)
    gh = np.dot(z, w2.T)
    for s in range(samples):
        for j in range(hidden):
            gh[s, j] *= 1 - h[s, j] * h[s, j]
            gb1[j] += gh[s, j]
    np.dot(x.T, gh, gw1)
    return loss / samples


FUNCTIONS = {
    **{name: adjoints.FUNCTIONS[name] for name in array_kernels.SAME},
    "norm2": adjoints.norm2,
    "gmm": gmm,
    "mlp": mlp,
    "softmax_rows": softmax_rows,
}


def by_hand(name, active, rest):
    """Return a function of no arguments: the value and the gradients, into the same arrays every time."""
    out = tuple(np.zeros_like(a) for a in active)
    function = FUNCTIONS[name]
    args = (*active, *(() if name == "norm2" else rest), *out)
    return lambda: (function(*args), out)
