"""Commands that look inside: ``revtrace show``, ``record``, ``debug``, ``diff``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import revtrace
from revtrace.cli.target import Target, add_target, resolved, wrong
from revtrace.cli.terminal import put, width
from revtrace.dumps import Dump
from revtrace.dumps.difference import difference
from revtrace.dumps.dump import dump
from revtrace.dumps.stages import overview
from revtrace.dumps.words import called, operations, total
from revtrace.handle import Handle
from revtrace.progress import counter
from revtrace.runs.browser import Browser
from revtrace.runs.call import call_of
from revtrace.runs.recording import Recording

__all__ = ["add"]

_FORMS: dict[str, tuple[str, Callable[[Dump], str]]] = {
    "program": ("the program that runs, as text that can be read back", lambda d: d.text),
    "plan": ("where the backward sweep finds what it reads", lambda d: _plan(d)),
    "explain": ("the plan in sentences", lambda d: d.explain()),
    "python": ("the generated function as a script that needs numpy only, and what SciPy it calls", lambda d: d.python),
    "llvm": ("numba's code for LLVM", lambda d: d.llvm),
    "asm": ("the machine code", lambda d: d.asm),
    "json": (
        "everything, for programs; revtrace.dumps.Dump.load reads it",
        lambda d: json.dumps(d.to_json(), separators=(",", ":")),
    ),
    "html": ("a page with source, forward and backward side by side", lambda d: d.html()),
}


def add(commands: Any) -> None:
    """Add the commands to a parser's."""
    show = commands.add_parser("show", help="print how a call is computed, forward and backward")
    add_target(show)
    show.add_argument(
        "--of",
        choices=("sweeps", "value", "grad", "value_and_grad"),
        default=None,
        help="sweeps (by all arguments, the default), the function alone, or a derivative by --argnums",
    )
    show.add_argument("--form", choices=("table", "source", *_FORMS), default="table", help="what to print (table)")
    for form, (text, _) in _FORMS.items():
        show.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=text)
    show.add_argument(
        "--after", metavar="PASS", help="the program after a pass, marked with what it changed; 'list' names them"
    )
    show.add_argument("-o", "--output", type=Path, help="write to a file")
    show.set_defaults(run=_show)

    record = commands.add_parser("record", help="run step by step and print what happened on each line")
    add_target(record)
    record.add_argument("-o", "--output", type=Path, help="write a page of HTML to a file")
    record.set_defaults(run=_record)

    debug = commands.add_parser("debug", help="step through a function and its reversal, forward and back")
    add_target(debug)
    debug.set_defaults(run=_debug)

    diff = commands.add_parser("diff", help="compare two dumps (show --json) by source line")
    diff.add_argument("before", type=Path)
    diff.add_argument("after", type=Path)
    diff.set_defaults(run=_diff)


def _handle(target: Target, of: str | None) -> Handle:
    if of is None:
        of = "sweeps" if target.argnums is None else "value_and_grad"
    if of in ("sweeps", "value"):
        return revtrace.wrap(target.function)
    made: Handle = getattr(revtrace, of)(target.function, argnums=0 if target.argnums is None else target.argnums)
    return made


def _show(arguments: argparse.Namespace) -> int:
    target = resolved(arguments)
    with target.blamed():
        handle = _handle(target, arguments.of)
        if arguments.form == "source":
            return _written(handle.source(*target.args, **target.kwargs) + "\n", arguments.output)
        seen = dump(handle, target.args, target.kwargs, backward=arguments.of != "value")
        if arguments.after == "list":
            return _written(overview(seen.stages()), arguments.output)
        if arguments.after is not None:
            try:
                return _written(seen.after(arguments.after), arguments.output)
            except ValueError as error:
                raise wrong(str(error)) from None
        if arguments.form != "table":
            return _written(_FORMS[arguments.form][1](seen), arguments.output)
        if arguments.output is not None:
            return _written(str(seen), arguments.output)
        put(seen.segments(width()))
    return 0


def _written(text: str, path: Path | None) -> int:
    text = text if text.endswith("\n") else text + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        try:
            path.write_text(text)
        except OSError as error:
            raise wrong(f"{path} cannot be written: {error.strerror}") from None
        print(f"wrote {path}, {len(text)} characters")
    return 0


def _plan(seen: Dump) -> str:
    names = operations(seen.primal)
    rows = [
        (f"{a.loc.short}:{a.loc.line}", called(a, names), a.answer, str(a.bytes or ""), a.why) for a in seen.answers
    ]
    rows = [("line", "value", "answer", "bytes", "why"), *rows]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[4]]).rstrip() for row in rows]
    return "\n".join([*lines, "", total(seen.answers, seen.kept)])


def _recording(target: Target, of: str | None = None) -> Recording:
    with target.blamed(), counter(f"running {getattr(target.function, '__name__', 'the function')}") as progress:
        return Recording.of(call_of(_handle(target, of), target.args, target.kwargs, tidy=False), progress=progress)


def _record(arguments: argparse.Namespace) -> int:
    target = resolved(arguments)
    recording = _recording(target)
    print(recording.summary.table(recording, width()))
    if arguments.output is not None:
        seen = dump(_handle(target, None), target.args, target.kwargs)
        return _written(seen.html(recording=recording), arguments.output)
    return 0


def _debug(arguments: argparse.Namespace) -> int:
    Browser(_recording(resolved(arguments))).cmdloop()
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    dumps = []
    for path in (arguments.before, arguments.after):
        try:
            dumps.append(Dump.load(path))
        except OSError as error:
            raise wrong(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise wrong(f"{path} is no dump: {error}") from None
    print(difference(*dumps))
    return 0
