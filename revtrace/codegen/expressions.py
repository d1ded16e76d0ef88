"""Operations on scalars as expressions of the generated source.

Owns operator precedence, literals and type fidelity: numba widens small integers and
mixed operands as numpy does, programs do not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.codegen.vector import MATH
from revtrace.errors import InternalError
from revtrace.program.nodes import Const, Op
from revtrace.program.types import Array, Scalar
from revtrace.rules.core import RULES

__all__ = ["ATOM", "EXTREMES", "INFIX", "NUMPY", "Code", "Literals", "call", "occurrences", "operation"]

ATOM = 100

_NEG, _MUL, _ADD, _AND, _XOR, _OR, _COMPARE, _NOT = 14, 13, 12, 10, 9, 8, 7, 6

INFIX: dict[str, tuple[str, int]] = {
    "add": ("+", _ADD),
    "sub": ("-", _ADD),
    "mul": ("*", _MUL),
    "div": ("/", _MUL),
    "floordiv": ("//", _MUL),
    "mod": ("%", _MUL),
    "and": ("&", _AND),
    "or": ("|", _OR),
    "xor": ("^", _XOR),
    "bitand": ("&", _AND),
    "bitor": ("|", _OR),
    "bitxor": ("^", _XOR),
    "lt": ("<", _COMPARE),
    "le": ("<=", _COMPARE),
    "gt": (">", _COMPARE),
    "ge": (">=", _COMPARE),
    "eq": ("==", _COMPARE),
    "ne": ("!=", _COMPARE),
}
"""Operators and their precedence."""

NUMPY = {
    "b1": "bool_",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
}
"""What a dtype is called in generated code."""

EXTREMES = {"maximum": "largest", "minimum": "least", "fmax": "largest_number", "fmin": "least_number"}
"""Functions for the larger and the lesser of two floats where a zero's sign does not matter, by operation."""

_WIDE = {"f4": "f8", "c8": "c16"}


@dataclass(frozen=True, slots=True)
class Code:
    """An expression.

    Attributes
    ----------
    text : str
        Its source.
    level : int
        How tightly its outermost operator binds; `ATOM` needs no parentheses.
    names : frozenset of str
        Local variables it reads.
    loads : frozenset of str
        Dtypes of the arrays it reads elements of.
    """

    text: str
    level: int = ATOM
    names: frozenset[str] = frozenset()
    loads: frozenset[str] = frozenset()

    def within(self, level: int) -> str:
        """Return the source as an operand of an operator of the given level."""
        return self.text if self.level >= level else f"({self.text})"


class Literals:
    """Writes constants; those that numba would type otherwise become named globals."""

    def __init__(self) -> None:
        self.named: dict[str, tuple[str, object]] = {}
        self._of: dict[tuple[str, str], str] = {}

    def code(self, c: Const) -> Code:
        """Return a constant's expression."""
        dtype, value = c.type.dtype, c.value
        if dtype == "b1":
            return Code(str(bool(value)))
        if dtype == "i8":
            return Code(str(value), ATOM if value >= 0 else _NEG)  # type: ignore[operator]
        if dtype == "f8":
            x = float(value)  # type: ignore[arg-type]
            if math.isnan(x):
                return Code("nan")
            text = repr(abs(x))
            return Code(text) if math.copysign(1.0, x) > 0 else Code("-" + text, _NEG)
        name = self._of.get((dtype, repr(value)))
        if name is None:
            name = f"K{len(self.named)}"
            self.named[name] = (dtype, value)
            self._of[dtype, repr(value)] = name
        return Code(name)


def _gather(args: Sequence[Code]) -> tuple[frozenset[str], frozenset[str]]:
    names: frozenset[str] = frozenset().union(*(a.names for a in args))
    loads: frozenset[str] = frozenset().union(*(a.loads for a in args))
    return names, loads


def call(function: str, *args: Code) -> Code:
    """Return a call."""
    return Code(f"{function}({', '.join(a.text for a in args)})", ATOM, *_gather(args))


def _infix(symbol: str, level: int, a: Code, b: Code) -> Code:
    # Comparisons chain in Python, so neither side may be one; the right side of the others binds tighter.
    left = level + 1 if level == _COMPARE else level
    return Code(f"{a.within(left)} {symbol} {b.within(level + 1)}", level, *_gather((a, b)))


_MATH = re.compile(r"\bmath\.(\w+)\(")
_TEMPLATE = re.compile(r"\{(\d)\}")
_DIRECT = re.compile(r"[(,] ?$")
_CALL = re.compile(r"^[\w.]+\([^()]*\)$")


def _source(op: Op) -> tuple[str, str]:
    """Return a primitive's template and the dtype numba computes it in."""
    rule = RULES.get(op.name)
    if rule is None:
        raise InternalError(f"no rule says how to compute {op.name!r}", loc=op.loc)
    assert isinstance(op.args[0].type, Scalar) and op.out is not None and isinstance(op.out.type, Scalar)
    complex_operand = op.args[0].type.dtype[0] == "c"
    template = rule.complex_source if complex_operand else rule.source
    if template is None:
        raise InternalError(f"{op.name!r} is not defined for complex numbers", loc=op.loc)
    dtype = op.out.type.dtype
    if rule.short is not None:
        template = rule.short(dtype, *(a.value if isinstance(a, Const) else None for a in op.args)) or template
    return template, _WIDE.get(dtype, dtype) if op.args[0].type.dtype[0] in rule.widens else dtype


