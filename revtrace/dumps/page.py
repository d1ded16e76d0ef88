"""A dump as one page of HTML that needs nothing else: no network, no files.

Source, forward and backward sweep stand side by side; what belongs together is marked when it is pointed at.
With a recorded run the page shows values and adjoints beside the lines, the bytes kept over the run, and
the magnitudes of adjoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from revtrace.dumps.charts import area, stems
from revtrace.dumps.listing import Texts, backward
from revtrace.dumps.page_style import SCRIPT, STYLE
from revtrace.dumps.source import Excerpt
from revtrace.dumps.words import total
from revtrace.loc import Loc
from revtrace.program.nodes import Block, Op, Program, Stmt, While, regions
from revtrace.program.show import Printer
from revtrace.runs.report import amount, value_text

if TYPE_CHECKING:
    from revtrace.dumps.dump import Dump
    from revtrace.runs.recording import Recording

__all__ = ["page", "recorded", "wrapped"]


def page(dump: Dump, recording: Recording | None = None, *, whole: bool = True) -> str:
    """Return a dump as HTML.

    Parameters
    ----------
    dump : Dump
    recording : Recording, optional
        A run of the same call.
    whole : bool
        Whether to return a whole page, or only the part that a notebook shows.
    """
    forward, reverse = _sweeps(dump.program, dump.primal is not None)
    title = f"{dump.function} ({dump.here.short}:{dump.here.line})"
    says = total(dump.answers, dump.kept) if dump.primal is not None else "Nothing runs backward."
    parts = [f"<h1>{escape(title)}</h1>", f'<div class="soft">{escape(says)}</div>', _LEGEND]
    panes = [_pane("Source", _source(dump, recording)), _pane("Forward", _column(forward, dump.here.file))]
    if reverse:
        panes.append(_pane("Backward", _column(reverse, dump.here.file)))
    parts.append(f'<div class="panes">{"".join(panes)}</div>')
    if recording is not None:
        parts.append(_pictures(recording))
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
    return wrapped("", f"<pre>{escape(str(recording))}</pre>{_pictures(recording)}", False)


_LEGEND = (
    '<div class="legend soft">In the sweeps: <span class="keep">kept and fetched</span>'
    '<span class="again">computed again</span><span class="undo">put back</span>'
    '<span class="adjoint">adjoints</span> Point at a line to see what belongs to it; click to hold it.</div>'
)


def _pane(title: str, lines: str) -> str:
    return f'<section class="pane"><h2>{title}</h2><div class="lines">{lines}</div></section>'


def _key(loc: Loc) -> str:
    return f"{loc.short}:{loc.line}" if loc.line else ""


def _plan(dump: Dump) -> str:
    rows = []
    for a in dump.answers:
        cells = [f"{a.loc.short}:{a.loc.line}" if a.loc.line else "", a.name or f"({a.type})", a.answer]
        cells += [str(a.bytes or ""), str(a.reader.line or ""), a.why]
        row = "".join(f"<td{' class=right' if k == 3 else ''}>{escape(c)}</td>" for k, c in enumerate(cells))
        rows.append(f'<tr class="line-row" data-line="{escape(_key(a.loc))}" data-origin="{a.loc.origin}">{row}</tr>')
    heads = "".join(f"<th>{h}</th>" for h in ("line", "value", "answer", "bytes", "read by line", "why"))
    return f"<h2>Where the backward sweep finds what it reads</h2><table><tr>{heads}</tr>{''.join(rows)}</table>"


def _pictures(recording: Recording) -> str:
    """Return the pictures of a run: kept bytes and adjoints over its steps."""
    summary = recording.summary
    if summary.turn is None:
        return ""
    figures = []
    for caption, picture in (
        (
            f"Bytes kept over the run, at most {amount(summary.most)}",
            area(
                list(summary.kept.steps()),
                recording.length,
                summary.turn,
                lambda v: amount(int(v)).replace("bytes", "B"),
            ),
        ),
        ("Magnitudes of adjoints over the run", stems(list(summary.adjoints.steps()), recording.length, summary.turn)),
    ):
        figures.append(f"<figure><figcaption>{escape(caption)}</figcaption>{picture}</figure>")
    return (
        f'<h2>The run, {recording.length} steps of the interpreter</h2><div class="pictures">{"".join(figures)}</div>'
    )


# source -----------------------------------------------------------------------------------


def _source(dump: Dump, recording: Recording | None) -> str:
    static: dict[tuple[str, int], int] = {}
    for answer in dump.answers:
        key = answer.loc.file, answer.loc.line
        static[key] = static.get(key, 0) + answer.bytes
    facts = {} if recording is None else recording.summary.lines
    most = max((f.kept for f in facts.values()), default=0)
    out = []
    for excerpt in dump.source:
        if len(dump.source) > 1:
            out.append(f'<div class="line soft">{escape(_heading(excerpt))}</div>')
        for number, text in enumerate(excerpt.lines, excerpt.first):
            loc = Loc(excerpt.file, number)
            fact = facts.get((excerpt.file, number))
            per = static.get((excerpt.file, number), 0)
            kept = 0 if fact is None else fact.kept
            shown = amount(kept).replace("bytes", "B") if kept else f"{per} B/iter" if per else ""
            share = 100 * kept // most if kept else 0
            gauge = f'<span class="gauge" style="--share:{share}%">{escape(shown)}</span>'
            code = f'<span class="number">{number}</span>{gauge}<span class="code">{escape(text) or " "}</span>'
            out.append(f'<div class="line" data-line="{escape(_key(loc))}">{code}</div>')
            if fact is not None and fact.variable and fact.value is not None:
                value = f"{fact.variable} = {value_text(fact.value, 24)}"
                if fact.adjoint is not None:
                    value += f", adjoint {value_text(fact.adjoint, 16)}"
                indent = " " * (len(text) - len(text.lstrip()))
                fill = '<span class="number"></span><span class="gauge"></span>'
                content = f'{fill}<span class="code fact">{indent}{escape(value)}</span>'
                out.append(f'<div class="line" data-line="{escape(_key(loc))}">{content}</div>')
    return "".join(out)


def _heading(excerpt: Excerpt) -> str:
    return f"{Loc(excerpt.file).short}, from line {excerpt.first}"


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
