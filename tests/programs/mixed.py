"""Small functions that mix constructs in ways that have gone wrong once, or might."""

import math

import numpy as np

from tests.programs.corpus import case

X = np.array([0.7, 1.3, -0.4])


@case(X)
def array_chosen_by_condition_is_written(x):  # conditional array choice then write
    a = np.zeros(3)
    b = np.ones(3)
    c = a if x[0] > 0 else b
    c[1] = x[1] * 2
    return a.sum() + (b * b).sum() + c[1]


@case(X)
def swap_on_condition(x):  # swap only when a condition
    u = x.copy()
    v = x * 2
    for t in range(4):
        if x[t % 3] > 0:
            u, v = v, u
        u[0] += v[1] * x[0]
    return u.sum() + 2 * v.sum()


@case(X)
def two_names_for_one_array(x):  # two names one array
    y = x.copy()
    z = y
    for i in range(3):
        z[i] = z[i] * y[i - 1]
    return y.sum()


@case(X)
def difference_to_previous_array(x):  # previous array
    old = x.copy()
    s = 0.0
    for k in range(3):
        new = old * 1.5 + x[k]
        s += ((new - old) ** 2).sum()
        old = new
    return s


@case(X)
def previous_value_or_none(x):
    prev = None
    s = 0.0
    for v in x:
        if prev is not None:
            s += (v - prev) ** 2
        prev = v
    return s


@case(X)
def list_grows_by_its_own_end(x, n=4):
    hist = [x[0], x[1]]
    for i in range(n):
        hist.append(hist[-1] * x[2] + hist[-2])
    return hist[-1]


@case(X)
def endless_loop_with_three_ways_out(x):
    i = 0
    s = 0.0
    while True:
        if i >= len(x):
            break
        if x[i] < 0:
            i += 1
            continue
        s += math.exp(x[i])
        i += 1
        if s > 100:
            return s * 2
    return s


@case(X)
def symmetric_matrix_rows_and_columns(x):
    n = len(x)
    A = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            A[i, j] = x[i] * x[j]
            A[j, i] = A[i, j] + 1
    row = A[1]
    row[:] = row * 2
    A[:, 0] += row
    return A.sum() + A[1, 2] * A[2, 1]


@case(X)
def index_used_after_loop(x):
    s = 0.0
    for i, (a, b) in enumerate(zip(x[:-1], x[1:])):
        s += i * a * b
    for i in range(len(x) - 1, -1, -2):
        s += x[i] ** 3
    return s + i


@case(X)
def largest_and_its_place(x):
    best = -1e9
    arg = 0
    for i in range(len(x)):
        if x[i] > best:
            best = x[i]
            arg = i
    return best * x[arg - 1]


@case(X)
def dict_accumulates(x):
    d = {"a": 0.0, "b": 1.0}
    for v in x:
        if v > 0:
            d["a"] += v
        else:
            d["b"] *= v
    return d["a"] * d["b"]


class Acc:
    def __init__(self):
        self.t = 0.0
        self.n = 0

    def add(self, v):
        self.t += v * v
        self.n += 1
        return self

    @property
    def mean(self):
        return self.t / self.n


@case(X)
def instance_accumulates(x):
    a = Acc()
    for v in x:
        a.add(v)
        if a.t > 5:
            break
    return a.mean


@case(X)
def list_items_swapped(x):
    buf = [0.0] * 3
    for i in range(3):
        buf[i] = x[i] ** 2
    buf[1], buf[2] = buf[2], buf[1]
    return buf[0] + 2 * buf[1] + 3 * buf[2]


@case(X)
def nonlocal_counter(x):
    def inner(y, k=2):
        nonlocal cnt
        cnt += 1
        if y > 1:
            return y * k
        return y**k + cnt

    cnt = 0
    return sum(inner(v) for v in x) + cnt


@case(X)
def tuple_carried(x):
    t = (x[0], x[1])
    for i in range(3):
        t = (t[1], t[0] * x[2] + t[1])
    a, *rest = t
    return a + rest[0]


