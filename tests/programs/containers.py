"""Programs with lists, tuples, dicts, named tuples and comprehensions around the numbers."""

import math
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.programs.corpus import case, normal, uniform

Point = namedtuple("Point", "x y")
RESIDUE_MASS = {"A": 71.03711, "G": 57.02146, "S": 87.03203, "P": 97.05276}
COEFFICIENTS = [[0.1, -0.2, 0.3], [1.5, 0.0, -0.7]]


class State(NamedTuple):
    s: float
    i: float
    r: float


@dataclass(frozen=True)
class Ellipse:
    a: float
    b: float
    angle: float = 0.0


@case(0.3, 0.4, argnums=(0, 1), smooth=True)
def list_starts_as_ints(u, v):
    w = [0, 0, 0]
    w[1] = u
    w[2] = v * v
    w[0] = w[1] * w[2]
    w[1] += 1
    return w[0] + w[1] * 3 + w[2]


@case(0.7, 4, argnums=0, smooth=True)
def list_times_count(x, n):
    table = [0] * (n + 1)
    table[0] = 1
    for i in range(1, n + 1):
        table[i] = table[i - 1] * x + i
    return table[n] - table[-2]


@case(normal(5), smooth=True)
def append_in_loop(xs):
    out = []
    for x in xs:
        out.append(x * x)
    total = 0.0
    for i in range(len(out)):
        total += out[i] * (i + 1)
    return total


@case(1.2, smooth=True)
def append_known_count(x):
    terms = [1.0]
    for k in range(1, 6):
        terms.append(terms[-1] * x / k)
    return sum(terms)


@case(normal(5, seed=1), smooth=True, jax=lambda jnp, x: jnp.sum(jnp.exp(x)) + jnp.max(jnp.exp(x)))
def comprehension_over_array(x):
    e = [math.exp(v) for v in x]
    return sum(e) + max(e)


@case(0.4, 0.9, argnums=(0, 1), smooth=True)
def generator_expressions(a, b):
    s = sum(c * a**k for k, c in enumerate((1.0, -2.0, 0.5)))
    t = sum(math.sin(i * b) for i in range(1, 5) if i != 2)
    m = max(abs(v) for v in (a, -b, a * b))
    return s * t + m


@case(normal(3, seed=2), normal(3, seed=3), argnums=(0, 1), smooth=True)
def list_of_arrays(u, v):
    layers = [u, v, np.array([1.0, 2.0, 3.0])]
    layers.append(np.zeros(3))
    for k in range(3):
        layers[3][k] = layers[0][k] * layers[1][k]
    s = 0.0
    for layer in layers:
        for value in layer:
            s += value * value
    return s


@case([0.2, 0.9, -0.4], oracle="complex", smooth=True)
def list_argument(w):
    a, b, c = w
    s = a * b
    for v in w:
        s += v * v * c
    w[0] = s
    return w[0] * len(w)


@case({"k": 1.1, "theta": 2.0}, 0.7, argnums=(0, 1), smooth=True, ulp=8.0)
def dict_argument(params, x):
    k, theta = params["k"], params["theta"]
    return (k - 1) * math.log(x) - x / theta - math.lgamma(k) - k * math.log(theta)


@case(uniform(0.1, 1, 3, seed=4), smooth=True)
def dict_built_inside(x):
    model = {"slope": x[0], "level": x[1]}
    model["curve"] = x[2]
    model["level"] += 1
    total = 0.0
    for name, value in model.items():
        total += value * len(name)
    for key in ("slope", "curve"):
        total *= 1 + model[key]
    if "missing" in model:
        total = -1.0
    return total + model.get("offset", 0.5) + max(model.values())


@case(0.8, "GASP", argnums=0, smooth=True)
def string_keyed_table(x, peptide):
    mass = 18.010565
    for aa in peptide:
        mass += RESIDUE_MASS[aa] * x
    return mass / (1 + x)


@case(Point(1.0, 2.0), Point(x=-0.5, y=0.3), argnums=(0, 1), smooth=True)
def named_tuples(p, q):
    mid = Point((p.x + q.x) / 2, (p.y + q.y) / 2)
    dx, dy = p.x - q[0], p.y - q[1]
    return math.hypot(dx, dy) * mid.x + mid._replace(y=3.0).y * mid.y


