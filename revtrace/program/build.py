"""Appending statements to a block that is being built.

A builder owns a stack of open blocks.  It folds constants and trivial identities
as it goes (``x + 0`` is kept: it changes the sign of zero), so that tracers and
passes can write formulas plainly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from revtrace.program.nodes import (
    NOWHERE,
    Block,
    Const,
    Loc,
    Op,
    Operand,
    Stmt,
    Var,
    const,
)
from revtrace.program.types import BOOL, INT, Array, Scalar, Stack, Type

__all__ = ["Builder"]


class Builder:
    """Collects statements; ``loc`` is stamped on each operation."""

    def __init__(self, loc: Loc = NOWHERE) -> None:
        self.loc = loc
        self._open: list[list[Stmt]] = [[]]

    # blocks -----------------------------------------------------------------------

    @property
    def stmts(self) -> list[Stmt]:
        """Statements of the innermost open block."""
        return self._open[-1]

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Open a nested block; the list it yields holds its statements afterwards."""
        stmts: list[Stmt] = []
        self._open.append(stmts)
        try:
            yield stmts
        finally:
            top = self._open.pop()
            assert top is stmts

    def close(self, *results: Operand) -> Block:
        """Return the outermost block."""
        assert len(self._open) == 1
        return Block(tuple(self._open[0]), results)

    def append(self, stmt: Stmt) -> None:
        """Append a statement as it is."""
        self._open[-1].append(stmt)

    # operations -------------------------------------------------------------------

    def op(
        self,
        name: str,
        *args: Operand,
        type: Type | None = None,
        hint: str = "",
        **attrs: object,
    ) -> Var:
        """Append an operation with a result and return it."""
        if type is None:
            type = args[0].type
        out = Var(type, hint)
        self.append(Op(name, args, out, tuple(attrs.items()), self.loc))
        return out

    def do(self, name: str, *args: Operand, **attrs: object) -> None:
        """Append an operation without a result."""
        self.append(Op(name, args, None, tuple(attrs.items()), self.loc))

    # common ones --------------------------------------------------------------------

    def cast(self, x: Operand, dtype: str) -> Operand:
        """Convert a scalar."""
        assert isinstance(x.type, Scalar)
        if x.type.dtype == dtype:
            return x
        if isinstance(x, Const) and not (
            isinstance(x.value, complex) and dtype[0] != "c"
        ):
            try:
                return const(x.value, dtype)
            except (OverflowError, ValueError):
                pass
        return self.op("cast", x, type=Scalar(dtype))

    def compare(self, name: str, a: Operand, b: Operand) -> Operand:
        """Append one of lt le gt ge eq ne."""
        return self.op(name, a, b, type=BOOL)

    def dim(self, a: Operand, axis: int) -> Operand:
        """Length of an axis of an array, an i8."""
        return self.op("dim", a, type=INT, axis=axis)

    def load(self, a: Operand, *index: Operand, hint: str = "") -> Var:
        """Read an element; indices are raw Python indices (negative ones count from the end)."""
        assert isinstance(a.type, Array) and len(index) == a.type.ndim
        return self.op("load", a, *index, type=Scalar(a.type.dtype), hint=hint)

    def store(self, a: Operand, value: Operand, *index: Operand) -> None:
        """Write an element."""
        assert isinstance(a.type, Array) and len(index) == a.type.ndim
        self.do("store", a, value, *index)

    def alloc(
        self, dtype: str, *shape: Operand, zeros: bool = False, hint: str = ""
    ) -> Var:
        """Return a new array; its contents are undefined unless ``zeros``."""
        return self.op(
            "alloc", *shape, type=Array(dtype, len(shape)), hint=hint, zeros=zeros
        )

    def stack(self, dtype: str, hint: str = "") -> Var:
        """Return a new empty stack."""
        return self.op("stack", type=Stack(dtype), hint=hint)
