"""What a traced function relied on is looked at again at every call: never a stale answer."""

from __future__ import annotations

import array
import collections
import decimal
import fractions
import functools
import math
import types
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.trace.entry import trace


class Line:
    slope = 2.0

    def __init__(self, a):
        self.a = a

    def at(self, x):
        return self.a * x * self.slope

    @property
    def double(self):
        return self.a * 2


def through_a_class(x):
    line = Line(x)
    return line.at(x) + line.double


@pytest.mark.parametrize(
    ("name", "new", "gradient"),
    [
        ("at", lambda self, x: self.a * x * x * self.slope, 8.0),
        ("slope", 5.0, 12.0),
        ("double", property(lambda self: self.a * 7), 11.0),
        ("__init__", lambda self, a: setattr(self, "a", 3.0), 6.0),
    ],
)
def test_changed_class_gives_the_new_answer(monkeypatch, name, new, gradient) -> None:
    g = revtrace.grad(through_a_class)
    assert g(1.0) == 6.0
    monkeypatch.setattr(Line, name, new)
    assert g(1.0) == gradient
    monkeypatch.undo()
    assert g(1.0) == 6.0


def test_loop_on_one_line() -> None:
    def f(s):
        while s < 1e5: s = s * s + 1.0  # noqa: E701  # fmt: skip
        return s

    assert revtrace.grad(f)(2.0) > 0


# What changes between two calls, and whether the second call sees it ------------------------------


def slope_of(o, x):
    return x * (o.k if hasattr(o, "k") else 1.0)


def own_or_class(o, x):
    return o.slope * x


def listed(o, x):
    total = 0.0
    for _, v in o.__dict__.items():
        total += v * x
    return total


def defaulted(o, x):
    return x * getattr(o, "k", 4.0)


def tried(o, x):
    try:
        return x * o.k
    except AttributeError:
        return 3.0 * x


class Constant:
    def __init__(self, value):
        self.value = value

    def __get__(self, instance, owner=None):
        return self.value


class Decorated:
    constant = Constant(2.0)

    @revtrace.wrap
    def wrapped(self, x):
        return x * 2.0

    @revtrace.grad
    def slope(self, x):
        return x * x


@pytest.mark.parametrize(
    ("f", "name", "new"),
    [
        (lambda x: Decorated().constant * x, "constant", Constant(5.0)),
        (lambda x: Decorated().wrapped(x), "wrapped", revtrace.wrap(lambda self, x: x * 5.0)),
        (lambda x: Decorated().slope(x), "slope", revtrace.grad(lambda self, x: x * x * 2.5)),
    ],
    ids=["descriptor", "wrapped", "grad"],
)
def test_what_a_class_makes_of_an_attribute_is_seen(monkeypatch, f, name, new) -> None:
    g = revtrace.grad(f)
    assert g(3.0) == 2.0
    monkeypatch.setattr(Decorated, name, new)
    assert g(3.0) == 5.0


class Bag:
    slope = 2.0

    def __init__(self, **fields):
        self.__dict__.update(fields)


class Slotted:
    __slots__ = ("k",)


class Fallback:
    def __getattr__(self, name):
        return 2.0


@pytest.mark.parametrize(
    ("f", "make", "change", "before", "after"),
    [
        (slope_of, Bag, lambda o: setattr(o, "k", 5.0), 1.0, 5.0),
        (slope_of, Slotted, lambda o: setattr(o, "k", 5.0), 1.0, 5.0),
        (slope_of, Fallback, lambda o: setattr(o, "k", 5.0), 2.0, 5.0),
        (own_or_class, Bag, lambda o: setattr(o, "slope", 7.0), 2.0, 7.0),
        (listed, lambda: Bag(a=1.0), lambda o: setattr(o, "b", 2.0), 1.0, 3.0),
        (defaulted, Bag, lambda o: setattr(o, "k", 5.0), 4.0, 5.0),
        (defaulted, lambda: Bag(k=5.0), lambda o: delattr(o, "k"), 5.0, 4.0),
        (tried, Bag, lambda o: setattr(o, "k", 5.0), 3.0, 5.0),
    ],
)
def test_attributes_that_come_and_go_are_seen(f, make, change, before, after) -> None:
    g = revtrace.grad(f, argnums=1)
    o = make()
    assert g(o, 1.0) == before
    change(o)
    assert g(o, 1.0) == after


def test_methods_set_on_an_instance_are_seen() -> None:
    g = revtrace.grad(lambda line, x: line.at(x), argnums=1)
    line = Line(1.0)
    assert g(line, 1.0) == 2.0
    line.at = lambda x: 11.0 * x
    assert g(line, 1.0) == 11.0


