"""numpy functions that write through masks or ``out``, methods of ufuncs, scalars used as arrays."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests import oracles
from tests.trace.agree import agrees

X = np.array([0.5, 1.7, 2.2])


def masked(x: np.ndarray) -> float:
    y = x * x
    np.copyto(y, 0.25 * x, where=x > 1.5)
    np.place(y, y > 100.0, 1.0)
    np.putmask(y, x < 0.6, 3.0)
    return (y * x).sum()


def ufunc_methods(x: np.ndarray) -> float:
    y = x * 1.0
    np.add.at(y, [0, 0, 1], x[0] * x[1])
    total = np.multiply.outer(y, x).sum() + np.add.reduce(y) * x[0]
    return total + np.multiply.accumulate(y)[2] + np.subtract.outer(x, x)[0, 1]


def into_out(x: np.ndarray) -> float:
    out = np.zeros(3)
    np.cumsum(x * x, out=out)
    np.divide(x, x - 3.0, out=out, where=x > 1.0)
    return (out * x).sum()


def out_of_an_expression(p: np.ndarray, e: np.ndarray) -> np.ndarray:
    return np.divide(p * (1 - e), 1 - e**2, out=p / 2, where=e != 1)


def not_computed(x: np.ndarray) -> float:
    """NumPy leaves the elements not computed as they were in memory: the caller fills them."""
    chosen = x > 1.0
    y = np.divide(x, x - 0.5, where=chosen, out=None)
    y[~chosen] = 2.0
    return (y * x).sum() + np.greater(x, 2.0, where=chosen, out=None)[chosen].sum()


FUNCTIONS = {
    "mask": (masked, X),
    "ufunc methods": (ufunc_methods, X),
    "out": (into_out, X),
    "not computed, without out": (not_computed, X),
    "out of an expression": (out_of_an_expression, X, np.array([0.3, 0.6, 0.4])),
    "not computed where it has no value": (
        lambda x: (
            np.sqrt(1.0 - x, out=np.zeros_like(x), where=x < 1.0).sum()
            + np.divide(x, x - 0.5, out=x * 2, where=x > 1).sum()
        ),
        X * 1.01,
    ),
    "list with a numpy scalar": (
        lambda a, b: ([1.0, 2.0] / a).sum() + ((b, b) * a[None])[1] + (a + [b])[0],
        np.float64(3.0),
        2.0,
    ),
    "list compared with a numpy scalar": (lambda a: np.where([1.0, 4.0] > a, a * a, a).sum(), np.float64(3.0)),
    "scalar indexed": (lambda x: (np.sum(x * x)[..., None] * 2)[0], X),
    "tolist": (lambda x: sum(sum(v * v for v in row) for row in x.tolist()), np.array([[1.0, 2.0], [3.0, 4.0]])),
    "tolist of float32": (lambda x: sum(x.tolist()) * 0.1 + sum(x[None].tolist()[0]), X.astype(np.float32)),
    "item of float32": (lambda x: x.max().item() * 0.1 + x.item(1), X.astype(np.float32)),
    "None as NaN": (lambda x: np.where(np.isnan(np.asarray([None, 2.0], float)), x[0], x[1]).sum(), X),
    "finfo": (lambda x: x * x + np.finfo(x).eps + np.finfo(np.float32).eps, 2.0),
    "polar": (lambda x: cmath.polar(complex(x, 2.0))[0] * cmath.polar(complex(x, 2.0))[1], 0.7),
    "rect": (lambda x: cmath.rect(x, x).real, 0.7),
    "complex with a numpy scalar": (lambda x: abs(1j * x + 2.0), np.float64(0.7)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, *args = FUNCTIONS[name]
    agrees(function, *args)


def test_squeeze_asks_which_lengths_are_one() -> None:
    def f(x: Any) -> Any:
        return np.squeeze(2 * x)

    with override(interpret=True, cache=False):
        handle = revtrace.wrap(f)
        for shape in [(3,), (1,), (2, 1), (1, 1), (3,)]:
            x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
            assert oracles.same(handle(x), f(x))
            np.testing.assert_array_equal(revtrace.grad(lambda x: f(x).sum())(x), np.full(shape, 2.0))


def with_fields(x: np.ndarray) -> float:
    cells = np.zeros(len(x), dtype=[("mass", float), ("charge", float)])
    cells["mass"] = x
    return cells["mass"].sum()


def test_structured_dtypes_are_refused_by_name() -> None:
    with pytest.raises(revtrace.UnsupportedError, match="structured dtype") as refusal, override(cache=False):
        revtrace.grad(with_fields)(X)
    assert "one array per field" in str(refusal.value)
