"""Rows as text in aligned columns, plain or with colours.

A cell is a list of styled lines; styles are names that `STYLES` gives colours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.dumps.listing import Line, Row
from revtrace.dumps.source import Excerpt
from revtrace.loc import Loc
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


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line with one style."""

    text: str
    style: str = ""


_Cell = list[Segment]


def columns(rows: Sequence[Row], excerpts: Sequence[Excerpt]) -> list[list[Segment]]:
    """Return the lines of the table of some rows; each line a list of segments."""
    backward = any(row.backward or row.answers for row in rows)
    names = ["source", "forward", "plan", "backward"] if backward else ["source", "forward"]
    where = _Places(excerpts)
    body: list[list[_Cell]] = []
    for row in rows:
        cells = [where.cell(row.loc), _lines(row.forward, _WIDEST["forward"])]
        if backward:
            cells += [_plan(row.answers), _lines(row.backward, _WIDEST["backward"]), _bytes(row.answers)]
        body.append(cells)
    headings = {
        "source": "source line",
        "plan": "plan",
        "forward": "forward ops",
        "backward": "backward ops, from below",
    }
    heads = [headings[name] for name in names] + (["bytes/iter"] if backward else [])
    widths = [max([len(head), *(len(s.text) for cells in body for s in cells[k])]) for k, head in enumerate(heads)]
    table = [_joined([Segment(h, "heading") for h in heads], widths)]
    table.append([Segment("-+-".join("-" * w for w in widths), "rule")])
    for cells in body:
        height = max(1, *map(len, cells))
        table += [_joined([c[k] if k < len(c) else Segment("") for c in cells], widths) for k in range(height)]
    return table


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
            out.append(Segment(" | ", "rule"))
        out += [cell, Segment(" " * (width - len(cell.text)))]
    return out


class _Places:
    """The source column: a line is written out where it differs from that of the row above."""

    def __init__(self, excerpts: Sequence[Excerpt]) -> None:
        self.excerpts = excerpts
        self.file = excerpts[0].file if excerpts else ""
        self.before = ("", 0)

    def cell(self, loc: Loc) -> _Cell:
        here = loc.file, loc.line
        if not loc.line or here == self.before:
            return []
        self.before = here
        name = "" if loc.file == self.file else f"{loc.short}:"
        text = next((t for e in self.excerpts if e.file == loc.file and (t := e.line(loc.line)) is not None), "")
        return [Segment(_clipped(f"{name}{loc.line:>4} {text}", _WIDEST["source"]), "source")]


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 2] + ".."


def _lines(lines: Sequence[Line], width: int) -> _Cell:
    cell: _Cell = []
    for line in lines:
        indent = "  " * line.depth
        room = max(20, width - len(indent))
        parts = textwrap.wrap(line.text, room, subsequent_indent="    ", break_long_words=False) or [""]
        cell += [Segment(indent + part, line.role) for part in parts]
    return cell


def _plan(answers: Sequence[Answer]) -> _Cell:
    cell: _Cell = []
    for answer in answers:
        text = f"{answer.answer} {answer.name}".rstrip()
        style = {"keep": "keep", "restore": "undo", "undo": "undo", "walk": "again", "recompute": "again"}
        if answer.bytes:
            text += f": {answer.why}"
        cell += [Segment(part, style.get(answer.answer, "")) for part in textwrap.wrap(text, _WIDEST["plan"])]
    return cell


def _bytes(answers: Sequence[Answer]) -> _Cell:
    total = sum(answer.bytes for answer in answers)
    return [Segment(f"{total:>10}", "keep")] if total else []
