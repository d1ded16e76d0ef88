"""Operators on containers and instances: which method answers, and what is changed in place."""

from __future__ import annotations

import collections
from typing import Any

import pytest

import revtrace
from tests.trace.agree import agrees

X = [0.5, 1.5, -0.7, 2.0]


def list_repeated_in_place(x: list[float]) -> float:
    a = [x[0], x[1]]
    b = a
    a *= 2
    b.append(x[2])
    return sum(v * i for i, v in enumerate(a)) + len(b)


def argument_repeated_in_place(x: list[float]) -> float:
    x *= 2
    x[0] = x[4] * 3.0
    return sum(v * i for i, v in enumerate(x))


def dict_merged_in_place(x: list[float]) -> float:
    d = {"a": x[0]}
    e = d
    d |= {"b": x[1], "a": x[2]}
    return e["a"] * 2 + e.get("b", 100.0)


def set_changed_in_place(x: list[float]) -> float:
    s = {1, 2}
    same = s
    s |= {3}
    s -= {1}
    s ^= {7}
    s &= {2, 7, 9}
    return len(same) * x[0] + sum(same) * x[1]


def grown_list_extended_in_place(x: list[float]) -> float:
    made: list[float] = []
    same = made
    for v in x:
        if v > 0:
            made += [v, v * v]
    return sum(same) + len(same) * x[0]


def immutable_bound_anew(x: list[float]) -> float:
    t = (x[0],)
    before = t
    t += (x[1],)
    t *= 2
    s = frozenset({1})
    kept = s
    s |= {3}
    return len(before) + sum(t) + len(kept) * x[2]


def merged_defaults(x: list[float]) -> float:
    d: collections.defaultdict[str, list[float]] = collections.defaultdict(list)
    d |= {"k": [x[0]]}
    f = d | {"q": [x[1]]}
    g = {"r": [x[2]]} | d
    f["new"].append(x[2])
    g["other"].append(x[3])
    return sum(sum(v) for v in f.values()) + 2 * sum(sum(v) for v in g.values()) + len(d)


def counters(x: list[float]) -> float:
    c = collections.Counter(a=2, b=1)
    d = c
    c |= collections.Counter(b=5)
    c += collections.Counter(a=1)
    c -= collections.Counter(b=2)
    c &= collections.Counter(a=2, b=9)
    e = -collections.Counter(a=-3) + +c
    return d["a"] * x[0] + d["b"] * x[1] + e["a"] * x[2]


class Base:
    def __init__(self, v: float) -> None:
        self.v = v

    def __sub__(self, other: Any) -> float:
        return self.v - getattr(other, "v", other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> float:
        return (getattr(other, "v", other) - self.v) * 100.0  # type: ignore[no-any-return]

    def __isub__(self, other: Any) -> Any:
        return NotImplemented


class Same(Base):
    pass


class Own(Base):
    def __rsub__(self, other: Any) -> float:
        return (getattr(other, "v", other) - self.v) * 10.0  # type: ignore[no-any-return]


def subclass_asked_first(x: list[float]) -> float:
    found = Base(x[0])
    found -= Base(x[2])  # type: ignore[assignment]
    return (
        (Base(x[0]) - Same(x[1]))
        + (Base(x[1]) - Own(x[2])) * 2
        + (5.0 - Same(x[3]))
        + (Own(x[0]) - Base(x[3]))
        + float(found)  # type: ignore[arg-type]
    )


class OneWay:
    def __init__(self, v: float) -> None:
        self.v = v

    def __add__(self, other: Any) -> Any:
        return NotImplemented

    def __radd__(self, other: Any) -> float:
        return self.v


def never_reflected_for_one_class(x: list[float]) -> float:
    try:
        return OneWay(x[0]) + OneWay(x[1])  # type: ignore[no-any-return]
    except TypeError:
        return x[2] * (3.0 + OneWay(x[3]))


def missing_removed(x: list[float]) -> float:
    s = {1, 2}
    s.discard(8)
    s.remove(1)
    try:
        s.remove(9)
    except KeyError:
        return x[1] * len(s)
    return x[0]


@pytest.mark.parametrize(
    "f",
    [
        list_repeated_in_place,
        dict_merged_in_place,
        set_changed_in_place,
        grown_list_extended_in_place,
        immutable_bound_anew,
        merged_defaults,
        counters,
        subclass_asked_first,
        never_reflected_for_one_class,
        missing_removed,
    ],
)
def test_operators_are_those_of_python(f: Any) -> None:
    agrees(f, X)


def test_an_argument_is_changed_as_by_the_plain_function() -> None:
    agrees(argument_repeated_in_place, X)
    plain, traced = list(X), list(X)
    assert argument_repeated_in_place(plain) == revtrace.wrap(argument_repeated_in_place)(traced)
    assert plain == traced
