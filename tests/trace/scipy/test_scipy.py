"""Functions of ``scipy.special``: values are SciPy's, gradients those of differences, interpreted and compiled."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees

special = pytest.importorskip("scipy.special")
integrate = pytest.importorskip("scipy.integrate")
stats = pytest.importorskip("scipy.stats")

X = np.array([[0.3, 1.2, -0.7], [0.9, 0.1, 2.3]])


def one_variable(x):
    return (
        special.dawsn(x) + special.spence(x) * special.exp10(0.1 * x) + special.expi(x) - special.exp1(x)
        + special.ellipk(0.3 * x) * special.ellipe(0.4 * x) + special.rgamma(x) + special.cosm1(x) + special.exprel(x)
    )  # fmt: skip


def several_variables(x, y):
    return (
        special.rel_entr(x, y) + special.kl_div(y, x) + special.huber(0.5, x) + special.pseudo_huber(y, x)
        + special.boxcox(x, y) + special.inv_boxcox(y, 0.5) + special.binom(4.5, x) + special.jv(1.5, x)
        + special.yv(0, y) + special.iv(2, x) * special.kv(0.3, y) + special.kn(2, x) + special.gammainc(2.5, x)
        + special.betainc(1.5, 2.5, 0.3 * x) + special.stdtr(4, x) + special.gdtr(x, 2.0, y) + special.expn(2, x)
    )  # fmt: skip


def pairs(x):
    s, c = special.fresnel(x)
    si, ci = special.sici(2 * x)
    return s * c + si - ci * special.shichi(x)[1]


def arrays(x):
    return np.sum(special.jv(0, x) * special.dawsn(x))


def normalised(x):
    return (
        special.logsumexp(x) + np.sum(special.softmax(x, axis=1) ** 2) + special.log_softmax(x)[0, 1]
        + np.sum(special.logsumexp(x, axis=0) * special.logsumexp(x, axis=0, keepdims=True))
        + special.logsumexp(x, b=np.array([0.5, 1.0, 0.0]))
    )  # fmt: skip


def lambert(x):
    w = special.lambertw(x)
    return w.real * 2 + special.lambertw(-0.2 * x, -1).real + abs(w)


CASES = [(one_variable, (0.7,)), (several_variables, (0.7, 1.3)), (pairs, (0.8,)), (arrays, (X,)), (normalised, (X,)),
         (lambert, (0.6,))]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_values_and_gradients(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    agrees(function, *args)


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_compiled_equals_interpreted(
    function: Callable[..., Any], args: tuple[Any, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override(interpret=True, cache=False):
        value, gradient = revtrace.value_and_grad(function)(*args)
    for cache in (False, True, True):
        with override(interpret=False, cache=cache):
            again = revtrace.value_and_grad(function)(*args)
        assert again[0] == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("function", "k"), [(special.jv, 0), (special.gammainc, 0), (special.betainc, 1), (special.stdtr, 0)]
)
def test_parameters_without_a_derivative_are_refused(function: Any, k: int) -> None:
    def f(*args):
        return function(*args)

    args = (0.5, 0.4, 0.3)[: function.nin]
    with override(interpret=True, cache=False):
        with pytest.raises(revtrace.UnsupportedError, match="no closed form") as caught:
            revtrace.grad(f, argnums=k)(*args)
        assert caught.value.loc.function.endswith("f")
        assert np.isfinite(revtrace.grad(f, argnums=len(args) - 1)(*args))


def test_second_derivatives() -> None:
    def f(x):
        return special.jv(1.5, x) * special.ellipk(0.3 * x) + special.boxcox(x, 0.0)

    with override(interpret=True, cache=False):
        g = revtrace.grad(f)
        h = 1e-4
        expected = (-g(0.7 + 2 * h) + 8 * g(0.7 + h) - 8 * g(0.7 - h) + g(0.7 - 2 * h)) / (12 * h)
        assert revtrace.grad(g)(0.7) == pytest.approx(expected, rel=1e-9)


def test_a_complex_lambert_is_refused() -> None:
    def f(x):
        return special.lambertw(x).real

    with override(interpret=True, cache=False):
        assert revtrace.wrap(f)(-2.0) == f(-2.0)
        with pytest.raises(revtrace.UnsupportedError):
            revtrace.grad(f)(-2.0)


def of_arrays_of_any_library(x, y):
    """These first ask which libraries are imported, to find whose arrays they are given."""
    return integrate.trapezoid(x, y) + integrate.simpson(y, x=x) + stats.zscore(x)[1] * stats.gmean(y)


def test_functions_that_ask_which_modules_there_are() -> None:
    agrees(of_arrays_of_any_library, np.array([0.1, 0.5, 0.7, 1.2]), np.array([0.4, 1.9, 0.8, 2.2]))


def asking(x, name):
    import sys

    return x * 2 if name in sys.modules else x * 3


def test_a_module_imported_later_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with override(interpret=True, cache=False):
        gradient = revtrace.grad(asking)
        assert gradient(1.0, "there_is_none_such") == 3.0
        monkeypatch.setitem(sys.modules, "there_is_none_such", sys)
        assert gradient(1.0, "there_is_none_such") == 2.0
        assert gradient(1.0, "numpy") == 2.0
