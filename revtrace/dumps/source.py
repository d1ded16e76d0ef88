"""The user's source as dumps show it: excerpts, one per function that was traced into."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable
from dataclasses import dataclass

from revtrace.loc import Loc

__all__ = ["Excerpt", "excerpts"]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Consecutive lines of a file.

    Attributes
    ----------
    file : str
    first : int
        Number of the first line.
    lines : tuple of str
        Without line ends.
    """

    file: str
    first: int
    lines: tuple[str, ...]

    def line(self, number: int) -> str | None:
        """Return a line of the file, None if it is not in the excerpt."""
        k = number - self.first
        return self.lines[k] if 0 <= k < len(self.lines) else None


def excerpts(here: Loc, places: Iterable[Loc]) -> tuple[Excerpt, ...]:
    """Return the functions around some places, that of ``here`` first."""
    wanted: dict[str, set[int]] = {}
    for loc in (here, *places):
        if loc.line:
            wanted.setdefault(loc.file, set()).add(loc.line)
    found = []
    for file, numbers in wanted.items():
        for first, last in _spans(file, numbers):
            lines = tuple(linecache.getline(file, k).rstrip("\n") for k in range(first, last + 1))
            found.append(Excerpt(file, first, lines))
    main = (here.file, here.line)
    return tuple(sorted(found, key=lambda e: (e.file != main[0] or e.line(main[1]) is None, e.file, e.first)))


def _spans(file: str, numbers: set[int]) -> list[tuple[int, int]]:
    """Return first and last line of the outermost functions that hold some lines."""
    text = "".join(linecache.getlines(file))
    functions: list[tuple[int, int]] = []
    try:
        tree = ast.parse(text) if text else None
    except SyntaxError:
        tree = None
    work: list[ast.AST] = [] if tree is None else [tree]
    while work:
        for node in ast.iter_child_nodes(work.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                functions.append((start, node.end_lineno or node.lineno))
            else:
                work.append(node)
    spans: set[tuple[int, int]] = set()
    for number in numbers:
        spans.add(next((s for s in functions if s[0] <= number <= s[1]), (number, number)))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1 and first == last:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
