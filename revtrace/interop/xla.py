"""Calls in compiled XLA programs without Python: through XLA's foreign function interface.

There is one function of this process that XLA calls, under a name that no other process has: XLA programs that are
kept on disk hold addresses.  A call site lives as long as the process, since XLA does not say when it is done with a
program.  Where compiled code gives up (an index out of bounds, say), where the function reads data besides its
arguments, and once a rule has changed, the call goes through Python, which raises or computes.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import sys
import threading
import traceback
import uuid
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.interpreters import mlir

from revtrace.codegen import xla
from revtrace.interop.batched import Batched
from revtrace.interop.common import Call
from revtrace.interop.flat import Flat
from revtrace.interop.native import Link, Native, native
from revtrace.interop.shapes import Spec

__all__ = ["lower"]

Axis = tuple[int, tuple[bool, ...], tuple[bool, ...]]
"""Of an axis that a function is run over: its length, and which operands and results have it."""


@functools.cache
def _target() -> str:
    """Return the name of our function for XLA, empty where this JAX does not take it."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return ""
    name, address = f"revtrace_{uuid.uuid4().hex}", xla.handler()
    try:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(address), platform="cpu")
    except Exception:  # whatever JAX raises: it has another version of the interface
        return ""
    return name


class _Site(Link):
    """One call in an XLA program.

    Parameters
    ----------
    call : Call
    function : Native or None
        What runs without Python.
    specs, outs : sequence of Spec
        What one run takes and gives.
    axes : sequence of Axis
        What it is run over, outermost first.
    """

    def __init__(
        self, call: Call, function: Native | None, specs: Sequence[Spec], outs: Sequence[Spec], axes: Sequence[Axis]
    ) -> None:
        self.call, self.specs, self.outs = call, specs, outs
        sizes = [size for size, _, _ in axes]
        steps: list[list[int]] = []
        for k, spec in enumerate((*specs, *outs)):
            # Results have every axis; those that they are not to have are summed over later.
            has = [k >= len(specs) or ins[k] for _, ins, _ in axes]
            step, found = math.prod(spec.shape) * spec.dtype.itemsize, []
            for size, there in zip(reversed(sizes), reversed(has), strict=True):
                found.append(step if there else 0)
                step *= size if there else 1
            steps.append(found[::-1])
        shapes = [np.array(spec.shape or (0,), np.int64) for spec in (*specs, *outs)]
        sources = []
        for source in function.inputs if function else ():
            if isinstance(source, int):
                sources.append((source, 0, shapes[source].ctypes.data))
            else:
                shapes.append(np.array(source.shape or (0,), np.int64))
                sources.append((-1, source.ctypes.data, shapes[-1].ctypes.data))
        number = next(_numbers)
        head = np.zeros(xla.HEAD, np.int64)
        head[xla.ON_FAILURE] = ctypes.cast(_again, ctypes.c_void_p).value or 0
        head[xla.ID] = number
        head[xla.BUFFERS], head[xla.OPERANDS] = len(specs) + len(outs), len(specs)
        head[xla.INPUTS], head[xla.AXES] = len(sources), len(axes)
        head[xla.TURNS] = math.prod(sizes)
        divided = [word for k, size in enumerate(sizes) for word in (math.prod(sizes[k + 1 :]), size)]
        tail = [*divided, *itertools.chain(*steps), *itertools.chain(*sources)]
        super().__init__(function, np.concatenate([head, np.array(tail, np.int64)]))
        self._shapes = shapes
        _sites[number] = self

    def run(self, addresses: Sequence[int]) -> None:
        """Run once through Python."""
        arrays = [_array(at, spec) for at, spec in zip(addresses, (*self.specs, *self.outs), strict=True)]
        count = len(self.specs)
        for out, place in zip(self.call.run(arrays[:count]), arrays[count:], strict=True):
            if out.shape != place.shape or out.dtype != place.dtype:
                raise ValueError(f"the result is {out.dtype}{out.shape}, {place.dtype}{place.shape} when JAX traced it")
            place[...] = out


_sites: dict[int, _Site] = {}
_numbers = itertools.count(1)
_said = threading.local()


def _array(address: int, spec: Spec) -> np.ndarray:
    size = math.prod(spec.shape) * spec.dtype.itemsize
    if not size:
        return np.empty(spec.shape, spec.dtype)
    memory: Any = (ctypes.c_char * size).from_address(address)
    return np.ndarray(spec.shape, spec.dtype, memory)


def _through_python(number: int, turn: int, buffers: int) -> int | None:
    """Do what compiled code has not done; return the address of a message if that fails."""
    try:
        site = _sites[number]
        site.run((ctypes.c_size_t * (len(site.specs) + len(site.outs))).from_address(buffers)[:])
    except BaseException:  # nothing may be raised into XLA
        _said.message = ctypes.create_string_buffer(traceback.format_exc().encode())
        return ctypes.addressof(_said.message)
    return None


_again = xla.FALLBACK(_through_python)


def lower(ctx: Any, operands: Sequence[Any], flat: Flat) -> Sequence[Any] | None:
    """Return the results of a call in an XLA program, None where this JAX or platform has no such interface.

    Parameters
    ----------
    ctx : LoweringRuleContext
    operands : sequence of ir.Value
    flat : Flat
    """
    name = _target() if tuple(ctx.module_context.platforms) == ("cpu",) else ""
    if not name:
        return None
    specs = [Spec(tuple(aval.shape), np.dtype(aval.dtype)) for aval in ctx.avals_in]
    axes: list[Axis] = []
    while isinstance(flat, Batched):
        axes.append((flat.size, flat.ins, flat.stacked(specs)))
        specs = flat.inside(specs)
        flat = flat.inner
    if not isinstance(flat, Call):
        return None
    outs = flat.outputs(specs)
    site = _Site(flat, native(flat, specs, outs), specs, outs, axes)
    sizes = tuple(size for size, _, _ in axes)
    given = [jax.core.ShapedArray((*sizes, *out.shape), out.dtype) for out in outs]
    rule = jax.ffi.ffi_lowering(name)
    found = rule(ctx.replace(avals_out=given), *operands, site=np.uint64(site.record.ctypes.data))
    if all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip(given, ctx.avals_out, strict=True)):
        return found

    def finish(*results: Any) -> list[Any]:
        """Sum over the axes that results are not to have; give them JAX's dtypes."""
        finished = []
        for k, (result, wanted) in enumerate(zip(results, ctx.avals_out, strict=True)):
            over = tuple(axis for axis, (_, _, stacked) in enumerate(axes) if not stacked[k])
            finished.append((result.sum(over) if over else result).astype(wanted.dtype))
        return finished

    return mlir.lower_fun(finish, multiple_results=True)(ctx.replace(avals_in=given), *found)  # type: ignore[no-any-return]
