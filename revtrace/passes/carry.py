"""What a loop of the backward sweep carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.program.nodes import Operand, Var

__all__ = ["Carry", "Settled"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a loop carries, less what its body hands on unchanged.

    ``swaps`` says what to put for the params that went, ``after`` what each value that
    was to be carried is after the loop.
    """

    params: tuple[Var, ...]
    inits: tuple[Operand, ...]
    results: tuple[Operand, ...]
    outs: tuple[Var, ...]
    swaps: dict[Var, Operand]
    after: tuple[Operand, ...]


class Carry:
    """Values a loop is to carry: a param for each, made before the body is written."""

    def __init__(self) -> None:
        self.inits: list[Operand] = []
        self.params: list[Var] = []

    def add(self, init: Operand, name: str) -> None:
        """Carry one more value."""
        self.inits.append(init)
        self.params.append(Var(init.type, name))

    def settle(self, results: Sequence[Operand]) -> Settled:
        """Given what the body hands on, drop what stays as it was."""
        swaps: dict[Var, Operand] = {}
        keep: list[int] = []
        outs: list[Var] = []
        after: list[Operand] = []
        for k, (p, y) in enumerate(zip(self.params, results, strict=True)):
            if p is y:
                swaps[p] = self.inits[k]
                after.append(self.inits[k])
            else:
                keep.append(k)
                outs.append(Var(p.type, p.name))
                after.append(outs[-1])
        return Settled(
            tuple(self.params[k] for k in keep),
            tuple(self.inits[k] for k in keep),
            tuple(swaps.get(y, y) if isinstance(y, Var) else y for y in (results[k] for k in keep)),
            tuple(outs),
            swaps,
            tuple(after),
        )
