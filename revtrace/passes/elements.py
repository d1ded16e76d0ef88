"""Neighbouring accesses of one element made one.

Within a block, as long as nothing else touches the buffer in between: clearing an
element and then adding to it is storing; two additions are one; a store that is
stored over is no store; putting back what was there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from revtrace.passes.effects import Buffers, buffers, touches
from revtrace.passes.fold import key
from revtrace.passes.scopes import scopes
from revtrace.program.nodes import Block, Const, Op, Operand, Program, Stmt, Var
from revtrace.program.rebuild import fresh, map_blocks
from revtrace.program.types import Stack

__all__ = ["elements"]


def elements(program: Program) -> Program:
    """Return the program with neighbouring accesses merged; only sums of adjoints are regrouped."""
    program = fresh(program)
    memory = buffers(program, scopes(program))
    return Program(program.name, program.inputs, _block(program.body, memory))


@dataclass(slots=True)
class _Last:
    """The last write of an element: where it stands, and what was in the element before, if known."""

    at: int
    op: Op
    before: Operand | None


Place = tuple[object, ...]


def _block(block: Block, memory: Buffers) -> Block:
    stmts: list[Stmt | None] = []
    writes: dict[Var, dict[Place, _Last]] = {}
    reads: dict[Var, dict[Place, Operand]] = {}

    def forget(cls: Var) -> None:
        writes.pop(cls, None)
        reads.pop(cls, None)

    for stmt in block.stmts:
        match stmt:
            case Op(name="load"):
                cls, place = memory.find(stmt.args[0]), _place(stmt)
                writes.pop(cls, None)
                assert stmt.out is not None
                reads.setdefault(cls, {})[place] = stmt.out
                stmts.append(stmt)
            case Op(name="store" | "addto"):
                cls, place = memory.find(stmt.args[0]), _place(stmt)
                last = writes.get(cls, {}).get(place)
                before = reads.get(cls, {}).get(place)
                if last is not None:
                    merged = _merged(last, stmt, stmts)
                    if merged is not None:
                        stmts[last.at] = None
                        stmt, before = merged, last.before
                if stmt.name == "store" and before is not None and key(stmt.args[1]) == key(before):
                    # What was there is there again.
                    reads[cls] = {place: before}
                    writes.pop(cls, None)
                    continue
                reads.pop(cls, None)
                writes[cls] = {place: _Last(len(stmts), stmt, before)}
                stmts.append(stmt)
            case Op():
                for t in touches(stmt):
                    if not isinstance(t.array.type, Stack):
                        forget(memory.find(t.array))
                stmts.append(stmt)
            case _:
                for cls in memory.touched(stmt):
                    forget(cls)
                stmts.append(map_blocks(stmt, lambda b: _block(b, memory)))
    return Block(tuple(s for s in stmts if s is not None), block.results)


def _merged(last: _Last, op: Op, stmts: list[Stmt | None]) -> Op | None:
    """Return the one write that two neighbouring ones amount to; what it needs is appended."""
    if op.name == "store":
        return op
    old = last.op.args[1]
    if last.op.name == "store" and not (isinstance(old, Const) and old.value == 0):
        return None
    if last.op.name == "store":
        value = op.args[1]
    else:
        total = Var(old.type, "bar")
        stmts.append(Op("accum", (old, op.args[1]), total, (), op.loc))
        value = total
    return Op(last.op.name, (op.args[0], value, *op.args[2:]), None, op.attrs, op.loc)


def _place(op: Op) -> Place:
    index = op.args[1:] if op.name == "load" else op.args[2:]
    return (op.args[0], *map(key, index))
