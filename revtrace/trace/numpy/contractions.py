"""``einsum`` and ``tensordot``: contractions as matrix products where they are such, else as loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls.dot import dot_settings
from revtrace.program.nodes import Operand
from revtrace.program.types import is_inexact
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number, dtype_argument
from revtrace.trace.ndarray.elementwise import delivered
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.ndarray.shaping import diagonal
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.numpy.linalg import contract
from revtrace.trace.numpy.reductions import sum_of
from revtrace.trace.objects.containers import as_known_int, items_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

Labels = tuple[str, ...]


@on(np.einsum)
def _einsum(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    given = dict.fromkeys(("out", "dtype", "casting", "optimize", "order"), NONE)
    if kwargs.keys() - given.keys():
        raise PythonRaise(TypeError(f"Did not understand the following kwargs: {sorted(kwargs.keys() - given.keys())}"))
    given.update(kwargs)
    casting = Static("safe") if is_none(given["casting"]) else given["casting"]
    terms, out, operands = _terms(t, st, args)
    if not is_none(given["dtype"]):
        dtype = dtype_argument(t, given["dtype"], None) or "f8"
        if not all(np.can_cast(np.dtype(a.dtype), np.dtype(dtype), casting.value) for a in operands):
            raise PythonRaise(TypeError("einsum operands could not be cast to the requested type"))
        operands = [arrays.materialise(t, a, dtype) for a in operands]
    found = _contracted(t, st, operands, terms, out)
    result = Num(arrays.operand_at(t, found, ()), False) if not out else found
    return delivered(t, st, result, given["out"], casting=casting)


def _terms(t: Tracer, st: State, args: Args) -> tuple[list[Labels], Labels, list[View]]:
    """Return the labels of each operand's axes and of the result's."""
    text = t.use(args[0])
    if isinstance(text, Static) and isinstance(text.value, str):
        operands = [arrays.settle(t, as_array(t, a, st)) for a in args[1:]]
        left, arrow, right = text.value.replace(" ", "").partition("->")
        raw = [_split(s) for s in left.split(",")]
        wanted = _split(right) if arrow else None
    else:
        operands = [arrays.settle(t, as_array(t, a, st)) for a in args[: len(args) // 2 * 2 : 2]]
        raw = [_listed(t, st, a) for a in args[1::2]]
        wanted = _listed(t, st, args[-1]) if len(args) % 2 else None
    if len(raw) != len(operands):
        raise PythonRaise(ValueError("einstein sum subscripts string contains too many or too few subscripts"))
    terms: list[Labels] = []
    rest = 0
    for labels, a in zip(raw, operands, strict=True):
        extra = a.ndim - len(labels) + labels.count("...")
        if extra < 0 or (extra and "..." not in labels):
            raise PythonRaise(ValueError("operand has a different number of dimensions than its subscripts"))
        rest = max(rest, extra)
        # Axes under an ellipsis are numbered from the last one.
        filled = tuple(f".{k}" for k in reversed(range(extra)))
        terms.append(tuple(x for label in labels for x in (filled if label == "..." else (label,))))
    every = [x for term in terms for x in term]
    ellipsis = tuple(f".{k}" for k in reversed(range(rest)))
    if wanted is None:
        out = (*ellipsis, *sorted(x for x in set(every) if x[0] != "." and every.count(x) == 1))
    else:
        out = tuple(x for label in wanted for x in (ellipsis if label == "..." else (label,)))
    if any(x not in every for x in out) or len(set(out)) != len(out):
        raise PythonRaise(ValueError("einstein sum subscripts string includes wrong output subscripts"))
    return terms, out, operands


def _split(text: str) -> Labels:
    first, dots, last = text.partition("...")
    return (*first, *(("...",) if dots else ()), *last)


def _listed(t: Tracer, st: State, value: Any) -> Labels:
    items = items_of(t, st, value)
    return tuple("..." if isinstance(x, Static) and x.value is Ellipsis else f"#{as_known_int(t, x)}" for x in items)


def _contracted(t: Tracer, st: State, operands: Sequence[View], terms: Sequence[Labels], out: Labels) -> Any:
    """Combine the operands two by two, from the left."""
    sizes: dict[str, Operand] = {}
    for a, term in zip(operands, terms, strict=True):
        for k, (n, label) in enumerate(zip(a.shape, term, strict=True)):
            if label in term[:k]:
                # Axes of one operand along whose diagonal it goes are not broadcast.
                arrays.agree(t, a.shape[term.index(label)], n)
            have = sizes.get(label)
            if have is None or arrays.is_one(have):
                sizes[label] = n
            elif have is not n and not arrays.is_one(n):
                arrays.agree(t, have, n)
    work: list[tuple[Any, Labels]] = [
        _without_repeats(t, a, term, sizes) for a, term in zip(operands, terms, strict=True)
    ]
    dtype = numbers.promoted((operands[0].dtype, False), (operands[-1].dtype, False))[0]
    for a in operands:
        dtype = numbers.promoted((dtype, False), (a.dtype, False))[0]
    while len(work) > 1:
        (x, p), (y, q) = work[0], work[1]
        wanted = {*out, *(label for _, labels in work[2:] for label in labels)}
        x, p = _summed(t, st, x, p, {*wanted, *q})
        y, q = _summed(t, st, y, q, {*wanted, *p})
        work[:2] = [_pair(t, st, x, p, y, q, wanted, dtype)]
    x, p = _summed(t, st, *work[0], set(out))
    if len(operands) == 1 and set(p) == set(out) and isinstance(x, View):
        # A view of the operand, as in numpy, unless something was summed.
        return subscripts.transpose(x, tuple(p.index(label) for label in out))
    if p == out:
        return x
    return _arranged(t, x, p, out, sizes)


def _without_repeats(t: Tracer, a: View, term: Labels, sizes: dict[str, Operand]) -> tuple[View, Labels]:
    """Take diagonals for labels that occur twice; drop axes of length one that are broadcast."""
    labels = list(term)
    while (twice := next((x for x in labels if labels.count(x) > 1), None)) is not None:
        first = labels.index(twice)
        second = labels.index(twice, first + 1)
        order = [k for k in range(a.ndim) if k not in (first, second)] + [first, second]
        a = diagonal(t, subscripts.transpose(a, tuple(order)), 0)
        labels = [labels[k] for k in order[:-2]] + [twice]
    for k in reversed(range(len(labels))):
        if arrays.is_one(a.shape[k]) and not arrays.is_one(sizes[labels[k]]):
            a = subscripts.basic(
                t, a, [Static(slice(None))] * k + [Static(0)] + [Static(slice(None))] * (a.ndim - k - 1)
            )
            del labels[k]
    return a, tuple(labels)


def _summed(t: Tracer, st: State, x: Any, labels: Labels, wanted: set[str]) -> tuple[Any, Labels]:
    """Sum over what nothing else has."""
    axes = tuple(k for k, label in enumerate(labels) if label not in wanted)
    if not axes:
        return x, labels
    found = as_array_or_number(t, st, sum_of(t, st, x, Static(axes), Static(np.dtype(x.dtype))))
    return as_array(t, found, st), tuple(label for label in labels if label in wanted)


def _pair(
    t: Tracer, st: State, x: Any, p: Labels, y: Any, q: Labels, wanted: set[str], dtype: str
) -> tuple[Any, Labels]:
    """Multiply two operands, summing over what only they have."""
    both = [label for label in p if label in q]
    stack = [label for label in both if label in wanted]
    inner = [label for label in both if label not in wanted]
    left, right = ([label for label in labels if label not in both] for labels in (p, q))
    if inner and not stack:
        first, second = [p.index(label) for label in inner], [q.index(label) for label in inner]
        found = contract(t, x, y, first, second)
        return (as_array(t, found, st), (*left, *right)) if isinstance(found, Num) else (found, (*left, *right))
    if inner and (left or right) and is_inexact(dtype):
        return _stacked(t, x, p, y, q, stack, inner, left, right, dtype)
    labels = (*stack, *left, *right, *inner)
    parts = [_spread(t, v, ls, labels) for v, ls in ((x, p), (y, q))]
    product = arrays.apply(t, lambda a, b: numbers.binary(t, "*", a, b), parts)
    if not arrays.is_array(product):
        return as_array(t, product, st), labels
    return _summed(t, st, product, labels, {*stack, *left, *right})


def _spread(t: Tracer, v: Any, labels: Labels, target: Labels) -> View:
    """Return a view with an axis for each target label, of length one where there is none."""
    view = arrays.settle(t, v)
    order = tuple(labels.index(label) for label in target if label in labels)
    view = subscripts.transpose(view, order)
    for k, label in enumerate(target):
        if label not in labels:
            view = subscripts.new_axis(view, k)
    return view


def _stacked(
    t: Tracer,
    x: Any,
    p: Labels,
    y: Any,
    q: Labels,
    stack: list[str],
    inner: list[str],
    left: list[str],
    right: list[str],
    dtype: str,
) -> tuple[View, Labels]:
    """Multiply stacks of matrices."""
    a = _packed(t, x, p, (*stack, *left, *inner), dtype)
    b = _packed(t, y, q, (*stack, *inner, *right), dtype)
    split = len(stack)
    for k in range(len(inner)):
        m = a.shape[split + len(left) + k]
        if m is not b.shape[split + k]:
            arrays.agree(t, m, b.shape[split + k])
    settings = dot_settings(
        (split, len(left), len(inner)), (split, len(inner), len(right)), (split, len(left), len(right))
    )
    shape = (*a.shape[: split + len(left)], *b.shape[split + len(inner) :])
    return call_row(t, "dot", (a, b), ((dtype, shape),), settings)[0], (*stack, *left, *right)


def _packed(t: Tracer, v: Any, labels: Labels, order: Labels, dtype: str) -> View:
    """Return an array with its axes in an order, in a dtype, as a buffer of its own."""
    view = subscripts.transpose(arrays.settle(t, v), tuple(labels.index(label) for label in order))
    return view if view.whole and view.dtype == dtype else arrays.materialise(t, view, dtype)


def _arranged(t: Tracer, x: Any, labels: Labels, out: Labels, sizes: dict[str, Operand]) -> Any:
    """Return a new array with the result's axes in order."""
    view = _spread(t, x, labels, out)
    shape = tuple(sizes[label] for label in out)
    made = arrays.new_array(t, view.dtype, shape)
    arrays.for_each(t, shape, lambda ix: arrays.store_at(t, made, ix, arrays.at_broadcast(t, view, ix, shape)))
    return made


@on(np.tensordot)
def _tensordot(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, b, axes = signature("a", "b", axes=Static(2))(args, kwargs)
    x, y = as_array(t, a, st), as_array(t, b, st)
    given = t.use(axes)
    if isinstance(given, Num) or isinstance(given, Static) and isinstance(given.value, int):
        n = as_known_int(t, given)
        first, second = list(range(x.ndim - n, x.ndim)), list(range(n))
    else:
        pair = items_of(t, st, given)
        first, second = (
            [as_known_int(t, part)]
            if isinstance(part, Num) or isinstance(part, Static) and isinstance(part.value, int)
            else [as_known_int(t, k) for k in items_of(t, st, part)]
            for part in map(t.use, pair)
        )
    first, second = [k % x.ndim for k in first], [k % y.ndim for k in second]
    if not first:
        column = x
        for _ in range(y.ndim):
            column = subscripts.new_axis(column, column.ndim)
        return arrays.apply(t, lambda p, q: numbers.binary(t, "*", p, q), (column, y))
    found = contract(t, x, y, first, second)
    # Where no axis is left NumPy returns an array without axes, not a number.
    return as_array(t, found, st) if isinstance(found, Num) else found
