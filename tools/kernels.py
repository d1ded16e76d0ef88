"""Time the benchmark kernels in one run and write README's table: ``python -m tools.kernels [kernel ...]``.

With names of kernels, or ``--print``, prints the table and leaves README as it is.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import revtrace
from asv_bench.benchmarks import adjoints, kernels
from asv_bench.benchmarks.interleaved import first_call, least_times
from tools import readme

F = TypeVar("F")


@dataclass(frozen=True)
class Figures:
    """What was measured of one kernel; seconds."""

    name: str
    primal: float
    by_hand: float
    gradient: float
    first: float
    kept: int | None


def measure(name: str, repeats: int) -> Figures:
    """Measure one kernel at full size; nothing is taken from the disk cache."""
    active, rest = kernels.problem(name)
    args = (*active, *rest)
    primal = adjoints.primal(name)
    by_hand = adjoints.by_hand(name, active, rest)
    with revtrace.config.override(cache=False):
        gradient = revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        first = first_call(lambda: gradient(*args))
    times = least_times(lambda: gradient(*args), lambda: primal(*args), by_hand, repeats=repeats)
    return Figures(name, times[1], times[2], times[0], first, gradient.stats.kept_bytes)


def size(count: int | None) -> str:
    """Return a number of bytes in words."""
    if count is None:
        return ""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.3g}" if seconds < 1e-3 else f"{seconds * 1e6:.0f}"


def table(figures: list[Figures]) -> str:
    """Return the table in Markdown."""
    lines = [
        "| kernel | function, us | gradient, us | over the function | over the hand adjoint | first call, s | kept |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {f.name} | {_microseconds(f.primal)} | {_microseconds(f.gradient)} | {f.gradient / f.primal:.2f} "
        f"| {f.gradient / f.by_hand:.2f} | {f.first:.2f} | {size(f.kept)} |"
        for f in figures
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Return a sentence on what was measured with."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [s.partition(":")[2].strip() for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numba", "numpy"))
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{models[0]}, {cores} cores, CPython {python}, {versions}, revtrace {revtrace.__version__}."


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="kernel", help=", ".join(kernels.NAMES))
    parser.add_argument("--print", action="store_true", help="print the table only")
    parser.add_argument("--repeats", type=int, default=100)
    asked = parser.parse_args()
    # Load numba and compile something, so that the first row pays for itself only.
    with revtrace.config.override(cache=False):
        revtrace.grad(lambda x: x * x)(1.0)
    report("kernels", asked, kernels.NAMES, lambda name: measure(name, asked.repeats), table)


def report(
    part: str,
    asked: argparse.Namespace,
    names: Sequence[str],
    measure: Callable[[str], F],
    table: Callable[[list[F]], str],
) -> None:
    """Measure the kernels asked for, printing each row, and print the table or write it to a part of README."""
    figures = []
    for name in asked.kernels or names:
        figures.append(measure(name))
        print(table(figures).splitlines()[-1], flush=True)
    text = f"{machine()}\n\n{table(figures)}"
    if asked.kernels or asked.print:
        print(text)
    else:
        readme.write_part(part, text)


if __name__ == "__main__":
    main()
