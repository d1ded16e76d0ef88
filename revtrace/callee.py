"""What a user hands over as a function: the plain function in it, and the arguments it brings along.

Accepts plain functions, numba dispatchers, ``functools.partial``, bound methods, callable
instances, classes, builtins, and revtrace's own handles.
"""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from revtrace.containers import map_leaves
from revtrace.errors import GradientError, UnsupportedError
from revtrace.loc import definition
from revtrace.trace.record import Arg, Attr, Cell, Guard, Item, Source, Traced

__all__ = ["Callee", "Parameters", "by_parameter", "locate", "parameters", "unwrap", "whole_call"]


@dataclass(frozen=True, slots=True, eq=False)
class Callee:
    """A plain function and the arguments that go before the caller's.

    Attributes
    ----------
    function : function
        Plain Python.
    prefix, keywords
        Arguments of a partial, or a method's instance.
    original : object
        What the user handed over.
    steps : tuple
        Derivatives already taken, where it is one of revtrace's own functions.
    """

    function: FunctionType
    prefix: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    original: Any = None
    steps: tuple[Any, ...] = ()

    @property
    def bare(self) -> bool:
        """Whether the call's arguments are the function's."""
        return not self.prefix and not self.keywords


def unwrap(f: Any) -> Callee:
    """Return the plain function in a callable.

    Raises
    ------
    TypeError
        The object is not callable.
    """
    original = f
    prefix: tuple[Any, ...] = ()
    steps: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}
    while not isinstance(f, FunctionType):
        if isinstance(getattr(f, "callee", None), Callee):
            # Before partials: a handle is one, for speed.
            if not f.composes:
                raise UnsupportedError(
                    f"differentiating {f!r}",
                    "a Jacobian or an inverse is run over a basis, not as one program",
                    "jacfwd(jacrev(f)) or hessian(f) for second derivatives, vjp(grad(f), ...) for products",
                )
            inner, steps = f.callee, f.steps
            prefix, keywords, f = inner.prefix + prefix, {**inner.keywords, **keywords}, inner.function
        elif isinstance(f, functools.partial):
            prefix, keywords, f = f.args + prefix, {**f.keywords, **keywords}, f.func
        elif isinstance(f, MethodType):
            prefix, f = (f.__self__, *prefix), f.__func__
        elif isinstance(getattr(f, "py_func", None), FunctionType):
            f = f.py_func
        elif not callable(f):
            raise TypeError(f"expected a function, got {type(f).__name__}")
        elif isinstance(f, (type, np.vectorize)) or hasattr(f, "nin"):
            # Of a ufunc, NumPy's or numba's, and of np.vectorize the method that calls it says nothing.
            f = _forwarding(f)
        elif isinstance(call := vars_of(type(f)).get("__call__"), FunctionType):
            prefix, f = (f, *prefix), call
        else:
            f = _forwarding(f)
    return Callee(f, prefix, keywords, original, steps)


def vars_of(cls: type) -> dict[str, Any]:
    """Return a class's attributes, inherited ones included, without binding them."""
    return {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}


def _forwarding(f: Callable[..., Any]) -> FunctionType:
    """Return a plain function that calls a class or a builtin."""

    def forwarding(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)

    forwarding.__name__ = getattr(f, "__name__", type(f).__name__)
    forwarding.__qualname__ = getattr(f, "__qualname__", forwarding.__name__)
    forwarding.__module__ = getattr(f, "__module__", None) or "builtins"
    # Messages and dumps show a call of what was given, not this module.
    name = ".".join(filter(None, (getattr(f, "__module__", None), forwarding.__qualname__)))
    forwarding.__code__ = forwarding.__code__.replace(co_filename=f"<{name}>", co_firstlineno=1)
    lines = [f"def {forwarding.__name__}(*args, **kwargs):\n", f"    return {name}(*args, **kwargs)\n"]
    linecache.cache[f"<{name}>"] = (sum(map(len, lines)), None, lines, f"<{name}>")
    forwarding.__doc__ = getattr(f, "__doc__", None)
    forwarding.forwards = f  # type: ignore[attr-defined]
    assert isinstance(forwarding, FunctionType)
    return forwarding


@dataclass(frozen=True, slots=True)
class Parameters:
    """Names of a function's parameters by kind."""

    positional: tuple[str, ...]
    keyword_only: tuple[str, ...]
    star: str | None
    double_star: str | None
    required: int

    @property
    def names(self) -> tuple[str, ...]:
        """The named parameters."""
        return self.positional + self.keyword_only


