"""Users' subclasses of list and dict: made inside, passed in, read from globals, returned."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any, NoReturn

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees


class Vec(list[Any]):
    def __init__(self, *items: Any) -> None:
        super().__init__(items)

    def __add__(self, other: Any) -> Vec:
        return Vec(*(a + b for a, b in zip(self, other, strict=True)))

    def __rmul__(self, k: Any) -> Vec:
        return Vec(*(k * a for a in self))

    @property
    def first(self) -> Any:
        return self[0]

    def dot(self, other: Any) -> Any:
        return sum(a * b for a, b in zip(self, other, strict=True))


class History(list[Any]):
    total: Any = 0.0

    def append(self, item: Any) -> None:
        self.total += item
        super().append(item)


class Counting(dict[Any, Any]):
    def __missing__(self, key: Any) -> float:
        self[key] = 0.0
        return 0.0

    def update(self, *given: Any, **more: Any) -> None:
        super().update(*given, **more)
        self.updates = getattr(self, "updates", 0) + 1


class Config(dict[str, Any]):
    """Entries are attributes, by asking."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Open(dict[str, Any]):
    """Entries are attributes, by being the same dict."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.__dict__ = self


SETTINGS = Config(scale=2.0, inner=Config(power=3.0))


def operators(x: float) -> Any:
    v, w = Vec(x, 2.0, x * x), Vec(1.0, x, 3.0)
    u = 0.5 * (v + w)
    a, *rest = u
    return u.dot(w) * u.first + len(v) * a + sum(rest) + (u == v) + isinstance(u, list) * x


def methods(x: float) -> Any:
    h = History()
    for k in range(12):
        h.append(x * k if k % 2 else x * x)
    h.extend([x, 3.0])
    h.sort()
    h.reverse()
    h += [x * 7.0]
    s = sum(a * b for a, b in zip(h, h[1:], strict=False))
    return s + h.total + sorted(h)[2] + h.index(3.0) + np.sum(h) + np.array(h).std() + h.pop() + (3.0 in h)


def stack(x: float) -> Any:
    todo = History([x, 2.0 * x])
    y = x
    while todo:
        y = todo.pop()
        if len(todo) < 5 and y < 3.0:
            todo.append(y * 2.0 + 0.1)
    return y * todo.total


def entries(x: float) -> Any:
    d = Counting(a=x)
    for i in range(9):
        d[i % 3] += x * i
    d.update(b=x * x)
    d.update({"c": 3.0 * x})
    found = sum(v * v for v in d.values()) + len(d) + d.get("zz", x) + d.setdefault("q", x * 5.0) + d.pop("a")
    return found * d.updates + sum(d[k] for k in ("b", "c"))


def attributes(x: float) -> Any:
    c = Config(u=x, v=2.0)
    c.w = c.u * 3.0
    p = Open(u=x, v=2.0)
    p.w = p.u * p["v"]
    p["z"] = x * x
    return c.w * c["w"] + p.w * p["w"] + p.z + len(p) + x * SETTINGS.scale * x**SETTINGS.inner.power


def copies(x: float) -> Any:
    a = Vec(x, 1.0)
    b, c = copy.copy(a), copy.deepcopy(a)
    b[0] = x * 3.0
    a.append(x * 7.0)

    def f(p: Any, q: Any, *r: Any, u: Any) -> Any:
        return p * q + sum(r) + u

    return sum(a) + 2.0 * sum(b) + 3.0 * sum(c) + f(*a, **Config(u=x * x))


def deletions(x: float) -> Any:
    class Noting(dict[str, Any]):
        def __delitem__(self, key: str) -> None:
            super().__delitem__(key)
            self["n"] = self.get("n", 0) + 1

    class Own:
        def __init__(self) -> None:
            self.p, self.q = x, x * 2.0
            self.pairs = [("a", x), ("b", x * x)]

        def __delitem__(self, key: str) -> None:
            self.pairs = [p for p in self.pairs if p[0] != key]

    d, h, own = Noting(a=x, b=2.0 * x), History([x, 2.0, x * x, 3.0]), Own()
    missing: dict[str, float] = defaultdict(float, a=x, b=x * x)
    del d["a"], h[0], h[-1:], own["a"], own.__dict__["p"], missing["a"]
    missing["c"] += x
    return d["b"] * d["n"] + sum(h) + own.pairs[0][1] + own.q + hasattr(own, "p") + missing["c"] + missing["zz"]


@pytest.mark.parametrize("function", [operators, methods, stack, entries, attributes, copies, deletions])
@pytest.mark.parametrize("x", [0.4, 1.3])
def test_instances_made_inside(function: Any, x: float) -> None:
    agrees(function, x)


def test_gradients_by_what_arguments_hold() -> None:
    gradient = revtrace.grad(lambda v: v.dot(v) * v.first)(Vec(1.0, 2.0))
    assert type(gradient) is Vec and gradient == [3.0 + 4.0, 4.0]
    gradient = revtrace.grad(lambda c: c.a * c["b"] + c["a"])(Config(a=2.0, b=3.0))
    assert type(gradient) is Config and gradient == {"a": 4.0, "b": 2.0}
    assert revtrace.grad(lambda p: p.a * p["a"] * p.b)(Open(a=2.0, b=3.0)) == {"a": 12.0, "b": 4.0}


def test_changes_of_what_constants_hold_are_noticed() -> None:
    held = Vec(1.0, 2.0)
    gradient = revtrace.grad(lambda x: x * held.dot(held) + len(held) * x)
    assert gradient(1.0) == 7.0
    held.append(3.0)
    assert gradient(1.0) == 17.0
    held[0] = 2.0
    assert gradient(1.0) == 20.0
    of_argument = revtrace.grad(lambda x, c: x * c.a + c["b"] * x)
    assert [of_argument(1.0, Config(a=a, b=3.0)) for a in (1.0, 2.0)] == [4.0, 5.0]


def test_results_have_their_class() -> None:
    result, pullback = revtrace.vjp(lambda x: History([x, x * x]), 3.0)
    assert type(result) is History and result == [3.0, 9.0]
    assert pullback(History([1.0, 2.0])) == (13.0,)
    made = revtrace.wrap(lambda x: Vec(x, x * x))(3.0)
    assert type(made) is Vec and made == [3.0, 9.0]
    with pytest.raises(revtrace.UnsupportedError, match="History with attributes of its own"):
        revtrace.vjp(methods_only, 3.0)


def methods_only(x: float) -> Any:
    h = History()
    h.append(x)
    return h


def test_a_class_with_more_than_a_list_in_it_is_left_alone() -> None:
    class Odd(list[Any]):
        def __new__(cls, *items: Any) -> NoReturn:
            raise TypeError("never made")

    with pytest.raises(TypeError, match="never made"):
        revtrace.grad(lambda x: x * len(Odd(x)))(1.0)
