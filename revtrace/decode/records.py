"""What decoding gives: canonical instructions with places, jump targets and handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

from revtrace.loc import Loc

__all__ = ["Decoded", "Handler", "Instr"]


@dataclass(frozen=True, slots=True)
class Instr:
    """A canonical instruction.

    Attributes
    ----------
    name : str
        Canonical name, such as ``"LOAD_LOCAL"``; ``"REFUSED"`` for an opcode revtrace does not
        support, whose ``arg`` is then ``(opcode name, reason)``.
    arg : object
        The operand, already resolved: a name, a constant, an operator sign, a count.
    loc : Loc
        The place in the user's source.
    target : int or None
        Where a jump goes, as an index into `Decoded.instrs`.
    handler : int or None
        Where an exception raised here goes, as an index into `Decoded.instrs`.
    """

    name: str
    arg: Any
    loc: Loc
    target: int | None = None
    handler: int | None = None

    def __str__(self) -> str:
        text = self.name
        if self.arg is not None or self.name == "LOAD_CONST":
            text += f" {self.arg!r}"
        if self.target is not None:
            text += f" -> {self.target}"
        if self.handler is not None:
            text += f" (raises to {self.handler})"
        return text


@dataclass(frozen=True, slots=True)
class Handler:
    """An exception handler.

    On an exception the stack is cut to ``depth`` values, the index of the raising
    instruction is pushed if ``push_lasti``, then the exception, and control goes to ``target``.
    """

    target: int
    depth: int
    push_lasti: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """The canonical instructions of a code object.

    Attributes
    ----------
    code : code object
    instrs : tuple of Instr
    handlers : mapping from int to Handler
        The exception handlers by the index of their first instruction.
    cells : tuple of str
        Locals (and parameters) that live in cells from the start of the function.  A cell that
        a comprehension makes for its own variable is a ``MAKE_CELL`` instruction instead.
    freevars : tuple of str
        Names whose cells come from the function's ``__closure__``, in that order.
    """

    code: CodeType
    instrs: tuple[Instr, ...]
    handlers: Mapping[int, Handler]
    cells: tuple[str, ...]
    freevars: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(f"{index:4} {instr.loc.line:5}  {instr}" for index, instr in enumerate(self.instrs))
