"""Whole-array numpy in every argument form: value, shape and dtype are numpy's, the derivative that of differences.

The expressions are data (`numpy_forms.txt`).  All run in the interpreter; `test_compiled` compiles some of each kind.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.forms import VALUES, check
from tests.trace.numpy.numpy_forms import expressions

FORMS = expressions()


@pytest.mark.parametrize("expression", FORMS)
def test_form(expression: str) -> None:
    with override(interpret=True, cache=False):
        check(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "np.average(x[:0], weights=x[:0])",
        "np.argmax(x, out=np.zeros(())) * x[0]",
        "np.convolve(x[:0], x)",
        "np.correlate(x, x[:0])",
        "np.vectorize(lambda t: t * t)(x[:0])",
        "np.interp(x * 1j, x, x)",
        "np.interp(x, x * 1j, x)",
        "np.bincount([0, 1], weights=x[:2] * 1j)",
        "np.pad(x[:0], 3, mode='mean')",
        "x.reshape((3, 4))[:, :0][5]",
        "x.reshape((3, 4))[:0, :][:, 7]",
        "x.reshape((3, 4))[:, :0][-4]",
        "np.einsum('ii', x[:4].reshape((1, 4)))",
        "np.einsum('ii->i', x[:4].reshape((4, 1)))",
        "np.vectorize(lambda t: 1 / t)(0 * x)",
        "np.quantile(x, 0.3, method='guess')",
        "np.quantile(x, 0.3, weights=x)",
        "np.quantile(x, 0.3, weights=x[:3], method='inverted_cdf')",
    ],
)
def test_exception(expression: str) -> None:
    f = eval(f"lambda x: {expression}", {"np": np})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as expected:
            f(VALUES["x"].copy())
        with override(interpret=True, cache=False), pytest.raises(expected.type) as found:
            revtrace.vjp(f, VALUES["x"].copy())
    assert found.type is expected.type


@pytest.mark.parametrize("expression", FORMS[::97])
def test_compiled(expression: str) -> None:
    with override(interpret=False, cache=False):
        check(expression)
