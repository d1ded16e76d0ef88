"""Decode a code object: apply the version table, resolve jumps and handlers."""

from __future__ import annotations

from dataclasses import replace
from types import CodeType
from typing import Any

import bytecode as bc
from bytecode.instr import UNSET, TryBegin, TryEnd

from revtrace.decode.records import Decoded, Handler, Instr
from revtrace.decode.table import row
from revtrace.loc import Loc

__all__ = ["decode"]


def decode(code: CodeType) -> Decoded:
    """Decode a code object to canonical instructions.

    Parameters
    ----------
    code : code object

    Returns
    -------
    Decoded

    Examples
    --------
    >>> print(*(i.name for i in decode((lambda x: x[0]).__code__).instrs))
    LOAD_LOCAL LOAD_CONST SUBSCR RETURN
    """
    instrs: list[Instr] = []
    labels: dict[bc.Label, int] = {}
    jumps: dict[int, bc.Label] = {}
    regions: list[TryBegin | None] = []
    region: TryBegin | None = None
    cells: list[str] = []
    entered = False
    keywords: tuple[str, ...] = ()
    loc = Loc(code.co_filename, code.co_firstlineno, 0, 0, code.co_qualname)
    for item in bc.Bytecode.from_code(code, conserve_exception_block_stackdepth=True):
        if isinstance(item, bc.Label):
            labels[item] = len(instrs)
        elif isinstance(item, TryBegin):
            region = item
        elif isinstance(item, TryEnd):
            region = None if item.entry is region else region
        if not isinstance(item, bc.Instr):
            continue
        loc = _place(item, loc)
        entered = entered or item.name == "RESUME"
        for name, arg in _canonical(item):
            if name == "KW_NAMES":
                keywords = arg
                continue
            if name == "MAKE_CELL" and not entered:
                cells.append(arg)
                continue
            operand = arg
            if name == "CALL":
                operand, keywords = (arg, keywords), ()
            elif name == "CALL_EX" and arg and instrs[-1].name == "PUSH_NULL":
                # The NULL that stands for no keyword dictionary.
                operand = False
                del instrs[-1], regions[-1]
            if isinstance(item.arg, bc.Label) and name != "REFUSED":
                jumps[len(instrs)] = item.arg
            instrs.append(Instr(name, operand, loc))
            regions.append(region)
    _mark_closures(instrs)
    handlers: dict[int, Handler] = {}
    for index, entry in enumerate(regions):
        handler = None
        if entry is not None:
            assert isinstance(entry.target, bc.Label)
            handler = labels[entry.target]
            handlers[handler] = Handler(handler, int(entry.stack_depth), entry.push_lasti)
        target = labels[jumps[index]] if index in jumps else None
        instrs[index] = replace(instrs[index], target=target, handler=handler)
    return Decoded(code, tuple(instrs), handlers, tuple(cells), tuple(code.co_freevars))


def _mark_closures(instrs: list[Instr]) -> None:
    """Name the loads of cells for a closure, which since 3.13 look like loads of locals.

    The name of the variable does not tell them apart: in a comprehension a local may share the
    name of a cell.  But a closure is always a tuple built just before its code object.
    """
    for index, instr in enumerate(instrs):
        if instr.name == "LOAD_CONST" and isinstance(instr.arg, CodeType) and instr.arg.co_freevars:
            count = len(instr.arg.co_freevars)
            loads = instrs[index - 1 - count : index - 1]
            if all(load.name == "LOAD_LOCAL" for load in loads):
                instrs[index - 1 - count : index - 1] = [replace(load, name="LOAD_CLOSURE") for load in loads]


def _canonical(item: bc.Instr) -> tuple[tuple[str, Any], ...]:
    """Apply the table to one instruction."""
    known = row(item.name)
    if known.make is not None:
        arg = None if item.arg is UNSET else item.arg
        return known.make(arg)
    if known.status == "dropped":
        return ()
    return (("REFUSED", (item.name, known.reason)),)


def _place(item: bc.Instr, before: Loc) -> Loc:
    """Return an instruction's place; one without a line keeps the place before it."""
    location = item.location
    if location is None or location.lineno is None:
        return before
    column = location.col_offset or 0
    # A caret under a construct of several lines marks its beginning only.
    end = location.end_col_offset if location.end_lineno == location.lineno else None
    return replace(before, line=location.lineno, column=column, end_column=end or column)
