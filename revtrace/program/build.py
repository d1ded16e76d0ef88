"""Appending statements to a block that is being built.

A builder owns a stack of open blocks and knows, for every value it made, the block
that defines it and the operation that computes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from revtrace.program.nodes import (
    NOWHERE,
    Block,
    Const,
    If,
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
        self.defs: dict[Var, Stmt] = {}
        self.appended = 0
        self._home: dict[Var, int] = {}
        # Lists are kept alive here: their identity is what `_home` refers to.
        self._lists: list[list[Stmt]] = []

    # blocks -----------------------------------------------------------------------

    @property
    def stmts(self) -> list[Stmt]:
        """Statements of the innermost open block."""
        return self._open[-1]

    @property
    def nested(self) -> bool:
        """Whether the innermost open block is inside another than the prologue."""
        return len(self._open) > 2

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
            self._lists.append(stmts)

    def open_prologue(self) -> list[Stmt]:
        """Open a list before everything else, whose values are visible everywhere."""
        stmts: list[Stmt] = []
        self._open.insert(0, stmts)
        return stmts

    def reopen(self, stmts: list[Stmt]) -> None:
        """Drop the blocks opened since the given one was innermost."""
        while self._open[-1] is not stmts:
            self._lists.append(self._open.pop())

    @contextmanager
    def into(self, stmts: list[Stmt]) -> Iterator[None]:
        """Append to a closed block again."""
        self._open.append(stmts)
        try:
            yield
        finally:
            self._open.pop()

    def own(self, var: Var) -> Var:
        """Say that a value (a loop's index or param) belongs to the innermost open block."""
        self._home[var] = id(self._open[-1])
        return var

    def visible(self, var: Var) -> bool:
        """Whether a value made here may be used in the innermost open block."""
        home = self._home.get(var)
        return home is None or any(id(stmts) == home for stmts in self._open)

    def recorded(self) -> list[Stmt]:
        """Return the statements of all open blocks, outermost first."""
        return [stmt for stmts in self._open for stmt in stmts]

    def close(self, *results: Operand) -> Block:
        """Return the outermost block, the prologue first."""
        assert not self.nested
        return Block(tuple(self.recorded()), results)

    def append(self, stmt: Stmt) -> None:
        """Append a statement as it is."""
        self._open[-1].append(stmt)
        self.appended += 1
        if isinstance(stmt, Op):
            outs: tuple[Var, ...] = () if stmt.out is None else (stmt.out,)
        elif isinstance(stmt, If):
            outs = stmt.outs
        else:
            outs = (*stmt.outs, stmt.count)
        for out in outs:
            self.defs[out] = stmt
            self.own(out)

    def outside(self, var: Var) -> bool:
        """Whether a value is defined outside the innermost open block."""
        home = self._home.get(var)
        return home is None or home != id(self._open[-1])

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
        if isinstance(x, Const) and not (isinstance(x.value, complex) and dtype[0] != "c"):
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

    def alloc(self, dtype: str, *shape: Operand, zeros: bool = False, hint: str = "") -> Var:
        """Return a new array; its contents are undefined unless ``zeros``."""
        return self.op("alloc", *shape, type=Array(dtype, len(shape)), hint=hint, zeros=zeros)

    def stack(self, dtype: str, hint: str = "") -> Var:
        """Return a new empty stack."""
        return self.op("stack", type=Stack(dtype), hint=hint)
