"""A gradient as rows: what each statement of the function became, forward and backward.

Rows follow the function.  The forward column is read downward; the backward column from the last row up,
within one cell downward, as the backward sweep runs.  Owns which statement stands in which cell; the
statements say it themselves by their places, see `revtrace.loc.Loc`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from revtrace.calls.core import parts, row_of, settings_of
from revtrace.loc import NOWHERE, Loc
from revtrace.passes.origins import numbered
from revtrace.passes.plan import Answer
from revtrace.program.nodes import Block, For, If, Op, Program, Stmt, While
from revtrace.program.show import Printer, setting

__all__ = ["Line", "Row", "Texts", "backward", "listing"]

FORWARD, BACKWARD = "forward", "backward"
_SILENT = {"safe", "again"}
_SEEN = {("dot", "a"), ("dot", "b"), ("dot", "c")}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cell.

    Attributes
    ----------
    text : str
    depth : int
        Regions around it.
    role : str
        See `revtrace.loc.Loc`.
    """

    text: str
    depth: int
    role: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One statement of the function, or the beginning, middle or end of a region.

    Attributes
    ----------
    origin : int
        The statement's number; 0 for the first row, -1 for the last.
    part : str
        ``"op"``, ``"open"``, ``"else"``, ``"do"``, ``"close"``, ``"begin"`` or ``"end"``.
    loc : Loc
        Its place in the source.
    forward, backward : tuple of Line
    answers : tuple of Answer
        Where the values it computes come from on the way back.
    """

    origin: int
    part: str
    loc: Loc
    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    answers: tuple[Answer, ...] = ()


def listing(program: Program, primal: Program | None = None, answers: Sequence[Answer] = ()) -> tuple[Row, ...]:
    """Return the rows of a program.

    Parameters
    ----------
    program : Program
        What runs.
    primal : Program, optional
        What was reversed to make it, its statements numbered; a program with no backward sweep has none.
    answers : sequence of Answer
        The plan.
    """
    if primal is None:
        program = primal = numbered(program)
    lister = _Lister(Printer.of(program), primal)
    lister.program(program)
    by_origin: dict[int, list[Answer]] = {}
    for answer in answers:
        by_origin.setdefault(answer.loc.origin, []).append(answer)
    rows = []
    for origin, part, loc in lister.skeleton:
        cells = [tuple(lister.cells.get((origin, part, column), ())) for column in (FORWARD, BACKWARD)]
        found = tuple(by_origin.get(origin, ())) if part in ("op", "open") else ()
        if any(cells) or found:
            rows.append(Row(origin, part, loc, cells[0], cells[1], found))
    return tuple(rows)


def statements(program: Program) -> Iterator[tuple[int, str, Loc]]:
    """Yield number, part and place of the statements of a program, in the order they are written."""

    def block(b: Block) -> Iterator[tuple[int, str, Loc]]:
        for stmt in b.stmts:
            here = stmt.loc.origin
            match stmt:
                case Op():
                    yield here, "op", stmt.loc
                case If():
                    yield here, "open", stmt.loc
                    yield from block(stmt.then)
                    yield here, "else", stmt.loc
                    yield from block(stmt.orelse)
                    yield here, "close", stmt.loc
                case For():
                    yield here, "open", stmt.loc
                    yield from block(stmt.body)
                    yield here, "close", stmt.loc
                case While():
                    yield here, "open", stmt.loc
                    yield from block(stmt.cond)
                    yield here, "do", stmt.loc
                    yield from block(stmt.body)
                    yield here, "close", stmt.loc

    yield 0, "begin", NOWHERE
    # What one statement was split into has one number.
    yield from dict.fromkeys(block(program.body))
    yield -1, "end", NOWHERE


class Texts:
    """The text of statements for people: a header, what is between blocks, a footer."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer

    def op(self, op: Op) -> str:
        """Return an operation, without what only the compiler cares for."""
        if op.name == "call":
            return self.call(op)
        attrs = tuple((k, v) for k, v in op.attrs if k not in _SILENT and (k, v) != ("zeros", False))
        return self.printer.op(Op(op.name, op.args, op.out, attrs))

    def call(self, op: Op) -> str:
        """Return a call of a row as an assignment to its outputs."""
        outs, ins = parts(op)
        row, printer = row_of(op).name, self.printer
        # How a product sees its operands follows from their types, but for the transposed ones.
        told = [(k, v) for k, v in settings_of(op) if v not in (False, None) and (row, k) not in _SEEN]
        settings = "".join(f" {key}={setting(value)}" for key, value in told)
        sign = "+=" if op.attr("adds") else "="
        return f"{', '.join(f'{printer.operand(x)}[...]' for x in outs)} {sign} {row} {printer.operands(ins)}{settings}"

    def results(self, block: Block, word: str, exits: bool = False) -> list[str]:
        """Return the line that hands the results of a block on, if there are any."""
        printer = self.printer
        results, flag = (block.results[:-1], block.results[-1:]) if exits else (block.results, ())
        text = f"{word} {printer.operands(results)}" if results else ""
        if flag:
            text = f"{text or word} exit {printer.operands(flag)}"
        return [text] if text else []

    def turned(self, stmt: If) -> tuple[list[str], list[str], list[str]]:
        """Return the lines of a branch whose second arm is written first."""
        cond = self.printer.operand(stmt.cond)
        outs = ", ".join(map(self.printer.typed, stmt.outs))
        footer = [*self.results(stmt.then, "yield"), f"}} -> {outs}" if outs else "}"]
        if stmt.orelse.stmts or stmt.orelse.results:
            return [f"if not {cond} {{"], [*self.results(stmt.orelse, "yield"), "} else {"], footer
        return [f"if {cond} {{"], [], footer

    def frame(self, stmt: If | For | While) -> tuple[list[str], list[str], list[str]]:
        """Return the lines before, between and after the blocks of a region."""
        printer = self.printer
        outs = ", ".join(map(printer.typed, stmt.outs))
        tail = f" -> {outs}" if outs else ""
        if isinstance(stmt, If):
            orelse = stmt.orelse.stmts or stmt.orelse.results
            middle = [*self.results(stmt.then, "yield"), "} else {"] if orelse else []
            footer = self.results(stmt.orelse if orelse else stmt.then, "yield")
            return [f"if {printer.operand(stmt.cond)} {{"], middle, [*footer, f"}}{tail}"]
        if stmt.count in printer.used:
            tail += f"{',' if tail else ''} count {printer.names[stmt.count]}"
        pairs = zip(stmt.params, stmt.inits, strict=True)
        carry = [f"carry {printer.typed(p)} = {printer.operand(x)}" for p, x in pairs]
        footer = [*self.results(stmt.body, "yield", stmt.exits), f"}}{tail}"]
        if isinstance(stmt, For):
            bounds = f"{printer.operand(stmt.start)}, {printer.operand(stmt.stop)}, {stmt.step}"
            return [f"for {printer.names[stmt.index]} in range({bounds}) {{", *carry], [], footer
        return ["while {", *carry], [*self.results(stmt.cond, "test"), "} do {"], footer


