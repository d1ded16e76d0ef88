"""Plans in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from revtrace.dumps.source import Excerpt
from revtrace.loc import Loc
from revtrace.passes.plan import Answer
from revtrace.program.nodes import Op, Program, walk
from revtrace.runs.report import amount

__all__ = ["called", "explained", "grouped", "operations", "total"]

_KINDS = {"b1": "a truth value", "i8": "an integer", "f8": "a number", "c16": "a complex number"}


def total(answers: Sequence[Answer], kept: int | None) -> str:
    """Return a sentence on what is kept in all."""
    per = sum(answer.bytes for answer in answers)
    if kept == 0 and not per:
        return "Nothing is kept for the backward sweep."
    values = _counted(sum(1 for answer in answers if answer.bytes), "value")
    if kept is None:
        return f"For the backward sweep {_are(per)} kept per innermost iteration, of {values}."
    return f"For the backward sweep {_are(kept)} kept in this call, {amount(per)} per innermost iteration, of {values}."


def _are(count: int) -> str:
    return f"{amount(count)} {'is' if count == 1 else 'are'}"


def operations(primal: Program | None) -> dict[int, str]:
    """Return the operation of each number that stands for one only: what it was split into has its number, too."""
    found: dict[int, set[str]] = {}
    for stmt in () if primal is None else walk(primal.body):
        if isinstance(stmt, Op):
            found.setdefault(stmt.loc.origin, set()).add(stmt.name)
    return {origin: next(iter(names)) for origin, names in found.items() if len(names) == 1}


def called(answer: Answer, names: Mapping[int, str]) -> str:
    """Return what a value is called: its name, or in brackets the operation that computes it."""
    return answer.name or f"({names.get(answer.loc.origin) or answer.type})"


def grouped(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Return answers that say the same of values of one line together; those that keep something are alone."""
    found: dict[tuple[object, ...], list[Answer]] = {}
    for k, a in enumerate(answers):
        alone = k if a.bytes or a.name else None
        found.setdefault((a.loc.file, a.loc.line, a.answer, a.why, alone), []).append(a)
    return list(found.values())


def explained(
    function: str,
    answers: Sequence[Answer],
    kept: int | None,
    primal: Program | None,
    source: Sequence[Excerpt] = (),
) -> str:
    """Return in sentences where the values come from that the backward sweep reads."""
    if primal is None:
        return f"Nothing in {function} runs backward: a gradient by one number runs forward, and keeps nothing."
    lines = [f"{function}: {total(answers, kept)}"]
    names = operations(primal)
    lines += [
        _kept(answer, source, names) for answer in answers if answer.bytes or answer.answer in ("keep", "restore")
    ]
    free = [answer for answer in answers if not answer.bytes and answer.answer not in ("keep", "restore")]
    for word, sentence in (
        ("forward", "differentiated as its loop runs, by the one number that enters it: nothing of it runs backward"),
        ("walk", "handed from iteration to iteration on the way back, nothing is kept for them"),
        ("checkpoint", "stored where each segment of the loop begins; its iterations are run again from there"),
        ("undo", "counted back"),
        ("recompute", "computed again from values at hand, which takes less than keeping them"),
        ("live", "read again where they are: nothing writes over them before the backward sweep reads them"),
    ):
        found = [answer for answer in free if answer.answer == word]
        if found:
            values = f"{_counted(len(found), 'value')} {'is' if len(found) == 1 else 'are'}"
            sentence = sentence if len(found) > 1 else sentence.replace("them", "it").replace("they are", "it is")
            where = _places(answer.loc for answer in found if answer.loc.line)
            lines.append(f"{values} {sentence}{f' ({where})' if where else ''}.")
    return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _places(locs: Iterable[Loc]) -> str:
    """Return some places, their lines gathered by file."""
    files: dict[str, set[int]] = {}
    for loc in locs:
        files.setdefault(loc.short, set()).add(loc.line)
    return "; ".join(f"{file} line{'s' if len(lines) > 1 else ''} {_listed(lines)}" for file, lines in files.items())


def _listed(numbers: Iterable[int]) -> str:
    *most, last = map(str, sorted(numbers))
    return f"{', '.join(most)} and {last}" if most else last


def _kept(answer: Answer, source: Sequence[Excerpt], names: Mapping[int, str]) -> str:
    loc = answer.loc
    where, what = _places([loc]), answer.name
    if not what:
        # Without a name, the line says what it is.
        text = next((t for e in source if e.file == loc.file and (t := e.line(loc.line)) is not None), "")
        where += f", `{text.strip()}`" if text else ""
        what = _KINDS.get(str(answer.type), f"a value of type {answer.type}")
        made = names.get(answer.loc.origin)
        what = f"the result of {made}, {what}," if made else what
    reader = f" The reversal of line {answer.reader.line} reads it." if answer.reader.line else ""
    often = ("once", "in each iteration of its loop")[answer.loops > 0]
    often = f"in each iteration of {answer.loops} nested loops" if answer.loops > 1 else often
    verb = "restored" if answer.answer == "restore" else "kept"
    size = f", {amount(answer.bytes)} {often}" if answer.bytes else ""
    return f"{where}: {what} is {verb}{size}: {answer.why}.{reader}"
