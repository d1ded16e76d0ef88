"""Compare with peers in one run: ``python -m tools.peers [kernel ...] [--quick] [--plot FILE] [--write]``.

Each peer's value and gradient is timed in turns with the function compiled by numba, in one process; also its first
call, and the memory that a call takes at its peak.  Gradients are compared before anything is timed.  What is not
installed is skipped, and said so; a call that takes longer than ``--patience`` is given up.  ``--write`` writes
README's tables.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from asv_bench.benchmarks import adjoints
from asv_bench.benchmarks.interleaved import least_times
from revtrace.cli.peaks import peak
from revtrace.progress import tracked
from tools import readme
from tools.kernels import machine
from tools.peer_code import KERNELS, NAMES, PEERS, Peer, function, problem

_SLOW = 2.0
"""Seconds of a call above which it is not timed in turns: the lesser of two is taken."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one peer on one kernel.

    Attributes
    ----------
    seconds, ratio : float
        Of a call; over the compiled function, timed in turns.  Infinite where a call was given up.
    first : float
        Seconds of the first call, or after which it was given up.
    peak : int or None
        Kilobytes that the process grew by at the peak of a call; None where the system does not tell.
    """

    kernel: str
    peer: str
    seconds: float
    ratio: float
    first: float
    peak: int | None


class _TooSlowError(Exception):
    """A call takes longer than it is worth."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up what is in the block after some seconds; code that does not come back to Python is waited for."""

    def give_up(*_: object) -> None:
        raise _TooSlowError

    before = signal.signal(signal.SIGALRM, give_up)
    # Again and again: one that is raised inside of a callback of the collector is swallowed.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def primal(name: str) -> Callable[..., Any]:
    """Return the plain function compiled by numba."""
    if name in KERNELS:
        return adjoints.primal(name)  # type: ignore[no-any-return,no-untyped-call]
    compiled: Callable[..., Any] = njit(function(name))
    return compiled


def agree(ours: Any, theirs: Any, name: str, peer: str) -> None:
    """Refuse to time a gradient that is not the same."""
    for a, b in zip(ours[1], theirs[1], strict=True):
        a, b = np.asarray(a), np.asarray(b)
        scale = max(1e-300, float(np.max(np.abs(b), initial=0.0)))
        worst = float(np.max(np.abs(a - b), initial=0.0)) / scale
        if not worst < 1e-6:
            raise SystemExit(f"{peer} and revtrace disagree on {name} by {worst:.1e}")


def measure(name: str, peers: Sequence[Peer], small: bool, repeats: int, longest: float = 60.0) -> list[Figures]:
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
        try:
            # Zero seconds: for ever.
            with patience(0.0 if peer.compiles else longest):
                result = call()
        except _TooSlowError:
            found.append(Figures(name, peer.name, math.inf, math.inf, longest, None))
            continue
        first = time.perf_counter() - start
        single = result[1] if isinstance(result[1], tuple | list) else (result[1],)
        result = (result[0], tuple(single))
        if reference is None:
            reference = result
        else:
            agree(result, reference, name, peer.name)
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        calls = (call, lambda: compiled(*active, *rest))
        if once > _SLOW:
            (ours, (function_,)) = min(first, once), least_times(calls[1], repeats=3)  # type: ignore[no-untyped-call]
        else:
            ours, function_ = least_times(*calls, repeats=repeats)  # type: ignore[no-untyped-call]
        found.append(Figures(name, peer.name, ours, ours / function_, first, peak(call)))
    order = [peer.name for peer in peers]
    return sorted(found, key=lambda f: order.index(f.peer))


# showing ----------------------------------------------------------------------------------


def _size(kilobytes: int | None) -> str:
    return "?" if kilobytes is None else f"{kilobytes / 1e3:.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _spent(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


def table(figures: Sequence[Figures], peers: Sequence[Peer]) -> str:
    """Return two tables in Markdown: ratio to the compiled function and time; first call and memory."""
    by = {(f.kernel, f.peer): f for f in figures}
    names = list(dict.fromkeys(f.kernel for f in figures))

    def tabled(corner: str, cell: Callable[[Figures], str], *more: tuple[str, list[str]]) -> list[str]:
        rows = [(corner, [peer.name for peer in peers])]
        rows += [(name, [cell(by[name, p.name]) if (name, p.name) in by else "" for p in peers]) for name in names]
        lines = [f"| {head} | {' | '.join(cells)} |" for head, cells in (*rows, *more)]
        return [lines[0], f"| --- |{' ---: |' * len(peers)}", *lines[1:]]

    means = []
    for peer in peers:
        ratios = [f.ratio for f in figures if f.peer == peer.name and math.isfinite(f.ratio)]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan
        means.append(f"{_ratio(mean)} over {len(ratios)}" if ratios else "")
    lines = tabled(
        "over the function",
        lambda f: f"{_ratio(f.ratio)} ({_spent(f.seconds)})" if math.isfinite(f.ratio) else f"over {f.first:.0f} s",
        ("geometric mean", means),
        ("changed in the code", [peer.rewritten for peer in peers]),
    )
    lines += [
        "",
        *tabled("first call, s; MB", lambda f: f"{f.first:.2f}; {_size(f.peak)}" if f.seconds < math.inf else ""),
    ]
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
        points = [(names.index(f.kernel), f.ratio) for f in figures if f.peer == peer and math.isfinite(f.ratio)]
        if not points:
            continue
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
    parser.add_argument("--patience", type=float, default=60.0, help="seconds after which a first call is given up")
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
    loads = [os.getloadavg()[0]]
    for name in tracked(chosen, "kernels"):
        repeats = 2 if arguments.quick else arguments.repeats
        found = measure(name, peers, arguments.quick, repeats, arguments.patience)
        print(f"{name}: {', '.join(f'{f.peer} {_ratio(f.ratio)}' for f in found)}", flush=True)
        figures += found
        loads.append(os.getloadavg()[0])
    load = f"Load of the machine {min(loads):.1f} to {max(loads):.1f}."
    versions = [f"{m} {importlib.metadata.version(m)}" for p in peers for m in p.modules if m not in ("numba",)]
    text = f"{machine()[:-1]}{''.join(f', {v}' for v in versions)}. {load}\n\n{table(figures, peers)}"
    print(text)
    print(f"largest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if arguments.plot is not None:
        print(f"wrote {arguments.plot}" if plot(figures, arguments.plot) else "matplotlib is not installed: no picture")
    if arguments.write:
        readme.write_part("peers", text)


if __name__ == "__main__":
    main()
