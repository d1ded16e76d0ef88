"""Programs after each pass, and what a pass changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from revtrace.passes import watched
from revtrace.program.nodes import Program
from revtrace.program.show import show

__all__ = ["Stage", "changed", "stages"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A program after a pass.

    Attributes
    ----------
    name : str
        ``"trace"``, ``"prepare.simplify"`` ..., ``"derive"``, ``"clean.simplify"`` ...; of a second derivative they end
        with ``"#2"``.
    program : Program
    """

    name: str
    program: Program

    @property
    def text(self) -> str:
        """The program as text."""
        return show(self.program, locs=True)


def stages(make: Callable[[], object]) -> tuple[Stage, ...]:
    """Return the programs that come up while something is made.

    Parameters
    ----------
    make : callable
        Traces and differentiates.
    """
    found: list[Stage] = []
    counts: dict[str, int] = {}

    def seen(name: str, program: Program) -> None:
        if name == "prepare":
            name = "trace" if not found else "again"
        elif name == "clean":
            # What comes between the two lists of passes.
            name = "derive"
        counts[name] = counts.get(name, 0) + 1
        found.append(Stage(name if counts[name] == 1 else f"{name}#{counts[name]}", program))

    with watched(seen):
        make()
    return tuple(found)


def changed(before: Program | None, after: Program) -> str:
    """Return a program as text, each line marked: ``+`` new, ``-`` gone, blank as before.

    Names are given anew to each program, so a value may be called otherwise than before.
    """
    new = show(after).splitlines()
    if before is None:
        return "".join(f"  {line}\n" for line in new)
    lines = difflib.ndiff(show(before).splitlines(), new)
    return "".join(f"{line.rstrip()}\n" for line in lines if not line.startswith("?"))
