"""Derivatives at kinks and edges: the conventions, finite where a finite choice exists."""

from __future__ import annotations

import math

import pytest

from revtrace.rules import RULES
from revtrace.rules.formula import partial, pullback

from .evaluate import as_program

INF, NAN = math.inf, math.nan

TABLE = [
    ("abs", (0.0,), (0.0,)),
    ("abs", (-2.0,), (-1.0,)),
    ("max", (1.0, 1.0), (1.0, 0.0)),
    ("min", (1.0, 1.0), (1.0, 0.0)),
    ("max", (NAN, 1.0), (1.0, 0.0)),
    ("max", (1.0, NAN), (1.0, 0.0)),
    ("maximum", (1.0, 1.0), (0.5, 0.5)),
    ("minimum", (1.0, 1.0), (0.5, 0.5)),
    ("maximum", (1.0, 2.0), (0.0, 1.0)),
    ("minimum", (1.0, 2.0), (1.0, 0.0)),
    ("fmax", (1.0, 1.0), (0.5, 0.5)),
    ("fmin", (1.0, 1.0), (0.5, 0.5)),
    ("fmax", (NAN, 1.0), (0.0, 1.0)),
    ("fmin", (1.0, NAN), (1.0, 0.0)),
    ("sqrt", (0.0,), (0.0,)),
    ("cbrt", (0.0,), (0.0,)),
    ("pow", (0.0, 3.0), (0.0, 0.0)),
    ("pow", (0.0, 2.0), (0.0, 0.0)),
    ("pow", (0.0, 1.0), (1.0, 0.0)),
    ("pow", (0.0, 0.0), (0.0, 0.0)),
    ("pow", (0.0, 0.5), (0.0, 0.0)),
    ("pow", (0.0, 0.3), (0.0, 0.0)),
    ("pow", (0.0, -1.0), (-INF, 0.0)),
    ("pow", (-2.0, 3.0), (12.0, 0.0)),
    ("powi", (0.0, 0), (0.0, 0.0)),
    ("powi", (0.0, 1), (1.0, 0.0)),
    ("powi", (0.0, 2), (0.0, 0.0)),
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("atan2", (0.0, 0.0), (0.0, 0.0)),
    ("copysign", (2.0, -0.0), (-1.0, 0.0)),
    ("copysign", (0.0, 1.0), (0.0, 0.0)),
    ("fmod", (7.0, -2.0), (1.0, 3.0)),
    ("fmod", (-7.0, 2.0), (1.0, 3.0)),
    ("mod", (-7.0, 2.0), (1.0, 4.0)),
    ("remainder", (7.0, 2.0), (1.0, -4.0)),
    ("sinc", (0.0,), (0.0,)),
    ("heaviside", (0.0, 0.5), (0.0, 1.0)),
    ("logaddexp", (-INF, -INF), (0.5, 0.5)),
    ("logaddexp", (INF, INF), (0.5, 0.5)),
    ("logaddexp", (INF, 0.0), (1.0, 0.0)),
    ("logaddexp2", (0.0, -INF), (1.0, 0.0)),
    ("div", (1.0, 0.0), (INF, -INF)),
    ("log", (0.0,), (INF,)),
    ("asin", (1.0,), (INF,)),
    ("acos", (-1.0,), (-INF,)),
    ("exp", (-INF,), (0.0,)),
    ("tanh", (INF,), (0.0,)),
    ("i1", (0.0,), (0.5,)),
    ("j1", (0.0,), (0.5,)),
    ("xlogy", (0.0, 0.0), (-INF, 0.0)),
    ("log_ndtr", (INF,), (0.0,)),
]


@pytest.mark.parametrize(("name", "args", "want"), TABLE)
def test_convention(name, args, want):
    rule = RULES[name]
    out = rule.forward(*args)
    for k, expected in enumerate(want):
        on_numbers = partial(rule, k, args, out)
        known = as_program(lambda *xs, k=k: partial(rule, k, xs[:-1], xs[-1]), (*args, out))
        for got in (on_numbers, known):
            assert (0.0 if got is None else got) == pytest.approx(expected, rel=1e-15), (k, got)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint", "sign", "floordiv", "lt", "and", "isnan"])
def test_piecewise_constant(name):
    rule = RULES[name]
    assert rule.why_zero
    assert partial(rule, 0, rule.cases[0], rule.forward(*rule.cases[0])) is None


@pytest.mark.parametrize("z", [0j, complex(-0.0, 0.0)])
@pytest.mark.parametrize("name", ["abs", "angle"])
def test_modulus_and_angle_of_zero_have_zero_cotangent(name, z):
    rule = RULES[name]
    assert pullback(rule, 0, 1.0, (z,), rule.forward(z)) in (0, None)


def second(name, x):
    """Derivative of the derivative formula: the adjoint of the appended operations, by the rules themselves."""
    from revtrace.program.build import Builder
    from revtrace.program.nodes import Const, Var
    from revtrace.program.types import F64
    from revtrace.rules.formula import Expr

    rule = RULES[name]
    builder = Builder()
    v = Var(F64)
    out = Var(F64)
    result = partial(rule, 0, [Expr(builder, v)], Expr(builder, out))
    known = {v: x, out: rule.forward(x)}
    for op in builder.stmts:
        known[op.out] = RULES[op.name].forward(*(a.value if isinstance(a, Const) else known[a] for a in op.args))
    bar = {result.operand: 1.0}
    for op in reversed(builder.stmts):
        g = bar.get(op.out, 0.0)
        for k, a in enumerate(op.args):
            if isinstance(a, Const) or a.type != F64:
                continue
            args = [b.value if isinstance(b, Const) else known[b] for b in op.args]
            step = pullback(RULES[op.name], k, g, args, known[op.out])
            bar[a] = bar.get(a, 0.0) + (0.0 if step is None else step)
    through_out = pullback(rule, 0, bar.get(out, 0.0), [x], known[out])
    return bar.get(v, 0.0) + (through_out or 0.0)


@pytest.mark.parametrize("name", ["sqrt", "cbrt", "abs", "sinc", "i1", "j1"])
def test_second_derivative_at_zero_is_not_nan(name):
    assert not math.isnan(second(name, 0.0))


def test_second_derivative_of_sinc_at_zero():
    assert second("sinc", 0.0) == pytest.approx(-(math.pi**2) / 3)
