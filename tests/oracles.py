"""Derivatives found without revtrace: complex step and Richardson-extrapolated differences.

Functions here see plain Python functions and trees of numbers (arrays, floats,
containers, dataclasses); a tree is seen as one vector of real numbers, a complex
number counting twice.
"""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = [
    "Estimate",
    "along",
    "complex_step",
    "copied",
    "directions",
    "fingerprint",
    "numbers",
    "pairing",
    "restricted",
    "same",
    "scalarised",
    "tangent",
    "ulps",
    "vector",
    "with_vector",
]


# trees of numbers -----------------------------------------------------------------------


def _is_number(x: Any) -> bool:
    return isinstance(x, (float, complex, np.inexact)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fc")


def _children(tree: Any) -> list[Any] | None:
    if isinstance(tree, (list, tuple)):
        return list(tree)
    if isinstance(tree, dict):
        return list(tree.values())
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [getattr(tree, f.name) for f in dataclasses.fields(tree)]
    return None


def _rebuilt(tree: Any, children: list[Any]) -> Any:
    if isinstance(tree, dict):
        return dict(zip(tree, children, strict=True))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*children)
    if isinstance(tree, (list, tuple)):
        return type(tree)(children)
    return dataclasses.replace(tree, **{f.name: c for f, c in zip(dataclasses.fields(tree), children, strict=True)})


def numbers(tree: Any) -> Iterator[Any]:
    """Yield every floating leaf of a tree: a number or an array."""
    if _is_number(tree):
        yield tree
    else:
        for child in _children(tree) or ():
            yield from numbers(child)


def vector(tree: Any) -> np.ndarray:
    """Return every real and imaginary part in a tree as one float64 vector."""
    parts = [np.zeros(0)]
    for leaf in numbers(tree):
        flat = np.asarray(leaf).ravel()
        parts.append(np.stack([flat.real, flat.imag], 1).ravel() if np.iscomplexobj(flat) else flat)
    return np.concatenate(parts).astype(np.float64)


def with_vector(tree: Any, values: np.ndarray, *, imaginary: np.ndarray | None = None) -> Any:
    """Return a copy of a tree with other numbers in it.

    float32 leaves become float64 ones, so that differences are not drowned in
    rounding.  With ``imaginary``, leaves become complex with these imaginary parts.
    """
    place = 0

    def take(count: int) -> np.ndarray:
        nonlocal place
        part = values[place : place + count].astype(np.float64)
        if imaginary is not None:
            part = part + 1j * imaginary[place : place + count]
        place += count
        return part

    def build(node: Any) -> Any:
        if isinstance(node, np.ndarray) and node.dtype.kind in "fc":
            if node.dtype.kind == "c":
                pairs = take(2 * node.size)
                return (pairs[0::2] + 1j * pairs[1::2]).reshape(node.shape)
            return take(node.size).reshape(node.shape)
        if isinstance(node, (complex, np.complexfloating)):
            pair = take(2)
            number = complex(pair[0] + 1j * pair[1])
            return np.complex128(number) if isinstance(node, np.complexfloating) else number
        if isinstance(node, (float, np.floating)):
            number = take(1)[0]
            if isinstance(node, np.floating):
                return number
            return complex(number) if imaginary is not None else float(number)
        children = _children(node)
        return copy.deepcopy(node) if children is None else _rebuilt(node, [build(c) for c in children])

    return build(tree)


def tangent(tree: Any, values: np.ndarray | None = None) -> Any:
    """Return a tangent of a tree: these numbers, or zeros, in each float's own dtype, and None elsewhere."""
    place = 0

    def build(node: Any) -> Any:
        nonlocal place
        if _is_number(node):
            count = np.size(node) * (2 if np.iscomplexobj(node) else 1)
            part = np.zeros(count) if values is None else values[place : place + count]
            place += count
            numbers = part[0::2] + 1j * part[1::2] if np.iscomplexobj(node) else part
            if isinstance(node, np.ndarray):
                return numbers.reshape(node.shape).astype(node.dtype)
            return type(node)(numbers[0])
        children = _children(node)
        return None if children is None else _rebuilt(node, [build(c) for c in children])

    return build(tree)


