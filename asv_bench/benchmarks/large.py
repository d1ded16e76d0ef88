"""Large programs: long straight-line code, tables of constants, many arms; from the function to its first gradient."""

import math

import numpy as np

import revtrace
from revtrace.program.nodes import walk

from .interleaved import least_times
from .trace import _sum_of_squares


def _made(lines, name, **constants):
    namespace = {"math": math, **constants}
    exec("\n".join(lines), namespace)
    return namespace[name]


def straight(size):
    """Return a function of many assignments."""
    lines = ["def f(x, y):"]
    lines += [f"    x, y = math.sin(x * 0.{k % 7 + 1}) + 0.5 * y, x / (1.0 + y * y)" for k in range(size)]
    return _made([*lines, "    return x * y"], "f")


def series(size):
    """Return a function that sums the terms of a table."""
    table = [tuple(row) for row in np.random.default_rng(0).uniform(0.1, 1.0, (size, 3)).tolist()]
    body = ["def f(x, y):", "    s = 0.0", "    for a, b, c in TABLE:", "        s += a * math.cos(b + c * x) * y"]
    return _made([*body, "    return s"], "f", TABLE=table)


def arms(size):
    """Return a function of one branch with many arms."""
    lines = ["def f(x, y):"]
    lines += [f"    {'el' if k else ''}if x < {k}.0: y = y * {k}.5 + x * x" for k in range(size)]
    return _made([*lines, "    else: y = x", "    return y"], "f")


def layers(count):
    """Return a network of equal layers, each with weights of its own, and its arguments."""
    rng = np.random.default_rng(0)
    weights = [[0.3 * rng.normal(size=(6, 6)) for _ in range(4)] for _ in range(count)]

    def normal(x):
        return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)

    def layer(x, a, b, c, d):
        h = normal(x)
        e = np.exp((h @ a) @ (h @ b).T)
        x = x + e / e.sum(axis=-1, keepdims=True) @ (h @ c)
        return x + np.tanh(normal(x) @ d)

    def network(x):
        for w in weights:
            x = layer(x, *w)
        return (x * x).sum()

    return network, (rng.normal(size=(5, 6)),)


CASES = {"straight_100": (straight, 100), "straight_1000": (straight, 1000), "series_60": (series, 60)} | {
    "series_1000": (series, 1000),
    "arms_200": (arms, 200),
}


class Large:
    """Seconds from the function to its program, and to its first value and gradient; statements and lines.

    Times are also given over a loop of plain Python timed in turns, which takes the machine's speed out.
    """

    params = tuple(CASES)
    param_names = ("function",)
    timeout = 300
    version = "1"

    def setup(self, name):
        make, size = CASES[name]
        self.function = make(size)
        self.handle = revtrace.value_and_grad(self.function, argnums=(0, 1))
        self.derive()

    def derive(self):
        return self.handle.table(2).maker.traced((0.3, 0.7), {})[0].program

    def time_gradient_program(self, name):
        self.derive()

    def track_over_plain_loop(self, name):
        ours, loop = least_times(self.derive, lambda: _sum_of_squares(20_000), repeats=3)
        return ours / loop

    track_over_plain_loop.unit = "times"

    def track_statements(self, name):
        return sum(1 for _ in walk(self.derive().body))

    track_statements.unit = "statements"


class FirstCall:
    """Seconds of the first call, nothing on disk; what is large is not compiled for it."""

    params = tuple(CASES)
    param_names = ("function",)
    timeout = 300
    number = 1
    repeat = (1, 3, 10.0)
    warmup_time = 0
    version = "1"

    def setup(self, name):
        make, size = CASES[name]
        # Another function each time, so that no kernel is at hand.
        self.function = make(size)

    def time_value_and_gradient(self, name):
        with revtrace.config.override(cache=False):
            revtrace.value_and_grad(self.function, argnums=(0, 1))(0.3, 0.7)


class Compiled:
    """Seconds of the first call where large programs are compiled at once, nothing on disk; lines of the source."""

    params = ("straight_1000", "arms_200", "layers_6")
    param_names = ("function",)
    timeout = 300
    number = 1
    repeat = (1, 3, 30.0)
    warmup_time = 0
    version = "1"

    def setup(self, name):
        self.function, self.arguments = (
            layers(6) if name == "layers_6" else (CASES[name][0](CASES[name][1]), (0.3, 0.7))
        )

    def time_value_and_gradient(self, name):
        with revtrace.config.override(cache=False, large=10**9):
            revtrace.value_and_grad(self.function)(*self.arguments)
