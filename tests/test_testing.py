"""The checks themselves: they accept what is right and name what is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import GVar, config, testing
from revtrace.errors import GradientError, InverseDriftError


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    with config.override(interpret=True):
        yield


@dataclasses.dataclass
class Model:
    weight: Any
    bias: Any


def energy(model: Any, x: Any) -> Any:
    out = model.bias * 0.5
    for i in range(len(x)):
        out += model.weight[i] * x[i] ** 3
    return out


MODEL, X = Model(np.array([1.0, -2.0]), 3.0), np.array([0.5, 1.5])


@pytest.mark.parametrize("method", ["differences", "complex"])
def test_a_right_gradient_is_accepted(method: str) -> None:
    report = revtrace.check_grad(energy, (MODEL, X), method=method)
    assert report.checked == 5 and report.worst < 1e-9 and report.method == method
    assert revtrace.check_grad(energy, (MODEL, X), argnums=1).checked == 2
    assert revtrace.check_grad(energy, (MODEL, X), argnums=(-1,)).checked == 2
    assert revtrace.check_grad(revtrace.wrap(energy), (MODEL, X)).checked == 5


def test_arguments_are_left_alone() -> None:
    def f(x: Any) -> Any:
        x[0] *= 2.0
        return x[0] * x[1]

    x = np.array([2.0, 3.0])
    revtrace.check_grad(f, (x,))
    assert x.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "gradient, where",
    [
        ((Model(np.array([0.125, 3.375]), 0.5), np.array([0.75, -13.0])), r"argument 1\[1\]"),
        ((Model(np.array([0.125, 3.0]), 0.5), np.array([0.75, -13.5])), r"argument 0\.weight\[1\]"),
        ((Model(np.array([0.125, 3.375]), np.nan), np.array([0.75, -13.5])), r"argument 0\.bias"),
    ],
)
def test_a_wrong_gradient_is_named(gradient: Any, where: str) -> None:
    with pytest.raises(GradientError, match=where):
        revtrace.check_grad(energy, (MODEL, X), gradient=gradient)


def test_a_kink_is_found() -> None:
    with pytest.raises(GradientError, match="kink"):
        revtrace.check_grad(lambda x: abs(x), (0.0,), gradient=(1.0,))


def test_complex_arguments() -> None:
    def f(z: Any) -> Any:
        return (z * z).real + abs(z)

    assert revtrace.check_grad(f, (1.5 - 0.5j,)).worst < 1e-8


def test_keyword_arguments_and_limit() -> None:
    def f(x: Any, *, power: Any) -> Any:
        out = 0.0
        for i in range(len(x)):
            out += x[i] ** power
        return out

    assert revtrace.check_grad(f, (np.linspace(1.0, 2.0, 50),), {"power": 3}, limit=10).checked == 10


def test_unknown_method() -> None:
    with pytest.raises(ValueError, match="method"):
        revtrace.check_grad(energy, (MODEL, X), method="guess")


def test_richardson_reaches_twelve_digits() -> None:
    derivative, error = testing.richardson(lambda h: np.sin(1.0 + h), 1.0, 1e-1)
    assert abs(derivative - np.cos(1.0)) < 1e-12 and error < 1e-9


def test_check_inverse() -> None:
    report = revtrace.check_inverse(energy, (MODEL, X))
    assert (report.left, report.inputs) == (0.0, 2)


def test_check_inverse_names_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(derived: Any, out: Any, args: Any, kwargs: Any) -> Any:
        model, x = args
        x.value[1] += 1e-15
        return (GVar(0.0), model, x)

    monkeypatch.setattr("revtrace.handle.undo", spoiled)
    with pytest.raises(InverseDriftError, match=r"~f changed argument 1\[1\]"):
        revtrace.check_inverse(energy, (MODEL, X))
    monkeypatch.setattr("revtrace.handle.undo", lambda derived, out, args, kwargs: (GVar(1.0), *args))
    with pytest.raises(InverseDriftError, match=r"leaves 1\.0 of the result"):
        revtrace.check_inverse(energy, (MODEL, X))
