"""Sequences of numbers as arrays: looked up by a run-time index, made once where they are constant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, const
from revtrace.trace import numbers
from revtrace.trace.ndarray import arrays
from revtrace.trace.record import Fixed
from revtrace.trace.state import Growing, Numbers, State
from revtrace.trace.values import Num, Ref, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["element_of", "growing_filled", "table_of"]


def element_of(t: Tracer, items: list[Any], index: Operand) -> Num:
    """Return the number at a run-time index."""
    weak = all(numbers.as_num(t, v).weak for v in items)
    return Num(arrays.element(t, table_of(t, items), (index,)).operand, weak)


_WRITTEN_OUT = 8


def constants(t: Tracer, nums: list[Num], dtype: str) -> View:
    """Return an input of the program that holds the same numbers whenever it is called."""
    from revtrace.trace.external import external

    table = np.array([n.operand.value for n in nums if isinstance(n.operand, Const)], dtype)
    table.flags.writeable = False
    found = external(t, t.current, table, Fixed(table), "const")
    assert isinstance(found, View)
    return replace(found, shape=(const(len(nums), "i8"),), source=None)


def table_of(t: Tracer, items: list[Any]) -> View:
    """Return an array of the items; one of constants is made once, before everything else."""
    nums = [numbers.as_num(t, v) for v in items]
    kind = (nums[0].dtype, nums[0].weak)
    for n in nums[1:]:
        kind = numbers.promoted(kind, (n.dtype, n.weak))
    shape = (const(len(items), "i8"),)
    if all(isinstance(n.operand, Const) for n in nums):
        key = (kind[0], tuple(repr(n.operand) for n in nums))
        if key not in t.tables and len(items) > _WRITTEN_OUT:
            t.tables[key] = constants(t, nums, kind[0])
        if key not in t.tables:
            with t.b.into(t.prologue):
                t.tables[key] = _filled(t, nums, kind[0], shape)
        return t.tables[key]
    return _filled(t, nums, kind[0], shape)


def _filled(t: Tracer, nums: list[Num], dtype: str, shape: tuple[Operand, ...]) -> View:
    out = arrays.new_array(t, dtype, shape)
    for k, n in enumerate(nums):
        arrays.store_at(t, out, (const(k, "i8"),), t.b.cast(n.operand, dtype))
    return out


def growing_filled(t: Tracer, st: State, value: Any, count: Operand) -> Ref:
    """``[value] * count`` for a count known only when running."""
    number = numbers.as_num(t, value)
    dtype = "f8" if number.dtype in ("i8", "b1") and number.weak else number.dtype
    zero = const(0, "i8")
    size = t.b.op("max", count, zero)
    buffer = arrays.new_array(t, dtype, (size,))
    t.b.do("fill", buffer.root, t.b.cast(number.operand, dtype))
    return st.new(Growing(buffer, Num(size, True), Numbers(dtype, number.weak)))
