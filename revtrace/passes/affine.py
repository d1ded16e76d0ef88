"""Integers that are functions of one length: a few values, then a straight line.

Sums, differences, extremes and comparisons of such functions are such functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from revtrace.program.nodes import Var

__all__ = ["Form", "combined", "constant", "identity"]

_REACH = 40
"""From here on every function is a straight line; those that bend later are not represented."""


@dataclass(frozen=True, slots=True)
class Form:
    """``f(n)`` for ``n >= 0``.

    Attributes
    ----------
    base : Var or None
        The length ``n``; None for a number.
    small : tuple of int
        ``f(0), f(1) ... f(_REACH - 1)``.
    slope, rest : int
        ``f(n) = slope * n + rest`` from ``_REACH`` on.
    """

    base: Var | None
    small: tuple[int, ...]
    slope: int
    rest: int

    def at(self, n: int) -> int:
        """Return ``f(n)``."""
        return self.small[n] if n < _REACH else self.slope * n + self.rest

    def constant_from(self, least: int) -> int | None:
        """Return the value that ``f`` has for all ``n >= least``, if it is one."""
        first = self.at(least)
        return first if self.slope == 0 and self.rest == first and all(v == first for v in self.small[least:]) else None

    def shift_from(self, least: int) -> int | None:
        """Return ``c`` where ``f(n) = n + c`` for all ``n >= least``."""
        small = enumerate(self.small[least:], least)
        return self.rest if self.slope == 1 and all(v == n + self.rest for n, v in small) else None

    def clipped_from(self, least: int) -> int | None:
        """Return ``c`` where ``f(n) = max(n + c, 0)`` for all ``n >= least``."""
        small = enumerate(self.small[least:], least)
        return self.rest if self.slope == 1 and all(v == max(n + self.rest, 0) for n, v in small) else None

    def exceeds_from(self, bound: int, least: int) -> int | None:
        """Return the smallest ``n >= least`` with ``f(n) > bound``; None where there is none."""
        for n in range(least, _REACH):
            if self.small[n] > bound:
                return n
        n = max(least, _REACH)
        if self.at(n) > bound:
            return n
        return n + (bound - self.at(n)) // self.slope + 1 if self.slope > 0 else None

    def key_from(self, least: int) -> object:
        """Return what two functions share that are the same for all ``n >= least``."""
        return self.base, self.small[least:], self.slope, self.rest


def constant(value: int) -> Form:
    """Return a number as a function."""
    return Form(None, (value,) * _REACH, 0, value)


def identity(base: Var, shift: int = 0) -> Form:
    """Return a length, plus a constant."""
    return Form(base, tuple(range(shift, _REACH + shift)), 1, shift)


_POINTWISE: dict[str, Callable[..., int]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "min": min,
    "max": max,
    "lt": lambda x, y: int(x < y),
    "le": lambda x, y: int(x <= y),
    "gt": lambda x, y: int(x > y),
    "ge": lambda x, y: int(x >= y),
    "eq": lambda x, y: int(x == y),
    "ne": lambda x, y: int(x != y),
    "and": lambda x, y: int(x and y),
    "or": lambda x, y: int(x or y),
    "not": lambda x: int(not x),
    "select": lambda c, x, y: x if c else y,
}


def combined(name: str, forms: Sequence[Form]) -> Form | None:
    """Return what an operation makes of functions of one length; None for what is not represented."""
    rule = _POINTWISE.get(name)
    bases = {f.base for f in forms if f.base is not None}
    if rule is None or len(bases) > 1:
        return None
    line = _line(name, forms)
    if line is None or max(map(abs, line)) > 1 << 40:
        return None
    small = tuple(rule(*values) for values in zip(*(f.small for f in forms), strict=True))
    return Form(next(iter(bases), None), small, *line)


def _line(name: str, forms: Sequence[Form]) -> tuple[int, int] | None:
    """Return slope and rest of a result; None where it bends beyond reach."""
    if name == "not":
        return 0, int(not forms[0].rest)
    if name == "select":
        chosen = forms[1] if forms[0].rest else forms[2]
        return chosen.slope, chosen.rest
    f, g = forms
    match name:
        case "add":
            return f.slope + g.slope, f.rest + g.rest
        case "sub":
            return f.slope - g.slope, f.rest - g.rest
        case "mul":
            if f.slope and g.slope:
                return None
            return f.slope * g.rest + g.slope * f.rest, f.rest * g.rest
        case "and":
            return 0, int(f.rest and g.rest)
        case "or":
            return 0, int(f.rest or g.rest)
    slope, rest = f.slope - g.slope, f.rest - g.rest
    if slope and -rest * (1 if slope > 0 else -1) >= _REACH * abs(slope):
        return None
    # The sign of f - g from `_REACH` on.
    sign = slope or rest
    match name:
        case "min" | "max":
            chosen = f if (sign < 0) == (name == "min") else g
            return chosen.slope, chosen.rest
    return 0, _POINTWISE[name](sign, 0)
