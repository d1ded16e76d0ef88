"""The functions of generated code as LLVM instructions.

Each is what numba would type and lower from Python's own notation, without the parts
generated code does not need: no negative index, no bounds test, no Python-level helper to
type.  `revtrace.codegen.plain` says what each means.  Imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from revtrace.codegen.expressions import NUMPY
from revtrace.codegen.memory import ALLOCATION, accessors, field, listed, plus
from revtrace.codegen.outputs import OUTPUT
from revtrace.codegen.ranges import trips as length

__all__ = ["DTYPES", "FUNCTIONS"]

I64 = ir.IntType(64)


def _sum(*flags: str) -> Any:
    @intrinsic
    def acc(typingctx: Any, x: Any, y: Any) -> Any:
        kind = types.unliteral(x)
        if not isinstance(kind, types.Number):
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return plus(context, builder, kind, *args, *flags)

        return kind(kind, kind), build

    return acc


@intrinsic
def sel(typingctx: Any, condition: Any, x: Any, y: Any) -> Any:
    """Choose; both operands are computed."""
    kind = types.unliteral(x)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return kind(types.boolean, kind, kind), build


@intrinsic
def bit(typingctx: Any, flags: Any, place: Any) -> Any:
    """Read one of the eight flags in a byte."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = builder.and_(args[1], ir.Constant(I64, 7))
        return builder.trunc(builder.lshr(args[0], place), ir.IntType(1))

    return types.boolean(types.int64, types.int64), build


@intrinsic
def follow(typingctx: Any, flags: Any, flag: Any, place: Any) -> Any:
    """Put a flag into a byte; of the others only those below it are kept."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = builder.and_(args[2], ir.Constant(I64, 7))
        below = builder.not_(builder.shl(ir.Constant(I64, -1), place))
        return builder.or_(builder.and_(args[0], below), builder.shl(builder.zext(args[1], I64), place))

    return types.int64(types.int64, types.boolean, types.int64), build


@intrinsic
def wrap(typingctx: Any, i: Any, n: Any) -> Any:
    """Count a negative index from the end."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index, length = args
        return builder.select(builder.icmp_signed("<", index, ir.Constant(I64, 0)), builder.add(index, length), index)

    return types.int64(types.int64, types.int64), build


def _test(lower: int | None, upper: int | None) -> Any:
    """Return a test whether a number, plus `lower`, is below a length or `upper`, as an unsigned comparison."""
    if upper is None:

        @intrinsic
        def inb(typingctx: Any, i: Any, n: Any) -> Any:
            def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                return builder.icmp_unsigned("<", *args)

            return types.boolean(types.int64, types.int64), build

        return inb

    @intrinsic
    def bounded(typingctx: Any, i: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            moved = builder.add(args[0], ir.Constant(I64, lower))
            return builder.icmp_unsigned("<", moved, ir.Constant(I64, upper))

        return types.boolean(types.int64), build

    return bounded


@intrinsic
def area(typingctx: Any, *counts: Any) -> Any:
    """Multiply, a negative number counting as zero; too much to allocate where it overflows."""
    counts = listed(counts)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(I64, 0)
        product: Any = ir.Constant(I64, 1)
        overflow: Any = ir.Constant(ir.IntType(1), 0)
        for n in cgutils.unpack_tuple(builder, args[0]):
            factor = builder.select(builder.icmp_signed("<", n, zero), zero, n)
            both = builder.smul_with_overflow(product, factor)
            product = builder.extract_value(both, 0)
            overflow = builder.or_(overflow, builder.extract_value(both, 1))
        return builder.select(overflow, ir.Constant(I64, 1 << 60), product)

    return types.int64(types.StarArgTuple((types.int64,) * len(counts))), build


@intrinsic
def trips(typingctx: Any, start: Any, stop: Any, step: Any) -> Any:
    """Return the length of a range."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return length(builder, *args)

    return types.int64(types.int64, types.int64, types.int64), build


def _dim(axis: int) -> Any:
    @intrinsic
    def dim(typingctx: Any, a: Any) -> Any:
        if not isinstance(a, types.Array) or a.ndim <= axis:
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return field(context, builder, a, args[0], "shape", axis)

        return types.int64(a), build

    return dim


def _extreme(sign: str) -> Any:
    @intrinsic
    def extreme(typingctx: Any, x: Any, y: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.icmp_signed(sign, args[1], args[0]), args[1], args[0])

        return types.int64(types.int64, types.int64), build

    return extreme


def _extreme_float(name: str) -> Any:
    """Return LLVM's own operation, which it vectorises in a loop over its result; the sign of a zero is either."""

    @intrinsic
    def extreme(typingctx: Any, x: Any, y: Any) -> Any:
        if not isinstance(x, types.Float) or x != y:
            return None

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = args[0].type
            return builder.call(builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * 2)), args)

        return x(x, x), build

    return extreme


@intrinsic
def around(typingctx: Any, i: Any, n: Any) -> Any:
    """Return the remainder by a positive number of one between -1 and it."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index, length = args
        one, zero = ir.Constant(I64, 1), ir.Constant(I64, 0)
        below = builder.icmp_signed("<", index, zero)
        index = builder.select(builder.icmp_signed("==", index, length), zero, index)
        return builder.select(below, builder.sub(length, one), index)

    return types.int64(types.int64, types.int64), build


@intrinsic
def one_by_one(typingctx: Any) -> Any:
    """Do nothing, in a way that LLVM does not vectorise the loop it is in."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True).attributes.add("nounwind")
        return context.get_dummy_value()

    return types.void(), build


class _Functions(dict[str, Any]):
    """Functions by name; ``dim0``, ``dim1`` ... are made when asked for."""

    def __missing__(self, name: str) -> Any:
        if not name.startswith("dim"):
            raise KeyError(name)
        return self.setdefault(name, _dim(int(name[3:])))


FUNCTIONS: dict[str, Any] = _Functions(
    **accessors(frozenset(), frozenset()),
    **ALLOCATION,
    **OUTPUT,
    acc=_sum(),
    fused=_sum("contract"),
    sel=sel,
    bit=bit,
    follow=follow,
    wrap=wrap,
    inb=_test(None, None),
    area=area,
    small=_test(1 << 40, 1 << 41),
    medium=_test(1 << 30, 1 << 31),
    tiny=_test(1 << 20, 1 << 21),
    trips=trips,
    imin=_extreme("<"),
    imax=_extreme(">"),
    around=around,
    one_by_one=one_by_one,
    largest=_extreme_float("llvm.maximum"),
    least=_extreme_float("llvm.minimum"),
    largest_number=_extreme_float("llvm.maxnum"),
    least_number=_extreme_float("llvm.minnum"),
)
"""Every function generated code may call, by name."""

DTYPES: dict[str, Any] = {name: getattr(np, name) for name in NUMPY.values()}
"""Number types by their name in generated code."""
