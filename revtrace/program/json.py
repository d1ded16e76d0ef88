"""Programs as JSON: everything, places in the source included.

Owns the schema ``revtrace.program``, version 1.  A program is an object with
``schema``, ``version``, ``name``, ``inputs`` and ``body``; a value is written out where it is
defined, ``{"id", "name", "type"}``, and by its id where it is used; ids count from 0 in
order of definition.  Infinities and NaN are ``{"float": "inf"}``, ``"-inf"``, ``"nan"``; a complex
number is ``{"complex": [real, imaginary]}``, a tuple ``{"tuple": [...]}``.  A statement's ``loc`` is file, line,
column, end column and function, in a gradient also origin and role, see `revtrace.loc.Loc`.
"""

from __future__ import annotations

import math
from typing import Any

from revtrace.program.nodes import NOWHERE, Block, Const, For, If, Loc, Op, Operand, Program, Stmt, Var, While
from revtrace.program.parse import parse_type
from revtrace.program.types import Scalar

__all__ = ["SCHEMA", "VERSION", "from_json", "to_json"]

SCHEMA = "revtrace.program"
VERSION = 1


def to_json(program: Program) -> dict[str, Any]:
    """Return a program as a tree that ``json.dumps`` takes (``allow_nan=False`` too)."""
    return _Writer().program(program)


def from_json(data: dict[str, Any]) -> Program:
    """Return the program that `to_json` wrote.

    Raises
    ------
    ValueError
        The data has another schema or version, or is damaged.
    """
    if data.get("schema") != SCHEMA or data.get("version") != VERSION:
        found = f"{data.get('schema')!r}, version {data.get('version')!r}"
        raise ValueError(f"expected {SCHEMA!r}, version {VERSION}; found {found}")
    try:
        return _Reader().program(data)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the program's data is damaged: {type(error).__name__}: {error}") from error


def _write_value(value: object) -> Any:
    match value:
        case float() if math.isnan(value) or math.isinf(value):
            return {"float": repr(value)}
        case complex():
            return {"complex": [_write_value(value.real), _write_value(value.imag)]}
        case tuple():
            return {"tuple": [_write_value(v) for v in value]}
    return value


def _read_value(data: Any) -> Any:
    match data:
        case {"float": text}:
            return float(text)
        case {"complex": [re, im]}:
            return complex(_read_value(re), _read_value(im))
        case {"tuple": [*items]}:
            return tuple(_read_value(v) for v in items)
    return data


def _write_loc(loc: Loc) -> list[Any] | None:
    if loc == NOWHERE:
        return None
    place = [loc.file, loc.line, loc.column, loc.end_column, loc.function]
    return [*place, loc.origin, loc.role] if loc.origin or loc.role else place


def _read_loc(data: list[Any] | None) -> Loc:
    return NOWHERE if data is None else Loc(*data)


class _Writer:
    def __init__(self) -> None:
        self.ids: dict[Var, int] = {}

    def define(self, var: Var) -> dict[str, Any]:
        number = self.ids.setdefault(var, len(self.ids))
        return {"id": number, "name": var.name, "type": str(var.type)}

    def operand(self, x: Operand) -> Any:
        if isinstance(x, Const):
            return {"const": _write_value(x.value), "type": x.type.dtype}
        return self.ids[x]

    def program(self, program: Program) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "name": program.name,
            "inputs": [self.define(v) for v in program.inputs],
            "body": self.block(program.body),
        }

    def block(self, block: Block) -> dict[str, Any]:
        stmts = [self.stmt(s) for s in block.stmts]
        return {"stmts": stmts, "results": [self.operand(x) for x in block.results]}

    def stmt(self, stmt: Stmt) -> dict[str, Any]:
        data: dict[str, Any]
        match stmt:
            case Op():
                data = {"op": stmt.name, "args": [self.operand(x) for x in stmt.args]}
                if stmt.out is not None:
                    data["out"] = self.define(stmt.out)
                if stmt.attrs:
                    data["attrs"] = {key: _write_value(value) for key, value in stmt.attrs}
            case If():
                data = {"if": self.operand(stmt.cond)}
                data["then"] = self.block(stmt.then)
                data["else"] = self.block(stmt.orelse)
                data["outs"] = [self.define(v) for v in stmt.outs]
            case For():
                data = {"for": [self.operand(stmt.start), self.operand(stmt.stop), stmt.step]}
                data["index"] = self.define(stmt.index)
                self.loop(stmt, data)
            case While():
                data = {"while": None}
                self.loop(stmt, data)
        if stmt.loc != NOWHERE:
            data["loc"] = _write_loc(stmt.loc)
        return data

    def loop(self, stmt: For | While, data: dict[str, Any]) -> None:
        data["inits"] = [self.operand(x) for x in stmt.inits]
        data["params"] = [self.define(v) for v in stmt.params]
        if isinstance(stmt, While):
            data["while"] = self.block(stmt.cond)
        data["body"] = self.block(stmt.body)
        data["outs"] = [self.define(v) for v in stmt.outs]
        data["count"] = self.define(stmt.count)
        data["exits"] = stmt.exits


class _Reader:
    def __init__(self) -> None:
        self.values: dict[int, Var] = {}

    def define(self, data: dict[str, Any]) -> Var:
        var = self.values[data["id"]] = Var(parse_type(data["type"]), data["name"])
        return var

    def defines(self, data: list[dict[str, Any]]) -> tuple[Var, ...]:
        return tuple(self.define(d) for d in data)

    def operand(self, data: Any) -> Operand:
        if isinstance(data, dict):
            return Const(_read_value(data["const"]), Scalar(data["type"]))
        return self.values[data]

    def operands(self, data: list[Any]) -> tuple[Operand, ...]:
        return tuple(self.operand(x) for x in data)

    def program(self, data: dict[str, Any]) -> Program:
        inputs = self.defines(data["inputs"])
        return Program(data["name"], inputs, self.block(data["body"]))

    def block(self, data: dict[str, Any]) -> Block:
        stmts = tuple(self.stmt(s) for s in data["stmts"])
        return Block(stmts, self.operands(data["results"]))

    def stmt(self, data: dict[str, Any]) -> Stmt:
        loc = _read_loc(data.get("loc"))
        if "op" in data:
            args = self.operands(data["args"])
            out = self.define(data["out"]) if "out" in data else None
            attrs = tuple((key, _read_value(value)) for key, value in data.get("attrs", {}).items())
            return Op(data["op"], args, out, attrs, loc)
        if "if" in data:
            cond = self.operand(data["if"])
            then, orelse = self.block(data["then"]), self.block(data["else"])
            return If(cond, then, orelse, self.defines(data["outs"]), loc)
        inits = self.operands(data["inits"])
        if "for" in data:
            start, stop = self.operands(data["for"][:2])
            index = self.define(data["index"])
            params = self.defines(data["params"])
            body = self.block(data["body"])
            outs, count = self.defines(data["outs"]), self.define(data["count"])
            return For(index, start, stop, data["for"][2], params, inits, body, outs, count, data["exits"], loc)
        params = self.defines(data["params"])
        cond_block, body = self.block(data["while"]), self.block(data["body"])
        outs, count = self.defines(data["outs"]), self.define(data["count"])
        return While(params, inits, cond_block, body, outs, count, data["exits"], loc)