@case(X)
def while_else_in_for(x):
    out = np.empty(3)
    for i in range(3):
        acc = 0.0
        j = i
        while j < 3 and acc < 2.0:
            acc += x[j] * x[i]
            j += 1
        else:
            acc += 0.5
        out[i] = acc
    return out @ x


@case(X)
def views_of_reversed_views(x):
    x = x.copy()
    x[::-1][0] = x[0] * x[1]
    v = x[1:]
    v[0] *= 3
    w = v[::-1]
    w += x[0]
    return (x**2).sum()


@case(X)
def repeated_indices(x):
    idx = np.array([0, 2, 2, 1])
    a = np.zeros(3)
    for k in range(4):
        a[idx[k]] += x[idx[k]] * x[k % 3]
    b = x[idx]
    a[idx[:2]] = b[:2] * 2
    return (a * a).sum() + b.sum()


@case(X)
def matrix_power_by_loop(x):
    M = np.array([[x[0], 1.0], [x[1], x[2]]])
    P = np.eye(2)
    for _ in range(3):
        P = P @ M
    return np.trace(P) + P[0, 1]


@case(X)
def for_else_nested(x):
    r = 0.0
    for i in range(3):
        for j in range(3):
            if j == i:
                continue
            if x[i] < x[j]:
                break
            r += x[i] - x[j]
        else:
            r += 10 * x[i]
    return r


@case(X, tags="either-float")
def step_chosen_by_counter(x):
    s = x.sum()
    n = 0
    while s > 1e-3:
        if n % 3 == 0:
            s /= 2.5
        elif n % 3 == 1:
            s -= 0.1 * s * s
        else:
            s = math.sin(s)
        n += 1
        if n > 40:
            break
    return s * n


@case(X)
def array_reductions_after_sweep(x):
    a = x.copy()
    for k in range(2):
        for i in range(1, len(a) - 1):
            a[i] = 0.5 * (a[i - 1] + a[i + 1]) if a[i] > 0 else a[i] * a[i - 1]
    return a.prod() + a.max() - a.min() * a.mean() + a.std()


@case(X)
def complex_from_elements(x):
    z = complex(x[0], x[1])
    w = z * z + 1j * x[2]
    return abs(w) + w.real * w.imag + (w * w.conjugate()).real


@case(X)
def list_of_slices(x):
    q = [x[i : i + 2] for i in range(2)]
    return sum(float(v[0] * v[1]) for v in q)


@case(X)
def elimination_by_rows(x):
    A = np.outer(x, x)
    A += np.diag(x)
    for k in range(3):
        p = A[k, k]
        for i in range(k + 1, 3):
            f = A[i, k] / p
            A[i] -= f * A[k]
    return A[0, 0] * A[1, 1] * A[2, 2]


@case(X)
def any_and_all_of_generators(x):
    total = 0
    for i in range(3):
        total += i if x[i] > 0 else -x[i]
    flag = any(v > 1 for v in x) and all(v < 5 for v in x)
    return total * (2 if flag else 3)


@case(X)
def array_where_in_loop(x):
    u = x
    for i in range(3):
        u = np.where(u > 0, u * 2, u * x)
        u = np.maximum(u, -1.0)
    return np.sum(u[:2] * u[1:]) + np.linalg.norm(u)


@case(X)
def mask_and_shifted_assignment(x):
    y = x * 1.0
    y[y < 0] = 0.1
    y[1:] = y[:-1]
    y[:-1] += y[1:] * x[1:]
    return y.sum()


@case(X)
def memoised_recursion(x):
    memo = {}

    def f(k):
        if k in memo:
            return memo[k]
        r = x[0] if k < 2 else f(k - 1) * x[1] + f(k - 2) * x[2]
        memo[k] = r
        return r

    return f(6)


@case(X)
def swap_with_argument(x):
    u = x
    v = np.zeros(len(x))
    s = 0.0
    for t in range(3):
        for i in range(len(x)):
            v[i] = u[i] * x[i - 1]
        u, v = v, u
        s += x[0]
    return u.sum() + s + v[1]


