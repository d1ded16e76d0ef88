"""Elements, arrays and stacks as LLVM instructions: the part of `revtrace.codegen.intrinsics` that touches memory.

Imports numba.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import get_itemsize, make_array, populate_array

from revtrace.codegen import pool
from revtrace.codegen.signals import Bail

__all__ = ["ALLOCATION", "accessors", "array_bytes", "field", "listed", "plus"]

I64 = ir.IntType(64)


def _pointer(context: Any, builder: Any, kind: Any, value: Any, index: Any) -> Any:
    """Return the address of an element of a C-contiguous array, or of a stack's entry."""
    if isinstance(kind, types.CPointer):
        return builder.gep(value, [index[0]], inbounds=True)
    data = field(context, builder, kind, value, "data")
    if kind.ndim == 0:
        return data
    offset = index[0]
    for axis, i in enumerate(index[1:], 1):
        n = field(context, builder, kind, value, "shape", axis)
        # The access is in bounds, so neither step can overflow.
        offset = builder.add(builder.mul(offset, n, flags=("nsw", "nuw")), i, flags=("nsw", "nuw"))
    return builder.gep(data, [offset], inbounds=True)


def field(context: Any, builder: Any, kind: Any, array: Any, name: str, *axis: int) -> Any:
    """Return a field of an array by one instruction, where numba's proxy takes a variable in memory for each array."""
    return builder.extract_value(array, [context.data_model_manager[kind].get_field_position(name), *axis])


def listed(index: Any) -> Any:
    """Return the types of star arguments, which come as one tuple when lowered."""
    if len(index) == 1 and isinstance(index[0], types.BaseTuple):
        of: Any = index[0]
        return tuple(of)
    return index


def _element(kind: Any, index: Any) -> bool:
    if isinstance(kind, types.CPointer):
        return len(index) == 1
    return isinstance(kind, types.Array) and kind.layout == "C" and kind.ndim == len(index)


_modules: weakref.WeakKeyDictionary[Any, dict[frozenset[int], Any]] = weakref.WeakKeyDictionary()


def _scopes(module: Any, buffers: frozenset[int]) -> Any:
    """Return the metadata of a module that names buffers."""
    known = _modules.setdefault(module, {})
    if buffers not in known:
        domain = module.add_metadata(["revtrace"])
        known[buffers] = module.add_metadata([module.add_metadata([f"buffer {k}", domain]) for k in sorted(buffers)])
    return known[buffers]


@functools.cache
def accessors(buffers: frozenset[int], others: frozenset[int]) -> dict[str, Any]:
    """Return the functions that read and write elements of arrays held in given buffers.

    Parameters
    ----------
    buffers : frozenset of int
        The buffers the array may be; none where that is not known.
    others : frozenset of int
        The buffers that it shares no memory with.
    """

    def mark(builder: Any, instruction: Any) -> Any:
        if buffers and others:
            instruction.set_metadata("alias.scope", _scopes(builder.module, buffers))
            instruction.set_metadata("noalias", _scopes(builder.module, others))
        return instruction

    def read(context: Any, builder: Any, dtype: Any, pointer: Any) -> Any:
        if isinstance(dtype, types.Complex):
            out = context.make_complex(builder, dtype)
            out.real, out.imag = (
                mark(builder, builder.load(cgutils.gep_inbounds(builder, pointer, 0, k))) for k in range(2)
            )
            return out._getvalue()
        model = context.data_model_manager[dtype]
        return model.from_data(builder, mark(builder, builder.load(pointer)))

    def write(context: Any, builder: Any, dtype: Any, value: Any, pointer: Any) -> None:
        if isinstance(dtype, types.Complex):
            number = context.make_complex(builder, dtype, value=value)
            for k, part in enumerate((number.real, number.imag)):
                mark(builder, builder.store(part, cgutils.gep_inbounds(builder, pointer, 0, k)))
            return
        model = context.data_model_manager[dtype]
        mark(builder, builder.store(model.as_data(builder, value), pointer))

    @intrinsic
    def at(typingctx: Any, a: Any, *index: Any) -> Any:
        """Read an element."""
        index = listed(index)
        if not _element(a, index):
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = cgutils.unpack_tuple(builder, args[1])
            return read(context, builder, a.dtype, _pointer(context, builder, a, args[0], where))

        return a.dtype(a, types.StarArgTuple((types.int64,) * len(index))), build

    @intrinsic
    def put(typingctx: Any, a: Any, value: Any, *index: Any) -> Any:
        """Write an element."""
        index = listed(index)
        if not _element(a, index):
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = cgutils.unpack_tuple(builder, args[2])
            write(context, builder, a.dtype, args[1], _pointer(context, builder, a, args[0], where))
            return context.get_dummy_value()

        return types.void(a, a.dtype, types.StarArgTuple((types.int64,) * len(index))), build

    @intrinsic
    def bump(typingctx: Any, a: Any, value: Any, *index: Any) -> Any:
        """Add to an element; a sum of floats may be reassociated."""
        index = listed(index)
        if not _element(a, index) or not isinstance(a.dtype, types.Number):
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            p = _pointer(context, builder, a, args[0], cgutils.unpack_tuple(builder, args[2]))
            old = read(context, builder, a.dtype, p)
            write(context, builder, a.dtype, plus(context, builder, a.dtype, old, args[1]), p)
            return context.get_dummy_value()

        return types.void(a, a.dtype, types.StarArgTuple((types.int64,) * len(index))), build

    return {"at": at, "put": put, "bump": bump}


