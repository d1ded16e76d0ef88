"""A dump as one page of HTML that needs nothing else: no network, no files.

Source, forward and backward sweep stand side by side; what belongs together is marked when it is pointed at.
With a recorded run the page shows values and adjoints below the lines and the magnitudes of adjoints; with a
run of the program that is compiled, the bytes kept over it, and by each line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from revtrace.dumps.charts import area, stems
from revtrace.dumps.listing import Texts, backward
from revtrace.dumps.page_style import SCRIPT, STYLE
from revtrace.dumps.words import called, grouped, operations, total
from revtrace.loc import Loc
from revtrace.program.nodes import Block, Op, Program, Stmt, While, regions
from revtrace.program.show import Printer
from revtrace.runs.report import amount, value_text

if TYPE_CHECKING:
    from revtrace.dumps.dump import Dump
    from revtrace.runs.recording import Recording

__all__ = ["page", "recorded", "wrapped"]


def page(
    dump: Dump, recording: Recording | None = None, keeping: Recording | None = None, *, whole: bool = True
) -> str:
    """Return a dump as HTML.

    Parameters
    ----------
    dump : Dump
    recording : Recording, optional
        A run of the same call, with the user's variables.
    keeping : Recording, optional
        A run of the dump's program.
    whole : bool
        Whether to return a whole page, or only the part that a notebook shows.
    """
    forward, reverse = _sweeps(dump.program, dump.primal is not None)
    title = f"{dump.function} ({dump.here.short}:{dump.here.line})"
    says = total(dump.answers, dump.kept) if dump.primal is not None else "Nothing runs backward."
    parts = [f"<h1>{escape(title)}</h1>", f'<div class="soft">{escape(says)}</div>', _legend(dump, recording)]
    source = _pane("Source", _source(dump, recording, keeping), "" if _keeps(dump) else " keepless")
    panes = [source, _pane("Forward", _column(forward, dump.here.file))]
    if reverse:
        panes.append(_pane("Backward", _column(reverse, dump.here.file)))
    parts.append(f'<div class="panes">{"".join(panes)}</div>')
    parts.append(_pictures(recording, keeping if _keeps(dump) else None))
    if dump.answers:
        parts.append(_plan(dump))
    return wrapped(title, "\n".join(parts), whole)


def wrapped(title: str, content: str, whole: bool) -> str:
    """Return content with the style, as a page or as a part of one."""
    if not whole:
        return f'<style>{STYLE}</style><div class="revtrace">{content}</div>'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f'<body class="revtrace">{content}\n<script>{SCRIPT}</script></body></html>\n'
    )


def recorded(recording: Recording) -> str:
    """Return the table of a run and its pictures, as a notebook shows them."""
    return wrapped("", f"<pre>{escape(str(recording))}</pre>{_pictures(recording, recording)}", False)


_COLOURS = (
    '<div class="legend soft">In the sweeps: <span class="keep">kept and fetched</span>'
    '<span class="again">computed again</span><span class="undo">put back</span>'
    '<span class="adjoint">adjoints</span> Point at a line to see what belongs to it; click to hold it.</div>'
)


def _legend(dump: Dump, recording: Recording | None) -> str:
    told = []
    if _keeps(dump):
        told.append("Before source lines: the bytes kept there for the backward sweep.")
    if recording is not None and any(facts.assigned for facts in recording.summary.lines.values()):
        told.append("Below source lines: what was assigned last, with its adjoint.")
    beside = f'<div class="legend soft">{" ".join(told)}</div>' if told else ""
    return _COLOURS + beside


def _keeps(dump: Dump) -> bool:
    return bool(dump.kept) or any(answer.bytes for answer in dump.answers)


def _pane(title: str, lines: str, style: str = "") -> str:
    return f'<section class="pane{style}"><h2>{title}</h2><div class="lines">{lines}</div></section>'


def _key(loc: Loc) -> str:
    return f"{loc.short}:{loc.line}" if loc.line else ""


def _plan(dump: Dump) -> str:
    rows = []
    names = operations(dump.primal)
    for group in grouped(dump.answers):
        a, *more = group
        counts = Counter(called(b, names) for b in group)
        values = ", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items())
        cells = [_key(a.loc), values, a.answer, str(a.bytes or "")]
        cells += [", ".join(map(str, sorted({b.reader.line for b in group if b.reader.line}))), a.why]
        row = "".join(f"<td{' class=right' if k == 3 else ''}>{escape(c)}</td>" for k, c in enumerate(cells))
        origin = "" if more else f' data-origin="{a.loc.origin}"'
        rows.append(f'<tr class="line-row" data-line="{escape(_key(a.loc))}"{origin}>{row}</tr>')
    heads = "".join(f"<th>{h}</th>" for h in ("line", "value", "answer", "bytes", "read by line", "why"))
    return f"<h2>Where the backward sweep finds what it reads</h2><table><tr>{heads}</tr>{''.join(rows)}</table>"


def _pictures(recording: Recording | None, keeping: Recording | None) -> str:
    """Return the pictures of runs: kept bytes and adjoints over their steps."""
    figures = []
    if keeping is not None and keeping.summary.turn is not None and keeping.summary.most:
        found = keeping.summary
        caption = f"Bytes of kept values over {_steps(keeping)}, at most {amount(found.most)}"
        curve = list(found.kept.steps())
        figures.append((caption, area(curve, keeping.length, found.turn, lambda v: _short(int(v)))))
    if recording is not None and recording.summary.turn is not None:
        found = recording.summary
        caption = f"Magnitudes of adjoints over {_steps(recording)}"
        figures.append((caption, stems(list(found.adjoints.steps()), recording.length, found.turn)))
    if not figures:
        return ""
    shown = "".join(f"<figure><figcaption>{escape(c)}</figcaption>{picture}</figure>" for c, picture in figures)
    return f'<h2>The run</h2><div class="pictures">{shown}</div>'


def _steps(recording: Recording) -> str:
    first = "" if recording.complete else "first "
    what = "of the program that is compiled" if recording.call.tidied else "of the function as it is written"
    return f"the {first}{recording.length} steps {what}"


def _short(count: int) -> str:
    return amount(count).replace("bytes", "B").replace("byte", "B")


# source -----------------------------------------------------------------------------------


def _source(dump: Dump, recording: Recording | None, keeping: Recording | None) -> str:
    static: dict[tuple[str, int], int] = {}
    for answer in dump.answers:
        key = answer.loc.file, answer.loc.line
        static[key] = static.get(key, 0) + answer.bytes
    facts = {} if recording is None else recording.summary.lines
    keeps = {} if keeping is None else {place: f.kept for place, f in keeping.summary.lines.items() if f.kept}
    most = max(keeps.values(), default=0)
    out: list[str] = []
    file = ""
    for excerpt in dump.source:
        if out or len({e.file for e in dump.source}) > 1:
            heading = escape(Loc(excerpt.file).short) if excerpt.file != file else ""
            out.append(f'<div class="line soft">{heading or "&nbsp;"}</div>')
        file = excerpt.file
        for number, text in enumerate(excerpt.lines, excerpt.first):
            loc = Loc(excerpt.file, number)
            fact = facts.get((excerpt.file, number))
            per = static.get((excerpt.file, number), 0)
            kept = keeps.get((excerpt.file, number), 0)
            shown = _short(kept) if kept else f"{per} B/iter" if per else ""
            share = 100 * kept // most if kept else 0
            gauge = f'<span class="gauge" style="--share:{share}%">{escape(shown)}</span>'
            code = f'<span class="number">{number}</span>{gauge}<span class="code">{escape(text) or " "}</span>'
            out.append(f'<div class="line" data-line="{escape(_key(loc))}">{code}</div>')
            for found in () if fact is None else fact.assigned.values():
                value = f"{found.variable} = {value_text(found.value, 24)}"
                if found.adjoint is not None:
                    value += f", adjoint {value_text(found.adjoint, 16)}"
                indent = " " * (len(text) - len(text.lstrip()))
                fill = '<span class="number"></span><span class="gauge"></span>'
                content = f'{fill}<span class="code fact">{indent}{escape(value)}</span>'
                out.append(f'<div class="line" data-line="{escape(_key(loc))}">{content}</div>')
    return "".join(out)


# sweeps -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    depth: int
    loc: Loc
    back: bool


def _column(lines: list[_Text], file: str) -> str:
    out = []
    before = ("", 0)
    for line in lines:
        loc = line.loc
        here = loc.file, loc.line
        # The source line is written out where it changes.
        number = str(loc.line) if loc.line and loc.file == file and here != before else ""
        before = here if loc.line else before
        marks = f' data-line="{escape(_key(loc))}"' if loc.line else ""
        marks += f" data-origin={loc.origin}" if loc.origin else ""
        # Style sheets add the number: a long program's page stays small.
        marks += f" data-n={number}" if number else ""
        code = escape("  " * line.depth + line.text)
        out.append(f'<div class="line op {loc.role}"{marks}>{code}</div>'.replace('op "', 'op"'))
    return "".join(out)


def _sweeps(program: Program, reversed_: bool) -> tuple[list[_Text], list[_Text]]:
    """Return the lines of both sweeps, each in the order it runs."""
    printer = Printer.of(program)
    texts = Texts(printer)

    def both(stmt: Stmt) -> set[bool]:
        if isinstance(stmt, Op):
            return {backward(stmt)}
        inner = {side for b in regions(stmt) for s in b.stmts for side in both(s)}
        return inner | {backward(stmt)}

    def block(b: Block, depth: int) -> Iterator[_Text]:
        for stmt in b.stmts:
            yield from lines(stmt, depth)

    def lines(stmt: Stmt, depth: int) -> Iterator[_Text]:
        if isinstance(stmt, Op):
            yield _Text(texts.op(stmt), depth, stmt.loc, backward(stmt))
            return
        sides = both(stmt)
        header, middle, footer = texts.frame(stmt)

        def framed(parts: list[str], last: int) -> Iterator[_Text]:
            for side in sides:
                # A loop that is reversed as it runs stands in both columns.
                for k, text in enumerate(parts):
                    yield _Text(text, depth + (k != last), stmt.loc, side)

        yield from framed(header, 0)
        first, *rest = regions(stmt)
        yield from block(first, depth + 1)
        if rest and (middle or isinstance(stmt, While)):
            yield from framed(middle, len(middle) - 1)
        for arm in rest:
            yield from block(arm, depth + 1)
        yield from framed(footer, len(footer) - 1)

    inputs = ", ".join(map(printer.typed, program.inputs))
    start = _Text(f"{program.name}({inputs})", 0, Loc(), False)
    every = [start, *block(program.body, 0)]
    results = f"return {printer.operands(program.body.results)}"
    every.append(_Text(results, 0, Loc(), reversed_))
    return [t for t in every if not t.back], [t for t in every if t.back]
