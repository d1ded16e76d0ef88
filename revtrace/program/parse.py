"""Reading programs from their text form, see `revtrace.program.show`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from revtrace.program.nodes import NOWHERE, Block, Const, For, If, Loc, Op, Operand, Program, Stmt, Var, While
from revtrace.program.types import INT, Array, Scalar, Stack, Type

__all__ = ["ParseError", "parse", "parse_type"]

T = TypeVar("T")

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)
    |(?P<loc>\#[ ][^\n]*?:\d+(?:[ ]{2}[^\n]*)?$)
    |(?P<comment>\#[^\n]*)
    |(?P<newline>\n)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<complex>\((?:[-+0-9.e]|inf|nan)+j\)|-?(?:inf|nan|[0-9][0-9.]*(?:e[+-]?[0-9]+)?)j\b)
    |(?P<float>-?(?:(?:inf|nan)\b|[0-9]+\.[0-9]*(?:e[+-]?[0-9]+)?|[0-9]+e[+-]?[0-9]+))
    |(?P<int>-?[0-9]+)
    |(?P<word>(?:[^\W\d]|<)[\w.<>]*)
    |(?P<sign>->|\+=|[(){}\[\],:=])
    """,
    re.VERBOSE | re.MULTILINE,
)


class ParseError(ValueError):
    """Text that is not a program; the message starts with the line's number."""


def parse(text: str) -> Program:
    """Return the program that a text shows.

    Parameters
    ----------
    text : str
        What `show` returned, or the like written by hand.

    Returns
    -------
    Program
        Values have their names in the text as hints.  It is not verified.

    Raises
    ------
    ParseError
        The text is not a program.
    """
    return _Parser(list(_tokens(text))).program()


