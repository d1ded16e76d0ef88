"""The program: the structured tape that every stage hands to the next.

Owns the records (types, values, operations, regions), building them, checking
them and printing them.  Knows nothing of bytecode, of derivatives or of numba.
"""

from revtrace.program.build import Builder
from revtrace.program.nodes import (
    Block,
    Const,
    For,
    If,
    Loc,
    Op,
    Operand,
    Program,
    Stmt,
    Var,
    While,
)
from revtrace.program.types import Array, Scalar, Stack, Type

__all__ = [
    "Array",
    "Block",
    "Builder",
    "Const",
    "For",
    "If",
    "Loc",
    "Op",
    "Operand",
    "Program",
    "Scalar",
    "Stack",
    "Stmt",
    "Type",
    "Var",
    "While",
]
