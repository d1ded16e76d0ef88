"""functools, operator, itertools, collections, dataclasses, enum and classes with their own ``__new__``."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import itertools
import math
import operator
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from scipy import special

from tests.trace.agree import agrees, refuses

XS = [1.5, 2.0, 0.7]


class Point:
    __slots__ = ("x",)

    def __init__(self, x: float) -> None:
        self.x = x

    def times(self, k: float) -> float:
        return self.x * k


class Kind(enum.Enum):
    DOUBLE = "double"
    TRIPLE = "triple"

    def apply(self, x: float) -> float:
        return x * 2 if self is Kind.DOUBLE else x * 3

    @property
    def weight(self) -> float:
        return 5.0


class Pair(collections.namedtuple("Pair", "a b")):
    def __new__(cls, a: float, b: float = 2.0) -> Pair:
        return super().__new__(cls, a * 2, b)

    def area(self) -> float:
        return self.a * self.b


class Made:
    def __new__(cls, *_: Any) -> Made:
        made = super().__new__(cls)
        made.k = 3.0
        return made

    def __init__(self, x: float) -> None:
        self.x = x

    def __call__(self) -> float:
        return self.x * self.k * self.x


@dataclasses.dataclass
class Data:
    a: float
    b: float = 2.0


def defaults(x: list[float]) -> float:
    sums = collections.defaultdict(float)
    for key, value in zip("aba", x, strict=True):
        sums[key] += value * value
    kept = collections.OrderedDict()
    kept["z"] = sums["a"]
    kept["y"] = sums["b"] * 2
    kept.move_to_end("z")
    return list(kept.values())[0] * 3 + list(kept.values())[1]


def counted(x: list[float]) -> float:
    sums: collections.Counter[str] = collections.Counter("ab")
    for name, v in zip("cacb", x, strict=False):
        sums[name] += v  # type: ignore[assignment]
    sums.update({"a": x[0], "d": 2})
    sums.subtract(c=x[1])
    (_, most), *_ = sums.most_common(2)
    both = sums + collections.Counter(a=3)
    return most * 3 + sum(sums.values()) + sums["none"] + len(sums) + both["a"] + list(sums)[0].count("a")


def queue(x: list[float]) -> float:
    waiting = collections.deque(x)
    waiting.rotate(1)
    waiting.appendleft(x[0] * x[1])
    total = 0.0
    while waiting:
        total = total * 0.5 + waiting.popleft() ** 2
    return total


def replaced(x: float) -> float:
    d = dataclasses.replace(Data(x), b=x * x)
    return d.a * d.b + sum(dataclasses.asdict(d).values()) + sum(dataclasses.astuple(d))


@numba.vectorize
def steep(a: float, b: float) -> float:
    return a * a if a > b else math.sin(a) * b


def made_elementwise(x: float) -> float:
    return np.sum(steep(np.array([x, 2 * x]), 3.0)) * steep(x, 3.0)


def compiled_inside(x: float, n: int) -> float:
    @numba.njit
    def slope(y):
        return -x * y

    @numba.jit("f8(f8)", nopython=True)
    def square(y):
        return y * y

    y = 1.0
    for _ in range(n):
        y += 0.1 * slope(y) + square(x)
    return y


def kinds_of_things(x: float) -> float:
    def inner(y):
        return x * y

    classes = (types.FunctionType, Callable, np.vectorize)
    things = (inner, lambda y: y, np.vectorize(inner), x)
    score = 1.0
    for k, thing in enumerate(things):
        for j, cls in enumerate(classes):
            score += 2.0 ** (4 * k + j) * isinstance(thing, cls)
    return x * score if type(inner) is types.FunctionType else 0 * x


SLOPES = {math.sin: math.cos, np.sin: np.cos, made_elementwise: abs, float: 2.0}


def keyed_by_functions(x: float, chosen: Any) -> float:
    return SLOPES[chosen](x) * SLOPES.get(float, 1.0) * (made_elementwise in SLOPES) + len(SLOPES) * x


def frozen_sets(x: float, **options: float) -> float:
    known = {(frozen_sets, frozenset(options.items())): x * x}
    few = frozenset("ab")
    more = few | {"c"}
    order = (few < more) + 2 * (more == {"a", "b", "c"}) + 4 * ({"a"} | few == few) + 8 * ({"d"} <= more)
    return known[frozen_sets, frozenset()] * len(more - few) * order * (1 + isinstance(more, frozenset))


def sets(x: float) -> float:
    known = {1, 2}.union({3})
    known.discard(2)
    known.update({7})
    return x * x * len(known) * ({1}.issubset(known)) * (not known.isdisjoint({7}))


class Doubled:
    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "_" + name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else getattr(instance, self.name) * 2

    def __set__(self, instance: Any, value: float) -> None:
        setattr(instance, self.name, value + 1)


class Described:
    x = Doubled()
    y = Doubled()

    def __init__(self, x: float, y: float, **more: float) -> None:
        self.x = x
        self.y = y
        self.__dict__.update(more)


def described(a: float, b: float) -> float:
    o = Described(a, b, z=a * b)
    o.x = o.y * a
    return o.x * o.y + o.z


Floats = npt.NDArray[np.float64]


def annotated(x: float) -> float:
    known = typing.cast(list[Floats], [x, 2.0 * x])
    made = list[float]([1.0, x])
    table = dict[str, float](a=x)
    return known[1] * made[1] * table["a"] if isinstance(made, typing.Sequence) else x


FUNCTIONS = {
    "annotations": (annotated, 0.5),
    "a table computed for an integer": (lambda x, n: x**n * special.bernoulli(n + 1)[n], 0.5, 4),
    "order of sequences": (
        lambda x: x[0] * (([1.0], x[1]) < ([1.0, 2.0], x[0])) + x[1] * ((x[0], x[1]) > (x[0], x[2])),
        XS,
    ),
    "descriptors": (described, 2.0, 3.0),
    "sorted by a key": (lambda x: sum(v * (i + 1) for i, v in enumerate(sorted(x, key=lambda v: -v))), XS),
    "sorted tuples": (lambda x: sorted(zip(x, [x[2], 2.0, 3.0], strict=True), reverse=True)[0][1] * x[0], XS),
    "reduce": (lambda x: functools.reduce(lambda a, b: a * b, x), XS),
    "reduce of an array": (lambda x: functools.reduce(operator.mul, x, 1.0), np.array(XS)),
    "partial": (lambda x, y: functools.partial(pow, x)(y) * functools.partial(math.atan2, y)(x), 2.0, 3.0),
    "partial with keywords": (lambda x: functools.partial(Data, b=x)(x * x).a, 2.0),
    "itemgetter": (
        lambda d: operator.itemgetter("a", "b")(d)[0] * operator.itemgetter(0)([d["b"]]),
        {"a": 2.0, "b": 3.0},
    ),
    "operators of containers": (
        lambda x: (
            sum(functools.reduce(operator.iconcat, [[x, x * x], [2 * x]], []))
            + sum(operator.concat([x], [x * x])) * len(operator.ior({1}, {2}))
            + operator.matmul(np.array([x, x]), np.array([x, 1.0])) * operator.iand(7, operator.ixor(2, 1))
        ),
        1.5,
    ),
    "attrgetter": (lambda x: operator.attrgetter("x")(Point(x)) * operator.methodcaller("times", 3)(Point(x)), 2.0),
    "accumulate": (lambda x: list(itertools.accumulate(x))[-1] * list(itertools.accumulate(x, operator.mul))[1], XS),
    "pairwise": (lambda x: sum(b - a * a for a, b in itertools.pairwise(x)), XS),
    "zip_longest": (lambda x: sum(a * b for a, b in itertools.zip_longest(x, x[:2], fillvalue=2.0)), XS),
    "starmap": (lambda x: sum(itertools.starmap(operator.mul, zip(x, x, strict=True))), XS),
    "defaultdict": (defaults, XS),
    "Counter": (counted, XS),
    "deque": (queue, XS),
    "enum": (lambda x, n: Kind(n).apply(x) * Kind.DOUBLE.weight * x, 2.0, "triple"),
    "namedtuple with __new__": (lambda x: Pair(x).area() * x, 2.0),
    "__new__": (lambda x: Made(x)(), 2.0),
    "dataclasses": (replaced, 2.0),
    "made_elementwise": (made_elementwise, 2.0),
    "elementwise itself": (steep, 2.0, 0.5),
    "compiled_inside": (compiled_inside, 0.7, 3),
    "kinds_of_things": (kinds_of_things, 1.3),
    "keyed_by_functions": (keyed_by_functions, 0.7, math.sin),
    "frozen_sets": (frozen_sets, 2.0),
    "sets": (sets, 2.0),
    "locals": (lambda x, y: locals()["x"] * locals()["y"], 2.0, 3.0),
    "not callable": (lambda x: x if callable(Point(x)) else x * x, 2.0),
    "float_info": (lambda x: x * x + sys.float_info.epsilon, 2.0),
    "generator as tuple": (lambda x: tuple(v * v for v in x)[1], XS),
    "index": (lambda x: [10.0, 20.0].index(20.0) * x * x + [1.0, x].index(x) * x, 2.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


@pytest.mark.parametrize("name", ["eval", "globals", "open"])
def test_what_depends_on_more_than_the_arguments_is_refused(name: str) -> None:
    functions = {
        "eval": lambda x: eval("x * 2"),
        "globals": lambda x: globals()["XS"][0] * x,
        "open": lambda x: open("x"),
    }
    refuses(functions[name], 2.0, match=rf"{name}\(\)")
