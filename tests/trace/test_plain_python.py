"""Python around the numbers: users' sequences and mappings, ``match``, ``with``, the standard library."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees, refuses


class Sequence:
    """A sequence without ``__iter__``."""

    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, k: int) -> Any:
        return self.items[k]


class Multiples:
    def __init__(self, x: float) -> None:
        self.x = x

    def __getitem__(self, k: int) -> float:
        if k >= 4:
            raise IndexError(k)
        return self.x * k


class Mapping:
    def __init__(self, **items: Any) -> None:
        self.items = items

    def keys(self) -> Any:
        return self.items.keys()

    def __getitem__(self, key: str) -> Any:
        return self.items[key]


class Endless:
    def __getitem__(self, k: int) -> int:
        return k


@dataclass
class Point:
    x: float
    y: float = 2.0


class Slotless:
    def __init__(self, x: float) -> None:
        self.x, self.rest = x, x


def walks_by_index(x):
    total = 0.0
    for k, v in enumerate(Multiples(x)):
        total += k * v
    return total + sum(Sequence([x, 1.0, x * x])) + len(Sequence([x])) * x


def finds_by_index(x):
    return x * (3 if 2.0 in Sequence([1.0, 2.0]) else 1) * (5 if 2.5 not in Sequence([1.0, 2.0]) else 1)


def times(a=0.0, b=1.0):
    return a * b


def passes_a_mapping(x):
    return times(**Mapping(a=x, b=x * x)) + dict(**Mapping(q=x))["q"]


def matches_a_point(x):
    match Point(x, 3.0):
        case Point(x=a, y=2.0):
            return a
        case Point(a, b):
            return a * a * b


def matches_numbers(x):
    total = 0.0
    for item in (3, x, "text", [x, 2.0, x], (1, 2), {"kind": "disc", "r": x}, None, True):
        match item:
            case bool():
                total += 1
            case int(n) if n > 2:
                total += n * x
            case float(v):
                total += v * v
            case str():
                total += 5 * x
            case [first, *rest]:
                total += first * sum(rest)
            case {"kind": "disc", "r": r}:
                total += math.pi * r * r
            case {"kind": "square"}:
                total += 1e6
            case None:
                total += x / 2
    return total


def matches_nothing(x):
    match x:
        case Point() | str() | int():
            return 0.0
        case Slotless(absent=_):
            return 1.0
    return x * x


def suppresses(x):
    y = x
    with contextlib.suppress(KeyError, AttributeError):
        y = {}["absent"]
    with contextlib.suppress(ValueError):
        y = y * x
    return y * x


@contextlib.contextmanager
def doubled(v: Any) -> Iterator[Any]:
    yield v * 2


def manages(x):
    with doubled(x) as y, contextlib.nullcontext(x) as z:
        return y * z


def deletes_an_attribute(x):
    made = Slotless(x)
    del made.rest
    return made.x * (2 if hasattr(made, "rest") else 3)


def named_tuple_inside(x):
    pair = collections.namedtuple("pair", "a b", defaults=(2.0,))  # noqa: PYI024
    p = pair(x)
    return p.a * p.b + pair(x, x)[1] + p._replace(b=x).b


@functools.singledispatch
def weight(item: Any) -> Any:
    return item * 2.0


@weight.register
def _(item: int) -> Any:
    return item * 10


@weight.register(list)
def _(item: Any) -> Any:
    return sum(item)


def dispatches(x, n=3):
    return weight(x) + weight(n) * x + weight([x, x])


def groups(x):
    total = 0.0
    for key, items in itertools.groupby([("a", x), ("a", 2.0), ("b", x)], key=lambda p: p[0]):
        total += len(key) * sum(v for _, v in items) ** 2
    total += sum(itertools.takewhile(lambda k: k < 3, [1, 2, 3, 1])) * x
    total += sum(itertools.dropwhile(lambda k: k < 3, [1, 2, 3, 1])) * x * x
    total += sum(itertools.filterfalse(lambda k: k % 2, range(5))) * x
    total += sum(itertools.compress([x, 1.0, x * x], [1, 0, 1]))
    return total + sum(itertools.chain.from_iterable([[x, 2.0], (x,)]))


def splits(x):
    m, e = math.frexp(x)
    fraction, whole = math.modf(x)
    return m * 3 + e * x + math.ldexp(m, e) ** 2 + fraction * whole


def joins(x):
    return x * len(",".join(str(k) for k in range(12)))


def whole_reciprocals(x):
    return np.sum(x * np.reciprocal(np.array([1, -1, 2, -7, 3])) + x) + np.reciprocal(4) * x


@pytest.mark.parametrize(
    "function",
    [
        walks_by_index, finds_by_index, passes_a_mapping, matches_a_point, matches_numbers, matches_nothing,
        suppresses, manages, deletes_an_attribute, named_tuple_inside, dispatches, groups, splits, joins,
        whole_reciprocals,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_as_plain_python(function: Callable[[float], float]) -> None:
    agrees(function, 1.7)


def test_a_wrong_pattern_is_pythons_error() -> None:
    def f(x):
        match Slotless(x):
            case Slotless(a, b):  # type: ignore[misc]
                return a * b
        return x

    with override(interpret=True, cache=False), pytest.raises(TypeError, match="positional sub-patterns"):
        revtrace.grad(f)(1.0)


def test_walking_without_an_end_is_refused() -> None:
    def f(x):
        for k in Endless():
            if k > 3:
                return x * k
        return x

    refuses(f, 1.0, match="by its __getitem__")


# what a function notes beside its numbers -------------------------------------------------------------


def timed(f: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(f)
    def run(*args: Any) -> Any:
        start = time.perf_counter()
        found = f(*args)
        run.calls += 1  # type: ignore[attr-defined]
        run.spent = time.perf_counter() - start  # type: ignore[attr-defined]
        return found * run.calls  # type: ignore[attr-defined]

    run.calls = 0  # type: ignore[attr-defined]
    return run


@timed
def square(x: float) -> float:
    return x * x


class Counted:
    made = 0

    def __init__(self, x: float) -> None:
        self.x = x
        Counted.made += 1
        type(self).last = x  # type: ignore[attr-defined]


def test_clocks_and_counters() -> None:
    def noted(x: float) -> float:
        start, total = time.time(), 0.0
        while time.monotonic_ns() >= 0 and total < 2.0:
            total += x
        if time.time() - start > 3600.0:
            total *= 2.0
        time.sleep(0.0)
        print(f"after {time.process_time() - start:.2f} s")
        return total * x

    agrees(noted, 0.7)
    square.calls = 0  # type: ignore[attr-defined]
    with override(interpret=True, cache=False):
        assert revtrace.grad(lambda x: square(x) + square(x))(0.5) == 3.0
        # A derivative leaves objects as they are.
        assert square.calls == 0  # type: ignore[attr-defined]
        assert revtrace.grad(lambda x: Counted(x).x * Counted(x * x).x * Counted.made)(0.5) == pytest.approx(1.5)
        assert Counted.made == 0
        assert revtrace.grad(lambda x: Counted(x).last * x)(0.5) == 1.0  # type: ignore[attr-defined]


def test_the_state_of_floating_point_errors_comes_back() -> None:
    def f(x: float) -> float:
        old = np.seterr(divide="ignore")
        y = x * (3.0 if np.geterr()["divide"] == "ignore" else 4.0)
        np.seterr(**old)
        return y * (2.0 if np.geterr() == old else 5.0)

    agrees(f, 0.7)

    def caught(x: float) -> float:
        with np.errstate(all="raise"):
            try:
                return float(np.log(np.float64(x) - x))
            except FloatingPointError:
                return 0.0

    refuses(caught, 0.7, match="catches FloatingPointError")


def test_the_keys_of_a_dict_are_a_set() -> None:
    def f(x: float) -> float:
        few, many = {"b": 2 * x, "a": x}, {"a": x * x, "b": x**3, "c": 1.0}
        total = sum(few[k] * many[k] for k in sorted(few.keys() & many.keys()))
        for k in many.keys() - few.keys():
            total += 7 * many[k] * x
        if few.keys() == {"a", "b"} and {"a": 1, "b": 2}.keys() == few.keys() <= many.keys():
            total += 10 * x
        if (few.keys() ^ {"a", "q"}) == frozenset("bq") and frozenset("z") | {}.keys() == {"z"}:
            total += 5 * x**2
        return total + few[list(few.keys())[0]] * len(few.keys()) + ("a" in few.keys())

    agrees(f, 1.5)


def test_dicts_are_equal_by_their_items() -> None:
    def f(x: float) -> float:
        same = {"a": x, "b": 1} == dict(b=1, a=x)
        return (
            x * (2.0 if same else 3.0) * (5.0 if {"a": x} != {"b": x} else 7.0) * (1.5 if {"a": x} == {"a": 1.0} else 1)
        )

    agrees(f, 0.7)


class Value:
    """A number that knows what it was made of."""

    def __init__(self, data: float, made_of: tuple[Any, ...] = ()) -> None:
        self.data, self.grad, self.made_of = data, 0.0, set(made_of)
        self.back: Callable[[], None] = lambda: None

    def __mul__(self, other: Any) -> Any:
        out = Value(self.data * other.data, (self, other))

        def back() -> None:
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.back = back
        return out

    def tanh(self) -> Any:
        out = Value(math.tanh(self.data), (self,))

        def back() -> None:
            self.grad += (1 - out.data**2) * out.grad

        out.back = back
        return out


def test_instances_in_sets_and_as_keys() -> None:
    def backward(x: Any) -> float:
        a, b = Value(x[0]), Value(x[1])
        result = (a * b).tanh() * a
        order: list[Any] = []
        seen = set()

        def visit(v: Any) -> None:
            if v not in seen:
                seen.add(v)
                for child in v.made_of:
                    visit(child)
                order.append(v)

        visit(result)
        result.grad = 1.0
        for v in reversed(order):
            v.back()
        named = {a: 2.0, (b, "b"): 3.0}
        named[a] += x[0]
        del named[b, "b"]
        total = 0.0
        for key, value in named.items():
            total += key.data * value
        return a.grad * b.grad + total + len(seen - {a}) + (b in seen) + named.pop(a) * len(named)

    agrees(backward, np.array([0.7, 1.2]))


def test_the_greatest_tuple() -> None:
    agrees(lambda x: max((v, k * v) for k, v in enumerate(x))[1] * min((v * v, v) for v in x)[1], np.array([0.3, 0.9]))
