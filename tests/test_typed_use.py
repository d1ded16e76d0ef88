"""The public names as a typed program uses them; ``python -m tools.check types`` has mypy read this file too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np

import revtrace
from revtrace.dumps import Dump
from revtrace.handle import Handle, Inverse
from revtrace.matrices import Matrix
from revtrace.runs.recording import Moment
from revtrace.testing import GradReport, InverseReport

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def norm2(x: Vector) -> float:
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


@revtrace.wrap
def square(x: float) -> float:
    return x * x


def test_results_have_types() -> None:
    x: Vector = np.array([1.0, 2.0])
    assert_type(revtrace.grad(norm2), Handle)
    assert_type(revtrace.value_and_grad(norm2, argnums=(0,)), Handle)
    assert_type(revtrace.hessian(norm2), Matrix)
    assert_type(revtrace.jacobian(norm2, argnames="x"), Matrix)
    assert_type(~revtrace.wrap(norm2), Inverse)
    assert_type(revtrace.check_grad(norm2, (x,)), GradReport)
    assert_type(revtrace.check_inverse(square, (3.0,)), InverseReport)
    assert_type(square, Handle)
    assert_type(square.grad.dump(3.0), Dump)
    assert_type(square.grad.dump(3.0).text, str)
    assert_type(square.record(3.0).at(0), Moment)
    assert_type(square.explain(3.0), str)
    assert_type(square.stats.calls, int)
    assert_type(revtrace.grad(square)(3.0), Any)
    assert revtrace.grad(square)(3.0) == 6.0


def test_wrong_calls_are_found() -> None:
    """By mypy, which takes an unused ``ignore`` for an error; here they only must not be accepted."""
    calls: list[Callable[[], object]] = [
        lambda: revtrace.grad(3.0),  # type: ignore[arg-type]
        lambda: revtrace.grad(norm2, argnums="x"),  # type: ignore[arg-type]
        lambda: revtrace.value_and_grad(norm2, argnames=0),  # type: ignore[arg-type]
    ]
    for call in calls:
        try:
            call()
        except (TypeError, ValueError):
            continue
        raise AssertionError("accepted")
