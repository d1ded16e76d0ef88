"""Random programs of whole-array statements: what is merged, contracted or inlined must not change a result."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import revtrace
from tests import oracles

ROWS, COLUMNS = 4, 5


class Writer:
    """Writes a function of ``x`` (a matrix) and ``y`` (a row); statements read what was written before."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.known = {"matrix": ["x"], "row": ["y"], "column": []}
        self.own: dict[str, list[str]] = {"matrix": [], "row": [], "column": []}
        self.depth = 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def name(self, kind: str) -> str:
        names = self.known[kind]
        return self.random.choice(names[-4:])

    def value(self, kind: str) -> str:
        """Return an expression of a kind, made of arrays that broadcast to it."""
        pick = self.random.choice
        first = self.name(kind)
        if kind == "matrix":
            others = [self.name("matrix"), self.name("row")]
            others += [f"{self.name('column')}[:, None]"] if self.known["column"] else []
            forms = ["np.roll({0}, 1, axis=1)", "{0}[::-1]", "{0} * {1}"]
        else:
            others = [self.name(kind), "0.7"]
            forms = ["{0}[::-1]", "{0} * {1}"]
        forms += ["{0} + {1}", "{0} - 0.5 * {1}", "np.sin({0})", "np.exp(0.1 * {0}) * {1}", "{0} / (1.5 + {1} * {1})"]
        forms += ["np.where({0} > {1}, {0}, {1} * 0.3)", "np.tanh({0} - {1})"]
        return pick(forms).format(first, pick(others))

    def assign(self) -> None:
        kind = self.random.choice([k for k, names in self.known.items() if names])
        if self.own[kind] and self.random.random() < 0.3:
            self.line(f"{self.random.choice(self.own[kind])} = {self.value(kind)}")
            return
        name = f"{kind[0]}{len(self.lines)}"
        self.line(f"{name} = {self.value(kind)} * 1.0")
        self.enter(kind, name)

    def enter(self, kind: str, name: str) -> None:
        if self.depth == 1:
            self.known[kind].append(name)
            self.own[kind].append(name)

    def reduce(self) -> None:
        kind, axis = self.random.choice([("row", 0), ("column", 1)])
        form = self.random.choice(["np.sum({0}, axis={1})", "np.max({0}, axis={1})", "np.mean({0} * {0}, axis={1})"])
        name = f"{kind[0]}{len(self.lines)}"
        self.line(f"{name} = {form.format(self.name('matrix'), axis)}")
        self.enter(kind, name)

    def write(self) -> None:
        """Change an array in place."""
        kind = self.random.choice([k for k, names in self.own.items() if names] or ["none"])
        if kind == "none":
            return
        name = self.random.choice(self.own[kind])
        other = self.name(kind)
        if kind == "matrix":
            inner = f"{name}[1:-1, 1:-1]"
            forms = [
                f"{name} += 0.1 * {other}",
                f"{inner} = 0.3 * ({name}[:-2, 1:-1] + {other}[2:, 1:-1] + {name}[1:-1, 2:])",
                f"{name}[1:] -= 0.2 * {other}[:-1]",
                f"{name}[:, 0] = {name}[:, -1] * 0.5",
            ]
        else:
            forms = [f"{name} *= 0.9", f"{name}[1:] = {other}[:-1] * 0.5", f"{name}[0] = 0.25"]
        self.line(self.random.choice(forms))

    def loop(self) -> None:
        self.line(f"for k in range({self.random.choice([0, 1, 2, 3])}):")
        self.depth += 1
        self.line("pass")
        for _ in range(self.random.randint(1, 3)):
            self.random.choice([self.write, self.write, self.update])()
        self.depth -= 1

    def update(self) -> None:
        kind = self.random.choice([k for k, names in self.own.items() if names] or ["none"])
        if kind != "none":
            self.line(f"{self.random.choice(self.own[kind])} = {self.value(kind)} * 1.0")

    def function(self) -> Callable[..., Any]:
        for _ in range(self.random.randint(4, 9)):
            self.random.choice([self.assign, self.assign, self.assign, self.reduce, self.write, self.loop])()
        total = " + ".join(f"np.sum({self.name(k)} * {c})" for k, c in (("matrix", 1.1), ("row", 0.9)))
        if self.known["column"]:
            total += f" + np.sum({self.name('column')} ** 2)"
        self.line(f"return {total}")
        self.text = "def f(x, y):\n" + "\n".join(self.lines) + "\n"
        namespace: dict[str, Any] = {"np": np}
        exec(self.text, namespace)
        function: Callable[..., Any] = namespace["f"]
        return function


@functools.cache
def arguments() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.standard_normal((ROWS, COLUMNS)), rng.standard_normal(COLUMNS)


def check(seed: int, **override: Any) -> None:
    writer = Writer(seed)
    f = writer.function()
    args = oracles.copied(arguments())
    with revtrace.config.override(cache=False, **override):
        value, gradients = revtrace.value_and_grad(f, argnums=(0, 1))(*args)
    assert value == pytest.approx(f(*oracles.copied(args)), rel=1e-12, abs=1e-12), writer.text
    for direction in oracles.directions(oracles.vector(args).size, most=2):
        real, _ = oracles.restricted(f, args, (0, 1), direction)
        estimate = oracles.along(real)
        assert oracles.pairing(gradients, direction) == pytest.approx(estimate.value, rel=1e-6, abs=1e-6), writer.text


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_interpreted(seed: int) -> None:
    check(seed, interpret=True, verify=True)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_compiled(seed: int) -> None:
    check(seed, interpret=False)
