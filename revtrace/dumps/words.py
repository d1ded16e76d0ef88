"""Plans in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from revtrace.loc import Loc
from revtrace.passes.plan import Answer
from revtrace.runs.report import amount

__all__ = ["explained", "total"]


def total(answers: Sequence[Answer], kept: int | None) -> str:
    """Return a sentence on what is kept in all."""
    per = sum(answer.bytes for answer in answers)
    if kept == 0 and not per:
        return "Nothing is kept for the backward sweep."
    here = "" if kept is None else f" {amount(kept)} are kept in this call,"
    values = sum(1 for answer in answers if answer.bytes)
    return f"For the backward sweep{here} {amount(per)} per innermost iteration, of {values} values."


def explained(function: str, answers: Sequence[Answer], kept: int | None, backward: bool) -> str:
    """Return in sentences where the values come from that the backward sweep reads."""
    if not backward:
        return f"Nothing in {function} runs backward: a gradient by one number runs forward, and keeps nothing."
    lines = [f"{function}: {total(answers, kept)}"]
    lines += [_kept(answer) for answer in answers if answer.bytes or answer.answer in ("keep", "restore")]
    free = [answer for answer in answers if not answer.bytes and answer.answer not in ("keep", "restore")]
    for word, sentence in (
        ("walk", "handed from iteration to iteration on the way back, nothing is kept for them"),
        ("undo", "counted back"),
        ("recompute", "computed again from values at hand, which takes less than keeping them"),
        ("live", "read again where they are: nothing writes over them before the backward sweep reads them"),
    ):
        found = [answer for answer in free if answer.answer == word]
        if found:
            places = sorted({_at(answer.loc) for answer in found if answer.loc.line})
            values = "1 value is" if len(found) == 1 else f"{len(found)} values are"
            sentence = sentence if len(found) > 1 else sentence.replace("them", "it").replace("they are", "it is")
            where = f" ({', '.join(places)})" if places else ""
            lines.append(f"{values} {sentence}{where}.")
    return "\n".join(lines)


def _at(loc: Loc) -> str:
    return f"{loc.short} line {loc.line}"


def _kept(answer: Answer) -> str:
    what = answer.name or f"a value of type {answer.type}"
    reader = f" The reversal of line {answer.reader.line} reads it." if answer.reader.line else ""
    often = "once" if not answer.loops else f"in each iteration of {answer.loops} nested loops"
    often = often.replace("1 nested loops", "its loop")
    verb = "restored" if answer.answer == "restore" else "kept"
    size = f", {answer.bytes} bytes {often}" if answer.bytes else ""
    return f"{_at(answer.loc)}: {what} is {verb}{size}: {answer.why}.{reader}"
