"""Programs after each pass, and what a pass changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from revtrace.passes import watched
from revtrace.program.nodes import Program
from revtrace.program.show import names, show

__all__ = ["Stage", "changed", "overview", "stages"]


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

    A value that was there before keeps its name.
    """
    return "".join(f"{line}\n" for line in _marked(before, after))


def overview(found: Sequence[Stage]) -> str:
    """Return the names of stages, and how many lines of the program each made and removed."""
    width = max((len(stage.name) for stage in found), default=0)
    lines = []
    before = None
    for stage in found:
        marked = _marked(before, stage.program)
        new, gone = (sum(line.startswith(mark) for line in marked) for mark in "+-")
        told = f"{len(marked)} lines" if before is None else f"+{new} -{gone}" if new or gone else "unchanged"
        lines.append(f"{stage.name:{width}}  {told}\n")
        before = stage.program
    return "".join(lines)


def _marked(before: Program | None, after: Program) -> list[str]:
    if before is None:
        return [f"  {line}" for line in show(after).splitlines()]
    old = show(before).splitlines()
    found = [_compared(old, show(after, known=names(before)).splitlines())]
    if _marks(found[0]) > len(old):
        # Of a pass that makes every value anew; names given in the same order are much the same.
        found.append(_compared(old, show(after).splitlines()))
    return min(found, key=_marks)


def _marks(lines: list[str]) -> int:
    return sum(line[0] != " " for line in lines)


def _compared(old: list[str], new: list[str]) -> list[str]:
    lines: list[str] = []
    # By equal stretches: ndiff compares the characters of lines, too, which takes minutes for long programs.
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [f"  {line}" for line in new[c:d]]
        else:
            lines += [f"- {line}" for line in old[a:b]] + [f"+ {line}" for line in new[c:d]]
    return lines
