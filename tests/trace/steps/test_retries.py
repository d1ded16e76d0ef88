"""Loops that try again, in loops that try again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees

X = np.array([0.52, 1.35, 0.8, 0.15, 1.2, 0.7])


def in_a_while(x: Any) -> Any:
    a = x[1] - 2
    while True:
        b = x[5] - 1.8
        try:
            while True:
                try:
                    r = math.log(b + a)
                    break
                except ValueError:
                    b += 0.4
                if b > 0.8:
                    raise KeyError
            s = math.sqrt(a) * r
            break
        except KeyError:
            a += 0.1
        except ValueError:
            a += 0.2
    return s + a * b


def in_a_for(x: Any) -> Any:
    a = x[1] - 2
    for _ in range(30):
        b = x[5] - 1.8
        try:
            while True:
                try:
                    r = math.log(b + a)
                    break
                except ValueError:
                    b += 0.4
                if b > 0.8:
                    raise KeyError
            break
        except KeyError:
            a += 0.1
    return r + a * b


@pytest.mark.parametrize("function", [in_a_while, in_a_for])
def test_an_inner_loop_left_by_an_exception_raised_after_its_handler(function: Callable[[Any], Any]) -> None:
    agrees(function, X)
