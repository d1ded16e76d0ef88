"""Texts of instances: what their classes make, and the messages of exceptions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees

X = np.array([0.4, 1.5, -0.7, 2.0, 0.9])


class Named:
    def __init__(self, n: int) -> None:
        self.n = n

    def __str__(self) -> str:
        return f"S{self.n}"

    def __repr__(self) -> str:
        return f"S({self.n})"

    def __format__(self, spec: str) -> str:
        return f"{self.n:{spec or 3}}"


class Shown:
    def __init__(self, n: int) -> None:
        self.n = n

    def __repr__(self) -> str:
        return "R" * self.n


class Counted:
    n = 0

    def __str__(self) -> str:
        self.n += 1
        return "a" * self.n


class NotFoundError(Exception):
    def __init__(self, message: str, best: Any) -> None:
        super().__init__(message)
        self.best = best


@dataclasses.dataclass
class Point:
    a: int
    v: float


def of_classes(x: Any) -> Any:
    s, r = Named(3), Shown(4)
    n = len(str(s)) + len(repr(s)) * 10 + len(f"{s:5}{s}{s!r}{s!s:>9}") * 100
    return n * x[0] + len(f"{r}{r!r:>7}") * x[1] + len(str(r) + format(s, "6")) * x[2]


def in_a_message(x: Any) -> Any:
    d = Point(1, x[0])
    if x[0] > 10:
        raise ValueError(f"{d} {d!r}")
    return d.v


def changed_by_making_it(x: Any) -> Any:
    c = Counted()
    print(c)
    return len(str(c)) * x[0] + len(f"{c}") * x[1] + c.n


def of_exceptions(x: Any) -> Any:
    r = 0.0
    for v in x:
        try:
            if v < 0:
                raise NotFoundError("none", v)
            if v > 1:
                raise KeyError("k")
        except NotFoundError as e:
            r += e.best * len(str(e))
        except KeyError as e:
            r += v * len(str(e)) * 2
    try:
        raise RuntimeError("a", 3)
    except RuntimeError as e:
        return r + len(f"{e}")


@pytest.mark.parametrize("f", [of_classes, in_a_message, changed_by_making_it, of_exceptions])
def test_texts_of_instances(f: Any) -> None:
    agrees(f, X)
    agrees(f, -X * 3)