def test_attributes_of_functions_modules_and_partials_are_seen() -> None:
    def f(x):
        return x * f.scale * getattr(module, "more", 1.0) * scaled(1.0)

    f.scale = 2.0
    module = types.ModuleType("module")
    scaled = functools.partial(lambda x, k: x * k, k=1.0)
    g = revtrace.grad(f)
    assert g(1.0) == 2.0
    f.scale = 5.0
    assert g(1.0) == 5.0
    module.more = 3.0
    assert g(1.0) == 15.0
    scaled.keywords["k"] = 2.0
    assert g(1.0) == 30.0


class Tools:
    @staticmethod
    def plain(x):
        return 2.0 * x

    @classmethod
    def made(cls, x):
        return 3.0 * x

    def method(self, x):
        return 4.0 * x


def test_methods_reached_through_a_class_are_seen(monkeypatch) -> None:
    g = revtrace.grad(lambda x: Tools.plain(x) + Tools.made(x) + Tools.method(None, x) + getattr(Tools, "k", 0.0) * x)
    assert g(1.0) == 9.0
    monkeypatch.setattr(Tools, "plain", staticmethod(lambda x: 12.0 * x))
    assert g(1.0) == 19.0
    monkeypatch.setattr(Tools, "made", classmethod(lambda cls, x: 13.0 * x))
    assert g(1.0) == 29.0
    monkeypatch.setattr(Tools, "method", lambda self, x: 14.0 * x)
    assert g(1.0) == 39.0
    monkeypatch.setattr(Tools, "k", 1.0, raising=False)
    assert g(1.0) == 40.0


def test_sets_and_arrays_changed_in_place_are_seen() -> None:
    weights, members = np.ones(2), {1, 2}

    def helper(x, w=weights):
        return x * w[0] * len(members)

    g = revtrace.grad(lambda x: helper(x))
    assert g(1.0) == 2.0
    weights[0] = 3.0
    assert g(1.0) == 6.0
    members.add(3)
    assert g(1.0) == 9.0


def test_a_name_that_was_not_there_is_seen() -> None:
    space = {}
    exec("def f(x):\n    try:\n        return x * late\n    except NameError:\n        return 2.0 * x\n", space)
    g = revtrace.grad(space["f"])
    assert g(1.0) == 2.0
    space["late"] = 9.0
    assert g(1.0) == 9.0


def store_and_read(x, p, q):
    p[0] = 2.0 * x
    return p[0] * q[0]


def store_and_read_attributes(x, p, q):
    p.v = 2.0 * x
    return p.v * q.v


def store_and_read_nested(x, d):
    d["a"][0] = 2.0 * x
    return d["a"][0] * d["b"][0]


def read_both(x, p, q):
    return x * p[0] * q[0]


@pytest.mark.parametrize("one_first", [True, False])
@pytest.mark.parametrize(
    ("f", "one", "two", "of_one", "of_two"),
    [
        (store_and_read, lambda: ([1.0],) * 2, lambda: ([1.0], [3.0]), 8.0, 6.0),
        (store_and_read_attributes, lambda: (Bag(v=1.0),) * 2, lambda: (Bag(v=1.0), Bag(v=3.0)), 8.0, 6.0),
        (store_and_read_nested, lambda: (dict.fromkeys("ab", [1.0]),), lambda: ({"a": [1.0], "b": [3.0]},), 8.0, 6.0),
        (read_both, lambda: ([2.0],) * 2, lambda: ([2.0], [3.0]), 4.0, 6.0),
        (lambda x, p, q: x * (2.0 if p is q else 3.0), lambda: ([1.0],) * 2, lambda: ([1.0], [1.0]), 2.0, 3.0),
        (lambda x, p, q: x * (2.0 if p == q else 3.0), lambda: (Bag(),) * 2, lambda: (Bag(), Bag()), 2.0, 3.0),
        (lambda x, p, q: x * (2.0 if p is q else 3.0), lambda: (ONES, ONES), lambda: (ONES, np.ones(2)), 2.0, 3.0),
    ],
)
def test_whether_two_arguments_are_one_object_is_seen(f, one, two, of_one, of_two, one_first) -> None:
    def fresh(x, *args):
        return f(x, *args)

    g = revtrace.grad(fresh)
    calls = [(one, of_one), (two, of_two)]
    for make, expected in calls if one_first else calls[::-1]:
        assert g(1.0, *make()) == expected
    assert "Some fact" not in g.explain()


ONES = np.ones(2)


