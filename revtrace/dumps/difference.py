"""Two dumps compared, by source line."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from revtrace.dumps.listing import backward
from revtrace.loc import Loc
from revtrace.program.nodes import Op, Stmt, walk
from revtrace.runs.report import amount

if TYPE_CHECKING:
    from revtrace.dumps.dump import Dump

__all__ = ["difference"]


@dataclass
class _Line:
    """What a dump says of one source line."""

    text: str
    number: int
    forward: Counter[str] = field(default_factory=Counter)
    backward: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    bytes: int = 0


def difference(before: Dump, after: Dump) -> str:
    """Return what changed between two dumps: operations, answers of the plan, bytes kept, line by line.

    Lines are matched by their text, so that code that only moved is not reported.
    """
    old, new = _lines(before), _lines(after)
    matcher = difflib.SequenceMatcher(a=[x.text for x in old], b=[x.text for x in new], autojunk=False)
    out: list[str] = []
    for tag, i, j, k, n in matcher.get_opcodes():
        if tag == "equal":
            for one, two in zip(old[i:j], new[k:n], strict=True):
                out += _changed(one, two)
            continue
        for one in old[i:j]:
            out += [f"- {one.number:>4} {one.text}", *_described(one, "-")]
        for two in new[k:n]:
            out += [f"+ {two.number:>4} {two.text}", *_described(two, "+")]
    if before.kept != after.kept and None not in (before.kept, after.kept):
        out.append(f"kept in the call: {amount(before.kept or 0)} -> {amount(after.kept or 0)}")
    if not out:
        return "no difference"
    return "\n".join(out)


def _lines(dump: Dump) -> list[_Line]:
    found: dict[tuple[str, int], _Line] = {}
    for excerpt in dump.source:
        for number, text in enumerate(excerpt.lines, excerpt.first):
            found[excerpt.file, number] = _Line(text.strip(), number)

    def at(loc: Loc) -> _Line:
        return found.setdefault((loc.file, loc.line), _Line("(no line of the source)", loc.line))

    for stmt in walk(dump.program.body):
        line = at(stmt.loc)
        (line.backward if backward(stmt) else line.forward)[_kind(stmt)] += 1
    for answer in dump.answers:
        line = at(answer.loc)
        line.answers[f"{answer.answer} {answer.name}".strip()] += 1
        line.bytes += answer.bytes
    return list(found.values())


def _kind(stmt: Stmt) -> str:
    if not isinstance(stmt, Op):
        return type(stmt).__name__.lower()
    return f"{stmt.name}:{stmt.out.type.dtype}" if stmt.out is not None else stmt.name


def _changed(one: _Line, two: _Line) -> Iterator[str]:
    notes = []
    for name in ("forward", "backward", "answers"):
        a, b = getattr(one, name), getattr(two, name)
        gone, come = a - b, b - a
        if gone or come:
            parts = [f"-{_counted(gone)}" if gone else "", f"+{_counted(come)}" if come else ""]
            notes.append(f"       {name if name != 'answers' else 'plan'}: {'  '.join(filter(None, parts))}")
    if one.bytes != two.bytes:
        notes.append(f"       bytes per iteration: {one.bytes} -> {two.bytes}")
    if notes:
        moved = f" (was {one.number})" if one.number != two.number else ""
        yield f"  {two.number:>4}{moved} {two.text}"
        yield from notes


def _described(line: _Line, sign: str) -> Iterator[str]:
    for name in ("forward", "backward", "answers"):
        counts = getattr(line, name)
        if counts:
            yield f"       {name if name != 'answers' else 'plan'}: {sign}{_counted(counts)}"
    if line.bytes:
        yield f"       bytes per iteration: {sign}{line.bytes}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" if n > 1 else name for name, n in sorted(counts.items()))
