"""What numpy raises for shapes, axes and dtypes that do not fit is raised, of the same type."""

from __future__ import annotations

import numpy as np
import pytest

import revtrace
from revtrace.config import override

M = np.arange(12.0).reshape(3, 4) + 0.5
W = M > 3.0
Z = np.array([1.0, np.nan, 2.0, 1.0])

CALLS = {
    "out of another shape": lambda m: np.sum(m, out=np.zeros((3, 4))),
    "out too short": lambda m: np.sum(m, axis=0, out=np.zeros(3)),
    "out narrower than the result": lambda m: np.add(m, m, out=np.zeros((3, 1))),
    "out of whole numbers": lambda m: np.add(m, m, out=np.zeros((3, 4), int)),
    "out without imaginary parts": lambda m: np.add(m, 1j, out=np.zeros((3, 4))),
    "out of a mean": lambda m: np.mean(m, axis=0, out=np.zeros((1, 4))),
    "out of a mean without NaN": lambda m: np.nanmean(m * Z, out=np.zeros((3, 4))),
    "out of a largest number": lambda m: np.nanmax(m * Z, axis=0, out=np.zeros((3, 4))),
    "out of a median": lambda m: np.median(m, axis=0, out=np.zeros((1, 4))),
    "whole numbers of a mean without NaN": lambda m: np.nanmean(m, dtype=int),
    "whole numbers of a deviation without NaN": lambda m: np.nanstd(m * Z, dtype=int),
    "where of more places": lambda m: np.sum(m[:1], where=W),
    "where of fewer columns": lambda m: np.max(m, axis=1, where=W[:, :2], initial=0.0),
    "norm along no axis": lambda m: np.linalg.norm(m, axis=5),
    "argmax along two axes": lambda m: np.argmax(m, axis=(0, 1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_same_type_of_exception(name):
    with pytest.raises(Exception) as expected:
        CALLS[name](M)
    with override(interpret=True, cache=False), pytest.raises(Exception) as found:
        revtrace.wrap(CALLS[name])(M)
    assert not isinstance(found.value, revtrace.RevtraceError)
    assert isinstance(expected.value, type(found.value))


@pytest.mark.parametrize("f", [lambda m: np.mean(m, dtype=int), lambda m: np.var(m * 1j, dtype=float)])
def test_means_that_would_cut_numbers_off_are_refused(f):
    with override(interpret=True, cache=False), pytest.raises(revtrace.UnsupportedError, match="dtype="):
        revtrace.vjp(f, M)
