"""Buffers of zeros whose first use writes every element: they need no zeros.

An adjoint buffer that a loop first adds to, once per element, is stored to instead,
whether it was made or filled with zeros before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.fold import key
from revtrace.passes.scopes import Scopes, scopes
from revtrace.passes.subscripts import Subscripts
from revtrace.program.nodes import Block, Const, For, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import fresh, map_blocks
from revtrace.program.types import Stack

__all__ = ["covers", "firsttouch", "stored"]


def firsttouch(program: Program) -> Program:
    """Return the program with such buffers made without zeros."""
    program = fresh(program)
    where = scopes(program)
    memory = buffers(program, where)

    def block(old: Block) -> Block:
        stmts: list[Stmt | None] = [map_blocks(s, block) for s in old.stmts]
        uses = _Uses(stmts, memory)
        for at, stmt in enumerate(stmts):
            if isinstance(stmt, Op):
                _settle(stmts, at, stmt, where, uses)
        return Block(tuple(s for s in stmts if s is not None), old.results)

    return Program(program.name, program.inputs, block(program.body))


class _Uses:
    """Where the statements of a block use buffers: found once, since many buffers come by the same statements."""

    def __init__(self, stmts: Sequence[Stmt | None], memory: Buffers) -> None:
        self.memory = memory
        self.touching: dict[Var, list[int]] = defaultdict(list)
        self.handed: dict[Operand, list[int]] = defaultdict(list)
        for k, stmt in enumerate(stmts):
            assert stmt is not None
            for cls in memory.touched(stmt):
                self.touching[cls].append(k)
            for array in getattr(stmt, "inits", ()):
                self.handed[array].append(k)

    def after(self, at: int, array: Var) -> list[int]:
        """Return the statements after one that touch an array's buffer or hand the array on to their iterations."""
        places = self.touching.get(self.memory.find(array), []), self.handed.get(array, [])
        return sorted({k for found in places for k in found[bisect_right(found, at) :]})


def _settle(stmts: list[Stmt | None], at: int, zeros: Op, where: Scopes, uses: _Uses) -> None:
    """Treat one operation that makes, or fills, a buffer with zeros."""
    array: Operand | None
    if zeros.name == "alloc" and zeros.attr("zeros"):
        array, alloc = zeros.out, zeros
    elif zeros.name == "fill" and isinstance(zeros.args[1], Const) and zeros.args[1].value == 0:
        array = zeros.args[0]
        made = where.definition.get(array) if isinstance(array, Var) else None
        if not isinstance(made, Op) or made.name != "alloc":
            return
        alloc = made
    else:
        return
    assert isinstance(array, Var)
    memory = uses.memory
    cls = memory.find(array)
    for k in uses.after(at, array):
        loop = stmts[k]
        if loop is None:
            continue
        if cls not in memory.touched(loop):
            return
        found = [t for t in touched(loop) if not isinstance(t.array.type, Stack) and memory.find(t.array) is cls]
        if len({id(t.op) for t in found}) != 1 or not isinstance(loop, For) or found[0].array is not array:
            return
        first = stored(loop, found[0].op, alloc, [], where)
        if first is None:
            return
        stmts[k] = first
        if zeros.name == "fill":
            stmts[at] = None
            return
        settings = tuple((name, False if name == "zeros" else value) for name, value in alloc.attrs)
        stmts[at] = Op(alloc.name, alloc.args, alloc.out, settings, alloc.loc)
        return


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
    longest = where.definition.get(n) if isinstance(n, Var) else None
    if isinstance(longest, Op) and longest.name == "max" and longest.args[1] == const(0):
        # No iterations where the length is cut to zero.
        return _whole(loop, longest.args[0], where) or _reaches(loop, n, where)
    return _reaches(loop, n, where)


def _reaches(loop: For, n: Operand, where: Scopes) -> bool:
    """Whether a loop runs over ``range(n)``, up or down."""
    if loop.step == 1:
        return loop.start == const(0) and key(loop.stop) == key(n)
    subscripts = Subscripts(where)
    top, end = subscripts.offset(loop.start), subscripts.offset(n)
    return top.base is end.base and top.constant == end.constant - 1 and loop.stop == const(-1)
