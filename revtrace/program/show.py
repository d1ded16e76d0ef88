"""Programs as text, one line per operation.

Owns the text form and the choice of names in it.  The form is lossless except for
places in the source (of which it keeps file name and line, on request): `parse`
reads it back.  Constants of dtypes other than b1, i8, f8 and c16 carry their
dtype, as in ``0.5:f4``; a loop's count is left out when nothing reads it.
"""

from __future__ import annotations

import json
import keyword
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, walk

__all__ = ["WORDS", "Printer", "literal", "names", "show"]

WORDS = frozenset(
    {"range", "carry", "count", "test", "do", "exit", "inf", "nan", "true", "false", "none", "infj", "nanj"}
)
"""Words of the text form that are no names, besides Python's keywords."""

_PLAIN = {"b1", "i8", "f8", "c16"}
_INDENT = "  "


def show(
    program: Program,
    *,
    locs: bool = False,
    note: Callable[[Stmt], str] | None = None,
    known: Mapping[Var, str] | None = None,
) -> str:
    """Return a program as text.

    Parameters
    ----------
    program : Program
        Any program; it need not be well formed.
    locs : bool
        Whether to end lines with ``# file:line``.
    note : callable, optional
        ``note(stmt)`` gives a remark to put at the end of a statement's line.
    known : mapping, optional
        Names that values keep, of a program that this one was made from.

    Returns
    -------
    str
        Lines ending with a newline; values are named after their hints, made unique.
    """
    printer = Printer(names(program, known), _used(program), locs, note)
    printer.program(program)
    width = min(72, max((len(text) for text, remark in printer.lines if remark), default=0))
    return "".join(f"{text:{width}}  # {remark}\n" if remark else f"{text}\n" for text, remark in printer.lines)


def names(program: Program, known: Mapping[Var, str] | None = None) -> dict[Var, str]:
    """Return the name of each value in dumps: the known one, or its hint, with a number where taken."""
    used = _used(program)
    found: dict[Var, str] = dict(known or {})
    taken = set(found.values())
    tried: dict[str, int] = {}

    def give(variables: Iterable[Var]) -> None:
        for var in variables:
            if var in found:
                continue
            hint = var.name if var.name.isidentifier() else "".join(c if c.isalnum() else "_" for c in var.name)
            if hint and not hint.isidentifier():
                hint = f"_{hint}"
            if keyword.iskeyword(hint) or hint in WORDS:
                hint += "_"
            name = hint
            while not name or name in taken:
                number = tried[hint] = tried.get(hint, -1 if not hint else 0) + 1
                name = f"{hint or 'v'}{number}"
            taken.add(name)
            found[var] = name

    def block(b: Block) -> None:
        for stmt in b.stmts:
            match stmt:
                case Op(out=out):
                    give(() if out is None else (out,))
                case If():
                    give(stmt.outs)
                    block(stmt.then)
                    block(stmt.orelse)
                case For() | While():
                    if isinstance(stmt, For):
                        give((stmt.index,))
                    give((*stmt.params, *stmt.outs))
                    if stmt.count in used:
                        give((stmt.count,))
                    if isinstance(stmt, While):
                        block(stmt.cond)
                    block(stmt.body)

    give(program.inputs)
    block(program.body)
    # Values that are used but defined nowhere: a broken program must print too.
    give(sorted(used - found.keys(), key=lambda v: v.id))
    return found


def literal(x: Const) -> str:
    """Return a constant as text."""
    text = {True: "true", False: "false"}[x.value] if isinstance(x.value, bool) else repr(x.value)
    return text if x.type.dtype in _PLAIN else f"{text}:{x.type.dtype}"


