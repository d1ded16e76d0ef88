"""What the corpus knows about one program, and how a family module enters its programs.

A family module is a file of ordinary functions, each under a `case` decorator that
holds sample arguments and facts.  The decorator returns the function itself, so that
programs can call each other as plain functions do.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["FAMILIES", "Program", "case", "corpus", "integers", "normal", "uniform"]

FAMILIES = (
    "scalars",
    "mixed",
    "loops",
    "while_loops",
    "branches",
    "arrays_inplace",
    "views",
    "containers",
    "calls_closures",
    "objects",
    "static_python",
    "math_functions",
    "complex_numbers",
    "dtypes",
    "errors",
    "published",
    "algorithms",
    "finance",
    "physics",
    "statistics",
    "dynamic_programming",
    "linear_algebra_loops",
    "array_kernels",
    "limit_kernels",
    "array_solvers",
    "array_networks",
    "array_statistics",
    "array_signals",
    "array_dynamics",
)


@dataclass(frozen=True)
class Program:
    """One program of the corpus.

    Attributes
    ----------
    name, family : str
        The function's name and its module's.
    function : callable
        Plain Python, or a numba dispatcher.
    args, kwargs
        Sample arguments; users must copy them.
    argnums : int or tuple of int
        What is differentiated.
    tags : frozenset of str
        ``"slow"`` leaves it out of the quick run; ``"either-float"`` says that Python decides between
        ``float`` and ``numpy.float64`` while it runs; the rest is for reading.
    oracle : str
        ``"complex"`` (the function accepts complex arguments and is analytic on its path),
        ``"differences"``, or ``"given"`` (only `gradient`).
    smooth : bool
        Second derivatives exist at the sample and are checked.
    value, gradient, second
        Published or closed-form figures, each compared with relative tolerance `figures`.
    figures : float
        How many digits the published figures have.
    rtol : float
        Tolerance of the gradient, relative to its largest entry.
    step : float
        First step of the differences, relative; smaller where a branch is near.
    ulp : float
        How far the value may be from the plain function's, in units in the last place.
    jax : callable or None
        ``jax(jnp, *args)``: the same function for JAX.  Given as ``"same"`` where the text of the function does, with
        ``jax.numpy`` for numpy.
    """

    name: str
    family: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    argnums: int | tuple[int, ...] = 0
    tags: frozenset[str] = frozenset()
    oracle: str = "differences"
    smooth: bool = False
    value: Any = None
    gradient: Any = None
    second: Any = None
    figures: float = 1e-9
    rtol: float = 1e-7
    step: float = 1e-3
    ulp: float = 2.0
    jax: Callable[..., Any] | None = None

    def __str__(self) -> str:
        return f"{self.family}.{self.name}"


_entered: dict[str, Program] = {}


def _in_jax(function: types.FunctionType, jnp: Any, *args: Any) -> Any:
    """Call a function's text with JAX's module in place of numpy; so that of the functions beside it that it calls."""
    names = dict(function.__globals__)

    def bound(f: types.FunctionType) -> types.FunctionType:
        made = types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, f.__closure__)
        made.__kwdefaults__ = f.__kwdefaults__
        return made

    for name, value in function.__globals__.items():
        if value is np:
            names[name] = jnp
        elif isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
            names[name] = bound(value)
    return bound(function)(*(jnp.asarray(x) if _is_float_array(x) else x for x in args))


def _is_float_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def case(*args: Any, name: str = "", family: str = "", tags: str = "", **facts: Any) -> Callable[[Any], Any]:
    """Enter the decorated function with sample arguments and facts; returns it unchanged."""

    def enter(function: Any) -> Any:
        plain = getattr(function, "py_func", function)
        where = family or plain.__module__.rpartition(".")[2]
        if facts.get("jax") == "same":
            facts["jax"] = functools.partial(_in_jax, plain)
        entry = Program(name or plain.__name__, where, function, args, tags=frozenset(tags.split()), **facts)
        if str(entry) in _entered:
            raise ValueError(f"{entry} is in the corpus twice")
        _entered[str(entry)] = entry
        return function

    return enter


def corpus() -> tuple[Program, ...]:
    """Return every program, family by family."""
    package = __name__.rpartition(".")[0]
    present = {module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)}
    for family in FAMILIES:
        if family in present:
            importlib.import_module(f"{package}.{family}")
    return tuple(_entered.values())


def normal(*shape: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Return normal deviates."""
    return shift + scale * np.random.default_rng(seed).standard_normal(shape)


def uniform(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Return uniform deviates."""
    return np.random.default_rng(seed).uniform(low, high, shape)


def integers(low: int, high: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Return random integers in ``range(low, high)``."""
    return np.random.default_rng(seed).integers(low, high, shape)
