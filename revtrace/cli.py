"""The command line: ``revtrace demo | show | check | info | cache``."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import revtrace
from revtrace import config
from revtrace.cache.kernels import store
from revtrace.handle import Handle

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, `sys.argv` by default.

    Returns
    -------
    int
        Exit status: 0, 1 where a check fails or revtrace refuses, 2 for a wrong command line.
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except revtrace.RevtraceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="revtrace", description="Exact, compiled gradients of plain Python functions."
    )
    parser.add_argument("--version", action="version", version=f"revtrace {revtrace.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="compare a plain call, the compiled call and the gradient of norm2")
    demo.add_argument("-n", type=int, default=1000, help="length of the vector (1000)")
    demo.set_defaults(run=_demo)

    show = commands.add_parser("show", help="print the program that a call runs")
    _target(show)
    show.add_argument(
        "--of", choices=("value", "grad", "value_and_grad"), default="value_and_grad", help="which function"
    )
    show.add_argument(
        "--form",
        choices=("program", "source", "plan"),
        default="program",
        help="the program, its Python source, or where the backward sweep finds what it reads",
    )
    show.set_defaults(run=_show)

    check = commands.add_parser("check", help="compare a gradient with differences")
    _target(check)
    check.add_argument("--rtol", type=float, default=1e-6)
    check.set_defaults(run=_check)

    info = commands.add_parser("info", help="versions, machine and settings, for bug reports")
    info.set_defaults(run=_info)

    cache = commands.add_parser("cache", help="the disk cache of compiled code")
    cache.add_argument("what", nargs="?", choices=("info", "clear", "path"), default="info")
    cache.set_defaults(run=_cache)
    return parser


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", help="file.py:name or package.module:name")
    parser.add_argument("--args", default="()", help="positional arguments, as a Python expression; np is NumPy")
    parser.add_argument("--argnums", default=None, help="which arguments to differentiate by: 0 or 0,2")


def _resolved(arguments: argparse.Namespace) -> tuple[Callable[..., Any], tuple[Any, ...], Any]:
    """Return the function, its arguments and argnums named on the command line."""
    where, _, name = arguments.function.rpartition(":")
    if not where:
        raise SystemExit("write file.py:name or package.module:name")
    path = Path(where)
    if path.suffix == ".py":
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.exists():
            raise SystemExit(f"no file {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, "")
        module = importlib.import_module(where)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise SystemExit(f"{where} has no {name}")
        found = getattr(found, part)
    values = eval(arguments.args, {"np": np, **vars(module)})
    numbers: Any = None
    if arguments.argnums is not None:
        numbers = tuple(int(part) for part in arguments.argnums.split(","))
        numbers = numbers[0] if "," not in arguments.argnums else numbers
    return found, values if isinstance(values, tuple) else (values,), numbers


# commands -----------------------------------------------------------------------------------


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


def _show(arguments: argparse.Namespace) -> int:
    function, args, argnums = _resolved(arguments)
    target: Handle
    if arguments.of == "value":
        target = revtrace.wrap(function)
    else:
        target = getattr(revtrace, arguments.of)(function, argnums=argnums)
    if arguments.form == "plan":
        rows = [(a.name, a.answer, str(a.bytes), str(a.loc)) for a in target.plan(*args).answers]
        for name, answer, size, where in [("value", "answer", "bytes", "place"), *rows]:
            print(f"{name:16} {answer:10} {size:>6}  {where}")
    else:
        print(target.dump(*args) if arguments.form == "program" else target.source(*args))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    function, args, argnums = _resolved(arguments)
    report = revtrace.check_grad(function, args, argnums=argnums, rtol=arguments.rtol)
    print(f"{report.checked} elements agree; the worst differs by {report.worst:.1e} of the largest entry")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    print(f"revtrace {revtrace.__version__}")
    print(f"python   {sys.version.split()[0]} ({sys.implementation.name}, {platform.platform()})")
    for name in ("numpy", "numba", "llvmlite", "bytecode"):
        try:
            print(f"{name:8} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{name:8} missing")
    try:
        from llvmlite.binding import get_host_cpu_name

        print(f"cpu      {get_host_cpu_name()} ({platform.machine()})")
    except ImportError:
        print(f"cpu      {platform.machine()}")
    print("\nsettings")
    settings = config.current()
    for row in config.table():
        value = getattr(settings, row.name)
        print(f"  {row.name:16} {value!r:12} {row.env:26} {row.doc}")
    return 0


def _cache(arguments: argparse.Namespace) -> int:
    disk = store(config.current())
    if arguments.what == "path":
        print(disk.directory)
        return 0
    disk.check()
    if arguments.what == "clear":
        print(f"removed {disk.clear()} files from {disk.directory}")
        return 0
    entries = disk.entries()
    size = sum(entry.size for entry in entries)
    print(f"{disk.directory}: {len(entries)} kernels, {size / 2**20:.1f} MiB of at most {disk.limit / 2**20:.0f} MiB")
    return 0
