"""Users' rules: which callables have one, and the rows of the table of calls made of them.

A rule's function is called with NumPy values, whatever it is written in.  Its derivative is traced
like any function where that is possible, and is then inlined and can be differentiated again;
where it is not (JAX, PyTorch, C), it is called.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Protocol
from weakref import WeakSet

from revtrace.calls.core import Row

__all__ = [
    "NO_TANGENT",
    "ZERO",
    "Marker",
    "NotImplementedTangent",
    "UserRule",
    "any_rules",
    "find",
    "is_opted_out",
    "opt_out",
    "plain_of",
    "register",
    "unregister",
    "watchers",
]


@dataclass(frozen=True, slots=True)
class Marker:
    """What a rule returns in place of a cotangent or tangent."""

    name: str

    def __repr__(self) -> str:
        return f"revtrace.rule.{self.name}"


@dataclass(frozen=True, slots=True)
class NotImplementedTangent:
    """A derivative that exists and that a rule does not give; asking for it is refused."""

    why: str


ZERO = Marker("zero")
NO_TANGENT = Marker("no_tangent")


@dataclass(frozen=True, eq=False)
class UserRule:
    """A user's rule.

    Attributes
    ----------
    name : str
    function : callable
        What is called for the value.
    adjoint : callable, optional
        ``adjoint(ct, out, *args)`` returns a cotangent per argument, or one if there is one argument.
    tangent : callable, optional
        ``tangent(dots, out, *args)`` returns the tangent of the output; ``dots`` is a tuple, with
        None for arguments that do not vary.
    like : callable, optional
        Called in place of ``function`` to find what is returned.
    inverse : callable, optional
        ``inverse(out, *rest)`` returns the first argument again.
    why_zero : str
        Why nothing is differentiated, where that is so.
    foreign : bool
        Whether adjoint and tangent are to be called, not traced.
    further : callable, optional
        Returns the rule of a foreign adjoint, as a function of ``(ct, out, *args)`` that returns a tuple of cotangents,
        None for what is no float: what second derivatives need.
    """

    name: str
    function: Callable[..., Any]
    adjoint: Callable[..., Any] | None = None
    tangent: Callable[..., Any] | None = None
    like: Callable[..., Any] | None = None
    why_zero: str = ""
    foreign: bool = False
    inverse: Callable[..., Any] | None = None
    further: Callable[[], UserRule] | None = None
    rows: dict[Any, Row] = field(default_factory=dict)

    @functools.cached_property
    def most(self) -> int:
        """How many arguments the function may get."""
        try:
            kinds = [parameter.kind for parameter in inspect.signature(self.function).parameters.values()]
        except (TypeError, ValueError):
            return 0
        return sum(
            kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds
        )


class _Watcher(Protocol):
    def forget(self, why: str) -> None: ...


_rules: dict[Any, UserRule] = {}
_opted_out: set[Any] = set()
watchers: WeakSet[_Watcher] = WeakSet()
"""What has programs made by rules that may change."""


def plain_of(f: Any) -> Any:
    """Return the function behind revtrace's handles, numba's dispatchers and bound methods' functions."""
    inner = getattr(f, "py_func", None)
    if isinstance(inner, FunctionType):
        return inner
    callee = getattr(f, "callee", None)
    if callee is not None and type(f).__module__.startswith("revtrace."):
        return getattr(callee, "function", f)
    return f


def _changed(f: Any, what: str) -> None:
    name = getattr(plain_of(f), "__name__", None) or repr(f)
    for watcher in list(watchers):
        watcher.forget(f"{name} {what}")


def register(f: Any, rule: UserRule) -> None:
    """Give a callable a rule, in place of one it has."""
    _rules[plain_of(f)] = rule
    _opted_out.discard(plain_of(f))
    _changed(f, "has been given a rule")


def unregister(f: Any) -> None:
    """Take a callable's rule away."""
    if _rules.pop(plain_of(f), None) is not None:
        _changed(f, "has lost its rule")


def opt_out(f: Any) -> None:
    """Have a callable's code traced whatever rules there are for it."""
    _rules.pop(plain_of(f), None)
    _opted_out.add(plain_of(f))
    _changed(f, "is traced in spite of rules from now on")


def any_rules() -> bool:
    """Whether there are rules of users, or functions for which rules are not to be used."""
    return bool(_rules or _opted_out)


def find(f: Any) -> UserRule | None:
    """Return the rule of a callable, or None."""
    if not _rules:
        return None
    try:
        return _rules.get(f)
    except TypeError:
        return None


def is_opted_out(f: Any) -> bool:
    """Whether rules are not to be used for a callable."""
    if not _opted_out:
        return False
    try:
        return f in _opted_out
    except TypeError:
        return False