def test_what_is_registered_later_is_seen() -> None:
    @functools.singledispatch
    def scaled(x: Any) -> Any:
        return 2.0 * x

    g = revtrace.grad(lambda x: scaled(x))
    with override(interpret=True, cache=False):
        assert g(1.0) == 2.0
        scaled.register(float, lambda x: 3.0 * x)
        assert g(1.0) == 3.0
        scaled.register(float, lambda x: 5.0 * x)
        assert g(1.0) == 5.0


# What a library's module holds ----------------------------------------------------------------------------------------


def by_library(x):
    return np.exp(x).sum() + math.sin(x[0]) * np.pi


@pytest.mark.parametrize(
    ("module", "name", "new"),
    [
        (np, "exp", np.cos),
        (np, "pi", 3.0),
        (math, "sin", lambda v: v * 3.0),
        (math, "sin", math.tan),
    ],
)
def test_what_a_library_holds_is_seen(monkeypatch, module, name, new) -> None:
    x = np.array([0.3, 0.8])
    g = revtrace.grad(by_library)
    before = g(x)
    monkeypatch.setattr(module, name, new)
    after = g(x)
    expected = revtrace.grad(lambda x: by_library(x))(x)
    np.testing.assert_array_equal(after, expected)
    assert not np.array_equal(after, before)
    h = 1e-6
    steps = [(by_library(x + h * e) - by_library(x - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(after, steps, rtol=1e-7)
    monkeypatch.undo()
    np.testing.assert_array_equal(g(x), before)


def test_what_libraries_hold_is_one_guard_a_module() -> None:
    held = [g for g in trace(by_library, (np.ones(2),)).guards if g.kind == "holds"]
    assert sorted([name for name, _ in g.value] for g in held) == [["exp", "pi"], ["sin"]]


# Objects of libraries that hold numbers -------------------------------------------------------------------------------

HELD: Any = None


def _first(x):
    return x * HELD[0]


def _named(x):
    return x * HELD["a"]


@pytest.mark.parametrize(
    ("f", "old", "new"),
    [
        (lambda x: x * float(HELD), decimal.Decimal("2.5"), decimal.Decimal("3.5")),
        (lambda x: x * HELD, fractions.Fraction(1, 3), fractions.Fraction(2, 3)),
        (_first, collections.deque([2.0]), collections.deque([3.0])),
        (_first, array.array("d", [2.0]), array.array("d", [3.0])),
        (lambda x: x + sum(v * x for v in HELD), collections.deque([2.0]), collections.deque([2.0, 1.0])),
        (_named, collections.OrderedDict(a=2.0), collections.OrderedDict(a=3.0)),
        (_named, collections.Counter(a=2), collections.Counter(a=3)),
        (_named, collections.defaultdict(float, a=2.0), collections.defaultdict(float, a=3.0)),
        (_named, types.MappingProxyType({"a": 2.0}), types.MappingProxyType({"a": 3.0})),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_a_librarys_object_holds_is_seen(monkeypatch, f, old, new) -> None:
    def given(x, held):
        return x * (held["a"] if hasattr(held, "keys") else float(held) if hasattr(held, "real") else held[0])

    with override(interpret=True, cache=False):
        monkeypatch.setitem(globals(), "HELD", old)
        g, by_argument = revtrace.grad(f), revtrace.grad(given)
        assert g(2.0) == pytest.approx(f(1.0))
        assert by_argument(2.0, old) == pytest.approx(given(1.0, old))
        monkeypatch.setitem(globals(), "HELD", new)
        assert g(2.0) == pytest.approx(f(1.0))
        assert by_argument(2.0, new) == pytest.approx(given(1.0, new))
        if hasattr(new, "append"):
            new.append(7.0)
            new[0] = 11.0
            assert g(2.0) == pytest.approx(f(1.0))
            assert by_argument(2.0, new) == 11.0


def test_a_librarys_object_is_not_changed_while_tracing(monkeypatch) -> None:
    def appends(x):
        HELD.append(3.0)
        return x * HELD[-1]

    def makes(x):
        return x * HELD["missing"]

    for f, held in ((appends, collections.deque([1.0])), (makes, collections.defaultdict(float))):
        before = held.copy()
        monkeypatch.setitem(globals(), "HELD", held)
        with pytest.raises(revtrace.UnsupportedError, match="changes HELD"):
            revtrace.grad(f)(2.0)
        assert held == before


def test_a_namespace_is_refused() -> None:
    module = types.ModuleType("module")
    module.k = 2.0
    with pytest.raises(revtrace.UnsupportedError, match="namespace of the module"):
        revtrace.grad(lambda x: x * vars(module)["k"])(1.0)