@case(X)
def two_planes_by_parity(x):
    a = np.zeros((2, 3))
    a[0] = x
    for t in range(4):
        cur, nxt = t % 2, (t + 1) % 2
        for i in range(3):
            a[nxt, i] = a[cur, i] * x[i] + a[cur, i - 1]
    return a.sum()


@case(X)
def array_handed_on_and_overwritten(x):
    y = x.copy()
    for i in range(3):
        z = y
        y = z * x[i]
        z[0] = 5.0
    return y.sum() + z.sum()


@case(X)
def sum_becomes_both(x):
    a = x.copy()
    b = a
    for i in range(3):
        b = b + a
        a = b
        a[0] += 1.0
    return a.sum() * b[1]


@case(X)
def array_loop_with_data_dependent_end(x):
    acc = np.zeros(3)
    for i in range(2):
        acc = acc + x * i
    n = 0
    while np.sum(acc) < 50 and n < 20:
        acc = acc * 1.5 + x
        n += 1
    return acc.sum()


@case(X)
def list_rebuilt_each_time(x):
    lst = [x[0], x[1]]
    for i in range(3):
        lst = [lst[1], lst[0] * x[2]]
    return lst[0] + 3 * lst[1]


@case(X)
def array_of_growing_length(x):
    s = 0.0
    for k in range(1, 4):
        A = np.zeros(k)
        for i in range(k):
            A[i] = x[i] * k
        s += (A**2).sum()
    return s


@case(X)
def state_in_dict(x):
    state = {"p": x.copy(), "n": 0}
    for i in range(3):
        state["p"] = state["p"] * 0.5 + x
        state["n"] += 1
    return state["p"].sum() * state["n"]


@case(X)
def list_of_arrays_rotates(x):
    w = [x.copy(), x * 2]
    for i in range(3):
        w[0], w[1] = w[1], w[0] * x
    return w[0].sum() + 2 * w[1].sum()


@case(X)
def logsumexp_by_loops(x):
    m = x[0]
    for i in range(1, 3):
        if x[i] > m:
            m = x[i]
    s = 0.0
    for i in range(3):
        s += math.exp(x[i] - m)
    return m + math.log(s)


@case(X)
def reshape_and_concatenate(x):
    r = x.reshape(3, 1) @ x.reshape(1, 3)
    t = np.concatenate([r[0], r[:, 1], x])
    return (t * np.arange(t.size)).sum() + np.dot(r, x)[1] + np.cumsum(x)[1]


@case(X)
def full_convolution(x):
    c = np.zeros(5)
    for i in range(3):
        for j in range(3):
            c[i + j] += x[i] * x[j]
    return (c * c).sum()


@case(X)
def finally_without_exception(x):
    f = 1.0
    n = 0
    for v in x:
        n += 1
        if n == 2:
            continue
        try:
            f *= v
        finally:
            n += 0
    return f * n


@case(X)
def first_iteration_defines(x):
    s = 0
    for i in range(2):
        if i == 0:
            k = x[0]
        s += k * x[1]
    return s


@case(X)
def fibonacci_ratio(x):
    a = x[0]
    b = x[1]
    for _ in range(5):
        a, b = b, a + 0.5 * b
    return a / b


@case(X)
def write_through_slice(x):
    p = np.zeros(3)
    q = p[1:]
    q[:] = x[:2]
    q += x[1:]
    p[0] = q[0] * q[1]
    return p @ p


@case(X)
def rows_written_while_walked(x):
    t = 0.0
    for row in np.outer(x, x):
        for v in row:
            t += v * v
        row[0] = 7.0
        t += row[0] * row[1]
    return t


@case(X)
def rows_scaled_in_place(x):
    A = np.outer(x, x)
    for row in A:
        row *= 2
    return A.sum() + A[0, 0] ** 2


@case(X)
def list_against_its_reverse(x):
    y = [0.0] * len(x)
    for i, v in enumerate(x):
        y[i] += v * i
    y.append(x[0])
    y[0] = 3 * y[-1]
    return sum(a * b for a, b in zip(y, y[::-1]))
