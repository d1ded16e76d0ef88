"""Functions that generated code calls which are generated themselves, see `revtrace.codegen.parts`.

Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.callconv import RETCODE_USEREXC, Status, excinfo_ptr_t
from numba.core.compiler import Flags, compile_extra
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from revtrace.codegen.memory import listed
from revtrace.codegen.pipeline import Pipeline

__all__ = ["again", "part"]

_I64 = ir.IntType(64)


def part(function: Any, flags: Flags, library: Any) -> Any:
    """Return what generated code calls to run another function.

    It returns a tuple: where the exception is that the function raised, or zero, and the function's results.

    Parameters
    ----------
    function : function
        Generated; it is compiled once for each types of arguments, when these are known.
    flags : Flags
        How.
    library : CodeLibrary
        Where its code goes: that of the function that calls it.
    """
    known: dict[Any, Any] = {}

    @intrinsic
    def call(typingctx: Any, *args: Any) -> Any:
        """Run the function."""
        args = listed(args)
        made = known.get(args)
        if made is None:
            context = cpu_target.target_context
            made = known[args] = compile_extra(typingctx, context, function, args, None, flags, {}, library, Pipeline)
            library.get_function(made.fndesc.llvm_func_name).add_function_attribute("noinline")
        kind: Any = made.signature.return_type
        several = isinstance(kind, types.BaseTuple)
        results = () if kind == types.none else tuple(kind) if several else (kind,)
        answer = types.Tuple((types.int64, *results))

        def build(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            declared = context.declare_function(builder.module, made.fndesc)
            inner = cgutils.unpack_tuple(builder, values[0])
            status, found = context.call_conv.call_function(builder, declared, kind, made.signature.args, inner)
            error = builder.ptrtoint(status.excinfoptr, _I64)
            error = builder.select(status.is_error, error, ir.Constant(_I64, 0))
            rest = cgutils.unpack_tuple(builder, found) if several else [found] * len(results)
            return context.make_tuple(builder, answer, [error, *rest])

        return answer(types.StarArgTuple(args)), build

    return call


@intrinsic
def again(typingctx: Any, error: Any) -> Any:
    """Raise what a part raised."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        where = builder.inttoptr(args[0], excinfo_ptr_t)
        status = Status(**dict.fromkeys(Status._fields, None) | {"code": RETCODE_USEREXC, "excinfoptr": where})
        with builder.if_then(builder.icmp_signed("!=", args[0], ir.Constant(_I64, 0)), likely=False):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(error), build
