"""``revtrace demo``: one function plain, compiled and differentiated."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import revtrace
from revtrace import config

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    demo = commands.add_parser("demo", help="compare a plain call, the compiled call and the gradient of norm2")
    demo.add_argument("-n", type=int, default=1000, help="length of the vector (1000)")
    demo.add_argument("--hosts", action="store_true", help="compare gradients by JAX, PyTorch, autograd and PyTensor")
    demo.set_defaults(run=_demo)


def norm2(x: Any) -> Any:
    """Return the sum of squares; the demonstration's function."""
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


# The tracer refuses revtrace's own functions; this one is a stand-in for the user's.
norm2.__module__ = "norm2"


@dataclass(frozen=True, slots=True)
class _Timing:
    first: float
    least: float


def _timed(call: Callable[[], Any], seconds: float = 0.2) -> _Timing:
    """Return the seconds of the first call, and the least of many."""
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    least, spent, repeat = float("inf"), 0.0, 1
    while spent < seconds:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        took = time.perf_counter() - start
        spent += took
        least = min(least, took / repeat)
        if took < seconds / 20:
            repeat *= 2
    return _Timing(first, least)


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:8.3f} {unit}"
    return f"{value / 1e-9:8.0f} ns"


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.hosts:
        # Imports this module.
        from revtrace.cli import hosts

        return hosts.show(arguments.n)
    x = np.random.default_rng(0).standard_normal(arguments.n)
    f = revtrace.wrap(norm2)
    rows: list[tuple[str, Callable[[], Any]]] = [
        ("plain Python", lambda: norm2(x)),
        ("compiled", lambda: f(x)),
        ("gradient", lambda: f.grad(x)),
        ("value and gradient", lambda: f.value_and_grad(x)),
    ]
    print(f"norm2(x) = sum of x[i]**2 by a loop, x of {arguments.n} float64\n")
    print(f"{'':20} {'first call':>12} {'after that':>12}   ratio to compiled")
    timings = {name: _timed(call) for name, call in rows}
    base = timings["compiled"].least
    for name, timing in timings.items():
        print(f"{name:20} {_seconds(timing.first):>12} {_seconds(timing.least):>12} {timing.least / base:10.2f}")
    settings = config.current()
    kept = f.value_and_grad.stats
    value, gradient = f.value_and_grad(x)
    report = revtrace.check_grad(norm2, (x,), limit=50)
    print(f"\nvalue equals the plain function's:   {value == norm2(x)}")
    print(f"gradient equals 2 x:                 {bool(np.array_equal(gradient, 2.0 * x))}")
    print(f"worst against differences:           {report.worst:.1e} of the largest entry, {report.checked} checked")
    found = "the interpreter" if settings.interpret else "from the disk cache" if kept.disk_hits else "compiled now"
    print(f"kernels:                             {found}")
    return 0