def parameters(function: FunctionType) -> Parameters:
    """Return a plain function's parameters."""
    code = function.__code__
    names, count, only = code.co_varnames, code.co_argcount, code.co_kwonlyargcount
    at = count + only
    star = names[at] if code.co_flags & inspect.CO_VARARGS else None
    double = names[at + (star is not None)] if code.co_flags & inspect.CO_VARKEYWORDS else None
    required = count - len(function.__defaults__ or ())
    return Parameters(names[:count], names[count:at], star, double, required)


def whole_call(function: FunctionType, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call that passes every parameter, by position where it can be."""
    known = parameters(function)
    args = tuple(arguments[name] for name in known.positional)
    kwargs = {name: arguments[name] for name in known.keyword_only}
    if known.star is not None:
        args += tuple(arguments[known.star])
    if known.double_star is not None:
        kwargs.update(arguments[known.double_star])
    return args, kwargs


def by_parameter(traced: Traced, function: FunctionType, arguments: Mapping[str, Any]) -> Traced:
    """Return a traced function whose sources begin at parameters.

    The tracer calls the items of ``*args`` ``*0``, ``*1`` ... and those of ``**kwargs`` by their own names.
    """
    known = parameters(function)
    if known.star is None and known.double_star is None:
        return traced

    def moved(source: Source) -> Source:
        match source:
            case Arg(name) if name.startswith("*"):
                return Item(Arg(known.star or ""), int(name[1:]))
            case Arg(name) if name not in known.names:
                return Item(Arg(known.double_star or ""), name)
            case Attr(base, name):
                return Attr(moved(base), name)
            case Item(base, key):
                return Item(moved(base), key)
            case Cell(base, index):
                return Cell(moved(base), index)
        return source

    def leaf(x: Any) -> Any:
        return x if x.source is None else replace(x, source=moved(x.source))

    guards = [guard.moved(moved) for guard in traced.guards]
    if known.star is not None:
        guards.insert(0, Guard(Arg(known.star), "len", len(arguments[known.star])))
    if known.double_star is not None:
        guards.insert(0, Guard(Arg(known.double_star), "keys", tuple(arguments[known.double_star])))
    inputs = tuple(replace(entry, source=moved(entry.source)) for entry in traced.inputs)
    return replace(traced, inputs=inputs, guards=tuple(guards), result=map_leaves(leaf, traced.result))


def locate(
    function: FunctionType,
    count: int,
    argnums: tuple[int, ...],
    argnames: tuple[str, ...],
    arguments: Mapping[str, Any],
    skipped: int = 0,
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """Return the path and the spelling of each argument asked for.

    Parameters
    ----------
    function : function
    count : int
        How many arguments were passed by position.
    argnums, argnames
        Positions (negative ones count from the end) and names.
    arguments : dict
        The call's arguments by parameter, from `bind`.
    skipped : int
        Arguments at the front that are not the caller's (a method's instance).
    """
    known = parameters(function)
    here = definition(function)
    given = max(count, skipped)
    reach = given + len([p for p in known.positional[given:] if p in arguments])
    if known.star is not None:
        reach = max(reach, len(known.positional) + len(arguments.get(known.star, ())))
    paths: list[Source] = []
    spelled: list[str] = []
    for number in argnums:
        at = number + skipped if number >= 0 else number + given
        if not skipped <= at < reach:
            raise GradientError(
                f"argnums={number} is out of range",
                f"{function.__qualname__} was called with {given - skipped} positional argument(s)",
                "count from 0, or name the argument: argnames='x'",
                here,
            )
        if at < len(known.positional):
            paths.append(Arg(known.positional[at]))
            spelled.append(known.positional[at])
        else:
            paths.append(Item(Arg(known.star or ""), at - len(known.positional)))
            spelled.append(f"{known.star}[{at - len(known.positional)}]")
    for name in argnames:
        if name in known.names:
            paths.append(Arg(name))
        elif known.double_star is not None and name in arguments.get(known.double_star, {}):
            paths.append(Item(Arg(known.double_star), name))
        else:
            choices = ", ".join(repr(p) for p in known.names)
            raise GradientError(f"{function.__qualname__} has no argument {name!r}", "", f"one of {choices}", here)
        spelled.append(name)
    return tuple(paths), tuple(spelled)
