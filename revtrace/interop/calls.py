"""From a call with a host's values to the call as a function of them; what is found out is remembered by structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.cotangents import floats_in
from revtrace.derived import shared_table
from revtrace.dispatch.table import Table
from revtrace.interop.arguments import Fixed, Hole, apart, kept, leaves_of
from revtrace.interop.common import Call, Site

__all__ = ["SIMPLE", "call_of", "remember"]


def call_of(
    table: Table,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_leaf: Callable[[Any], bool],
    dtype_of: Callable[[Any], np.dtype[Any]],
    *,
    again: bool = False,
) -> tuple[Call, list[Any]]:
    """Return a call with a host's values taken out, and these values.

    Parameters
    ----------
    table : Table
        The function's specialisations.
    args, kwargs
        Arguments of the plain function.
    is_leaf, dtype_of : callable
        Whether a value is the host's, and its numpy dtype.
    again : bool
        Whether a later call of the same structure may share what this one finds out: not where a host puts it in a
        graph, which relies on it.
    """
    key = _key(args, is_leaf, dtype_of) if again and not kwargs else None
    if key is not None:
        call = table.calls.get(key)
        if call is None:
            call, leaves = call_of(table, args, kwargs, is_leaf, dtype_of)
            remember(table, key, call)
            return call, leaves
        return call, [x for x in args if is_leaf(x)]
    leaves = []
    # The call may be run again later, and their owner may change arrays.
    args, kwargs = kept(args), kept(kwargs)
    trees = tuple(apart(value, is_leaf, leaves) for value in args)
    named = {name: apart(value, is_leaf, leaves) for name, value in kwargs.items()}
    dtypes = tuple(dtype_of(leaf) for leaf in leaves)
    if not table.steps and table.skipped:
        table = shared_table(table.function, (), table.settings, 0)
    names = tuple(name for name, tree in named.items() if not isinstance(tree, Fixed))
    numbers: dict[int, int] = {}
    count = 0
    for tree in (*trees[table.skipped :], *(named[name] for name in names)):
        for leaf in leaves_of(tree):
            if isinstance(leaf, Hole):
                if dtypes[leaf.index].kind in "fc":
                    numbers[leaf.index] = count
                    count += 1
            else:
                count += len(floats_in(leaf.value))
    return Call(Site(table, trees, named, dtypes, numbers, count, names)), leaves


_MOST_CALLS = 64
"""How many structures of calls a function remembers."""


def remember(table: Table, key: Any, call: Any) -> None:
    """Remember what is found out about the calls of one structure."""
    if len(table.calls) >= _MOST_CALLS:
        table.calls.clear()
    table.calls[key] = call


def _key(args: tuple[Any, ...], is_leaf: Callable[[Any], bool], dtype_of: Callable[[Any], Any]) -> Any:
    """Return the structure of simple arguments, None where there are others."""
    key = []
    for x in args:
        if is_leaf(x):
            key.append(dtype_of(x))
        elif isinstance(x, SIMPLE):
            key += [type(x), repr(x)]
        else:
            return None
    return tuple(key)


SIMPLE = (str, bytes, int, float, type(None))
"""Constants that are compared by type and spelling."""