def copied(tree: Any) -> Any:
    """Copy a tree keeping aliases, memory layout and read-only flags."""
    memo: dict[int, Any] = {}

    def clone(node: Any) -> Any:
        if id(node) in memo:
            return memo[id(node)]
        made = node
        if isinstance(node, np.ndarray) and not node.dtype.hasobject:
            owner = np.empty(node.nbytes + 8 * sum(map(abs, node.strides)) + 64, np.uint8)
            made = _like_layout(node, owner)
            made[...] = node
            made.flags.writeable = node.flags.writeable
        elif callable(node) or isinstance(node, type):
            made = node
        elif (children := _children(node)) is not None and not dataclasses.is_dataclass(node):
            made = _rebuilt(node, [clone(c) for c in children])
        else:
            made = copy.deepcopy(node, memo)
        memo[id(node)] = made
        return made

    return clone(tree)


def _like_layout(a: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return an array with the strides of ``a``, in memory of its own."""
    if a.size == 0:
        return np.empty(a.shape, a.dtype)
    low = sum(min(0, s * (n - 1)) for s, n in zip(a.strides, a.shape, strict=True))
    high = sum(max(0, s * (n - 1)) for s, n in zip(a.strides, a.shape, strict=True)) + a.itemsize
    memory = owner if owner.nbytes >= high - low else np.empty(high - low, np.uint8)
    return np.ndarray(a.shape, a.dtype, memory, -low, a.strides)


def fingerprint(tree: Any) -> Any:
    """Return the bytes of every number in a tree, integers and statics included."""
    if isinstance(tree, np.ndarray):
        return (tree.dtype.str, tree.shape, tree.strides, tree.tobytes())
    if isinstance(tree, (float, complex, np.generic)):
        return (type(tree), np.asarray(tree).tobytes())
    children = _children(tree)
    if children is not None:
        return (type(tree), tuple(tree) if isinstance(tree, dict) else None, [fingerprint(c) for c in children])
    if hasattr(tree, "__dict__") and not callable(tree):
        return (type(tree), fingerprint(dict(vars(tree))))
    return tree


# comparing --------------------------------------------------------------------------------


def ulps(a: Any, b: Any) -> float:
    """Return how many units in the last place two trees differ, relative to each leaf's own size."""
    worst = 0.0
    for x, y in zip(numbers(a), numbers(b), strict=True):
        x, y = np.atleast_1d(np.asarray(x)), np.atleast_1d(np.asarray(y))
        if x.shape != y.shape:
            return np.inf
        kind = np.result_type(x, y)
        same_place = (x == y) | (np.isnan(x) & np.isnan(y))
        with np.errstate(all="ignore"):
            unit = np.spacing(np.maximum(np.abs(x), np.abs(y)).astype(kind.type(0).real.dtype))
            apart = np.where(same_place, 0.0, np.abs(x - y) / unit)
        worst = max(worst, float(np.max(np.nan_to_num(apart, nan=np.inf), initial=0.0)))
    return worst


def same(a: Any, b: Any) -> bool:
    """Whether two results have the same structure, types and shapes (not the same numbers)."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
    if type(a) is not type(b):
        return False
    mine, other = _children(a), _children(b)
    if mine is None or other is None:
        return True
    if isinstance(a, dict) and list(a) != list(b):
        return False
    return len(mine) == len(other) and all(map(same, mine, other))


def pairing(gradient: Any, direction: np.ndarray) -> float:
    """Return the change of the value along a direction, by a gradient in JAX's convention.

    For a complex leaf the real change is Re(g dz): the imaginary part's entry counts negative.
    """
    total = 0.0
    place = 0
    for leaf in numbers(gradient):
        flat = np.asarray(leaf).ravel()
        if np.iscomplexobj(flat):
            d = direction[place : place + 2 * flat.size]
            total += float(np.sum(flat.real.astype(float) * d[0::2] - flat.imag.astype(float) * d[1::2]))
            place += 2 * flat.size
        else:
            total += float(np.sum(flat.astype(float) * direction[place : place + flat.size]))
            place += flat.size
    if place != direction.size:
        raise AssertionError(f"the gradient has {place} numbers, its argument {direction.size}")
    return total


# a function of one real parameter ----------------------------------------------------------


def scalarised(result: Any, *, analytic: bool = False) -> tuple[Any, Any]:
    """Return a weighted sum of every number of a result, and the weights as a cotangent tree.

    A single real number has weight one.  The function that is differentiated is the
    sum's real part; weights of complex numbers are complex.  With ``analytic`` the
    numbers are real ones that an imaginary step made complex: weights stay real.
    """
    if _is_number(result) and np.ndim(result) == 0 and (analytic or not np.iscomplexobj(result)):
        return result, type(result)(1)
    total: Any = 0.0
    count = 0

    def weigh(node: Any) -> Any:
        nonlocal total, count
        if _is_number(node):
            a = np.asarray(node)
            w = 1.0 + 0.25 * np.cos(1.0 + count + np.arange(a.size)).reshape(a.shape)
            count += a.size
            if np.iscomplexobj(a) and not analytic:
                w = w * (1 - 0.5j)
            total = total + np.sum(w * a)
            w = w.astype(a.dtype)
            return w if isinstance(node, np.ndarray) else type(node)(w[()])
        children = _children(node)
        return node if children is None else _rebuilt(node, [weigh(c) for c in children])

    weights = weigh(result)
    return total, weights


def directions(size: int, seed: int = 0, most: int = 10) -> list[np.ndarray]:
    """Return unit vectors and random sign vectors: every coordinate when there are few."""
    rng = np.random.default_rng(seed)
    eye = np.eye(size)
    if size <= most:
        return list(eye)
    few = [eye[k] for k in rng.choice(size, most // 2, replace=False)]
    return few + [rng.choice([-1.0, 1.0], size) for _ in range(most - most // 2)]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A derivative and how far off it may be."""

    value: float
    error: float


def along(function: Callable[[float], float], step: float = 1e-3, levels: int = 5) -> Estimate:
    """Differentiate a function of one number at 0 by central differences, extrapolated.

    Steps are halved ``levels`` times; each column of the tableau removes one more even
    power of the step.  The error is how much the best entry moved, Ridders' way.
    """
    table: list[list[float]] = []
    best, error = float("nan"), float("inf")
    for k in range(levels):
        h = step * 0.5**k
        row = [(function(h) - function(-h)) / (2 * h)]
        for j in range(k):
            row.append(row[j] + (row[j] - table[k - 1][j]) / (4.0 ** (j + 1) - 1))
        for j in range(1, k + 1):
            moved = max(abs(row[j] - row[j - 1]), abs(row[j] - table[k - 1][j - 1]))
            if moved < error:
                best, error = row[j], moved
        table.append(row)
    return Estimate(best, error)


def complex_step(function: Callable[[complex], Any], step: float = 1e-30) -> float:
    """Differentiate an analytic function of one number at 0; losing an imaginary part is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(np.imag(function(1j * step))) / step


def restricted(
    function: Callable[..., Any], args: Sequence[Any], argnums: Sequence[int], direction: np.ndarray
) -> tuple[Callable[[float], float], Callable[[complex], complex]]:
    """Return the scalarised function along a direction, for real and for imaginary steps."""
    active = tuple(args[k] for k in argnums)
    start = vector(active)

    def call(numbers: tuple[Any, ...], analytic: bool = False) -> Any:
        full = [copied(a) for a in args]
        for k, value in zip(argnums, numbers, strict=True):
            full[k] = value
        return scalarised(function(*full), analytic=analytic)[0]

    def real(t: float) -> float:
        return float(np.real(call(with_vector(active, start + t * direction))))

    def imaginary(t: complex) -> complex:
        return complex(call(with_vector(active, start, imaginary=t.imag * direction), True))

    return real, imaginary
