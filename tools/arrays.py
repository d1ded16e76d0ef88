"""Time the kernels of whole arrays: ``python -m tools.arrays [--print] [kernel ...]``.

Each is compared with its adjoint by hand, where there is one, and with ``jax.jit(jax.value_and_grad)`` of the same
code where JAX is installed; all on one core.  Times are of the processor, worker threads included, sampled in turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import revtrace
from asv_bench.benchmarks import array_adjoints, array_jax, array_kernels
from asv_bench.benchmarks.interleaved import least_times
from tools.kernels import report, size


@dataclass(frozen=True)
class Figures:
    """What was measured of one kernel: seconds, and bytes kept from the forward sweep."""

    name: str
    ours: float
    by_hand: float | None
    jax: float | None
    kept: int | None


def measure(name: str, repeats: int, jax: bool) -> Figures:
    """Measure one kernel at full size; gradients must agree."""
    active, rest = array_kernels.problem(name)  # type: ignore[no-untyped-call]
    with revtrace.config.override(cache=False):
        gradient = revtrace.value_and_grad(array_kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        value, found = gradient(*active, *rest)

    def ours() -> Any:
        return gradient(*active, *rest)

    others: dict[str, Any] = {}
    if name in array_adjoints.FUNCTIONS:
        others["hand"] = array_adjoints.by_hand(name, active, rest)  # type: ignore[no-untyped-call]
    if jax:
        others["jax"] = array_jax.value_and_grad(name, active, rest)  # type: ignore[no-untyped-call]
    for other in others.values():
        value_there, there = other()
        assert np.allclose(value, value_there, rtol=1e-9), name
        for a, b in zip(found, there, strict=True):
            assert np.allclose(a, b, rtol=1e-8, atol=1e-9 * np.abs(a).max()), name
    times = least_times(ours, *others.values(), repeats=repeats, clock=time.process_time)
    spent = dict(zip(("ours", *others), times, strict=True))
    return Figures(name, spent["ours"], spent.get("hand"), spent.get("jax"), gradient.stats.kept_bytes)


def _ratio(ours: float, theirs: float | None) -> str:
    return "" if theirs is None else f"{ours / theirs:.2f}"


def table(figures: list[Figures]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| kernel | gradient, us | over the hand adjoint | over JAX | kept |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {f.name} | {f.ours * 1e6:.0f} | {_ratio(f.ours, f.by_hand)} | {_ratio(f.ours, f.jax)} | {size(f.kept)} |"
        for f in figures
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="kernel", help=", ".join(array_kernels.NAMES))
    parser.add_argument("--print", action="store_true", help="print the table only")
    parser.add_argument("--repeats", type=int, default=40)
    asked = parser.parse_args()
    # One core for all: JAX and BLAS take as many threads as there are.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    jax = importlib.util.find_spec("jax") is not None
    report("arrays", asked, array_kernels.NAMES, lambda name: measure(name, asked.repeats, jax), table)


if __name__ == "__main__":
    main()
