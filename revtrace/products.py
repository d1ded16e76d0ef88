"""Products with derivatives: vjp, jvp and hvp of a derived function at given arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from revtrace.callee import parameters
from revtrace.containers import describe
from revtrace.cotangents import copied, flatten, zero_tangent
from revtrace.derived import Derived
from revtrace.dispatch.draws import Repeat
from revtrace.dispatch.steps import Step
from revtrace.errors import TypeMismatchError
from revtrace.loc import Loc

__all__ = ["VALUE", "hessian_product", "hvp", "jvp", "vjp"]

VALUE = Step("value")
"""The function itself, leaving its arguments as they are."""


class Pullback:
    """Takes a cotangent of the result to cotangents of the arguments.

    Holds copies of the arguments; each call runs the function forward and backward again, with the random numbers that
    the value was computed with.
    """

    def __init__(
        self, derived: Derived, step: Step, out: Any, args: tuple[Any, ...], kwargs: dict[str, Any], repeat: Repeat
    ) -> None:
        self._derived, self._step, self._out, self._repeat = derived, step, out, repeat
        self._args, self._kwargs = args, kwargs
        self._table = derived.table(len(args), step)

    def __call__(self, ct: Any) -> tuple[Any, ...]:
        """Return one cotangent per positional argument.

        Parameters
        ----------
        ct : number, array or container
            Cotangent of the result: the same structure, shapes and dtypes.

        Returns
        -------
        tuple
            One entry per positional argument, in its structure; None for what is not a float.
        """
        seeds = flatten(ct, self._out, "the cotangent", self._table.here)
        args, kwargs = self._derived.full(self._args, self._kwargs)
        with self._repeat.run():
            return self._table.call(seeds, args, kwargs)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<pullback of {self._derived.function.__qualname__}>"


def everything(kind: str, count: int, **facts: Any) -> Step:
    """Return a step by all of ``count`` positional arguments."""
    return Step(kind, tuple(range(count)), (), single=False, strict=False, **facts)


def vjp(derived: Derived, args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool = False) -> Any:
    """Return ``(out, pullback)``, or ``(out, pullback, aux)``."""
    repeat = Repeat()
    with repeat.run():
        out = derived.table(len(args), VALUE).call((), *derived.full(args, kwargs))
    # The caller may change the arguments, or the result where it is one of them, before pulling back.
    args, kwargs = copied(args), copied(kwargs)
    step = everything("pullback", len(args), has_aux=has_aux)
    if not has_aux:
        return out, Pullback(derived, step, out, args, kwargs, repeat)
    out, aux = _pair(out, derived)
    return out, Pullback(derived, step, out, args, kwargs, repeat), aux


def _pair(out: Any, derived: Derived) -> Any:
    if isinstance(out, tuple) and len(out) == 2:
        return out
    raise TypeMismatchError(
        f"{derived.function.__qualname__} returns {describe(out)}, not a pair",
        "has_aux=True is for functions that return (value, aux)",
        "return (value, aux), or leave has_aux out",
    )


def along(
    derived: Derived,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    here: Loc,
    call: Callable[..., Any],
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call with primals and checked tangents."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeMismatchError(
                f"{name} is {describe(given)}", "", f"pass a tuple, one entry per argument: ({name},)"
            )
    primals = tuple(primals)
    seeds = flatten(tuple(tangents), primals, "tangents", here)
    return call(seeds, *derived.full(primals, kwargs or {}))


def jvp(derived: Derived, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Return ``(out, tangent_out)``, or ``(out, tangent_out, aux)``."""
    table = derived.table(len(primals), everything("pushforward", len(primals), has_aux=has_aux))
    return along(derived, primals, tangents, table.here, table.call)


def hvp(
    derived: Derived,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    gradient: Step,
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """Return the Hessian times the tangents, in the structure of the gradient."""
    table = derived.table(len(primals), gradient, everything("pushforward", len(primals)))
    return along(derived, primals, tangents, table.here, table.call, kwargs)[1]


def hessian_product(derived: Derived, args: tuple[Any, ...], kwargs: dict[str, Any], gradient: Step) -> Any:
    """Return the Hessian by the arguments that a gradient is asked for, times the last of ``args``.

    The vector has the structure of the gradient: one for one argument, a tuple for a tuple of arguments.
    """
    *point, vector = args or (None,)
    if not point:
        raise TypeMismatchError(
            f"{len(args)} positional argument(s) were passed",
            "the last one is the vector that the Hessian is multiplied with",
            "hvp(f)(x, v), or hvp(f, primals, tangents)",
        )
    names = parameters(derived.function).positional[len(derived.callee.prefix) :]
    at = [k % len(point) if -len(point) <= k < len(point) else k for k in gradient.argnums]
    at += [names.index(name) if name in names else len(point) for name in gradient.argnames]
    vectors = (vector,) if gradient.single else vector
    if max(at, default=0) >= len(point):
        raise TypeMismatchError(
            "no vector can be passed for an argument that is not passed by position",
            f"the Hessian is asked for by {len(at)} of {len(point)} positional argument(s)",
            "pass it by position, and the vector after it",
        )
    if not isinstance(vectors, (tuple, list)) or len(vectors) != len(at):
        raise TypeMismatchError(
            f"the vector is {describe(vector)}",
            f"it belongs to the gradient by {len(at)} arguments, which is a tuple",
            f"pass a tuple of {len(at)} vectors",
        )
    tangents = [zero_tangent(x) for x in point]
    for k, part in zip(at, vectors, strict=True):
        tangents[k] = part
    return hvp(derived, point, tangents, gradient, kwargs)
