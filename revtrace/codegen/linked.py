"""A call of a kernel's C function from code that numba compiles for somebody else, without Python.

The function and whether it may still be called are read at each call from two words of memory: a rule that changes
puts an end to it.  Imports numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from revtrace.codegen.memory import field

__all__ = ["KERNEL", "VALID", "WORDS", "linked"]

VALID, KERNEL, WORDS = 0, 1, 2
"""Where in the record is whether the kernel may be called, where its address; how many words it has."""

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()


def linked(record: np.ndarray, sources: Sequence[int | np.ndarray]) -> Any:
    """Return a function of compiled code that calls a kernel.

    Parameters
    ----------
    record : (WORDS,) array of int64
        Read at each call; its owner keeps it alive.
    sources : sequence of int or array
        For each of the kernel's inputs which array it is of those that the function takes, or a constant, whose owner
        keeps it alive.

    Returns
    -------
    intrinsic
        Takes a tuple of C-contiguous arrays; zero means that the kernel has done its work.
    """

    @intrinsic
    def call(typingctx: Any, arrays: Any) -> Any:
        """Call the kernel with arrays, some of which it writes its results to."""

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def word(k: int) -> Any:
                return _address(record.ctypes.data + 8 * k, _I64)

            with builder.goto_entry_block():
                status = builder.alloca(_I64)
                data = builder.alloca(_BYTES, len(sources))
                lengths = builder.alloca(_I64.as_pointer(), len(sources))
            builder.store(ir.Constant(_I64, 1), status)
            with builder.if_then(builder.icmp_signed("!=", builder.load(word(VALID)), ir.Constant(_I64, 0))):
                for k, source in enumerate(sources):
                    if isinstance(source, int):
                        kind, array = arrays[source], builder.extract_value(args[0], source)
                        where = builder.bitcast(field(context, builder, kind, array, "data"), _BYTES)
                        shape = _lengths(builder, field(context, builder, kind, array, "shape"))
                    else:
                        where = _address(source.ctypes.data, ir.IntType(8))
                        shape = _lengths(builder, ir.Constant(ir.ArrayType(_I64, source.ndim), source.shape))
                    builder.store(where, builder.gep(data, [ir.Constant(_I64, k)]))
                    builder.store(shape, builder.gep(lengths, [ir.Constant(_I64, k)]))
                function = ir.FunctionType(_I32, [_BYTES.as_pointer(), _I64.as_pointer().as_pointer()])
                kernel = builder.inttoptr(builder.load(word(KERNEL)), function.as_pointer())
                builder.store(builder.sext(builder.call(kernel, [data, lengths]), _I64), status)
            return builder.load(status)

        return types.int64(arrays), build

    return call


def _address(at: int, kind: ir.Type) -> Any:
    return ir.Constant(_I64, at).inttoptr(kind.as_pointer())


def _lengths(builder: Any, shape: Any) -> Any:
    """Return where the lengths of an array's axes are."""
    with builder.goto_entry_block():
        place = builder.alloca(shape.type)
    builder.store(shape, place)
    return builder.bitcast(place, _I64.as_pointer())
