"""The records a program is made of.

A program is a tree of blocks.  Scalars are single-assignment; arrays are buffers
held by reference and changed by ``store``, ``fill`` and ``copyto``.  Records are
frozen: a pass builds new ones.

Regions
-------
``If``
    Runs one arm.  ``outs[k]`` is ``then.results[k]`` or ``orelse.results[k]``.
``For``
    ``for index in range(start, stop, step)``; ``step`` is a non-zero constant.
    ``params`` hold the carried values: ``inits`` on entry, ``body.results[:len(params)]``
    after each iteration; ``outs`` are their final values.  With ``exits`` true,
    ``body.results[-1]`` is one more result, a boolean: true leaves the loop after
    this iteration.  ``count`` is the number of iterations that were run.
``While``
    Runs ``cond`` (pure; it sees the params), stops when its single result is
    false, else runs ``body`` as in ``For``.  ``count`` counts body runs.

A value defined in a block is visible in the blocks nested in it, not after it:
values leave a region only through its ``outs``.  Array-typed params are
references: what the body yields for them must be a permutation of the loop's own
array params (a swap), so that no reference escapes its scope.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from revtrace.loc import NOWHERE, Loc
from revtrace.program.types import Scalar, Type

__all__ = [
    "NOWHERE",
    "Block",
    "Const",
    "For",
    "If",
    "Loc",
    "Op",
    "Operand",
    "Program",
    "Stmt",
    "Var",
    "While",
    "defined",
    "free",
    "fresh_id",
    "regions",
    "used",
    "walk",
]


_ids = itertools.count()


def fresh_id() -> int:
    """Return a number that no value of this process has."""
    return next(_ids)


@dataclass(frozen=True, eq=False, slots=True)
class Var:
    """A value with one definition; compared by identity.  ``name`` is a hint for dumps."""

    type: Type
    name: str = ""
    id: int = field(default_factory=_ids.__next__)

    def __repr__(self) -> str:
        return f"%{self.name or 'v'}{self.id}:{self.type}"


@dataclass(frozen=True, slots=True)
class Const:
    """A literal number of a scalar type."""

    value: bool | complex
    type: Scalar

    def __repr__(self) -> str:
        return f"{self.value!r}:{self.type}"


Operand = Var | Const


@dataclass(frozen=True, slots=True)
class Op:
    """One operation: ``out = name(*args)``; ``attrs`` holds its static settings by name."""

    name: str
    args: tuple[Operand, ...]
    out: Var | None = None
    attrs: tuple[tuple[str, object], ...] = ()
    loc: Loc = NOWHERE

    def attr(self, key: str, default: object = None) -> object:
        """Return one static setting."""
        for k, v in self.attrs:
            if k == key:
                return v
        return default


@dataclass(frozen=True, slots=True)
class Block:
    """Statements in order, then the operands handed to the enclosing region."""

    stmts: tuple[Stmt, ...]
    results: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class If:
    """Two arms, one of which runs; see the module's text."""

    cond: Operand
    then: Block
    orelse: Block
    outs: tuple[Var, ...]
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True)
class For:
    """A counted loop; see the module's text."""

    index: Var
    start: Operand
    stop: Operand
    step: int
    params: tuple[Var, ...]
    inits: tuple[Operand, ...]
    body: Block
    outs: tuple[Var, ...]
    count: Var
    exits: bool = False
    loc: Loc = NOWHERE


@dataclass(frozen=True, slots=True)
class While:
    """A loop whose trip count is found by running it; see the module's text."""

    params: tuple[Var, ...]
    inits: tuple[Operand, ...]
    cond: Block
    body: Block
    outs: tuple[Var, ...]
    count: Var
    exits: bool = False
    loc: Loc = NOWHERE


Stmt = Op | If | For | While


@dataclass(frozen=True, slots=True)
class Program:
    """A function of numbers and arrays.

    Attributes
    ----------
    name : str
        The user's function.
    inputs : tuple of Var
        Arguments in call order; arrays are C-contiguous and the program owns
        those it writes (the caller passes copies).
    body : Block
        ``body.results`` are the outputs.
    """

    name: str
    inputs: tuple[Var, ...]
    body: Block

    def __str__(self) -> str:
        from revtrace.program.show import show

        return show(self)

    def _repr_html_(self) -> str:
        from revtrace.program.show import show

        return f"<pre>{escape(show(self, locs=True))}</pre>"


def regions(stmt: Stmt) -> tuple[Block, ...]:
    """Return the blocks nested directly in a statement."""
    match stmt:
        case If():
            return (stmt.then, stmt.orelse)
        case For():
            return (stmt.body,)
        case While():
            return (stmt.cond, stmt.body)
    return ()


def used(stmt: Stmt) -> Iterator[Operand]:
    """Yield the operands a statement reads itself, not those of its blocks."""
    match stmt:
        case Op():
            yield from stmt.args
        case If():
            yield stmt.cond
        case For():
            yield stmt.start
            yield stmt.stop
            yield from stmt.inits
        case While():
            yield from stmt.inits


def defined(stmt: Stmt) -> tuple[Var, ...]:
    """Return what a statement defines in its own block."""
    match stmt:
        case Op():
            return () if stmt.out is None else (stmt.out,)
        case If():
            return stmt.outs
        case For() | While():
            return (*stmt.outs, stmt.count)


def free(block: Block, bound: tuple[Var, ...] = ()) -> dict[Var, None]:
    """Return, in order of first use, the values a block reads that are defined outside it."""
    seen: dict[Var, None] = {}
    local: set[Var] = set(bound)

    def look(x: Operand) -> None:
        if isinstance(x, Var) and x not in local:
            seen.setdefault(x)

    def visit(block: Block) -> None:
        for stmt in block.stmts:
            for x in used(stmt):
                look(x)
            match stmt:
                case If():
                    visit(stmt.then)
                    visit(stmt.orelse)
                case For():
                    local.add(stmt.index)
                    local.update(stmt.params)
                    visit(stmt.body)
                case While():
                    local.update(stmt.params)
                    visit(stmt.cond)
                    visit(stmt.body)
            local.update(defined(stmt))
        for x in block.results:
            look(x)

    visit(block)
    return seen


def walk(block: Block) -> Iterator[Stmt]:
    """Yield every statement of a block and of the blocks nested in it, outer first."""
    work = [iter(block.stmts)]
    while work:
        for stmt in work[-1]:
            yield stmt
            inner = regions(stmt)
            if inner:
                work.append(itertools.chain.from_iterable(b.stmts for b in inner))
                break
        else:
            work.pop()


def const(value: bool | complex, dtype: str | None = None) -> Const:
    """Return a literal; the dtype follows Python's type when not given."""
    if dtype is None:
        dtype = {bool: "b1", int: "i8", float: "f8", complex: "c16"}[type(value)]
    kind = dtype[0]
    cast = {"b": bool, "i": int, "u": int, "f": float, "c": complex}[kind]
    return Const(cast(value), Scalar(dtype))
