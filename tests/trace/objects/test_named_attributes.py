"""Attributes by name, where run-time numbers choose the name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees

X = np.array([0.523, 1.351, 0.812, 0.157])


class Given:
    a = 2.0


def stored(x: Any) -> Any:
    o = Given()
    setattr(o, "a" if x[0] < 1 else "b", x[1])
    return o.a * x[0]


def asked(x: Any) -> Any:
    return x[0] * (3 if hasattr(Given(), "b" if x[1] > 1 else "a") else 1)


def deleted(x: Any) -> Any:
    o: Any = Given()
    o.a, o.b = x[0], x[3]
    delattr(o, "b" if x[0] > 1 else "a")
    return x[0] * o.a + (x[1] if hasattr(o, "b") else 2.0)


def looped(x: Any) -> Any:
    return sum(getattr(math, "sin" if v < 1 else "cos")(v) for v in x)


def grown(x: Any) -> Any:
    class Tree:
        def __init__(self, v: Any) -> None:
            self.v, self.left, self.right = v, None, None

        def add(self, v: Any) -> None:
            side = "left" if v < self.v else "right"
            if getattr(self, side) is None:
                setattr(self, side, Tree(v))
            else:
                getattr(self, side).add(v)

        def walk(self) -> Any:
            if self.left:
                yield from self.left.walk()
            yield self.v
            if self.right:
                yield from self.right.walk()

    tree = Tree(x[0])
    for v in x[1:]:
        tree.add(v)
    return sum((i + 1) * v for i, v in enumerate(tree.walk()))


@pytest.mark.parametrize("function", [stored, asked, deleted, looped, grown])
def test_names_that_numbers_choose(function: Callable[[Any], Any]) -> None:
    agrees(function, X)
