"""Nested arguments: paths, structure, building back, putting back."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest

from revtrace import containers as c
from revtrace.trace.record import Arg, Attr, Item, Made, fetch, rendered


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Model:
    weight: Any
    count: int = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    scale: float

    def __post_init__(self) -> None:
        if self.scale <= 0.0:
            raise ValueError("scale must be positive")


NESTED = {"a": [1.0, (2.0, np.ones(2))], "p": Point(3.0, "name"), "m": Model(np.float32(4.0)), "n": None}


def test_leaves_come_in_order_with_paths_that_read_them() -> None:
    tree = c.tree_of(Arg("v"), NESTED)
    found = [(slot.source, slot.value) for slot in c.slots(tree)]
    assert [value for _, value in found if not isinstance(value, np.ndarray)] == [1.0, 2.0, 3.0, "name", 4.0, 3, None]
    for source, value in found:
        assert fetch(source, {"v": NESTED}) is value


def test_floats_are_floats_and_arrays_of_floats() -> None:
    tree = c.tree_of(Arg("v"), NESTED)
    assert [rendered(slot.source) for slot in c.float_slots(tree)] == [
        "v['a'][0]",
        "v['a'][1][0]",
        "v['a'][1][1]",
        "v['p'][0]",
        "v['m'].weight",
    ]


@pytest.mark.parametrize("value", [1, True, "s", None, np.int64(1), np.arange(3), np.array([None]), np.bool_(True)])
def test_not_floats(value: Any) -> None:
    assert not c.is_float(value)


@pytest.mark.parametrize("value", [1.0, 1j, np.float32(1), np.complex64(1), np.ones(2, "f4"), np.array(1.0)])
def test_floats(value: Any) -> None:
    assert c.is_float(value)


def test_build_gives_back_the_same_containers() -> None:
    back = c.build(c.tree_of(Arg("v"), NESTED), lambda slot: slot.value)
    assert back == NESTED
    assert type(back["p"]) is Point and type(back["m"]) is Model and list(back) == list(NESTED)


def test_build_runs_no_checks_of_a_dataclass() -> None:
    negative = c.build(c.tree_of(Arg("v"), Frozen(2.0)), lambda slot: -slot.value)
    assert type(negative) is Frozen and negative.scale == -2.0


def test_paths_have_one_spelling() -> None:
    arguments = {"p": [0.0, Point(1.0, 2.0)]}
    by_name = Attr(Item(Arg("p"), -1), "y")
    assert c.canonical(by_name, arguments) == Item(Item(Arg("p"), 1), 1)
    assert c.canonical(Attr(Arg("m"), "weight"), {"m": Model(1.0)}) == Attr(Arg("m"), "weight")


def test_structure_guards_see_types_lengths_and_keys() -> None:
    kinds = [(rendered(g.source), g.kind, g.value) for g in c.structure_guards(Arg("v"), {"a": [1.0]})]
    assert kinds == [("v", "type", dict), ("v", "keys", ("a",)), ("v['a']", "type", list), ("v['a']", "len", 1)]


def test_map_leaves_keeps_containers() -> None:
    assert c.map_leaves(lambda x: x + 1, Made(tuple, ((0, 1), (1, Made(list, ((0, 2),)))))) == Made(
        tuple, ((0, 2), (1, Made(list, ((0, 3),))))
    )


def test_snapshot_puts_everything_back() -> None:
    array, items, table, model = np.arange(4.0), [1.0, [2.0]], {"k": 1.0, "j": np.ones(2)}, Model(np.zeros(2))
    view = array[::2]
    restore = c.snapshot((view, items, table, model))
    view[:] = 9.0
    items[1].append(3.0)
    items.append(4.0)
    table["j"][0] = 7.0
    del table["k"]
    model.weight[:] = 5.0
    model.count = 8
    restore()
    np.testing.assert_array_equal(array, np.arange(4.0))
    assert items == [1.0, [2.0]]
    assert list(table) == ["k", "j"] and table["j"].tolist() == [1.0, 1.0]
    assert model.count == 3 and model.weight.tolist() == [0.0, 0.0]


def test_snapshot_takes_cycles_and_read_only_arrays() -> None:
    cycle: list[Any] = [1.0]
    cycle.append(cycle)
    fixed = np.ones(2)
    fixed.flags.writeable = False
    c.snapshot(cycle, fixed)()
    assert cycle[1] is cycle and fixed.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "value, words",
    [(3, "an int"), (2.0, "a float"), (None, "None"), (np.ones((2, 3), "f4"), "an array of float32 with shape (2, 3)")],
)
def test_describe(value: Any, words: str) -> None:
    assert c.describe(value) == words
