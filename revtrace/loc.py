"""A place in the user's source, and what a statement of a derivative does there."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass
from typing import Any

__all__ = ["NOWHERE", "Loc", "definition"]


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in the user's source: file, line (1-based), column (0-based) and function.

    Attributes
    ----------
    origin : int
        In a program made by `revtrace.passes.reverse`: which statement of the reversed program this one comes
        from, counted from 1; 0 elsewhere.
    role : str
        What it does there: ``""`` for the statement itself, ``"keep"`` puts a value aside, ``"fetch"`` takes it back,
        ``"again"`` computes a value again, ``"undo"`` puts back what was written over, ``"bar"`` names the
        complete adjoint of its result, ``"adjoint"`` for the rest of the backward sweep.
    """

    file: str = "?"
    line: int = 0
    column: int = 0
    end_column: int = 0
    function: str = ""
    origin: int = 0
    role: str = ""

    def acting(self, role: str) -> Loc:
        """Return the same place in another role."""
        if self.role == role:
            return self
        return Loc(self.file, self.line, self.column, self.end_column, self.function, self.origin, role)

    @property
    def short(self) -> str:
        """The last part of the file's name."""
        return os.path.basename(self.file)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Loc()


def definition(function: Any) -> Loc:
    """Return the line of a function's ``def``, below its decorators."""
    function = getattr(function, "forwards", function)
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    if code is None:
        return NOWHERE
    for line in range(code.co_firstlineno, code.co_firstlineno + 64):
        text = linecache.getline(code.co_filename, line)
        if text.lstrip().startswith(("def ", "async def ")) or "lambda" in text:
            start = len(text) - len(text.lstrip())
            return Loc(code.co_filename, line, start, len(text.rstrip()), code.co_qualname)
    return Loc(code.co_filename, code.co_firstlineno, function=code.co_qualname)
