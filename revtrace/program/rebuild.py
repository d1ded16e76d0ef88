"""Copying programs: blocks as new objects, values renamed or replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, regions

__all__ = ["clone", "clone_block", "fresh", "map_all", "map_blocks", "substitute", "substitute_block"]

Swap = Callable[[Operand], Operand]


def fresh(program: Program) -> Program:
    """Return the same program with every block and operation a distinct object; values are kept."""
    seen: set[int] = set()

    def distinct(block: Block) -> bool:
        if id(block) in seen:
            return False
        seen.add(id(block))
        for stmt in block.stmts:
            if id(stmt) in seen:
                return False
            seen.add(id(stmt))
            if not isinstance(stmt, Op) and not all(map(distinct, regions(stmt))):
                return False
        return True

    if distinct(program.body):
        return program
    return Program(program.name, program.inputs, _block(program.body, lambda x: x, lambda v: v))


def substitute(stmt: Stmt, values: Mapping[Var, Operand]) -> Stmt:
    """Replace values that a statement reads, in its blocks too; definitions are kept."""
    return _stmt(stmt, lambda x: values.get(x, x) if isinstance(x, Var) else x, lambda v: v)


def substitute_block(block: Block, values: Mapping[Var, Operand]) -> Block:
    """Replace values as `substitute` does in every statement, and among the results."""
    return _block(block, lambda x: values.get(x, x) if isinstance(x, Var) else x, lambda v: v)


def clone(stmt: Stmt, values: dict[Var, Operand]) -> Stmt:
    """Copy a statement with new definitions, which are entered in ``values``."""

    def define(var: Var) -> Var:
        new = Var(var.type, var.name)
        values[var] = new
        return new

    return _stmt(stmt, lambda x: values.get(x, x) if isinstance(x, Var) else x, define)


def clone_block(block: Block, values: dict[Var, Operand]) -> Block:
    """Copy a block as `clone` copies a statement."""
    stmts = tuple(clone(s, values) for s in block.stmts)
    return Block(stmts, tuple(values.get(x, x) if isinstance(x, Var) else x for x in block.results))


def _block(block: Block, swap: Swap, define: Callable[[Var], Var]) -> Block:
    stmts = tuple(_stmt(s, swap, define) for s in block.stmts)
    return Block(stmts, tuple(swap(x) for x in block.results))


def _stmt(stmt: Stmt, swap: Swap, define: Callable[[Var], Var]) -> Stmt:
    match stmt:
        case Op():
            args = tuple(swap(x) for x in stmt.args)
            return Op(stmt.name, args, None if stmt.out is None else define(stmt.out), stmt.attrs, stmt.loc)
        case If():
            cond = swap(stmt.cond)
            then, orelse = _block(stmt.then, swap, define), _block(stmt.orelse, swap, define)
            return If(cond, then, orelse, tuple(define(v) for v in stmt.outs), stmt.loc)
        case For():
            start, stop, inits = swap(stmt.start), swap(stmt.stop), tuple(swap(x) for x in stmt.inits)
            index, params = define(stmt.index), tuple(define(v) for v in stmt.params)
            body = _block(stmt.body, swap, define)
            outs, count = tuple(define(v) for v in stmt.outs), define(stmt.count)
            return For(index, start, stop, stmt.step, params, inits, body, outs, count, stmt.exits, stmt.loc)
        case While():
            inits = tuple(swap(x) for x in stmt.inits)
            params = tuple(define(v) for v in stmt.params)
            test, body = _block(stmt.cond, swap, define), _block(stmt.body, swap, define)
            outs, count = tuple(define(v) for v in stmt.outs), define(stmt.count)
            return While(params, inits, test, body, outs, count, stmt.exits, stmt.loc)


def map_blocks(stmt: Stmt, change: Callable[[Block], Block]) -> Stmt:
    """Return a region with its blocks changed, a loop's condition excepted; an operation as it is."""
    match stmt:
        case If():
            return replace(stmt, then=change(stmt.then), orelse=change(stmt.orelse))
        case For() | While():
            return replace(stmt, body=change(stmt.body))
    return stmt


def map_loops(block: Block, change: Callable[[For], list[Stmt]]) -> Block:
    """Return a block with each counted loop replaced by statements, wherever it is in branches and ``while`` loops."""
    stmts: list[Stmt] = []
    for stmt in block.stmts:
        stmts += change(stmt) if isinstance(stmt, For) else [map_blocks(stmt, lambda inner: map_loops(inner, change))]
    return Block(tuple(stmts), block.results)


def map_all(stmt: Stmt, change: Callable[[Block], Block]) -> Stmt:
    """Return a region with all its blocks changed, a loop's condition too; an operation as it is."""
    if isinstance(stmt, While):
        stmt = replace(stmt, cond=change(stmt.cond))
    return map_blocks(stmt, change)