@dataclass
class _Lister:
    printer: Printer
    primal: Program
    cells: dict[tuple[int, str, str], list[Line]] = field(default_factory=dict)
    started: list[tuple[int, str]] = field(default_factory=list)
    state: dict[tuple[int, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts = Texts(self.printer)
        self.skeleton: list[tuple[int, str, Loc]] = []
        seen: set[tuple[int, str]] = set()
        for origin, part, loc in statements(self.primal):
            if (origin, part) not in seen:
                seen.add((origin, part))
                self.skeleton.append((origin, part, loc))
        self.parts: dict[int, set[str]] = {}
        for origin, part, _ in self.skeleton:
            self.parts.setdefault(origin, set()).add(part)

    def put(self, origin: int, part: str, column: str, line: Line) -> None:
        self.cells.setdefault((origin, part, column), []).append(line)

    def program(self, program: Program) -> None:
        typed = self.printer.typed
        inputs = ", ".join(map(typed, program.inputs))
        self.put(0, "begin", FORWARD, Line(f"{program.name}({inputs})", 0))
        self.block(program.body, 0)
        swept = any(backward(s) for s in program.body.stmts)
        results = Line(f"return {self.printer.operands(program.body.results)}", 0)
        if swept:
            self.put(0, "begin", BACKWARD, results)
        else:
            self.put(-1, "end", FORWARD, results)

    def block(self, block: Block, depth: int) -> None:
        for stmt in block.stmts:
            self.stmt(stmt, depth)

    def stmt(self, stmt: Stmt, depth: int) -> None:
        role = stmt.loc.role
        column = BACKWARD if backward(stmt) else FORWARD
        origin = stmt.loc.origin
        if isinstance(stmt, Op):
            self.add(origin, column, Line(self.texts.op(stmt), depth, role))
            return
        parts = self.parts.get(origin, set())
        own = "open" in parts and ("else" in parts) == isinstance(stmt, If)
        first, last = ("open", "close") if column == FORWARD else ("close", "open")
        header, middle, footer = self.texts.frame(stmt)
        if own and column == BACKWARD and isinstance(stmt, If):
            # Read from below, the second arm comes first.
            header, middle, footer = self.texts.turned(stmt)
            first = "close" if middle else "else"
        key = origin, column
        if own:
            self.moved(origin)
            for k, text in enumerate(header):
                self.put(origin, first, column, Line(text, depth + (k > 0), role))
            self.started.append(key)
            self.state[key] = "start"
        else:
            for k, text in enumerate(header):
                self.add(origin, column, Line(text, depth + (k > 0), role))
        arms = {If: ("then", "orelse"), For: ("body",), While: ("cond", "body")}[type(stmt)]
        for k, arm in enumerate(arms):
            if k and middle:
                between = "else" if isinstance(stmt, If) else "do"
                for j, text in enumerate(middle):
                    line = Line(text, depth + (j < len(middle) - 1), role)
                    if own and between in parts:
                        self.put(origin, between, column, line)
                    else:
                        self.add(origin, column, line)
            self.block(getattr(stmt, arm), depth + 1)
        if own:
            self.started.remove(key)
            self.state[key] = "after"
        for k, text in enumerate(footer):
            line = Line(text, depth + (k < len(footer) - 1), role)
            if own:
                self.put(origin, last, column, line)
            else:
                self.add(origin, column, line)

    def moved(self, origin: int) -> None:
        """Note that something of another statement is written, inside the regions that are open."""
        for key in self.started:
            if key[0] != origin and self.state[key] == "start":
                self.state[key] = "end"

    def add(self, origin: int, column: str, line: Line) -> None:
        """Write a line into the cell of its statement."""
        self.moved(origin)
        parts = self.parts.get(origin, set())
        if origin <= 0 or not parts:
            self.put(*((0, "begin") if column == FORWARD else (-1, "end")), column, line)
        elif "op" in parts:
            self.put(origin, "op", column, line)
        else:
            early = self.state.get((origin, column), "before") in ("before", "start")
            self.put(origin, "open" if early == (column == FORWARD) else "close", column, line)


def backward(stmt: Stmt) -> bool:
    """Whether a statement belongs to the backward sweep."""
    return stmt.loc.role not in ("", "keep")
