"""Recording calls of rows: operands as whole arrays of their own, results as new arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from revtrace.calls.core import Settings, row_named
from revtrace.program.nodes import Const, Op, Operand, Var
from revtrace.program.types import Array
from revtrace.trace.ndarray import arrays
from revtrace.trace.numbers import as_num
from revtrace.trace.record import SHORT
from revtrace.trace.signals import PythonRaise
from revtrace.trace.values import Along, Num, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["call_row", "order_of", "owned", "short"]


def call_row(
    t: Tracer,
    row: str,
    ins: Sequence[Any],
    outs: Sequence[tuple[str, Sequence[Operand]]],
    settings: Settings = (),
    names: Sequence[str] = (),
) -> list[View]:
    """Append a call and return views of its outputs.

    Parameters
    ----------
    t : Tracer
    row : str
        Its name in `revtrace.calls.core.ROWS`.
    ins : sequence of View, Elementwise or number
        What it reads; what is not a whole array is copied to one.  Dtypes are the row's
        business: convert before.
    outs : sequence of (str, sequence of Operand)
        Dtype and lengths of each output; the lengths must be those the row returns.
    settings : tuple of pairs
    names : sequence of str
        Hints for the outputs' names.

    Returns
    -------
    list of View
    """
    operands = [owned(t, x) for x in ins]
    hints = [*names, *[""] * len(outs)]
    made = [arrays.new_array(t, dtype, tuple(shape), hint=h) for (dtype, shape), h in zip(outs, hints, strict=False)]
    for x in operands:
        t.touch(x)
    if row_named(row).raises:
        t.may_raise()
    recorded = len(t.b.stmts)
    t.b.do("call", *(v.root for v in made), *operands, row=row, outs=len(made), settings=settings)
    if row_named(row).raises and (t.decides or t.b.loc in t.failed):
        error = t.pins.failing(t)
        if error is not None:
            del t.b.stmts[recorded:]
            t.once = True
            raise PythonRaise(error)
    return made


def owned(t: Tracer, value: Any, dtype: str | None = None) -> Var:
    """Return a buffer whose elements are an array's, or a number; its own where it is whole."""
    if not arrays.is_array(value):
        number: Num = as_num(t, value)
        dtype = dtype or number.dtype
        made = t.b.alloc(dtype)
        t.b.store(made, t.b.cast(number.operand, dtype))
        return made
    dtype = dtype or value.dtype
    if isinstance(value, View) and value.whole and value.dtype == dtype and isinstance(value.root, Var):
        return value.root
    found = arrays.materialise(t, value, dtype).root
    assert isinstance(found, Var)
    return found


def order_of(value: Any) -> tuple[int, ...] | None:
    """Return which axis of its buffer each axis of a view is, where it has all of the buffer; else None."""
    if (
        not isinstance(value, View)
        or value.fold
        or value.part
        or len(value.maps) != len(value.shape)
        or not isinstance(value.root.type, Array)
    ):
        return None
    order = [-1] * len(value.shape)
    for k, m in enumerate(value.maps):
        if not isinstance(m, Along) or not m.whole:
            return None
        order[m.axis] = k
    return tuple(order) if sorted(order) == list(range(len(order))) else None


def short(t: Tracer, lengths: Sequence[Operand], most: int) -> bool:
    """Whether the product of some lengths is small, in the call that is traced and in those that it will serve.

    Lengths of arguments are those of the sample; which of an argument's axes are short is guarded.
    """
    product = 1
    sources = set()
    for n in lengths:
        size = known(n)
        if size is None:
            made = t.b.defs.get(n) if isinstance(n, Var) else None
            array = made.args[0] if isinstance(made, Op) and made.name == "dim" else None
            sample = t.pins.values.get(array) if isinstance(array, Var) else None
            source = next((s for s, (var, _) in t.inputs.items() if var is array), None)
            if sample is None or source is None or not isinstance(made, Op):
                return False
            size = sample.shape[made.attr("axis")]
            sources.add((source, sample.shape))
        product *= size
    if product > most:
        return False
    if any(n > SHORT for _, shape in sources for n in shape):
        return False
    for source, shape in sources:
        t.guard(source, "short", (True,) * len(shape))
    return True


def known(n: Operand) -> int | None:
    """Return a length that is known when tracing."""
    return int(n.value.real) if isinstance(n, Const) else None
