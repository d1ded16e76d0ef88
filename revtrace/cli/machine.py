"""``revtrace info`` and ``revtrace cache``: the machine, the settings, the compiled code on disk."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from typing import Any

import revtrace
from revtrace import config
from revtrace.cache.kernels import store
from revtrace.cache.store import KERNEL, TRACE, Store, location
from revtrace.errors import CacheError

__all__ = ["add"]

_NEEDED = ("numpy", "numba", "llvmlite", "bytecode", "platformdirs")
_OPTIONAL = ("rich", "scipy", "mpmath", "jax", "torch", "autograd", "pytensor")


def add(commands: Any) -> None:
    """Add the commands to a parser's."""
    info = commands.add_parser("info", help="versions, machine and settings, for bug reports")
    info.set_defaults(run=_info)
    cache = commands.add_parser("cache", help="the disk cache of compiled code")
    cache.add_argument("what", nargs="?", choices=("info", "clear", "path"), default="info")
    cache.set_defaults(run=_cache)


def _info(arguments: argparse.Namespace) -> int:
    print(f"revtrace     {revtrace.__version__}")
    print(f"python       {sys.version.split()[0]} ({sys.implementation.name})")
    for name in (*_NEEDED, *_OPTIONAL):
        try:
            print(f"{name:12} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            if name in _NEEDED:
                print(f"{name:12} missing")
    print(f"system       {platform.platform()}, {' '.join(platform.libc_ver()).strip() or 'unknown C library'}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"cpu          {_cpu()} ({platform.machine()}), {cores} cores")
    settings = config.current()
    print(f"kernels in   {location(settings.cache_dir)}{_state(settings)}")
    others = {k: v for k, v in os.environ.items() if k.startswith("NUMBA_")}
    for name, value in sorted(others.items()):
        print(f"{name}={value}")
    print("\nsettings, by REVTRACE_* variables or revtrace.config.override(name=value)")
    rows = [(row.name, repr(getattr(settings, row.name)), row.env, row.doc) for row in config.table()]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for row in rows:
        mark = "*" if row[2] in os.environ else " "
        print(f" {mark}" + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)) + "  " + row[3])
    if any(row[2] in os.environ for row in rows):
        print(" * set in the environment")
    return 0


def _cpu() -> str:
    try:
        from llvmlite.binding import get_host_cpu_name
    except ImportError:
        return "unknown"
    return str(get_host_cpu_name())


def _state(settings: config.Settings) -> str:
    disk = store(settings)
    try:
        disk.check()
    except CacheError as error:
        return f" (not usable: {error.what})"
    return f" ({_counted(disk)})"


def _counted(disk: Store) -> str:
    return f"{len(disk.entries(KERNEL))} kernels, {len(disk.entries(TRACE))} traces"


def _cache(arguments: argparse.Namespace) -> int:
    disk = store(config.current())
    if arguments.what == "path":
        print(disk.directory)
        return 0
    disk.check()
    if arguments.what == "clear":
        print(f"removed {disk.clear()} files from {disk.directory}")
        return 0
    size = sum(entry.size for entry in disk.entries())
    print(f"{disk.directory}: {_counted(disk)}, {size / 2**20:.1f} MiB of at most {disk.limit / 2**20:.0f} MiB")
    return 0
