"""Where each value of a program is defined, and how blocks are nested.

Facts that every other pass asks for; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from revtrace.program.nodes import Block, For, If, Operand, Program, Stmt, Var, While, defined, free, regions, used
from revtrace.program.types import Array, Scalar, is_inexact

__all__ = ["TOP", "Scope", "Scopes", "defined", "free", "is_array", "is_float", "named", "scopes"]

TOP = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """One block of a program.

    Attributes
    ----------
    index : int
        Its number; an enclosing block has a smaller one.
    block : Block
    parent : int
        The enclosing block's number; -1 for the program's body.
    owner : Stmt or None
        The region it belongs to.
    position : int
        Place of the owner among the parent's statements.
    role : str
        ``"top"``, ``"then"``, ``"orelse"``, ``"body"`` or ``"cond"``.
    loops : int
        Number of loops around it.
    """

    index: int
    block: Block
    parent: int
    owner: Stmt | None
    position: int
    role: str
    loops: int


@dataclass(slots=True)
class Scopes:
    """All blocks of a program, and the home of each value."""

    all: list[Scope] = field(default_factory=list)
    home: dict[Var, int] = field(default_factory=dict)
    definition: dict[Var, Stmt | None] = field(default_factory=dict)
    of: dict[int, int] = field(default_factory=dict)

    def scope(self, block: Block) -> Scope:
        """Return the record of a block of this program."""
        return self.all[self.of[id(block)]]

    def chain(self, index: int) -> Iterator[Scope]:
        """Yield a scope and those around it, inner first."""
        while index >= 0:
            scope = self.all[index]
            yield scope
            index = scope.parent

    def inside(self, index: int, outer: int) -> bool:
        """Whether a scope is ``outer`` or nested in it."""
        return any(s.index == outer for s in self.chain(index))

    def children(self, stmt: Stmt) -> tuple[Scope, ...]:
        """Return the scopes of a region's blocks."""
        match stmt:
            case If():
                return (self.scope(stmt.then), self.scope(stmt.orelse))
            case For():
                return (self.scope(stmt.body),)
            case While():
                return (self.scope(stmt.cond), self.scope(stmt.body))
        return ()


def scopes(program: Program) -> Scopes:
    """Collect the blocks of a program whose blocks are distinct objects (see `rebuild.fresh`)."""
    found = Scopes()
    for var in program.inputs:
        found.home[var] = TOP
        found.definition[var] = None

    def visit(block: Block, parent: int, owner: Stmt | None, position: int, role: str, loops: int) -> None:
        index = len(found.all)
        found.all.append(Scope(index, block, parent, owner, position, role, loops))
        assert id(block) not in found.of, "a block occurs twice"
        found.of[id(block)] = index
        if isinstance(owner, For) or (isinstance(owner, While) and role == "body"):
            # A while's params are seen by its condition too, but only the body is reversed.
            for p in owner.params:
                found.home[p] = index
                found.definition[p] = owner
        if isinstance(owner, For):
            found.home[owner.index] = index
            found.definition[owner.index] = owner
        for at, stmt in enumerate(block.stmts):
            for var in defined(stmt):
                found.home[var] = index
                found.definition[var] = stmt
            match stmt:
                case If():
                    visit(stmt.then, index, stmt, at, "then", loops)
                    visit(stmt.orelse, index, stmt, at, "orelse", loops)
                case For():
                    visit(stmt.body, index, stmt, at, "body", loops + 1)
                case While():
                    visit(stmt.cond, index, stmt, at, "cond", loops + 1)
                    visit(stmt.body, index, stmt, at, "body", loops + 1)

    visit(program.body, -1, None, 0, "top", 0)
    return found


def named(block: Block) -> set[Operand]:
    """Return what is named in a block and in those nested in it."""
    return {*block.results}.union(*({*used(s)}.union(*map(named, regions(s))) for s in block.stmts))


def is_array(x: Operand) -> bool:
    """Whether an operand is an array."""
    return isinstance(x.type, Array)


def is_float(x: Operand) -> bool:
    """Whether an operand is a number that can carry a derivative."""
    return isinstance(x.type, Scalar) and is_inexact(x.type.dtype)
