"""One call of a host's: the random numbers that it draws are those that its derivatives of any order see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from revtrace.dispatch.draws import Repeat
from revtrace.errors import UnsupportedError
from revtrace.interop.common import Call
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec

__all__ = ["Drawn"]


class Drawn(Flat):
    """A call that a host makes at once, or a derivative of it.

    Parameters
    ----------
    inner : Call
    repeat : Repeat, optional
        What the call has drawn, shared by its derivatives.
    """

    def __init__(self, inner: Call, repeat: Repeat | None = None) -> None:
        self.inner, self.repeat = inner, Repeat() if repeat is None else repeat
        self.linear = inner.linear

    def still(self) -> Call:
        """See `Flat.still`."""
        if self.repeat.tapes:
            raise UnsupportedError(
                "a function that has drawn random numbers, differentiated inside of compiled code of a host's",
                "that is run many times, with the numbers of one call",
                "draw them outside and pass them as an argument",
                self.inner.table.here,
            )
        return self.inner

    def alike(self, ins: Sequence[bool]) -> None:
        """See `Flat.alike`."""
        if self.repeat.tapes and any(ins[: len(self.inner.site.dtypes)]):
            raise UnsupportedError(
                "random numbers drawn in a function that a host runs over an axis",
                "whether its entries see the same numbers is not said",
                "draw them outside and pass them as an argument",
                self.inner.table.here,
            )

    @property
    def given(self) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the outputs."""
        return self.inner.given

    def run(self, values: Sequence[Any]) -> tuple[np.ndarray, ...]:
        """See `Flat.run`."""
        with self.repeat.run():
            return self.inner.run(values)

    def outputs(self, specs: Sequence[Spec]) -> tuple[Spec, ...]:
        """See `Flat.outputs`."""
        return self.inner.outputs(specs)

    def prepare(self, specs: Sequence[Spec]) -> None:
        """See `Flat.prepare`."""
        self.inner.prepare(specs)

    def pullback(self, active: tuple[int, ...]) -> Drawn:
        """See `Flat.pullback`."""
        return Drawn(self.inner.pullback(active), self.repeat)

    def pushforward(self, active: tuple[int, ...]) -> Drawn:
        """See `Flat.pushforward`."""
        return Drawn(self.inner.pushforward(active), self.repeat)

    def transpose(self) -> Drawn:
        """See `Flat.transpose`."""
        return Drawn(self.inner.transpose(), self.repeat)
