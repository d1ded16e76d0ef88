"""A place in the user's source."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NOWHERE", "Loc"]


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in the user's source: file, line (1-based), column (0-based) and function."""

    file: str = "?"
    line: int = 0
    column: int = 0
    end_column: int = 0
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Loc()
