"""A run line by line, as text."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.loc import Loc

if TYPE_CHECKING:
    from revtrace.runs.recording import Recording
    from revtrace.runs.summary import Assigned, Summary

__all__ = ["amount", "clipped", "report", "value_text"]


def amount(count: int) -> str:
    """Return a number of bytes with its unit."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes" if count != 1 else "1 byte"


def value_text(value: Any, width: int = 40) -> str:
    """Return a value in at most ``width`` characters."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, complex):
        return f"{value.real:.5g}{value.imag:+.5g}j"
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, threshold=8, edgeitems=2, separator=" ").replace("\n", " ")
        text = " ".join(text.split())
        if len(text) > width:
            text = f"{text[: width - 12]}.. {list(value.shape)}"
        return text
    return clipped(str(value), width)


def _bad(recording: Recording) -> str:
    """Return where the first NaN or infinity comes from; the recording stays where it is."""
    here = recording.moment().step
    moment = recording.first_bad()
    assert moment is not None
    reads = ", ".join(f"{name} = {value_text(value, 24)}" for name, value in moment.reads)
    made = moment.after if moment.after is not None else moment.result
    recording.at(here)
    line = f"line {moment.loc.line}: {linecache.getline(moment.loc.file, moment.loc.line).strip()}"
    return f"{line}\n    {moment.text}{f', with {reads}' if reads else ''}, gives {value_text(made, 24)}"


_HEADS = ("line", "source", "forward", "backward", "last value", "its adjoint", "largest adjoint", "kept")
_COUNTS = (2, 3)
"""Columns that a narrow terminal goes without."""

_SOURCE = 1
_WIDEST, _LEAST = 44, 20
"""Characters of a source line."""


def report(summary: Summary, recording: Recording, width: int | None = None) -> str:
    """Return the table of a run: per line how often it ran, what it assigned last, the adjoint of that, what it kept.

    Parameters
    ----------
    summary : Summary
    recording : Recording
    width : int, optional
        Characters that a line may have, as far as that can be had.
    """
    lines = _table(list(_rows(summary, recording.call.here.file)), width)
    turn = f", the backward sweep begins at step {summary.turn + 1}" if summary.turn is not None else ""
    kept = f"at most {amount(summary.most)} kept at once" if summary.most else "nothing is kept"
    lines.append(f"\n{recording.length} steps{turn}; {kept}.")
    if summary.most and not recording.call.tidied:
        lines.append("The run is of the function as it is written; what is compiled may keep less, see its dump.")
    if summary.bad is not None:
        lines.append(f"The first NaN or infinity comes up at step {summary.bad + 1}, {_bad(recording)}")
    if recording.failed is not None:
        lines.append(f"The run stops there: {recording.failed.reason}.")
    if not recording.complete:
        lines.append("The run was cut off at its limit of steps.")
    return "\n".join(lines)


def _rows(summary: Summary, main: str) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the lines that ran; further variables that a line assigns have rows of their own."""
    for (file, line), facts in sorted(summary.lines.items(), key=lambda item: (item[0][0] != main, *item[0])):
        if not (facts.forward or facts.backward or facts.kept):
            continue
        name = "" if file == main else f"{Loc(file).short}:"
        first, *further = [_assigned(found) for found in facts.assigned.values()] or [("", "")]
        text = linecache.getline(file, line).strip()
        largest = f"{facts.largest:.3g}" if facts.largest else ""
        kept = amount(facts.kept) if facts.kept else ""
        yield f"{name}{line}", text, str(facts.forward or ""), str(facts.backward or ""), *first, largest, kept
        for value, adjoint in further:
            yield "", "", "", "", value, adjoint, "", ""


def _assigned(found: Assigned) -> tuple[str, str]:
    return f"{found.variable} = {value_text(found.value, 24)}", value_text(found.adjoint, 24)


def _table(rows: list[tuple[str, ...]], width: int | None) -> list[str]:
    """Return aligned lines; where they are too long, source lines are cut and numbers of operations left out."""
    columns = list(range(len(_HEADS)))
    widths = [max(len(head), *(len(row[k]) for row in rows)) if rows else len(head) for k, head in enumerate(_HEADS)]
    widths[_SOURCE] = min(widths[_SOURCE], _WIDEST)
    for gone in ((), _COUNTS):
        columns = [k for k in columns if k not in gone]
        over = 0 if width is None else sum(widths[k] for k in columns) + 2 * len(columns) - 2 - width
        if widths[_SOURCE] - over >= min(_LEAST, widths[_SOURCE]):
            break
    widths[_SOURCE] = max(min(_LEAST, widths[_SOURCE]), widths[_SOURCE] - max(0, over))

    def joined(row: Sequence[str]) -> str:
        cells = [clipped(row[k], widths[k]).ljust(widths[k]) for k in columns]
        return "  ".join(cells).rstrip()

    return [joined(_HEADS), joined(["-" * w for w in widths]), *map(joined, rows)]


def clipped(text: str, width: int) -> str:
    """Return a text in at most ``width`` characters."""
    return text if len(text) <= width else text[: width - 2] + ".."
