"""Which arrays may share memory.

A buffer is an input, an allocation, a copy or a stack; two accesses that reach no common buffer
are independent, and the compiler is told so: it would otherwise test it before each loop.
"""

from __future__ import annotations

from collections.abc import Iterator

from revtrace.calls.core import parts
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Var, While, regions, walk
from revtrace.program.types import Array, Stack

__all__ = ["buffers", "packed", "returned", "written"]

_WRITES = frozenset(("store", "addto", "fill", "copyto"))


def buffers(program: Program) -> dict[Var, frozenset[int]]:
    """Return the buffers, by number, that each array or stack of a program may be."""
    out: dict[Var, frozenset[int]] = {}
    count = 0

    def fresh(v: Var) -> None:
        nonlocal count
        out[v] = frozenset((count,))
        count += 1

    def held(x: Operand) -> frozenset[int]:
        return out.get(x, frozenset()) if isinstance(x, Var) else frozenset()

    def visit(block: Block) -> None:
        for stmt in block.stmts:
            match stmt:
                case Op() if stmt.out is not None and isinstance(stmt.out.type, Array | Stack):
                    fresh(stmt.out)
                case For() | While():
                    arrays = [(p, x) for p, x in zip(stmt.params, stmt.inits, strict=True) if isinstance(p.type, Array)]
                    # The body may exchange them in any way.
                    every = frozenset().union(*(held(x) for _, x in arrays))
                    kept = {p for (p, r) in zip(stmt.params, stmt.body.results, strict=False) if p is r}
                    for p, x in arrays:
                        out[p] = held(x) if p in kept else every
            for inner in regions(stmt):
                visit(inner)
            if isinstance(stmt, If):
                for v, a, b in zip(stmt.outs, stmt.then.results, stmt.orelse.results, strict=True):
                    if isinstance(v.type, Array):
                        out[v] = held(a) | held(b)
            elif isinstance(stmt, For | While):
                for v, p in zip(stmt.outs, stmt.params, strict=True):
                    if isinstance(v.type, Array):
                        out[v] = out[p]

    for v in program.inputs:
        if isinstance(v.type, Array):
            fresh(v)
    visit(program.body)
    return out


def packed(program: Program) -> frozenset[Var]:
    """Return the arrays of flags to be held as bits: asked for, and only read and written element by element."""
    asked = {
        stmt.out: stmt
        for stmt in walk(program.body)
        if isinstance(stmt, Op) and stmt.name == "alloc" and stmt.attr("bits") and stmt.out is not None
    }

    def reached(block: Block) -> Iterator[Operand]:
        yield from block.results
        for stmt in block.stmts:
            if isinstance(stmt, Op):
                known = stmt.name in ("load", "store") and stmt.attr("safe")
                yield from stmt.args[1:] if known else stmt.args
            elif isinstance(stmt, For | While):
                yield from stmt.inits
            for inner in () if isinstance(stmt, Op) else regions(stmt):
                yield from reached(inner)

    return frozenset(asked) - {x for x in reached(program.body) if isinstance(x, Var)} if asked else frozenset()


def returned(program: Program) -> tuple[Var, ...]:
    """Return the arrays made outside loops that a program may return, in order."""
    held = buffers(program)
    numbers = frozenset().union(*(held.get(x, frozenset()) for x in program.body.results if isinstance(x, Var)))

    def made(block: Block) -> Iterator[Var]:
        for stmt in block.stmts:
            if isinstance(stmt, Op) and stmt.out is not None and isinstance(stmt.out.type, Array):
                if held[stmt.out] & numbers:
                    yield stmt.out
            elif isinstance(stmt, If):
                for inner in regions(stmt):
                    yield from made(inner)

    return tuple(made(program.body))


def written(program: Program) -> tuple[int, ...]:
    """Return the positions of the inputs that a program may write."""
    held = buffers(program)
    changed: set[int] = set()
    for stmt in walk(program.body):
        if isinstance(stmt, Op) and stmt.name in _WRITES and isinstance(stmt.args[0], Var):
            changed |= held.get(stmt.args[0], frozenset())
        if isinstance(stmt, Op) and stmt.name == "call":
            changed = changed.union(*(held.get(x, frozenset()) for x in parts(stmt)[0] if isinstance(x, Var)))
    return tuple(k for k, v in enumerate(program.inputs) if held.get(v, frozenset()) & changed)
