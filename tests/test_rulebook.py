"""Users' rules: adjoints, tangents, partials, what is not differentiated, and changing them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import revtrace
from revtrace import rule, testing

X = np.array([0.3, -0.7, 1.2])


@pytest.fixture
def registered():
    """Callables whose rules are removed after the test."""
    made = []
    yield made.append
    for f in made:
        rule.remove(f)


def test_an_adjoint_replaces_the_derivative_of_the_code(registered):
    def f(x):
        return x * x

    def outer(x):
        return 3.0 * f(x) + x

    assert revtrace.grad(outer)(2.0) == 13.0
    rule(f, adjoint=lambda ct, out, x: 100.0 * ct)
    registered(f)
    assert revtrace.value_and_grad(outer)(2.0) == (14.0, 301.0)
    assert revtrace.value_and_grad(f)(2.0) == (4.0, 100.0)


def test_changing_or_removing_a_rule_changes_the_next_call(registered):
    def f(x):
        return x * x

    g = revtrace.grad(lambda x: f(x) * 1.0)
    answers = [g(3.0)]
    for slope in (7.0, 8.0):
        rule(f, adjoint=lambda ct, out, x, slope=slope: slope * ct)
        answers.append(g(3.0))
    rule.remove(f)
    answers.append(g(3.0))
    assert answers == [6.0, 7.0, 8.0, 6.0]


def test_arrays_in_loops_and_second_derivatives(registered):
    @rule(
        adjoint=lambda ct, out, x, w: (ct * w * np.cos(x), np.sum(ct * np.sin(x))),
        tangent=lambda dots, out, x, w: dots[0] * w * np.cos(x),
    )
    def wave(x, w):
        return w * np.sin(np.array(x.tolist()))

    registered(wave)

    def f(x, w):
        total = 0.0
        for k in range(3):
            total += np.sum(wave(x * k, w) ** 2)
        return total

    value, (dx, dw) = revtrace.value_and_grad(f, argnums=(0, 1))(X, 1.5)
    phases = np.outer(np.arange(3), X)
    assert value == pytest.approx(np.sum((1.5 * np.sin(phases)) ** 2), rel=1e-14)
    expected = np.sum(1.5**2 * np.sin(2 * phases) * np.arange(3)[:, None], axis=0)
    np.testing.assert_allclose(dx, expected, rtol=1e-13)
    assert dw == pytest.approx(2 * value / 1.5, rel=1e-14)
    second = revtrace.hessian(f)(X, 1.5)
    curved = np.sum(2 * 1.5**2 * np.cos(2 * phases) * (np.arange(3) ** 2)[:, None], axis=0)
    np.testing.assert_allclose(second, np.diag(curved), atol=1e-12)


def test_partials_give_both_directions(registered):
    def hyp(x, y):
        return math.sqrt(x * x + y * y)

    rule(hyp, partials=lambda out, x, y: (x / out, y / out))
    registered(hyp)

    def f(x, y):
        return hyp(x, y) * 2.0

    assert revtrace.grad(f, argnums=(0, 1))(3.0, 4.0) == (1.2, 1.6)
    assert revtrace.jvp(f, (3.0, 4.0), (1.0, 0.0)) == (10.0, 1.2)
    assert revtrace.jacfwd(f)(3.0, 4.0) == 1.2


def test_the_form_with_residuals(registered):
    def f(x):
        return math.log1p(math.exp(x))

    def fwd(x):
        return f(x), {"x": x}

    def bwd(kept, ct):
        return (ct / (1.0 + math.exp(-kept["x"])),)

    rule.defvjp(f, fwd, bwd)
    registered(f)
    assert revtrace.grad(lambda x: f(x) * x)(0.0) == pytest.approx(math.log(2.0))


def test_structured_arguments_and_results(registered):
    def split(p, scale):
        return {"a": p["u"] * scale, "b": (float(np.sum(p["v"])), p["u"])}

    def adjoint(ct, out, p, scale):
        du = ct["a"] * scale + ct["b"][1]
        return {"u": du, "v": np.full(p["v"].shape, ct["b"][0])}, np.sum(ct["a"] * p["u"])

    rule(split, adjoint=adjoint)
    registered(split)

    def f(p, scale):
        out = split(p, scale)
        return np.sum(out["a"]) + 2.0 * out["b"][0] + np.sum(out["b"][1] ** 2)

    p = {"u": X, "v": X[:2].copy()}
    dp, ds = revtrace.grad(f, argnums=(0, 1))(p, 3.0)
    np.testing.assert_allclose(dp["u"], 3.0 + 2 * X)
    np.testing.assert_allclose(dp["v"], [2.0, 2.0])
    assert ds == pytest.approx(X.sum())


def test_an_adjoint_that_cannot_be_traced_is_called(registered):
    table = {}

    def f(x):
        return np.exp(x)

    def adjoint(ct, out, x):
        table[len(table)] = "called"
        return np.asarray(ct) * np.exp(np.asarray(x))

    rule(f, adjoint=adjoint)
    registered(f)
    np.testing.assert_allclose(revtrace.grad(lambda x: np.sum(f(x)))(X), np.exp(X))
    assert table


def test_what_is_not_differentiable_is_constant(registered):
    def level(x):
        return float(int(x * 10)) / 10

    revtrace.non_differentiable(level)
    registered(level)
    assert revtrace.grad(lambda x: level(x) * x)(0.25) == 0.2


def test_zero_none_and_not_implemented_are_told_apart(registered):
    def f(x, y, n):
        return x * y * n

    rule(f, adjoint=lambda ct, out, x, y, n: (rule.zero, rule.not_implemented("hard"), rule.no_tangent))
    registered(f)
    assert revtrace.grad(f)(2.0, 3.0, 4) == 0.0
    with pytest.raises(revtrace.GradientError, match="hard"):
        revtrace.grad(f, argnums=1)(2.0, 3.0, 4)


def test_opting_out_traces_the_code(registered):
    def f(x):
        return x * x

    rule(f, adjoint=lambda ct, out, x: 100.0 * ct)
    revtrace.opt_out(f)
    registered(f)
    assert revtrace.grad(lambda x: f(x))(3.0) == 6.0


def test_exceptions_are_the_functions_own(registered):
    def f(x):
        if x > 1.0:
            raise ArithmeticError("too large")
        return x

    rule(f, adjoint=lambda ct, out, x: ct)
    registered(f)
    g = revtrace.grad(lambda x: f(x) * 2.0)
    assert g(0.5) == 2.0
    with pytest.raises(ArithmeticError, match="too large"):
        g(2.0)


def test_a_function_without_derivatives_is_refused_by_line(registered):
    def f(x):
        return x * x

    registered(rule(f, like=lambda x: 1.0))
    assert revtrace.wrap(lambda x: f(x))(3.0) == 9.0
    with pytest.raises(revtrace.UnsupportedError, match="reverse"):
        revtrace.grad(lambda x: f(x[0]))(X)
    with pytest.raises(revtrace.UnsupportedError, match="forward"):
        revtrace.jvp(lambda x: f(x[0]), (X,), (X,))
    rule(f, tangent=lambda dots, out, x: 2 * x * dots[0])
    assert revtrace.jvp(lambda x: f(x), (3.0,), (1.0,)) == (9.0, 6.0)
    np.testing.assert_allclose(revtrace.grad(lambda x: f(x[0]))(X), [2 * X[0], 0.0, 0.0])


def test_other_shapes_and_other_static_arguments(registered):
    def f(x, mode):
        return np.cumsum(x) if mode == "sum" else x[:1]

    def adjoint(ct, out, x, mode):
        if mode == "sum":
            return np.cumsum(ct[::-1])[::-1], None
        return np.concatenate([ct, np.zeros(len(x) - 1)]), None

    rule(f, adjoint=adjoint)
    registered(f)

    def g(x, mode):
        return np.sum(f(x, mode) ** 2)

    for n in (3, 5):
        x = np.arange(1.0, n + 1)
        s = np.cumsum(x)
        np.testing.assert_allclose(revtrace.grad(g)(x, "sum"), 2 * np.cumsum(s[::-1])[::-1])
        np.testing.assert_allclose(revtrace.grad(g)(x, "first"), [2.0] + [0.0] * (n - 1))


def test_rrule_and_frule():
    out, pullback = revtrace.rrule(lambda x, y: x * y, 3.0, 2.0)
    assert (out, pullback(1.0)) == (6.0, (2.0, 3.0))
    assert revtrace.frule(lambda x, y: x * y, (3.0, 2.0), (0.0, 1.0)) == (6.0, 3.0)
    with pytest.raises(revtrace.GradientError):
        revtrace.frule(lambda x: x, (1.0,), ())


def test_a_rule_needs_a_callable_and_one_way_to_say_it():
    with pytest.raises(TypeError):
        rule(3.0, adjoint=abs)
    with pytest.raises(TypeError):
        rule(abs, partials=abs, adjoint=abs)


def test_rules_are_checked_alone_and_through_hosts(registered):
    def f(x, a):
        return {"s": a * np.sin(x), "n": (float(np.sum(x)), len(x))}

    def adjoint(ct, out, x, a):
        return ct["s"] * a * np.cos(x) + ct["n"][0], np.sum(ct["s"] * np.sin(x))

    def tangent(dots, out, x, a):
        ds = np.zeros(len(x))
        dn = 0.0
        if dots[0] is not None:
            ds = ds + a * np.cos(x) * dots[0]
            dn = np.sum(dots[0])
        if dots[1] is not None:
            ds = ds + dots[1] * np.sin(x)
        return {"s": ds, "n": (dn, 0)}

    rule(f, adjoint=adjoint, tangent=tangent)
    registered(f)
    report = testing.test_rule(f, X, 1.5)
    assert report.adjoint < 1e-6
    assert report.tangent is not None
    assert report.tangent < 1e-12
    assert set(report.hosts.values()) <= {"checked", "not installed"}


def test_a_wrong_rule_is_found(registered):
    def f(x):
        return np.sin(x)

    rule(f, adjoint=lambda ct, out, x: 1.01 * ct * np.cos(x))
    registered(f)
    with pytest.raises(revtrace.GradientError):
        testing.test_rule(f, X, hosts=False)


def test_a_tangent_that_disagrees_is_found(registered):
    def f(x):
        return np.sin(x)

    rule(f, adjoint=lambda ct, out, x: ct * np.cos(x), tangent=lambda dots, out, x: 2.0 * dots[0] * np.cos(x))
    registered(f)
    with pytest.raises(revtrace.GradientError, match="disagree"):
        testing.test_rule(f, X, hosts=False)


def test_one_direction_gives_the_other(registered):
    def soft(x):
        return np.log1p(np.exp(x))

    def pair(a, b):
        return a * b, a + b

    registered(rule(soft, adjoint=lambda ct, out, x: ct / (1.0 + np.exp(-x))))
    registered(rule(pair, tangent=lambda dots, out, a, b: tangent_of_pair(dots, a, b)))
    x = np.array([0.3, -0.2])
    slope = 1.0 / (1.0 + np.exp(-x))

    def total(x):
        return np.sum(soft(x) ** 2)

    value, dot = revtrace.jvp(total, (x,), (np.ones(2),))
    np.testing.assert_allclose(dot, np.sum(2.0 * soft(x) * slope))
    np.testing.assert_allclose(
        revtrace.hessian(total)(x), np.diag(2.0 * slope**2 + 2.0 * soft(x) * slope * (1.0 - slope)), atol=1e-14
    )
    np.testing.assert_allclose(revtrace.jacfwd(soft)(x), np.diag(slope), atol=1e-14)

    def mixed(a, b):
        product, total = pair(a, b)
        return np.sum(product * total)

    for found, expected in zip(revtrace.grad(mixed, (0, 1))(x, 2.0 * x + 1.0), by_hand(x, 2.0 * x + 1.0), strict=True):
        np.testing.assert_allclose(found, expected)


def tangent_of_pair(dots, a, b):
    da = 0.0 * a if dots[0] is None else dots[0]
    db = 0.0 * b if dots[1] is None else dots[1]
    return da * b + a * db, da + db


def by_hand(a, b):
    """Return the derivatives of ``a * b * (a + b)``."""
    return 2.0 * a * b + b**2, a**2 + 2.0 * a * b


def test_defaults_and_keywords(registered):
    def scaled(x, s=2.0):
        return s * x

    registered(rule(scaled, adjoint=lambda ct, out, x, s=2.0: (10.0 * s * ct, 0.0)))

    def total(x):
        out = 0.0
        for i in range(3):
            out += scaled(x, s=float(i)) if i > 0 else scaled(x)
        return out

    assert revtrace.grad(total)(1.0) == 10.0 * (2.0 + 1.0 + 2.0)


def test_wrong_rules_are_refused_by_name(registered):
    class Box:
        def __init__(self, x):
            self.x = x

    def plain(x):
        return x

    def boxed(x):
        return Box(x)

    def raising(ct, out, x):
        raise KeyError("no such thing")

    def differentiated(x):
        return plain(x) * x

    for adjoint, message in (
        (lambda ct, out, x: (ct, ct), "plain returns 2 cotangents for 1 arguments"),
        (lambda ct, out, x: np.ones(3), "plain returns 1 axes for an argument of 0"),
        (raising, "plain raises KeyError"),
        (lambda ct, out, x: rule.not_implemented("later"), "plain does not give this derivative: later"),
    ):
        registered(rule(plain, adjoint=adjoint))
        with pytest.raises(revtrace.errors.GradientError, match=message):
            revtrace.grad(differentiated)(0.5)
    registered(rule(boxed, adjoint=lambda ct, out, x: ct))
    with pytest.raises(revtrace.errors.UnsupportedError, match="Box in what .*boxed returns"):
        revtrace.grad(lambda x: boxed(x).x)(2.0)


def test_what_a_function_with_a_rule_raises_is_raised(registered):
    def bounded(x):
        if x > 1.0:
            raise ValueError("too large")
        return x

    registered(rule(bounded, adjoint=lambda ct, out, x: ct))
    gradient = revtrace.grad(lambda x: bounded(x) * x)
    with pytest.raises(ValueError, match="too large"):
        gradient(2.5)
    assert gradient(0.5) == 1.0