def _is_structural(op: Op) -> bool:
    """Whether the operation is written with an operator rather than by its rule."""
    if op.name not in INFIX and op.name != "neg":
        return False
    kind = op.args[0].type.dtype[0]
    if op.name == "div":
        return kind == "f"
    if op.name in ("floordiv", "mod"):
        return kind in "iu"
    if op.name == "mul":
        return kind != "c" or RULES.get("mul") is None
    return True


def occurrences(op: Op) -> tuple[int, ...]:
    """Return how often each operand is written in the operation's expression."""
    if op.name in RULES and not _is_structural(op) and op.name not in ("select", "cast", "accum", "min", "max"):
        found = [int(k) for k in _TEMPLATE.findall(_source(op)[0])]
        return tuple(found.count(k) for k in range(len(op.args)))
    return (1,) * len(op.args)


def _needs_rounding(op: Op) -> bool:
    """Whether numba's result is wider than the program's."""
    assert op.out is not None and isinstance(op.out.type, Scalar)
    dtype = op.out.type.dtype
    return dtype[0] in "iu" and dtype not in ("i8", "u8")


def operation(op: Op, args: Sequence[Code], *, vector: bool = False, fused: bool = False) -> Code:
    """Return the expression of an operation on scalars.

    Parameters
    ----------
    op : Op
        The operation.
    args : sequence of Code
        Its operands' expressions.
    vector : bool
        Whether to call functions in the form that can be vectorised.
    fused : bool
        Whether a sum whose order is free may be rounded together with a product that it adds.
    """
    assert op.out is not None
    name = op.name
    if name == "select":
        return call("sel", *args)
    if name == "cast":
        return _cast(op, args[0])
    if name == "accum":
        if op.out.type.dtype[0] in "fc":
            return call("fused" if fused else "acc", *args)
        return _rounded(op, _infix("+", _ADD, *args))
    if name == "dim":
        assert isinstance(op.args[0].type, Array)
        return call(f"dim{op.attr('axis')}", *args)
    if name == "not":
        return Code(f"not {args[0].within(_NOT)}", _NOT, args[0].names, args[0].loads)
    if name == "invert" and op.out.type.dtype == "b1":
        return Code(f"not {args[0].within(_NOT)}", _NOT, args[0].names, args[0].loads)
    if name in ("min", "max") and op.out.type.dtype == "i8":
        return call(f"i{name}", *args)
    if name == "mod" and op.attr("near"):
        return call("around", *args)
    if name in EXTREMES and op.attr("unsigned"):
        return call(EXTREMES[name], *args)
    if name == "xor":
        return _infix("!=", _COMPARE, *args)
    if _is_structural(op):
        if name == "neg":
            return _rounded(op, Code(f"-{args[0].within(_NEG)}", _NEG, args[0].names, args[0].loads))
        return _rounded(op, _infix(*INFIX[name], *args))
    return _primitive(op, args, vector)


def _is_enclosed(template: str) -> bool:
    """Whether a template's first parenthesis closes at its end."""
    depth = 0
    for k, c in enumerate(template):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return k > 0 and k == len(template) - 1
    return False


def _rounded(op: Op, code: Code) -> Code:
    if not _needs_rounding(op):
        return code
    assert op.out is not None and isinstance(op.out.type, Scalar)
    return call(NUMPY[op.out.type.dtype], code)


def _cast(op: Op, x: Code) -> Code:
    assert op.out is not None and isinstance(op.out.type, Scalar) and isinstance(op.args[0].type, Scalar)
    source, target = op.args[0].type.dtype, op.out.type.dtype
    if source == target:
        return x
    if target == "b1":
        zero = Literals().code(Const(0, Scalar("f8" if source[0] == "f" else "i8")))
        return _infix("!=", _COMPARE, x, zero)
    if source[0] == "c" and target[0] != "c":
        x = Code(f"{x.within(ATOM)}.real", ATOM, x.names, x.loads)
        if target == {"c16": "f8", "c8": "f4"}[source]:
            return x
    if source[0] == "f" and target[0] in "iu" and target not in ("i8", "u8"):
        # Out of range, the hardware's answer for i8 cut to the width; numba's own would be undefined.
        x = call("int64", x)
    return call(NUMPY[target], x)


def _primitive(op: Op, args: Sequence[Code], vector: bool) -> Code:
    template, computed = _source(op)
    assert op.out is not None and isinstance(op.out.type, Scalar)
    if vector and op.out.type.dtype == "f8":
        template = _MATH.sub(lambda m: f"v{m.group(1)}(" if m.group(1) in MATH else m.group(0), template)
    simple = _CALL.match(template) is not None or _is_enclosed(template)

    def operand(m: re.Match[str]) -> str:
        arg = args[int(m.group(1))]
        before, after = template[: m.start()], template[m.end() :]
        direct = _DIRECT.search(before) is not None and after[:1] in ",)"
        return arg.text if direct else arg.within(ATOM)

    text = _TEMPLATE.sub(operand, template)
    code = Code(text, ATOM if simple else 0, *_gather(args))
    if computed != op.out.type.dtype or _needs_rounding(op):
        return call(NUMPY[op.out.type.dtype], code)
    return code
