"""Seconds from a long function to the program of its gradient, before anything is compiled."""

import math
import random

import numpy as np

import revtrace

STEPS = ("{a} * {b} * 0.5", "{a} + {b}", "math.sin({a})", "{a} - 0.3 * {b}", "math.exp(-{a} * {a})")


def _made(lines):
    namespace = {"math": math, "np": np}
    exec(compile("\n".join(lines), "<long>", "exec"), namespace)
    return namespace["f"]


def _chain(count, indent, near=8, far=40):
    """Lines that each compute a value from two of those before."""
    r = random.Random(count)
    lines = []
    for k in range(2, count):
        a, b = (f"v{r.randrange(max(0, k - reach), k)}" for reach in (near, far))
        lines.append(f"{indent}v{k} = {r.choice(STEPS).format(a=a, b=b)}")
    return lines


def straight(count):
    """One block."""
    return _made(["def f(x):", "    v0 = x[0] * x[1]", "    v1 = x[0] + x[1]", *_chain(count, "    "),
                  f"    return v{count - 1}"])  # fmt: skip


def loop(count, carried=8):
    """The body of one loop that carries some scalars."""
    inner = ["        v0 = x[i] * c0", "        v1 = x[i] + c1", *_chain(count, "        ")]
    inner += [f"        c{k} = 0.1 * v{count - 1 - k}" for k in range(carried)]
    head = ["def f(x):", *(f"    c{k} = x[0] * {k + 1}" for k in range(carried)), "    for i in range(x.shape[0]):"]
    return _made([*head, *inner, "    return " + " + ".join(f"c{k}" for k in range(carried))])


def carried(count):
    """Many scalars carried by a short loop."""
    lines = ["def f(x):", *(f"    c{k} = x[{k % 5}] * {k + 1}e-1" for k in range(count)), "    for i in range(4):"]
    lines += [f"        c{k} = math.sin(c{(7 * k + 1) % count}) * x[i] + c{k} * 0.5" for k in range(count)]
    return _made([*lines, "    return " + " + ".join(f"c{k}" for k in range(count))])


def places(count):
    """Elements of one array, each at a place of its own."""
    r = random.Random(count)
    lines = ["def f(x):", f"    w = np.zeros({count})", "    w[0] = x[0]", "    w[1] = x[1]"]
    lines += [
        f"    w[{k}] = math.sin(w[{r.randrange(max(0, k - 30), k)}]) * x[{k % 5}] + w[{k - 1}] * 0.5"
        for k in range(2, count)
    ]
    return _made([*lines, f"    return w[{count - 1}]"])


def arrays(count):
    """Operations on whole arrays."""
    lines = ["def f(x):", "    v0 = x * x", "    v1 = x + 1.0", *_chain(count, "    ")]
    return _made([*(line.replace("math.", "np.") for line in lines), f"    return np.sum(v{count - 1})"])


KINDS = {"straight": straight, "loop": loop, "carried": carried, "places": places, "arrays": arrays}


class Deriving:
    """Interpreted, so that numba has no part in it; nothing cached."""

    params = (tuple(KINDS), (50, 200, 400))
    param_names = ("kind", "statements")
    timeout = 300
    version = "1"
    number = 1
    repeat = (1, 3, 30.0)

    def setup(self, kind, statements):
        self.function = KINDS[kind](statements)
        self.x = np.linspace(0.1, 0.9, 5)

    def time_program(self, kind, statements):
        with revtrace.config.override(interpret=True, cache=False):
            revtrace.value_and_grad(self.function).program(self.x)