def plus(context: Any, builder: Any, kind: Any, x: Any, y: Any, *more: str) -> Any:
    """Return a sum whose order of addition is free; ``nsz`` lets a reduction start from zero."""
    flags = ("reassoc", "nsz", *more)
    if isinstance(kind, types.Complex):
        p, q = (context.make_complex(builder, kind, value=v) for v in (x, y))
        out = context.make_complex(builder, kind)
        out.real = builder.fadd(p.real, q.real, flags=flags)
        out.imag = builder.fadd(p.imag, q.imag, flags=flags)
        return out._getvalue()
    if isinstance(kind, types.Float):
        return builder.fadd(x, y, flags=flags)
    return builder.add(x, y)


# Allocation ----------------------------------------------------------------------------


def array_bytes(context: Any, builder: Any, kind: Any, shape: Any) -> Any:
    """Return the size of an array; bails where it cannot be counted."""
    size = ir.Constant(I64, get_itemsize(context, kind))
    overflow = ir.Constant(ir.IntType(1), 0)
    for n in shape:
        product = builder.smul_with_overflow(size, n)
        size = builder.extract_value(product, 0)
        overflow = builder.or_(overflow, builder.extract_value(product, 1))
    with builder.if_then(overflow, likely=False):
        context.call_conv.return_user_exc(builder, Bail, ())
    return size


def _allocate(context: Any, builder: Any, kind: Any, shape: Any) -> tuple[Any, Any]:
    """Return a new array, and its size in bytes."""
    size = array_bytes(context, builder, kind, shape)
    align = context.get_preferred_array_alignment(kind.dtype)
    large = builder.icmp_unsigned(">=", size, ir.Constant(I64, pool.LARGE))
    place = cgutils.alloca_once(builder, cgutils.voidptr_t)
    with builder.if_else(large, likely=False) as (then, otherwise):
        with then:
            meminfo = pool.new(builder, size)
            with builder.if_then(cgutils.is_null(builder, meminfo), likely=False):
                context.call_conv.return_user_exc(builder, MemoryError, ("an array is too large for memory",))
            builder.store(meminfo, place)
        with otherwise:
            builder.store(context.nrt.meminfo_alloc_aligned(builder, size, align), place)
    meminfo = builder.load(place)
    data = context.nrt.meminfo_data(builder, meminfo)
    strides = [ir.Constant(I64, get_itemsize(context, kind))] if shape else []
    for n in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], n))
    array = make_array(kind)(context, builder)
    populate_array(
        array,
        data=builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer()),
        shape=list(shape),
        strides=strides,
        itemsize=get_itemsize(context, kind),
        meminfo=meminfo,
    )
    return array, size


def _new(zeroed: bool) -> Any:
    @intrinsic
    def new(typingctx: Any, dtype: Any, *shape: Any) -> Any:
        shape = listed(shape)
        kind = types.Array(dtype.dtype, len(shape), "C")

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            array, size = _allocate(context, builder, kind, cgutils.unpack_tuple(builder, args[1]))
            if zeroed:
                cgutils.memset(builder, array.data, size, 0)
            return array._getvalue()

        return kind(dtype, types.StarArgTuple((types.int64,) * len(shape))), build

    return new


