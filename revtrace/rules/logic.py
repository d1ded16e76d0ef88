"""Comparisons, truth values, bits, tests of a number, and choosing; only ``select`` carries a derivative."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from revtrace.rules import runtime
from revtrace.rules.core import Rule, add
from revtrace.rules.formula import where
from revtrace.rules.ieee import predicate

__all__: list[str] = []

_PAIRS = ((1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (-1.5, 0.25))
_ODD = ((float("nan"), 1.0), (0.0, -0.0), (float("inf"), float("inf")))

for _name, _symbol, _function in (
    ("lt", "<", operator.lt),
    ("le", "<=", operator.le),
    ("gt", ">", operator.gt),
    ("ge", ">=", operator.ge),
    ("eq", "==", operator.eq),
    ("ne", "!=", operator.ne),
):
    _equality = _name in ("eq", "ne")
    add(
        Rule(
            name=_name,
            arity=2,
            forward=lambda a, b, f=_function: bool(f(a, b)),
            source=f"({{0}} {_symbol} {{1}})",
            complex_source=f"({{0}} {_symbol} {{1}})" if _equality else None,
            kinds="biuf" + "c" * _equality,
            result="bool",
            why_zero="truth value",
            cheap=True,
            show=f"{{0}} {_symbol} {{1}}",
            cases=(*_PAIRS, (2, 3), (4, 4)),
            edges=_ODD,
        )
    )

_TRUTH = ((True, True), (True, False), (False, True), (False, False))

for _name, _source, _logic in (
    ("and", "({0} and {1})", lambda a, b: bool(a) and bool(b)),
    ("or", "({0} or {1})", lambda a, b: bool(a) or bool(b)),
    ("xor", "({0} != {1})", lambda a, b: bool(a) != bool(b)),
):
    add(
        Rule(
            name=_name,
            arity=2,
            forward=_logic,
            source=_source,
            kinds="b",
            result="bool",
            why_zero="truth value",
            cheap=True,
            show=f"{{0}} {_name} {{1}}",
            cases=_TRUTH,
        )
    )

add(
    Rule(
        name="not",
        arity=1,
        forward=lambda a: not a,
        source="(not {0})",
        kinds="b",
        result="bool",
        why_zero="truth value",
        cheap=True,
        show="not {0}",
        cases=((True,), (False,)),
    )
)

for _name, _source, _bits, _show in (
    ("bitand", "({0} & {1})", operator.and_, "{0} & {1}"),
    ("bitor", "({0} | {1})", operator.or_, "{0} | {1}"),
    ("bitxor", "({0} ^ {1})", operator.xor, "{0} ^ {1}"),
    ("shl", "shift_left({0}, {1})", runtime.shift_left, "{0} << {1}"),
    ("shr", "shift_right({0}, {1})", runtime.shift_right, "{0} >> {1}"),
):
    add(
        Rule(
            name=_name,
            arity=2,
            forward=_bits,
            source=_source,
            kinds="iu",
            why_zero="integer",
            cheap=True,
            show=_show,
            cases=((12, 10), (-7, 3), (1, 40), (5, 0)),
            edges=((1, 64), (-3, 70)),
        )
    )

add(
    Rule(
        name="mulfits",
        arity=2,
        forward=runtime.product_fits,
        source="product_fits({0}, {1})",
        kinds="i",
        result="bool",
        why_zero="truth value",
        cheap=True,
        show="{0} * {1} fits",
        cases=((3, -5), (1 << 40, 1 << 22), (1 << 40, 1 << 23), (-(1 << 40), 1 << 23), (-1, -(1 << 63)), (0, 1 << 62)),
    )
)

add(
    Rule(
        name="invert",
        arity=1,
        forward=operator.invert,
        source="(~{0})",
        kinds="iu",
        why_zero="integer",
        cheap=True,
        show="~{0}",
        cases=((0,), (5,), (-8,)),
    )
)

_NUMBERS = ((1.5,), (-0.0,), (float("inf"),), (float("-inf"),), (float("nan"),))

for _name in ("isnan", "isinf", "isfinite"):
    add(
        Rule(
            name=_name,
            arity=1,
            forward=predicate(_name),
            source=f"np.{_name}({{0}})",
            complex_source=f"np.{_name}({{0}})",
            kinds="iufc",
            result="bool",
            why_zero="truth value",
            cheap=True,
            show=f"{_name}({{0}})",
            cases=(*_NUMBERS, (complex(1, 2),), (complex(float("inf"), float("nan")),)),
        )
    )

add(
    Rule(
        name="signbit",
        arity=1,
        forward=lambda x: bool(np.signbit(float(x))),
        source="np.signbit({0})",
        result="bool",
        why_zero="truth value",
        cheap=True,
        show="signbit({0})",
        cases=_NUMBERS,
    )
)


def _select_partials(condition: Any, a: Any, b: Any, *, out: Any) -> tuple[Any, ...]:
    return (
        None,
        lambda: where(condition, 1, 0, like=out),
        lambda: where(condition, 0, 1, like=out),
    )


def _select_adjoint(g: Any, condition: Any, a: Any, b: Any, *, out: Any) -> tuple[Any, ...]:
    # Choosing rather than multiplying by 0 or 1: the other side gets 0 even where g is infinite.
    return None, lambda: where(condition, g, 0), lambda: where(condition, 0, g)


def _select_tangent(condition: Any, a: Any, b: Any, *, args: Any, out: Any) -> Any:
    if a is None and b is None:
        return None
    return where(args[0], 0 if a is None else a, 0 if b is None else b)


add(
    Rule(
        name="select",
        arity=3,
        forward=lambda c, a, b: a if c else b,
        source="({1} if {0} else {2})",
        complex_source="({1} if {0} else {2})",
        kinds="biufc",
        partials=_select_partials,
        adjoint=_select_adjoint,
        tangent=_select_tangent,
        cheap=True,
        show="{1} if {0} else {2}",
        cases=((True, 1.5, 2.5), (False, 1.5, 2.5)),
    )
)

add(
    Rule(
        name="cast",
        arity=1,
        # The dtype converted to is the result's: the interpreter and the generator convert.
        forward=lambda x: x,
        source="{0}",
        complex_source="{0}",
        kinds="biufc",
        partials=lambda x, out: (1,),
        cheap=True,
        show="{0}",
        cases=((1.5,), (1 + 2j,)),
    )
)