def parse_type(text: str) -> Type:
    """Return the type that a text such as ``"f8[:,:]"`` names."""
    if match := re.fullmatch(r"stack<([biufc]\d+)>", text):
        return Stack(match[1])
    if match := re.fullmatch(r"([biufc]\d+)\[(|:(?:,:)*)\]", text):
        return Array(match[1], match[2].count(":"))
    if re.fullmatch(r"[biufc]\d+", text):
        return Scalar(text)
    raise ValueError(f"{text!r} is no type")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"line {line}: cannot read {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        if kind not in ("space", "comment"):
            yield _Token(kind, match[0], line)
        line += kind == "newline"
        at = match.end()
    yield _Token("end", "the end", line)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.values: dict[str, Var] = {}

    # tokens ---------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, wanted: str) -> NoReturn:
        raise ParseError(f"line {self.token.line}: expected {wanted}, found {self.token.text!r}")

    def next(self, kind: str, wanted: str = "") -> str:
        token = self.token
        if token.kind != kind:
            self.fail(wanted or f"a {kind}")
        self.at += 1
        return token.text

    def take(self, text: str) -> bool:
        """Step over a sign or word if it is next."""
        if self.token.text == text and self.token.kind in ("sign", "word"):
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            self.fail(repr(text))

    def newlines(self) -> None:
        while self.token.kind in ("newline", "loc"):
            self.at += 1

    def end_line(self) -> Loc:
        """Step over the end of a line and return the place it notes."""
        loc = NOWHERE
        if self.token.kind == "loc":
            file, _, number = self.next("loc")[2:].partition("  ")[0].rpartition(":")
            loc = Loc(file, int(number))
        if self.token.kind != "end":
            self.next("newline", "the end of the line")
        self.newlines()
        return loc

    def many(self, item: Callable[[], T], close: str) -> tuple[T, ...]:
        """Read items separated by commas up to a closing sign."""
        found: list[T] = []
        while not self.take(close):
            if found:
                self.need(",")
            found.append(item())
        return tuple(found)

    # values ---------------------------------------------------------------------------

    def type(self) -> Type:
        start = self.at
        text = self.next("word", "a type")
        if self.take("["):
            axes = self.many(self.axis, "]")
            text += f"[{','.join(axes)}]"
        try:
            return parse_type(text)
        except ValueError:
            self.at = start
            self.fail("a type")

    def axis(self) -> str:
        self.need(":")
        return ":"

    def define(self, name: str, type_: Type) -> Var:
        if name in self.values:
            raise ParseError(f"line {self.token.line}: {name} is defined twice")
        var = self.values[name] = Var(type_, name)
        return var

    def typed(self) -> Var:
        name = self.next("word", "a name")
        self.need(":")
        return self.define(name, self.type())

    def operand(self) -> Operand:
        token = self.token
        if token.kind == "word" and token.text not in ("true", "false"):
            if token.text not in self.values:
                self.fail("the name of a value defined above")
            self.at += 1
            return self.values[token.text]
        value = self.number()
        dtype = {bool: "b1", int: "i8", float: "f8", complex: "c16"}[type(value)]
        if self.take(":"):
            dtype = self.next("word", "a dtype")
        return Const(value, Scalar(dtype))

    def number(self) -> bool | complex:
        token = self.token
        self.at += 1
        match token.kind:
            case "word" if token.text in ("true", "false"):
                return token.text == "true"
            case "int":
                return int(token.text)
            case "float":
                return float(token.text)
            case "complex":
                return complex(token.text)
        self.at -= 1
        return self.fail("a number")

    def setting(self) -> object:
        if self.token.kind == "string":
            return json.loads(self.next("string"))
        if self.take("none"):
            return None
        if self.take("["):
            return self.many(self.setting, "]")
        return self.number()

    # statements -----------------------------------------------------------------------

    def program(self) -> Program:
        self.newlines()
        name = json.loads(self.next("string")) if self.token.kind == "string" else self.next("word", "a program's name")
        self.need("(")
        inputs = self.many(self.typed, ")")
        self.need("{")
        self.end_line()
        body, _ = self.block("return")
        self.need("}")
        self.newlines()
        self.next("end", "the end")
        return Program(name, inputs, body)

    def block(self, word: str) -> tuple[Block, bool]:
        """Read statements and results up to the closing brace; also whether it exits."""
        stmts: list[Stmt] = []
        results: list[Operand] = []
        exits = False
        while self.token.text != "}":
            if self.take(word):
                while self.token.kind not in ("newline", "loc") and self.token.text != "exit":
                    if results:
                        self.need(",")
                    results.append(self.operand())
                exits = self.take("exit")
                if exits:
                    results.append(self.operand())
                self.end_line()
                if self.token.text != "}":
                    self.fail("'}'")
            else:
                stmts.append(self.stmt())
        return Block(tuple(stmts), tuple(results)), exits

    def stmt(self) -> Stmt:
        if self.take("if"):
            return self.branch()
        if self.take("for"):
            return self.count()
        if self.take("while"):
            return self.loop()
        return self.op()

    def branch(self) -> If:
        cond = self.operand()
        outs: tuple[Var, ...] = ()
        if self.take("->"):
            self.need("(")
            outs = self.many(self.typed, ")")
        self.need("{")
        loc = self.end_line()
        then, _ = self.block("yield")
        orelse = Block(())
        self.need("}")
        if self.take("else"):
            self.need("{")
            self.end_line()
            orelse, _ = self.block("yield")
            self.need("}")
        self.end_line()
        return If(cond, then, orelse, outs, loc)

    def count(self) -> For:
        index = self.define(self.next("word", "a name"), INT)
        self.need("in")
        self.need("range")
        self.need("(")
        start = self.operand()
        self.need(",")
        stop = self.operand()
        self.need(",")
        step = int(self.next("int"))
        self.need(")")
        params, inits, outs, count = self.carried()
        loc = self.end_line()
        body, exits = self.block("yield")
        self.need("}")
        self.end_line()
        return For(index, start, stop, step, params, inits, body, outs, count, exits, loc)

    def loop(self) -> While:
        params, inits, outs, count = self.carried()
        loc = self.end_line()
        cond, _ = self.block("test")
        self.need("}")
        self.need("do")
        self.need("{")
        self.end_line()
        body, exits = self.block("yield")
        self.need("}")
        self.end_line()
        return While(params, inits, cond, body, outs, count, exits, loc)

    def carried(self) -> tuple[tuple[Var, ...], tuple[Operand, ...], tuple[Var, ...], Var]:
        pairs: tuple[tuple[Var, Operand], ...] = ()
        outs: tuple[Var, ...] = ()
        count: Var | None = None
        if self.take("carry"):
            self.need("(")
            pairs = self.many(self.param, ")")
            self.need("->")
            self.need("(")
            outs = self.many(self.typed, ")")
            self.take(",")
        if self.take("count"):
            count = self.define(self.next("word", "a name"), INT)
        self.need("{")
        return tuple(p for p, _ in pairs), tuple(x for _, x in pairs), outs, count or Var(INT)

    def param(self) -> tuple[Var, Operand]:
        name = self.next("word", "a name")
        self.need(":")
        type_ = self.type()
        self.need("=")
        init = self.operand()
        return self.define(name, type_), init

    def op(self) -> Op:
        out: tuple[str, Type] | None = None
        name = self.next("word", "an operation")
        if self.take(":"):
            out = name, self.type()
            self.need("=")
            name = self.next("word", "an operation")
        args = self.arguments(name)
        attrs: list[tuple[str, object]] = []
        while self.token.kind == "word":
            key = self.next("word")
            self.need("=")
            attrs.append((key, self.setting()))
        loc = self.end_line()
        return Op(name, args, self.define(*out) if out else None, tuple(attrs), loc)

    def arguments(self, name: str) -> tuple[Operand, ...]:
        if name in ("load", "store", "addto"):
            array = self.operand()
            self.need("[")
            index = self.many(self.operand, "]")
            if name == "load":
                return (array, *index)
            self.need("=" if name == "store" else "+=")
            return (array, self.operand(), *index)
        found: list[Operand] = []
        while self.token.kind not in ("newline", "loc", "end") and not self.starts_setting():
            if found:
                self.need(",")
            found.append(self.operand())
        return tuple(found)

    def starts_setting(self) -> bool:
        return self.token.kind == "word" and self.tokens[self.at + 1].text == "="
