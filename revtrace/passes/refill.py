"""Buffers that a block finds clear, fills, uses and clears: neither zeros nor clearing are needed.

The adjoint of a buffer that is private to an iteration is added to, element by
element, in one loop, read in others, and taken and cleared in a last one.  The first
loop stores instead; what the last one leaves is of no account.  So it is where the first
loop stores already.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from revtrace.passes.effects import buffers, touched
from revtrace.passes.firsttouch import covers, stored
from revtrace.passes.scopes import Scopes, is_array, scopes
from revtrace.program.nodes import Block, Const, For, Op, Program, Stmt, Var, regions, walk
from revtrace.program.rebuild import fresh, map_blocks

__all__ = ["refill"]


def refill(program: Program) -> Program:
    """Return the program with such buffers stored to first, and not cleared."""
    while True:
        program = fresh(program)
        where = scopes(program)
        memory = buffers(program, where)
        cleared = {s.args[0] for s in walk(program.body) if isinstance(s, Op) and s.name == "store" and _is_zero(s)}
        makers = [s for s in program.body.stmts if isinstance(s, Op) and s.name == "alloc" and s.out in cleared]
        names = Counter(memory.find(v) for v in where.home if is_array(v))
        users = _Users()
        swaps: dict[int, Stmt | None] = {}
        taken: set[int] = set()
        for s in makers:
            assert s.out is not None
            found = _settled(program, s, where, users) if names[memory.find(s.out)] == 1 else {}
            # The statements of two buffers may contain one another; such wait for the next round.
            inside = {id(x) for stmt, _ in found.values() for x in walk(Block((stmt,)))}
            if not inside & taken:
                taken |= inside
                swaps.update({k: made for k, (_, made) in found.items()})
        if not swaps:
            return program
        program = Program(program.name, program.inputs, _swapped(program.body, swaps))


class _Users(dict[int, dict[Var, list[Stmt]]]):
    """Per block, by identity, the statements that touch each array."""

    def of(self, block: Block, array: Var) -> list[Stmt]:
        """Return the statements of a block that touch an array."""
        found = self.get(id(block))
        if found is None:
            found = self[id(block)] = {}
            for s in block.stmts:
                for x in dict.fromkeys(t.array for t in touched(s) if isinstance(t.array, Var)):
                    found.setdefault(x, []).append(s)
        return found.get(array, [])


def _settled(program: Program, alloc: Op, where: Scopes, known: _Users) -> dict[int, tuple[Stmt, Stmt | None]]:
    """Return statements and what becomes of them when one buffer is treated; nothing where it cannot be."""
    array = alloc.out
    assert array is not None
    if any(x is array for x in program.body.results):
        return {}
    users = known.of(program.body, array)
    while len(users) == 1 and not isinstance(users[0], Op):
        inner = [found for block in regions(users[0]) if (found := known.of(block, array))]
        if len(inner) != 1:
            return {}
        (users,) = inner
    if len(users) < 2 or not isinstance(users[0], For) or not isinstance(users[-1], For):
        return {}
    first, last = users[0], users[-1]
    ops = {id(t.op): t.op for t in touched(first) if t.array is array}
    clear = _clears(last, array, alloc, {}, where, known)
    if len(ops) != 1 or clear is None:
        return {}
    (op,) = ops.values()
    fits = op.name == "store" or op.name == "addto" and alloc.attr("zeros")
    made = stored(first, op, alloc, [], where) if fits else None
    if made is None:
        return {}
    settings = tuple((name, False if name == "zeros" else value) for name, value in alloc.attrs)
    return {
        id(first): (first, made),
        id(last): (last, _swapped_stmt(last, {id(clear): None})),
        id(alloc): (alloc, replace(alloc, attrs=settings)),
    }


def _clears(loop: For, array: Var, alloc: Op, axes: dict[Var, For], where: Scopes, known: _Users) -> Op | None:
    """Return the store that clears each element of an array at the end of its own iteration."""
    if loop.exits or abs(loop.step) != 1:
        return None
    axes = {**axes, loop.index: loop}
    users = known.of(loop.body, array)
    last = users[-1]
    if isinstance(last, For) and len(users) == 1:
        return _clears(last, array, alloc, axes, where, known)
    if not isinstance(last, Op) or last.name != "store" or not covers(last, alloc, axes, where):
        return None
    index = last.args[2:]
    if not _is_zero(last):
        return None
    for t in (t for s in users for t in touched(s)):
        at = t.op.args[1:] if t.op.name == "load" else t.op.args[2:]
        if t.array is array and (t.op.name not in ("load", "store", "addto") or at != index):
            return None
    return last


def _is_zero(store: Op) -> bool:
    value = store.args[1]
    return isinstance(value, Const) and value.value == 0


def _swapped(block: Block, swaps: dict[int, Stmt | None]) -> Block:
    stmts = []
    for s in block.stmts:
        made = swaps[id(s)] if id(s) in swaps else _swapped_stmt(s, swaps)
        if made is not None:
            stmts.append(made)
    return Block(tuple(stmts), block.results)


def _swapped_stmt(stmt: Stmt, swaps: dict[int, Stmt | None]) -> Stmt:
    return map_blocks(stmt, lambda b: _swapped(b, swaps))
