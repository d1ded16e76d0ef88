"""Adjoints and tangents from the forms in which a user may give them: partial derivatives, residuals as in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from revtrace.calls.users import NotImplementedTangent

__all__ = ["by_partials", "by_residuals", "not_implemented"]


def by_partials(partials: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The adjoint and the tangent of a function that works element by element."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        slopes = partials(out, *args)
        if not isinstance(slopes, tuple):
            slopes = (slopes,)
        return tuple([ct * s for s in slopes])

    def tangent(dots: Any, out: Any, *args: Any) -> Any:
        slopes = partials(out, *args)
        if not isinstance(slopes, tuple):
            slopes = (slopes,)
        total = 0.0
        for dot, s in zip(dots, slopes):  # noqa: B905 - one for each argument
            if dot is not None:
                total = total + dot * s
        return total

    return adjoint, tangent


def by_residuals(fwd: Callable[..., Any], bwd: Callable[..., Any]) -> Callable[..., Any]:
    """The adjoint of JAX's form: a forward function that returns residuals, and one of residuals and cotangent."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        return bwd(fwd(*args)[1], ct)

    return adjoint


def not_implemented(why: str = "it is not implemented") -> NotImplementedTangent:
    """Return what stands for a derivative that exists and that the rule does not give."""
    return NotImplementedTangent(why)
