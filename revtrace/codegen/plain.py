"""The functions of generated code as plain Python, which runs it without numba and tests what was assumed.

An access that `revtrace.codegen.bounds` wrongly took for safe fails here.  Used by the
tests and by whoever wants to step through generated code.
"""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.calls.bridge import Spec
from revtrace.calls.core import attempt, row_named
from revtrace.codegen.emit import Source
from revtrace.codegen.expressions import NUMPY
from revtrace.codegen.signals import Bail, Deopt
from revtrace.codegen.vector import MATH
from revtrace.rules.runtime import NAMES

__all__ = ["load"]


def _inside(a: Any, index: tuple[Any, ...]) -> None:
    for i, n in zip(index, a.shape, strict=True):
        if not 0 <= i < n:
            raise AssertionError(f"unchecked access at {index} of an array of shape {a.shape}")


def at(a: Any, *index: Any) -> Any:
    """Read an element."""
    _inside(a, index)
    return a[index]


def put(a: Any, value: Any, *index: Any) -> None:
    """Write an element."""
    _inside(a, index)
    a[index] = value


def bump(a: Any, value: Any, *index: Any) -> None:
    """Add to an element; a sum of floats may be reassociated."""
    _inside(a, index)
    a[index] += value


def acc(x: Any, y: Any) -> Any:
    """Add; a sum of floats may be reassociated."""
    return x + y


def fused(x: Any, y: Any) -> Any:
    """Add; a sum of floats may be reassociated, and rounded together with a product that it adds."""
    return x + y


def bit(flags: int, place: int) -> bool:
    """Read one of the eight flags in a byte."""
    return bool(int(flags) >> (place & 7) & 1)


def follow(flags: int, flag: bool, place: int) -> int:
    """Put a flag into a byte; of the others only those below it are kept."""
    return flags % (1 << (place & 7)) | int(flag) << (place & 7)


def sel(condition: Any, x: Any, y: Any) -> Any:
    """Choose."""
    return x if condition else y


def wrap(i: int, n: int) -> int:
    """Count a negative index from the end."""
    return i + n if i < 0 else i


def inb(i: int, n: int) -> bool:
    """Whether an index is in an axis."""
    return 0 <= i < n


def area(*counts: int) -> int:
    """Multiply, a negative number counting as zero."""
    return math.prod(max(n, 0) for n in counts)


def small(n: int) -> bool:
    """Whether sums of a few such numbers cannot overflow."""
    return -(2**40) <= n < 2**40


def medium(n: int) -> bool:
    """Whether products of two such numbers cannot overflow."""
    return -(2**30) <= n < 2**30


def tiny(n: int) -> bool:
    """Whether products of three such numbers cannot overflow."""
    return -(2**20) <= n < 2**20


def trips(start: int, stop: int, step: int) -> int:
    """Return the length of a range."""
    return len(range(start, stop, step))


def imin(x: int, y: int) -> int:
    """Return the smaller of two integers."""
    return min(x, y)


def scratch(dtype: Any, length: int) -> Any:
    """Return memory of the call's own."""
    return np.empty(length, dtype)


def one_by_one() -> None:
    """Do nothing."""


def around(i: int, n: int) -> int:
    """Return the remainder of an index next to an axis, or in it."""
    assert -1 <= i <= n
    return i % n


def largest(x: float, y: float) -> float:
    """Return the larger of two, or NaN if one is."""
    return float(np.maximum(x, y))


def least(x: float, y: float) -> float:
    """Return the lesser of two, or NaN if one is."""
    return float(np.minimum(x, y))


def largest_number(x: float, y: float) -> float:
    """Return the larger of two, or the other if one is NaN."""
    return float(np.fmax(x, y))


def least_number(x: float, y: float) -> float:
    """Return the lesser of two, or the other if one is NaN."""
    return float(np.fmin(x, y))


def imax(x: int, y: int) -> int:
    """Return the larger of two integers."""
    return max(x, y)


def empty(dtype: Any, *shape: int) -> Any:
    """Return a new array."""
    return np.full(shape, np.nan, dtype) if np.dtype(dtype).kind in "fc" else np.full(shape, 99, dtype)


def zeros(dtype: Any, *shape: int) -> Any:
    """Return a new array of zeros."""
    return np.zeros(shape, dtype)


def output(slots: None, slot: int, dtype: Any, *shape: int) -> Any:
    """Return a new array that will be returned."""
    return empty(dtype, *shape)


def output_zeros(slots: None, slot: int, dtype: Any, *shape: int) -> Any:
    """Return a new array of zeros that will be returned."""
    return zeros(dtype, *shape)


def fill(a: Any, value: Any) -> None:
    """Set every element."""
    a[...] = value


def copy(a: Any) -> Any:
    """Return a new array with the same elements."""
    return a.copy()


def copyto(target: Any, source: Any) -> None:
    """Set every element from an array of the same shape."""
    target[...] = source


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have one shape."""
    return bool(a.shape == b.shape)


def newstack() -> None:
    """Return what owns the entries of a stack."""


def entries(stack: Any, dtype: Any) -> Any:
    """Return a stack's entries, of which there are none yet."""
    return np.empty(0, dtype)


def larger(size: int, need: int) -> int:
    """Return the next size of a stack's buffer."""
    return max(need, 2 * size)


def grow(stack: Any, old: Any, size: int) -> Any:
    """Return a stack's entries, with room for more."""
    new = np.empty(size, old.dtype)
    new[: old.size] = old
    return new


def keep(stack: Any) -> None:
    """Say that a stack was in use until here."""


DTYPES: dict[str, Any] = {name: getattr(np, name) for name in NUMPY.values()}
"""Number types by their name in generated code."""


def load(source: Source) -> Callable[..., tuple[Any, ...]]:
    """Return generated code as a Python function.

    Parameters
    ----------
    source : Source
        What `revtrace.codegen.emit` wrote.

    Returns
    -------
    callable
        A function of numpy scalars and arrays.
    """
    functions = [at, put, bump, bit, follow, acc, fused, sel, wrap, inb, area, small, medium, tiny, trips, imin, imax]
    functions += [around, one_by_one, scratch, largest, least, largest_number, least_number]
    functions += [empty, zeros, output, output_zeros, fill, copy, copyto, same, newstack, entries, larger, grow, keep]
    namespace: dict[str, Any] = {f.__name__: f for f in functions}
    namespace.update(DTYPES)
    namespace.update(math=math, cmath=cmath, np=np, inf=math.inf, nan=math.nan, Bail=Bail, Deopt=Deopt)
    namespace.update({f"v{name}": getattr(math, name) for name in MATH})
    namespace.update({f"dim{k}": _dim(k) for k in range(32)})
    namespace.update({name: NAMES[name] for name in source.runtime})
    namespace.update({name: DTYPES[NUMPY[dtype]](value) for name, dtype, value in source.constants})
    namespace.update({name: _call(spec) for name, spec in source.calls})
    exec(compile(source.text, f"<revtrace {source.name}>", "exec"), namespace)
    found: Callable[..., tuple[Any, ...]] = namespace[source.name]
    return functools.partial(found, None) if source.outputs else found


def _call(spec: Spec) -> Callable[..., bool]:
    row = row_named(spec.row)

    def run(*arrays: Any) -> bool:
        return attempt(row, spec.settings, spec.adds, arrays[: spec.outs], arrays[spec.outs :])

    return run


def _dim(axis: int) -> Callable[[Any], int]:
    return lambda a: int(a.shape[axis])
