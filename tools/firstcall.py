"""Where first calls spend processor time: ``python -m tools.firstcall [--every N] [--match TEXT] [--json FILE]``.

Each program of the corpus gets its first gradient in a process of its own, forked after numba is imported and has
compiled something.  Printed: seconds of tracing, of passes, of writing the source, of numba's front end (to typed
IR), of lowering, of LLVM's passes, of machine code and the rest; then medians, quantiles and sums.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main", "measured"]

STAGES = ("total", "trace", "passes", "source", "front", "lower", "llvm", "machine", "rest")


class _Clock:
    """Processor seconds by stage; a stage inside another is counted once, for itself."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.inside: list[float] = []

    def around(self, owner: Any, name: str, stage: str) -> None:
        """Count the calls of a function or method as a stage."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            self.inside.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                took = time.process_time() - start
                inner = self.inside.pop()
                self.spent[stage] = self.spent.get(stage, 0.0) + took - inner
                if self.inside:
                    self.inside[-1] += took

        setattr(owner, name, timed)


def _prepared() -> _Clock:
    """Import and compile something, then put the clock in."""
    import revtrace
    from revtrace import codegen
    from revtrace.dispatch import making

    with revtrace.config.override(cache=False):
        revtrace.grad(lambda x: (x * x).sum() + float(x[0]))(np.ones(3))

    from numba.core import codegen as machine
    from numba.core import typed_passes, untyped_passes

    from revtrace.codegen import door, kernel, pipeline

    clock = _Clock()
    clock.around(making, "trace", "trace")
    clock.around(making, "differentiated", "passes")
    clock.around(codegen, "emit", "source")
    clock.around(kernel, "_function", "source")
    for each in (
        untyped_passes.TranslateByteCode,
        untyped_passes.FixupArgs,
        untyped_passes.IRProcessing,
        untyped_passes.GenericRewrites,
        untyped_passes.ReconstructSSA,
        pipeline.Inference,
        typed_passes.PreLowerStripPhis,
        typed_passes.IRLegalization,
    ):
        clock.around(each, "run_pass", "front")
    clock.around(pipeline.Lowering, "run_pass", "lower")
    clock.around(door, "write", "lower")
    library = machine.JITCodeLibrary
    clock.around(library, "add_ir_module", "lower")
    clock.around(library, "_optimize_functions", "llvm")
    clock.around(library, "_optimize_final_module", "llvm")
    clock.around(library, "get_pointer_to_function", "machine")
    return clock


def measured(call: Callable[[], Any], clock: _Clock) -> dict[str, Any]:
    """Return the seconds of a call by stage."""
    clock.spent.clear()
    start = time.process_time()
    failed = None
    try:
        call()
    except Exception as error:
        failed = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    total = time.process_time() - start
    spent = {stage: clock.spent.get(stage, 0.0) for stage in STAGES[1:-1]}
    return {"total": total, **spent, "rest": total - sum(spent.values()), "failed": failed}


def _apart(name: str, call: Callable[[], Any], clock: _Clock, limit: int) -> dict[str, Any] | None:
    """Return what `measured` does, from a forked process; None where that ended without an answer."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        os.write(write, json.dumps({"name": name, **measured(call, clock)}).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return json.loads(data) if data else None


def _calls(match: str, every: int) -> list[tuple[str, Callable[[], Any]]]:
    import copy

    import revtrace
    from tests.programs.corpus import corpus

    def first(p: Any) -> Callable[[], Any]:
        return lambda: revtrace.grad(p.function, argnums=p.argnums)(*copy.deepcopy(p.args), **copy.deepcopy(p.kwargs))

    return [(p.name, first(p)) for p in corpus()[::every] if match in p.name]


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take each Nth program")
    parser.add_argument("--match", default="", help="take the programs whose names contain this")
    parser.add_argument("--limit", type=int, default=60, help="processor seconds a call may take")
    parser.add_argument("--json", type=Path, help="write what was measured here")
    given = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    os.environ["REVTRACE_CACHE"] = "0"
    clock = _prepared()
    print(f"{'':32}", *(f"{stage:>7}" for stage in STAGES))
    rows = []
    for name, call in _calls(given.match, given.every):
        row = _apart(name, call, clock, given.limit)
        if row is None:
            print(f"{name:32} more than {given.limit} seconds", flush=True)
            continue
        rows.append(row)
        print(f"{name:32}", *(f"{row[stage]:7.2f}" for stage in STAGES), row["failed"] or "", flush=True)
    done = [row for row in rows if not row["failed"]]
    for what, summary in (
        ("median", np.median),
        ("90 %", lambda x: np.quantile(x, 0.9)),
        ("99 %", lambda x: np.quantile(x, 0.99)),
        ("sum", np.sum),
    ):
        print(f"{what:32}", *(f"{summary([row[stage] for row in done]):7.2f}" for stage in STAGES))
    if given.json:
        given.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
