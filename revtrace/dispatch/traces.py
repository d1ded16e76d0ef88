"""The last traces of a function, shared by its derivatives: a value, its pullback and a gradient come from one trace.

A trace serves a call if its guards hold for it, as they would have to for a specialisation.  What holds for the
numbers of one call only is not shared.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from revtrace.dispatch.trampoline import OTHER, Trampoline, compile_trampoline, dtype_of
from revtrace.program.types import Array
from revtrace.trace.record import Traced

__all__ = ["Traces", "fitting"]

_MOST = 4
"""Traces of one function that are remembered: they hold whole programs."""


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A trace, how it was made, and what reads its inputs in a call."""

    traced: Traced
    how: tuple[Any, ...]
    reader: Trampoline


class Traces:
    """The last traces of one function; safe for threads."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function
        self._known: tuple[_Known, ...] = ()
        self._lock = threading.Lock()

    def find(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *how: Any) -> Traced | None:
        """Return a trace that serves a call and was made in the same way; None where there is none."""
        for known in self._known:
            if known.how == how:
                # Arrays of these types and layouts, and numbers that fit: what a specialisation takes.
                inputs = known.reader.call(*args, **kwargs)
                if (
                    inputs is not OTHER
                    and not any(map(_is_large, inputs))
                    and fitting(known.traced, inputs) is not None
                ):
                    return known.traced
        return None

    def keep(self, traced: Traced, *how: Any) -> None:
        """Remember a trace, unless it may be for the numbers of its call only."""
        if traced.pinned or traced.once or traced.catches is not None:
            return
        reader = compile_trampoline(traced, self.function, execute=None, support=None, only_inputs=True)
        with self._lock:
            self._known = (_Known(traced, how, reader), *self._known)[:_MOST]

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known = ()


def _is_large(x: Any) -> bool:
    """Whether an input is an integer that only a trace of its own knows."""
    return isinstance(x, int) and not -(2**63) <= x < 2**63


def fitting(traced: Traced, inputs: Sequence[Any]) -> Sequence[Any] | None:
    """Return a program's inputs as C-contiguous, aligned arrays, the same object if they are already.

    None where the type of an array is not that of the program's input.
    """
    fitted = list(inputs)
    changed = False
    for k, var in enumerate(traced.program.inputs):
        x = inputs[k]
        if not isinstance(var.type, Array) or x is None:
            continue
        if type(x) is not np.ndarray or x.ndim != var.type.ndim:
            return None
        dtype = dtype_of(var.type)
        if x.dtype != dtype and x.dtype.newbyteorder("=") != dtype:
            return None
        flags = x.flags
        if not (flags.c_contiguous and flags.aligned and x.dtype == dtype):
            fitted[k] = np.array(x, dtype=dtype, order="C", copy=True)
            changed = True
    return fitted if changed else inputs
