"""Pairs of a value and its adjoint, and running a function's inverse on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from revtrace.program.nodes import Program
from revtrace.replay.interpret import run

__all__ = ["GVar", "invert"]


class GVar:
    """A value together with its adjoint, the derivative of the result by that value.

    Parameters
    ----------
    value : number or array
        The value.
    adjoint : number or array, optional
        The adjoint; zero of the same shape and dtype when not given.  A number given
        for an array fills it.

    Attributes
    ----------
    value : number or array
    adjoint : number or array

    Examples
    --------
    >>> GVar(3.0)
    GVar(3.0, 0.0)
    >>> GVar(3.0, 1.0).grad
    1.0
    """

    __slots__ = ("adjoint", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, adjoint: Any = None) -> None:
        if isinstance(value, GVar):
            raise TypeError("the value of a GVar is a number or an array, not another GVar")
        self.value = value
        if adjoint is None:
            adjoint = _zero(value)
        elif np.ndim(adjoint) == 0 and np.ndim(value) > 0:
            adjoint = _zero(value) + adjoint
        elif np.shape(adjoint) != np.shape(value):
            raise TypeError(f"an adjoint of shape {np.shape(adjoint)} does not fit a value of shape {np.shape(value)}")
        self.adjoint = adjoint

    @property
    def grad(self) -> Any:
        """The adjoint, by its other name."""
        return self.adjoint

    def unwrap(self) -> Any:
        """Return the value."""
        return self.value

    def __iter__(self) -> Any:
        """Yield the value, then the adjoint: ``value, adjoint = gvar``."""
        return iter((self.value, self.adjoint))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GVar):
            return NotImplemented
        return _equal(self.value, other.value) and _equal(self.adjoint, other.adjoint)

    def __repr__(self) -> str:
        return f"GVar({self.value!r}, {self.adjoint!r})"


def invert(
    reverse: Program,
    outputs: Sequence[GVar],
    inputs: Sequence[GVar],
    *,
    active_inputs: Sequence[int],
    active_outputs: Sequence[int],
    execute: Callable[[Program, Sequence[Any]], Sequence[Any]] = run,
) -> tuple[tuple[GVar, ...], tuple[GVar, ...]]:
    """Run the inverse of ``outputs += f(inputs)`` on pairs.

    The values of the outputs go down by ``f(inputs)``: to zero where they were the
    function's results.  Their adjoints are handed to the inputs, whose values stay.

    Parameters
    ----------
    reverse : Program
        What the reverse pass made of the function: takes its inputs and one seed per active
        output, returns its outputs and one gradient per active input.
    outputs, inputs : sequence of GVar
        One pair per output and per input.  They are not changed.
    active_inputs, active_outputs : sequence of int
        Which inputs have a gradient, and which outputs a seed.
    execute : callable
        Runs the program, the interpreter by default.

    Returns
    -------
    outputs, inputs : tuple of GVar
        New pairs: what is left of the outputs, with zero adjoint, and the inputs with
        their gradient added to their adjoint.
    """
    values = [_copy(g.value) for g in inputs]
    seeds = [_copy(outputs[k].adjoint) for k in active_outputs]
    results = execute(reverse, [*values, *seeds])
    primal, gradients = results[: len(outputs)], results[len(outputs) :]
    if len(gradients) != len(active_inputs):
        raise TypeError(f"the program returns {len(gradients)} gradients for {len(active_inputs)} active inputs")
    left = tuple(GVar(_minus(g.value, p)) for g, p in zip(outputs, primal, strict=True))
    found = [GVar(_copy(g.value), _copy(g.adjoint)) for g in inputs]
    for k, gradient in zip(active_inputs, gradients, strict=True):
        found[k] = GVar(found[k].value, found[k].adjoint + gradient)
    return left, tuple(found)


def _zero(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.zeros_like(value) if value.dtype != object else value * 0
    return False if isinstance(value, bool | np.bool_) else type(value)(0)


def _copy(value: Any) -> Any:
    return np.array(value, order="C") if isinstance(value, np.ndarray) else value


def _minus(value: Any, other: Any) -> Any:
    if np.asarray(value).dtype == bool:
        return value ^ other
    return value - other


def _equal(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.all(np.asarray(a == b)))