@intrinsic(prefer_literal=True)
def scratch(typingctx: Any, dtype: Any, length: Any) -> Any:
    """Return a short array in the call's own frame, which LLVM knows to share memory with nothing."""
    kind = types.Array(dtype.dtype, 1, "C")

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count, itemsize = ir.Constant(I64, length.literal_value), get_itemsize(context, kind)
        array = make_array(kind)(context, builder)
        populate_array(
            array,
            data=cgutils.alloca_once(builder, context.get_data_type(kind.dtype), size=count),
            shape=[count],
            strides=[ir.Constant(I64, itemsize)],
            itemsize=itemsize,
            meminfo=None,
        )
        return array._getvalue()

    return kind(dtype, length), build


def _own(kind: Any) -> Any:
    """Return the type of a new array like another."""
    return types.Array(kind.dtype, kind.ndim, "C")


@intrinsic
def copy(typingctx: Any, a: Any) -> Any:
    """Return a new array with the same elements."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        shape = [field(context, builder, a, args[0], "shape", axis) for axis in range(a.ndim)]
        array, size = _allocate(context, builder, _own(a), shape)
        cgutils.raw_memcpy(builder, array.data, field(context, builder, a, args[0], "data"), size, 1)
        return array._getvalue()

    return _own(a)(a), build


@intrinsic
def copyto(typingctx: Any, target: Any, source: Any) -> Any:
    """Set every element from an array of the same shape."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to, of = (field(context, builder, k, x, "data") for k, x in zip((target, source), args, strict=True))
        count = field(context, builder, source, args[1], "nitems")
        size = builder.mul(count, ir.Constant(I64, get_itemsize(context, source)))
        cgutils.raw_memmove(builder, to, of, size, 1)
        return context.get_dummy_value()

    return types.void(target, source), build


@intrinsic
def fill(typingctx: Any, a: Any, value: Any) -> Any:
    """Set every element."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data, count = (field(context, builder, a, args[0], name) for name in ("data", "nitems"))
        with cgutils.for_range(builder, count) as loop:
            context.pack_value(builder, a.dtype, args[1], builder.gep(data, [loop.index], inbounds=True))
        return context.get_dummy_value()

    return types.void(a, a.dtype), build


@intrinsic
def same(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether two arrays have one shape."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        equal: Any = ir.Constant(ir.IntType(1), 1)
        for axis in range(a.ndim):
            m, n = (field(context, builder, k, x, "shape", axis) for k, x in zip((a, b), args, strict=True))
            equal = builder.and_(equal, builder.icmp_signed("==", m, n))
        return equal

    return types.boolean(a, b), build


# Stacks --------------------------------------------------------------------------------
#
# The owner of a stack's memory is assigned once, so no references are counted in loops; what
# loops change is the address of the entries.

_OWNER = types.MemInfoPointer(types.voidptr)
_FIRST = 64


@intrinsic
def newstack(typingctx: Any) -> Any:
    """Return what owns the entries of a stack."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.nrt.meminfo_new_varsize(builder, ir.Constant(I64, _FIRST))

    return _OWNER(), build


@intrinsic
def entries(typingctx: Any, stack: Any, dtype: Any) -> Any:
    """Return a stack's entries, of which there are none yet."""
    kind = types.CPointer(dtype.dtype)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(context.nrt.meminfo_data(builder, args[0]), context.get_value_type(kind))

    return kind(_OWNER, dtype), build


@intrinsic
def larger(typingctx: Any, size: Any, need: Any) -> Any:
    """Return the next size of a stack's buffer."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        twice = builder.add(args[0], args[0])
        return builder.select(builder.icmp_signed(">", args[1], twice), args[1], twice)

    return types.int64(types.int64, types.int64), build


@intrinsic
def grow(typingctx: Any, stack: Any, old: Any, size: Any) -> Any:
    """Return a stack's entries, with room for more."""
    kind = types.Array(old.dtype, 1, "C")

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = array_bytes(context, builder, kind, [args[2]])
        data = context.nrt.meminfo_varsize_realloc(builder, args[0], size)
        pool.ask_huge_pages(builder, builder.ptrtoint(data, I64), size)
        return builder.bitcast(data, context.get_value_type(old))

    return old(_OWNER, old, types.int64), build


@intrinsic
def keep(typingctx: Any, stack: Any) -> Any:
    """Say that a stack was in use until here."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return types.void(_OWNER), build


ALLOCATION: dict[str, Any] = {
    "empty": _new(False),
    "zeros": _new(True),
    "fill": fill,
    "scratch": scratch,
    "copy": copy,
    "copyto": copyto,
    "same": same,
    "newstack": newstack,
    "entries": entries,
    "larger": larger,
    "grow": grow,
    "keep": keep,
}
"""Functions on whole arrays and on stacks, by name."""
