"""Compare with peers in one run: ``python -m tools.peers [kernel ...] [--quick] [--plot FILE] [--write]``.

Each peer's value and gradient is timed in turns with the function compiled by numba, in one process; also its first
call, and the memory that a call takes at its peak.  Gradients are compared before anything is timed.  What is not
installed is skipped, and said so.  ``--write`` writes README's table.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from asv_bench.benchmarks import adjoints
from asv_bench.benchmarks.interleaved import least_times
from revtrace.progress import tracked
from tools import readme
from tools.kernels import machine
from tools.peer_code import KERNELS, NAMES, PEERS, Peer, function, problem

_SLOW = 2.0
"""Seconds of a call above which it is timed a few times only."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one peer on one kernel.

    Attributes
    ----------
    seconds, ratio : float
        Of a call; over the compiled function, timed in turns.
    first : float
        Seconds of the first call.
    peak : int or None
        Bytes that the process grew by at the peak of a call; None where the system does not tell.
    """

    kernel: str
    peer: str
    seconds: float
    ratio: float
    first: float
    peak: int | None


def primal(name: str) -> Callable[..., Any]:
    """Return the plain function compiled by numba."""
    if name in KERNELS:
        return adjoints.primal(name)  # type: ignore[no-any-return,no-untyped-call]
    compiled: Callable[..., Any] = njit(function(name))
    return compiled


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field}")


def peak_of(call: Callable[[], Any]) -> int | None:
    """Return the bytes by which the process is larger at the peak of a call than before it."""
    gc.collect()
    try:
        # Linux: forget the peak so far.
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        call()
        return max(0, _status("VmHWM") - before)
    except OSError:
        return None


def agree(ours: Any, theirs: Any, name: str, peer: str) -> None:
    """Refuse to time a gradient that is not the same."""
    for a, b in zip(ours[1], theirs[1], strict=True):
        a, b = np.asarray(a), np.asarray(b)
        scale = max(1e-300, float(np.max(np.abs(b), initial=0.0)))
        worst = float(np.max(np.abs(a - b), initial=0.0)) / scale
        if not worst < 1e-6:
            raise SystemExit(f"{peer} and revtrace disagree on {name} by {worst:.1e}")


def measure(name: str, peers: Sequence[Peer], small: bool, repeats: int) -> list[Figures]:
    """Measure all peers on one kernel."""
    active, rest = problem(name, small)
    compiled = primal(name)
    compiled(*active, *rest)
    reference: Any = None
    found = []
    for peer in sorted(peers, key=lambda p: p.name != "revtrace"):
        call = peer.make(name, active, rest)
        if call is None:
            continue
        start = time.perf_counter()
        result = call()
        first = time.perf_counter() - start
        single = result[1] if isinstance(result[1], tuple | list) else (result[1],)
        result = (result[0], tuple(single))
        if reference is None:
            reference = result
        else:
            agree(result, reference, name, peer.name)
        start = time.perf_counter()
        call()
        times = 3 if time.perf_counter() - start > _SLOW else repeats
        ours, function_ = least_times(call, lambda: compiled(*active, *rest), repeats=times)  # type: ignore[no-untyped-call]
        found.append(Figures(name, peer.name, ours, ours / function_, first, peak_of(call)))
    order = [peer.name for peer in peers]
    return sorted(found, key=lambda f: order.index(f.peer))


# showing ----------------------------------------------------------------------------------


def _size(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e6:.0f} MB" if count >= 5e5 else "0 MB"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def table(figures: Sequence[Figures], peers: Sequence[Peer]) -> str:
    """Return the table in Markdown: ratio to the compiled function, first call, memory."""
    lines = [
        f"| kernel | {' | '.join(peer.name for peer in peers)} |",
        f"| --- |{' ---: |' * len(peers)}",
    ]
    by = {(f.kernel, f.peer): f for f in figures}
    for name in dict.fromkeys(f.kernel for f in figures):
        cells = []
        for peer in peers:
            f = by.get((name, peer.name))
            cells.append("" if f is None else f"{_ratio(f.ratio)}, {f.first:.2f} s, {_size(f.peak)}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    means = []
    for peer in peers:
        ratios = [f.ratio for f in figures if f.peer == peer.name]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
        means.append(f"{_ratio(mean)} over {len(ratios)}" if ratios else "")
    lines.append(f"| geometric mean | {' | '.join(means)} |")
    lines.append(f"| changed in the code | {' | '.join(peer.rewritten for peer in peers)} |")
    return "\n".join(lines) + "\n"


def plot(figures: Sequence[Figures], path: Path) -> bool:
    """Draw the ratios; return whether matplotlib is there to do it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    names = list(dict.fromkeys(f.kernel for f in figures))
    peers = list(dict.fromkeys(f.peer for f in figures))
    figure = Figure(figsize=(0.9 * len(names) + 2.5, 4.2), layout="constrained")
    axes = figure.subplots()
    markers = ["_", "o", "s", "^", "D"]
    for k, peer in enumerate(peers):
        points = [(names.index(f.kernel), f.ratio) for f in figures if f.peer == peer]
        style: dict[str, Any] = {"s": 300} if markers[k % 5] == "_" else {"s": 40}
        axes.scatter(*zip(*points, strict=True), label=peer, marker=markers[k % 5], zorder=3, **style)
    axes.set_yscale("log")
    axes.axhline(1.0, color="gray", linewidth=0.8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_ylabel("value and gradient over the compiled function")
    axes.legend(ncols=len(peers), fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.13), frameon=False)
    figure.savefig(path, dpi=130)
    return True


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="kernel", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats: whether it works")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--plot", type=Path, help="draw a picture of the ratios")
    parser.add_argument("--write", action="store_true", help="write README's table")
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.kernels) - set(NAMES))
    if unknown:
        parser.error(f"no such kernel: {', '.join(unknown)}")
    peers = [peer for peer in PEERS if not peer.missing()]
    for peer in PEERS:
        if peer not in peers:
            print(f"{peer.name} is skipped: {', '.join(peer.missing())} not installed")
    chosen = arguments.kernels or list(NAMES)
    figures: list[Figures] = []
    for name in tracked(chosen, "kernels"):
        found = measure(name, peers, arguments.quick, 2 if arguments.quick else arguments.repeats)
        print(f"{name}: {', '.join(f'{f.peer} {_ratio(f.ratio)}' for f in found)}", flush=True)
        figures += found
    versions = [f"{m} {importlib.metadata.version(m)}" for p in peers for m in p.modules if m not in ("numba",)]
    text = f"{machine()[:-1]}{''.join(f', {v}' for v in versions)}.\n\n{table(figures, peers)}"
    print(text)
    print(f"largest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if arguments.plot is not None:
        print(f"wrote {arguments.plot}" if plot(figures, arguments.plot) else "matplotlib is not installed: no picture")
    if arguments.write:
        readme.write_part("peers", text)


if __name__ == "__main__":
    main()
