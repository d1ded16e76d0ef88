"""Arrays that a kernel makes to be returned: numpy's own from the start.

The kernel keeps each in a slot of its caller's, the door (`revtrace.codegen.door`), which gives the references
up whatever happens.  Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import get_itemsize, make_array, populate_array
from numba.np.numpy_support import as_dtype

from revtrace.codegen import objects
from revtrace.codegen.memory import array_bytes, listed

__all__ = ["OUTPUT", "SLOTS", "field", "native", "new_array", "symbol"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_OBJECT = cgutils.voidptr_t

SLOTS = types.CPointer(types.voidptr)
"""Numba's type of a kernel's first argument, where it returns arrays that it makes."""


def field(builder: Any, thing: Any, offset: int, kind: Any) -> Any:
    """Return a field of a C structure."""
    return builder.load(builder.bitcast(builder.gep(thing, [ir.Constant(_I64, offset)]), kind.as_pointer()))


def symbol(module: Any, name: str) -> Any:
    """Return the address of an exported symbol."""
    found = module.globals.get(name)
    return cgutils.add_global_variable(module, ir.IntType(8), name) if found is None else found


def new_array(builder: Any, kind: Any, shape: Any) -> Any:
    """Return a new numpy array, or NULL with an exception set."""
    module = builder.module
    function = cgutils.get_or_insert_function(
        module,
        ir.FunctionType(
            _OBJECT, [_OBJECT, _I32, _I64.as_pointer(), _I32, _I64.as_pointer(), _OBJECT, _I32, _I32, _OBJECT]
        ),
        objects.NEW,
    )
    lengths = cgutils.alloca_once(builder, _I64, size=max(1, len(shape)))
    for axis, n in enumerate(shape):
        builder.store(n, builder.gep(lengths, [ir.Constant(_I64, axis)]))
    nothing = ir.Constant(_OBJECT, None)
    return builder.call(
        function,
        [
            symbol(module, objects.NDARRAY),
            ir.Constant(_I32, len(shape)),
            lengths,
            ir.Constant(_I32, as_dtype(kind.dtype).num),
            ir.Constant(_I64.as_pointer(), None),
            nothing,
            ir.Constant(_I32, 0),
            ir.Constant(_I32, 0),
            nothing,
        ],
    )


def native(context: Any, builder: Any, kind: Any, obj: Any, lengths: Any = None) -> Any:
    """Return numba's array of a C-contiguous numpy array, whose reference is borrowed; of given lengths, if any."""
    array = make_array(kind)(context, builder)
    shape, strides = (
        [
            builder.load(builder.gep(field(builder, obj, at, _I64.as_pointer()), [ir.Constant(_I64, axis)]))
            for axis in range(kind.ndim)
        ]
        for at in (objects.SHAPE, objects.STRIDES)
    )
    populate_array(
        array,
        data=field(builder, obj, objects.DATA, context.get_data_type(kind.dtype).as_pointer()),
        # What LLVM has seen go into the array it need not ask again, and constants stay constants.
        shape=shape if lengths is None else lengths,
        strides=strides,
        itemsize=get_itemsize(context, kind),
        meminfo=None,
        parent=obj,
    )
    return array


def _output(zeroed: bool) -> Any:
    @intrinsic
    def output(typingctx: Any, slots: Any, slot: Any, dtype: Any, *shape: Any) -> Any:
        shape = listed(shape)
        kind = types.Array(dtype.dtype, len(shape), "C")

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lengths = cgutils.unpack_tuple(builder, args[3])
            size = array_bytes(context, builder, kind, lengths)
            obj = new_array(builder, kind, lengths)
            with builder.if_then(cgutils.is_null(builder, obj), likely=False):
                context.call_conv.return_exc(builder)
            builder.store(obj, builder.gep(args[0], [args[1]]))
            array = native(context, builder, kind, obj, lengths)
            if zeroed:
                cgutils.memset(builder, array.data, size, 0)
            return array._getvalue()

        return kind(SLOTS, types.int64, dtype, types.StarArgTuple((types.int64,) * len(shape))), build

    return output


OUTPUT: dict[str, Any] = {"output": _output(False), "output_zeros": _output(True)}
"""Functions that make an array to be returned, by name."""
