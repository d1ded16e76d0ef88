"""Jacobians and Hessians inside of a traced function: a product, recorded once, in a loop over a basis.

A Hessian is a Jacobian of a Jacobian there, so that one kind of matrix is enough.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.inner.calls import asked_of, product
from revtrace.inner.inline import Asked, flat
from revtrace.matrices import Axis
from revtrace.program.nodes import Const, Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.calls import call
from revtrace.trace.callables.functions import instances
from revtrace.trace.definitions.matrices import columns
from revtrace.trace.definitions.register import traced
from revtrace.trace.ndarray import arrays, shaping, subscripts
from revtrace.trace.ndarray.convert import as_array, length_value
from revtrace.trace.numpy import joining
from revtrace.trace.state import DictBox, ListBox, ObjectBox, State
from revtrace.trace.values import NONE, Num, Ref, Slice, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["matrix"]


@dataclass(frozen=True, slots=True, eq=False)
class _Direction:
    """Takes one flat direction to one flat product."""

    kind: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    asked: Asked
    along: Sequence[Any]
    """The numbers and arrays that the direction is one for."""


@instances(_Direction)
def _call_direction(t: Tracer, st: State, f: _Direction, source: Any, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    unit = as_array(t, args[0], st)
    seeds: list[Operand] = []
    start: Operand = const(0, "i8")
    for x in f.along:
        if not arrays.is_array(x):
            seeds.append(t.b.cast(arrays.load_at(t, unit, (start,)), x.dtype))
            start = numbers.fold(t, "add", start, const(1, "i8"), "i8")
            continue
        stop = numbers.fold(t, "add", start, shaping.product(t, x.shape), "i8")
        part = subscripts.subscript(t, unit, _slice(start, stop))
        seeds.append(arrays.materialise(t, shaping.reshape(t, part, tuple(x.shape)), x.dtype).root)
        start = stop
    found = product(t, st, f.kind, f.function, f.args, f.kwargs, f.asked, seeds)
    return _joined(t, flat(t, st, found.items[1] if f.kind == "pushforward" else found))


def _joined(t: Tracer, parts: Sequence[Any]) -> Any:
    found = [arrays.settle(t, shaping.ravel(t, x)) for x in parts]
    return found[0] if len(found) == 1 else joining.join(t, found, 0)


def _size(t: Tracer, parts: Sequence[Any]) -> Operand:
    size: Operand = const(0, "i8")
    for x in parts:
        n = shaping.product(t, x.shape) if arrays.is_array(x) else const(1, "i8")
        size = numbers.fold(t, "add", size, n, "i8")
    return size


def matrix(t: Tracer, st: State, function: Any, axis: Axis, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the matrix of derivatives in the containers of the result, then in those of the argument."""
    asked = asked_of(t, function, axis, args, kwargs)
    argument = asked.chosen(args, kwargs)
    out = call(t, st.fork(), function, args, kwargs)
    ins, outs = flat(t, st, argument), flat(t, st, out)
    m, n = _size(t, outs), _size(t, ins)
    dtype = Static(_common(ins + outs))
    backward = axis.mode == "rev" or (axis.mode == "auto" and _fewer(m, n, outs, ins))
    kind = "pullback" if backward else "pushforward"
    direction = _Direction(kind, function, args, kwargs, asked, outs if backward else ins)
    given = (Static(direction), length_value(m if backward else n), length_value(n if backward else m), dtype)
    made = arrays.settle(t, traced(t, st, columns, given, {}))
    whole = subscripts.transpose(made, (1, 0)) if backward else made
    places = iter(itertools.product(_spans(t, outs), _spans(t, ins)))
    plain = all(isinstance(x, Num) and x.weak for x in ins + outs)

    def block(x: Any, y: Any) -> Any:
        (a, b), (c, d) = next(places)
        part = subscripts.subscript(t, whole, Tup((_slice(a, b), _slice(c, d))))
        shape = (*(x.shape if arrays.is_array(x) else ()), *(y.shape if arrays.is_array(y) else ()))
        if shape:
            return arrays.settle(t, shaping.reshape(t, part, shape))
        return Num(arrays.load_at(t, arrays.settle(t, part), (const(0, "i8"), const(0, "i8"))), plain)

    return _nested(t, st, out, lambda x: _nested(t, st, argument, lambda y: block(x, y)))


def _slice(start: Operand, stop: Operand) -> Slice:
    return Slice(length_value(start), length_value(stop), NONE)


def _common(parts: Sequence[Any]) -> Any:
    return np.result_type(*(x.dtype for x in parts)) if parts else np.dtype(float)


def _fewer(m: Operand, n: Operand, outs: Sequence[Any], ins: Sequence[Any]) -> bool:
    """Whether there are fewer results than arguments, as far as that is known."""
    if isinstance(m, Const) and isinstance(n, Const):
        return bool(m.value.real < n.value.real)
    return not any(arrays.is_array(x) for x in outs)


def _spans(t: Tracer, parts: Sequence[Any]) -> list[tuple[Operand, Operand]]:
    spans: list[tuple[Operand, Operand]] = []
    start: Operand = const(0, "i8")
    for x in parts:
        stop = numbers.fold(t, "add", start, _size(t, [x]), "i8")
        spans.append((start, stop))
        start = stop
    return spans


def _nested(t: Tracer, st: State, value: Any, leaf: Any) -> Any:
    """Return a value's containers with something else for each float, None for what is none."""
    value = t.use(value)
    if isinstance(value, Tup):
        return Tup(tuple(_nested(t, st, v, leaf) for v in value.items), value.cls)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ListBox):
            return st.new(ListBox(tuple(_nested(t, st, v, leaf) for v in box.items)))
        if isinstance(box, DictBox):
            return st.new(DictBox(tuple((k, _nested(t, st, v, leaf)) for k, v in box.items)))
        if isinstance(box, ObjectBox):
            fields = tuple((k, _nested(t, st, v, leaf)) for k, v in box.fields)
            return st.new(replace(box, fields=fields, source=None))
    found = flat(t, st, value)
    return leaf(found[0]) if found else NONE
