"""The inverse of a function on pairs of value and adjoint: what ``~f`` is.

As ``out += f(x)`` undone: the values of ``out`` go down by ``f(x)``, to zero where they were the
result, and its adjoints are handed to the arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from revtrace.containers import build, describe, is_float, tree_of
from revtrace.cotangents import copied, flatten, floats_in
from revtrace.derived import Derived
from revtrace.dispatch.draws import Repeat
from revtrace.errors import InverseDriftError, TypeMismatchError
from revtrace.loc import Loc
from revtrace.products import VALUE, everything
from revtrace.replay import GVar
from revtrace.trace.record import Arg

__all__ = ["undo"]

_DRIFT = 1e-9


def undo(derived: Derived, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Undo ``out += f(*args)`` on pairs; returns what is left of ``out``, then the arguments."""
    with Repeat().run():
        return _undone(derived, out, args, kwargs)


def _undone(derived: Derived, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    values = copied(_mapped(args, _value))
    full, keywords = derived.full(values, kwargs)
    table = derived.table(len(args), VALUE)
    result = table.call((), full, keywords)
    what = "the first argument of ~f"
    pairs = _pairs(out, result, what, table.here)
    before = flatten(_mapped(out, _value), result, what, table.here)
    seeds = flatten(_mapped(out, lambda x: x.adjoint if isinstance(x, GVar) else x), result, what, table.here)
    rest = [b - r for b, r in zip(before, floats_in(result), strict=True)]
    if any(entry.written for entry in table.find(full, keywords).traced.inputs):
        _check(derived, before, rest)
    cotangents = derived.table(len(args), everything("pullback", len(args))).call(seeds, full, keywords)
    left = iter(rest)
    undone = _mapped(out, lambda x: GVar(next(left)) if isinstance(x, GVar) else x) if pairs else out
    gradients = iter(floats_in(cotangents))

    def handed(x: Any) -> Any:
        gradient = next(gradients) if is_float(_value(x)) else None
        if not isinstance(x, GVar):
            return x
        return GVar(copied(x.value), x.adjoint if gradient is None else x.adjoint + gradient)

    return (undone, *_mapped(args, handed))


def _check(derived: Derived, before: tuple[Any, ...], rest: list[Any]) -> None:
    """Refuse arguments that a function has already written."""
    for b, r in zip(before, rest, strict=True):
        if not np.all(np.abs(r) <= _DRIFT * np.maximum(np.abs(b), 1.0)):
            name = derived.function.__qualname__
            raise InverseDriftError(
                f"~{name} did not bring its output back to zero",
                f"{name} writes its arguments, and those given are not as they were on entry",
                "pass copies taken before the call",
            )


def _value(x: Any) -> Any:
    return x.value if isinstance(x, GVar) else x


def _mapped(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return nested containers with every leaf changed."""
    return build(tree_of(Arg("x"), value), lambda slot: leaf(slot.value))


def _pairs(out: Any, result: Any, what: str, here: Loc) -> bool:
    """Whether the result has floats; each must be given as a pair."""
    plain = [x for x in floats_in(out) if not isinstance(x, GVar)]
    if plain:
        raise TypeMismatchError(
            f"{what} is {describe(plain[0])}", "it is the result with its adjoint", "GVar(f(x), 1.0)", here
        )
    return bool(floats_in(result))
