"""Loops over whole buffers, for adjoints of whole-buffer operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, Operand, Var, const
from revtrace.program.types import INT, Array, Scalar

__all__ = ["add_array", "each", "move_array", "new", "total", "zero", "zeros_like"]


def zeros_like(b: Builder, array: Var, hint: str = "") -> Var:
    """Append a new array of zeros, shaped as another."""
    assert isinstance(array.type, Array)
    shape = [b.dim(array, k) for k in range(array.type.ndim)]
    name = hint or (f"{array.name}_bar" if array.name else "bar")
    return new(b, array.type.dtype, shape, zeros=True, hint=name)


def new(b: Builder, dtype: str, shape: Sequence[Operand], *, zeros: bool, hint: str, **attrs: object) -> Var:
    """Append a new array whose lengths are known not to be negative."""
    return b.op("alloc", *shape, type=Array(dtype, len(shape)), hint=hint, zeros=zeros, again=True, **attrs)


def each(
    b: Builder,
    array: Var,
    inits: tuple[Operand, ...],
    body: Callable[[tuple[Var, ...], tuple[Operand, ...]], tuple[Operand, ...]],
) -> tuple[Operand, ...]:
    """Append loops over the elements of an array; ``body(index, carried)`` returns what is carried on."""
    assert isinstance(array.type, Array)
    ndim = array.type.ndim

    def nest(axis: int, index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        if axis == ndim:
            return body(index, carried)
        length = b.dim(array, axis)
        i = Var(INT, "k")
        params = tuple(Var(x.type) for x in carried)
        with b.block() as stmts:
            results = nest(axis + 1, (*index, i), params)
        outs = tuple(Var(x.type) for x in carried)
        b.append(
            For(i, const(0), length, 1, params, carried, Block(tuple(stmts), results), outs, Var(INT), False, b.loc)
        )
        return outs

    return nest(0, (), inits)


def add_array(b: Builder, target: Var, source: Var, checked: bool = False) -> None:
    """Append ``target += source``; bails when ``checked`` and the source is too short."""

    def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        b.do("addto", target, _load(b, source, index, not checked), *index, safe=True)
        return ()

    each(b, target, (), body)


def move_array(b: Builder, source: Var, target: Var | None) -> None:
    """Append ``target += source; source = 0`` element by element, right also when both are one buffer."""

    def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        assert isinstance(source.type, Array)
        g = _load(b, source, index)
        b.do("store", source, const(0, source.type.dtype), *index, safe=True)
        if target is not None:
            b.do("addto", target, g, *index, safe=True)
        return ()

    if target is None:
        assert isinstance(source.type, Array)
        b.do("fill", source, const(0, source.type.dtype))
    else:
        each(b, source, (), body)


def total(b: Builder, array: Var) -> Operand:
    """Append the sum of an array's elements."""
    assert isinstance(array.type, Array)

    def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        return (b.op("accum", carried[0], _load(b, array, index)),)

    return each(b, array, (const(0, array.type.dtype),), body)[0]


def _load(b: Builder, array: Var, index: tuple[Var, ...], safe: bool = True) -> Var:
    assert isinstance(array.type, Array)
    return b.op("load", array, *index, type=Scalar(array.type.dtype), safe=safe)


def zero(var: Var) -> Const:
    """Return the zero of a value's, or an array's, dtype."""
    return const(0, var.type.dtype)
