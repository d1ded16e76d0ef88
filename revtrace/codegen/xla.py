"""XLA's foreign function interface: the one C function that XLA calls, which runs kernels.

A call site is a record of numbers, whose address is the call's attribute: how often to run which kernel, and where
each of the kernel's inputs is, by the buffers that XLA hands over.  Where a kernel gives up, and where the record is
not valid any more, a C function given with it is called, which returns a message or NULL.

The structures are those of ``xla/ffi/api/c_api.h`` in jaxlib, version 0.x of its interface, which XLA keeps
compatible: fields are only added at the end.  Imports numba.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from revtrace.codegen.linked import KERNEL, VALID

__all__ = ["FALLBACK", "VERSION", "handler"]

VERSION = (0, 1)
"""The interface that the structures are of: its major version, and the first minor one that has all of their fields."""

_INT, _WORD, _SIZE = ctypes.c_int32, ctypes.c_void_p, ctypes.c_size_t


def _structure(name: str, *fields: tuple[str, Any]) -> type[ctypes.Structure]:
    """Return a structure of the interface: each begins with its size and a list of extensions."""
    head: list[tuple[str, Any]] = [("size", _SIZE), ("extension", _WORD)]
    return type(name, (ctypes.Structure,), {"_fields_": head + list(fields)})


_Version = _structure("XLA_FFI_Api_Version", ("major", _INT), ("minor", _INT))
_Buffer = _structure("XLA_FFI_Buffer", ("dtype", _INT), ("data", _WORD), ("rank", ctypes.c_int64), ("dims", _WORD))
_List = _structure("XLA_FFI_Args", ("count", ctypes.c_int64), ("types", _WORD), ("entries", _WORD))
_Attrs = _structure(
    "XLA_FFI_Attrs", ("count", ctypes.c_int64), ("types", _WORD), ("names", _WORD), ("entries", _WORD)
)  # fmt: skip
_Frame = _structure(
    "XLA_FFI_CallFrame",
    ("api", _WORD), ("context", _WORD), ("stage", _INT), ("args", _List), ("rets", _List), ("attrs", _Attrs),
)  # fmt: skip
_Api = _structure("XLA_FFI_Api", ("version", _Version), ("internal", _WORD), ("error_create", _WORD))
_Error = _structure("XLA_FFI_Error_Create_Args", ("message", _WORD), ("code", _INT))


class _Scalar(ctypes.Structure):
    _fields_ = (("dtype", _INT), ("value", _WORD))


class _Extension(ctypes.Structure):
    _fields_ = (("size", _SIZE), ("type", _INT), ("next", _WORD), ("metadata", _WORD))


class _Metadata(ctypes.Structure):
    _fields_ = (("size", _SIZE), ("version", _Version), ("traits", ctypes.c_uint32))


_METADATA, _EXECUTE, _INTERNAL = 1, 3, 13

FALLBACK = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
"""``char *f(int64 id, int64 turn, void **buffers)``: does what the kernel did not, or says why not."""

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_BYTES = cgutils.voidptr_t

# The record, in words; then the divisor and size of each axis that is run over; then for each buffer its step along
# each of these axes; then for each input of the kernel its buffer, or -1 and an address, and where its lengths are.
assert (VALID, KERNEL) == (0, 1)
ON_FAILURE, ID, BUFFERS, OPERANDS, INPUTS, AXES, TURNS, HEAD = range(2, 10)


class _Handler:
    """Builds the function."""

    def __init__(self, module: Any) -> None:
        function = ir.Function(module, ir.FunctionType(_BYTES, [_BYTES]), "revtrace_xla")
        self.frame = function.args[0]
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.nothing = ir.Constant(_BYTES, None)

    def place(self, base: Any, structure: Any, *path: str, kind: Any) -> Any:
        """Return the address of a field."""
        offset = 0
        for name in path:
            field = getattr(structure, name)
            offset += field.offset
            structure = dict(structure._fields_)[name]
        at = self.builder.gep(base, [ir.Constant(_I64, offset)])
        return self.builder.bitcast(at, kind.as_pointer())

    def field(self, base: Any, structure: Any, *path: str, kind: Any = _BYTES) -> Any:
        """Return the value of a field."""
        return self.builder.load(self.place(base, structure, *path, kind=kind))

    def entry(self, array: Any, k: Any) -> Any:
        """Return an entry of an array of addresses."""
        return self.builder.load(self.builder.gep(self.builder.bitcast(array, _BYTES.as_pointer()), [k]))

    def build(self) -> None:
        """Write everything."""
        builder = self.builder
        self.answer_version()
        stage = self.field(self.frame, _Frame, "stage", kind=_I32)
        with builder.if_then(builder.icmp_signed("!=", stage, ir.Constant(_I32, _EXECUTE))):
            builder.ret(self.nothing)
        attribute = self.entry(self.field(self.frame, _Frame, "attrs", "entries"), ir.Constant(_I64, 0))
        value = self.field(attribute, _Scalar, "value")
        record = builder.inttoptr(builder.load(builder.bitcast(value, _I64.as_pointer())), _I64.as_pointer())
        self.run(record)
        builder.ret(self.nothing)

    def answer_version(self) -> None:
        """Where XLA asks which version this is written for, say so."""
        builder = self.builder
        extension = self.field(self.frame, _Frame, "extension")
        with builder.if_then(cgutils.is_not_null(builder, extension)):
            kind = self.field(extension, _Extension, "type", kind=_I32)
            with builder.if_then(builder.icmp_signed("==", kind, ir.Constant(_I32, _METADATA))):
                metadata = self.field(extension, _Extension, "metadata")
                for name, number in zip(("major", "minor"), VERSION, strict=True):
                    builder.store(
                        ir.Constant(_I32, number), self.place(metadata, _Metadata, "version", name, kind=_I32)
                    )
                builder.store(ir.Constant(_I32, 0), self.place(metadata, _Metadata, "traits", kind=_I32))
                builder.ret(self.nothing)

    def run(self, record: Any) -> None:
        """Run the kernel as often as the record says."""
        builder = self.builder

        def word(at: Any) -> Any:
            at = ir.Constant(_I64, at) if isinstance(at, int) else at
            return builder.load(builder.gep(record, [at]))

        def plus(*terms: Any) -> Any:
            return functools.reduce(builder.add, terms)

        def times(a: Any, b: int) -> Any:
            return builder.mul(a, ir.Constant(_I64, b))

        valid, kernel, fallback, number, count, operands, inputs, axes, turns = map(word, range(HEAD))
        buffers = builder.alloca(_BYTES, count)
        data = builder.alloca(_BYTES, inputs)
        lengths = builder.alloca(_I64.as_pointer(), inputs)
        steps = plus(ir.Constant(_I64, HEAD), times(axes, 2))
        sources = plus(steps, builder.mul(count, axes))
        args, rets = (self.field(self.frame, _Frame, name, "entries") for name in ("args", "rets"))
        with cgutils.for_range(builder, inputs) as loop:
            at = builder.load(builder.gep(record, [plus(sources, times(loop.index, 3), ir.Constant(_I64, 2))]))
            builder.store(builder.inttoptr(at, _I64.as_pointer()), builder.gep(lengths, [loop.index]))
        with cgutils.for_range(builder, turns) as turn:
            with cgutils.for_range(builder, count) as loop:
                k = loop.index
                with builder.if_else(builder.icmp_signed("<", k, operands)) as (is_operand, is_result):
                    with is_operand:
                        first = self.entry(args, k)
                        above = builder.block
                    with is_result:
                        second = self.entry(rets, builder.sub(k, operands))
                        below = builder.block
                buffer = builder.phi(_BYTES)
                buffer.add_incoming(first, above)
                buffer.add_incoming(second, below)
                offset = cgutils.alloca_once_value(builder, ir.Constant(_I64, 0))
                with cgutils.for_range(builder, axes) as axis:
                    pair = plus(ir.Constant(_I64, HEAD), times(axis.index, 2))
                    divisor, size = word(pair), word(plus(pair, ir.Constant(_I64, 1)))
                    index = builder.urem(builder.udiv(turn.index, divisor), size)
                    step = word(plus(steps, builder.mul(k, axes), axis.index))
                    builder.store(builder.add(builder.load(offset), builder.mul(index, step)), offset)
                start = self.field(buffer, _Buffer, "data")
                builder.store(builder.gep(start, [builder.load(offset)]), builder.gep(buffers, [k]))
            with cgutils.for_range(builder, inputs) as loop:
                source = plus(sources, times(loop.index, 3))
                known = builder.icmp_signed("<", word(source), ir.Constant(_I64, 0))
                place = builder.gep(data, [loop.index])
                with builder.if_else(known) as (constant, handed):
                    with constant:
                        builder.store(builder.inttoptr(word(plus(source, ir.Constant(_I64, 1))), _BYTES), place)
                    with handed:
                        builder.store(builder.load(builder.gep(buffers, [word(source)])), place)
            done = cgutils.alloca_once_value(builder, ir.Constant(_I32, 1))
            with builder.if_then(builder.icmp_signed("!=", valid, ir.Constant(_I64, 0)), likely=True):
                kind = ir.FunctionType(_I32, [data.type, lengths.type])
                status = builder.call(builder.inttoptr(kernel, kind.as_pointer()), [data, lengths])
                builder.store(status, done)
            with builder.if_then(builder.icmp_signed("!=", builder.load(done), ir.Constant(_I32, 0)), likely=False):
                kind = ir.FunctionType(_BYTES, [_I64, _I64, buffers.type])
                message = builder.call(builder.inttoptr(fallback, kind.as_pointer()), [number, turn.index, buffers])
                with builder.if_then(cgutils.is_not_null(builder, message)):
                    builder.ret(self.error(message))

    def error(self, message: Any) -> Any:
        """Return XLA's error with a message, which it copies."""
        builder = self.builder
        size = ctypes.sizeof(_Error)
        given = builder.alloca(ir.IntType(8), size)
        cgutils.memset(builder, given, ir.Constant(_I64, size), 0)
        builder.store(ir.Constant(_I64, _Error.code.offset + 4), self.place(given, _Error, "size", kind=_I64))
        builder.store(message, self.place(given, _Error, "message", kind=_BYTES))
        builder.store(ir.Constant(_I32, _INTERNAL), self.place(given, _Error, "code", kind=_I32))
        api = self.field(self.frame, _Frame, "api")
        kind = ir.FunctionType(_BYTES, [given.type])
        return builder.call(builder.bitcast(self.field(api, _Api, "error_create"), kind.as_pointer()), [given])


_kept: list[Any] = []


@functools.cache
def handler() -> int:
    """Return the address of the function: ``XLA_FFI_Error *f(XLA_FFI_CallFrame *)``."""
    context = cpu_target.target_context
    with global_compiler_lock:
        library = context.codegen().create_library("revtrace_xla")
        module = context.create_module("revtrace_xla")
        _Handler(module).build()
        library.add_ir_module(module)
        library.finalize()
    _kept.append(library)
    return int(library.get_pointer_to_function("revtrace_xla"))
