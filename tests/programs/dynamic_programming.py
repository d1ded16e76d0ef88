"""Tables filled from their own entries: soft-DTW, hidden Markov models, alignments."""

import math

import numpy as np

from tests.programs.corpus import case, integers, normal, uniform


def _softmin(a, b, c, gamma):
    m = min(a, b, c)
    if m == math.inf:
        return m
    s = math.exp(-(a - m) / gamma) + math.exp(-(b - m) / gamma) + math.exp(-(c - m) / gamma)
    return m - gamma * math.log(s)


@case(normal(5), normal(6, seed=1), kwargs={"gamma": 0.5}, argnums=(0, 1), smooth=True)
def soft_dtw(x, y, gamma):
    """The table's border is infinite: by gamma the derivative would be 0 times infinity."""
    n, m = len(x), len(y)
    r = np.full((n + 1, m + 1), np.inf)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            r[i, j] = cost + _softmin(r[i - 1, j], r[i, j - 1], r[i - 1, j - 1], gamma)
    return r[n, m]


@case(normal(5, seed=2), normal(4, seed=3), argnums=(0, 1))
def hard_dtw(x, y):
    n, m = len(x), len(y)
    table = np.full((n + 1, m + 1), np.inf)
    table[0][0] = 0
    for i in range(n):
        for j in range(m):
            best = min(table[i][j], table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = abs(x[i] - y[j]) + best
    return table[n][m]


@case(
    uniform(0.1, 1.0, 3, seed=4),
    uniform(0.1, 1.0, 3, 3, seed=5),
    uniform(0.1, 1.0, 3, 4, seed=6),
    integers(0, 4, 8, seed=7),
    argnums=(0, 1, 2),
    smooth=True,
)
def hmm_forward(start, trans, emit, observed):
    """Scaled forward algorithm; the log-likelihood is the sum of log scales."""
    states = len(start)
    alpha = np.zeros(states)
    new = np.zeros(states)
    loglik = 0.0
    for t, symbol in enumerate(observed):
        total = 0.0
        for s in range(states):
            if t == 0:
                p = start[s]
            else:
                p = 0.0
                for r in range(states):
                    p += alpha[r] * trans[r, s]
            new[s] = p * emit[s, symbol]
            total += new[s]
        for s in range(states):
            alpha[s] = new[s] / total
        loglik += math.log(total)
    return loglik


@case(normal(6, 3, seed=8), normal(3, 3, seed=9), np.array([0, 2, 1, 1, 0, 2]), argnums=(0, 1), smooth=True)
def crf_negative_loglik(unary, pairwise, labels):
    """Linear-chain conditional random field: log partition minus score of the labels."""
    length, k = unary.shape
    alpha = unary[0].copy()
    score = unary[0, labels[0]]
    for t in range(1, length):
        nxt = np.empty(k)
        for j in range(k):
            m = -np.inf
            for i in range(k):
                m = max(m, alpha[i] + pairwise[i, j])
            acc = 0.0
            for i in range(k):
                acc += math.exp(alpha[i] + pairwise[i, j] - m)
            nxt[j] = unary[t, j] + m + math.log(acc)
        alpha = nxt
        score += unary[t, labels[t]] + pairwise[labels[t - 1], labels[t]]
    m = max(alpha)
    z = 0.0
    for a in alpha:
        z += math.exp(a - m)
    return m + math.log(z) - score


@case(normal(6, 3, seed=10), normal(3, 3, seed=11), argnums=(0, 1))
def viterbi_score(scores, transitions):
    steps, k = scores.shape
    delta = scores[0].copy()
    back = np.zeros((steps, k), dtype=np.int64)
    for t in range(1, steps):
        new = np.empty(k)
        for j in range(k):
            best, arg = -1e30, 0
            for i in range(k):
                cand = delta[i] + transitions[i, j]
                if cand > best:
                    best, arg = cand, i
            new[j] = best + scores[t, j]
            back[t, j] = arg
        for j in range(k):
            delta[j] = new[j]
    last = 0
    for j in range(1, k):
        if delta[j] > delta[last]:
            last = j
    total = delta[last]
    for t in range(steps - 1, 0, -1):
        total += 0.1 * scores[t, last] ** 2
        last = back[t, last]
    return total


@case(normal(4, 4, seed=12), 0.7, np.array([0, 1, 2, 3, 1]), np.array([0, 2, 3, 1]), argnums=(0, 1))
def needleman_wunsch(substitution, gap, a, b):
    n, m = len(a), len(b)
    prev = [-gap * j for j in range(m + 1)]
    for i in range(1, n + 1):
        cur = [-gap * i] + [0.0] * m
        for j in range(1, m + 1):
            cur[j] = max(prev[j - 1] + substitution[a[i - 1], b[j - 1]], prev[j] - gap, cur[j - 1] - gap)
        prev = cur
    return prev[m]


@case(uniform(0.5, 2.0, 5, seed=13), np.array([2, 3, 1, 4, 2]), 7, argnums=0)
def knapsack(values, weights, capacity):
    best = np.zeros(capacity + 1)
    for v, w in zip(values, weights):
        for c in range(capacity, w - 1, -1):
            if best[c - w] + v > best[c]:
                best[c] = best[c - w] + v
    return best[capacity]


@case(uniform(1.0, 3.0, 5, seed=14), argnums=0)
def matrix_chain(dims):
    n = len(dims) - 1
    cost = np.zeros((n, n))
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            cost[i, j] = math.inf
            for k in range(i, j):
                c = cost[i, k] + cost[k + 1, j] + dims[i] * dims[k + 1] * dims[j + 1]
                if c < cost[i, j]:
                    cost[i, j] = c
    return cost[0, n - 1]


@case(uniform(0.2, 0.9, 4, 5, seed=15), smooth=True)
def count_paths(passable):
    """Expected number of monotone paths through a random grid."""
    n, m = passable.shape
    ways = np.zeros((n, m))
    ways[0, 0] = passable[0, 0]
    for i in range(n):
        for j in range(m):
            if i == 0 and j == 0:
                continue
            total = 0.0
            if i > 0:
                total += ways[i - 1, j]
            if j > 0:
                total += ways[i, j - 1]
            ways[i, j] = total * passable[i, j]
    return ways[-1, -1]


@case(normal(5, 4, seed=16), np.array([1, 3, 2]), argnums=0, smooth=True)
def ctc_loss(logits, target, blank=0):
    """Connectionist temporal classification by its forward recursion in probabilities."""
    frames, classes = logits.shape
    probs = np.empty((frames, classes))
    for t in range(frames):
        z = 0.0
        for c in range(classes):
            z += math.exp(logits[t, c])
        for c in range(classes):
            probs[t, c] = math.exp(logits[t, c]) / z
    size = 2 * len(target) + 1
    extended = np.full(size, blank)
    for i, c in enumerate(target):
        extended[2 * i + 1] = c
    alpha = np.zeros(size)
    alpha[0] = probs[0, blank]
    alpha[1] = probs[0, extended[1]]
    for t in range(1, frames):
        for s in range(size - 1, -1, -1):
            a = alpha[s]
            if s >= 1:
                a += alpha[s - 1]
            if s >= 2 and extended[s] != blank and extended[s] != extended[s - 2]:
                a += alpha[s - 2]
            alpha[s] = a * probs[t, extended[s]]
    return -math.log(alpha[size - 1] + alpha[size - 2])
