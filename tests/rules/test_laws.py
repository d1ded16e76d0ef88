"""Laws every row of the table obeys: value, derivative, compiled form, formula form."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from revtrace.rules import RULES
from revtrace.rules.formula import no_derivative, partial, pullback, pushforward
from revtrace.rules.runtime import NAMES
from revtrace.rules.scipy_calls import NAMES as SCIPY

from .evaluate import as_program, compiled
from .reference import REFERENCE, slope, value

ROWS = sorted(RULES)
DIFFERENTIABLE = [name for name in ROWS if RULES[name].partials or RULES[name].adjoint]

# ulps a value may be off its exact one, where it is more than 3
VALUE_ULPS = {"lgamma": 8, "gamma": 12, "pow": 6, "powi": 6, "sinc": 8, "log_ndtr": 12, "beta": 2000, "betaln": 12}
# Values near a zero of an oscillating function are accurate to its amplitude.
VALUE_ABSOLUTE = {"j0": 3e-16, "j1": 3e-16, "y0": 3e-16, "y1": 5e-16}
# ulps between the interpreter's form and the compiled one
PAIR_ULPS = {"lgamma": 8, "gamma": 12}


def operands(name, *, edges=False):
    rule = RULES[name]
    return list(rule.cases) + (list(rule.edges) if edges else [])


def inexact(args):
    return any(isinstance(a, float | complex) for a in args)


def distance(a, b, precision=2.0**-52):
    """Difference in ulps; 0 for equal values and for NaN on both sides."""
    if isinstance(a, bool | int) and isinstance(b, bool | int):
        return 0 if a == b else math.inf
    if isinstance(a, complex) or isinstance(b, complex):
        a, b = complex(a), complex(b)
        if math.isnan(abs(a)) and math.isnan(abs(b)) or a == b:
            return 0
        if not (math.isfinite(abs(a)) and math.isfinite(abs(b))):
            return max(distance(a.real, b.real), distance(a.imag, b.imag))
        return abs(a - b) / (precision * max(abs(b), 1e-300))
    a, b = float(a), float(b)
    if math.isnan(a) and math.isnan(b) or a == b:
        return 0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(precision * abs(b), 5e-324)


@pytest.mark.parametrize("name", ROWS)
def test_every_rule_has_cases(name):
    rule = RULES[name]
    assert rule.cases
    assert all(len(args) == rule.arity for args in (*rule.cases, *rule.edges))
    assert rule.show
    assert set(rule.kinds) <= set("biufc")
    assert ("c" in rule.kinds) == (rule.complex_source is not None)


@pytest.mark.parametrize("name", ROWS)
def test_derivative_or_reason(name):
    rule = RULES[name]
    has_derivative = rule.partials is not None or rule.adjoint is not None
    assert has_derivative != bool(rule.why_zero)


@pytest.mark.parametrize("name", ROWS)
def test_sources_name_only_what_is_there(name):
    rule = RULES[name]
    for source in (rule.source, rule.complex_source):
        words = re.findall(r"(?<![.\w])[a-zA-Z_]\w*", source or "")
        assert set(words) <= {
            "math",
            "cmath",
            "np",
            "abs",
            "max",
            "min",
            "complex",
            "if",
            "else",
            "and",
            "or",
            "not",
        } | set(NAMES)


@pytest.mark.parametrize("name", [n for n in ROWS if n in REFERENCE])
def test_value(name):
    for args in operands(name):
        if not inexact(args):
            continue
        got, exact = RULES[name].forward(*args), value(name, args)
        exact = complex(exact) if isinstance(got, complex) else float(exact.real)
        allowed = VALUE_ULPS.get(name, 200 if f"special_{name}" in SCIPY else 3)
        close = distance(got, exact) <= allowed or abs(got - exact) <= VALUE_ABSOLUTE.get(name, 0)
        assert close, (args, got, exact)


def test_every_differentiable_rule_has_a_reference():
    assert set(DIFFERENTIABLE) <= set(REFERENCE)


def refused(name, k):
    """Whether a rule says that there is no derivative by an operand."""
    rule = RULES[name]
    return rule.partials is not None and rule.partials(*rule.cases[0], out=0.5)[k] is no_derivative


def directions(args):
    """Yield the ways to move one operand, and all of them at once."""
    movable = [k for k, a in enumerate(args) if isinstance(a, float | complex)]
    for k in movable:
        for d in (1.0,) if isinstance(args[k], float) else (1 + 0j, 1j, 0.6 - 0.8j):
            yield k, [d if j == k else 0 for j in range(len(args))]


UNMOVED = {("polygamma", 0), ("expn", 0), ("ldexp", 1), ("copysign", 1)}
KINKS = {("abs", (0.0,)), ("abs", (0j,)), ("powi", (0.0, 1)), ("powi", (0.0, 2)), ("heaviside", (0.0, 0.5))}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivative(name):
    rule = RULES[name]
    tried = 0
    for args in operands(name):
        for k, direction in directions(args):
            if refused(name, k) or (name, k) in UNMOVED or ((name, args) in KINKS and k == 0):
                continue
            out = rule.forward(*args)
            dots = [None if d == 0 else d for d in direction]
            got = pushforward(rule, dots, args, out)
            got = 0.0 if got is None else got
            exact = slope(name, args, direction)
            exact = complex(exact) if isinstance(out, complex) else float(exact.real)
            assert abs(got - exact) <= 4e-14 * abs(exact) + 1e-15, (args, direction, got, exact)
            tried += 1
            for g in (1.0, -0.7) if isinstance(out, float) else (1 + 0j, -0.3 + 0.8j):
                back = pullback(rule, k, g, args, out)
                back = 0.0 if back is None else back
                left, right = complex(g * got).real, complex(back * direction[k]).real
                assert abs(left - right) <= 1e-14 * abs(left) + 1e-15, (args, direction, g, left, right)
    assert tried


@pytest.mark.parametrize("name", ROWS)
def test_compiled_form(name):
    rule = RULES[name]
    for kind in (bool, int, float, complex):
        group = [a for a in operands(name, edges=kind is not complex) if type(a[-1 if name == "select" else 0]) is kind]
        if not group:
            continue
        call = compiled(rule, group[0])
        for args in group:
            got, want = call(*args).item(), rule.forward(*args)
            allowed = PAIR_ULPS.get(name, 2)
            if isinstance(want, complex):
                allowed = 8
            assert distance(got, want) <= allowed, (args, got, want)
            if want == 0 and isinstance(want, float) and name not in ("sign", "maximum", "minimum"):
                assert math.copysign(1, got) == math.copysign(1, want), (args, got, want)


@pytest.mark.parametrize("x", [-1.5, 0.3 - 2j])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_powers(x, n):
    rule = RULES["powi"]
    short = rule.short("f8", None, n)
    call = eval(f"lambda x: {short.format('x')}")
    assert distance(call(x), rule.forward(x, n)) <= 2
    assert rule.short("f8", None, 7) is None
    assert rule.short("f8", None, None) is None


@pytest.mark.parametrize("y", [0.5, 1.5, 2.5, -0.5, -1.5])
@pytest.mark.parametrize("x", [3.7, 1e-160, 1e206, 5e-324, 0.0, -0.0, math.inf, -math.inf, math.nan, -2.0])
def test_powers_by_roots(x, y):
    rule = RULES["pow"]
    short = rule.short("f8", None, y)
    assert (short is None) == (y == 0.5)
    assert rule.short("f4", None, y) is None
    assert rule.short("c16", None, complex(y)) is None
    if short is not None:
        call = eval(
            f"lambda x: {short.format('x')}", {"math": _Roots, "sel": lambda c, a, b: a if c else b, "inf": math.inf}
        )
        with np.errstate(all="ignore"):
            assert distance(float(call(np.float64(x))), float(np.float64(x) ** y)) <= 2


class _Roots:
    sqrt = staticmethod(np.sqrt)


@pytest.mark.parametrize("name", [n for n in ROWS if set("fc") & set(RULES[n].kinds)])
def test_single_precision(name):
    if name == "sum_error":
        return  # what is rounded away depends on the precision
    rule = RULES[name]
    for kind, single in ((float, np.float32), (complex, np.complex64)):
        groups = [
            args
            for args in operands(name)
            if type(args[-1 if name == "select" else 0]) is kind
            and all(abs(a) < 1e30 and (a == 0 or abs(a) > 1e-30) for a in args)
        ]
        if not groups:
            continue
        rounded = [tuple(single(a) if isinstance(a, kind) else a for a in args) for args in groups]
        call = compiled(rule, groups[0])
        results = [call(*args) for args in rounded]
        if rule.result in ("same", "real", "complex"):
            narrow = results[0].dtype in (np.float32, np.complex64)
            assert narrow != ("fc"[kind is complex] in rule.widens), results[0].dtype
        for args, got in zip(rounded, results, strict=True):
            want = rule.forward(*(a.item() if isinstance(a, np.generic) else a for a in args))
            if isinstance(want, float) and abs(want) > 3e38:
                continue
            assert distance(got, want, precision=2.0**-23) <= 8, (args, got, want)
            own = rule.forward(*args)
            assert distance(own, want, precision=2.0**-23) <= 8, (args, own, want)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_formula_on_values_equals_formula_on_numbers(name):
    rule = RULES[name]
    tried = 0
    for args in operands(name, edges=True):
        if not inexact(args):
            continue
        out = rule.forward(*args)
        for k, a in enumerate(args):
            if not isinstance(a, float | complex) or refused(name, k):
                continue
            for formula in (
                (lambda *xs, k=k: partial(rule, k, xs[:-3], xs[-3])) if rule.adjoint is None else lambda *xs: None,
                lambda *xs, k=k: pullback(rule, k, xs[-2], xs[:-3], xs[-3]),
                lambda *xs, k=k: pushforward(
                    rule, [xs[-1] if j == k else None for j in range(len(xs) - 3)], xs[:-3], xs[-3]
                ),
            ):
                given = (*args, out, type(out)(0.7), type(a)(-1.5))
                on_numbers, on_values = formula(*given), as_program(formula, given)
                tried += 1
                # a known exponent takes a shorter form than one that is a value
                want, got = (0.0 if v is None else v for v in (on_numbers, on_values))
                if (
                    name in ("pow", "powi")
                    and (name, k) == (name, 0)
                    and not all(map(math.isfinite, map(abs, (want, got))))
                ):
                    continue
                assert distance(got, want) <= (24 if name in ("pow", "powi") else 0), (args, k, got, want)
    assert tried


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_no_formula_raises_at_the_edges(name):
    rule = RULES[name]
    for args in operands(name, edges=True):
        out = rule.forward(*args)
        for k in range(rule.arity):
            if not refused(name, k):
                pullback(rule, k, 1.0, args, out)