@case(State(0.99, 0.01, 0.0), 0.4, 0.1, argnums=(0, 1, 2), smooth=True)
def epidemic(state, beta, gamma, dt=0.5):
    s, i, r = state
    for _ in range(12):
        new = dt * beta * s * i
        gone = dt * gamma * i
        s, i, r = s - new, i + new - gone, r + gone
    return State(s, i, r)


@case(Ellipse(2.0, 1.0, 0.3), 0.8, argnums=(0, 1), smooth=True)
def dataclass_argument(e, t):
    c, s = math.cos(e.angle), math.sin(e.angle)
    x, y = e.a * math.cos(t), e.b * math.sin(t)
    return {"x": x * c - y * s, "y": x * s + y * c}


@case(0.3, 1.4, argnums=(0, 1), smooth=True)
def star_unpacking(a, b):
    first, *rest = (a, b, a * b, 2.0)
    *init, last = [first, *rest, 5.0]
    s = 0.0
    for v in init:
        s += v * last
    merged = {**{"gain": a}, "bias": b}
    return s + merged["gain"] * merged["bias"] + max(*rest)


@case(0.6, oracle="complex", smooth=True)
def nested_lists(x):
    rows = [[x, 1.0], [2.0, x * x]]
    rows[0][1] = rows[1][1] - x
    rows.append([x, x])
    s = 0.0
    for a, b in rows:
        s += a * b
    for i, row in enumerate(COEFFICIENTS):
        for j, c in enumerate(row):
            s += c * x ** (i + j)
    return s


@case(normal(4, seed=6), smooth=True)
def several_results(x):
    lo = hi = x[0]
    mean = 0.0
    for v in x:
        lo = min(lo, v)
        hi = max(hi, v)
        mean += v / len(x)
    return mean, (hi - lo, [lo * hi, mean**2])


@case((1.0, (2.0, [3.0, 4.0])), smooth=True, oracle="complex")
def nested_argument(tree):
    a, (b, (c, d)) = tree
    return a * b + c * d * a


@case(0.5, 2.5, argnums=(0, 1), smooth=True)
def list_methods(a, b):
    stack = [a]
    stack.append(b)
    stack.extend([a * b, 1.0])
    top = stack.pop()
    stack.insert(0, top + b)
    stack.reverse()
    both = stack + [a - b]
    part = both[1:3]
    del both[0]
    return sum(both) + part[0] * part[1] + len(both) + both[0] * both[-1]


@case(normal(4, seed=7), 3, argnums=0, smooth=True)
def list_with_computed_index(x, n):
    memory = [0.0, 0.0, 0.0]
    for i in range(len(x) * n):
        memory[i % 3] += x[i % len(x)] * memory[(i + 1) % 3] + x[i % 4]
    return memory[0] * memory[1] + memory[2]


@case(0.2, 0.8, argnums=(0, 1), smooth=True)
def dict_comprehension(a, b):
    names = ["alpha", "beta", "gamma"]
    table = {name: a * i + b for i, name in enumerate(names)}
    table.update(beta=table["alpha"] * b)
    kept = {k: v for k, v in table.items() if k != "gamma"}
    pairs = dict(zip(names, (a, b, a * b)))
    return sum(kept.values()) * pairs["gamma"] + sum(len(k) * pairs[k] for k in sorted(pairs))


@case(normal(3, seed=8), oracle="complex", smooth=True)
def tuples_carried_through_loop(x):
    state = (0.5, 1.0)
    for v in x:
        a, b = state
        state = (b, a * v + b)
    return state[0] * state[-1]


@case(normal(6, seed=9), normal(3, seed=10), argnums=(0, 1), smooth=True)
def list_of_tuples(x, w):
    pairs = [(i, j) for i in range(3) for j in range(3) if i < j]
    energy = 0.0
    for i, j in pairs:
        energy += w[i] * w[j] * (x[2 * i] - x[2 * j + 1]) ** 2
    return energy / len(pairs)
