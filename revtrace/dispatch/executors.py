"""From a program to something that runs it: a compiled kernel, or the interpreter."""

from __future__ import annotations

import sys
import time
from typing import Any

from revtrace import codegen, replay
from revtrace.cache import kernels
from revtrace.config import Settings
from revtrace.dispatch.records import Executor, Stats
from revtrace.passes.share import share
from revtrace.program.deep import deep, depth
from revtrace.program.nodes import If, Op, Program, walk
from revtrace.program.show import show

__all__ = ["executor", "stored"]

# What compiling takes on the reference machine, in milliseconds: at least, and for each statement by what it is, fitted
# to 18 programs of 0.4 to 26 seconds (within a factor of two of each, half of them within 25 %); and where that has
# doubled: numba is linear in the length of a program, LLVM is not.
_LEAST, _NUMBER, _ELEMENT, _ARRAY, _BRANCH, _LOOP = 150.0, 0.6, 2.0, 12.0, 5.0, 18.0
_DOUBLE = 40_000
_ELEMENTS = frozenset(("load", "store", "addto"))
_ARRAYS = frozenset(("alloc", "fill", "copy", "copyto", "call", "stack", "push", "pop"))

# The interpreter needs room for programs of more levels than this.
_DEEP = 100


def executor(
    program: Program,
    settings: Settings,
    stats: Stats,
    *,
    careful: bool = False,
    boxed: frozenset[int] = frozenset(),
    form: Any = None,
    large: int | None = None,
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
    large : int, optional
        A program that takes more milliseconds to compile, and whose kernel is not at hand, is interpreted for as long
        as compiling it would take: what is called a few times is never compiled, and nothing takes more than twice
        the time it must.
    """
    dump = settings.dump.split(",")
    if "program" in dump and not careful:
        print(show(program), file=sys.stderr)
    program = share(program)
    if settings.interpret:
        return Executor(run=_interpreter(program), bail=(replay.Bail,), checks_types=False, source=show(program))
    start = time.perf_counter()
    try:
        with deep():
            found = kernels.look(program, settings, careful=careful, boxed=boxed, form=form)
    except codegen.TooDeep:
        return Executor(run=_interpreter(program), bail=(replay.Bail,), checks_types=False, source=show(program))
    source = found.source if isinstance(found, kernels.Wanted) else found.kernel.source
    if "source" in dump:
        print(source.text, file=sys.stderr)
    if isinstance(found, kernels.Wanted):
        if large is not None and (milliseconds := _compiling(program)) > large:
            return Executor(
                run=_Patient(program, milliseconds / 1000),
                bail=(replay.Bail,),
                deopt=(replay.OutOfTime,),
                checks_types=False,
                source=source.text,
                later=lambda: executor(program, settings, stats, careful=careful, boxed=boxed, form=form),
            )
        with deep():
            found = kernels.build(program, found)
    stats.compile_seconds += time.perf_counter() - start
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


def _compiling(program: Program) -> float:
    """Return about how many milliseconds compiling a program takes."""
    total = 0.0
    for stmt in walk(program.body):
        match stmt:
            case Op(name=name):
                total += _ELEMENT if name in _ELEMENTS else _ARRAY if name in _ARRAYS else _NUMBER
            case If():
                total += _BRANCH
            case _:
                total += _LOOP
    return _LEAST + total * (1 + total / _DOUBLE)


def _interpreter(program: Program) -> Any:
    def interpret(*inputs: Any) -> tuple[Any, ...]:
        return replay.run(program, inputs)

    def interpret_deep(*inputs: Any) -> tuple[Any, ...]:
        with deep():
            return replay.run(program, inputs)

    return interpret if depth(program.body) < _DEEP else interpret_deep


class _Patient:
    """Interprets a program until the seconds it was given are spent, then raises `OutOfTime`."""

    def __init__(self, program: Program, seconds: float) -> None:
        self.program, self.left = program, seconds

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        start = time.thread_time()
        try:
            with deep():
                return replay.run(self.program, inputs, until=start + self.left)
        finally:
            self.left -= time.thread_time() - start
