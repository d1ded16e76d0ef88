"""The way from C into a kernel: a function of addresses, which needs no Python and no lock of Python's.

``int32 f(void **data, int64 **lengths)``: where each input of the program is, numbers too, and how long the axes of
each array are.  Arrays are C-contiguous.  Zero means that all went well.  The program returns nothing; it writes to
arrays that it takes.  Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.np.arrayobj import get_itemsize, make_array, populate_array

from revtrace.codegen.emit import Source
from revtrace.codegen.entry import entry

__all__ = ["write"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ADDRESS = cgutils.voidptr_t


def write(context: Any, library: Any, descriptor: Any, source: Source) -> str:
    """Add the function of a kernel to its library and return its symbol.

    Parameters
    ----------
    context : CPUContext
    library : CodeLibrary
        Holds the kernel, not finalized.
    descriptor : FunctionDescriptor
        The kernel's.
    source : Source
        Has no arrays of its own to return.
    """
    if source.outputs:
        raise ValueError("a program called from C returns no arrays")
    kind = ir.FunctionType(_I32, [_ADDRESS.as_pointer(), _I64.as_pointer().as_pointer()])
    builder, kernel = entry(context, descriptor, "native", kind)
    data, lengths = builder.function.args
    passed = [_input(context, builder, kind, data, lengths, k) for k, kind in enumerate(descriptor.argtypes)]
    status, _ = context.call_conv.call_function(
        builder, kernel, descriptor.restype, descriptor.argtypes, passed, attrs=("noinline",)
    )
    builder.ret(builder.select(status.is_ok, ir.Constant(_I32, 0), ir.Constant(_I32, 1)))
    library.add_ir_module(builder.module)
    return str(builder.function.name)


def _input(context: Any, builder: Any, kind: Any, data: Any, lengths: Any, k: int) -> Any:
    """Return one input of the kernel."""
    at = builder.load(builder.gep(data, [ir.Constant(_I64, k)]))
    if not isinstance(kind, types.Array):
        place = builder.bitcast(at, context.get_data_type(kind).as_pointer())
        return context.data_model_manager[kind].from_data(builder, builder.load(place))
    axes = builder.load(builder.gep(lengths, [ir.Constant(_I64, k)]))
    shape = [builder.load(builder.gep(axes, [ir.Constant(_I64, axis)])) for axis in range(kind.ndim)]
    size = get_itemsize(context, kind)
    strides = [ir.Constant(_I64, size)] if kind.ndim else []
    for n in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], n))
    array = make_array(kind)(context, builder)
    where = builder.bitcast(at, context.get_data_type(kind.dtype).as_pointer())
    populate_array(array, data=where, shape=shape, strides=strides, itemsize=size, meminfo=None, parent=None)
    return array._getvalue()
