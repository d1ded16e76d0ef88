"""Random numbers from generators that a function does not make: passed, of an instance, global, the modules' own."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.calls.draws import GENERATORS, MODULES_OWN, put_back, state_of
from revtrace.config import override
from revtrace.testing import check_grad
from tests.trace.agree import refuses

Array = np.ndarray[Any, Any]


def price(p: Array, rng: np.random.Generator) -> float:
    z = rng.standard_normal(20)
    return float(np.maximum(np.exp(p[0] - 0.5 * p[1] ** 2 + p[1] * z) - 1.0, 0.0).mean())


def moved(p: Array, rng: np.random.Generator) -> float:
    a = np.sum(rng.normal(p[0], p[1], size=5) ** 2) + rng.normal(p, 0.1).sum() * rng.uniform(p[0], 2.0)
    b = rng.gamma(2.0, p[1]) + rng.exponential(p[0], 3).sum() + rng.lognormal(p[0], p[1]) * rng.laplace(scale=p[1])
    return float(a + b + rng.multivariate_normal(p, np.eye(2)).sum() * p[0] + rng.rayleigh(p[1]))


def dropout(w: Array, x: Array, rng: np.random.Generator, rate: float = 0.4) -> float:
    h = np.tanh(x @ w)
    h = h * (rng.random(h.shape) >= rate) / (1 - rate)
    return float((h**2).sum())


def minibatches(w: Array, x: Array, y: Array, rng: np.random.Generator) -> float:
    for _ in range(2):
        order = rng.permutation(len(x))
        for start in range(0, len(x), 3):
            k = order[start : start + 3]
            w = w - 0.2 * x[k].T @ (x[k] @ w - y[k]) / len(k)
        i, few = rng.integers(len(x)), rng.choice(len(x), size=3, replace=False)
        w = w - 0.05 * (x[i] @ w - y[i]) * x[i] + 0.01 * x[few].sum(axis=0) * w
    return float(((x @ w - y) ** 2).mean())


def langevin(theta: float, rng: np.random.Generator, n: int = 20) -> float:
    x = np.zeros(2)
    for _ in range(n):
        x = x - 0.1 * theta * x + math.sqrt(0.2) * rng.standard_normal(2)
    return float(x @ x)


def bootstrap(x: Array, rng: np.random.Generator) -> float:
    total = 0.0
    for _ in range(5):
        total += np.median(rng.choice(x, size=len(x))) ** 2
    return total


def metropolis(mu: float, rng: np.random.Generator) -> float:
    x = total = 0.0
    for _ in range(30):
        proposal = x + rng.normal(scale=0.5)
        if math.log(rng.random()) < 0.5 * ((x - mu) ** 2 - (proposal - mu) ** 2):
            x = proposal * (1 + 0.1 * mu)
        total += x * mu
    return total


def until(x: float, rng: np.random.Generator) -> float:
    total, n = 0.0, 0
    while total < 3:
        total += x * rng.exponential()
        n += 1
    return total * x + n


def either(x: float, rng: np.random.Generator) -> float:
    if rng.random() < 0.5:
        return x * rng.normal()
    return x**2 * rng.normal(size=3).sum()


def lists(x: float, r: random.Random) -> float:
    total = 0.0
    for _ in range(4):
        total += x * r.gauss(0, 1) * r.random() + r.uniform(x, 2) + r.choice([1.0, x, 3.0]) + r.randint(0, 5) * x
    items = [x, x * x, 3 * x, 1.0]
    r.shuffle(items)
    a, b = r.sample(items, 2)
    return total + items[0] * a + 2 * items[1] * b * r.expovariate(x) + r.gammavariate(2.0, x)


def legacy(x: float, r: np.random.RandomState) -> float:
    return x * r.randn(3).sum() + r.rand() * x**2 + r.randint(0, 4) + r.normal(x, 1.0) + r.choice(5) * x + r.uniform()


def shuffled(x: Array, rng: np.random.Generator) -> float:
    y = x.copy()
    rng.shuffle(y)
    z = rng.permutation(x)
    return float((y * np.arange(len(y))).sum() + (z * z * y).sum() + rng.poisson(x[0] ** 2) * x[1])


def two_names(x: float, one: np.random.Generator, other: np.random.Generator) -> float:
    return x * one.normal() + x**2 * other.normal() + x**3 * one.normal()


def seeded(p: Array) -> float:
    rng, total = np.random.default_rng(3), 0.0
    r = random.Random(4)
    for _ in range(30):
        x = p[0]
        for _ in range(10):
            x += 0.1 * p[1] * rng.normal() * r.random()
        total += max(x - 0.5, 0.0)
    return float(total)


RNG = np.random.default_rng(7)


def of_globals(x: float) -> float:
    return x**2 * RNG.normal() + x * np.random.rand() + random.gauss(x, 1.0) * x + np.random.normal(size=2).sum() * x


class Model:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def loss(self, w: Array) -> float:
        return float((w * self.rng.normal(size=w.shape)).sum() ** 2)


def given(x: float, seed: Any) -> float:
    if isinstance(seed, (int, np.integer)):
        seed = np.random.RandomState(seed)
    elif not isinstance(seed, (np.random.RandomState, np.random.Generator)):
        raise ValueError(seed)
    return x * seed.normal(size=4).sum()


X, Y = np.random.default_rng(3).normal(size=(8, 2)), np.random.default_rng(4).normal(size=8)
P, SAME = np.array([0.7, 1.3]), np.random.default_rng(5)
MODEL = Model(3)


def new(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


CASES: dict[str, tuple[Any, ...]] = {
    "price": (price, P, new()),
    "moved": (moved, P, new()),
    "dropout": (dropout, X[:2], X, new()),
    "minibatches": (minibatches, P, X, Y, new()),
    "langevin": (langevin, 0.7, new()),
    "bootstrap": (bootstrap, Y, new()),
    "metropolis": (metropolis, 0.3, new()),
    "until": (until, 0.4, new()),
    "either, one way": (either, 0.6, new(1)),
    "either, the other": (either, 0.6, new(3)),
    "lists": (lists, 0.7, random.Random(3)),
    "legacy": (legacy, 0.5, np.random.RandomState(2)),
    "shuffled": (shuffled, Y, new()),
    "two": (two_names, 0.4, new(), new(3)),
    "two names of one": (two_names, 0.4, SAME, SAME),
    "seeded, in long loops": (seeded, P),
    "globals": (of_globals, 0.5),
    "of an instance": (MODEL.loss, P),
    "given a generator": (given, 0.5, new()),
    "given a state": (given, 0.5, np.random.RandomState(2)),
}
COMPILED = ("minibatches", "metropolis", "globals")


class Held:
    """The generators of a call: puts them back, and tells where they are."""

    def __init__(self, *args: Any) -> None:
        every = (*args, RNG, MODEL.rng, *MODULES_OWN)
        self.generators = list({id(x): x for x in every if isinstance(x, GENERATORS)}.values())
        self.states = [copy.deepcopy(state_of(g)) for g in self.generators]

    def now(self) -> str:
        found = repr([state_of(g) for g in self.generators])
        for g, state in zip(self.generators, self.states, strict=True):
            put_back(g, state)
        return found


@pytest.mark.parametrize(
    ("name", "interpret"), [*((name, True) for name in CASES), *((name, False) for name in COMPILED)]
)
def test_draws(name: str, interpret: bool) -> None:
    f, *args = CASES[name]
    held = Held(*args)
    value = f(*args)
    after = held.now()
    with override(interpret=interpret, cache=False, verify=interpret):
        ours, gradient = revtrace.value_and_grad(f)(*args)
        assert held.now() == after
        assert ours == pytest.approx(value, rel=1e-14)
        check_grad(f, args, argnums=0, gradient=gradient)
        out, pullback = revtrace.vjp(f, *args)
        assert out == pytest.approx(value, rel=1e-14)
        # The draws are those of the value, however often it is pulled back.
        np.testing.assert_allclose(pullback(1.0)[0], gradient, rtol=1e-13)
        np.testing.assert_allclose(pullback(2.0)[0], 2.0 * np.asarray(gradient), rtol=1e-13)
        assert held.now() == after
        if interpret:
            np.testing.assert_allclose(revtrace.jacobian(f)(*args), gradient, rtol=1e-13)
            assert held.now() == after
            assert revtrace.wrap(f)(*args) == pytest.approx(value, rel=1e-14)
            assert held.now() == after


def test_each_call_draws_on() -> None:
    f = revtrace.value_and_grad(lambda x, rng: x * rng.normal())
    ours, plain = new(), new()
    for _ in range(3):
        z = plain.normal()
        assert f(2.0, ours) == (2.0 * z, z)


def test_second_order() -> None:
    def f(x: float, rng: np.random.Generator) -> float:
        return rng.normal() * x**3 + math.exp(rng.normal() * x)

    a, b = new().normal(size=2)
    with override(interpret=True, cache=False):
        expected = 6 * a * 0.5 + b * b * math.exp(b * 0.5)
        assert revtrace.grad(revtrace.grad(f))(0.5, new()) == pytest.approx(expected)
        assert revtrace.hessian(f)(0.5, new()) == pytest.approx(expected)
        assert revtrace.hvp(f, (0.5, new()), (1.0, None)) == pytest.approx(expected)


def test_a_call_that_fails_draws_nothing() -> None:
    def f(x: float, rng: np.random.Generator) -> float:
        z = rng.normal(size=3)
        if x > 1:
            raise ValueError("too large")
        return x * z[0]

    rng = new()
    with override(interpret=True, cache=False):
        g = revtrace.grad(f)
        g(0.5, new())
        with pytest.raises(ValueError, match="too large"):
            g(2.0, rng)
    assert state_of(rng) == state_of(new())


def test_long_loops_that_draw_stay_loops() -> None:
    with override(interpret=True, cache=False):
        assert len(str(revtrace.wrap(seeded).program(P)).splitlines()) < 100


def test_refusals() -> None:
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="shape what is drawn"):
        revtrace.grad(lambda x, rng: rng.gamma(x, 1.0))(2.0, new())
    refuses(lambda x, rng: x * rng.bytes(2)[0], 2.0, new(), match=r"generator\.bytes")
    refuses(lambda x, rng: revtrace.grad(lambda y: y * rng.normal())(x), 2.0, new(), match="outside of it")
