"""Rows of the table of calls made of users' rules, one for each structure of arguments."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.structure import LEAVES, Spec, filled, flat, leaves, rebuilt, total_of
from revtrace.calls.transposed import transposed_pull, transposed_push
from revtrace.calls.users import NO_TANGENT, ZERO, NotImplementedTangent, UserRule
from revtrace.errors import GradientError

__all__ = ["arguments_of", "row_for"]

_counter = itertools.count(1)
"""Numbers rows, so that each has a name of its own."""


def row_for(rule: UserRule, args: Spec, out: Spec) -> Row:
    """Return the row that calls a rule's function with arguments of a structure, made at the first time."""
    key = (_key(args), _key(out))
    found = rule.rows.get(key)
    if found is None:
        found = rule.rows[key] = enter(_made(rule, args, out))
    return found


def _key(spec: Spec) -> Any:
    """What tells structures apart; known values by identity, which lasts as the row holds them."""
    if spec[0] == "static":
        return "static", type(spec[1]), spec[1] if isinstance(spec[1], (str, int)) else id(spec[1])
    return spec if spec[0] in LEAVES else (spec[0], tuple(_key(part) for part in spec[1]), spec[2])


def _made(rule: UserRule, args: Spec, out: Spec) -> Row:
    count, outs = len(leaves(args)), len(leaves(out))

    def run(*ins: Any) -> tuple[Any, ...]:
        given = rebuilt(args, [_guarded(x) for x in ins])
        return tuple(flat(out, rule.function(*given), rule.name))

    name = f"rule:{rule.name}:{next(_counter)}"
    pull = push = None
    if rule.adjoint is not None:
        pull = _foreign_pull(rule, name, args, out) if rule.foreign else _traced_pull(rule, args, out, count, outs)
    if rule.tangent is not None and not rule.foreign:
        push = _traced_push(rule, args, out, count, outs)
    floats = [k for k, leaf in enumerate(leaves(args)) if leaf[2][0] in "fc"]
    if all(leaf[2][0] in "fc" for leaf in leaves(out)):
        if pull is None and push is not None:
            pull = transposed_push(push, count, outs, floats)
        elif push is None and pull is not None and (rule.further is not None or not rule.foreign):
            push = transposed_pull(pull, count, outs, NotImplementedTangent)
    return Row(
        name,
        run,
        inverse=_inverse(rule, name, args, out) if rule.inverse is not None and _alike(args, out) else "",
        pull=pull,
        push=push,
        why_zero=rule.why_zero,
        raises=True,
        fixed=False,
        foreign=None if rule.adjoint is None or rule.foreign else _foreign_pull(rule, name, args, out),
        transposed=rule.tangent is None,
    )


def _alike(args: Spec, out: Spec) -> bool:
    """Whether the result is an array like the first argument."""
    return bool(out[0] == "array" and args[1][:1] == (out,))


def _inverse(rule: UserRule, name: str, args: Spec, out: Spec) -> str:
    """Enter the row of a rule's inverse, which is traced where it is differentiated itself."""
    count = len(leaves(args))
    floats = [k for k, leaf in enumerate(leaves(args)) if leaf[2][0] in "fc"]

    def inverse(*given: Any) -> Any:
        return rule.inverse(*rebuilt(args, given))  # type: ignore[misc]

    def run(*xs: Any) -> tuple[Any, ...]:
        return tuple(flat(out, inverse(*[_guarded(x) for x in xs]), rule.name))

    def pull() -> Callable[..., Any]:
        from revtrace.api import grad

        def derivative(*xs: Any) -> Any:
            paired = filled(total_of(inverse, xs[count + 1]), xs[:count], floats)
            found = grad(paired, tuple(range(len(floats))))(*[xs[k] for k in floats])
            shares = [None for _ in range(count)]
            for k, share in zip(floats, found):  # noqa: B905 - one for each
                shares[k] = share
            return tuple(shares)

        return derivative

    push = transposed_pull(pull, count, 1, NotImplementedTangent)
    row = Row(f"{name}:inverse", run, pull=pull, push=push, raises=True, fixed=False, transposed=True)
    return enter(row).name


def _guarded(x: Any) -> Any:
    view = np.asarray(x).view()
    view.flags.writeable = False
    return view


def _traced_pull(rule: UserRule, args: Spec, out: Spec, count: int, outs: int) -> Callable[..., Any]:
    adjoint = rule.adjoint

    def pull() -> Callable[..., Any]:
        def derivative(*xs: Any) -> Any:
            given = rebuilt(args, xs[:count])
            result = rebuilt(out, xs[count : count + outs])
            bar = rebuilt(out, xs[count + outs :])
            return tuple(_cotangents(rule, args, adjoint(bar, result, *given)))  # type: ignore[misc]

        return derivative

    return pull


