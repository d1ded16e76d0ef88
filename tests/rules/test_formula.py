"""Formulas on program values: what is appended, folded and converted."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Var, const
from revtrace.program.types import Scalar
from revtrace.rules import RULES
from revtrace.rules.formula import Expr, apply, div, operand, partial, pullback, pushforward, safe, where


def values(*dtypes):
    builder = Builder()
    return builder, [Expr(builder, Var(Scalar(d))) for d in dtypes]


def names(builder):
    return [op.name for op in builder.stmts]


def test_numbers_take_the_dtype_of_the_value_they_meet():
    builder, (x,) = values("f4")
    y = 2 * x + 0.5
    assert y.dtype == "f4"
    assert names(builder) == ["mul", "add"]
    assert builder.stmts[0].args[0] == const(2.0, "f4")


def test_mixed_precision_is_cast_to_the_wider():
    builder, (x, y) = values("f8", "c8")
    assert (x * y).dtype == "c16"
    assert names(builder) == ["cast", "cast", "mul"]


def test_identities_append_nothing():
    builder, (x,) = values("f8")
    assert 1 * x is x
    assert x + 0 is x
    assert x - 0 is x
    assert div(x, 1) is x
    assert 0 * x == 0.0
    assert not builder.stmts


def test_known_numbers_are_computed():
    builder = Builder()
    y = Expr(builder, const(3.0))
    assert (y - 1).operand == const(2.0)
    assert (y > 1).operand == const(True)
    assert apply("div", y, 0).operand.value == float("inf")
    assert not builder.stmts
    third = apply("div", Expr(builder, const(1.0, "f4")), 3)
    assert third.operand.value == float(np.float32(1) / np.float32(3))


def test_where_on_known_conditions_and_dtypes():
    builder, (x,) = values("f4")
    assert where(Expr(builder, const(True)), x, 0) is x
    chosen = where(x > 0, 1, 0, like=x)
    assert chosen.dtype == "f4"
    assert where(x > 0, 1, 0).dtype == "f8"


def test_operand_of_a_real_dtype_takes_the_real_part():
    builder, (z,) = values("c16")
    assert operand(builder, z, "f8").type == Scalar("f8")
    assert names(builder) == ["real"]
    assert operand(builder, 1 + 2j, "f8") == const(1.0)


def test_partials_are_evaluated_only_where_asked():
    builder, (x, y, out) = values("f8", "f8", "f8")
    partial(RULES["pow"], 0, (x, y), out)
    assert "log" not in names(builder)


@pytest.mark.parametrize(
    ("exponent", "appended"),
    [(2.0, ["mul"]), (1.0, []), (0.0, []), (-1.0, ["mul", "neg"]), (3.0, ["pow", "mul"]), (1.5, ["sqrt", "mul"])],
)
def test_known_exponents_take_short_forms(exponent, appended):
    builder, (x, out) = values("f8", "f8")
    partial(RULES["pow"], 0, (x, Expr(builder, const(exponent))), out)
    assert names(builder) == appended


def test_square_reads_only_its_operand():
    builder, (x, out) = values("f8", "f8")
    partial(RULES["powi"], 0, (x, Expr(builder, const(2))), out)
    assert names(builder) == ["mul"]
    assert out.operand not in builder.stmts[0].args


def test_pushforward_skips_what_does_not_vary():
    builder, (x, y, out) = values("f8", "f8", "f8")
    assert pushforward(RULES["mul"], [None, None], (x, y), out) is None
    got = pushforward(RULES["add"], [x, None], (x, y), out)
    assert got is x
    assert not builder.stmts


def test_pullback_of_select_does_not_multiply():
    builder, (x, y, g, out) = values("f8", "f8", "f8", "f8")
    pullback(RULES["select"], 1, g, (x > y, x, y), out)
    assert names(builder) == ["gt", "select"]


def test_safe_divisor():
    assert div(3.0, safe(0.0)) == 0.0
    assert div(3.0, safe(2.0)) == 1.5


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "neg", "abs", "max", "sign", "square", "floor"])
def test_exact_numbers_stay_exact(name):
    rule = RULES[name]
    args = (Fraction(1, 3), Fraction(-2, 7))[: rule.arity]
    assert isinstance(rule.forward(*args), Fraction)


@pytest.mark.parametrize(
    "name", ["sin", "exp", "log", "sqrt", "atan2", "hypot", "pow", "erf", "digamma", "tanh", "abs"]
)
def test_mpmath_numbers_stay_precise(name):
    rule = RULES[name]
    with mp.workdps(40):
        got = rule.forward(*(mp.mpf(1) / 3, mp.mpf(2))[: rule.arity])
        assert isinstance(got, mp.mpf)
        assert got != mp.mpf(float(got))


def test_exact_partials():
    rule = RULES["div"]
    x, y = Fraction(1, 3), Fraction(2, 5)
    assert partial(rule, 1, (x, y), x / y) == -Fraction(1, 3) / Fraction(4, 25)


def test_constants_in_values_are_consts():
    builder, (x,) = values("f8")
    assert isinstance(Expr(builder, const(2.0)).operand, Const)
    assert x.dtype == "f8"
