"""What the ways into a kernel have in common: a module of LLVM that declares it, and a function in that.

Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

__all__ = ["entry"]


def entry(context: Any, descriptor: Any, way: str, kind: ir.FunctionType) -> tuple[Any, Any]:
    """Return a builder at the beginning of a new function, and the kernel that it is to call.

    Parameters
    ----------
    context : CPUContext
    descriptor : FunctionDescriptor
        The kernel's.
    way : str
        Names the module; the function is named by it and the kernel.
    kind : ir.FunctionType
        The function's.
    """
    module = context.create_module(way)
    kernel_kind = context.call_conv.get_function_type(descriptor.restype, descriptor.argtypes)
    kernel = ir.Function(module, kernel_kind, descriptor.llvm_func_name)
    function = ir.Function(module, kind, f"{way}.{descriptor.llvm_func_name}")
    return ir.IRBuilder(function.append_basic_block("entry")), kernel
