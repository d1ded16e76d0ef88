"""Which exception led to another, read by handlers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees

X = np.array([0.52, 1.35, 0.8, 0.15])


class Failed(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


def said(x: Any) -> Any:
    try:
        try:
            raise KeyError("k")
        except KeyError as error:
            raise ValueError("v") from error
    except ValueError as error:
        return x[0] * (2 if isinstance(error.__cause__, KeyError) else 3)


def happened(x: Any) -> Any:
    try:
        try:
            return math.sqrt(-x[0])
        except ValueError:
            raise RuntimeError("v")  # noqa: B904
    except RuntimeError as error:
        return x[0] * (2 if isinstance(error.__context__, ValueError) and error.__cause__ is None else 3)


def holding(x: Any) -> Any:
    try:
        try:
            raise Failed(x[0] * 2)
        except Failed as error:
            raise Failed(x[1]) from error
    except Failed as error:
        return error.value * error.__cause__.value  # type: ignore[union-attr]


def dropped(x: Any) -> Any:
    try:
        try:
            raise KeyError
        except KeyError:
            raise ValueError from None
    except ValueError as error:
        return x[0] * (2 if error.__cause__ is None else 3)


def looped(x: Any) -> Any:
    total = 0.0
    for v in x:
        try:
            try:
                if v > 0.75:
                    raise KeyError
                total += v
            except KeyError as error:
                raise ValueError("a") from error
        except ValueError as error:
            total += v * v * (2 if isinstance(error.__cause__, KeyError) else 3)
    return total


@pytest.mark.parametrize("function", [said, happened, holding, dropped, looped])
def test_what_led_to_an_exception(function: Callable[[Any], Any]) -> None:
    agrees(function, X)


def test_a_cause_that_holds_run_time_numbers() -> None:
    def plain(x: Any) -> Any:
        try:
            try:
                raise Failed(x[0] * 2)
            except Failed as error:
                raise ValueError from error
        except ValueError as error:
            return error.__cause__.value  # type: ignore[union-attr]

    with pytest.raises(revtrace.UnsupportedError, match="reading __cause__"):
        revtrace.grad(plain)(X)
