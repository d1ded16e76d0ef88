"""Another shape of an array shares its elements in numpy; where that would show, it is refused."""

from __future__ import annotations

import numpy as np

from tests.trace.agree import agrees, refuses

X = np.array([0.7, 1.3, 2.1, 0.4])


def written_through(x: np.ndarray) -> float:
    a = x.copy().reshape(2, 2)
    flat = a.ravel()
    flat[3] += x[1]
    return a.sum()


def written_beside(x: np.ndarray) -> float:
    a = x.copy()
    b = a.reshape(2, 2)
    a[0] = 7.0
    return b.sum()


def written_in_a_loop(x: np.ndarray) -> float:
    a = x.copy().reshape(2, 2)
    for _ in range(3):
        flat = a.ravel()
        flat[0] += 1.0
    return x[0]


def own_shape(x: np.ndarray) -> float:
    a = (x * x).reshape(2, 2)
    a[0] *= 2.0
    b = np.zeros(4).reshape(2, 2)
    for i in range(2):
        b[i, 0] = a[i, 1] * x.reshape(2, 2)[i, 0]
    flat = a.flatten()
    flat[0] = x[1]
    return b.sum() + a.sum() + flat.prod()


def test_writes_that_the_other_shape_would_see_are_refused() -> None:
    for function in (written_through, written_beside, written_in_a_loop):
        refuses(function, X, match="using another shape")


def test_shapes_of_arrays_with_one_name() -> None:
    agrees(own_shape, X)
