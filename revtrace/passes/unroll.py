"""Loops over few numbers, written out.

The coordinates of a point are an axis of two or three: a loop over them inside a loop over the points costs
more than what it does, and keeps the loop around it from being vectorised.  Written out, sums over them are
values, and what they index is found by constants.
"""

from __future__ import annotations

from revtrace.passes.scopes import is_array
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import clone, map_all, substitute

__all__ = ["unroll"]

_MOST_TRIPS, _MOST_STATEMENTS = 4, 32


def unroll(program: Program) -> Program:
    """Return the program with such loops inside others written out; results are the same, bit for bit."""
    return Program(program.name, program.inputs, _block(program.body, False))


def _block(block: Block, inside: bool) -> Block:
    stmts: list[Stmt] = []
    # What stands for the results of loops that were written out.
    values: dict[Var, Operand] = {}
    for stmt in block.stmts:
        if values:
            stmt = substitute(stmt, values)
        if isinstance(stmt, For | While):
            within = inside or isinstance(stmt, While) or (n := _trips(stmt)) is None or n > _MOST_TRIPS
            stmt = map_all(stmt, lambda b, within=within: _block(b, within))  # type: ignore[misc]
        elif isinstance(stmt, If):
            stmt = map_all(stmt, lambda b: _block(b, inside))
        if inside and isinstance(stmt, For) and _is_short(stmt):
            stmts += _copies(stmt, values)
        else:
            stmts.append(stmt)
    return Block(tuple(stmts), tuple(values.get(x, x) if isinstance(x, Var) else x for x in block.results))


def _trips(loop: For) -> int | None:
    if not isinstance(loop.start, Const) or not isinstance(loop.stop, Const):
        return None
    return len(range(int(loop.start.value.real), int(loop.stop.value.real), loop.step))


def _is_short(loop: For) -> bool:
    """Whether a loop runs a few times, over operations on numbers and elements only."""
    n = _trips(loop)
    if n is None or n > _MOST_TRIPS or loop.exits or any(map(is_array, loop.params)):
        return False
    ops = loop.body.stmts
    return n * len(ops) <= _MOST_STATEMENTS and all(
        isinstance(s, Op) and s.name not in ("call", "push", "pop") and (s.out is None or not is_array(s.out))
        for s in ops
    )


def _copies(loop: For, values: dict[Var, Operand]) -> list[Stmt]:
    """Return a loop's iterations; what stands for its results is noted."""
    assert isinstance(loop.start, Const)
    stmts: list[Stmt] = []
    carried: tuple[Operand, ...] = loop.inits
    n = _trips(loop)
    assert n is not None
    for k in range(n):
        index = const(int(loop.start.value.real) + k * loop.step)
        own: dict[Var, Operand] = {loop.index: index, **dict(zip(loop.params, carried, strict=True))}
        stmts += [clone(s, own) for s in loop.body.stmts]
        carried = tuple(own.get(x, x) if isinstance(x, Var) else x for x in loop.body.results)
    values.update(zip(loop.outs, carried, strict=True))
    values[loop.count] = const(n)
    return stmts
