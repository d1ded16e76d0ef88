"""The order that numpy gives complex numbers: by real parts, equal ones by imaginary parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revtrace.program.nodes import Operand, const
from revtrace.program.types import BOOL, Scalar, real_dtype
from revtrace.trace.values import Num

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["ahead", "chosen", "in_order"]


def ahead(t: Tracer, symbol: str, a: Operand, b: Operand) -> Operand:
    """Whether ``a`` is less (``"lt"``) or greater (``"gt"``) than ``b``, real or complex."""
    dtype = a.type.dtype
    if dtype[0] != "c":
        return t.b.compare(symbol, a, b)
    found: Operand = const(False)
    for part in ("imag", "real"):
        x, y = (t.b.op(part, z, type=Scalar(real_dtype(dtype))) for z in (a, b))
        level = t.b.op("and", t.b.compare("eq", x, y), found, type=BOOL)
        found = t.b.op("or", t.b.compare(symbol, x, y), level, type=BOOL)
    return found


def in_order(t: Tracer, symbol: str, a: Operand, b: Operand) -> Operand:
    """Whether complex numbers are in an order (``"lt"``, ``"le"``, ``"gt"``, ``"ge"``); what is NaN is in none."""
    found = ahead(t, symbol[0] + "t", a, b)
    return t.b.op("or", found, t.b.compare("eq", a, b), type=BOOL) if symbol[1] == "e" else found


def chosen(t: Tracer, name: str, a: Operand, b: Operand) -> Num:
    """``maximum``, ``minimum``, ``fmax`` or ``fmin`` of complex numbers; the first of equal ones."""
    keep = t.b.op("not", ahead(t, "lt" if name.endswith("max") or name == "maximum" else "gt", a, b), type=BOOL)
    a_nan, b_nan = (t.b.compare("ne", x, x) for x in (a, b))
    if name[0] == "f":  # what is not NaN
        keep = t.b.op("or", b_nan, t.b.op("and", keep, t.b.op("not", a_nan, type=BOOL), type=BOOL), type=BOOL)
    else:
        keep = t.b.op("or", a_nan, t.b.op("and", keep, t.b.op("not", b_nan, type=BOOL), type=BOOL), type=BOOL)
    return Num(t.b.op("select", keep, a, b, type=a.type), False)
