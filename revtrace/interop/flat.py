"""What every host module differentiates: a function from numbers and arrays to numbers and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from revtrace.interop.shapes import Spec

__all__ = ["Flat"]


class Flat:
    """A function from a sequence of numbers and arrays to a tuple of them, which can be differentiated.

    Attributes
    ----------
    linear : int or None
        For a pushforward, from which input on it is linear in the inputs.
    name : str or None
        How a host's graph calls it, where it does by name.
    """

    linear: int | None = None
    name: str | None = None

    @property
    def given(self) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the outputs, once it has been run or asked for them."""
        raise NotImplementedError

    def run(self, values: Sequence[Any]) -> tuple[np.ndarray, ...]:
        """Return the outputs for these inputs, as arrays that share no memory with them."""
        raise NotImplementedError

    def outputs(self, specs: Sequence[Spec]) -> tuple[Spec, ...]:
        """Return what the outputs are for inputs of these shapes."""
        raise NotImplementedError

    def prepare(self, specs: Sequence[Spec]) -> None:
        """Compile for inputs of these shapes; raises what revtrace refuses."""
        raise NotImplementedError

    def pullback(self, active: tuple[int, ...]) -> Flat:
        """Return the function of the inputs and one seed per inexact output that gives cotangents of active inputs."""
        raise NotImplementedError

    def pushforward(self, active: tuple[int, ...]) -> Flat:
        """Return the function of the inputs and one tangent per active input that gives tangents of inexact outputs."""
        raise NotImplementedError

    def transpose(self) -> Flat:
        """Return the transpose of a pushforward: of its first inputs and cotangents of its outputs."""
        raise NotImplementedError

    def still(self) -> Flat:
        """Return the same function for code that is run again and again; raises where it has drawn random numbers."""
        return self

    def alike(self, ins: Sequence[bool]) -> None:
        """Raise where runs that differ in some inputs have drawn random numbers."""