def _traced_push(rule: UserRule, args: Spec, out: Spec, count: int, outs: int) -> Callable[..., Any]:
    tangent = rule.tangent

    def push() -> Callable[..., Any]:
        def derivative(*xs: Any) -> Any:
            given = rebuilt(args, xs[:count])
            result = rebuilt(out, xs[count : count + outs])
            dots = rebuilt(args, xs[count + outs :])
            return tuple(flat(out, tangent(dots, result, *given), ""))  # type: ignore[misc]

        return derivative

    return push


def _cotangents(rule: UserRule, args: Spec, found: Any) -> list[Any]:
    """A cotangent for each leaf of the arguments, None for none.

    There may be more of them than arguments: for parameters with defaults that were not passed.
    """
    parts = args[1]
    given = found if isinstance(found, (tuple, list)) else (found,)
    if len(given) < len(parts) or len(given) > max(rule.most, len(parts)):
        raise GradientError(
            f"the adjoint of the rule of {rule.name} returns {len(given)} cotangents for {len(parts)} arguments"
        )
    flat_parts: list[Any] = []
    for part, x in zip(parts, given):  # noqa: B905 - the rest belongs to no argument
        flat_parts += _share(rule, part, x)
    return flat_parts


def _share(rule: UserRule, spec: Spec, x: Any) -> list[Any]:
    kind = spec[0]
    if kind == "static":
        return []
    if x is None or x is ZERO or x is NO_TANGENT:
        return [None] * len(leaves(spec))
    if isinstance(x, NotImplementedTangent):
        return [x] * len(leaves(spec))
    if kind in ("array", "number", "scalar"):
        share = np.asarray(x)
        if share.ndim > spec[1]:
            raise GradientError(
                f"the adjoint of the rule of {rule.name} returns {share.ndim} axes for an argument of {spec[1]}"
            )
        return [share]
    values = [x[k] for k in spec[2]] if kind == "dict" else [x[k] for k in range(len(spec[1]))]
    shares: list[Any] = []
    for part, value in zip(spec[1], values):  # noqa: B905 - one for each part by construction
        shares += _share(rule, part, value)
    return shares


def _foreign_pull(rule: UserRule, name: str, args: Spec, out: Spec) -> Callable[..., Any]:
    """The adjoint as a call of a row of its own."""
    from revtrace.trace.callables.user_rules import opaque

    # The row's operands are those of the adjoint, in its order.
    every: Spec = ("tuple", (out, out, *args[1]), None)
    kinds = leaves(every)
    count, outs = len(leaves(args)), len(leaves(out))
    wanted = [k for k in range(2 * outs, len(kinds)) if kinds[k][2][0] in "fc"]
    name = f"{name}:adjoint"

    def run(*xs: Any) -> tuple[Any, ...]:
        assert rule.adjoint is not None
        bar, result, *given = rebuilt(every, [_guarded(x) for x in xs])
        shares = _cotangents(rule, args, rule.adjoint(bar, result, *given))
        return tuple(_array(shares[k - 2 * outs], xs[k], rule.name) for k in wanted)

    def further() -> Callable[..., Any]:
        assert rule.further is not None
        made: Callable[..., Any] = _foreign_pull(rule.further(), name, every, _of_floats(args))()
        return made

    again = None if rule.further is None else further
    push = None if again is None else transposed_pull(again, len(kinds), len(wanted), NotImplementedTangent)
    enter(Row(name, run, pull=again, push=push, raises=True, fixed=False, transposed=True))
    call = opaque(name, wanted, len(kinds))

    def pull() -> Callable[..., Any]:
        def derivative(*xs: Any) -> Any:
            given, results, bars = xs[:count], xs[count : count + outs], xs[count + outs :]
            return call(*bars, *results, *given)[2 * outs :]

        return derivative

    return pull


def _of_floats(spec: Spec) -> Spec:
    """Return the structure of the cotangents of a value."""
    if spec[0] in LEAVES:
        return ("array", *spec[1:]) if spec[2][0] in "fc" else ("static", None)
    return ("static", None) if spec[0] == "static" else (spec[0], tuple(_of_floats(part) for part in spec[1]), spec[2])


def _array(share: Any, like: Any, name: str) -> Any:
    if share is None:
        return np.zeros_like(like)
    if isinstance(share, NotImplementedTangent):
        raise GradientError(f"the rule of {name} does not give this derivative: {share.why}")
    found = np.asarray(share)
    return found if found.shape == like.shape else np.broadcast_to(found, like.shape)


def arguments_of(f: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return all arguments of a call by position."""
    if not kwargs:
        return tuple(args)
    bound = inspect.signature(f).bind(*args, **kwargs)
    if bound.kwargs:
        raise TypeError("keyword-only arguments have no place in a rule")
    return bound.args
