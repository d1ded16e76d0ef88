"""From a program to something that runs it: a compiled kernel, or the interpreter."""

from __future__ import annotations

import sys
import time
from typing import Any

from revtrace import codegen, replay
from revtrace.cache import kernels
from revtrace.config import Settings
from revtrace.dispatch import Executor, Stats
from revtrace.program.nodes import Program
from revtrace.program.show import show

__all__ = ["executor", "stored"]


def executor(
    program: Program,
    settings: Settings,
    stats: Stats,
    *,
    careful: bool = False,
    boxed: frozenset[int] = frozenset(),
    form: Any = None,
) -> Executor:
    """Return how to run a program under these settings.

    Parameters
    ----------
    program : Program
    settings : Settings
    stats : Stats
        Compile time and cache hits are added to it.
    careful : bool
        Whether the kernel may assume nothing.
    boxed : frozenset of int
        Positions of the results that had best come as numpy scalars.
    form : int or nested tuple of int, optional
        How the results had best be returned, see `Executor`.
    """
    dump = settings.dump.split(",")
    if "program" in dump and not careful:
        print(show(program), file=sys.stderr)
    if settings.interpret:
        return Executor(run=_interpreter(program), bail=(replay.Bail,), checks_types=False, source=show(program))
    start = time.perf_counter()
    found = kernels.obtain(program, settings, careful=careful, boxed=boxed, form=form)
    stats.compile_seconds += time.perf_counter() - start
    if "source" in dump:
        print(found.kernel.source.text, file=sys.stderr)
    return _running(found, stats, careful)


def stored(key: str, name: str, settings: Settings, stats: Stats) -> Executor | None:
    """Return how to run the program whose machine code has a key; None where that is not there."""
    start = time.perf_counter()
    found = kernels.stored(key, name, settings)
    stats.compile_seconds += time.perf_counter() - start
    return None if found is None else _running(found, stats, careful=False)


def _running(found: kernels.Found, stats: Stats, careful: bool) -> Executor:
    stats.disk_hits += found.where == "disk"
    source = found.kernel.source
    return Executor(
        run=found.kernel.dispatch,
        bail=(codegen.Bail,),
        deopt=() if careful else (codegen.Deopt,),
        source=source.text,
        boxed=frozenset(source.boxed),
        form=source.form,
        enter=found.kernel.enter,
        key=found.key,
    )


def _interpreter(program: Program) -> Any:
    def interpret(*inputs: Any) -> tuple[Any, ...]:
        return replay.run(program, inputs)

    return interpret
