"""Dumps as JSON: all of one, and back.

Owns the schema ``revtrace.dump``, version 1: ``function``, ``file``, ``line``; ``program`` and ``primal`` (null where
nothing is reversed), each as `revtrace.program.json` writes it; ``plan``, a list of objects with ``name``, ``type``,
``answer``, ``bytes``, ``loops``, ``why``, ``origin`` (a statement's number in ``primal``), ``loc`` and ``reader``;
``source``, a list of ``{"file", "first", "lines"}``; ``kept_bytes``, null where it was not computed.  Later
versions may add keys; what is named here stays.
"""

from __future__ import annotations

from typing import Any

from revtrace.dumps.source import Excerpt
from revtrace.loc import NOWHERE, Loc
from revtrace.passes.plan import Answer
from revtrace.program.json import from_json, to_json
from revtrace.program.nodes import Program

__all__ = ["SCHEMA", "VERSION", "read", "written"]

SCHEMA = "revtrace.dump"
VERSION = 1


def written(
    function: str,
    here: Loc,
    program: Program,
    primal: Program | None,
    answers: tuple[Answer, ...],
    source: tuple[Excerpt, ...],
    kept: int | None,
) -> dict[str, Any]:
    """Return a dump as a tree that ``json.dumps`` takes."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "function": function,
        "file": here.file,
        "line": here.line,
        "program": to_json(program),
        "primal": None if primal is None else to_json(primal),
        "plan": [_answer(answer) for answer in answers],
        "source": [{"file": e.file, "first": e.first, "lines": list(e.lines)} for e in source],
        "kept_bytes": kept,
    }


def read(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a dump that `written` wrote.

    Raises
    ------
    ValueError
        The data has another schema or version, or is damaged.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or data.get("version") != VERSION:
        found = (data.get("schema"), data.get("version")) if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"expected {SCHEMA!r}, version {VERSION}; found {found}")
    try:
        return {
            "function": data["function"],
            "here": Loc(data["file"], data["line"]),
            "program": from_json(data["program"]),
            "primal": None if data["primal"] is None else from_json(data["primal"]),
            "answers": tuple(_read_answer(item) for item in data["plan"]),
            "source": tuple(Excerpt(e["file"], e["first"], tuple(e["lines"])) for e in data["source"]),
            "kept": data["kept_bytes"],
        }
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the dump's data is damaged: {type(error).__name__}: {error}") from error


def _place(loc: Loc) -> list[Any] | None:
    return None if loc == NOWHERE else [loc.file, loc.line, loc.column, loc.end_column, loc.function]


def _read_place(data: list[Any] | None, origin: int = 0) -> Loc:
    file, line, column, end, function = data or ("?", 0, 0, 0, "")
    return Loc(file, line, column, end, function, origin)


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "name": answer.name,
        "type": answer.type,
        "answer": answer.answer,
        "bytes": answer.bytes,
        "loops": answer.loops,
        "why": answer.why,
        "origin": answer.loc.origin,
        "loc": _place(answer.loc),
        "reader": _place(answer.reader),
    }


def _read_answer(data: dict[str, Any]) -> Answer:
    loc, reader = _read_place(data["loc"], data["origin"]), _read_place(data["reader"])
    return Answer(data["name"], loc, data["answer"], data["bytes"], data["loops"], data["type"], data["why"], reader)
