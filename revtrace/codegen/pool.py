"""Large blocks of memory that kernels have done with, held for the next: fresh pages cost more than filling them.

The C library gives large blocks back to the system at once, or once the end of its heap has grown, so that
each call of a kernel with arrays of some megabytes would have them paged in anew, a page at a time.  Here up to
`HELD` bytes stay with the process, in `_SLOTS` places that all kernels and threads share.  A place is emptied and
filled by one atomic exchange, so whoever holds a block is its only owner.  Imports numba.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils

__all__ = ["HELD", "LARGE", "ask_huge_pages", "empty", "export", "new"]

LARGE = 1 << 18
"""Size from which blocks are held."""

HELD = 1 << 26
"""Bytes held at most."""

_SLOTS = 16
_TURN, _BYTES, _MOST = _SLOTS, _SLOTS + 1, _SLOTS + 2
"""Words after the places: which is to be replaced next, how many bytes are held, how many may be."""

_HEAD = 64
"""Bytes before a block, which begin with its size and what is to be freed: blocks begin on a cache line."""

_HUGE = 1 << 22
_MADV_HUGEPAGE = 14

_I32, _I64, _PLACE = ir.IntType(32), ir.IntType(64), cgutils.voidptr_t
_WORDS = "revtrace_pool"

_words = (ctypes.c_int64 * (_MOST + 1))(*[0] * _MOST, HELD)


def export() -> None:
    """Make the pool known to LLVM."""
    llvm.add_symbol(_WORDS, ctypes.addressof(_words))


@contextmanager
def empty() -> Iterator[None]:
    """Hold nothing, inside the block: what is held is freed at the first block that would be."""
    most = _words[_MOST]
    _words[_MOST] = 0
    try:
        yield
    finally:
        _words[_MOST] = most


def new(builder: Any, size: Any) -> Any:
    """Return a new reference to a block, which goes to the pool in the end; NULL where there is no memory."""
    module = builder.module
    block = builder.call(_take(module), [size])
    got = cgutils.alloca_once_value(builder, ir.Constant(_PLACE, None))
    with builder.if_then(cgutils.is_not_null(builder, block), likely=True):
        # NRT_api_functions of numba's nrt_external.h; the third manages memory from elsewhere.
        table = cgutils.get_or_insert_function(module, ir.FunctionType(_PLACE, []), "NRT_get_api")
        manage = ir.FunctionType(_PLACE, [_PLACE, _PLACE]).as_pointer()
        api = builder.bitcast(builder.call(table, []), manage.as_pointer())
        function = builder.load(builder.gep(api, [ir.Constant(_I64, 2)]))
        builder.store(builder.call(function, [block, builder.bitcast(_give(module), _PLACE)]), got)
    return builder.load(got)


def _function(module: Any, name: str, kind: Any) -> tuple[Any, Any]:
    """Return a function of a module, and a builder where it has no body yet."""
    function = cgutils.get_or_insert_function(module, kind, name)
    if not function.is_declaration:
        return function, None
    function.linkage = "internal"
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _word(builder: Any, at: Any) -> Any:
    words = builder.module.globals.get(_WORDS)
    if words is None:
        words = cgutils.add_global_variable(builder.module, ir.ArrayType(_I64, _MOST + 1), _WORDS)
    return builder.gep(words, [ir.Constant(_I64, 0), ir.Constant(_I64, at) if isinstance(at, int) else at])


def _size(builder: Any, head: Any) -> Any:
    return builder.load(builder.inttoptr(head, _I64.as_pointer()))


def _count(builder: Any, by: Any) -> Any:
    """Change the number of bytes that are held; return what it was."""
    return builder.atomic_rmw("add", _word(builder, _BYTES), by, "acq_rel")


def _drop(builder: Any, head: Any) -> None:
    """Free a block that was held."""
    _count(builder, builder.neg(_size(builder, head)))
    _free(builder, head)


def _free(builder: Any, head: Any) -> None:
    free = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [_PLACE]), "NRT_Free")
    start = builder.load(builder.inttoptr(builder.add(head, ir.Constant(_I64, 8)), _I64.as_pointer()))
    builder.call(free, [builder.inttoptr(start, _PLACE)])


def _exchange(builder: Any, at: Any, head: Any) -> Any:
    """Put a block, or none, in a place; return what was there."""
    return builder.atomic_rmw("xchg", _word(builder, at), head, "acq_rel")


def _take(module: Any) -> Any:
    """Return the function that gives a block of at least some size, held or new."""
    function, builder = _function(module, "revtrace_take", ir.FunctionType(_PLACE, [_I64]))
    if builder is None:
        return function
    (size,) = function.args
    none, head_size = ir.Constant(_I64, 0), ir.Constant(_I64, _HEAD)
    most = builder.add(size, builder.lshr(size, ir.Constant(_I64, 1)))
    with cgutils.for_range(builder, ir.Constant(_I64, _SLOTS)) as loop:
        head = _exchange(builder, loop.index, none)
        with builder.if_then(builder.icmp_unsigned("!=", head, none)):
            held = _size(builder, head)
            fits = builder.and_(builder.icmp_unsigned(">=", held, size), builder.icmp_unsigned("<=", held, most))
            with builder.if_then(fits):
                _count(builder, builder.neg(held))
                builder.ret(builder.inttoptr(builder.add(head, head_size), _PLACE))
            other = _exchange(builder, loop.index, head)
            with builder.if_then(builder.icmp_unsigned("!=", other, none), likely=False):
                # Another thread was faster.
                _drop(builder, other)
    get = cgutils.get_or_insert_function(module, ir.FunctionType(_PLACE, [_I64]), "NRT_Allocate")
    place = builder.call(get, [builder.add(size, ir.Constant(_I64, 2 * _HEAD))])
    with builder.if_then(cgutils.is_null(builder, place), likely=False):
        builder.ret(place)
    raw, line = builder.ptrtoint(place, _I64), ir.Constant(_I64, _HEAD - 1)
    start = builder.and_(builder.add(raw, line), builder.not_(line))
    for at, word in enumerate((size, raw)):
        builder.store(word, builder.inttoptr(builder.add(start, ir.Constant(_I64, 8 * at)), _I64.as_pointer()))
    ask_huge_pages(builder, start, size)
    builder.ret(builder.inttoptr(builder.add(start, head_size), _PLACE))
    return function


def ask_huge_pages(builder: Any, start: Any, size: Any) -> None:
    """Advise the system about a large block, as numpy does."""
    if sys.platform != "linux":
        return
    page = ir.Constant(_I64, 4096)
    kind = ir.FunctionType(_I32, [_PLACE, _I64, _I32])
    with builder.if_then(builder.icmp_unsigned(">=", size, ir.Constant(_I64, _HUGE)), likely=False):
        madvise = cgutils.get_or_insert_function(builder.module, kind, "madvise")
        over = builder.urem(builder.sub(page, builder.urem(start, page)), page)
        block = builder.inttoptr(builder.add(start, over), _PLACE)
        builder.call(madvise, [block, builder.sub(size, over), ir.Constant(_I32, _MADV_HUGEPAGE)])


def _give(module: Any) -> Any:
    """Return the function that takes a block back."""
    function, builder = _function(module, "revtrace_give", ir.FunctionType(ir.VoidType(), [_PLACE]))
    if builder is None:
        return function
    none, slots = ir.Constant(_I64, 0), ir.Constant(_I64, _SLOTS)
    head = builder.sub(builder.ptrtoint(function.args[0], _I64), ir.Constant(_I64, _HEAD))
    size, most = _size(builder, head), builder.load_atomic(_word(builder, _MOST), "acquire", 8)
    total = builder.add(_count(builder, size), size)
    with builder.if_then(builder.icmp_signed(">", total, most), likely=False):
        # What is held does not fit what is used now.
        with cgutils.for_range(builder, slots) as loop:
            other = _exchange(builder, loop.index, none)
            with builder.if_then(builder.icmp_unsigned("!=", other, none)):
                _drop(builder, other)
        with builder.if_then(builder.icmp_signed(">", size, most), likely=False):
            _drop(builder, head)
            builder.ret_void()
    with cgutils.for_range(builder, slots) as loop:
        found = builder.cmpxchg(_word(builder, loop.index), none, head, "acq_rel", "acquire")
        with builder.if_then(builder.extract_value(found, 1)):
            builder.ret_void()
    turn = builder.atomic_rmw("add", _word(builder, _TURN), ir.Constant(_I64, 1), "acq_rel")
    other = _exchange(builder, builder.urem(turn, slots), head)
    with builder.if_then(builder.icmp_unsigned("!=", other, none)):
        _drop(builder, other)
    builder.ret_void()
    return function