def setting(value: object) -> str:
    """Return an operation's setting as text."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(setting, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _used(program: Program) -> set[Var]:
    """Return every value that something reads."""
    found: set[Var] = set()

    def read(*operands: Operand) -> None:
        found.update(x for x in operands if isinstance(x, Var))

    read(*program.body.results)
    for stmt in walk(program.body):
        match stmt:
            case Op():
                read(*stmt.args)
            case If():
                read(stmt.cond, *stmt.then.results, *stmt.orelse.results)
            case For():
                read(stmt.start, stmt.stop, *stmt.inits, *stmt.body.results)
            case While():
                read(*stmt.inits, *stmt.cond.results, *stmt.body.results)
    return found


@dataclass
class Printer:
    """Writes statements; `lines` holds text and remark of each line written."""

    names: dict[Var, str]
    used: set[Var]
    locs: bool
    note: Callable[[Stmt], str] | None

    def __post_init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.depth = 0

    @classmethod
    def of(cls, program: Program, locs: bool = False, note: Callable[[Stmt], str] | None = None) -> Printer:
        """Return a printer that knows the names of a program's values."""
        return cls(names(program), _used(program), locs, note)

    def line(self, text: str, stmt: Stmt | None = None) -> None:
        """Write a line."""
        remarks = []
        if stmt is not None and self.locs and stmt.loc.line:
            remarks.append(f"{os.path.basename(stmt.loc.file)}:{stmt.loc.line}")
        if stmt is not None and self.note is not None:
            remarks.append(self.note(stmt))
        self.lines.append((_INDENT * self.depth + text, "  ".join(filter(None, remarks))))

    def operand(self, x: Operand) -> str:
        """Return an operand as text."""
        return literal(x) if isinstance(x, Const) else self.names[x]

    def operands(self, xs: Iterable[Operand]) -> str:
        """Return operands as text."""
        return ", ".join(map(self.operand, xs))

    def typed(self, var: Var) -> str:
        """Return a value with its type."""
        return f"{self.names[var]}: {var.type}"

    def program(self, program: Program) -> None:
        """Write a program."""
        name = program.name
        if not name.replace("<", "").replace(">", "").replace(".", "").isidentifier():
            name = setting(name)
        self.line(f"{name}({', '.join(map(self.typed, program.inputs))}) {{")
        self.block(program.body, "return")
        self.line("}")

    def block(self, block: Block, word: str, exits: bool = False) -> None:
        """Write a block; ``word`` hands its results on."""
        self.depth += 1
        for stmt in block.stmts:
            self.stmt(stmt)
        results, flag = (block.results[:-1], block.results[-1:]) if exits else (block.results, ())
        if results or flag:
            last = f" exit {self.operands(flag)}" if flag else ""
            self.line(f"{word} {self.operands(results)}".rstrip() + last)
        self.depth -= 1

    def stmt(self, stmt: Stmt) -> None:
        """Write a statement and what is nested in it."""
        match stmt:
            case Op():
                self.line(self.op(stmt), stmt)
            case If():
                outs = f" -> ({', '.join(map(self.typed, stmt.outs))})" if stmt.outs else ""
                self.line(f"if {self.operand(stmt.cond)}{outs} {{", stmt)
                self.block(stmt.then, "yield")
                if stmt.orelse.stmts or stmt.orelse.results:
                    self.line("} else {")
                    self.block(stmt.orelse, "yield")
                self.line("}")
            case For():
                bounds = f"{self.operand(stmt.start)}, {self.operand(stmt.stop)}, {stmt.step}"
                self.line(f"for {self.names[stmt.index]} in range({bounds}){self.carried(stmt)} {{", stmt)
                self.block(stmt.body, "yield", stmt.exits)
                self.line("}")
            case While():
                self.line(f"while{self.carried(stmt)} {{", stmt)
                self.block(stmt.cond, "test")
                self.line("} do {")
                self.block(stmt.body, "yield", stmt.exits)
                self.line("}")

    def carried(self, stmt: For | While) -> str:
        """Return what a loop carries, and its results."""
        text = ""
        if stmt.params:
            pairs = zip(stmt.params, stmt.inits, strict=True)
            text = f" carry ({', '.join(f'{self.typed(p)} = {self.operand(x)}' for p, x in pairs)})"
            text += f" -> ({', '.join(map(self.typed, stmt.outs))})"
        if stmt.count in self.used:
            text += f"{',' if text else ''} count {self.names[stmt.count]}"
        return text

    def op(self, op: Op) -> str:
        """Return an operation as text."""
        target = f"{self.typed(op.out)} = " if op.out is not None else ""
        args = self.operands(op.args)
        if op.name == "load" and op.args:
            args = f"{self.operand(op.args[0])}[{self.operands(op.args[1:])}]"
        elif op.name in ("store", "addto") and len(op.args) > 1:
            sign = "=" if op.name == "store" else "+="
            args = f"{self.operand(op.args[0])}[{self.operands(op.args[2:])}] {sign} {self.operand(op.args[1])}"
        attrs = "".join(f" {key}={setting(value)}" for key, value in op.attrs)
        return f"{target}{op.name}{' ' if args else ''}{args}{attrs}"
