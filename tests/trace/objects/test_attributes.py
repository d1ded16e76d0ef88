"""Attributes of arrays, numbers and functions."""

from __future__ import annotations

import operator

import numpy as np

from tests.trace.agree import agrees, refuses

X = np.array([[0.5, 1.5], [2.5, 0.25]])


def test_how_an_array_lies_in_memory() -> None:
    def f(x):
        flags = x.flags
        return np.sum(x * x) if flags.c_contiguous and flags["WRITEABLE"] and not flags.fortran else x[0, 0]

    agrees(f, X)
    refuses(lambda x: np.sum(x) * x.strides[0], X, match="strides")


def test_items_by_number() -> None:
    agrees(lambda x: x.item(2) * x[0].item(1) + np.array(x[1, 1]).item(0), X)


def test_an_attribute_cannot_be_set_on_numbers_and_arrays() -> None:
    def f(x):
        y = np.cos(x)
        try:
            y.name = "cosine"
        except AttributeError:
            y = y * 2.0
        return np.sum(y)

    agrees(f, X)
    agrees(f, 0.5)


def test_attributes_of_a_function_made_inside() -> None:
    def f(x):
        def square(y):
            square.calls += 1
            return y * y

        square.calls = 0
        return square(x) + square(2.0 * x) * square.calls

    agrees(f, 1.5)


def test_an_index_is_an_int() -> None:
    agrees(lambda x, k: x[operator.index(k), operator.index(1)] ** 2, X, 1)


def test_closeness_of_numbers_has_the_methods_of_numpy_scalars() -> None:
    agrees(lambda x, n: x * 2.0 if np.isclose(n, 1.0).any() else x * np.isclose(x, x).sum(), 0.5, 2)
