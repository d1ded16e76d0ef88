"""Which statements touch which memory.

A *buffer class* is a set of array values that may be the same storage: those an
``if`` or a loop may hand on for one another.  Inputs, and what different ``alloc``
and ``copy`` operations return, never share storage.  Stacks are classes of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from revtrace.calls.core import parts
from revtrace.passes.scopes import Scopes, is_array
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, regions
from revtrace.program.types import Array

__all__ = ["Access", "Buffers", "Touch", "buffers", "touched", "touches"]

_READS = {"load": (0,), "copy": (0,), "copyto": (1,), "addto": (0,), "dim": (), "pop": (0,)}
_WRITES = {"store": 0, "addto": 0, "fill": 0, "copyto": 0, "push": 0, "pop": 0}


@dataclass(frozen=True, slots=True)
class Touch:
    """One read or write of memory by an operation."""

    op: Op
    array: Operand
    writes: bool


@dataclass(frozen=True, slots=True)
class Access:
    """A touch and the place of its operation: scope and position, outermost first."""

    op: Op
    array: Var
    writes: bool
    path: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Buffers:
    """Buffer classes of a program.

    Attributes
    ----------
    parent : dict
        Union-find forest over array values.
    accesses : dict
        Per class, every read and write in program order.
    """

    parent: dict[Var, Var] = field(default_factory=dict)
    accesses: dict[Var, list[Access]] = field(default_factory=dict)
    _inside: dict[int, tuple[Stmt, dict[Var, None], dict[Var, None]]] = field(default_factory=dict)
    """Statements by identity, with the classes that they touch and write."""

    def touched(self, stmt: Stmt) -> dict[Var, None]:
        """Return the classes that a statement and its blocks read or write, without stacks, in order."""
        return self._effects(stmt)[1]

    def written(self, stmt: Stmt) -> dict[Var, None]:
        """Return the classes that a statement and its blocks write, without stacks, in order."""
        return self._effects(stmt)[2]

    def _effects(self, stmt: Stmt) -> tuple[Stmt, dict[Var, None], dict[Var, None]]:
        found = self._inside.get(id(stmt))
        if found is None:
            touched: dict[Var, None] = {}
            written: dict[Var, None] = {}
            if isinstance(stmt, Op):
                for t in touches(stmt):
                    if isinstance(t.array.type, Array):
                        cls = self.find(t.array)
                        touched[cls] = None
                        if t.writes:
                            written[cls] = None
            for block in regions(stmt):
                for inner in block.stmts:
                    _, reads, writes = self._effects(inner)
                    touched.update(reads)
                    written.update(writes)
            found = self._inside[id(stmt)] = stmt, touched, written
        return found

    def find(self, array: Operand) -> Var:
        """Return the representative of an array's class."""
        assert isinstance(array, Var)
        root = array
        while (up := self.parent.get(root, root)) is not root:
            root = up
        while (up := self.parent.get(array, array)) is not root:
            self.parent[array] = root
            array = up
        return root

    def join(self, a: Operand, b: Operand) -> None:
        """Say that two arrays may be the same storage."""
        x, y = self.find(a), self.find(b)
        if x is not y:
            self.parent[y] = x


def touches(op: Op) -> Iterator[Touch]:
    """Yield the reads, then the writes, of one operation."""
    if op.name == "call":
        outs, ins = parts(op)
        for x in dict.fromkeys((*ins, *(outs if op.attr("adds") else ()))):
            yield Touch(op, x, False)
        for x in outs:
            yield Touch(op, x, True)
        return
    for k in _READS.get(op.name, ()):
        yield Touch(op, op.args[k], False)
    if op.name in _WRITES:
        yield Touch(op, op.args[_WRITES[op.name]], True)


def touched(stmt: Stmt) -> Iterator[Touch]:
    """Yield every touch of a statement and of its blocks."""
    if isinstance(stmt, Op):
        yield from touches(stmt)
    for block in regions(stmt):
        for inner in block.stmts:
            yield from touched(inner)


def buffers(program: Program, scopes: Scopes) -> Buffers:
    """Find the buffer classes of a program and their accesses."""
    found = Buffers()

    def arrays(block: Block) -> None:
        for stmt in block.stmts:
            match stmt:
                case If():
                    for out, a, b in zip(stmt.outs, stmt.then.results, stmt.orelse.results, strict=True):
                        if is_array(out):
                            found.join(out, a)
                            found.join(out, b)
                case For() | While():
                    for k, p in enumerate(stmt.params):
                        if is_array(p):
                            for x in (stmt.inits[k], stmt.outs[k], stmt.body.results[k]):
                                found.join(p, x)
            for inner in regions(stmt):
                arrays(inner)

    def visit(block: Block, prefix: tuple[tuple[int, int], ...]) -> None:
        index = scopes.scope(block).index
        for at, stmt in enumerate(block.stmts):
            path = (*prefix, (index, at))
            if isinstance(stmt, Op):
                for touch in touches(stmt):
                    assert isinstance(touch.array, Var)
                    access = Access(stmt, touch.array, touch.writes, path)
                    found.accesses.setdefault(found.find(touch.array), []).append(access)
            for inner in regions(stmt):
                visit(inner, path)

    arrays(program.body)
    visit(program.body, ())
    return found
