"""The way from compiled code back to Python: one C function that runs any row.

Compiled code knows a call by a number, which is the same in every process, and hands over the
addresses and lengths of its arrays.  Python runs the row on arrays that share that memory.  What it
raises is kept (see `revtrace.calls.core.failure`) and the compiled code bails.  ctypes takes the
interpreter's lock for the time of the call, so compiled code may run without it.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.calls.core import ROWS, Row, Settings, attempt, row_named

__all__ = ["SYMBOL", "Spec", "address", "enter_spec", "number_of"]

SYMBOL = "revtrace_call"
"""The name under which compiled code finds `address`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A call as compiled code makes it.

    Attributes
    ----------
    row : str
    settings : tuple of pairs
    adds : bool
    outs : int
        How many of its arrays are outputs, the first ones.
    types : tuple of (str, int)
        Dtype and number of axes of each array.
    """

    row: str
    settings: Settings
    adds: bool
    outs: int
    types: tuple[tuple[str, int], ...]

    @property
    def words(self) -> int:
        """How many numbers say where the arrays are and how long."""
        return sum(1 + ndim for _, ndim in self.types)


_specs: dict[int, tuple[Spec, tuple[tuple[Any, int, int], ...]]] = {}


def number_of(spec: Spec) -> int:
    """Return the number of a call, the same in every process."""
    return int.from_bytes(hashlib.sha256(repr(spec).encode()).digest()[:7], "little")


def enter_spec(spec: Spec) -> int:
    """Enter a call that compiled code makes; return its number."""
    number = number_of(spec)
    types = tuple(
        (np.dtype("?" if d == "b1" else d), ndim, np.dtype("?" if d == "b1" else d).itemsize) for d, ndim in spec.types
    )
    _specs[number] = spec, types
    return number


_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view.restype = ctypes.py_object
_WRITE = 0x200


def _run(number: int, where: int) -> int:
    spec, types = _specs[number]
    words = (ctypes.c_int64 * spec.words).from_address(where)[:]
    arrays = []
    at = 0
    for dtype, ndim, size in types:
        shape = words[at + 1 : at + 1 + ndim]
        count = math.prod(shape) * size
        if count:
            arrays.append(np.ndarray(shape, dtype, _view(words[at], count, _WRITE)))
        else:
            arrays.append(np.empty(shape, dtype))
        at += 1 + ndim
    row: Row = ROWS.get(spec.row) or row_named(spec.row)
    return int(attempt(row, spec.settings, spec.adds, arrays[: spec.outs], arrays[spec.outs :]))


_callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(_run)


def address() -> int:
    """Return the address of the C function: ``int64 f(int64 number, int64 *words)``; 0 means it failed."""
    found = ctypes.cast(_callback, ctypes.c_void_p).value
    assert found is not None
    return found
