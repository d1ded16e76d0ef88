"""A function of flat arrays, run over a leading axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec

__all__ = ["Batched"]


class Batched(Flat):
    """A function run for every entry along a leading axis, one after the other.

    Parameters
    ----------
    inner : Flat
    size : int
        The axis's length.
    ins : tuple of bool
        Which inputs have the axis.
    outs : tuple of bool, optional
        Which outputs get the axis; the others are summed over it.  All by default.
    """

    def __init__(self, inner: Flat, size: int, ins: tuple[bool, ...], outs: tuple[bool, ...] | None = None) -> None:
        self.inner, self.size, self.ins, self.outs = inner, size, ins, outs
        self.linear = inner.linear

    def inside(self, specs: Sequence[Spec]) -> list[Spec]:
        """Return what one run takes."""
        return [Spec(s.shape[1:], s.dtype) if b else s for s, b in zip(specs, self.ins, strict=True)]

    def stacked(self, specs: Sequence[Spec]) -> tuple[bool, ...]:
        """Return which outputs get the axis."""
        return self._stacked(len(self.inner.outputs(self.inside(specs))))

    def _stacked(self, count: int) -> tuple[bool, ...]:
        return (True,) * count if self.outs is None else self.outs

    def run(self, values: Sequence[Any]) -> tuple[np.ndarray, ...]:
        """See `Flat.run`."""
        arrays = [np.asarray(v) for v in values]
        if not self.size:
            specs = self.outputs([Spec(a.shape, a.dtype) for a in arrays])
            return tuple(np.zeros(s.shape, s.dtype) for s in specs)
        rows = [
            self.inner.run([a[k] if b else a for a, b in zip(arrays, self.ins, strict=True)]) for k in range(self.size)
        ]
        self.alike(self.ins)
        columns = list(zip(*rows, strict=True))
        stacked = self._stacked(len(columns))
        return tuple(np.stack(c) if b else _summed(c) for c, b in zip(columns, stacked, strict=True))

    def outputs(self, specs: Sequence[Spec]) -> tuple[Spec, ...]:
        """See `Flat.outputs`."""
        inner = self.inner.outputs(self.inside(specs))
        stacked = self._stacked(len(inner))
        return tuple(Spec((self.size, *s.shape), s.dtype) if b else s for s, b in zip(inner, stacked, strict=True))

    def prepare(self, specs: Sequence[Spec]) -> None:
        """See `Flat.prepare`."""
        count = len(specs)
        self.inner.prepare(
            [Spec(s.shape[1:], s.dtype) if b else s for s, b in zip(specs, self.ins[:count], strict=True)]
        )

    def pullback(self, active: tuple[int, ...]) -> Batched:
        """See `Flat.pullback`."""
        inner = self.inner.pullback(active)
        ins = (*self.ins, *self._inexact())
        return Batched(inner, self.size, ins, tuple(self.ins[k] for k in active))

    def pushforward(self, active: tuple[int, ...]) -> Batched:
        """See `Flat.pushforward`."""
        inner = self.inner.pushforward(active)
        return Batched(inner, self.size, (*self.ins, *(self.ins[k] for k in active)), self._inexact())

    def _inexact(self) -> tuple[bool, ...]:
        """Return which of the inexact outputs are stacked."""
        given = self.given
        return tuple(b for b, dtype in zip(self._stacked(len(given)), given, strict=True) if dtype.kind in "fc")

    @property
    def given(self) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the outputs."""
        return self.inner.given

    def transpose(self) -> Batched:
        """See `Flat.transpose`."""
        assert self.linear is not None
        return Batched(
            self.inner.transpose(),
            self.size,
            (*self.ins[: self.linear], *self._stacked(len(self.given))),
            self.ins[self.linear :],
        )

    def still(self) -> Batched:
        """See `Flat.still`."""
        return Batched(self.inner.still(), self.size, self.ins, self.outs)

    def alike(self, ins: Sequence[bool]) -> None:
        """See `Flat.alike`."""
        self.inner.alike(ins)


def _summed(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum in order."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
