"""``revtrace demo --hosts``: the gradient of one loop by every host installed, alone and with the wrapped function."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import revtrace
from revtrace.cli.demo import norm2
from revtrace.cli.peaks import MALLOC, peak

__all__ = ["Row", "Times", "measured", "missing", "table"]

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds per call: the median and the least of many; and kilobytes that a call adds at its peak, where known."""

    median: float
    least: float
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One host: its gradient of the plain loop, of its own form, of the wrapped function; None where it has none."""

    host: str
    loop: Times | None
    own: Times | None
    wrapped: Times


def _autograd(x: np.ndarray, f: Any) -> Iterator[tuple[str, Call | None, Call | None, Call]]:
    import autograd
    import autograd.numpy as anp

    loop, own, wrapped = autograd.grad(norm2), autograd.grad(lambda x: anp.sum(x**2)), autograd.grad(f)
    yield "autograd", lambda: loop(x), lambda: own(x), lambda: wrapped(x)


def _torch(x: np.ndarray, f: Any) -> Iterator[tuple[str, Call | None, Call | None, Call]]:
    import torch

    t = torch.tensor(x, requires_grad=True)

    def backward(function: Callable[[Any], Any]) -> Call:
        def call() -> Any:
            t.grad = None
            function(t).backward()
            return t.grad

        return call

    yield "torch", backward(norm2), backward(lambda x: (x**2).sum()), backward(f)
    # As the formula is written, and the two ways in which PyTorch is faster at this one.
    yield "torch, by (x * x).sum()", None, backward(lambda x: (x * x).sum()), backward(f)
    yield "torch, by dot(x, x)", None, backward(lambda x: torch.dot(x, x)), backward(f)


def _jax(x: np.ndarray, f: Any) -> Iterator[tuple[str, Call | None, Call | None, Call]]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        a = jnp.asarray(x)

        def gradient(function: Callable[[Any], Any], jit: bool) -> Call:
            derivative = jax.grad(function)
            derivative = jax.jit(derivative) if jit else derivative
            return lambda: jax.block_until_ready(derivative(a))

        def own(x: Any) -> Any:
            return jnp.sum(x**2)

        yield "jax", gradient(norm2, False), gradient(own, False), gradient(f, False)
        yield "jax, under jit", None, gradient(own, True), gradient(f, True)
    finally:
        jax.config.update("jax_enable_x64", before)


def _pytensor(x: np.ndarray, f: Any) -> Iterator[tuple[str, Call | None, Call | None, Call]]:
    import pytensor
    import pytensor.tensor as pt

    v = pt.dvector("x")

    def gradient(out: Any, mode: str | None) -> Call:
        function = pytensor.function([v], pytensor.grad(out, v), mode=mode)
        return lambda: function(x)

    for name, mode in (("pytensor", None), ("pytensor, by numba", "NUMBA")):
        yield name, None, gradient((v**2).sum(), mode), gradient(f(v), mode)


_HOSTS = {"autograd": _autograd, "torch": _torch, "jax": _jax, "pytensor": _pytensor}


def missing() -> list[str]:
    """Return the hosts that are not installed."""
    return [name for name in _HOSTS if importlib.util.find_spec(name) is None]


def measured(n: int, seconds: float, *, patient: bool = False) -> tuple[Times, Times, list[Row]]:
    """Return the times of the compiled function, of its gradient, and of the gradients of every host installed.

    Parameters
    ----------
    n : int
        Length of the vector.
    seconds : float
        How long to time each, at least; the forms of a host are called in turns.
    patient : bool, optional
        Whether to time JAX on the plain loop, which takes minutes: it compiles something for every element.
    """
    memory = _memory(n)
    x = np.random.default_rng(0).standard_normal(n)
    f = revtrace.wrap(norm2)
    gradient = f.grad
    primal, bare = _timed([lambda: f(x), lambda: gradient(x)], seconds, memory.get(""))
    assert primal is not None and bare is not None
    rows = []
    for host, calls in _calls(x, f, patient):
        last = calls[-1]
        assert last is not None
        np.testing.assert_allclose(np.asarray(last()), 2.0 * x, rtol=1e-12)
        loop, own, wrapped = _timed(calls, seconds, memory.get(host))
        assert wrapped is not None
        rows.append(Row(host, loop, own, wrapped))
    return primal, bare, rows


def _calls(x: np.ndarray, f: Any, patient: bool) -> Iterator[tuple[str, list[Call | None]]]:
    """Yield the calls of every host installed."""
    absent = missing()
    for name, forms in _HOSTS.items():
        if name in absent:
            continue
        for host, *calls in forms(x, f):
            if host == "jax" and not patient:
                calls[0] = None
            yield host, calls


def _memory(n: int) -> dict[str, list[int | None]]:
    """Return kilobytes by host, measured in a process of its own."""
    code = f"from revtrace.cli.hosts import _report_memory; _report_memory({n}, {missing()})"
    paths = os.pathsep.join([str(Path(revtrace.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **MALLOC, "PYTHONPATH": paths.strip(os.pathsep)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 and done.stdout else {}


def _report_memory(n: int, absent: list[str]) -> None:
    """Print what `_memory` reads."""
    for name in absent:
        _HOSTS.pop(name, None)
    x = np.random.default_rng(0).standard_normal(n)
    f = revtrace.wrap(norm2)
    gradient = f.grad
    groups: list[tuple[str, list[Call | None]]] = [("", [lambda: f(x), lambda: gradient(x)])]
    found = {}
    for host, calls in itertools.chain(groups, _calls(x, f, False)):
        for call in calls:
            if call is not None:
                call()
        found[host] = [None if call is None else peak(call) for call in calls]
    print(json.dumps(found))


def _timed(calls: list[Call | None], seconds: float, memory: list[int | None] | None) -> list[Times | None]:
    """Return the times of calls made in turns; a slow one gets fewer."""
    samples: list[list[float]] = [[] for _ in calls]
    for call in calls:
        if call is not None:
            call()
    budget = [seconds] * len(calls)
    while any(left > 0 and call is not None for left, call in zip(budget, calls, strict=True)):
        for k, call in enumerate(calls):
            if call is None or budget[k] <= 0:
                continue
            for _ in range(10):
                start = time.perf_counter()
                call()
                took = time.perf_counter() - start
                samples[k].append(took)
                budget[k] -= took
                if budget[k] <= 0:
                    break
    kilobytes = memory or [None] * len(calls)
    return [
        Times(statistics.median(times), min(times), kept) if times else None
        for times, kept in zip(samples, kilobytes, strict=True)
    ]


def _spelled(times: Times | None) -> str:
    if times is None:
        return ""
    memory = "" if times.memory is None else f", {times.memory} kB"
    return f"{times.least * 1e6:.3g} ({times.median * 1e6:.3g}){memory}"


def table(primal: Times, bare: Times, rows: list[Row]) -> list[list[str]]:
    """Return the table's cells: least times in us, medians in brackets, memory, and how many times faster."""

    def faster(other: Times | None, wrapped: Times) -> str:
        return "" if other is None else f"{other.least / wrapped.least:.3g}"

    cells = [["gradient by", "plain loop", "own form", "wrapped loop", "faster than loop", "than own form"]]
    cells += [
        [r.host, *map(_spelled, (r.loop, r.own, r.wrapped)), faster(r.loop, r.wrapped), faster(r.own, r.wrapped)]
        for r in rows
    ]
    cells.append(["revtrace alone", "", "", _spelled(bare), "", ""])
    cells.append(["no gradient, compiled", "", "", _spelled(primal), "", ""])
    return cells


def show(n: int) -> int:
    """Print the table."""
    print(f"Gradient of norm2(x) = sum of x[i]**2, x of {n} float64; us, least of many (median), peak of memory\n")
    cells = table(*measured(n, 0.5))
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if "jax" not in missing():
        print("\njax on the plain loop takes minutes and is left out; python -m tools.hosts times it")
    for name in missing():
        print(f"\n{name} is not installed: pip install {name}")
    return 0
