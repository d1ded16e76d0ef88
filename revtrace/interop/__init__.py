"""Calls with values of other systems: one wrapped function inside JAX, PyTorch, autograd, PyTensor, SciPy and Dask.

A call that gets a value of a host (a JAX array or tracer, a torch tensor, an autograd box, a PyTensor variable), also
inside containers, goes to the module of that host, which is imported then and not before. `revtrace.interop.scipy`
and `revtrace.interop.dask` are imported by name.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["host_of", "serve", "serving"]

_HOSTS = {"jax": "jax", "jaxlib": "jax", "torch": "torch", "autograd": "autograd", "pytensor": "pytensor"}
"""Name of the module here, by the top package of a value's class."""

_known: WeakKeyDictionary[type, str] = WeakKeyDictionary()


def _host_of_type(kind: type) -> str:
    """Return the host of a class, empty where it has none."""
    found = _known.get(kind)
    if found is None:
        tops = (base.__module__.partition(".")[0] for base in kind.__mro__)
        found = next((_HOSTS[top] for top in tops if top in _HOSTS), "")
        _known[kind] = found
    return found


def _values(value: Any) -> Iterable[Any]:
    """Return the entries of a container, nothing for a leaf."""
    if isinstance(value, (tuple, list)):
        return value
    if type(value) is dict:
        return value.values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, f.name) for f in dataclasses.fields(value) if hasattr(value, f.name)]
    return ()


def host_of(*values: Any) -> str:
    """Return the host whose values are among these, also in containers; empty where there are none.

    Of several hosts, the first found: its module says what it cannot take.

    Examples
    --------
    >>> host_of((1.0, [2.0]), {})
    ''
    """
    if sys.modules.keys().isdisjoint(_HOSTS):
        return ""
    for value in values:
        found = _host_of_type(type(value)) or host_of(*_values(value))
        if found:
            return found
    return ""


Serve = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

serving: dict[type, Serve] = {}
"""What serves calls whose first argument is of a class of a host's, of the classes met."""


def serve(host: str, table: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """Call the function of a table of specialisations with values of a host."""
    found: Serve = importlib.import_module(f"revtrace.interop.{host}").serve
    if args and _host_of_type(type(args[0])) == host:
        serving[type(args[0])] = found
    return found(table, args, dict(kwargs))
