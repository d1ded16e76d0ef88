"""A run line by line, as text."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.loc import Loc

if TYPE_CHECKING:
    from revtrace.runs.recording import Recording
    from revtrace.runs.summary import Summary

__all__ = ["amount", "report", "value_text"]


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
    text = str(value)
    return text if len(text) <= width else text[: width - 2] + ".."


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


def report(summary: Summary, recording: Recording) -> str:
    """Return the table of a run: per line what it assigned, its adjoint, how often it ran and what it kept."""
    heads = ("line", "source", "forward", "backward", "last value", "adjoint of it", "largest adjoint", "kept")
    main = recording.call.here.file
    rows = []
    for (file, line), facts in sorted(summary.lines.items(), key=lambda item: (item[0][0] != main, *item[0])):
        if not (facts.forward or facts.backward or facts.kept):
            continue
        name = "" if file == main else f"{Loc(file).short}:"
        last = f"{facts.variable} = {value_text(facts.value, 24)}" if facts.variable else ""
        rows.append(
            (
                f"{name}{line}",
                linecache.getline(file, line).strip()[:44],
                str(facts.forward or ""),
                str(facts.backward or ""),
                last,
                value_text(facts.adjoint, 24) if facts.adjoint is not None else "",
                f"{facts.largest:.3g}" if facts.largest else "",
                amount(facts.kept) if facts.kept else "",
            )
        )
    widths = [max(len(head), *(len(row[k]) for row in rows)) if rows else len(head) for k, head in enumerate(heads)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (heads, *rows)]
    lines.insert(1, "  ".join("-" * w for w in widths))
    turn = f", the backward sweep begins at step {summary.turn + 1}" if summary.turn is not None else ""
    lines.append(f"\n{recording.length} steps{turn}; at most {amount(summary.most)} kept at once.")
    if summary.bad is not None:
        lines.append(f"The first NaN or infinity comes up at step {summary.bad + 1}, {_bad(recording)}")
    if recording.failed is not None:
        lines.append(f"The run stops there: {recording.failed.reason}.")
    if not recording.complete:
        lines.append("The run was cut off at its limit of steps.")
    return "\n".join(lines)
