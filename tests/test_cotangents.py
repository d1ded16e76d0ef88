"""Checking seeds and tangents, and laying them out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from revtrace.cotangents import copied, flatten, floats_in, zero_tangent, zeros
from revtrace.errors import TypeMismatchError
from revtrace.loc import NOWHERE


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any


def flat(given: Any, like: Any) -> tuple[Any, ...]:
    return flatten(given, like, "ct", NOWHERE)


def test_floats_are_laid_out_in_order() -> None:
    like = {"a": 1.0, "b": [np.zeros(2), 3], "c": Pair(np.float32(1), None)}
    given = {"b": [np.array([1.0, 2.0]), "ignored"], "a": 5, "c": Pair(7.0, None)}
    a, b, left = flat(given, like)
    assert a == 5.0 and type(a) is float
    assert b.tolist() == [1.0, 2.0]
    assert left == 7.0 and type(left) is np.float32


def test_none_stands_for_what_has_no_float() -> None:
    assert flat((1.0, None), (2.0, [1, "a"])) == (1.0,)
    with pytest.raises(TypeMismatchError, match=r"ct\[0\] is None"):
        flat((None,), (2.0,))


@pytest.mark.parametrize(
    "given, like, message",
    [
        (np.ones(3), np.ones(2), r"shape \(3,\), it must have \(2,\)"),
        (np.ones(2, "f4"), np.ones(2), "dtype float32, it must have float64"),
        (np.ones(2, int), np.ones(2), "dtype int64"),
        (1.0, np.ones(2), "an array of float64"),
        ([1.0], (1.0,), "a list"),
        ((1.0, 2.0), (1.0,), "2 entries, it must have 1"),
        ({"a": 1.0}, {"b": 1.0}, "keys"),
        (1j, 1.0, "complex"),
        ("x", 1.0, "a str"),
        (True, 1.0, "a bool"),
        (np.ones(1), 1.0, "an array"),
        (1.0, Pair(1.0, 2.0), "a float"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(given: Any, like: Any, message: str) -> None:
    with pytest.raises(TypeMismatchError, match=message):
        flat(given, like)


def test_message_names_the_place() -> None:
    with pytest.raises(TypeMismatchError, match=r"^ct\['w'\]\.right has shape"):
        flat({"w": Pair(1.0, np.ones(2))}, {"w": Pair(1.0, np.ones(3))})


def test_arrays_are_laid_out_contiguous_and_fresh() -> None:
    given = np.arange(6.0).reshape(2, 3).T
    (laid,) = flat(given, np.zeros((3, 2)))
    assert laid.flags.c_contiguous and not np.shares_memory(laid, given)
    np.testing.assert_array_equal(laid, given)


def test_zero_dimensional_arrays_and_numbers_stand_for_each_other() -> None:
    (laid,) = flat(2.0, np.array(1.0))
    assert isinstance(laid, np.ndarray) and laid.shape == ()
    assert flat(np.array(2.0), 1.0) == (2.0,)


def test_zeros_have_type_and_shape() -> None:
    assert zeros(np.float32(3)).dtype == np.float32
    assert zeros(np.ones((2, 0), "c8")).dtype == np.complex64
    assert type(zeros(2.0)) is float
    tangent = zero_tangent({"a": [1.0, 2], "b": np.ones(2)})
    assert tangent["a"] == [0.0, None] and tangent["b"].tolist() == [0.0, 0.0]


def test_copied_shares_no_arrays() -> None:
    value = (Pair(np.ones(2), [np.zeros(1)]), {"k": np.ones(1)})
    new = copied(value)
    for a, b in zip(floats_in(value), floats_in(new), strict=True):
        assert not np.shares_memory(a, b)
        np.testing.assert_array_equal(a, b)
    assert type(new[0]) is Pair
