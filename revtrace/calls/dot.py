"""Products of matrices: the one row all of them are calls of.

Each array is seen as a stack of matrices: its axes, in order, are ``(stack, rows, columns)``, as
many of each as the setting says (an array of three axes split ``(0, 2, 1)`` is one matrix with as
many rows as its first two axes have elements).  No axes of a kind count as one of length one, so
vectors, outer products and contractions over several axes are all the same call, and so are
their derivatives: with ``C = A B``, the cotangents are ``A += C B^T`` and ``B += A^T C``.

Settings: ``a``, ``b``, ``c``, the splits; ``ta``, ``tb``, whether the matrices of an operand are
transposed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from revtrace.calls.core import Row, Settings, Term, enter

__all__ = ["Split", "dot_settings"]

Split = tuple[int, int, int]


def dot_settings(a: Split, b: Split, c: Split, ta: bool = False, tb: bool = False) -> Settings:
    """Return the settings of a product."""
    return (("a", a), ("b", b), ("c", c), ("ta", ta), ("tb", tb))


def _matrices(x: Any, split: Split, transposed: bool) -> Any:
    """Return an array as a stack of matrices."""
    s, r, _ = split
    shape = x.shape
    found = x.reshape(math.prod(shape[:s]), math.prod(shape[s : s + r]), math.prod(shape[s + r :]))
    return found.transpose(0, 2, 1) if transposed else found


def _outer_shape(x: Any, split: Split, transposed: bool, which: str) -> tuple[int, ...]:
    s, r, _ = split
    rows, columns = x.shape[s : s + r], x.shape[s + r :]
    if transposed:
        rows, columns = columns, rows
    return tuple(rows if which == "rows" else columns)


def _product(x: Any, y: Any, *, a: Split, b: Split, c: Split, ta: bool, tb: bool) -> Any:
    product = np.matmul(_matrices(x, a, ta), _matrices(y, b, tb))
    stack = x.shape[: a[0]] if a[0] else y.shape[: b[0]]
    if not c[0] and stack:
        product = product.sum(axis=0)
        stack = ()
    if c[0] and not stack:
        # Stacks of one matrix each, of which neither operand has the axes.
        stack = (1,) * c[0]
    shape = (*stack[: c[0]], *_outer_shape(x, a, ta, "rows"), *_outer_shape(y, b, tb, "columns"))
    return product.reshape(shape)


def _terms(settings: Settings) -> tuple[Term, ...]:
    """Return the cotangents' shares: ``A += C B'`` and ``B += A' C``, transposed where operands are."""
    known = dict(settings)
    a, b, c, ta, tb = (known[k] for k in ("a", "b", "c", "ta", "tb"))
    if ta:
        first = Term(0, "dot", (("in", 1), ("bar", 0)), dot_settings(b, c, a, tb, True))
    else:
        first = Term(0, "dot", (("bar", 0), ("in", 1)), dot_settings(c, b, a, False, not tb))
    if tb:
        second = Term(1, "dot", (("bar", 0), ("in", 0)), dot_settings(c, a, b, True, ta))
    else:
        second = Term(1, "dot", (("in", 0), ("bar", 0)), dot_settings(a, c, b, not ta, False))
    return first, second


def _tangents(settings: Settings) -> tuple[Term, ...]:
    return (
        Term(0, "dot", (("dot", 0), ("in", 1)), settings),
        Term(0, "dot", (("in", 0), ("dot", 1)), settings),
    )


enter(Row("dot", _product, terms=_terms, tangents=_tangents))
