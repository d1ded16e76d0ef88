"""Buffers of zeros whose first use writes every element: they need no zeros.

An adjoint buffer that a loop first adds to, once per element, is stored to instead.
"""

from __future__ import annotations

from dataclasses import replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.fold import key
from revtrace.passes.scopes import Scopes, scopes
from revtrace.program.nodes import Block, Const, For, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import fresh
from revtrace.program.types import Array, Stack

__all__ = ["covers", "firsttouch", "stored"]


def firsttouch(program: Program) -> Program:
    """Return the program with such buffers made without zeros."""
    program = fresh(program)
    where = scopes(program)
    memory = buffers(program, where)
    stmts = list(program.body.stmts)
    for at, stmt in enumerate(stmts):
        if isinstance(stmt, Op) and stmt.name == "alloc" and stmt.attr("zeros") and stmt.out is not None:
            _settle(stmts, at, where, memory)
    return Program(program.name, program.inputs, Block(tuple(stmts), program.body.results))


def _settle(stmts: list[Stmt], at: int, where: Scopes, memory: Buffers) -> None:
    alloc = stmts[at]
    assert isinstance(alloc, Op) and alloc.out is not None and isinstance(alloc.out.type, Array)
    cls = memory.find(alloc.out)
    for k in range(at + 1, len(stmts)):
        found = [t for t in touched(stmts[k]) if not isinstance(t.array.type, Stack) and memory.find(t.array) is cls]
        if not found:
            if alloc.out in _handed(stmts[k]):
                return
            continue
        ops = {id(t.op) for t in found}
        loop = stmts[k]
        if len(ops) != 1 or not isinstance(loop, For) or found[0].array is not alloc.out:
            return
        axes: list[tuple[Var, For]] = []
        made = stored(loop, found[0].op, alloc, axes, where)
        if made is None:
            return
        stmts[k] = made
        settings = tuple((name, False if name == "zeros" else value) for name, value in alloc.attrs)
        stmts[at] = Op(alloc.name, alloc.args, alloc.out, settings, alloc.loc)
        return


def _handed(stmt: Stmt) -> tuple[Operand, ...]:
    """Return the arrays a region is given as carried values."""
    return getattr(stmt, "inits", ())


def stored(loop: For, op: Op, alloc: Op, axes: list[tuple[Var, For]], where: Scopes) -> For | None:
    """Return the nest with the addition made a store, if it reaches every element once."""
    if loop.exits or abs(loop.step) != 1:
        return None
    axes = [*axes, (loop.index, loop)]
    stmts = list(loop.body.stmts)
    for k, s in enumerate(stmts):
        if s is op:
            if op.name not in ("addto", "store") or not covers(op, alloc, dict(axes), where):
                return None
            stmts[k] = Op("store", op.args, None, op.attrs, op.loc)
            break
        if isinstance(s, For) and any(t.op is op for t in touched(s)):
            inner = stored(s, op, alloc, axes, where)
            if inner is None:
                return None
            stmts[k] = inner
            break
    else:
        return None
    return replace(loop, body=Block(tuple(stmts), loop.body.results))


def covers(op: Op, alloc: Op, axes: dict[Var, For], where: Scopes) -> bool:
    """Whether an access within some loops reaches every element once."""
    index = op.args[2:]
    # As many loops as axes: one more would come by an element again.
    if len(index) != len(axes) or set(index) != set(axes):
        return False
    return all(_whole(axes[i], n, where) for i, n in zip(index, alloc.args, strict=True) if isinstance(i, Var))


def _whole(loop: For, n: Operand, where: Scopes) -> bool:
    """Whether a loop's index takes every value from 0 to ``n - 1``."""
    if loop.step == 1:
        return loop.start == const(0) and key(loop.stop) == key(n)
    made = where.definition.get(loop.start) if isinstance(loop.start, Var) else None
    if isinstance(loop.start, Const):
        top = isinstance(n, Const) and loop.start.value == n.value.real - 1
    else:
        top = isinstance(made, Op) and made.name == "sub" and key(made.args[0]) == key(n) and made.args[1] == const(1)
    return top and loop.stop == const(-1)
