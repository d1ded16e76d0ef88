"""Compiled code's calls of SciPy's C functions.

Imports numba.  A function is known to LLVM under a name of its own, which `register` says the
address of; a kernel loaded from disk needs that said again before it is linked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from revtrace.rules.runtime import link
from revtrace.rules.scipy_calls import NAMES, entry

__all__ = ["linked", "register"]

_known: dict[str, tuple[int, int | None]] = {}


def register(names: Iterable[str]) -> None:
    """Tell LLVM where the functions of SciPy among some names are.

    Raises
    ------
    LookupError
        This SciPy does not export one.
    """
    for name in names:
        if name in NAMES and name not in _known:
            function, address, arity, part = entry(name)
            llvm.add_symbol(_symbol(function), address)
            _known[name] = arity, part


def _symbol(function: str) -> str:
    return f"revtrace_scipy_{function}"


def linked(name: str, compile: Callable[[Any], Any], done: dict[str, Any]) -> Any:
    """Return a function of `revtrace.rules.runtime.NAMES` for compiled code, see `link`."""
    if name not in NAMES:
        return link(name, compile, done)
    if name not in done:
        register([name])
        arity, part = _known[name]
        symbol = _symbol(entry(name)[0])
        if part is not None:
            done[name] = _part_of_two(symbol, part)
        else:
            signature = types.float64(*[types.float64] * arity, types.int32)
            done[name] = _WRAPPERS[arity](types.ExternalFunction(symbol, signature), compile)
    return done[name]


# The last argument asks Cython not to look for a Python method of that name.
_SKIP = np.int32(0)


def _one(f: Any, compile: Callable[[Any], Any]) -> Any:
    return compile(lambda a: f(np.float64(a), _SKIP))


def _two(f: Any, compile: Callable[[Any], Any]) -> Any:
    return compile(lambda a, b: f(np.float64(a), np.float64(b), _SKIP))


def _three(f: Any, compile: Callable[[Any], Any]) -> Any:
    return compile(lambda a, b, c: f(np.float64(a), np.float64(b), np.float64(c), _SKIP))


def _four(f: Any, compile: Callable[[Any], Any]) -> Any:
    return compile(lambda a, b, c, d: f(np.float64(a), np.float64(b), np.float64(c), np.float64(d), _SKIP))


_WRAPPERS = {1: _one, 2: _two, 3: _three, 4: _four}


def _part_of_two(symbol: str, part: int) -> Any:
    """Return a function that keeps one of the two numbers that a C function writes."""

    @intrinsic
    def call(typingctx: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            double = ir.DoubleType()
            slots = [builder.alloca(double) for _ in range(2)]
            kind = ir.FunctionType(ir.VoidType(), [double, double.as_pointer(), double.as_pointer()])
            module = builder.module
            function = module.globals.get(symbol) or ir.Function(module, kind, symbol)
            builder.call(function, [args[0], *slots])
            return builder.load(slots[part])

        return types.float64(types.float64), generate

    return njit(lambda a: call(np.float64(a)))  # type: ignore[call-arg]
