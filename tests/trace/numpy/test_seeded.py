"""Random generators made inside of a function from a seed that is known when tracing."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees, refuses


def option(p: np.ndarray[Any, Any], n: int) -> float:
    rng = random.Random(42)
    total = 0.0
    for _ in range(n):
        z = rng.gauss(0, 1)
        total += max(p[0] * math.exp(p[1] * z) - 1.0, 0.0) * (1 if rng.random() < 0.5 else p[1])
    return total / n


def paths(p: np.ndarray[Any, Any]) -> float:
    z = np.random.default_rng(0).standard_normal((20, 3))
    return float(np.mean(np.maximum(p[0] * np.exp(p[1] * z.cumsum(axis=1)) - 1.0, 0.0)))


def of_the_state(p: np.ndarray[Any, Any]) -> float:
    rng = np.random.RandomState(1)
    total = 0.0
    for _ in range(5):
        total += p[0] * math.exp(p[1] * rng.normal()) + rng.rand()
    return total


def moved(mu: float, s: float) -> float:
    r, g = random.Random(7), np.random.default_rng(seed=3)
    a = r.gauss(mu, s) + r.uniform(mu, s) * r.normalvariate(mu, sigma=s)
    b = g.normal(mu, s) + g.normal(loc=mu, scale=s, size=3).sum() + g.uniform(mu, s, size=(2, 2))[1, 1]
    return a * (b + g.exponential(s))


def shuffled(x: list[float]) -> float:
    r = random.Random(7)
    y = list(x)
    r.shuffle(y)
    chosen, two, k = r.choice(y), r.sample(y, 2), r.randint(0, 3)
    return sum(v * (i + 1) for i, v in enumerate(y)) + chosen * two[0] + two[1] * x[k]


def in_a_branch(x: float, y: float) -> float:
    r = random.Random(1)
    z = r.random() if x > 0.2 else r.gauss(0, 1)
    return x * z + y * r.random()


def until(x: float) -> float:
    r = random.Random(3)
    place = best = 0.0
    while abs(place) < 3 * x:
        place += x * r.choice([-1, 1]) * r.random()
        best = max(best, place)
    return best + place * x


def given_seed(x: float, seed: int) -> float:
    return x * np.random.default_rng(seed).normal() + random.Random(seed).random() * x**2


def descent(w: np.ndarray[Any, Any], n: int) -> float:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 2))
    y = x @ np.array([1.0, -2.0]) + 0.1 * rng.normal(size=6)
    for _ in range(n):
        for i in rng.permutation(6):
            w = w - 0.05 * (x[i] @ w - y[i]) * x[i]
    return float(((x @ w - y) ** 2).mean())


def of_the_modules(s: float, n: int, seed: int = 42) -> float:
    np.random.seed(seed)
    total = s * np.random.normal(0.0, s, size=(n, 2)).mean() + np.sum(np.random.rand(n) ** s)
    for k in range(n):
        random.seed(k)
        total += s * random.gauss(s, 1.0) * random.random()
    return total + s * np.random.random()


def many_paths(p: np.ndarray[Any, Any], n: int) -> float:
    z = np.random.default_rng(3).normal(size=(n, 2))
    z[::2] *= -1.0
    k = np.random.default_rng(4).integers(0, n, n)
    return float(np.mean(np.log1p(p[0] * np.exp(p[1] * z[k, 0]))) + z[0, 1] * p[1])


def seeded_either_way(s: float, n: int) -> float:
    if s > 0.2:
        np.random.seed(n)
    else:
        np.random.seed(n + 1)
    return s * np.random.randn(n, 2).sum()


FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "option": (option, np.array([1.0, 0.5]), 20),
    "paths": (paths, np.array([1.0, 0.2])),
    "RandomState": (of_the_state, np.array([1.0, 0.2])),
    "moved": (moved, 0.3, 1.2),
    "shuffled": (shuffled, [0.3, 1.2, 0.7, 0.1]),
    "in a branch": (in_a_branch, 0.3, 0.9),
    "in the other branch": (in_a_branch, 0.1, 0.9),
    "until": (until, 0.5),
    "a seed that is given": (given_seed, 0.5, 4),
    "of the modules": (of_the_modules, 0.7, 3),
    "many paths": (many_paths, np.array([1.0, 0.2]), 2000),
    "seeded either way": (seeded_either_way, 0.1, 3),
    "descent": (descent, np.array([0.3, 0.9]), 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


def test_without_a_seed() -> None:
    refuses(lambda x: x * np.random.default_rng().normal(), 1.0, match="without a seed known when tracing")
    refuses(lambda x: x * random.Random().random(), 1.0, match="without a seed known when tracing")


class Process:
    """Holds a generator that not each of its methods needs."""

    def __init__(self, mean: float, seed: int | None = None) -> None:
        self.mean, self.rng, self.other = mean, np.random.default_rng(seed), random.Random()

    def moment(self) -> float:
        return self.mean**2

    def step(self) -> float:
        return self.mean * self.rng.normal()


def test_a_generator_without_a_seed_that_does_not_draw() -> None:
    agrees(lambda x: Process(x).moment(), 1.5)
    agrees(lambda x: Process(x, 3).step(), 1.5)
    refuses(lambda x: Process(x).step(), 1.5, match="without a seed known when tracing")


def test_seeded_after_it_was_made() -> None:
    def scaled(x: np.ndarray[Any, Any]) -> Any:
        rng, other = np.random.RandomState(), random.Random(1)
        rng.seed(3)
        other.seed(5)
        return (x * rng.rand(3)).sum() * other.random()

    agrees(scaled, np.array([0.3, 1.2, 0.7]))
    with pytest.raises(AttributeError, match="object has no attribute 'seed'"):
        revtrace.grad(lambda x: x * np.random.default_rng(1).seed(2))(1.0)


def test_a_generator_is_no_result() -> None:
    refuses(lambda x: (x, np.random.default_rng(3)), 1.5, match="returning an instance of Generator")


def test_distributions_known_when_running() -> None:
    refuses(lambda x: x * random.Random(1).gammavariate(x, 1.0), 1.0, match="known only when running")
