"""Rows as text in aligned columns, plain or with colours.

A cell is a list of styled lines; styles are names that `STYLES` gives colours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.dumps.listing import Line, Row
from revtrace.dumps.source import Excerpt
from revtrace.loc import NOWHERE, Loc
from revtrace.passes.plan import Answer

__all__ = ["STYLES", "Segment", "columns", "painted", "plain"]

STYLES = {
    "heading": "bold",
    "number": "dim",
    "source": "cyan",
    "": "",
    "keep": "yellow",
    "fetch": "yellow",
    "again": "green",
    "undo": "magenta",
    "adjoint": "blue",
    "rule": "dim",
}
"""Colours of the roles, as rich names them."""

_WIDEST = {"source": 44, "forward": 46, "plan": 30, "backward": 46}
_LEAST = {"source": 30, "forward": 22, "plan": 12, "backward": 22}
_HEADINGS = {
    "source": "source line",
    "forward": "forward ops",
    "plan": "plan",
    "backward": "backward ops, from below",
    "bytes": "bytes/iter",
}
_BAR = " | "


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line with one style."""

    text: str
    style: str = ""


_Cell = list[Segment]


def columns(
    rows: Sequence[Row], excerpts: Sequence[Excerpt], here: Loc = NOWHERE, width: int | None = None
) -> list[list[Segment]]:
    """Return the lines of the table of some rows; each line a list of segments.

    Parameters
    ----------
    rows : sequence of Row
    excerpts : sequence of Excerpt
        The source.
    here : Loc
        The function's first line.
    width : int, optional
        Characters that a line may have, as far as that can be had; a narrow table has source lines between its rows.
    """
    backward = any(row.backward or row.answers for row in rows)
    names = ["source", "forward", "plan", "backward", "bytes"] if backward else ["source", "forward"]
    limits = _limits(names, width)
    stacked = limits is None
    if limits is None:
        names.remove("source")
        limits = _limits(names, width) or _LEAST
    where = _Places(excerpts, limits["source"] if not stacked else width or _WIDEST["source"])
    body: list[tuple[_Cell, list[_Cell]]] = []
    for row in rows:
        source = where.cell(here if row.part == "begin" else row.loc)
        made = {
            "source": source,
            "forward": _lines(row.forward, limits["forward"]),
            "plan": _plan(row.answers, limits["plan"]),
            "backward": _lines(row.backward, limits["backward"]),
            "bytes": _bytes(row.answers),
        }
        body.append((source if stacked else [], [made[name] for name in names]))
    heads = [_HEADINGS[name] for name in names]
    widths = [max([len(head), *(len(s.text) for _, cells in body for s in cells[k])]) for k, head in enumerate(heads)]
    table = [_joined([Segment(h, "heading") for h in heads], widths)]
    table.append([Segment("-+-".join("-" * w for w in widths), "rule")])
    for above, cells in body:
        height = max(1, *map(len, cells))
        table += [[segment] for segment in above]
        table += [_joined([c[k] if k < len(c) else Segment("") for c in cells], widths) for k in range(height)]
    return table


def _limits(names: Sequence[str], width: int | None) -> dict[str, int] | None:
    """Return how wide the cells of columns may be; None where the least is too wide."""
    if width is None:
        return _WIDEST
    fixed = len(_BAR) * (len(names) - 1) + (len(_HEADINGS["bytes"]) if "bytes" in names else 0)
    folded = [name for name in names if name in _WIDEST]
    share = (width - fixed) / sum(_WIDEST[name] for name in folded)
    found = {name: int(_WIDEST[name] * share) for name in folded}
    return found if all(found[name] >= _LEAST[name] for name in folded) else None


def plain(lines: Sequence[Sequence[Segment]]) -> str:
    """Return lines of segments without styles."""
    return "".join("".join(s.text for s in line).rstrip() + "\n" for line in lines)


def painted(lines: Sequence[Sequence[Segment]]) -> object:
    """Return lines of segments as a text of rich's, which prints it in colours; needs rich."""
    from rich.text import Text

    whole = Text(no_wrap=True)
    for line in lines:
        for segment in line:
            whole.append(segment.text, STYLES.get(segment.style, ""))
        whole.append("\n")
    return whole


def _joined(cells: Sequence[Segment], widths: Sequence[int]) -> list[Segment]:
    out: list[Segment] = []
    for k, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if k:
            out.append(Segment(_BAR, "rule"))
        out += [cell, Segment(" " * (width - len(cell.text)))]
    return out


class _Places:
    """The source column: a line is written out where it differs from that of the row above."""

    def __init__(self, excerpts: Sequence[Excerpt], width: int) -> None:
        self.excerpts = excerpts
        self.width = width
        self.file = excerpts[0].file if excerpts else ""
        self.before = ("", 0)

    def cell(self, loc: Loc) -> _Cell:
        here = loc.file, loc.line
        if not loc.line or here == self.before:
            return []
        self.before = here
        name = "" if loc.file == self.file else f"{loc.short}:"
        text = next((t for e in self.excerpts if e.file == loc.file and (t := e.line(loc.line)) is not None), "")
        start = f"{name}{loc.line:>4} "
        # A line that is too long goes on below, further in.
        inner = " " * (len(start) + len(text) - len(text.lstrip()) + 4)
        inner = inner if len(inner) + 16 <= self.width else " " * len(start)
        parts = textwrap.wrap(start + text, self.width, subsequent_indent=inner, drop_whitespace=True)
        return [Segment(part, "source") for part in parts]


def _lines(lines: Sequence[Line], width: int) -> _Cell:
    cell: _Cell = []
    for line in lines:
        indent = "  " * line.depth
        room = max(16, width - len(indent))
        parts = textwrap.wrap(line.text, room, subsequent_indent="    ", break_long_words=False) or [""]
        cell += [Segment(indent + part, line.role) for part in parts]
    return cell


def _plan(answers: Sequence[Answer], width: int) -> _Cell:
    cell: _Cell = []
    for answer in answers:
        text = f"{answer.answer} {answer.name}".rstrip()
        style = {
            "keep": "keep",
            "checkpoint": "keep",
            "restore": "undo",
            "undo": "undo",
            "walk": "again",
            "recompute": "again",
        }
        if answer.bytes:
            text += f": {answer.why}"
        cell += [Segment(part, style.get(answer.answer, "")) for part in textwrap.wrap(text, width)]
    return cell


def _bytes(answers: Sequence[Answer]) -> _Cell:
    total = sum(answer.bytes for answer in answers)
    return [Segment(f"{total:>10}", "keep")] if total else []
